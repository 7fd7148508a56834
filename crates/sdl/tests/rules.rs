//! Every rule of the language: a small file that breaks it, the rule's code, and the reference's words.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::{Diagnostics, Rule, Severity, compile};

const BASE: &str = include_str!("base/plain.yaml");

/// The base file with places changed: pairs of what stands there and what shall.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn refused(text: &str) -> Diagnostics {
    match compile(text) {
        Ok(_) => panic!("compiles:\n{text}"),
        Err(found) => {
            for it in found.iter() {
                let shown = found.render(sdl::RenderOptions::default());
                assert!(shown.contains(it.rule.code()), "{shown}");
                assert!(it.span.end as usize <= text.len(), "{it:?}");
            }
            found
        }
    }
}

/// The first error has a rule and says a reference's text.
fn check(text: &str, rule: Rule, reference: &str) {
    let found = refused(text);
    let first = found.first_error().unwrap();
    assert_eq!(first.rule, rule, "{text}\n{found}");
    if !reference.is_empty() {
        assert_eq!(first.reference.as_deref(), Some(reference), "{text}\n{found}");
    }
}

fn accepted(text: &str) -> sdl::Compiled {
    compile(text).unwrap_or_else(|found| panic!("{text}\n{found}"))
}

const IMAGE: (&str, &str) = ("    image: nginx\n", "    image: nginx\n");
const CPU: &str = "        cpu:\n          units: 1\n";
const MEMORY: &str = "        memory:\n          size: 1Gi\n";
const STORAGE: &str = "        storage:\n          size: 1Gi\n";
const PORT: &str = "      - port: 80\n";
const GLOBAL: &str = "          - global: true\n";
const PRICE: &str = "          denom: uakt\n          amount: 100\n";

fn service(line: &str) -> String {
    changed(&[(IMAGE.0, &format!("{}    {line}\n", IMAGE.1))])
}

fn on_port(line: &str) -> String {
    changed(&[(PORT, &format!("{PORT}        {line}\n"))])
}

fn cpu(line: &str) -> String {
    changed(&[(CPU, &format!("        cpu: {line}\n"))])
}

fn gpu(line: &str) -> String {
    changed(&[(CPU, &format!("{CPU}        gpu: {line}\n"))])
}

fn memory(line: &str) -> String {
    changed(&[(MEMORY, &format!("        memory: {line}\n"))])
}

fn storage(line: &str) -> String {
    changed(&[(STORAGE, &format!("        storage: {line}\n"))])
}

fn top(line: &str) -> String {
    format!("{BASE}{line}\n")
}

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

#[test]
fn quantities() {
    check(
        &cpu("{units: 1.5m}"),
        Rule::Quantity,
        "strconv.ParseUint: parsing \"1.5\": invalid syntax",
    );
    check(&cpu("{units: -1}"), Rule::Quantity, "invalid: negative value not allowed");
    check(&cpu("{units: 4294968}"), Rule::Quantity, "value out of range");
    check(&cpu("{units: [1]}"), Rule::Quantity, "strconv.ParseFloat: parsing \"\": invalid syntax");
    check(
        &memory("{size: 1GB}"),
        Rule::Quantity,
        "strconv.ParseFloat: parsing \"1GB\": invalid syntax",
    );
    check(
        &gpu("{units: 1.0}"),
        Rule::Quantity,
        "strconv.ParseUint: parsing \"1.0\": invalid syntax",
    );
    let found = refused(&storage("{size: 10GB}"));
    assert!(found.first_error().unwrap().hint.as_deref().unwrap().contains("`10G`"), "{found}");
    // Every entry is read, used or not.
    check(
        &changed(&[(
            "  compute:\n",
            "  compute:\n    spare: {resources: {memory: {size: 1gb}}}\n",
        )]),
        Rule::Quantity,
        "strconv.ParseFloat: parsing \"1gb\": invalid syntax",
    );
    accepted(&cpu("{units: \"0.5\"}"));
    accepted(&cpu("{units: 500m}"));
}

#[test]
fn missing_resources() {
    check(&changed(&[(CPU, "")]), Rule::MissingResource, "error: invalid unit CPU, cannot be nil");
    check(
        &changed(&[(MEMORY, "")]),
        Rule::MissingResource,
        "error: invalid unit memory, cannot be nil",
    );
    for line in ["~", "[]", "text"] {
        check(&storage(line), Rule::MissingResource, "error: invalid unit storage, cannot be nil");
    }
    check(
        &changed(&[(&format!("      resources:\n{CPU}{MEMORY}{STORAGE}"), "      other: 1\n")]),
        Rule::MissingResource,
        "",
    );
}

#[test]
fn limits() {
    let unit = |what: &str, max: &str, value: &str, last: &str| {
        format!("error: invalid unit {what} ({max} > {value} > {last} fails)")
    };
    check(&cpu("{units: 9m}"), Rule::Limit, &unit("CPU", "384000", "9", "384000"));
    check(&cpu("{units: 384.001}"), Rule::Limit, &unit("CPU", "384000", "384001", "384000"));
    check(&cpu("{}"), Rule::Limit, &unit("CPU", "384000", "0", "384000"));
    check(
        &memory("{size: 1048575}"),
        Rule::Limit,
        &unit("memory", "2199023255552", "1048575", "2199023255552"),
    );
    check(&memory("{size: 3Ti}"), Rule::Limit, "");
    check(&memory("{size: 100E}"), Rule::Limit, "");
    check(
        &storage("{size: 5242879}"),
        Rule::Limit,
        &unit("storage", "35184372088832", "5242879", "5242880"),
    );
    check(&storage("{size: 33Ti}"), Rule::Limit, "");
    check(&storage("[~]"), Rule::Limit, &unit("storage", "35184372088832", "0", "5242880"));
    let many = "{units: 25, attributes: {vendor: {nvidia: }}}";
    check(&gpu(many), Rule::Limit, &unit("GPU", "24", "25", "24"));
    for text in [
        cpu("{units: 10m}"),
        cpu("{units: 384}"),
        memory("{size: 1Mi}"),
        memory("{size: 2Ti}"),
        storage("{size: 5Mi}"),
        storage("{size: 32Ti}"),
        gpu("{units: 24, attributes: {vendor: {nvidia: }}}"),
    ] {
        accepted(&text);
    }
    let count = |count: &str| changed(&[("count: 1", &format!("count: {count}"))]);
    check(&count("0"), Rule::GroupLimit, "invalid total CPU (19200000 > 0 > 0 fails)");
    check(
        &changed(&[("      count: 1\n", "")]),
        Rule::GroupLimit,
        "invalid total CPU (19200000 > 0 > 0 fails)",
    );
    check(&count("19201"), Rule::GroupLimit, "invalid total CPU (19200000 > 19201000 > 0 fails)");
    accepted(&count("19200"));
    let big = memory("{size: 2Ti}").replace("count: 1", "count: 51");
    check(
        &big,
        Rule::GroupLimit,
        "invalid total memory (109951162777600 > 112150186033152 > 0 fails)",
    );
    let many =
        gpu("{units: 24, attributes: {vendor: {nvidia: }}}").replace("count: 1", "count: 51");
    check(&many, Rule::GroupLimit, "invalid total GPU (1200 > 1224 > 0 fails)");
    check(&storage(&format!("[{}]", vec!["{size: 1Gi}"; 21].join(","))), Rule::TooManyVolumes, "");
}

#[test]
fn gpus() {
    let attributes = |text: &str| gpu(&format!("{{units: 1, attributes: {text}}}"));
    let keys = |text: &str| -> Vec<String> {
        let compiled = accepted(&attributes(text));
        let gpu = compiled.manifest.0[0].services()[0].resources.gpu.clone().unwrap();
        gpu.attributes.into_iter().map(|it| it.key).collect()
    };
    check(&gpu("{units: 1}"), Rule::Gpu, "sdl: GPU attributes must be present if units > 0");
    check(
        &attributes("{}"),
        Rule::Gpu,
        "sdl: invalid GPU attributes. at least one vendor must be set",
    );
    check(
        &attributes("{vendor: }"),
        Rule::Gpu,
        "sdl: invalid GPU attributes. at least one vendor must be set",
    );
    check(
        &gpu("{units: 0, attributes: {vendor: {nvidia: }}}"),
        Rule::Gpu,
        "error: invalid GPU state. attributes cannot be present if units == 0",
    );
    check(
        &attributes("{vendor: {nvidia: [{model: rtx 4090}]}}"),
        Rule::Gpu,
        "sdl: invalid GPU attributes: attribute key does not match regexp",
    );
    check(
        &attributes("{vendor: {nvidia: [{model: '*', ram: 8Gi}]}}"),
        Rule::Gpu,
        "sdl: invalid GPU attributes: attribute key does not match regexp",
    );
    check(
        &attributes("{vendor: {nvidia: [{model: t4}, {model: t4}]}}"),
        Rule::Gpu,
        "sdl: invalid GPU attributes: attributes cannot have duplicate keys",
    );
    check(
        &attributes("{vendor: {nvidia: [{model: t4, interface: nvlink}]}}"),
        Rule::Gpu,
        "sdl: invalid GPU interface nvlink. expected \"pcie|sxm\"",
    );
    check(
        &attributes("{vendor: {nvidia: [{model: t4, ram: 80G}]}}"),
        Rule::Quantity,
        "strconv.ParseFloat: parsing \"80G\": invalid syntax",
    );
    for any in [
        "{vendor: {nvidia: }}",
        "{vendor: {nvidia: []}}",
        "{vendor: {}}",
        "{vendor: {amd: [{model: x}]}}",
    ] {
        assert_eq!(keys(any), ["vendor/nvidia/model/*"], "{any}");
    }
    assert_eq!(
        keys(
            "{vendor: {nvidia: [{model: t4}, {model: a100, ram: 80Gi, interface: sxm}, {model: b, ram: 512Mi}, {model: c, ram: 1Ti}]}}"
        ),
        [
            "vendor/nvidia/model/a100/ram/80Gi/interface/sxm",
            "vendor/nvidia/model/b/ram/0Gi",
            "vendor/nvidia/model/c/ram/1024Gi",
            "vendor/nvidia/model/t4",
        ]
    );
}

#[test]
fn volumes() {
    let names = |text: &str| -> Vec<String> {
        let compiled = accepted(&storage(text));
        let service = &compiled.manifest.0[0].services()[0];
        service.resources.volumes().iter().map(|it| it.name.clone()).collect()
    };
    assert_eq!(names("{name: ignored, size: 1Gi}"), ["default"]);
    assert_eq!(
        names("[{name: a, size: 1Gi}, {name: b, size: 1Gi}, {name: c, size: 1Gi}]"),
        ["c", "b", "a"]
    );
    assert_eq!(
        names("[{name: a, size: 2Gi}, {name: b, size: 1Gi}, {size: 3Gi}]"),
        ["b", "a", "default"]
    );
    check(
        &storage("[{size: 1Gi}, {size: 2Gi}]"),
        Rule::DuplicateVolume,
        "sdl: duplicated volume name",
    );
    check(
        &storage("[{name: a, size: 1Gi}, {name: a, size: 2Gi}]"),
        Rule::DuplicateVolume,
        "sdl: duplicated volume name",
    );
    let attributes = |text: &str| storage(&format!("{{size: 1Gi, attributes: {text}}}"));
    // Persistent ones would have to be mounted under 2.0.
    let new = |text: &str| attributes(text).replace("\"2.0\"", "\"2.1\"");
    let pairs = |text: &str| -> Vec<(String, String)> {
        let compiled = accepted(&new(text));
        let volume = compiled.manifest.0[0].services()[0].resources.volumes()[0].clone();
        volume.attributes.into_iter().map(|it| (it.key, it.value)).collect()
    };
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(pairs("~"), []);
    assert_eq!(pairs("{}"), [pair("persistent", "false")]);
    assert_eq!(pairs("{persistent: true}"), [pair("class", "default"), pair("persistent", "true")]);
    assert_eq!(pairs("{persistent: yes}"), [pair("persistent", "true")]);
    assert_eq!(
        pairs("{persistent: no, class: beta3}"),
        [pair("class", "beta3"), pair("persistent", "false")]
    );
    assert_eq!(pairs("{class: ram}"), [pair("class", "ram"), pair("persistent", "false")]);
    assert_eq!(
        pairs("{class: '', persistent: true}"),
        [pair("class", "default"), pair("persistent", "true")]
    );
    check(
        &new("{class: beta3}"),
        Rule::StorageAttribute,
        "sdl: ephemeral storage should not set attribute class",
    );
    check(
        &new("{class: ram, persistent: true}"),
        Rule::StorageAttribute,
        "sdl: ram storage class cannot be persistent",
    );
    check(
        &new("{class: fast, persistent: true}"),
        Rule::StorageAttribute,
        "sdl: invalid value for attribute class",
    );
    check(&new("{class: ''}"), Rule::StorageAttribute, "sdl: invalid value for attribute class");
    check(
        &new("{persistent: True}"),
        Rule::StorageAttribute,
        "sdl: invalid value for attribute \"persistent\". expected bool",
    );
}

#[test]
fn prices() {
    let price = |text: &str| changed(&[(PRICE, &format!("          {text}\n"))]);
    check(&price("{denom: uakt, amount: 0}"), Rule::Price, "invalid coin amount: amount is zero");
    check(
        &price("{denom: uakt, amount: -1}"),
        Rule::Price,
        "invalid: negative value not allowed: amount \"-1\" is negative",
    );
    check(&price("{denom: uakt, amount: .5}"), Rule::Price, "invalid decimal length");
    check(&price("{denom: uakt, amount: 1e3}"), Rule::Price, "");
    check(&price("{denom: uakt}"), Rule::Price, "");
    check(
        &changed(&[(&format!("        web:\n{PRICE}"), "        web: ~\n")]),
        Rule::NoPricing,
        "",
    );
    check(&price("{amount: 1}"), Rule::Denom, "");
    check(&price("{denom: 1akt, amount: 1}"), Rule::Denom, "");
    check(
        &price("{denom: uakt, amount: 10000000.1}"),
        Rule::PriceLimit,
        "group dc: error: invalid unit price (10000000 > 10000000.100000000000000000uakt fails)",
    );
    accepted(&price("{denom: uakt, amount: 10000000}"));
    accepted(&price(
        "{denom: ibc/27394FB092D2ECCD56123C74F36E4C1F, amount: \"0.000000000000000001\"}",
    ));
    let two = changed(&[
        ("services:\n", "services:\n  api: {image: api}\n"),
        (
            "  compute:\n",
            "  compute:\n    api: {resources: {cpu: {units: 1}, memory: {size: 1Gi}, storage: {size: 1Gi}}}\n",
        ),
        ("      pricing:\n", "      pricing:\n        api: {denom: uact, amount: 1}\n"),
        ("deployment:\n", "deployment:\n  api: {dc: {profile: api, count: 1}}\n"),
    ]);
    check(&two, Rule::MixedDenoms, "inconsistent group denomination: uact != uakt");
}

#[test]
fn exposes() {
    check(&on_port("proto: http"), Rule::Protocol, "unsupported service protocol");
    for port in ["0", "65536"] {
        check(
            &changed(&[("port: 80", &format!("port: {port}"))]),
            Rule::Port,
            "invalid manifest: service \"web\": port value must be 0 < value <= 65535 ",
        );
    }
    accepted(&on_port("as: 70000"));
    let http = |text: &str| on_port(&format!("http_options: {{{text}}}"));
    check(
        &http("max_body_size: 104857601"),
        Rule::HttpOption,
        "http option not allowed: body size cannot be greater than 104857600 bytes",
    );
    check(
        &http("read_timeout: 60001"),
        Rule::HttpOption,
        "http option not allowed: read timeout cannot be greater than 60000 ms",
    );
    check(
        &http("send_timeout: 60001"),
        Rule::HttpOption,
        "http option not allowed: send timeout cannot be greater than 60000 ms",
    );
    check(
        &http("proxy_buffer_size: 1048577"),
        Rule::HttpOption,
        "http option not allowed: proxy buffer size cannot be greater than 1048576 bytes",
    );
    check(
        &http("next_cases: [error, 501]"),
        Rule::HttpOption,
        "http option not allowed: next case is unknown: \"501\"",
    );
    check(
        &http("next_cases: [off, error]"),
        Rule::HttpOption,
        "http option not allowed: if 'off' is specified, no other cases may be specified",
    );
    let compiled = accepted(&http("next_cases: [500, 500], next_tries: 0, max_body_size: 0"));
    let options = &compiled.manifest.0[0].services()[0].exposes()[0].http_options;
    assert_eq!((options.next_tries, options.max_body_size), (3, 1_048_576));
    assert_eq!(options.next_cases, ["500", "500"]);
    accepted(&http("next_cases: [off]"));
    check(
        &on_port("accept: [A.example]"),
        Rule::Hostname,
        "invalid manifest: service \"web\": has invalid hostname \"A.example\"",
    );
    check(&on_port("accept: [a b]"), Rule::Hostname, "");
    check(
        &on_port("accept: [a.example, a.example]"),
        Rule::DuplicateHostname,
        "invalid manifest: service \"web\": hostname \"a.example\" is duplicated, this is not allowed",
    );
    let twice = on_port("accept: [a.example]")
        .replace(GLOBAL, &format!("{GLOBAL}          - service: web\n"));
    check(&twice, Rule::DuplicateHostname, "");
    check(
        &changed(&[("        to:\n          - global: true\n", "")]),
        Rule::NoGlobal,
        "invalid manifest: zero global services",
    );
}

#[test]
fn leased_addresses() {
    let with = |to: &str, endpoints: &str| {
        format!("{}endpoints: {endpoints}\n", changed(&[("- global: true", &format!("- {to}"))]))
    };
    let ip = "{kind: ip}";
    let used = "{global: true, ip: edge}";
    let compiled = accepted(&with(used, "{edge: {kind: ip}}"));
    assert_eq!(compiled.manifest.0[0].services()[0].exposes()[0].endpoint_sequence_number, 1);
    check(
        &with(used, &format!("{{edge: {ip}, Other: {ip}}}")),
        Rule::Endpoint,
        "SDL invalid: endpoint named \"Other\" is not a valid name",
    );
    check(
        &with(used, "{edge: }"),
        Rule::Endpoint,
        "SDL invalid: endpoint named \"edge\" has no kind",
    );
    check(
        &with(used, "{edge: {kind: tcp}}"),
        Rule::Endpoint,
        "SDL invalid: endpoint named \"edge\" unknown kind \"tcp\"",
    );
    check(
        &with("{global: true}", &format!("{{edge: {ip}}}")),
        Rule::UnusedEndpoint,
        "SDL invalid: endpoint \"edge\" declared but never used",
    );
    check(
        &with("{ip: edge}", &format!("{{edge: {ip}}}")),
        Rule::EndpointUse,
        "SDL invalid: error on \"web\" if an IP is declared the directive must be declared as global",
    );
    check(
        &with(used, "{}"),
        Rule::EndpointUse,
        "SDL invalid: error on service \"web\" no endpoint named \"edge\" exists",
    );
    let clash = format!("{}      - port: 81\n        to: [{used}]\n", PORT.replace(PORT, ""));
    let text = with(used, &format!("{{edge: {ip}}}"))
        .replace("profiles:\n", &format!("{clash}profiles:\n"));
    check(
        &text,
        Rule::EndpointClash,
        "SDL invalid: IP endpoint \"edge\" port: 81 protocol:  specified by service \"web\" already in use by \"web\"",
    );
    accepted(&text.replace("- port: 81\n", "- port: 81\n        as: 81\n"));
}

#[test]
fn references() {
    check(
        &changed(&[("profile: web", "profile: wbe")]),
        Rule::UnknownProfile,
        "SDL invalid: web.dc: no compute profile named wbe",
    );
    check(
        &changed(&[("deployment:\n  web:\n    dc:", "deployment:\n  web:\n    cd:")]),
        Rule::UnknownPlacement,
        "SDL invalid: web.cd: no placement profile named cd",
    );
    check(
        &changed(&[("      pricing:\n        web:", "      pricing:\n        api:")]),
        Rule::NoPricing,
        "SDL invalid: web.dc: no pricing for profile web",
    );
    check(
        &changed(&[("services:\n  web:", "services:\n  wbe:")]),
        Rule::UnknownService,
        "SDL invalid: web.dc: no service profile named web",
    );
    let found = refused(&changed(&[("services:\n  web:", "services:\n  wbe:")]));
    assert_eq!(found.first_error().unwrap().hint.as_deref(), Some("did you mean `wbe`?"));
    for empty in ["deployment: {}", "deployment:", "deployment: {web: }", "deployment: {web: {}}"] {
        let text = format!("{}{empty}\n", &BASE[..BASE.find("deployment:").unwrap()]);
        check(&text, Rule::NothingDeployed, "Invalid groups");
    }
    check(
        &changed(&[
            ("    dc:\n      pricing", "    '':\n      pricing"),
            ("    dc:\n      profile", "    '':\n      profile"),
        ]),
        Rule::GroupName,
        "empty group spec name denomination",
    );
}

#[test]
fn services() {
    let named = |name: &str| {
        changed(&[
            ("services:\n  web:", &format!("services:\n  {name}:")),
            ("deployment:\n  web:", &format!("deployment:\n  {name}:")),
        ])
    };
    check(&named("Web"), Rule::ServiceName, "invalid manifest: service \"Web\" name is invalid");
    check(
        &changed(&[("image: nginx", "image: \"\"")]),
        Rule::Image,
        "invalid manifest: service \"web\" has empty image name",
    );
    check(
        &service("env: [\"1A=b\"]"),
        Rule::EnvName,
        "invalid manifest: service \"web\" defines an env. var. with an invalid name \"1A\"",
    );
    let credentials = |text: &str| service(&format!("credentials: {{{text}}}"));
    check(
        &credentials(""),
        Rule::Credentials,
        "SDL invalid: web.dc: service Credentials missing Host",
    );
    check(
        &credentials("host: h"),
        Rule::Credentials,
        "SDL invalid: web.dc: service Credentials missing Username",
    );
    check(
        &credentials("host: h, username: u, password: ' '"),
        Rule::Credentials,
        "SDL invalid: web.dc: service Credentials missing Password",
    );
    let text = credentials("host: ' h ', username: u, password: p, email: ' e '");
    let taken =
        |text: &str| accepted(text).manifest.0[0].services()[0].credentials.clone().unwrap();
    assert_eq!((taken(&text).host, taken(&text).email), (" h ".to_owned(), String::new()));
    let new = text.replace("\"2.0\"", "\"2.1\"");
    assert_eq!((taken(&new).host, taken(&new).email), ("h".to_owned(), "e".to_owned()));
    check(
        &service("params: {tee: gpu}"),
        Rule::Tee,
        "sdl: unsupported tee type: \"gpu\" (allowed: cpu, cpu-gpu)",
    );
    check(
        &service("params: {tee: cpu-gpu}"),
        Rule::Tee,
        "sdl: tee type requires gpu resources: \"cpu-gpu\" specified but no gpu resources defined",
    );
    let compiled = accepted(&service("params: {tee: cpu}"));
    assert_eq!(compiled.groups[0].requirements.attributes[0].key, "tee/type");
}

#[test]
fn mounts() {
    let persistent =
        storage("[{size: 1Gi}, {name: data, size: 2Gi, attributes: {persistent: true}}]");
    check(
        &persistent,
        Rule::PersistentUnmounted,
        "SDL invalid: compute.storage.data has persistent=true which requires service.web.params.storage.data to have mount",
    );
    accepted(&persistent.replace("\"2.0\"", "\"2.1\""));
    let with = |params: &str| {
        persistent.replacen(IMAGE.0, &format!("{}    params: {{storage: {params}}}\n", IMAGE.1), 1)
    };
    accepted(&with("{data: {mount: /data}}"));
    // One entry for any volume silences the rule.
    accepted(&with("{default: {mount: /tmp}}"));
    check(
        &with("{dta: {mount: /data}}"),
        Rule::Mount,
        "SDL invalid: service \"web\" references to no-existing compute volume named \"dta\"",
    );
    check(
        &with("{data: {mount: data}}"),
        Rule::Mount,
        "SDL invalid: invalid value for \"service.web.params.data.mount\" parameter. expected absolute path",
    );
    check(&with("{data: }"), Rule::Mount, "");
    check(
        &with("{data: {mount: /a}, default: {mount: /a}}"),
        Rule::Mount,
        "sdl: duplicated mount point: mount \"/a\" already in use by volume \"data\"",
    );
    let ram = storage("[{size: 1Gi}, {name: shm, size: 1Gi, attributes: {class: ram}}]").replacen(
        IMAGE.0,
        &format!(
            "{}    params: {{storage: {{shm: {{mount: /dev/shm, readOnly: true}}}}}}\n",
            IMAGE.1
        ),
        1,
    );
    accepted(&ram);
    check(
        &ram.replace("\"2.0\"", "\"2.1\""),
        Rule::Mount,
        "SDL invalid: services.web.params.storage.shm has readOnly=true which is not allowed for storage class \"ram\"",
    );
}

#[test]
fn reclamation() {
    let window = |text: &str| top(&format!("reclamation: {text}"));
    assert_eq!(accepted(&window("{min_window: 36h}")).reclamation_ns, Some(129_600_000_000_000));
    assert_eq!(accepted(BASE).reclamation_ns, None);
    for text in ["", "{}", "{min_window: }", "{min_window: soon}", "{min_window: 1d}"] {
        check(&window(text), Rule::Reclamation, "");
    }
    check(
        &window("{min_window: 0}"),
        Rule::Reclamation,
        "SDL invalid: reclamation min_window must be > 0",
    );
    check(
        &window("{min_window: -1h}"),
        Rule::Reclamation,
        "SDL invalid: reclamation min_window must be > 0",
    );
}

#[test]
fn several_mistakes_are_reported_at_once() {
    let text = changed(&[
        ("image: nginx", "image: \"\""),
        ("port: 80", "port: 0"),
        ("size: 1Gi\n        storage", "size: 1GB\n        storage"),
        ("amount: 100", "amount: -1"),
    ]);
    let found = refused(&text);
    let rules: Vec<_> = found.iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::Quantity, Rule::Price, Rule::Image, Rule::Port], "{found}");
    let text = changed(&[
        ("image: nginx", "image: \"\""),
        ("port: 80", "port: 0"),
        ("cpu:\n          units: 1", "cpu:\n          units: 1m"),
        ("count: 1", "count: 20000"),
    ]);
    let rules: Vec<_> = refused(&text).iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::Limit, Rule::Image, Rule::Port]);
}

#[test]
fn reports_show_file_line_column_text_and_hint() {
    let text = changed(&[("size: 1Gi\n        storage", "size: 1GB\n        storage")]);
    let found = refused(&text).with_name("web.yaml");
    assert_eq!(
        found.to_string(),
        "web.yaml:16:17: error[sdl::quantity::syntax]: the memory's size has a unit that does not exist: `GB`"
    );
    let json = found.to_json();
    assert_eq!(json[0]["file"], "web.yaml");
    assert_eq!(json[0]["span"]["start"]["line"], 16);
    assert_eq!(json[0]["span"]["end"]["column"], 20);
    assert_eq!(json[0]["path"], "profiles.compute.web.resources.memory.size");
    assert_eq!(json[0]["text"], "1GB");
    assert_eq!(json[0]["code"], "sdl::quantity::syntax");
    let shown = found.render(sdl::RenderOptions { color: false, unicode: false, width: 80 });
    for part in ["web.yaml:16:17", "size: 1GB", "`1G`", "sdl::quantity::syntax"] {
        assert!(shown.contains(part), "{shown}");
    }
}
