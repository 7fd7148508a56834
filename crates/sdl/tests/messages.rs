//! What reports say: one report per mistake, at the tightest place, with what to write instead, and without
//! secrets.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::{CheckOptions, Diagnostics, Rule, Severity};

const BASE: &str = include_str!("base/tagged.yaml");

const IMAGE: &str = "    image: nginx:1.27\n";

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// Everything that is found without lints.
fn found(text: &str) -> Diagnostics {
    let options = CheckOptions { lints: false, schema: false, ..CheckOptions::default() };
    sdl::check(text, &options).diagnostics
}

/// The only diagnostic: place, message, hint.
fn only(text: &str) -> (String, String, String) {
    let found = found(text);
    assert_eq!(found.len(), 1, "{text}\n{found}");
    let it = found.iter().next().unwrap();
    (found.text(it.span).to_owned(), it.message.clone(), it.hint.clone().unwrap())
}

fn hint(from: &str, to: &str) -> String {
    only(&changed(&[(from, to)])).2
}

#[test]
fn units_are_named_right() {
    let memory =
        |to: &str| hint("size: 1Gi\n        storage", &format!("size: {to}\n        storage"));
    assert_eq!(memory("512MB"), "did you mean `512Mi` (times 1024²)? `512M` is times 1000²");
    assert_eq!(memory("1gb"), "did you mean `1Gi` (times 1024³)? `1G` is times 1000³");
    assert_eq!(memory("1GB"), memory("1gb"));
    assert_eq!(memory("1gi"), "did you mean `1Gi`?");
    assert_eq!(memory("1GiB"), "did you mean `1Gi`?");
    assert_eq!(memory("1 Gi"), "did you mean `1Gi`?");
    assert_eq!(memory("1024KiB"), "did you mean `1024Ki`?");
    assert_eq!(memory("1,5Gi"), "did you mean `1.5Gi`?");
    assert_eq!(memory("1048576B"), "write `1048576`: a plain number counts bytes");
    assert_eq!(memory("512"), "a plain number counts bytes: did you mean `512Mi`?");
    assert!(memory("lots").contains("512Mi"));
    let cpu = |to: &str| hint("units: 1", &format!("units: {to}"));
    assert_eq!(cpu("2 cores"), "write `2`: a plain number counts cores");
    assert_eq!(cpu("0,5"), "did you mean `0.5`?");
    assert_eq!(cpu("500M"), "did you mean `500m`?");
    assert_eq!(cpu("0.5m"), "thousandths are whole: write `0m`, or cores without `m`");
    let gpu = |to: &str| {
        let gpu =
            format!("units: 1\n        gpu: {{units: {to}, attributes: {{vendor: {{nvidia: }}}}}}");
        hint("units: 1", &gpu)
    };
    assert_eq!(gpu("1.0"), "GPUs come whole: write `1`");
}

#[test]
fn names_are_found_that_were_meant() {
    let place = |from: &str, to: &str| {
        let (text, _, hint) = only(&changed(&[(from, to)]));
        (text, hint)
    };
    let pair = |text: &str, hint: &str| (text.to_owned(), format!("did you mean `{hint}`?"));
    assert_eq!(place("profile: web", "profile: wbe"), pair("wbe", "web"));
    assert_eq!(place("  web:\n    dc:\n", "  wbe:\n    dc:\n"), pair("wbe", "web"));
    assert_eq!(place("  web:\n    dc:\n", "  web:\n    cd:\n"), pair("cd", "dc"));
    assert_eq!(place("port: 80\n", "port: 80\n        proto: tpc\n"), pair("tpc", "TCP"));
    assert_eq!(
        place("denom: uakt", "denom: u$"),
        ("u$".into(), "write the denomination in which the network is paid, like `uact`".into())
    );
    assert_eq!(place("denom: uakt", "denom: uakt!"), pair("uakt!", "uakt"));
    let http = |case: &str| format!("port: 80\n        http_options: {{next_cases: [{case}]}}\n");
    assert_eq!(place("port: 80\n", &http("timout")), pair("timout", "timeout"));
    assert_eq!(place("port: 80\n", &http("http_502")), pair("http_502", "502"));
    let class =
        |class: &str| format!("size: 1Gi, attributes: {{persistent: true, class: {class}}}");
    let storage = |to: &str| {
        changed(&[
            ("\"2.0\"", "\"2.1\""),
            ("storage:\n          size: 1Gi", &format!("storage: {{{}}}", class(to))),
        ])
    };
    assert_eq!(only(&storage("beta-2")).0, "beta-2");
    assert!(only(&storage("beta-2")).2.starts_with("did you mean `beta2`?"));
    assert_eq!(only(&storage("nvme")).2, "NVMe disks are `beta3`");
    let model = |model: &str| {
        changed(&[(
            "units: 1",
            &format!(
                "units: 1\n        gpu: {{units: 1, attributes: {{vendor: {{nvidia: [{model}]}}}}}}"
            ),
        )])
    };
    assert_eq!(only(&model("{model: RTX 4090}")).2, "did you mean `rtx4090`?");
    assert_eq!(only(&model("{model: a100, interface: SXM4}")).2, "did you mean `sxm`?");
    assert_eq!(only(&model("{model: a100, ram: 80GB}")).2, "did you mean `80Gi`?");
    let endpoint = |kind: &str| {
        format!("{BASE}endpoints: {{edge: {{kind: {kind}}}}}\n")
            .replace(
                "global: true",
                "{global: true, ip: edge}".trim_matches(|it| it == '{' || it == '}'),
            )
            .replace("- global: true, ip: edge", "- {global: true, ip: edge}")
    };
    assert_eq!(only(&endpoint("IP")).2, "write `kind: ip`, the only kind there is");
    let tee = |kind: &str| changed(&[(IMAGE, &format!("{IMAGE}    params: {{tee: {kind}}}\n"))]);
    assert_eq!(only(&tee("CPU")).2, "did you mean `cpu`?");
    let window = |text: &str| format!("{BASE}reclamation: {{min_window: {text}}}\n");
    assert_eq!(only(&window("2d")).2, "did you mean `48h`? The units are `h`, `m` and `s`");
}

#[test]
fn a_misspelt_key_is_one_mistake_told_at_the_key() {
    let told = |from: &str, to: &str| {
        let (text, message, hint) = only(&changed(&[(from, to)]));
        assert!(hint.starts_with("did you mean"), "{message}: {hint}");
        text
    };
    for (from, to, key) in [
        ("image:", "imgae:", "imgae"),
        ("services:", "service:", "service"),
        ("deployment:", "deployments:", "deployments"),
        ("profiles:", "profile:", "profile"),
        ("placement:", "placements:", "placements"),
        ("compute:", "computes:", "computes"),
        ("resources:", "resource:", "resource"),
        ("pricing:", "prices:", "prices"),
        ("cpu:", "cpus:", "cpus"),
        ("memory:", "ram:", "ram"),
        ("storage:", "disk:", "disk"),
        ("expose:", "ports:", "ports"),
        ("global:", "gloabl:", "gloabl"),
        ("units:", "unit:", "unit"),
        ("profile: web", "profil: web", "profil"),
        ("count:", "replicas:", "replicas"),
        ("version:", "versoin:", "versoin"),
    ] {
        assert_eq!(told(from, to), key);
    }
    // What is wrong below it is told as well.
    let text = changed(&[("expose:\n      - port: 80\n", "ports:\n      - port: 8080:80\n")]);
    let rules: Vec<_> = found(&text).iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::NoGlobal, Rule::Type]);
    let text = changed(&[("services:", "service:"), ("image: nginx:1.27", "image: ''")]);
    let rules: Vec<_> = found(&text).iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::UnknownKey, Rule::Image]);
}

#[test]
fn one_mistake_is_one_report() {
    for (from, to) in [
        ("image: nginx:1.27", "image: [a]"),
        ("port: 80", "port: \"80\""),
        ("global: true", "global: \"true\""),
        ("units: 1", "units: x"),
        ("units: 1", "units: 9999"),
        ("        cpu:\n          units: 1\n", "        cpu: 1\n"),
        ("size: 1Gi", "size: 1GB"),
        ("      resources:\n        cpu:", "      resources: [1]\n      x:\n        cpu:"),
        ("denom: uakt", "denom: [a]"),
        ("denom: uakt", "denom: 1"),
        ("amount: 100", "amount: none"),
        ("        web:\n          denom: uakt\n          amount: 100\n", "        web: 100\n"),
        ("profile: web", "profile: [web]"),
        ("profile: web", "profile: ~"),
        ("count: 1", "count: one"),
        ("count: 1", "count: 0"),
        ("    dc:\n      profile: web\n      count: 1\n", "    dc: web\n"),
        ("  web:\n    dc:\n      profile: web\n      count: 1\n", "  web: [dc]\n"),
        ("  web:\n    image", "  web: nginx\n  other:\n    image"),
        ("- port: 80", "- 80\n      - port: 80"),
        ("        to:\n          - global: true\n", "        to: all\n"),
        ("version: \"2.0\"\n", ""),
        ("\"2.0\"", "\"3.8.1-x\"\nx"),
    ] {
        let text = changed(&[(from, to)]);
        let found = found(&text);
        let errors = found.iter().filter(|it| it.severity == Severity::Error).count();
        let is_one = errors == 1 || (to.contains("\nx") || to.contains("\n      x"));
        assert!(is_one, "{text}\n{found}");
        for it in found.iter() {
            assert!(it.hint.is_some(), "{found}");
            assert!(!found.text(it.span).contains('\n'), "{found}");
        }
    }
}

#[test]
fn independent_mistakes_are_all_told_in_one_run() {
    let text = changed(&[
        ("image: nginx:1.27", "image: ''\n    env: [1A=b]"),
        ("port: 80", "port: 0\n        proto: http\n        accept: [A.example]"),
        ("units: 1", "units: 1m"),
        ("size: 1Gi", "size: 1GB"),
        ("amount: 100", "amount: -1"),
        ("profile: web", "profile: wbe"),
        ("count: 1", "count: one"),
    ]) + "endpoints: {A: {kind: ip}}\n";
    let found = found(&text);
    let rules: std::collections::BTreeSet<_> = found.iter().map(|it| it.rule).collect();
    for rule in [
        Rule::Image,
        Rule::EnvName,
        Rule::Port,
        Rule::Protocol,
        Rule::Hostname,
        Rule::Quantity,
        Rule::Price,
        Rule::UnknownProfile,
        Rule::Type,
        Rule::Endpoint,
    ] {
        assert!(rules.contains(&rule), "{rule:?}\n{found}");
    }
}

#[test]
fn secrets_are_not_repeated() {
    let credentials = |text: &str| changed(&[(IMAGE, &format!("{IMAGE}    credentials:{text}\n"))]);
    for text in [
        credentials(" {host: ghcr.io, password: hunter2}"),
        credentials(" {username: me, password: 'hunter2'}"),
        credentials("\n      host: ghcr.io\n      user: me\n      password: hunter2"),
        credentials(" hunter2"),
        credentials(" [me, hunter2]"),
        credentials(" {host: ghcr.io, username: me, password: [hunter2]}"),
        changed(&[(IMAGE, &format!("{IMAGE}    env: {{PASSWORD: hunter2}}\n"))]),
        changed(&[(IMAGE, &format!("{IMAGE}    env:\n      PASSWORD: hunter2\n"))]),
        changed(&[(IMAGE, &format!("{IMAGE}    env: [\"PASSWORD: hunter2\"]\n"))]),
        changed(&[(IMAGE, &format!("{IMAGE}    env: [\"MY PASSWORD=hunter2\"]\n"))]),
        changed(&[(IMAGE, &format!("{IMAGE}    env:\n      - MY PASSWORD=hunter2\n"))]),
        changed(&[(IMAGE, &format!("{IMAGE}    env:\n      - PASSWORD: hunter2\n"))]),
    ] {
        let found = found(&text);
        assert!(found.iter().any(|it| it.severity == Severity::Error), "{text}");
        assert!(!found.to_string().contains("hunter2"), "{found}");
        let json = found.to_json().to_string();
        assert!(!json.contains("hunter2"), "{json}");
    }
    // Where the password is known to be one, the excerpt does not show it either.
    for text in [
        credentials(" {host: ghcr.io, password: hunter2}"),
        credentials("\n      host: ghcr.io\n      user: me\n      password: hunter2"),
    ] {
        let shown = found(&text).render(sdl::RenderOptions::default());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("credentials"), "{shown}");
    }
}
