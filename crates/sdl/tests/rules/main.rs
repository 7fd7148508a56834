//! Every rule of the language: a small file that breaks it, the rule's code, and the reference's words.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod document;
mod reports;
mod resources;
mod services;

use sdl::{Diagnostics, Rule, Severity, compile};

const BASE: &str = include_str!("../base/plain.yaml");

/// The base file with places changed: pairs of what stands there and what shall.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn refused(text: &str) -> Diagnostics {
    match compile(text) {
        Ok(_) => panic!("compiles:\n{text}"),
        Err(found) => {
            for it in found.iter() {
                let shown = found.render(sdl::RenderOptions::default());
                assert!(shown.contains(it.rule.code()), "{shown}");
                assert!(it.span.end as usize <= text.len(), "{it:?}");
            }
            found
        }
    }
}

/// The first error has a rule and says a reference's text.
fn check(text: &str, rule: Rule, reference: &str) {
    let found = refused(text);
    let first = found.first_error().unwrap();
    assert_eq!(first.rule, rule, "{text}\n{found}");
    if !reference.is_empty() {
        assert_eq!(first.reference.as_deref(), Some(reference), "{text}\n{found}");
    }
}

fn accepted(text: &str) -> sdl::Compiled {
    compile(text).unwrap_or_else(|found| panic!("{text}\n{found}"))
}

const IMAGE: (&str, &str) = ("    image: nginx\n", "    image: nginx\n");
const CPU: &str = "        cpu:\n          units: 1\n";
const MEMORY: &str = "        memory:\n          size: 1Gi\n";
const STORAGE: &str = "        storage:\n          size: 1Gi\n";
const PORT: &str = "      - port: 80\n";
const GLOBAL: &str = "          - global: true\n";
const PRICE: &str = "          denom: uakt\n          amount: 100\n";

fn service(line: &str) -> String {
    changed(&[(IMAGE.0, &format!("{}    {line}\n", IMAGE.1))])
}

fn on_port(line: &str) -> String {
    changed(&[(PORT, &format!("{PORT}        {line}\n"))])
}

fn cpu(line: &str) -> String {
    changed(&[(CPU, &format!("        cpu: {line}\n"))])
}

fn gpu(line: &str) -> String {
    changed(&[(CPU, &format!("{CPU}        gpu: {line}\n"))])
}

fn memory(line: &str) -> String {
    changed(&[(MEMORY, &format!("        memory: {line}\n"))])
}

fn storage(line: &str) -> String {
    changed(&[(STORAGE, &format!("        storage: {line}\n"))])
}

fn top(line: &str) -> String {
    format!("{BASE}{line}\n")
}
