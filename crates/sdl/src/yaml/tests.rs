//! What the parser makes of texts, as the reference's parser was seen to.

use super::*;
use std::fmt::Write;

/// A tree on one line: quotes show a scalar's style, brackets collections, `*` an alias.
fn shown(text: &str) -> String {
    fn dump(tree: &Tree<'_>, id: NodeId, out: &mut String) {
        let node = tree.raw(id);
        if let Some(tag) = &node.tag {
            write!(out, "{tag} ").unwrap();
        }
        match &node.kind {
            Kind::Scalar { text, style } => {
                let mark = match style {
                    Style::Plain => "",
                    Style::SingleQuoted => "'",
                    Style::DoubleQuoted => "\"",
                    Style::Literal => "|",
                    Style::Folded => ">",
                };
                write!(out, "{mark}{}{mark}", text.escape_debug()).unwrap();
            }
            Kind::Sequence(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    dump(tree, *item, out);
                }
                out.push(']');
            }
            Kind::Mapping(pairs) => {
                out.push('{');
                for (index, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    dump(tree, *key, out);
                    out.push_str(": ");
                    dump(tree, *value, out);
                }
                out.push('}');
            }
            Kind::Alias { name, .. } => write!(out, "*{name}").unwrap(),
            Kind::Cycle { name } => write!(out, "*{name}!").unwrap(),
        }
    }
    let tree = match parse(text) {
        Ok(tree) => tree,
        Err(error) => return format!("error: {}", error.message),
    };
    let mut out = String::new();
    match tree.root() {
        Some(root) => dump(&tree, root, &mut out),
        None => out.push_str("nothing"),
    }
    out
}

fn check(cases: &[(&str, &str)]) {
    for (text, want) in cases {
        assert_eq!(shown(text), *want, "{text:?}");
    }
}

fn refused(texts: &[&str]) {
    for text in texts {
        assert!(shown(text).starts_with("error: "), "{text:?} is {}", shown(text));
    }
}

#[test]
fn block_collections() {
    check(&[
        ("a: 1\nb:\n  c: 2\n", "{a: 1, b: {c: 2}}"),
        ("- a\n- b: c\n  d: e\n-\n  - f\n", "[a, {b: c, d: e}, [f]]"),
        ("a:\n- b\n- c\nd: e\n", "{a: [b, c], d: e}"),
        ("- - a\n  - b\n- c", "[[a, b], c]"),
        ("a:\nb:\n", "{a: , b: }"),
        ("- \n- a\n-", "[, a, ]"),
        ("? a\n: b\n? c\n", "{a: b, c: }"),
        ("? - a\n: - b\n", "{[a]: [b]}"),
        ("a: # comment\n  b # more\n# end\n", "{a: b}"),
    ]);
    refused(&[
        "a: b\n c: d",
        "a: b: c",
        "- a\nb: c",
        "a\nb: c",
        "a: - b",
        "[a\nb: c",
        "a:\n  - b\n c: d",
        ": a\nb",
    ]);
}

#[test]
fn flow_collections() {
    check(&[
        ("[a, b, [c], {d: e}, ]", "[a, b, [c], {d: e}]"),
        ("{a: 1, b, 'c': d, \"e\":f, }", "{a: 1, b: , 'c': d, \"e\": f}"),
        ("[a: b, ? c : d]", "[{a: b}, {c: d}]"),
        ("{a:b, c:}", "{a:b: , c:: }"),
        ("[a\n  b, c # comment\n]", "[a b, c]"),
        ("a: {\nb: c\n}", "{a: {b: c}}"),
        ("{? }", "{: }"),
    ]);
    refused(&["[a", "{a", "[a}", "[a,, b]", "[? ]", "{a: b]", "[: a]", "a: ]"]);
}

#[test]
fn plain_scalars() {
    check(&[
        ("a: b c#d", "{a: b c#d}"),
        ("a: b #c", "{a: b}"),
        ("a: http://x:80/y?z", "{a: http://x:80/y?z}"),
        ("a: b\n  c\n\n  d\n", "{a: b c\\nd}"),
        ("a: -1\nb: -\nc: ?x\nd: :x", "error: a list entry (`- `) is not allowed here"),
        ("a: -x\nb: ?x\nc: :x", "{a: -x, b: ?x, c: :x}"),
        ("a: [?d]", "{a: [{d: }]}"),
        ("a: b?c", "{a: b?c}"),
        ("é: ü\n", "{é: ü}"),
        ("a:  b\tc \n", "{a: b\\tc}"),
        ("a: b\r\nc: d\re: f", "{a: b, c: d, e: f}"),
        ("a: b\u{85}c: d\u{2028}e: f", "{a: b, c: d, e: f}"),
    ]);
    refused(&[
        "a: @b",
        "a: `b",
        "a: %b\n%c",
        "a:\n\tb: c",
        "a: 'b' c",
        "\tb: c",
        "a: \"b\"\"c\"",
        "a: [b?c]",
    ]);
}

#[test]
fn quoted_scalars() {
    check(&[
        ("'it''s'", "'it\\'s'"),
        ("\"a\\tb\\x41\\u00e9\\U0001F600\\\\\\\"\\/\"", "\"a\\tbAé😀\\\\\\\"/\""),
        ("\"a\n  b\n\n  c\"", "\"a b\\nc\""),
        ("\"a\\\n  b \\\n  \\ c\"", "\"ab  c\""),
        ("'a\n  b'", "'a b'"),
        ("- \"a\n  b\"", "[\"a b\"]"),
        // A continuation at the indentation of its list item is fine.
        ("x:\n  - \"a\n  b\"\n", "{x: [\"a b\"]}"),
        (
            "\"\\0\\a\\b\\e\\f\\n\\r\\v\\N\\_\\L\\P\"",
            "\"\\0\\u{7}\\u{8}\\u{1b}\\u{c}\\n\\r\\u{b}\\u{85}\\u{a0}\\u{2028}\\u{2029}\"",
        ),
    ]);
    refused(&["'a", "\"a", "\"\\q\"", "\"\\x4\"", "\"\\ud800\"", "\"a\n---\nb\"", "'a': 'b"]);
}

#[test]
fn block_scalars() {
    check(&[
        ("a: |\n  b\n   c\n\n  d\n\n", "{a: |b\\n c\\n\\nd\\n|}"),
        ("a: |-\n  b\n\n", "{a: |b|}"),
        ("a: |+\n  b\n\n", "{a: |b\\n\\n|}"),
        ("a: >\n  b\n  c\n\n  d\n   e\n  f\n", "{a: >b c\\nd\\n e\\nf\\n>}"),
        ("a: >- # comment\n  b\n  c\nd: e", "{a: >b c>, d: e}"),
        ("a: |2\n   b\n", "{a: | b\\n|}"),
        ("a: |1-\n  b\n", "{a: | b|}"),
        ("- |\n a\n- >-\n b\n", "[|a\\n|, >b>]"),
        ("a: |\n  b", "{a: |b|}"),
        ("a: |\nb: c", "{a: ||, b: c}"),
    ]);
    refused(&["a: |0\n b", "a: |x\n b", "a: |\n\tb", "a: >--\n  b"]);
}

#[test]
fn anchors_aliases_and_tags() {
    check(&[
        ("a: &x b\nc: *x", "{a: b, c: *x}"),
        ("a: &x\n  b: c\nd: [*x , *x ]", "{a: {b: c}, d: [*x, *x]}"),
        ("a: &x {b: &x c, d: *x }\ne: *x", "{a: {b: c, d: *x}, e: *x}"),
        ("a: &x [*x ]", "{a: [*x!]}"),
        (
            "a: !!int 5\nb: !mine c\nc: !<tag:yaml.org,2002:str> d",
            "{a: !!int 5, b: !mine c, c: !!str d}",
        ),
        ("%TAG !e! tag:yaml.org,2002:\n---\na: !e!int 5", "{a: !!int 5}"),
        ("&x !!str a", "!!str a"),
        ("!!str &x a", "!!str a"),
        ("a: !\nb: &x", "{a: ! , b: }"),
    ]);
    refused(&[
        "a: *x",
        "a: & b",
        "a: &x &y b",
        "a: !e!int 5",
        "a: *x b",
        "%TAG ! a\n%TAG ! b\n---\na",
    ]);
}

#[test]
fn documents() {
    check(&[
        ("", "nothing"),
        ("# only a comment\n", "nothing"),
        ("---\na: b\n---\nc: d", "{a: b}"),
        ("--- a\n...\n", "a"),
        ("---\n...\n", ""),
        ("%YAML 1.1\n---\na", "a"),
        ("\u{feff}a: b", "{a: b}"),
        ("a: b\n...\n[", "{a: b}"),
        // Comment lines hide tabs between them.
        ("# a\n\t# b\nc: d", "{c: d}"),
    ]);
    refused(&[
        "...\na",
        "%YAML 1.2\n---\na",
        "%YAML 1.1\na",
        "%FOO\n---\na",
        "a: \u{1}",
        "a: \u{7f}",
    ]);
}

#[test]
fn spans_are_those_of_the_text() {
    let text = "é: [a,  'b']\nc: |\n  d\ne: &x {f: g}\n";
    let tree = parse(text).unwrap();
    let at = |id: NodeId| {
        let span = tree.raw(id).span;
        &text[span.start as usize..span.end as usize]
    };
    let Kind::Mapping(pairs) = &tree.raw(tree.root().unwrap()).kind else { panic!() };
    let shown: Vec<_> = pairs.iter().flat_map(|it| [at(it.0), at(it.1)]).collect();
    assert_eq!(shown, ["é", "[a,  'b']", "c", "|\n  d", "e", "{f: g}"]);
}

#[test]
fn depth_is_bounded() {
    for text in ["[".repeat(129), "- ".repeat(129), "{a: ".repeat(129), "? ".repeat(129)] {
        assert_eq!(parse(&text).unwrap_err().rule, Rule::TooDeep, "{text}");
    }
    assert!(parse(&format!("{}{}", "[".repeat(127), "]".repeat(127))).is_ok());
}

#[test]
fn a_key_ends_on_its_line_within_a_thousand_characters() {
    assert!(parse(&format!("{}: a", "k".repeat(1024))).is_ok());
    assert!(parse(&format!("{}: a", "é".repeat(1024))).is_ok());
    assert!(parse(&format!("{}: a", "k".repeat(1025))).is_err());
}
