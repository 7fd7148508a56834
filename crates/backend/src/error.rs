//! What can go wrong in a machine room, one enum for all backends.

/// Result of a backend call.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// Why a backend call failed. Messages say what was attempted and what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The engine does not answer at all: not installed, not running, no permission.
    #[error("docker engine at {endpoint} does not answer: {cause}")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// What the attempt said.
        cause: String,
    },
    /// Nothing of this lease exists here.
    #[error("no workload for lease {0}")]
    NoLease(String),
    /// The lease has no service of that name.
    #[error("no such service exists with that name: {0}")]
    NoService(String),
    /// The service exists, but no such replica runs now.
    #[error("service {service} is not running{}", if state.is_empty() { String::new() } else { format!(": {state}") })]
    NotRunning {
        /// The service asked for.
        service: String,
        /// Why not, where known: `the service has completed`, `the service has failed`.
        state: String,
    },
    /// The replica index is beyond the replicas of the service.
    #[error("pod index out of range: valid range is [0, {last}]")]
    ReplicaOutOfRange {
        /// The highest valid index.
        last: u32,
    },
    /// The command asked for is not in the image.
    #[error("command could not be executed because it does not exist: {0}")]
    CommandNotFound(String),
    /// The image is neither here nor can it be pulled.
    #[error("image {image} is not on this engine and cannot be pulled: {cause}")]
    Image {
        /// The reference asked for.
        image: String,
        /// What the registry or the engine said.
        cause: String,
    },
    /// A port of the host that the workload needs is taken by somebody else.
    #[error("no free port for service {service}: {cause}")]
    Port {
        /// The service that exposes it.
        service: String,
        /// Which ports were tried.
        cause: String,
    },
    /// The workload asks for something that this backend does not have.
    #[error("this machine room cannot do that: {0}")]
    Unsupported(String),
    /// The workload contradicts itself.
    #[error("invalid workload: {0}")]
    Invalid(String),
    /// The engine refused or failed; it may work the next time.
    #[error("{attempt} failed: {cause}")]
    Engine {
        /// What was attempted.
        attempt: String,
        /// What the engine said.
        cause: String,
    },
}

impl Error {
    /// Whether trying the same call again later can help without a change of the workload.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Invalid(_) | Self::Unsupported(_) | Self::CommandNotFound(_))
    }
}
