//! Which files are read, and how.
//!
//! Called by the commands of `haggle sdl` and by `haggle deploy`. Owns the rules of what is read:
//! bytes, bounded by what the compiler takes, from files, pipes and standard input; in folders the
//! YAML files that look like SDL, in order of their names.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::failure::{Failure, Result};

/// How standard input is written on the command line.
pub(crate) const STDIN: &str = "-";
/// What standard input is called in reports.
const STDIN_NAME: &str = "<stdin>";
/// How much of a file is looked at to see whether it is SDL, bytes.
const SNIFFED_BYTES: usize = 64 * 1024;
/// Folders that hold other people's files.
const SKIPPED_FOLDERS: [&str; 2] = ["node_modules", "target"];
/// More folders than this below one another are a mistake of the file system.
const MOST_DEPTH: usize = 64;

/// The bytes of one file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What it is called in reports.
    pub(crate) name: String,
    /// Its bytes; one more than the compiler takes when it is longer than that.
    pub(crate) bytes: Vec<u8>,
}

/// A file that could not be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// What it is called in reports.
    pub(crate) name: String,
    /// Why, in words.
    pub(crate) why: String,
}

impl From<Unreadable> for Failure {
    fn from(it: Unreadable) -> Failure {
        let mut failure = Failure::input(format!("could not read {}", it.name));
        failure.messages.push(it.why);
        failure
    }
}

/// What the paths of a command line stand for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files to read, in order.
    pub(crate) files: Vec<PathBuf>,
    /// YAML files in folders that are something else.
    pub(crate) others: usize,
    /// Folders and files that cannot be read.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// Reads one file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Source, Unreadable> {
    if path == Path::new(STDIN) {
        let bytes = bounded(io::stdin().lock());
        let name = STDIN_NAME.to_owned();
        return match bytes {
            Ok(bytes) => Ok(Source { name, bytes }),
            Err(error) => Err(Unreadable { name, why: reason(&error) }),
        };
    }
    let name = name_of(path);
    match read_file(path) {
        Ok(bytes) => Ok(Source { name, bytes }),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            Err(Unreadable { name, why: "it is a folder".to_owned() })
        }
        Err(error) => Err(Unreadable { name, why: reason(&error) }),
    }
}

/// Why something could not be read or written, as a person says it.
pub(crate) fn reason(error: &io::Error) -> String {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound => "there is no such file".to_owned(),
        K::PermissionDenied => "permission denied".to_owned(),
        K::NotADirectory => "a part of the path is not a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// What a path is called in reports.
pub(crate) fn name_of(path: &Path) -> String {
    let shown = path.strip_prefix("./").ok().filter(|it| *it != Path::new("")).unwrap_or(path);
    crate::printer::clean(&shown.display().to_string()).replace(['\n', '\t'], "?")
}

/// Replaces folders by the SDL files in them. What is named outright is taken as it is, unless
/// `skip_others` says that it has to look like SDL, too.
pub(crate) fn find(paths: &[PathBuf], skip_others: bool) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            walk(path, 0, &mut found);
        } else if skip_others && fs::metadata(path).is_ok_and(|it| it.is_file()) {
            look(path.clone(), &mut found);
        } else {
            found.files.push(path.clone());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.files.retain(|it| seen.insert(it.clone()));
    found
}

fn walk(folder: &Path, depth: usize, found: &mut Found) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            found.unreadable.push(Unreadable { name: name_of(folder), why: reason(&error) });
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        // Links to folders are not followed: they may lead back here.
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            let is_skipped = name.starts_with('.') || SKIPPED_FOLDERS.contains(&name.as_ref());
            if !is_skipped && depth < MOST_DEPTH {
                walk(&path, depth + 1, found);
            }
            continue;
        }
        let is_yaml = matches!(path.extension().and_then(|it| it.to_str()), Some("yaml" | "yml"));
        // Whoever opens a pipe waits for the other end.
        if !is_yaml || !fs::metadata(&path).is_ok_and(|it| it.is_file()) {
            continue;
        }
        look(path, found);
    }
}

/// Adds a file that looks like SDL.
fn look(path: PathBuf, found: &mut Found) {
    match head(&path) {
        Ok(head) if looks_like_sdl(&head) => found.files.push(path),
        Ok(_) => found.others += 1,
        Err(error) => {
            found.unreadable.push(Unreadable { name: name_of(&path), why: reason(&error) });
        }
    }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SNIFFED_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a YAML file says two of the three things that every SDL file says. Compose files have
/// `services`, too, but neither `profiles` nor `deployment` at their top.
fn looks_like_sdl(bytes: &[u8]) -> bool {
    const SECTIONS: [&[u8]; 3] = [b"services", b"profiles", b"deployment"];
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // A whole document may be indented.
    let mut top = None;
    let mut said = [false; SECTIONS.len()];
    for line in bytes.split(|it| matches!(it, b'\n' | b'\r')) {
        let text = line.trim_ascii_start();
        if text.is_empty() || text.starts_with(b"#") || line.starts_with(b"---") {
            continue;
        }
        let indent = line.len() - text.len();
        if indent != *top.get_or_insert(indent) {
            continue;
        }
        let text = text.strip_prefix(b"{").unwrap_or(text);
        let quoted = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'"));
        for (section, said) in SECTIONS.iter().zip(&mut said) {
            let rest = quoted.unwrap_or(text).strip_prefix(*section);
            let rest = match quoted {
                Some(_) => rest.and_then(|it| it.get(1..)),
                None => rest,
            };
            *said |= rest.is_some_and(|it| it.trim_ascii_start().starts_with(b":"));
        }
    }
    said.into_iter().filter(|it| *it).count() >= 2
}

/// The bytes of a regular file, links resolved.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    read_file(path)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    bounded(File::open(path)?)
}

/// Everything, or one byte more than the compiler takes: enough for it to refuse the rest.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(sdl::MAX_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sdl_is_told_from_other_yaml() {
        assert!(looks_like_sdl(b"version: '2.0'\nservices:\n  a: {}\nprofiles:\n"));
        assert!(looks_like_sdl(b"\xef\xbb\xbfservices :\r\n\r\ndeployment:\r\n"));
        assert!(looks_like_sdl(b"{\"services\": {},\n\"deployment\": {}}"));
        assert!(looks_like_sdl(
            b"---\n# x\n  version: x\n  services:\r\n    a: 1\n  deployment:\n"
        ));
        assert!(!looks_like_sdl(b"services:\n  a:\n    deployment: x\n    profiles: [x]\n"));
        assert!(!looks_like_sdl(b"apiVersion: v1\nkind: Deployment\n"));
        assert!(!looks_like_sdl(b"servicesx:\nprofiles-x:\ndeployments:\n"));
    }
}
