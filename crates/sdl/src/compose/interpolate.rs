//! Variables in a Compose file: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`,
//! `${NAME?error}`, `${NAME:+other}`, `${NAME+other}`, and `$$` for a dollar sign. Defaults may hold variables.

use crate::diagnostics::{Diagnostic, Span};
use crate::rules::Rule;
use std::collections::BTreeMap;

/// Deeper than anybody nests defaults.
const MOST_DEPTH: usize = 16;
/// What one value may grow to.
const MOST_BYTES: usize = 1 << 20;

/// What became of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It has a value.
    Given,
    /// It has none, and the file's default stands in; the default.
    Default(String),
    /// It has none, and nothing stands in its place.
    Empty,
}

/// The known variables, and those that the file used.
pub(super) struct Variables<'v> {
    known: &'v BTreeMap<String, String>,
    /// Each variable at its first use.
    pub(super) used: BTreeMap<String, (Span, Use)>,
}

impl<'v> Variables<'v> {
    pub(super) fn new(known: &'v BTreeMap<String, String>) -> Self {
        Self { known, used: BTreeMap::new() }
    }

    /// The text with variables replaced.
    pub(super) fn put_into(&mut self, text: &str, span: Span) -> Result<String, Diagnostic> {
        if !text.contains('$') {
            return Ok(text.to_owned());
        }
        let out = self.expand(text, span, 0)?;
        if out.len() > MOST_BYTES {
            return Err(Diagnostic::new(Rule::TooLarge, span, "the value grows too large"));
        }
        Ok(out)
    }

    fn expand(&mut self, text: &str, span: Span, depth: usize) -> Result<String, Diagnostic> {
        if depth > MOST_DEPTH {
            return Err(Diagnostic::new(Rule::TooDeep, span, "variables are nested too deeply"));
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(rest.get(..at).unwrap_or_default());
            rest = rest.get(at + 1..).unwrap_or_default();
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some(end) = closing(after) else {
                    return Err(Diagnostic::new(Rule::YamlSyntax, span, "`${` is never closed")
                        .hint("Close it with `}`, or write `$$` for a dollar sign."));
                };
                let inner = after.get(..end).unwrap_or_default();
                out.push_str(&self.braced(inner, span, depth)?);
                rest = after.get(end + 1..).unwrap_or_default();
            } else {
                let end = name_end(rest);
                if end == 0 {
                    // Compose refuses a lone dollar sign; keeping it is what its writer meant.
                    out.push('$');
                    continue;
                }
                let (name, after) = rest.split_at(end);
                let value = self.known.get(name).cloned();
                self.note(name, span, if value.is_some() { Use::Given } else { Use::Empty });
                out.push_str(&value.unwrap_or_default());
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn braced(&mut self, inner: &str, span: Span, depth: usize) -> Result<String, Diagnostic> {
        let (name, tail) = inner.split_at(name_end(inner));
        if name.is_empty() {
            let message = format!("`${{{inner}}}` names no variable");
            return Err(Diagnostic::new(Rule::YamlSyntax, span, message)
                .hint("Write `${NAME}` or `${NAME:-default}`, or `$$` for a dollar sign."));
        }
        let value = self.known.get(name).cloned();
        let filled = value.clone().filter(|it| !it.is_empty());
        let (operator, operand) = match tail.as_bytes() {
            [] => ("", ""),
            [b':', b'-' | b'?' | b'+', ..] => tail.split_at(2),
            [b'-' | b'?' | b'+', ..] => tail.split_at(1),
            _ => {
                let message = format!("`${{{inner}}}` is no form that Compose knows");
                return Err(Diagnostic::new(Rule::YamlSyntax, span, message)
                    .hint("Known forms: `${NAME}`, `${NAME:-default}`, `${NAME:?error}`, `${NAME:+other}`."));
            }
        };
        let present = if operator.starts_with(':') { filled } else { value.clone() };
        match operator.trim_start_matches(':') {
            "-" => match present {
                Some(value) => {
                    self.note(name, span, Use::Given);
                    Ok(value)
                }
                None => {
                    let default = self.expand(operand, span, depth + 1)?;
                    self.note(name, span, Use::Default(default.clone()));
                    Ok(default)
                }
            },
            "?" => match present {
                Some(value) => {
                    self.note(name, span, Use::Given);
                    Ok(value)
                }
                None => {
                    let why = self.expand(operand, span, depth + 1)?;
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    let message =
                        format!("the variable `{name}` is required and has no value{why}");
                    Err(Diagnostic::new(Rule::Type, span, message)
                        .hint(format!("Give it, for example in a `.env` file: `{name}=…`.")))
                }
            },
            "+" => match present {
                Some(_) => self.expand(operand, span, depth + 1),
                None => Ok(String::new()),
            },
            _ => {
                self.note(name, span, if value.is_some() { Use::Given } else { Use::Empty });
                Ok(value.unwrap_or_default())
            }
        }
    }

    fn note(&mut self, name: &str, span: Span, how: Use) {
        self.used.entry(name.to_owned()).or_insert((span, how));
    }
}

fn name_end(text: &str) -> usize {
    let is_name = |(at, it): (usize, char)| {
        it == '_' || it.is_ascii_alphabetic() || (at > 0 && it.is_ascii_digit())
    };
    text.char_indices().find(|it| !is_name(*it)).map_or(text.len(), |it| it.0)
}

/// The place of the `}` that closes what was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => open += 1,
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let known =
            BTreeMap::from([("A".to_owned(), "one".to_owned()), ("E".to_owned(), String::new())]);
        Variables::new(&known).put_into(text, Span::default()).map_err(|it| it.message)
    }

    #[test]
    fn every_form_of_variable_is_known() {
        for (text, expected) in [
            ("$A-${A}", "one-one"),
            ("$$A $", "$A $"),
            ("${B:-two}", "two"),
            ("${E:-two}|${E-two}", "two|"),
            ("${B-two}", "two"),
            ("${B:-${A}x}", "onex"),
            ("${B:-${C:-deep}}", "deep"),
            ("${A:+set}|${B:+set}|${E+set}|${E:+set}", "set||set|"),
            ("${A:?no}", "one"),
            ("$B|", "|"),
            ("cost: 5$", "cost: 5$"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(
            expand("${B:?set me}").unwrap_err(),
            "the variable `B` is required and has no value: set me"
        );
        assert!(expand("${A").unwrap_err().contains("never closed"));
        assert!(expand("${}").unwrap_err().contains("names no variable"));
        assert!(expand("${A!x}").is_err());
        assert!(expand(&"${B:-".repeat(50)).is_err());
    }
}
