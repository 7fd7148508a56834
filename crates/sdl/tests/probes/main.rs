//! Odd inputs, one for each sentence of the specification that a plain file does not touch.
//!
//! Sections are those of spec `sdl.md`. Each probe changes one base file and says what comes out.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod document;
mod groups;
mod services;

use sdl::{Compiled, Diagnostics, Rule, compile};

const BASE: &str = include_str!("../base/tagged.yaml");

const IMAGE: &str = "    image: nginx:1.27\n";
const PORT: &str = "      - port: 80\n";
const TO: &str = "        to:\n          - global: true\n";
const STORAGE: &str = "        storage:\n          size: 1Gi\n";
const CPU: &str = "        cpu:\n          units: 1\n";

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn accepted(text: &str) -> Compiled {
    compile(text).unwrap_or_else(|found| panic!("{text}\n{found}"))
}

fn refused(text: &str) -> Diagnostics {
    match compile(text) {
        Ok(_) => panic!("compiles:\n{text}"),
        Err(found) => found,
    }
}

fn first(text: &str) -> (Rule, String) {
    let found = refused(text);
    let first = found.first_error().unwrap();
    (first.rule, first.reference.clone().unwrap_or_default())
}

fn service(lines: &str) -> String {
    changed(&[(IMAGE, &format!("{IMAGE}    {lines}\n"))])
}

fn same(a: &str, b: &str) {
    let (a, b) = (accepted(a), accepted(b));
    assert_eq!(a.version_hex(), b.version_hex());
    assert_eq!(a.groups_json(), b.groups_json());
}

fn only(compiled: &Compiled) -> &sdl::manifest::Service {
    &compiled.manifest.0[0].services()[0]
}
