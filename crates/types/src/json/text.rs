//! JSON text as Go's `encoding/json` writes it.

use std::fmt::Write as _;

use serde_json::Value;

/// Appends a string in quotes. Besides what JSON demands, Go escapes `<`, `>`, `&` and the two
/// Unicode line separators.
pub fn go_string(text: &str, into: &mut String) {
    into.push('"');
    for it in text.chars() {
        match it {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\u{8}' => into.push_str("\\b"),
            '\u{c}' => into.push_str("\\f"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(into, "\\u{:04x}", u32::from(it));
            }
            _ => into.push(it),
        }
    }
    into.push('"');
}

/// Compact text with the keys of every object sorted: the canonical form that is signed.
#[must_use]
pub fn sorted_text(json: &Value) -> String {
    let mut text = String::new();
    sorted(json, &mut text);
    text
}

fn sorted(json: &Value, into: &mut String) {
    match json {
        Value::String(it) => go_string(it, into),
        Value::Array(list) => {
            into.push('[');
            for (at, it) in list.iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                sorted(it, into);
            }
            into.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            into.push('{');
            for (at, (name, it)) in members.into_iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                go_string(name, into);
                into.push(':');
                sorted(it, into);
            }
            into.push('}');
        }
        other => into.push_str(&other.to_string()),
    }
}
