//! The document: versions, keys, types of values, aliases.

use super::*;

#[test]
fn odd_documents() {
    check("", Rule::Empty, "sdl: uninitialized");
    check("# nothing\n\n", Rule::Empty, "sdl: uninitialized");
    check("- a\n", Rule::NoVersion, "SDL invalid: no version found");
    check("text", Rule::NoVersion, "SDL invalid: no version found");
    check(
        &BASE.replace("version: \"2.0\"\n", ""),
        Rule::NoVersion,
        "SDL invalid: no version found",
    );
    check("a: [", Rule::YamlSyntax, "");
    check("a: *b", Rule::UnknownAnchor, "");
    let cycle = "anchor 'b' value contains itself";
    check(&service("env: &b [*b]"), Rule::UnknownAnchor, cycle);
    check(&service("<<: &b {<<: *b}"), Rule::UnknownAnchor, cycle);
    check(&service("params: &b {storage: *b}"), Rule::UnknownAnchor, cycle);
    accepted(&service("ignored: &b [*b]"));
    check(&"[".repeat(200), Rule::TooDeep, "");
    check(&"- ".repeat(200), Rule::TooDeep, "");
    check(&format!("{BASE}#{}", "x".repeat(1 << 20)), Rule::TooLarge, "");
    accepted(&format!("\u{feff}{BASE}"));
    accepted(&BASE.replace('\n', "\r\n"));
    accepted(&format!("---\n{BASE}---\nsecond: document\n"));
}

#[test]
fn versions() {
    let version = |text: &str| changed(&[("\"2.0\"", text)]);
    for text in ["2", "2.0", "v2.0.0", "2.00", "2.1", "3.0", "\"2.2\""] {
        accepted(&version(text));
    }
    check(&version("1.0"), Rule::BadVersion, "SDL invalid: config: unsupported version \"1.0.0\"");
    check(
        &version("2.0.1"),
        Rule::BadVersion,
        "SDL invalid: config: unsupported version \"2.0.1\"",
    );
    check(&version("two"), Rule::BadVersion, "");
}

#[test]
fn unknown_keys() {
    check(&top("extra: 1"), Rule::UnknownKey, "sdl: unexpected field extra");
    check(&top("<<: {services: {}}"), Rule::MergeKey, "sdl: unexpected field <<");
    check(
        &gpu("{units: 0, modle: 1}"),
        Rule::UnknownKey,
        "sdl: unsupported field (modle) for GPU resource",
    );
    check(
        &gpu("{units: 1, attributes: {vendors: {}}}"),
        Rule::UnknownKey,
        "sdl: unsupported attribute (vendors) for GPU resource",
    );
    check(
        &cpu("{units: 1, attributes: {model: x}}"),
        Rule::CpuAttribute,
        "unsupported cpu attribute \"model\"",
    );
    check(
        &storage("{size: 1Gi, attributes: {speed: 1}}"),
        Rule::StorageAttribute,
        "sdl: unsupported storage attribute: speed",
    );
    let compiled = accepted(&service("comand: [a]"));
    let warning = compiled.warnings.iter().find(|it| it.rule == Rule::IgnoredKey).unwrap();
    assert_eq!(warning.rule.severity(), Severity::Warning);
    assert_eq!(warning.hint.as_deref(), Some("did you mean `command`?"));
    assert_eq!(compiled.warnings.text(warning.span), "comand");
    assert_eq!(compiled.warnings.position(warning.span).line, 5);
}

#[test]
fn warnings() {
    let warned = |text: &str| -> Vec<(Rule, String)> {
        let compiled = accepted(text);
        // The lints have tests of their own.
        let own = [Rule::IgnoredKey, Rule::UndeployedService, Rule::UnknownTarget];
        let found = compiled.warnings.iter().filter(|it| own.contains(&it.rule));
        found.map(|it| (it.rule, it.hint.clone().unwrap())).collect()
    };
    assert_eq!(warned(BASE), []);
    let text = service("depends_on: [db]");
    let hint = "services start together; let each wait for what it needs";
    assert_eq!(warned(&text), [(Rule::IgnoredKey, hint.to_owned())]);
    let text = changed(&[("services:\n", "services:\n  spare: {image: spare}\n")]);
    let hint = "name it under `deployment`, or remove it";
    assert_eq!(warned(&text), [(Rule::UndeployedService, hint.to_owned())]);
    let text = changed(&[(GLOBAL, &format!("{GLOBAL}          - service: wbe\n"))]);
    assert_eq!(warned(&text), [(Rule::UnknownTarget, "did you mean `web`?".to_owned())]);
}

#[test]
fn duplicate_keys() {
    check(&service("image: other"), Rule::DuplicateKey, "mapping key \"image\" already defined");
    check(
        &service("\"image\": other"),
        Rule::DuplicateKey,
        "mapping key \"image\" already defined",
    );
    check(&top("services: {}"), Rule::DuplicateKey, "");
    // The reference walks through these two by hand, and the last one wins.
    let text = gpu("{units: 1, units: 0}");
    accepted(&text);
    // What is ignored is not looked into.
    accepted(&service("volumes: {a: 1, a: 2}"));
}

#[test]
fn types() {
    for text in [
        service("command: echo"),
        service("env: {A: b}"),
        service("env: [[a]]"),
        service("expose: 80")
            .replace("    expose:\n      - port: 80\n        to:\n          - global: true\n", ""),
        on_port("as: \"80\""),
        on_port("as: -1"),
        on_port("as: 4294967296"),
        on_port("as: .inf"),
        on_port("as: !!int x"),
        on_port("accept: a.example"),
        on_port("http_options: {read_timeout: soon}"),
        changed(&[("global: true", "global: \"true\"")]),
        changed(&[("global: true", "global: 1")]),
        changed(&[("count: 1", "count: one")]),
        changed(&[("count: 1", "count: \"1\"")]),
        top("include: file"),
        top("include: [[a]]"),
        service("dependencies: [{service: [a]}]"),
        service("params: {storage: {a: {readOnly: maybe}}}"),
        service("params: [a]"),
        cpu("1"),
        memory("1Gi"),
        gpu("[a]"),
        changed(&[(
            "    dc:\n      pricing:\n",
            "    dc:\n      signedBy: {anyOf: a}\n      pricing:\n",
        )]),
        changed(&[(
            "    dc:\n      pricing:\n",
            "    dc:\n      attributes: [a]\n      pricing:\n",
        )]),
        changed(&[(
            "    dc:\n      pricing:\n",
            "    dc:\n      attributes: {a: [b]}\n      pricing:\n",
        )]),
    ] {
        check(&text, Rule::Type, "");
    }
    for text in [
        on_port("as: 0x50"),
        on_port("as: 0o120"),
        on_port("as: 0120"),
        on_port("as: 0b1010000"),
        on_port("as: 8_0"),
        on_port("as: 80.9"),
        on_port("as: 8e1"),
        on_port("as: 080"),
        on_port("as: +80"),
        on_port("as: !!int \"80\""),
    ] {
        assert_eq!(
            accepted(&text).manifest.0[0].services()[0].exposes()[0].external_port,
            80,
            "{text}"
        );
    }
    for text in ["yes", "On", "y", "\"on\"", "True", "TRUE"] {
        accepted(&changed(&[("global: true", &format!("global: {text}"))]));
    }
    for text in ["no", "Off", "N", "false", "~"] {
        check(
            &changed(&[("global: true", &format!("global: {text}"))]),
            Rule::NoGlobal,
            "invalid manifest: zero global services",
        );
    }
}

#[test]
fn texts_are_taken_literally() {
    let image = |text: &str| {
        let compiled = accepted(&changed(&[("image: nginx", &format!("image: {text}"))]));
        compiled.manifest.0[0].services()[0].image.clone()
    };
    assert_eq!(image("1.50"), "1.50");
    assert_eq!(image("0x10"), "0x10");
    assert_eq!(image("true"), "true");
    assert_eq!(image("2020-01-01"), "2020-01-01");
    assert_eq!(image("!!binary bmdpbng="), "nginx");
    assert_eq!(image("!mine nginx"), "nginx");
    assert_eq!(image("!!str ~"), "~");
    assert_eq!(image("\"~\""), "~");
    assert_eq!(image("a # comment"), "a");
    assert_eq!(image("a#b"), "a#b");
    check(&changed(&[("image: nginx", "image: ~")]), Rule::Image, "");
    let env = |text: &str| accepted(&service(text)).manifest.0[0].services()[0].env.clone();
    assert_eq!(env("env: [~, A=b, null]"), Some(vec!["A=b".to_owned()]));
    assert_eq!(env("env: ~"), None);
    assert_eq!(env("env: []"), Some(vec![]));
    assert_eq!(
        env("env:\n    - >-\n      A=b\n      c\n    - |\n      D=e\n"),
        Some(vec!["A=b c".into(), "D=e\n".into()])
    );
    assert_eq!(env("env: ['A=''b', \"B=\\x41\\u00e9\"]"), Some(vec!["A='b".into(), "B=Aé".into()]));
}

#[test]
fn anchors_and_merge_keys() {
    let text = changed(&[
        (IMAGE.0, "    <<: &base {image: nginx, env: [A=b]}\n"),
        ("deployment:\n", "  # unused\ndeployment:\n"),
    ]);
    let compiled = accepted(&text);
    assert_eq!(compiled.manifest.0[0].services()[0].image, "nginx");
    let is_ignored = compiled.warnings.iter().any(|it| it.rule == Rule::IgnoredKey);
    assert!(!is_ignored, "{}", compiled.warnings);
    let text = changed(&[(IMAGE.0, "    <<: [{image: first}, {image: second, args: [a]}]\n")]);
    assert_eq!(accepted(&text).manifest.0[0].services()[0].image, "first");
    let text = changed(&[(IMAGE.0, "    image: own\n    <<: {image: merged}\n")]);
    assert_eq!(accepted(&text).manifest.0[0].services()[0].image, "own");
    let text = changed(&[(IMAGE.0, "    image: own\n    <<: [a]\n")]);
    check(&text, Rule::MergeKey, "map merge requires map or sequence of maps as the value");
    let text = changed(&[(IMAGE.0, "    image: own\n    <<: a\n")]);
    check(&text, Rule::MergeKey, "");
    // In these two the reference does not know merge keys.
    check(
        &gpu("{units: 0, <<: {units: 1}}"),
        Rule::UnknownKey,
        "sdl: unsupported field (<<) for GPU resource",
    );
    check(
        &cpu("{units: 1, attributes: {<<: {arch: a}}}"),
        Rule::CpuAttribute,
        "unsupported cpu attribute \"<<\"",
    );
    let text = changed(&[
        ("size: 1Gi\n        storage", "size: &size 1Gi\n        storage"),
        ("storage:\n          size: 1Gi", "storage:\n          size: *size"),
    ]);
    assert_eq!(accepted(&text).version_hex(), accepted(BASE).version_hex());
}

#[test]
fn aliases_cannot_multiply_the_document() {
    let mut text = String::from("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..9 {
        let uses = vec![format!("*x{}", level - 1); 10].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{uses}]\n"));
    }
    // Where nothing reads the bomb, it is only an unknown key.
    check(&format!("{BASE}{text}"), Rule::UnknownKey, "");
    let mut merges = String::from("version: \"2.0\"\nservices:\n  s0: &s0 {a0: 1}\n");
    for level in 1..40 {
        merges
            .push_str(&format!("  s{level}: &s{level} {{<<: [*s{0}, *s{0}, *s{0}]}}\n", level - 1));
    }
    check(&merges, Rule::AliasExpansion, "");
    let long = "x".repeat(500_000);
    let aliases = vec!["*a"; 50_000].join(",");
    let text = service(&format!("env: [&a A{long},{aliases}]"));
    check(&text, Rule::AliasExpansion, "");
}

#[test]
fn output_is_bounded() {
    let mut text = service(&format!("env: [A={}]", "x".repeat(300_000)));
    let mut placements = String::new();
    let mut deployed = String::new();
    for index in 0..500 {
        placements.push_str(&format!("    p{index}: *p\n"));
        deployed.push_str(&format!("    p{index}: *d\n"));
    }
    text = text.replace("    dc:\n      pricing:", "    dc: &p\n      pricing:");
    text = text.replace("deployment:\n", &format!("{placements}deployment:\n"));
    text = text.replace("    dc:\n      profile: web", "    dc: &d\n      profile: web");
    text.push_str(&deployed);
    check(&text, Rule::AliasExpansion, "");
}
