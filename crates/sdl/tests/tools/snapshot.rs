//! Texts compared with files beside the tests.

use std::path::PathBuf;

pub(crate) fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "tools", name].iter().collect()
}

/// Fails when `text` is not what `snapshots/<name>` holds.
pub(crate) fn check(name: &str, text: &str) {
    let path = folder("snapshots").join(name);
    if std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == text,
        "{name} differs from its snapshot; if that is meant, run with HAGGLE_UPDATE_SNAPSHOTS=1\n{text}"
    );
}
