//! What the compiler promises about any input, one function per fuzz target.
//!
//! Called by the fuzzer (`fuzz/targets/`), which looks for inputs that break a promise, and by
//! `tests/corpus.rs`, which replays the inputs that were worth keeping. Each function takes bytes and
//! panics if a promise is broken.

mod tree;

use arbitrary::Unstructured;
use prost::Message;
use sdl::{Compiled, Diagnostics, Manifest, RenderOptions};

/// One promise.
pub type Promise = fn(&[u8]);

/// Every target: its name, the folder of its corpus, its promise.
pub const TARGETS: [(&str, &str, Promise); 7] = [
    ("text", "text", text),
    ("tree", "tree", tree),
    ("twice", "text", twice),
    ("fmt", "text", fmt),
    ("ide", "text", ide),
    ("compose", "compose", compose),
    ("manifest", "manifest", manifest),
];

/// Any bytes are answered: compiled, or refused with a report that can be shown in all its forms.
pub fn text(bytes: &[u8]) {
    let result = sdl::compile_bytes(bytes);
    match &result {
        Ok(compiled) => {
            keeps_promises(compiled);
            is_presentable(&compiled.warnings);
        }
        Err(found) => {
            assert!(found.first_error().is_some(), "refused without an error");
            is_presentable(found);
        }
    }
}

/// A file that is nearly right, made from the bytes, is answered as well.
pub fn tree(bytes: &[u8]) {
    if let Ok(source) = tree::source(&mut Unstructured::new(bytes)) {
        text(source.as_bytes());
    }
}

/// The same text compiles to the same, and a manifest survives being sent.
pub fn twice(bytes: &[u8]) {
    let first = sdl::compile_bytes(bytes);
    let second = sdl::compile_bytes(bytes);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first.version(), second.version());
            assert_eq!(first.manifest, second.manifest);
            assert_eq!(first.groups, second.groups);
            assert_eq!(first.groups_json(), second.groups_json());
            assert_eq!(first.warnings.lines(), second.warnings.lines());
            let sent = first.manifest_json();
            let received = Manifest::from_json(&sent).unwrap();
            assert_eq!(received.canonical_json(), sent);
            assert_eq!(received, first.manifest);
        }
        (Err(first), Err(second)) => assert_eq!(first.to_json(), second.to_json()),
        _ => panic!("accepted once and refused once"),
    }
}

/// Formatting keeps the meaning of a file, and formatting again changes nothing.
pub fn fmt(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let before = sdl::compile(source);
    let formatted = match sdl::fmt::format(source) {
        Ok(formatted) => formatted,
        Err(found) => {
            assert!(found.first_error().is_some(), "not formatted, and no reason given");
            return assert!(before.is_err(), "compiles, but is not formatted");
        }
    };
    assert_eq!(sdl::fmt::format(&formatted).unwrap(), formatted, "formatting again changes it");
    match (before, sdl::compile(&formatted)) {
        (Ok(before), Ok(after)) => {
            assert_eq!(before.version(), after.version());
            assert_eq!(before.manifest, after.manifest);
            assert_eq!(before.groups, after.groups);
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(found)) => panic!("no longer compiles: {found}\n{formatted}"),
        (Err(found), Ok(_)) => panic!("compiles now: {found}\n{formatted}"),
    }
}

/// An editor gets an answer at every place of every text.
pub fn ide(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let document = sdl::ide::Document::new(source);
    let options = sdl::CheckOptions::default();
    let found = document.diagnostics(&options);
    let whole = sdl::Span::new(0, source.len());
    let _ = (document.symbols(), document.folds(), document.fixes(&found, whole));
    // A bounded number of places, the end and one past it among them.
    let step = (source.len() / 40).max(1);
    for at in (0..=source.len() + 1).step_by(step).chain([source.len(), source.len() + 1]) {
        let _ = (document.hover(at, &options), document.complete(at));
        let _ = (document.definition(at), document.references(at, true));
        if document.renamable(at).is_some() {
            let _ = document.rename(at, "renamed");
        }
    }
}

/// A Compose file is answered, and what it becomes is a deployment file that compiles.
pub fn compose(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    match sdl::compose::from_compose(source) {
        Ok(converted) => {
            if let Err(found) = sdl::compile(&converted.sdl) {
                panic!("does not compile: {found}\n{}", converted.sdl);
            }
        }
        Err(found) => is_presentable(&found),
    }
}

/// Any bytes are answered where a manifest is received.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::from_json(bytes) else { return };
    let _ = manifest.validate();
    let _ = manifest.check_against(&[]);
    let canonical = manifest.canonical_json();
    assert_eq!(manifest.version(), manifest.version());
    let again = Manifest::from_json(&canonical).unwrap();
    assert_eq!(again.canonical_json(), canonical);
    assert_eq!(again.version(), manifest.version());
    let _ = sdl::manifest::document_version(bytes);
    assert_eq!(sdl::manifest::document_version(&canonical), Some(manifest.version()));
}

/// What compiled is good for everything that comes after.
fn keeps_promises(compiled: &Compiled) {
    compiled.manifest.validate().unwrap();
    compiled.manifest.check_against(&compiled.groups).unwrap();
    let json = compiled.manifest_json();
    let read = Manifest::from_json(&json).unwrap();
    assert_eq!(read.version(), compiled.version());
    assert_eq!(read.canonical_json(), json);
    assert_eq!(sdl::manifest::document_version(&json), Some(compiled.version()));
    for group in &compiled.groups {
        let sent = group.encode_to_vec();
        assert_eq!(&same_kind(group, Message::decode(sent.as_slice()).unwrap()), group);
    }
    assert_eq!(compiled.groups.len(), compiled.manifest.0.len());
    assert_eq!(compiled.max_prices().len(), compiled.groups.len());
    assert!(compiled.groups_json().is_array());
    assert_eq!(compiled.version_hex().len(), 64);
    let explained = sdl::explain::explain(compiled, &sdl::explain::Options::default());
    assert!(!explained.to_text(80).is_empty());
    let _ = sdl::diff::diff(compiled, compiled).to_text(80);
    if let Some(reclamation) = compiled.reclamation() {
        assert!(reclamation.min_window.seconds >= 0 && reclamation.min_window.nanos >= 0);
    }
}

/// Gives a decoded message the type of another.
fn same_kind<T>(_: &T, decoded: T) -> T {
    decoded
}

/// A report can be drawn, listed and sent, and points into the text.
fn is_presentable(found: &Diagnostics) {
    for options in [
        RenderOptions { color: true, unicode: true, width: 80 },
        RenderOptions { color: false, unicode: false, width: 20 },
    ] {
        assert_eq!(found.render(options).is_empty(), found.is_empty());
    }
    assert_eq!(found.to_json().as_array().map_or(0, Vec::len), found.len());
    assert_eq!(found.lines().len(), found.len());
    for it in found.iter() {
        let _ = (found.text(it.span), found.position(it.span));
        assert!(!it.message.is_empty(), "{it:?}");
    }
}
