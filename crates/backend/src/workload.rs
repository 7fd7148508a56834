//! What should run for one lease: the wanted end that [`crate::Backend::apply`] converges to.
//!
//! Built by `provider` from the manifest (provider.md 4.9). Serialised into labels, so that a backend
//! finds it again after a restart; credentials never are.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha224};
use types::ids::LeaseId;

/// Everything that should run for one lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Version of the manifest this came from, as a number that grows with each change;
    /// becomes `observed_generation`. Part of no comparison of containers.
    pub generation: u64,
    /// Public name of the provider, given to tenants as `AKASH_CLUSTER_PUBLIC_HOSTNAME`
    /// and as `host` of forwarded ports; may be empty.
    pub public_hostname: String,
    /// The services, each with its own name.
    pub services: Vec<Service>,
}

/// One service: an image, how often it runs, and what it needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// DNS label, unique in the lease; other services reach this one by it.
    pub name: String,
    /// Image reference as in the SDL.
    pub image: String,
    /// Replaces the entry point of the image when not empty.
    pub command: Vec<String>,
    /// Replaces the arguments of the image when not empty, or when `command` is given.
    pub args: Vec<String>,
    /// `NAME=value` in order; `NAME` alone is an empty value.
    pub env: Vec<String>,
    /// For each replica.
    pub resources: Resources,
    /// How many replicas run.
    pub count: u32,
    /// What can be reached from outside the container.
    pub exposes: Vec<Expose>,
    /// Rarely used settings.
    pub params: Params,
    /// For a private registry. Not serialised: secrets stay out of labels.
    #[serde(skip)]
    pub credentials: Option<Credentials>,
}

/// Limits of one replica.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes, without volumes of class `ram`.
    pub memory_bytes: u64,
    /// Wanted devices; none when `None` or when `units` is zero.
    pub gpu: Option<GpuRequest>,
    /// Volumes, ephemeral ones included.
    pub volumes: Vec<Volume>,
}

/// A number of GPUs of one model, as narrowed by the reservation (provider.md 3.4).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuRequest {
    /// How many per replica.
    pub units: u32,
    /// `nvidia` or `amd`.
    pub vendor: String,
    /// Model name, `*` for any.
    pub model: String,
}

/// Storage of one replica.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Name in the service, `default` for the unnamed one.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Where it lives.
    pub class: VolumeClass,
    /// Absolute path in the container, from `params.storage`. A persistent or `ram` volume without one is not mounted.
    pub mount: Option<String>,
    /// Whether the container may write to it.
    pub read_only: bool,
}

/// Where a volume lives (provider.md 3.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeClass {
    /// The writable layer of the container; gone with it.
    #[default]
    Ephemeral,
    /// Memory; counted as such.
    Ram,
    /// Kept across updates and restarts until the lease ends. Holds the class name.
    Persistent(String),
}

/// One exposed port of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expose {
    /// Port in the container.
    pub port: u16,
    /// Port as others see it; 0 means the same as `port`.
    pub external_port: u16,
    /// Transport.
    pub proto: Proto,
    /// Name of the service this is meant for; empty for all. Restricts nothing (provider.md 5.11).
    pub service: String,
    /// Whether it can be reached from outside the lease.
    pub global: bool,
    /// Host names of an HTTP expose, tenant's and generated ones: all that the ingress should serve.
    pub hosts: Vec<String>,
    /// Proxy settings of an HTTP expose.
    pub http: HttpOptions,
    /// Endpoint name of a leased IP; empty for none.
    pub ip: String,
    /// Number of that endpoint in the group; 0 for none.
    pub endpoint_sequence: u32,
}

/// Transport protocol of an expose.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Proto {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Proto {
    /// Upper case as on the wire: `TCP`, `UDP`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// Settings of the ingress for one expose; zero means "use the default" (provider.md 4.9, 9.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpOptions {
    /// Largest request body, bytes.
    pub max_body_bytes: u32,
    /// Time to wait for the service's answer, milliseconds.
    pub read_timeout_ms: u32,
    /// Time to wait for the service to take data, milliseconds.
    pub send_timeout_ms: u32,
    /// How many replicas to try.
    pub next_tries: u32,
    /// For how long to try further replicas, milliseconds; 0 for no limit.
    pub next_timeout_ms: u32,
    /// On what to try the next one: `error`, `timeout`, `500`, … `off`.
    pub next_cases: Vec<String>,
}

/// Rarely used settings of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Names of `params.permissions.read`; backends without an API for tenants ignore them.
    pub permissions: Vec<String>,
    /// Confidential-compute kind; a backend without it refuses the workload.
    pub tee: Option<String>,
}

/// For a private registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Registry host; empty for the one of the image reference.
    pub host: String,
    /// May be empty.
    pub email: String,
    /// Account name.
    pub username: String,
    /// Secret.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}@{})", self.username, self.host)
    }
}

impl Workload {
    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}

impl Expose {
    /// The port that others use: `external_port`, or `port` where that is 0.
    #[must_use]
    pub fn effective_port(&self) -> u16 {
        if self.external_port == 0 { self.port } else { self.external_port }
    }

    /// Whether the HTTP ingress serves it: TCP, global, port 80 (provider.md 5.11).
    #[must_use]
    pub fn is_http(&self) -> bool {
        self.proto == Proto::Tcp && self.global && self.effective_port() == 80 && self.ip.is_empty()
    }

    /// Whether it gets a port of the host: global, not HTTP, no leased IP.
    #[must_use]
    pub fn is_forwarded(&self) -> bool {
        self.global && self.ip.is_empty() && !self.is_http()
    }
}

impl Resources {
    /// The limit a replica runs under: its memory and its `ram` volumes.
    #[must_use]
    pub fn memory_limit_bytes(&self) -> u64 {
        let ram = self.volumes.iter().filter(|v| v.class == VolumeClass::Ram).map(|v| v.bytes);
        ram.fold(self.memory_bytes, u64::saturating_add)
    }

    /// What the writable layer may hold.
    #[must_use]
    pub fn ephemeral_bytes(&self) -> u64 {
        let own = self.volumes.iter().filter(|v| v.class == VolumeClass::Ephemeral);
        own.fold(0, |sum, v| sum.saturating_add(v.bytes))
    }
}

/// `owner/dseq/gseq/oseq/provider`: the text that names are derived from (provider.md 5.1).
#[must_use]
pub fn lease_path(lease: &LeaseId) -> String {
    format!("{}/{}/{}/{}/{}", lease.owner, lease.dseq, lease.gseq, lease.oseq, lease.provider)
}

/// The lease's name space: base32hex of SHA-224 of [`lease_path`], 45 lower-case characters (provider.md 5.1).
#[must_use]
pub fn lease_name(lease: &LeaseId) -> String {
    base32hex(&Sha224::digest(lease_path(lease).as_bytes()))
}

fn base32hex(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let bits = |at: usize| (0..5).map(move |i| at + i);
    (0..bytes.len() * 8)
        .step_by(5)
        .map(|at| {
            let value = bits(at).fold(0_usize, |value, bit| {
                let byte = bytes.get(bit / 8).copied().unwrap_or(0);
                (value << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
            });
            char::from(ALPHABET[value])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_lease_is_that_of_the_reference() {
        // provider.md 10.1
        let path = "akash1qufa3xzrf34qvwyejkhvnc4psf49fftaw0asmh/1234567/1/1/akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63";
        assert_eq!(
            base32hex(&Sha224::digest(path)),
            "qnrhvlo5n3ffd8d8pejg1q2cce281434d7k02ig2cl6o2"
        );
    }

    #[test]
    fn port_80_over_tcp_to_the_world_is_http_and_nothing_else_is() {
        let http = Expose { port: 8080, external_port: 80, global: true, ..Expose::default() };
        assert!(http.is_http() && !http.is_forwarded());
        assert!(Expose { external_port: 0, ..http.clone() }.is_forwarded());
        assert!(Expose { proto: Proto::Udp, ..http.clone() }.is_forwarded());
        let internal = Expose { global: false, ..http };
        assert!(!internal.is_http() && !internal.is_forwarded());
    }
}
