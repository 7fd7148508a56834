//! Diagnostics of many files as one SARIF 2.1.0 log, which code hosts and editors read.
//!
//! Called by `haggle sdl check --format sarif`. Calls [`crate::diagnostics`] for places and
//! [`crate::rules`] for what the rules say. Pure: file names come in with [`Diagnostics::with_name`] and
//! go out as URIs; nothing is opened.

use crate::diagnostics::{Diagnostic, Diagnostics, Position, Span};
use crate::rules::Rule;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Where the reference page of the rules lies in the repository.
const RULES_PAGE: &str = "docs/reference/sdl-rules.md";

/// What a log says of its maker.
#[derive(Clone, Debug)]
pub struct Options {
    /// Version of the program.
    pub version: String,
    /// Absolute URI of the published page of the rules, without anchor; none leaves out links to it.
    pub rules_page: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        let repository = Some(env!("CARGO_PKG_REPOSITORY")).filter(|it| !it.is_empty());
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rules_page: repository.map(|it| format!("{it}/blob/main/{RULES_PAGE}")),
        }
    }
}

/// One log with the diagnostics of all files, in the order given; a file without any is listed as read.
/// Columns count characters.
pub fn to_sarif<'a>(
    reports: impl IntoIterator<Item = &'a Diagnostics>,
    options: &Options,
) -> Value {
    let reports: Vec<&Diagnostics> = reports.into_iter().collect();
    let broken: BTreeSet<Rule> =
        reports.iter().flat_map(|it| it.iter()).map(|it| it.rule).collect();
    let index: BTreeMap<Rule, usize> =
        broken.iter().enumerate().map(|(at, rule)| (*rule, at)).collect();
    let rules: Vec<Value> = broken.iter().map(|it| descriptor(*it, options)).collect();
    let mut artifacts = Vec::new();
    let mut results = Vec::new();
    let mut seen = BTreeMap::new();
    for (at, report) in reports.iter().enumerate() {
        let file = File { report, location: json!({ "uri": uri(report.name()), "index": at }) };
        artifacts.push(json!({
            "location": { "uri": uri(report.name()) },
            "sourceLanguage": "yaml",
        }));
        for (diagnostic, path) in report.iter().zip(report.paths()) {
            let rule = index.get(&diagnostic.rule).copied().unwrap_or_default();
            results.push(file.result(diagnostic, path.as_deref(), rule, &mut seen));
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "haggle",
                "version": options.version,
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "artifacts": artifacts,
            "results": results,
        }],
    })
}

impl Diagnostics {
    /// A SARIF log of this one file.
    #[must_use]
    pub fn to_sarif(&self) -> Value {
        to_sarif([self], &Options::default())
    }
}

/// What a log says of a rule.
fn descriptor(rule: Rule, options: &Options) -> Value {
    let page = rule.page();
    let why = page.why.replace('\n', " ");
    let mut out = json!({
        "id": rule.code(),
        "name": format!("{rule:?}"),
        "shortDescription": { "text": rule.summary() },
        "fullDescription": { "text": why },
        "defaultConfiguration": { "level": rule.severity().word() },
        "help": { "text": why, "markdown": page.to_markdown(rule) },
        "properties": { "tags": ["sdl"] },
    });
    if let (Some(page), Some(out)) = (&options.rules_page, out.as_object_mut()) {
        out.insert("helpUri".to_owned(), json!(format!("{page}#{}", anchor(rule))));
    }
    out
}

/// The anchor of a rule on the reference page.
fn anchor(rule: Rule) -> String {
    rule.code().replace("::", "-")
}

struct File<'a> {
    report: &'a Diagnostics,
    location: Value,
}

impl File<'_> {
    fn result(
        &self,
        it: &Diagnostic,
        path: Option<&str>,
        rule: usize,
        seen: &mut BTreeMap<String, usize>,
    ) -> Value {
        let mut text = it.message.clone();
        if let Some(hint) = &it.hint {
            let _ = write!(text, "\n{hint}");
        }
        let mut location = json!({ "physicalLocation": self.place(it.span) });
        if let (Some(path), Some(location)) = (path, location.as_object_mut()) {
            let names = json!([{ "fullyQualifiedName": path, "kind": "member" }]);
            location.insert("logicalLocations".to_owned(), names);
        }
        let mut out = json!({
            "ruleId": it.rule.code(),
            "ruleIndex": rule,
            "level": it.severity.word(),
            "message": { "text": text },
            "locations": [location],
            "partialFingerprints": { "haggle/v1": self.fingerprint(it, path, seen) },
        });
        let Some(fields) = out.as_object_mut() else { return out };
        if !it.related.is_empty() {
            let others = it.related.iter().enumerate().map(|(id, (span, text))| {
                json!({
                    "id": id + 1,
                    "physicalLocation": self.place(*span),
                    "message": { "text": text },
                })
            });
            fields.insert("relatedLocations".to_owned(), others.collect());
        }
        if let Some(fix) = self.report.fix(it) {
            let fix = json!([{
                "description": { "text": format!("Replace by `{}`", fix.replacement) },
                "artifactChanges": [{
                    "artifactLocation": self.location,
                    "replacements": [{
                        "deletedRegion": self.region(fix.span),
                        "insertedContent": { "text": fix.replacement },
                    }],
                }],
            }]);
            fields.insert("fixes".to_owned(), fix);
        }
        out
    }

    fn place(&self, span: Span) -> Value {
        json!({ "artifactLocation": self.location, "region": self.region(span) })
    }

    fn region(&self, span: Span) -> Value {
        let Position { line, column } = self.report.position(span);
        let end = self.report.end_position(span);
        json!({
            "startLine": line,
            "startColumn": column,
            "endLine": end.line,
            "endColumn": end.column,
        })
    }

    /// What stays the same when lines are added above: file, rule, path and message.
    fn fingerprint(
        &self,
        it: &Diagnostic,
        path: Option<&str>,
        seen: &mut BTreeMap<String, usize>,
    ) -> String {
        let parts = [self.report.name(), it.rule.code(), path.unwrap_or_default(), &it.message];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let print = hex::encode(hash.finalize().get(..16).unwrap_or_default());
        let count = seen.entry(print.clone()).or_default();
        *count += 1;
        format!("{print}:{count}")
    }
}

/// The name of a file as a URI reference.
fn uri(name: &str) -> String {
    let name = name.replace('\\', "/");
    let is_drive = name.as_bytes().get(1) == Some(&b':') && name.starts_with(char::is_alphabetic);
    let mut out = match (name.starts_with('/'), is_drive) {
        (true, _) => "file://".to_owned(),
        (_, true) => "file:///".to_owned(),
        _ => String::new(),
    };
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            b':' if is_drive && at == 1 => out.push(':'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_uris() {
        let check = |name: &str, expected: &str| assert_eq!(uri(name), expected);
        check("web.yaml", "web.yaml");
        check("a b/c#1.yaml", "a%20b/c%231.yaml");
        check("/srv/é.yaml", "file:///srv/%C3%A9.yaml");
        check("C:\\sdl\\web.yaml", "file:///C:/sdl/web.yaml");
        check("<stdin>", "%3Cstdin%3E");
    }
}
