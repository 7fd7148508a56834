//! A Compose service on its way to SDL.

use crate::diagnostics::Span;

/// One service.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    /// Its name in the Compose file.
    pub(super) name: String,
    /// Its name in SDL.
    pub(super) sdl_name: String,
    pub(super) span: Span,
    pub(super) image: String,
    /// Why the image is not what the file says.
    pub(super) image_comment: Option<String>,
    /// The entry point.
    pub(super) command: Option<Vec<String>>,
    /// The arguments.
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Vec<(String, String)>,
    /// Open to the world.
    pub(super) published: Vec<Published>,
    /// Open to the group, besides.
    pub(super) internal: Vec<(u16, bool)>,
    /// Host names for its HTTP port.
    pub(super) hosts: Vec<String>,
    /// The port that labels of a reverse proxy name.
    pub(super) labelled_port: Option<u16>,
    pub(super) volumes: Vec<Volume>,
    pub(super) cpu_milli: u64,
    pub(super) memory_bytes: u64,
    pub(super) storage_bytes: u64,
    /// Which of the three were chosen here, for the comments.
    pub(super) chosen: Vec<&'static str>,
    pub(super) gpus: u64,
    pub(super) arch: Option<String>,
    pub(super) count: u32,
    /// Services that it names: `depends_on`, `links`.
    pub(super) depends: Vec<String>,
}

/// A port that the world may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) port: u16,
    /// The port on the Docker host; absent when Docker picks one.
    pub(super) outside: Option<u16>,
    pub(super) is_udp: bool,
    pub(super) is_http: bool,
    pub(super) span: Span,
}

/// A mounted volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) mount: String,
    pub(super) read_only: bool,
    /// In memory, and empty after each restart.
    pub(super) is_ram: bool,
    pub(super) bytes: u64,
}
