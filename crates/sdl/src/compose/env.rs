//! Environment: `environment`, `env_file`, and secrets that come as files.

use super::Options;
use super::model::Service;
use super::notes::Notes;
use super::value::{Data, Value};
use crate::diagnostics::Span;
use crate::diff::mask;
use std::collections::BTreeMap;

/// What stands where a secret is needed that nobody gave.
pub(super) const PLACEHOLDER: &str = "change-me";

/// Reads all variables of a service: files first, then `environment`, which wins.
pub(super) fn read(
    service: &mut Service,
    body: &Value,
    secrets: &BTreeMap<String, Option<String>>,
    options: &Options,
    notes: &mut Notes<'_>,
) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| match found.iter_mut().find(|it| it.0 == name) {
        Some(known) => known.1 = value,
        None => found.push((name.to_owned(), value)),
    };
    if let Some(files) = body.get("env_file") {
        for item in files.items() {
            let path = item.text().or_else(|| item.text_of("path")).unwrap_or_default();
            let at = format!("services.{}.env_file", service.name);
            match lookup(&options.files, path) {
                Some(text) => {
                    for (name, value) in parse(text) {
                        set(&name, value);
                    }
                    notes.kept(
                        item.span,
                        &at,
                        format!("the variables of `{path}` stand in the file now"),
                    );
                }
                None => notes.lost(
                    item.span,
                    &at,
                    format!("`{path}` was not given, so its variables are missing"),
                    "Convert again with that file, or add the variables to `env`.",
                ),
            }
        }
    }
    if let Some(environment) = body.get("environment") {
        let at = format!("services.{}.environment", service.name);
        let mut take = |name: &str, value: Option<String>, span: Span| match value
            .or_else(|| options.environment.get(name).cloned())
        {
            Some(value) => set(name, value),
            None => notes.lost(
                span,
                &at,
                format!(
                    "`{name}` takes its value from the shell that runs Compose, where it is not set"
                ),
                "Convert again with it, or add it to `env`.",
            ),
        };
        match &environment.data {
            Data::Map(entries) => {
                for it in entries {
                    take(&it.key, it.value.text().map(str::to_owned), it.key_span);
                }
            }
            _ => {
                for it in environment.items() {
                    let text = it.text().unwrap_or_default();
                    match text.split_once('=') {
                        Some((name, value)) => take(name, Some(value.to_owned()), it.span),
                        None if text.is_empty() => {}
                        None => take(text, None, it.span),
                    }
                }
            }
        }
    }
    let span = body.entry("environment").map_or(service.span, |it| it.key_span);
    let at = format!("services.{}.environment", service.name);
    let mut from_files: Vec<(String, String)> = Vec::new();
    found.retain(|(name, value)| {
        if let Some((plain, secret)) = name.strip_suffix("__FILE").or_else(|| name.strip_suffix("_FILE")).zip(value.strip_prefix("/run/secrets/")) {
            let known = secrets.get(secret).cloned().flatten();
            let text = format!("`{name}` names a secret file, and there are none; `{plain}` takes its place");
            match known {
                Some(_) => notes.changed(span, &at, text, "The provider can read it. Check that the image knows the variable without `_FILE`."),
                None => notes.changed(span, &at, format!("{text}, with a placeholder"), "Fill it in. Check that the image knows the variable without `_FILE`."),
            }
            from_files.push((plain.to_owned(), known.unwrap_or_else(|| PLACEHOLDER.to_owned())));
            return false;
        }
        let is_name = is_env_name(name);
        if !is_name {
            notes.lost(span, &at, format!("`{name}` cannot be the name of a variable"), "Rename it: letters, digits, `_`, `-` and `.`, no digit first.");
        }
        is_name
    });
    for (name, value) in from_files {
        if !found.iter().any(|it| it.0 == name) {
            found.push((name, value));
        }
    }
    let secret: Vec<&str> = found
        .iter()
        .filter(|(name, value)| {
            !value.is_empty() && (mask::is_secret_name(name) || mask::is_secret_value(value))
        })
        .map(|it| it.0.as_str())
        .collect();
    if let Some(first) = secret.first() {
        let what = match secret.len() {
            1 => format!("`{first}` looks like a secret and stands"),
            more => format!("`{first}` and {} more look like secrets and stand", more - 1),
        };
        notes.changed(
            span,
            &at,
            format!("{what} in plain text, where the provider can read it"),
            "Use a value made for this deployment, and none that opens anything else.",
        );
    }
    service.env = found;
}

/// `[-._a-zA-Z][-._a-zA-Z0-9]*`, not `.`, not beginning with `..`.
fn is_env_name(name: &str) -> bool {
    let is_start = |it: char| it.is_ascii_alphabetic() || "-._".contains(it);
    name.starts_with(is_start)
        && name.chars().all(|it| is_start(it) || it.is_ascii_digit())
        && name != "."
        && !name.starts_with("..")
}

/// A file by the path that the Compose file writes, with or without `./`.
pub(super) fn lookup<'f>(files: &'f BTreeMap<String, String>, path: &str) -> Option<&'f String> {
    let bare = |it: &str| it.trim_start_matches("./").to_owned();
    files.get(path).or_else(|| files.iter().find(|it| bare(it.0) == bare(path)).map(|it| it.1))
}

/// The lines of an `.env` file: `NAME=value`, `export NAME="value"`, `# comment`.
pub(crate) fn parse(text: &str) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = value.get(1..).unwrap_or_default();
                let inner = inner.find(quote).and_then(|at| inner.get(..at)).unwrap_or(inner);
                match quote {
                    '"' => inner.replace("\\n", "\n").replace("\\\"", "\""),
                    _ => inner.to_owned(),
                }
            }
            // A comment begins after a blank.
            _ => value
                .find(" #")
                .and_then(|at| value.get(..at))
                .unwrap_or(value)
                .trim_end()
                .to_owned(),
        };
        list.push((name.trim().to_owned(), value));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_are_read_as_compose_reads_them() {
        let text = "# c\nA=1\nexport B = \"two words\" # no\nC='x # y'\nD=plain # comment\nE=\n\nnonsense\nF=a=b\n";
        let list: Vec<String> = parse(text).into_iter().map(|(a, b)| format!("{a}|{b}")).collect();
        assert_eq!(list, ["A|1", "B|two words", "C|x # y", "D|plain", "E|", "F|a=b"]);
    }
}
