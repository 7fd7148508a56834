//! A toy shell: just enough for a container in memory to write lines, keep files and end with a code.
//!
//! Programs: `echo`, `cat`, `printenv`, `hostname`, `sleep`, `true`, `false`, `exit`, and `sh -c` with `;`, `&&`,
//! `>` and `$NAME`. Anything else does not exist.

use std::collections::BTreeMap;

use crate::Source;

/// A file that is the output of the container's first process.
pub(super) const LOG: &str = "/proc/1/fd/1";

/// What a program may see and change.
pub(super) struct Machine<'a> {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) env: &'a [String],
    pub(super) hostname: &'a str,
    pub(super) input: &'a [u8],
}

/// How far a program came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It ended with that code.
    Ended(i64),
    /// It sleeps for good.
    Sleeping,
    /// It waits for input.
    Reading,
}

/// Whether the command would wait for its input.
pub(super) fn reads(argv: &[String]) -> bool {
    matches!(argv, [program] if program == "cat")
}

/// Runs words; `None` when the program does not exist.
pub(super) fn run(
    machine: &mut Machine<'_>,
    argv: &[String],
    out: &mut Vec<(Source, Vec<u8>)>,
) -> Option<Flow> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sh" | "/bin/sh", "-c", text, ..] => Some(script(machine, text, out)),
        _ => program(machine, &words, out),
    }
}

fn script(machine: &mut Machine<'_>, text: &str, out: &mut Vec<(Source, Vec<u8>)>) -> Flow {
    let mut last = 0;
    for statement in text.split([';', '\n']) {
        for step in statement.split("&&") {
            let (step, target) = match step.split_once('>') {
                Some((left, right)) => (left, Some(right.trim().to_owned())),
                None => (step, None),
            };
            let words: Vec<String> =
                step.split_whitespace().map(|word| variable(machine, word)).collect();
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            if words.first() == Some(&"exec") {
                words.remove(0);
            }
            if words.is_empty() {
                continue;
            }
            if let ["exit", code] = words.as_slice() {
                return Flow::Ended(code.parse().unwrap_or(2));
            }
            let mut piece = Vec::new();
            match program(machine, &words, &mut piece) {
                Some(Flow::Ended(code)) => last = code,
                Some(other) => {
                    out.append(&mut piece);
                    return other;
                }
                None => last = 127,
            }
            match target {
                Some(path) => {
                    let bytes = piece.into_iter().flat_map(|(_, bytes)| bytes).collect();
                    machine.files.insert(path, bytes);
                }
                None => out.append(&mut piece),
            }
            if last != 0 {
                break;
            }
        }
    }
    Flow::Ended(last)
}

fn variable(machine: &Machine<'_>, word: &str) -> String {
    let word = word.trim_matches(['"', '\'']);
    let Some(name) = word.strip_prefix('$') else { return word.to_owned() };
    lookup(machine, name).unwrap_or_default()
}

fn lookup(machine: &Machine<'_>, name: &str) -> Option<String> {
    let mut all = machine.env.iter().rev().filter_map(|entry| entry.split_once('='));
    all.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

fn program(
    machine: &mut Machine<'_>,
    words: &[&str],
    out: &mut Vec<(Source, Vec<u8>)>,
) -> Option<Flow> {
    let mut say = |source, text: Vec<u8>| out.push((source, text));
    let code = match words {
        ["echo", rest @ ..] => {
            say(Source::Stdout, format!("{}\n", rest.join(" ")).into_bytes());
            0
        }
        ["cat"] => {
            say(Source::Stdout, machine.input.to_vec());
            0
        }
        ["cat", path] => match machine.files.get(*path) {
            Some(content) => {
                say(Source::Stdout, content.clone());
                0
            }
            None => {
                let text = format!("cat: {path}: No such file or directory\n");
                say(Source::Stderr, text.into_bytes());
                1
            }
        },
        ["printenv", name] => match lookup(machine, name) {
            Some(value) => {
                say(Source::Stdout, format!("{value}\n").into_bytes());
                0
            }
            None => 1,
        },
        ["hostname"] => {
            say(Source::Stdout, format!("{}\n", machine.hostname).into_bytes());
            0
        }
        ["sleep", _] => return Some(Flow::Sleeping),
        ["true"] => 0,
        ["false"] => 1,
        _ => return None,
    };
    Some(Flow::Ended(code))
}
