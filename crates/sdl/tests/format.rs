//! The formatter on everything there is: comments, meaning and itself stay the same.

use proptest::prelude::*;
use sdl::fmt::{format, format_with_reason};
use std::fs;
use std::path::{Path, PathBuf};

/// All YAML files below the fixtures, or nothing (with a word on it) when they are absent.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl");
    if !root.is_dir() {
        println!("skipped: {} is absent", root.display());
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of fixtures") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "yaml" || it == "yml") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 200, "only {} fixtures", found.len());
    found
}

/// Codes of the errors, or hash and groups.
fn outcome(source: &str) -> Result<(String, String), Vec<&'static str>> {
    match sdl::compile(source) {
        Ok(it) => Ok((it.version_hex(), it.groups_json().to_string())),
        Err(found) => {
            let mut codes: Vec<_> = found
                .iter()
                .filter(|it| it.rule.severity() == sdl::Severity::Error)
                .map(|it| it.rule.code())
                .collect();
            codes.sort_unstable();
            Err(codes)
        }
    }
}

#[track_caller]
fn check(input: &str, expected: &str) {
    let formatted = format_with_reason(input).expect("YAML");
    assert_eq!(formatted.kept_because, None, "left as it was:\n{input}");
    assert_eq!(formatted.text, expected);
    assert_eq!(format(&formatted.text).expect("YAML"), formatted.text, "not stable");
}

#[test]
fn every_fixture_keeps_its_meaning_and_a_second_run_changes_nothing() {
    let mut kept = Vec::new();
    for path in fixtures() {
        let source = fs::read_to_string(&path).expect("a fixture");
        let formatted = format_with_reason(&source).expect("YAML");
        if let Some(reason) = &formatted.kept_because {
            kept.push(format!("{}: {reason}", path.display()));
            continue;
        }
        assert_eq!(outcome(&source), outcome(&formatted.text), "{}", path.display());
        let again = format(&formatted.text).expect("YAML");
        assert_eq!(again, formatted.text, "{}", path.display());
    }
    assert!(kept.is_empty(), "left as they were:\n{}", kept.join("\n"));
}

#[test]
fn keys_come_in_the_order_of_the_language_and_take_their_comments_along() {
    check(
        "\
# the shop

services:
    # what people see
    web:
        expose: # ports
        -   as: 80   # outside
            # inside
            port: 8080
            to:
                - global: true
        # pinned
        image: 'nginx:1.27'   # stable
version: '2.0'
",
        "\
# the shop

version: \"2.0\"

services:
  # what people see
  web:
    # pinned
    image: nginx:1.27  # stable
    expose:  # ports
      # inside
      - port: 8080
        as: 80  # outside
        to:
          - global: true
",
    );
}

#[test]
fn sections_are_parted_by_one_blank_line_and_others_by_at_most_one() {
    check(
        "version: \"2.0\"\nservices:\n\n\n  a:\n    image: x\n\n\n\n  b:\n    image: y\nendpoints:\n  ip1:\n    kind: ip\n",
        "version: \"2.0\"\n\nservices:\n  a:\n    image: x\n\n  b:\n    image: y\n\nendpoints:\n  ip1:\n    kind: ip\n",
    );
}

#[test]
fn quotes_stand_only_where_needed_but_always_around_the_version() {
    check(
        "version: 2.0\nservices:\n  web:\n    image: \"nginx\"\n    env:\n      - \"A=b c\"\n      - 'B=\"x\"'\n      - 'C: d'\n      - \"true\"\n      - '8080'\n      - \"a\\tb\"\n",
        "version: \"2.0\"\n\nservices:\n  web:\n    image: nginx\n    env:\n      - A=b c\n      - 'B=\"x\"'\n      - \"C: d\"\n      - \"true\"\n      - \"8080\"\n      - \"a\\tb\"\n",
    );
}

#[test]
fn short_brackets_stay_and_long_ones_get_lines() {
    let long = "x".repeat(90);
    check(
        &format!(
            "services:\n  web:\n    command: [ 'sh' , \"-c\" ]\n    args: [\"a\", \"{long}\"]\n    env: []\n"
        ),
        &format!(
            "services:\n  web:\n    command: [sh, \"-c\"]\n    args:\n      - a\n      - {long}\n    env: []\n"
        ),
    );
    check(
        "{\"version\": \"2.0\", \"services\": {\"web\": {\"image\": \"nginx\"}}}",
        "version: \"2.0\"\nservices: {web: {image: nginx}}\n",
    );
}

#[test]
fn comments_stay_where_their_indentation_puts_them() {
    check(
        "\
services:
  web:
    env:
      - A=1
      # - B=2
      # - C=3
    image: x
    # last of web
  # last of services
# before profiles
profiles:
  compute: # none yet
    # web:
    #   resources
# the end
",
        "\
services:
  web:
    image: x
    env:
      - A=1
      # - B=2
      # - C=3
    # last of web
  # last of services

# before profiles
profiles:
  compute:  # none yet
    # web:
    #   resources
# the end
",
    );
}

#[test]
fn anchors_tags_merges_and_block_texts_are_kept() {
    check(
        "\
services:
   web: &web
      image: &image nginx
      command:
      - |
          echo a
            echo b

          echo c
      args: [!!str 1, *image]
      env:
      - >-
        folded
        text
   api:
      <<: *web
      image: *image
",
        "\
services:
  web: &web
    image: &image nginx
    command:
      - |
        echo a
          echo b

        echo c
    args: [!!str 1, *image]
    env:
      - >-
        folded
        text
  api:
    <<: *web
    image: *image
",
    );
}

#[test]
fn an_alias_never_comes_before_its_anchor() {
    let source = "\
profiles:
  compute:
    web: &p
      resources: {}
services: *p
";
    check(source, source.replace("\nservices", "\n\nservices").as_str());
}

#[test]
fn line_ends_marks_and_later_documents_are_kept_or_made_plain() {
    check(
        "\u{feff}---\r\nversion: \"2.0\"\r\n\r\n\r\n# end\r\n---\r\nsecond:   document\r\n",
        "---\nversion: \"2.0\"\n\n# end\n---\nsecond:   document\n",
    );
    check("", "");
    check("# only a comment", "# only a comment\n");
}

#[test]
fn lists_of_lists_and_comments_after_a_dash_find_their_place() {
    check(
        "a:\n- # first\n  b: 1\n-\n  # second\n  b: 2\n- - x\n  - y\n-\n- &z\n  c: 3\n",
        "a:\n  # first\n  - b: 1\n  # second\n  - b: 2\n  - - x\n    - y\n  -\n  - &z\n    c: 3\n",
    );
}

#[test]
fn text_in_several_lines_is_moved_and_not_changed() {
    check(
        "services:\n    web:\n        image: one\n           two\n        args:\n        - \"a\n            b\n\n            c\"\n        - |2\n             x\n            y\n",
        "services:\n  web:\n    image: one\n      two\n    args:\n      - \"a\n        b\n\n        c\"\n      - |2\n           x\n          y\n",
    );
    check("a: |+\n    x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n");
}

#[test]
fn what_is_no_yaml_is_refused_and_what_is_odd_is_left_alone() {
    assert!(format("a: [b").is_err());
    assert!(format("a: b: c").is_err());
    let odd = "? {a: b}\n:   c\n";
    let formatted = format_with_reason(odd).expect("YAML");
    assert_eq!(formatted.text, odd);
    assert!(formatted.kept_because.is_some());
}

/// A value as YAML text at an indentation, in one of many ways to write it.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9_./-]{0,12}",
        "[0-9]{1,4}(\\.[0-9]{1,2})?(Mi|Gi|m)?",
        "\"[a-zA-Z0-9 :#,=-]{0,16}\"",
        "'[a-zA-Z0-9 :#,=\"-]{0,16}'",
        Just("true".to_owned()),
        Just("~".to_owned()),
        Just(String::new()),
        Just("\"\\u00e9\\n\"".to_owned()),
        Just("[a, 'b', {c: d}]".to_owned()),
        Just("{}".to_owned()),
        Just("!!str 5".to_owned()),
    ]
}

#[derive(Clone, Debug)]
enum Value {
    Scalar(String),
    Literal(Vec<String>),
    Map(Vec<Pair>),
    Seq(Vec<Item>),
}

#[derive(Clone, Debug)]
struct Pair {
    gap: Gap,
    key: usize,
    value: Value,
}

#[derive(Clone, Debug)]
struct Item {
    gap: Gap,
    value: Value,
}

/// Blank lines, comments and spare spaces around an entry.
#[derive(Clone, Debug)]
struct Gap {
    blanks: usize,
    comments: Vec<(usize, String)>,
    trailing: Option<String>,
}

fn gap() -> impl Strategy<Value = Gap> {
    (
        0_usize..3,
        prop::collection::vec((0_usize..9, "#[ a-z:'\"\\-]{0,8}"), 0..3),
        prop::option::weighted(0.3, "#[ a-z:'\"\\-]{0,8}"),
    )
        .prop_map(|(blanks, comments, trailing)| Gap { blanks, comments, trailing })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => scalar().prop_map(Value::Scalar),
        1 => prop::collection::vec("[ a-z#:]{0,8}", 1..4).prop_map(Value::Literal),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec((gap(), 0..KEYS.len(), inner.clone()), 1..5).prop_map(|pairs| {
                Value::Map(
                    pairs.into_iter().map(|(gap, key, value)| Pair { gap, key, value }).collect(),
                )
            }),
            prop::collection::vec((gap(), inner), 1..4).prop_map(|items| {
                Value::Seq(items.into_iter().map(|(gap, value)| Item { gap, value }).collect())
            }),
        ]
    })
}

const KEYS: [&str; 16] = [
    "version",
    "services",
    "profiles",
    "deployment",
    "endpoints",
    "web",
    "image",
    "expose",
    "port",
    "'as'",
    "\"to\"",
    "env",
    "compute",
    "resources",
    "storage",
    "depends_on",
];

fn write(value: &Value, indent: usize, step: usize, out: &mut String) {
    let before = |gap: &Gap, out: &mut String| {
        out.push_str(&"\n".repeat(gap.blanks));
        for (column, text) in &gap.comments {
            out.push_str(&format!("{}{text}\n", " ".repeat(*column)));
        }
    };
    let after = |gap: &Gap, out: &mut String| {
        if let Some(text) = &gap.trailing {
            out.push_str(&format!("   {text}"));
        }
        out.push('\n');
    };
    let child = |value: &Value, gap: &Gap, deeper: usize, out: &mut String| match value {
        Value::Scalar(text) => {
            out.push(' ');
            out.push_str(text);
            after(gap, out);
        }
        Value::Literal(lines) => {
            out.push_str(" |\n");
            // The first line decides the indentation.
            out.push_str(&format!("{}x\n", " ".repeat(deeper)));
            for line in lines {
                out.push_str(&format!("{}{line}\n", " ".repeat(deeper)));
            }
        }
        Value::Map(_) | Value::Seq(_) => {
            after(gap, out);
            write(value, deeper, step, out);
        }
    };
    match value {
        Value::Map(pairs) => {
            for (index, pair) in pairs.iter().enumerate() {
                before(&pair.gap, out);
                let key = KEYS.get(pair.key).copied().unwrap_or("x");
                // The same key twice would be an error of the file, which is another test.
                let end = if key.ends_with(['\'', '"']) { "" } else { &format!("{index}") };
                let is_first = pairs.iter().position(|it| it.key == pair.key) == Some(index);
                let key = if is_first {
                    key.to_owned()
                } else {
                    format!("{}{end}", key.trim_matches(['\'', '"'])) + "x" + &index.to_string()
                };
                out.push_str(&format!("{}{key}:", " ".repeat(indent)));
                child(&pair.value, &pair.gap, indent + step, out);
            }
        }
        Value::Seq(items) => {
            for item in items {
                before(&item.gap, out);
                out.push_str(&format!("{}-", " ".repeat(indent)));
                child(&item.value, &item.gap, indent + step, out);
            }
        }
        Value::Scalar(text) => out.push_str(&format!("{text}\n")),
        Value::Literal(_) => out.push_str("x\n"),
    }
}

/// Every comment of a text without block scalars or quotes that contain `#`.
fn comment_count(gaps: &Value) -> usize {
    let of = |gap: &Gap, value: &Value| {
        let carries = !matches!(value, Value::Literal(_));
        gap.comments.len() + usize::from(gap.trailing.is_some() && carries) + comment_count(value)
    };
    match gaps {
        Value::Map(pairs) => pairs.iter().map(|it| of(&it.gap, &it.value)).sum(),
        Value::Seq(items) => items.iter().map(|it| of(&it.gap, &it.value)).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_with_comments_is_formatted_for_good(tree in value(), step in 1_usize..5) {
        let mut source = String::new();
        write(&tree, 0, step, &mut source);
        let Ok(formatted) = format_with_reason(&source) else { return Ok(()) };
        prop_assert_eq!(&formatted.kept_because, &None, "left as it was:\n{}", source);
        let again = format(&formatted.text).expect("YAML");
        prop_assert_eq!(&again, &formatted.text, "source:\n{}", source);
        prop_assert_eq!(outcome(&source), outcome(&formatted.text));
        let expected = comment_count(&tree);
        let found = formatted.text.matches('#').count();
        prop_assert!(found >= expected, "{} of {} comments in\n{}", found, expected, formatted.text);
    }

    #[test]
    fn any_text_is_formatted_or_refused(source in "[a-c:#'\"\\[\\]{}&*!|>?, \n-]{0,60}") {
        if let Ok(text) = format(&source) {
            prop_assert_eq!(format(&text).expect("YAML"), text);
        }
    }
}

#[test]
fn what_is_said_to_the_compiler_about_the_whole_file_stays_before_everything() {
    check(
        "# haggle: budget 50 usd/month\nservices: {}\nversion: \"2.0\"\n",
        "# haggle: budget 50 usd/month\n\nversion: \"2.0\"\nservices: {}\n",
    );
}

#[test]
fn comments_deeper_than_a_key_stay_with_what_it_holds() {
    check(
        "\
services:
  web:
    env:
      - A=1
     # about A
    ##### optional
      # - B=2
    image: x
    # about web

    # about nothing
",
        "\
services:
  web:
    image: x
    env:
      - A=1
      # about A
      ##### optional
      # - B=2
    # about web

    # about nothing
",
    );
}
