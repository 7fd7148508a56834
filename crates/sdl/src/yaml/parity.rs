//! The parser beside yaml.v3 3.0.1, which the reference reads with: recorded answers for thousands of texts.
//!
//! `tests/vectors/yaml-trees.jsonl`: `t` is a text, `y` the tree that yaml.v3 makes of it; without `y` it
//! refuses the text. `tests/vectors/yaml-scalars.jsonl`: `v` is a value, and `s`, `u`, `b` are what it is as
//! a text, a 32-bit number and a flag: `=value`, `~` for absent, `!` for an error.

use super::{Kind, NodeId, Style, Tree, parse};
use serde_json::Value;
use std::fmt::Write as _;

/// The tree as the vectors write it: style and text, resolved or explicit tag, line and column.
struct Dump<'t, 's> {
    source: &'s str,
    tree: &'t Tree<'s>,
    out: String,
}

impl Dump<'_, '_> {
    fn place(&self, id: NodeId) -> String {
        let start = usize::try_from(self.tree.raw(id).span.start).unwrap();
        let (mut line, mut column) = (1, 1);
        let mut characters = self.source[..start].chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => {}
                '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => (line, column) = (line + 1, 1),
                '\u{feff}' if line == 1 && column == 1 => {}
                _ => column += 1,
            }
        }
        format!("@{line}:{column}")
    }

    fn node(&mut self, id: NodeId) {
        let tree = self.tree;
        let node = tree.raw(id);
        let tag = node.tag.as_deref().filter(|it| *it != "!").unwrap_or_default();
        let place = self.place(id);
        match &node.kind {
            Kind::Scalar { text, style } => {
                let letter = match style {
                    Style::Plain => 'p',
                    Style::SingleQuoted => 's',
                    Style::DoubleQuoted => 'd',
                    Style::Literal => 'l',
                    Style::Folded => 'f',
                };
                let resolved = match (tag, style) {
                    ("", Style::Plain) => node.resolved_tag(),
                    (tag, _) => tag,
                };
                let place = if text.is_empty() { "@" } else { &place };
                let _ =
                    write!(self.out, "{letter}{}[{resolved}]{place}", Value::from(text.as_ref()));
            }
            Kind::Alias { name, target } => {
                let _ = write!(self.out, "*{name}{place}=>");
                let _ = match &tree.raw(*target).kind {
                    Kind::Scalar { text, .. } => {
                        write!(self.out, "{}", Value::from(text.as_ref()))
                    }
                    Kind::Mapping(pairs) => write!(self.out, "m{}", pairs.len() * 2),
                    Kind::Sequence(items) => write!(self.out, "q{}", items.len()),
                    Kind::Alias { .. } | Kind::Cycle { .. } => Ok(()),
                };
            }
            Kind::Cycle { name } => {
                let _ = write!(self.out, "*{name}{place}");
            }
            Kind::Sequence(items) => self.collection('Q', tag, &place, items.iter().copied()),
            Kind::Mapping(pairs) => {
                self.collection('M', tag, &place, pairs.iter().flat_map(|it| [it.0, it.1]));
            }
        }
    }

    fn collection(
        &mut self,
        letter: char,
        tag: &str,
        place: &str,
        parts: impl Iterator<Item = NodeId>,
    ) {
        let _ = write!(self.out, "{letter}[{tag}]{place}(");
        for (index, part) in parts.enumerate() {
            if index > 0 {
                self.out.push(' ');
            }
            self.node(part);
        }
        self.out.push(')');
    }
}

/// Drops places: `@1:2` becomes `@`.
fn without_places(dump: &str) -> String {
    let mut out = String::new();
    let mut rest = dump;
    while let Some(at) = rest.find('@') {
        let (head, tail) = rest.split_at(at + 1);
        out.push_str(head);
        let end = tail.find(|it: char| !it.is_ascii_digit() && it != ':').unwrap_or(tail.len());
        rest = &tail[end..];
    }
    out + rest
}

fn dump(source: &str, tree: &Tree<'_>) -> String {
    let mut dump = Dump { source, tree, out: String::new() };
    if let Some(root) = tree.root() {
        dump.node(root);
    }
    dump.out
}

fn lines(file: &str) -> impl Iterator<Item = Value> {
    file.lines().map(|it| serde_json::from_str(it).unwrap())
}

#[test]
fn trees_are_those_of_the_reference() {
    let mut differences = Vec::new();
    for case in lines(include_str!("../../tests/vectors/yaml-trees.jsonl")) {
        let text = case["t"].as_str().unwrap();
        match (parse(text), case["y"].as_str()) {
            (Err(_), None) => {}
            (Ok(tree), Some(wanted)) => {
                let found = dump(text, &tree);
                // Anchors and tags shift places there; texts without them agree to the column.
                let is_equal = match text.contains(['&', '!']) {
                    true => without_places(&found) == without_places(wanted),
                    false => found == wanted,
                };
                if !is_equal {
                    differences.push(format!("{text:?}\n  wanted {wanted}\n  found  {found}"));
                }
            }
            (Err(error), Some(wanted)) => {
                differences
                    .push(format!("{text:?}\n  wanted {wanted}\n  found  {}", error.message));
            }
            (Ok(tree), None) => differences
                .push(format!("{text:?}\n  wanted an error\n  found  {}", dump(text, &tree))),
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn scalars_mean_what_they_mean_to_the_reference() {
    fn shown<T: ToString, E>(result: Result<Option<T>, E>) -> String {
        match result {
            Ok(Some(value)) => format!("={}", value.to_string()),
            Ok(None) => "~".into(),
            Err(_) => "!".into(),
        }
    }
    for case in lines(include_str!("../../tests/vectors/yaml-scalars.jsonl")) {
        let value = case["v"].as_str().unwrap();
        let source = format!("k: {value}");
        let tree = parse(&source).unwrap();
        let Kind::Mapping(pairs) = &tree.get(tree.root().unwrap()).kind else {
            panic!("{source:?} is no mapping")
        };
        let node = tree.get(pairs[0].1);
        assert_eq!(shown(node.text()), case["s"].as_str().unwrap(), "text of {value:?}");
        assert_eq!(shown(node.uint32()), case["u"].as_str().unwrap(), "number of {value:?}");
        assert_eq!(shown(node.boolean()), case["b"].as_str().unwrap(), "flag of {value:?}");
    }
}
