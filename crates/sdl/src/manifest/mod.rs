//! The manifest: what the tenant sends to the provider once a lease exists.
//!
//! `build` makes it; `client` sends its canonical bytes; `provider` reads it back with
//! [`Manifest::from_json`], compares [`Manifest::version`] with the hash on chain, and checks it with
//! [`Manifest::validate`] and [`Manifest::check_against`]. JSON shape: spec `sdl.md` 16.2;
//! reading and texts: spec `provider.md` 4.8 to 4.10.

pub mod canonical;
mod cross;
mod read;
mod validate;

pub use crate::resources::{
    Attribute, Cpu, Endpoint, EndpointKind, Gpu, Memory, Quantity, Resources, Volume,
};
pub use canonical::document_version;
pub use validate::ManifestError;
pub(crate) use validate::expose_order;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// Reads a value that may be `null`, which stands for the zero value, as in the reference.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// All groups of a deployment, in order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(pub Vec<Group>);

/// The services of one placement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The placement's name, which is the group's name on chain.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Services in order of their names.
    #[serde(default)]
    pub services: Option<Vec<Service>>,
}

impl Group {
    /// The services; none when the list is absent.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        self.services.as_deref().unwrap_or_default()
    }
}

/// One service: an image, how it is started, what it needs and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Name, also the host name by which other services of the group reach it.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Container image.
    #[serde(default, deserialize_with = "nullable")]
    pub image: String,
    /// Replaces the image's entry point.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// Replaces the image's arguments.
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// `NAME=value` or `NAME`, in file order.
    #[serde(default)]
    pub env: Option<Vec<String>>,
    /// What one replica needs.
    #[serde(default, deserialize_with = "nullable")]
    pub resources: Resources,
    /// Number of replicas.
    #[serde(default, deserialize_with = "nullable")]
    pub count: u32,
    /// Ports, sorted.
    #[serde(default)]
    pub expose: Option<Vec<Expose>>,
    /// Storage mounts, permissions, confidential computing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Params>,
    /// How the image is pulled from a private registry.
    #[serde(default)]
    pub credentials: Option<Credentials>,
}

impl Service {
    /// The exposes; none when the list is absent.
    #[must_use]
    pub fn exposes(&self) -> &[Expose] {
        self.expose.as_deref().unwrap_or_default()
    }
}

/// One port, open to one audience.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expose {
    /// Port in the container.
    #[serde(default, deserialize_with = "nullable")]
    pub port: u32,
    /// Port outside as written; 0 when the file says none, which means `port`.
    #[serde(rename = "externalPort", default, deserialize_with = "nullable")]
    pub external_port: u32,
    /// `TCP` or `UDP`.
    #[serde(default, deserialize_with = "nullable")]
    pub proto: String,
    /// Service that may connect; empty for all of them.
    #[serde(default, deserialize_with = "nullable")]
    pub service: String,
    /// Whether the port is open to the world.
    #[serde(default, deserialize_with = "nullable")]
    pub global: bool,
    /// Host names under which the HTTP ingress serves it.
    #[serde(default)]
    pub hosts: Option<Vec<String>>,
    /// Settings of the HTTP ingress.
    #[serde(rename = "httpOptions", default, deserialize_with = "nullable")]
    pub http_options: HttpOptions,
    /// Name of the leased address, if any.
    #[serde(default, deserialize_with = "nullable")]
    pub ip: String,
    /// Number of the leased address, 0 without one.
    #[serde(rename = "endpointSequenceNumber", default, deserialize_with = "nullable")]
    pub endpoint_sequence_number: u32,
}

impl Expose {
    /// The port that the outside sees.
    #[must_use]
    pub fn effective_external_port(&self) -> u32 {
        if self.external_port == 0 { self.port } else { self.external_port }
    }

    /// Whether the provider's HTTP ingress serves it: TCP on outside port 80.
    #[must_use]
    pub fn is_shared_http(&self) -> bool {
        self.proto == "TCP" && self.effective_external_port() == 80
    }

    /// Whether it is HTTP for the world.
    #[must_use]
    pub fn is_ingress(&self) -> bool {
        self.global && self.is_shared_http()
    }
}

/// Settings of the HTTP ingress for one port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpOptions {
    /// Largest request body, bytes.
    #[serde(rename = "maxBodySize", default, deserialize_with = "nullable")]
    pub max_body_size: u32,
    /// Milliseconds to wait for the service's answer.
    #[serde(rename = "readTimeout", default, deserialize_with = "nullable")]
    pub read_timeout: u32,
    /// Milliseconds to wait while sending to the service.
    #[serde(rename = "sendTimeout", default, deserialize_with = "nullable")]
    pub send_timeout: u32,
    /// How many replicas to try.
    #[serde(rename = "nextTries", default, deserialize_with = "nullable")]
    pub next_tries: u32,
    /// Milliseconds in which to try the next replica; 0 for no limit.
    #[serde(rename = "nextTimeout", default, deserialize_with = "nullable")]
    pub next_timeout: u32,
    /// When to try the next replica.
    #[serde(
        rename = "nextCases",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub next_cases: Vec<String>,
    /// Bytes of the proxy's buffer; left out when 0.
    #[serde(
        rename = "proxyBufferSize",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "is_zero"
    )]
    pub proxy_buffer_size: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What a service may be given beyond its container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Where volumes are mounted, in order of their names.
    #[serde(default)]
    pub storage: Option<Vec<StorageParams>>,
    /// Registry access in the place where the wire form also has it; the compiler never sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// What the service may read of its own deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// Confidential computing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tee: Option<Tee>,
}

/// Where one volume is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageParams {
    /// The volume's name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Absolute path in the container; may be empty.
    #[serde(default, deserialize_with = "nullable")]
    pub mount: String,
    /// Whether writing is refused.
    #[serde(rename = "readOnly", default, deserialize_with = "nullable")]
    pub read_only: bool,
}

/// What a service may read of its own deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// `deployment`, `logs`, `events`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
}

/// A trusted execution environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tee {
    /// `cpu` or `cpu-gpu`.
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub kind: String,
    /// Always true in what the compiler makes.
    #[serde(default, deserialize_with = "nullable")]
    pub attestation: bool,
}

/// How an image is pulled from a private registry.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Registry host.
    #[serde(default, deserialize_with = "nullable")]
    pub host: String,
    /// Mail address; empty in what version 2.0 compiles to.
    #[serde(default, deserialize_with = "nullable")]
    pub email: String,
    /// User name.
    #[serde(default, deserialize_with = "nullable")]
    pub username: String,
    /// Password, in clear text.
    #[serde(default, deserialize_with = "nullable")]
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("host", &self.host)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Manifest {
    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.0
    }

    /// The group of a name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|it| it.name == name)
    }

    /// The canonical JSON bytes (spec `sdl.md` 17): what is hashed and what is best sent.
    #[must_use]
    pub fn canonical_json(&self) -> Vec<u8> {
        canonical::manifest(self)
    }

    /// The version: SHA-256 of the canonical JSON, as it stands on chain.
    #[must_use]
    pub fn version(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_json()).into()
    }
}
