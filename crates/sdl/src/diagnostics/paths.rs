//! From a place in the text to the keys that lead there: `services.web.expose[0].port`.

use super::Span;
use crate::yaml::{self, Kind, NodeId, Tree};
use std::fmt::Write;

/// The path of each span; none where the text is no YAML, or where the span lies in no key.
pub(super) fn paths<'a>(text: &str, spans: impl Iterator<Item = Span> + 'a) -> Vec<Option<String>> {
    let Ok(tree) = yaml::parse(text) else { return spans.map(|_| None).collect() };
    spans.map(|span| tree.root().and_then(|root| path(&tree, root, span))).collect()
}

fn path(tree: &Tree<'_>, root: NodeId, span: Span) -> Option<String> {
    let mut path = String::new();
    let mut node = root;
    loop {
        node = match &tree.raw(node).kind {
            Kind::Mapping(pairs) => {
                // Pairs stand in the order of the text.
                let after = pairs.partition_point(|it| tree.raw(it.0).span.start <= span.start);
                let Some((key, value)) = pairs.get(after.wrapping_sub(1)) else { break };
                let is_key = tree.raw(*key).span.end >= span.end;
                if !is_key && tree.raw(*value).span.end < span.end {
                    break;
                }
                push_key(&mut path, tree.get(*key).literal());
                if is_key {
                    break;
                }
                *value
            }
            Kind::Sequence(items) => {
                let after = items.partition_point(|it| tree.raw(*it).span.start <= span.start);
                let Some(index) = after.checked_sub(1) else { break };
                let Some(item) = items.get(index).filter(|it| tree.raw(**it).span.end >= span.end)
                else {
                    break;
                };
                let _ = write!(path, "[{index}]");
                *item
            }
            _ => break,
        };
    }
    (!path.is_empty()).then_some(path)
}

/// A key that would be misread in a path is quoted: `attributes["a.b"]`.
fn push_key(path: &mut String, key: &str) {
    let is_plain = |it: char| it.is_alphanumeric() || "_-/<$".contains(it);
    if key.is_empty() || !key.chars().all(is_plain) {
        let _ = write!(path, "[{key:?}]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, needle: &str, expected: Option<&str>) {
        let start = text.find(needle).unwrap();
        let span = Span::new(start, start + needle.len());
        assert_eq!(paths(text, [span].into_iter())[0].as_deref(), expected, "{needle}");
    }

    #[test]
    fn a_place_names_the_keys_that_lead_to_it() {
        let text = "version: '2.0'\nservices:\n  web:\n    expose:\n      - port: 80\n      - {port: x81}\n";
        check(text, "80", Some("services.web.expose[0].port"));
        check(text, "x81", Some("services.web.expose[1].port"));
        check(text, "{port: x81}", Some("services.web.expose[1]"));
        check(text, "web", Some("services.web"));
        check(text, "'2.0'", Some("version"));
        check(text, "expose", Some("services.web.expose"));
        check("a.b: {'': c}", "c", Some("[\"a.b\"][\"\"]"));
        check("a: [b", "b", None);
        check("just text", "text", None);
        check("# nothing\n", "nothing", None);
    }

    #[test]
    fn a_place_behind_an_alias_is_named_where_it_is_written() {
        check("a: &x {b: 1}\nc: *x\n", "1", Some("a.b"));
        check("a: &x {b: 1}\nc: *x\n", "*x", Some("c"));
    }
}
