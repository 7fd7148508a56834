//! What runs in a container, and who vouches for the machine: environment, commands, auditors.

use super::Cx;
use crate::ast::Text;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::Rule;
use std::collections::BTreeMap;

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    for (_, entry) in cx.deployed() {
        let service = &entry.value;
        if let Some(env) = &service.env {
            environment(env, sink);
        }
        if let Some([first, rest @ ..]) = service.command.as_deref() {
            command_line(first, rest, sink);
        }
    }
    for entry in cx.file.placement.entries.values() {
        let lists = [&entry.value.all_of, &entry.value.any_of];
        for auditor in lists.into_iter().flatten().flatten() {
            address(auditor, sink);
        }
    }
}

fn environment(env: &[Text<'_>], sink: &mut Sink) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for text in env {
        let (name, value) = text.text.split_once('=').unwrap_or((&text.text, ""));
        if let Some(first) = seen.insert(name, text.span) {
            let message = format!("`{name}` is set twice; the last one counts");
            sink.push(
                Diagnostic::new(Rule::DuplicateEnv, text.span, message)
                    .hint("remove one of the two")
                    .related(first, "first here"),
            );
        }
        if is_quoted(value) {
            let message = format!("the quotes become part of the value of `{name}`");
            sink.push(
                Diagnostic::new(Rule::QuotedEnv, name_span(text), message)
                    .hint(format!("put quotes around the whole entry: `\"{name}=…\"`")),
            );
        }
    }
}

/// The place of a variable's name: its value may be a secret.
pub(super) fn name_span(text: &Text<'_>) -> Span {
    let name = text.text.split('=').next().unwrap_or_default();
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // Past an opening quote, if there is one: then the span is longer than the text.
    let written = usize::try_from(text.span.end.saturating_sub(text.span.start));
    let quote = u32::from(written.is_ok_and(|it| it > text.text.len()));
    let start = text.span.start + quote;
    Span { start, end: start.saturating_add(length).min(text.span.end) }
}

fn is_quoted(value: &str) -> bool {
    ['"', '\''].iter().any(|it| {
        let inner = value.strip_prefix(*it).and_then(|rest| rest.strip_suffix(*it));
        inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(*it))
    })
}

/// `command: ["npm start"]` looks for a program with a space in its name.
fn command_line(first: &Text<'_>, rest: &[Text<'_>], sink: &mut Sink) {
    let words: Vec<&str> = first.text.split_ascii_whitespace().collect();
    let Some((program, arguments)) = words.split_first() else { return };
    if arguments.is_empty()
        || first.text.starts_with(['/', '.']) && !arguments.iter().any(|it| it.starts_with('-'))
    {
        return;
    }
    let message = format!("no program is called `{}`", shortened(&first.text));
    let is_plain = words.len() <= 8 && !first.text.contains(['"', '\'', '\\', ',', '[', ']', '#']);
    let mut hint = match is_plain {
        true => format!("write each word as an entry of its own: `[{}]`", words.join(", ")),
        false => format!("write each word as an entry of its own, `{program}` first"),
    };
    if rest.is_empty() && first.text.contains(['&', '|', ';', '>', '$']) {
        hint = "write `- sh`, `- -c` and then the whole line as the third entry".to_owned();
    }
    sink.push(Diagnostic::new(Rule::CommandLine, first.span, message).hint(hint));
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn address(auditor: &Text<'_>, sink: &mut Sink) {
    let text = auditor.text.as_ref();
    let message = match types::address::from_bech32(text) {
        Ok((prefix, _)) if prefix == "akash" => return,
        Ok((prefix, _)) => format!("`{text}` is an address of another network (`{prefix}`)"),
        Err(_) if text.starts_with("akash1") => {
            format!("`{text}` is not an address: its checksum is wrong")
        }
        Err(_) => format!("`{text}` is not an address"),
    };
    sink.push(
        Diagnostic::new(Rule::Auditor, auditor.span, message)
            .hint("write the address of an auditor, `akash1…`; no provider is signed by this one"),
    );
}
