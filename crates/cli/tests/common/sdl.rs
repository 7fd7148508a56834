//! Files to run `haggle sdl` on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Home, Run};

/// A page.
pub(crate) const WEB: &str = include_str!("../../../../examples/web.yaml");
/// A page and a database.
pub(crate) const STACK: &str = include_str!("../../../../examples/stack.yaml");

/// The first of the two with one error.
pub(crate) fn wrong() -> String {
    WEB.replace("size: 128Mi", "size: 128Foo")
}

/// Writes a file below the home, and the folders on the way.
pub(crate) fn write(home: &Home, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// What a run printed, which has to be one JSON value.
pub(crate) fn value(run: &Run) -> Value {
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

/// Where the fixtures are, if they are.
pub(crate) fn fixtures() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: there are no fixtures at {}", path.display());
    None
}

/// In lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}
