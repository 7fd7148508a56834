//! How files are written.
//!
//! Called by the commands of `haggle sdl` that write: what was there is replaced in one step, and
//! only by those commands that are for it.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::input;
use crate::failure::{Failure, Result};

/// Writes a new file; one that is there is left alone unless `force`.
pub(crate) fn write(path: &Path, text: &str, force: bool) -> Result {
    let name = input::name_of(path);
    let written = match fs::symlink_metadata(path) {
        Ok(it) if force && !it.is_dir() => fs::write(path, text),
        _ => create(path, text),
    };
    written.map_err(|it| match it.kind() {
        io::ErrorKind::AlreadyExists => is_there(&name),
        _ => {
            let mut failure = Failure::input(format!("could not write {name}"));
            failure.messages.push(input::reason(&it));
            failure
        }
    })
}

/// The refusal to overwrite.
pub(crate) fn is_there(name: &str) -> Failure {
    Failure::input(format!("{name} is there already"))
        .hint("--force overwrites it, --output takes another name")
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

/// Replaces what a file holds in one step: whoever reads it sees the old text or the new. The file
/// behind a link is replaced, not the link, and keeps its permissions.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // A new name would get around what the permissions say.
    fs::OpenOptions::new().write(true).open(&path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("it has no name"));
    };
    let name = format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id());
    let beside = folder.join(name);
    let written =
        write_new(&beside, bytes, metadata.permissions()).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], permissions: fs::Permissions) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.set_permissions(permissions)?;
    file.sync_all()
}
