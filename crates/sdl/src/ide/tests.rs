use super::*;
use crate::Rule;

const FILE: &str = "\
version: \"2.1\"

services:
  web:
    image: nginx:1.27.3
    expose:
      - port: 80
        to:
          - global: true
  db:
    image: postgres:17.2
    expose:
      - port: 5432
        to:
          - service: web
    params:
      storage:
        data:
          mount: /data

profiles:
  compute:
    small:
      resources:
        cpu:
          units: 0.5
        memory:
          size: 512Mi
        storage:
          - name: data
            size: 1Gi
            attributes:
              persistent: true
              class: beta3
  placement:
    anywhere:
      pricing:
        small:
          denom: uact
          amount: 100

deployment:
  web:
    anywhere:
      profile: small
      count: 1
  db:
    anywhere:
      profile: small
      count: 1
";

/// The text without `|`, and where that was.
fn cursor(text: &str) -> (Document, usize) {
    let at = text.find('‸').expect("a cursor");
    (Document::new(text.replace('‸', "")), at)
}

/// The file with a cursor behind a piece of it.
fn behind(piece: &str) -> (Document, usize) {
    let at = FILE.find(piece).expect("a piece of the file") + piece.len();
    (Document::new(FILE), at)
}

fn labels(text: &str) -> Vec<String> {
    let (document, at) = cursor(text);
    document.complete(at).into_iter().map(|it| it.label).collect()
}

fn texts(document: &Document, spans: &[Span]) -> Vec<String> {
    let line = |at: usize| document.text().get(..at).unwrap_or_default().matches('\n').count() + 1;
    spans
        .iter()
        .map(|it| {
            let range = bytes(*it);
            format!("{}:{}", line(range.start), document.text().get(range).unwrap_or_default())
        })
        .collect()
}

#[test]
fn the_file_of_these_tests_is_right() {
    let found = Document::new(FILE).diagnostics(&CheckOptions::default());
    assert!(found.first_error().is_none(), "{found}");
}

#[test]
fn missing_keys_are_offered_with_what_they_need() {
    assert_eq!(
        labels("version: \"2.0\"\nservices: {}\n‸"),
        ["include", "profiles", "deployment", "endpoints", "reclamation"]
    );
    assert_eq!(
        labels("services:\n  web:\n    image: x\n    ex‸\n").first().map(String::as_str),
        Some("command")
    );
    assert!(labels("services:\n  web:\n    image: x\n    ex‸\n").contains(&"expose".to_owned()));
    assert!(!labels("services:\n  web:\n    image: x\n    ‸\n").contains(&"image".to_owned()));
    assert_eq!(
        labels("services:\n  web:\n    expose:\n      - port: 80\n        to:\n          - ‸"),
        ["service", "global", "ip", "http_options"]
    );
    assert_eq!(
        labels("services:\n  web:\n    expose:\n    - port: 80\n      to: [{ global: true, ‸"),
        ["service", "ip", "http_options"]
    );
    let (document, at) = cursor("profiles:\n  compute:\n    web:\n      ‸");
    let found = document.complete(at);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].plain,
        "resources:\n  cpu:\n    units: 0.5\n  memory:\n    size: 512Mi\n  storage:\n    - size: 10Gi"
    );
    assert!(found[0].snippet.contains("${1:0.5}"), "{}", found[0].snippet);
}

#[test]
fn a_new_file_is_offered_whole_and_compiles() {
    let (document, at) = cursor("‸");
    let found = document.complete(at);
    let whole = found.iter().find(|it| it.kind == CompletionKind::Snippet).expect("a snippet");
    let checked = crate::check(&whole.plain, &CheckOptions::default());
    assert!(checked.compiled.is_some(), "{}\n{}", whole.plain, checked.diagnostics);
}

#[test]
fn values_are_offered_from_the_language_and_from_the_file() {
    assert_eq!(labels("services:\n  web:\n    expose:\n      - proto: ‸"), ["TCP", "UDP"]);
    let refer = |more: &str| labels(&format!("{FILE}{more}"));
    assert_eq!(refer("  cache:\n    ‸"), ["anywhere"]);
    assert_eq!(refer("  cache:\n    anywhere:\n      profile: ‸")[0], "small");
    assert_eq!(labels(&FILE.replace("service: web", "service: ‸"))[0], "web");
    assert_eq!(labels(&FILE.replace("service: web", "service: w‸")).len(), 1);
    assert_eq!(
        labels(&FILE.replace("          denom: uact", "          denom: ‸")),
        ["uakt", "uact"]
    );
    assert_eq!(labels(&FILE.replace("512Mi", "512‸"))[..2], ["512Mi", "512Gi"]);
    assert_eq!(labels(&FILE.replace("class: beta3", "class: ‸")).len(), 5);
    assert_eq!(labels(&FILE.replace("persistent: true", "persistent: ‸")), ["true", "false"]);
    assert_eq!(
        labels(&FILE.replace("        data:\n          mount: /data", "        ‸")),
        ["data"]
    );
    let models = labels(
        "profiles:\n  compute:\n    a:\n      resources:\n        gpu:\n          attributes:\n            vendor:\n              nvidia:\n                - model: ‸",
    );
    assert!(models.contains(&"rtx4090".to_owned()));
    assert_eq!(labels("services:\n  web:\n    image: &img nginx\n  api:\n    image: *‸"), ["*img"]);
    assert!(labels("# comment ‸").is_empty());
    assert!(
        labels("services:\n  web:\n    params:\n      permissions:\n        read:\n          - ‸")
            .contains(&"logs".to_owned())
    );
}

#[test]
fn names_lead_to_their_definition_and_back() {
    let check = |piece: &str, definition: &str, all: &[&str]| {
        let (document, at) = behind(piece);
        let found = document.definition(at).expect("a definition");
        assert_eq!(texts(&document, &[found.name]), [definition]);
        assert_eq!(texts(&document, &document.references(at, true)), all);
    };
    check("profile: sm", "23:small", &["23:small", "38:small", "45:small", "49:small"]);
    check("service: w", "4:web", &["4:web", "15:web", "43:web"]);
    check(
        "deployment:\n  web:\n    any",
        "36:anywhere",
        &["36:anywhere", "44:anywhere", "48:anywhere"],
    );
    check("        da", "30:data", &["18:data", "30:data"]);
    let (document, at) = cursor("a: &x 1 # &x\nb: *‸x\nc: 'Q&x *x'\n");
    assert_eq!(texts(&document, &document.references(at, true)), ["1:x", "2:x"]);
    let (document, at) = behind("image: ngi");
    assert_eq!(document.definition(at), None);
}

#[test]
fn a_rename_reaches_every_place_and_compiles_to_the_same() {
    let rename = |piece: &str, new: &str| {
        let (document, at) = behind(piece);
        let mut text = document.text().to_owned();
        let mut edits = document.rename(at, new)?;
        edits.sort_by_key(|it| std::cmp::Reverse(it.span.start));
        for edit in edits {
            text.replace_range(bytes(edit.span), &edit.text);
        }
        Ok::<_, String>(text)
    };
    let renamed = rename("profile: sm", "big one").expect("a rename");
    assert_eq!(renamed.matches("big one").count(), 4);
    let old = crate::compile(FILE).expect("the file compiles").version();
    assert_eq!(crate::compile(&renamed).expect("the new one as well").version(), old);
    let renamed = rename("        da", "files").expect("a rename");
    assert!(crate::compile(&renamed).is_ok());
    assert!(rename("service: w", "db").is_err());
    assert!(rename("service: w", "Not A Name").is_err());
    assert!(rename("image: ngi", "x").is_err());
}

#[test]
fn hovering_says_what_a_key_is_for_and_what_a_value_means() {
    let hover = |piece: &str| {
        let (document, at) = behind(piece);
        document.hover(at, &CheckOptions::default()).expect("something to say").markdown
    };
    assert!(hover("memory:\n          size: 51").contains("536870912 bytes (512 MiB)"));
    assert!(hover("units: 0.").contains("500 thousandths of a core"));
    assert!(hover("amount: 10").contains("per month"), "{}", hover("amount: 10"));
    assert!(hover("class: bet").contains("NVMe"));
    assert!(hover("    expo").contains("ports that the service listens on"));
    assert!(
        hover("profile: sm").contains("```yaml\nsmall:\n  resources:"),
        "{}",
        hover("profile: sm")
    );
    assert!(hover("deployment:\n  w").contains("image: nginx"));
    let (document, at) = cursor("version: \"2.0\"\nserv‸ice:\n  web: {}\n");
    let text = document.hover(at, &CheckOptions::default()).expect("an error").markdown;
    assert!(text.contains("sdl::key::unknown") && text.contains("services"), "{text}");
}

#[test]
fn a_misspelt_word_is_mended() {
    let text = FILE.replace("services:", "servces:");
    let document = Document::new(text.clone());
    let found = document.diagnostics(&CheckOptions::default());
    let everything = Span::new(0, text.len());
    let fixes = document.fixes(&found, everything);
    let fix = fixes.iter().find(|it| it.title.contains("services")).expect("a fix");
    let mut mended = text;
    for edit in &fix.edits {
        mended.replace_range(bytes(edit.span), &edit.text);
    }
    assert_eq!(mended, FILE);
    let document = Document::new("services: {}\n");
    let found = document.diagnostics(&CheckOptions::default());
    let fixes = document.fixes(&found, Span::new(0, 13));
    assert!(fixes.iter().any(|it| it.edits[0].text.contains("version")), "{fixes:?}");
}

#[test]
fn a_warning_is_silenced_where_it_stands() {
    let text = FILE.replace("nginx:1.27.3", "nginx:latest");
    let document = Document::new(text.clone());
    let found = document.diagnostics(&CheckOptions::default());
    let latest = found.iter().find(|it| it.rule == Rule::ImageTag).expect("a warning");
    let fix = document.silence(latest).expect("a comment");
    let mut text = text;
    text.replace_range(bytes(fix.edits[0].span), &fix.edits[0].text);
    assert!(text.contains("\n    # haggle: allow sdl::image::latest\n    image: nginx:latest\n"));
    let found = Document::new(text).diagnostics(&CheckOptions::default());
    assert!(found.iter().all(|it| it.rule != Rule::ImageTag), "{found}");
}

#[test]
fn symbols_and_folds_show_the_file_as_a_tree() {
    let document = Document::new(FILE);
    let symbols = document.symbols();
    let names: Vec<_> = symbols.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["version", "services", "profiles", "deployment"]);
    assert_eq!(symbols[1].children[0].name, "web");
    assert_eq!(symbols[1].children[0].detail.as_deref(), Some("nginx:1.27.3"));
    for symbol in &symbols {
        assert!(
            symbol.whole.start <= symbol.selection.start
                && symbol.selection.end <= symbol.whole.end
        );
    }
    let folds = document.folds();
    assert!(folds.iter().any(|it| {
        let text = &FILE[bytes(it.span)];
        text.starts_with("services:") && text.ends_with("mount: /data")
    }));
    let comments = Document::new("# a\n# b\na: 1\n").folds();
    assert_eq!(comments, [Fold { span: Span::new(0, 7), is_comment: true }]);
}

#[test]
fn formatting_is_an_edit_of_what_differs() {
    let document = Document::new(FILE.replace("nginx:1.27.3", "'nginx:1.27.3'"));
    let edits = document.format();
    assert_eq!(edits.len(), 1);
    assert_eq!(edits[0].text, "    image: nginx:1.27.3\n");
    assert!(Document::new("a: [").format().is_empty());
}

/// Every beginning of the file and every place in it: nothing panics, and places lie in the text.
#[test]
fn half_typed_text_never_panics() {
    let odd = "a:\n - - 'x\n\t? [\n&\n*\n ü: \"é\n{ b: [c, {d\n- |\n x\n: \n";
    for text in [FILE, odd] {
        for (end, _) in text.char_indices() {
            let document = Document::new(&text[..end]);
            let length = document.text().len();
            for at in [0, end / 2, end.saturating_sub(1), end, end + 5] {
                for it in document.complete(at) {
                    assert!(bytes(it.span).end <= length);
                    assert!(document.text().is_char_boundary(bytes(it.span).start));
                }
                let _ = document.definition(at);
                let _ = document.references(at, true);
                let _ = document.rename(at, "other");
                assert!(document.renamable(at).is_none_or(|it| bytes(it.0).end <= length));
            }
            let _ = document.symbols();
            assert!(document.folds().iter().all(|it| bytes(it.span).end <= length));
            if end % 7 == 0 {
                let found = document.diagnostics(&CheckOptions::default());
                let _ = document.fixes(&found, Span::new(0, length));
                let _ = document.hover(end / 2, &CheckOptions::default());
            }
        }
    }
}

/// Each line deeper than the last, without a colon anywhere.
#[test]
fn text_nested_beyond_all_bounds_is_answered() {
    let mut text = String::new();
    for depth in 0..1400 {
        text.push_str(&" ".repeat(depth));
        text.push_str("- k\n");
    }
    let document = Document::new(format!("{text}: ["));
    let _ = document.symbols();
    let _ = document.complete(text.len() - 1);
    let _ = document.references(text.len() / 2, true);
}
