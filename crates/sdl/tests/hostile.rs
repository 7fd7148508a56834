//! Hostile text: the compiler answers, in time, and never panics. What compiles keeps its promises.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod cases;

use proptest::prelude::*;
use sdl::{Compiled, Diagnostics, Manifest, RenderOptions, compile};

const SAMPLE: &str = include_str!("../benches/sample.yaml");

/// Pieces of which files and broken files are made.
const PIECES: [&str; 60] = [
    "version: \"2.0\"\n",
    "version: 2.1\n",
    "services:\n",
    "  web:\n",
    "    image: nginx\n",
    "    expose:\n",
    "      - port: 80\n",
    "        to:\n",
    "          - global: true\n",
    "profiles:\n",
    "  compute:\n",
    "  placement:\n",
    "      resources:\n",
    "        cpu:\n",
    "          units: 0.5\n",
    "        memory: {size: 1Gi}\n",
    "        storage: [{size: 1Gi}]\n",
    "    dc:\n",
    "      pricing:\n",
    "        web: {denom: uakt, amount: 1}\n",
    "deployment:\n",
    "      profile: web\n",
    "      count: 1\n",
    "endpoints: {edge: {kind: ip}}\n",
    "<<: ",
    "&a ",
    "*a",
    "- ",
    "? ",
    ": ",
    "- - - ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "!!binary ",
    "!!int ",
    "!x ",
    "# ",
    "\n",
    "\n  ",
    "\t",
    "\r\n",
    "\u{2028}",
    "\u{feff}",
    "é",
    "~",
    "null",
    "0x",
    "1e999",
    "-1",
    "99999999999999999999",
    "---\n",
    "...\n",
    "%TAG ! x\n",
];

fn promises(text: &str) -> Result<Compiled, Diagnostics> {
    let result = compile(text);
    let found = match &result {
        Ok(compiled) => {
            compiled.manifest.validate().unwrap();
            compiled.manifest.check_against(&compiled.groups).unwrap();
            let read = Manifest::from_json(&compiled.manifest_json()).unwrap();
            assert_eq!(read.version(), compiled.version());
            let document = sdl::manifest::document_version(&compiled.manifest_json());
            assert_eq!(document, Some(compiled.version()));
            &compiled.warnings
        }
        Err(found) => {
            assert!(found.first_error().is_some());
            found
        }
    };
    let options = RenderOptions { color: true, unicode: true, width: 80 };
    assert_eq!(found.render(options).is_empty(), found.is_empty());
    assert_eq!(found.to_json().as_array().unwrap().len(), found.len());
    for it in found.iter() {
        assert!(text.is_char_boundary(it.span.start as usize), "{it:?}");
        assert!(text.is_char_boundary(it.span.end as usize), "{it:?}");
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_answered(text in "\\PC*") {
        let _ = promises(&text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = promises(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_heap_of_pieces_is_answered(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60)) {
        let _ = promises(&pieces.concat());
    }

    #[test]
    fn a_damaged_file_is_answered(
        at in 0..SAMPLE.len(),
        removed in 0_usize..40,
        inserted in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..3),
    ) {
        let mut text = SAMPLE.to_owned();
        let end = (at + removed).min(text.len());
        text.replace_range(at..end, &inserted.concat());
        let _ = promises(&text);
    }

    #[test]
    fn values_of_any_kind_are_answered(
        key in prop::sample::select(vec![
            "image: registry.example/front:1.4", "port: 8443", "as: 443", "global: true", "ip: edge",
            "read_timeout: 15000", "units: 0.25", "size: 384Mi", "size: 0.5Gi", "persistent: true",
            "class: beta2", "denom: uact", "amount: 12.5", "profile: small", "count: 2",
            "min_window: 36h", "kind: ip", "region: north", "mount: /var/lib/journal",
        ]),
        value in "(\\[[a-z0-9, ]*\\]|\\{[a-z]*: [0-9]*\\}|[-+]?[0-9._]{0,12}[a-zA-Z]{0,3}|\"[^\"\\\\]*\"|[a-z/ .*&!-]{0,10})",
    ) {
        let name = key.split(':').next().unwrap();
        let text = SAMPLE.replace(key, &format!("{name}: {value}"));
        let _ = promises(&text);
    }

    #[test]
    fn any_received_manifest_is_answered(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..1900,
    ) {
        if let Ok(manifest) = Manifest::from_json(&bytes) {
            let _ = manifest.validate();
        }
        let sample = compile(SAMPLE).unwrap();
        let mut json = sample.manifest_json();
        json.splice(at..(at + bytes.len() % 8).min(json.len()), bytes.iter().copied().take(4));
        if let Ok(manifest) = Manifest::from_json(&json) {
            let _ = manifest.validate();
            let _ = manifest.check_against(&sample.groups);
            let _ = manifest.version();
        }
    }
}

/// Work is counted, not timed: what comes back is bounded whatever the file is. `cargo bench -p sdl --bench
/// hostile` holds the same files against limits of time and memory.
#[test]
fn hostile_files_get_short_answers() {
    for (name, bytes) in cases::hostile() {
        let result = sdl::compile_bytes(&bytes);
        let found = match &result {
            Ok(compiled) => &compiled.warnings,
            Err(found) => found,
        };
        assert!(result.is_ok() || found.first_error().is_some(), "{name}: no error");
        assert!(found.len() <= 201, "{name}: {} diagnostics", found.len());
        let report = found.lines().iter().map(String::len).sum::<usize>();
        assert!(report <= 8 << 20, "{name}: a report of {report} bytes");
    }
}

#[test]
fn files_that_no_one_writes_are_refused() {
    let answers: std::collections::BTreeMap<_, _> = cases::hostile().into_iter().collect();
    for (name, rule) in [
        ("services", sdl::Rule::TooLarge),
        ("question-marks", sdl::Rule::TooLarge),
        ("too-large", sdl::Rule::TooLarge),
        ("invalid-utf8", sdl::Rule::Encoding),
        ("utf16-half", sdl::Rule::Encoding),
        ("nul", sdl::Rule::YamlSyntax),
        ("deep-flow-lists", sdl::Rule::TooDeep),
        ("deep-block-mappings", sdl::Rule::TooDeep),
        ("alias-bomb-of-lists", sdl::Rule::AliasExpansion),
    ] {
        let found = sdl::compile_bytes(&answers[name]).unwrap_err();
        assert!(found.iter().any(|it| it.rule == rule), "{name}: {:?}", found.lines().first());
    }
}
