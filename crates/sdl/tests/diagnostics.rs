//! Reports in all their forms: excerpts for people, JSON and SARIF for programs.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::{CheckOptions, Diagnostics, RenderOptions, Rule};
use serde_json::Value;

/// A small file that compiles, for changes.
const VALID: &str = r#"version: "2.0"
services:
  web:
    image: nginx:1.27
    expose:
      - port: 80
        to:
          - global: true
profiles:
  compute:
    small:
      resources:
        cpu:
          units: 1
        memory:
          size: 1Gi
        storage:
          size: 1Gi
  placement:
    dc:
      pricing:
        small:
          denom: uact
          amount: 100
deployment:
  web:
    dc:
      profile: small
      count: 1
"#;

fn found(text: &str) -> Diagnostics {
    sdl::check(text, &CheckOptions::default()).diagnostics.with_name("web.yaml")
}

fn changed(from: &str, to: &str) -> Diagnostics {
    assert!(VALID.contains(from), "{from}");
    found(&VALID.replacen(from, to, 1))
}

fn render(found: &Diagnostics) -> String {
    found.render(RenderOptions { color: false, unicode: true, width: 90 })
}

#[track_caller]
fn check_excerpt(found: &Diagnostics, expected: &str) {
    let shown = render(found);
    let lines = |text: &str| text.trim().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(&shown), lines(expected), "\n{shown}");
}

#[test]
fn an_excerpt_underlines_what_is_wrong_and_says_what_to_write() {
    check_excerpt(
        &changed("      - port: 80\n", "      - prot: 80\n        port: 80\n"),
        "
sdl::key::ignored

  ⚠ `prot` is not a key of an entry of `expose` and has no effect
   ╭─[web.yaml:6:9]
 5 │     expose:
 6 │       - prot: 80
   ·         ────
 7 │         port: 80
   ╰────
  help: did you mean `port`?
",
    );
}

#[test]
fn places_that_are_near_share_an_excerpt_and_others_do_not() {
    let near = render(&changed("image: nginx:1.27", "image: a\n    image: b"));
    assert_eq!(near.matches("╭─[").count(), 1, "{near}");
    assert!(near.contains("first here") && near.contains("here"), "{near}");
    let between = "\n    command: [a]\n    args: [a,\n     b,\n     c]\n    env: []\n    image: b";
    let far = render(&changed("image: nginx:1.27", &format!("image: a{between}")));
    assert_eq!(far.matches("╭─[").count(), 2, "{far}");
    assert!(far.contains("web.yaml:4:5") && far.contains("web.yaml:10:5"), "{far}");
}

#[test]
fn tabs_and_wide_characters_do_not_move_the_line_below() {
    let found = found("version: '2.0'\nservices: {网络: {\t\"网\":\t[1], imagé: x}}\n");
    let shown = render(&found);
    let lines: Vec<&str> = shown.lines().collect();
    // On a terminal 网 takes two columns and a tab goes to the next multiple of four.
    let width = |text: &str| text.chars().map(|it| 1 + usize::from(it > '\u{2fff}')).sum::<usize>();
    let at = lines.iter().position(|it| it.contains("imagé: x")).unwrap();
    let start = width(lines[at].split("imagé").next().unwrap());
    let marks: Vec<usize> = lines
        .iter()
        .filter(|it| it.contains('·'))
        .map(|it| width(it.split(['─', '┬']).next().unwrap()))
        .collect();
    assert!(marks.contains(&start), "{start} {marks:?}\n{shown}");
}

#[test]
fn line_ends_and_marks_of_other_systems_change_no_position() {
    let broken = VALID.replacen("port: 80", "port: eighty", 1);
    let positions = |text: &str| -> Vec<String> {
        found(text).lines().iter().map(|it| it.to_owned()).collect()
    };
    let expected = positions(&broken);
    assert!(expected[0].starts_with("web.yaml:6:15: error[sdl::decode::type]"), "{expected:?}");
    assert_eq!(positions(&broken.replace('\n', "\r\n")), expected);
    assert_eq!(positions(&format!("\u{feff}{broken}")), expected);
    let shown = render(&found(&format!("\u{feff}{}", broken.replace('\n', "\r\n"))));
    assert!(shown.contains("[web.yaml:6:15]"), "{shown}");
    assert!(!shown.contains(['\r', '\u{feff}']), "{shown:?}");
    // The first line begins behind the mark.
    let json = found("\u{feff}vers: 1\n").to_json();
    assert_eq!(json[0]["span"]["start"]["column"], 1);
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
    for text in [
        "version: '2.0'\nservices: {\"\\e[31mred\\r\\n\": {imag: 1}}\n",
        "version: '2.0' # \u{202e}dekcah\nservices: {web: {imag: x}}\n",
        "version: '2.0'\nservices: {web: {\"im\\u202eag\": x}} # \u{1b}[2J\n",
        "version: '2.0'\nservices: {web: {imag: x}} \u{7f}\n",
        "vers: \u{9b}1m\n",
    ] {
        let found = found(text).with_name("a\u{1b}[1m.yaml");
        assert!(!found.is_empty());
        for shown in [render(&found), found.to_string()] {
            let bad =
                |it: char| (it.is_control() && it != '\n') || matches!(it, '\u{202a}'..='\u{202e}');
            assert!(!shown.contains(bad), "{shown:?}");
        }
        for line in found.lines() {
            assert!(!line.contains('\n'), "{line:?}");
        }
    }
}

#[test]
fn colours_come_only_when_asked_for() {
    let found = changed("port: 80", "prot: 80");
    for unicode in [true, false] {
        let plain = found.render(RenderOptions { color: false, unicode, width: 80 });
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        assert_eq!(plain.is_ascii(), !unicode, "{plain}");
        let colored = found.render(RenderOptions { color: true, unicode, width: 80 });
        assert!(colored.contains('\u{1b}'), "{colored:?}");
    }
}

#[test]
fn the_end_of_a_file_can_be_shown() {
    for text in ["", "\n", "services: {web: ", "services: {web: \n", "a: 'b\n\n\n", "a: \"b"] {
        let found = found(text);
        assert!(!found.is_empty(), "{text:?}");
        let shown = render(&found);
        assert!(shown.contains("web.yaml:"), "{text:?}\n{shown}");
        assert!(!shown.contains("Failed to read"), "{text:?}\n{shown}");
    }
}

#[test]
fn json_says_code_path_span_message_hint_and_fix() {
    let json = changed("    expose:\n", "    arg: [é]\n    expose:\n").to_json();
    let it = json.as_array().unwrap().iter().find(|it| it["text"] == "arg").unwrap();
    assert_eq!(it["code"], "sdl::key::ignored");
    assert_eq!(it["severity"], "warning");
    assert_eq!(it["file"], "web.yaml");
    assert_eq!(it["path"], "services.web.arg");
    assert_eq!(it["span"]["start"], serde_json::json!({"line": 5, "column": 5, "offset": 58}));
    assert_eq!(it["span"]["end"], serde_json::json!({"line": 5, "column": 8, "offset": 61}));
    assert_eq!(it["hint"], "did you mean `args`?");
    assert_eq!(it["fix"]["replacement"], "args");
    assert_eq!(it["fix"]["span"], it["span"]);
}

/// Applies the first fix of a file; none if it has none.
fn fixed(text: &str) -> Option<(Rule, String)> {
    let found = found(text);
    let (it, fix) = found.iter().find_map(|it| Some((it, found.fix(it)?)))?;
    let (start, end) = (fix.span.start as usize, fix.span.end as usize);
    Some((it.rule, format!("{}{}{}", &text[..start], fix.replacement, &text[end..])))
}

#[test]
fn a_fix_put_into_the_file_mends_it() {
    for (right, wrong) in [
        ("image:", "imgae:"),
        ("image:", "\"imgae\":"),
        ("global: true", "globl: true"),
        ("denom: uact", "'denmo': uact"),
        ("profile: small", "profile: smal"),
        ("  web:\n    dc:", "  wbe:\n    dc:"),
        ("    dc:\n      profile", "    dx:\n      profile"),
        ("deployment:", "deploymnet:"),
    ] {
        assert!(VALID.contains(right), "{right}");
        let mut text = VALID.replacen(right, wrong, 1);
        let (_, mended) = fixed(&text).unwrap_or_else(|| panic!("{wrong}: {:?}", found(&text)));
        assert_ne!(mended, text);
        text = mended;
        assert!(found(&text).is_empty(), "{wrong}: {:?}\n{text}", found(&text));
    }
}

#[test]
fn many_diagnostics_of_a_large_file_are_reported_without_reading_it_again_for_each() {
    // The places lie at the end of a file as large as may be: counting from its start for each would read
    // hundreds of megabytes for every form of report.
    let mut text = "# \u{e9}\n".repeat(160_000);
    text.push_str("version: '2.0'\nservices:\n");
    for at in 0..300 {
        text.push_str(&format!("  web{at}: {{image: 1, imag: [x]}}\n"));
    }
    let found = found(&text);
    assert!(found.len() >= 200, "{}", found.len());
    let json = found.to_json();
    let first = &json[0]["span"]["start"];
    assert!(first["line"].as_u64().unwrap() > 160_000, "{first}");
    assert_eq!(json.as_array().unwrap().len(), found.len());
    assert!(render(&found).contains("imag: [x]"));
    assert_eq!(found.to_sarif()["runs"][0]["results"].as_array().unwrap().len(), found.len());
}

// SARIF 2.1.0: the required properties and closed vocabularies of the standard, by section.

fn text(value: &Value, what: &str) -> String {
    let text = value.as_str().unwrap_or_else(|| panic!("{what} is no text: {value}"));
    assert!(!text.is_empty(), "{what} is empty");
    text.to_owned()
}

/// A message has `text` (3.11).
fn check_message(value: &Value) {
    text(&value["text"], "message.text");
}

/// Lines and columns count from 1, and the end is not before the start (3.30).
fn check_region(region: &Value) {
    let number = |name: &str| region[name].as_u64().unwrap_or_else(|| panic!("{name} {region}"));
    assert!(number("startLine") >= 1 && number("startColumn") >= 1, "{region}");
    let start = (number("startLine"), number("startColumn"));
    assert!((number("endLine"), number("endColumn")) >= start, "{region}");
}

fn check_artifact_location(location: &Value, artifacts: &[Value]) {
    // 3.4.3: a URI reference; 3.4.5: the index of the same artifact.
    let uri = text(&location["uri"], "uri");
    assert!(uri.bytes().all(|it| it.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&it)), "{uri}");
    let index = usize::try_from(location["index"].as_u64().unwrap()).unwrap();
    assert_eq!(artifacts[index]["location"]["uri"], location["uri"]);
}

fn check_sarif(log: &Value) {
    // 3.13: a log has `version` and `runs`.
    assert_eq!(log["version"], "2.1.0");
    assert!(text(&log["$schema"], "$schema").contains("sarif-2.1.0"));
    for run in log["runs"].as_array().unwrap() {
        // 3.14, 3.18, 3.19: a run has a tool, a tool a driver, a driver a name.
        let driver = &run["tool"]["driver"];
        text(&driver["name"], "driver.name");
        text(&driver["version"], "driver.version");
        assert!(
            ["unicodeCodePoints", "utf16CodeUnits"].map(Value::from).contains(&run["columnKind"])
        );
        let artifacts = run["artifacts"].as_array().unwrap();
        let levels = ["none", "note", "warning", "error"].map(Value::from);
        // 3.49: a rule has an `id`, unique here; help texts are messages.
        let rules = driver["rules"].as_array().unwrap();
        let mut ids: Vec<String> = rules.iter().map(|it| text(&it["id"], "rule.id")).collect();
        ids.dedup();
        assert_eq!(ids.len(), rules.len());
        for rule in rules {
            for field in ["shortDescription", "fullDescription", "help"] {
                check_message(&rule[field]);
            }
            text(&rule["help"]["markdown"], "help.markdown");
            assert!(levels.contains(&rule["defaultConfiguration"]["level"]), "{rule}");
            // 3.49.12: absolute.
            if let Some(uri) = rule.get("helpUri") {
                assert!(text(uri, "helpUri").starts_with("https://"), "{uri}");
            }
        }
        for result in run["results"].as_array().unwrap() {
            // 3.27: a result has a message; id and index of its rule agree.
            check_message(&result["message"]);
            assert!(levels.contains(&result["level"]), "{result}");
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let others = result.get("relatedLocations").and_then(Value::as_array);
            for location in
                result["locations"].as_array().unwrap().iter().chain(others.into_iter().flatten())
            {
                let place = &location["physicalLocation"];
                check_artifact_location(&place["artifactLocation"], artifacts);
                check_region(&place["region"]);
            }
            for other in others.into_iter().flatten() {
                check_message(&other["message"]);
            }
            // 3.55 to 3.57: a fix has changes, a change its artifact and replacements, those a region.
            for fix in result.get("fixes").and_then(Value::as_array).into_iter().flatten() {
                check_message(&fix["description"]);
                for change in fix["artifactChanges"].as_array().unwrap() {
                    check_artifact_location(&change["artifactLocation"], artifacts);
                    for replacement in change["replacements"].as_array().unwrap() {
                        check_region(&replacement["deletedRegion"]);
                        text(&replacement["insertedContent"]["text"], "insertedContent");
                    }
                }
            }
        }
    }
}

#[test]
fn a_sarif_log_has_what_the_standard_requires() {
    let reports = [
        changed("    expose:\n", "    arg: [a]\n    expose:\n"),
        found("version: '2.0'\nservices: {web: {imag: x, imag: y}}\n").with_name("a b/é.yaml"),
        found("a: [").with_name("/srv/c.yaml"),
        found(VALID).with_name("d.yaml"),
        found(""),
    ];
    let options = sdl::sarif::Options {
        version: "1.2.3".to_owned(),
        rules_page: Some("https://example.com/rules".to_owned()),
    };
    let log = sdl::sarif::to_sarif(&reports, &options);
    check_sarif(&log);
    let run = &log["runs"][0];
    assert_eq!(run["artifacts"].as_array().unwrap().len(), reports.len());
    let total: usize = reports.iter().map(Diagnostics::len).sum();
    assert_eq!(run["results"].as_array().unwrap().len(), total);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ignored = rules.iter().find(|it| it["id"] == "sdl::key::ignored").unwrap();
    assert_eq!(ignored["helpUri"], "https://example.com/rules#sdl-key-ignored");
    let results = run["results"].as_array().unwrap();
    let misspelt = results.iter().find(|it| it["ruleId"] == "sdl::key::ignored").unwrap();
    assert_eq!(misspelt["locations"][0]["physicalLocation"]["region"]["startLine"], 5);
    assert_eq!(
        misspelt["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        "services.web.arg"
    );
    let change = &misspelt["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "args");
    check_sarif(&reports[0].to_sarif());
}

#[test]
fn anchors_of_rules_are_those_of_the_reference_page() {
    let page = sdl::rules::reference();
    let options = sdl::sarif::Options {
        rules_page: Some("https://example.com/rules".to_owned()),
        ..Default::default()
    };
    let log = sdl::sarif::to_sarif(&[changed("size: 1Gi", "size: 1GB")], &options);
    let uri = log["runs"][0]["tool"]["driver"]["rules"][0]["helpUri"].as_str().unwrap();
    let anchor = uri.split_once('#').unwrap().1;
    assert!(page.contains(&format!("<a id=\"{anchor}\">")), "{anchor}");
}

#[test]
fn a_finding_keeps_its_fingerprint_when_lines_are_added_above() {
    let prints = |text: &str| -> Vec<String> {
        let log = found(text).to_sarif();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        let print =
            |it: &Value| it["partialFingerprints"]["haggle/v1"].as_str().unwrap().to_owned();
        results.iter().map(print).collect()
    };
    let broken = VALID.replacen("image:", "imgae:", 1);
    assert_eq!(prints(&broken), prints(&format!("# a\n# b\n{broken}")));
    assert_ne!(prints(&broken), prints(&broken.replace("web:", "app:")));
}
