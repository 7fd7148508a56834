//! The page of each rule is true: its wrong example breaks that rule and no other, its right one breaks none.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::{CheckOptions, Diagnostics, Rule, rules};
use std::collections::BTreeSet;
use std::path::Path;

fn check(bytes: &[u8]) -> Diagnostics {
    match sdl::source::text(bytes) {
        Ok(text) => sdl::check(&text, &CheckOptions::default()).diagnostics,
        Err(diagnostics) => diagnostics,
    }
}

#[test]
fn every_rule_has_a_page() {
    for rule in Rule::ALL {
        let page = rule.page();
        let code = rule.code();
        assert!(page.why.ends_with('.'), "{code} says why, in sentences: {:?}", page.why);
        assert!(page.why.len() > 60, "{code} says why: {:?}", page.why);
        assert!(!page.wrong.excerpt.trim().is_empty(), "{code} has an example of wrong");
        assert!(!page.right.excerpt.trim().is_empty(), "{code} has an example of right");
        assert_ne!(page.wrong.file, page.right.file, "{code}");
    }
}

#[test]
fn every_wrong_example_breaks_its_rule_and_no_other() {
    let mut wrong = Vec::new();
    for rule in Rule::ALL {
        let found = check(&rule.page().wrong.file);
        let codes: BTreeSet<_> = found.iter().map(|it| it.rule.code()).collect();
        if codes != BTreeSet::from([rule.code()]) {
            wrong.push(format!("{}: {:?}", rule.code(), found.lines()));
        }
        for it in found.iter() {
            assert!(it.hint.is_some(), "{} offers a way out", rule.code());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_right_example_compiles_without_a_word() {
    let mut wrong = Vec::new();
    for rule in Rule::ALL {
        let found = check(&rule.page().right.file);
        if !found.is_empty() {
            wrong.push(format!("{}: {:?}", rule.code(), found.lines()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(check(rules::BASE.as_bytes()).is_empty());
}

#[test]
fn the_base_of_the_examples_stands_in_the_reference() {
    assert!(rules::reference().contains(&format!("```yaml\n{}```", rules::BASE)));
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/sdl-rules.md");
    let wanted = rules::reference();
    if std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/reference/sdl-rules.md is stale; renew it with HAGGLE_UPDATE_SNAPSHOTS=1 cargo test -p sdl --test pages"
    );
}

#[test]
fn codes_lead_to_their_rules_and_families_to_theirs() {
    for rule in Rule::ALL {
        assert_eq!(Rule::from_code(rule.code()), Some(*rule));
        assert_eq!(Rule::matching(rule.code()), [*rule]);
    }
    assert_eq!(Rule::from_code("sdl::image"), None);
    assert_eq!(Rule::matching("sdl::image"), [Rule::ImageTag, Rule::ImageName]);
    assert_eq!(Rule::matching("sdl::image::*"), Rule::matching("sdl::image"));
    assert_eq!(Rule::matching("sdl::*").len(), Rule::ALL.len());
    assert!(Rule::matching("sdl::ima").is_empty());
    assert_eq!(Rule::matching("image::latest"), [Rule::ImageTag]);
    assert!(Rule::matching("").is_empty());
}
