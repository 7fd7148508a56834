//! The table of keys and the compiler know the same keys.

use sdl::language::{self, Kind};
use sdl::{Rule, language::Key};

/// A file that consists of the keys that lead to a place, with `nonsense` there.
fn file_with(path: &[&str], nonsense: &str) -> String {
    let inside = path.iter().rev().fold(nonsense.to_owned(), |inside, part| match *part {
        "[]" => format!("[{inside}]"),
        "*" => format!("{{name: {inside}}}"),
        key => format!("{{{key}: {inside}}}"),
    });
    format!("{{version: '2.0', {}", inside.trim_start_matches('{'))
}

fn segments(key: &Key) -> Vec<&'static str> {
    key.path
        .split('.')
        .flat_map(|part| match part.strip_suffix("[]") {
            Some(list) => vec![list, "[]"],
            None => vec![part],
        })
        .collect()
}

#[test]
fn every_key_of_the_table_is_known_to_the_compiler() {
    let mappings = language::keys().iter().filter(|it| it.kind == Kind::Mapping);
    let mut checked = 0;
    for mapping in mappings {
        let path = segments(mapping);
        for key in language::children(&path) {
            let text = file_with(&path, &format!("{{{}: ~}}", key.name()));
            let found = sdl::check(&text, &Default::default()).diagnostics;
            let is_unknown = |it: &&sdl::Diagnostic| {
                matches!(it.rule, Rule::UnknownKey | Rule::IgnoredKey)
                    || it.message.contains("is not")
            };
            let unknown: Vec<_> = found.iter().filter(is_unknown).map(|it| &it.message).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}\n{text}", key.path);
            checked += 1;
        }
    }
    assert!(checked > 50);
}

#[test]
fn a_key_beyond_the_table_is_unknown_to_the_compiler_everywhere() {
    for mapping in language::keys().iter().filter(|it| it.kind == Kind::Mapping) {
        let text = file_with(&segments(mapping), "{nonsense: 1}");
        let found = sdl::check(&text, &Default::default()).diagnostics;
        let is_named = found.iter().any(|it| it.message.contains("nonsense"));
        assert!(is_named, "{}: {found:?}\n{text}", mapping.path);
    }
}

#[test]
fn a_key_that_is_nearly_one_of_the_table_is_guessed() {
    for key in language::keys().iter().filter(|it| it.is_word() && it.name().len() > 4) {
        let path = segments(key);
        let Some((name, path)) = path.split_last() else { continue };
        let (start, end) = name.split_at(name.len() / 2);
        let misspelt = format!("{start}q{end}");
        let text = file_with(path, &format!("{{{misspelt}: ~}}"));
        let found = sdl::check(&text, &Default::default()).diagnostics;
        let hints: Vec<_> = found
            .iter()
            .filter(|it| {
                it.message.contains(&format!("`{misspelt}`")) || it.rule == Rule::NoVersion
            })
            .filter_map(|it| it.hint.as_deref())
            .collect();
        assert!(hints.iter().any(|it| it.contains(name)), "{}: {found:?}\n{text}", key.path);
    }
}
