//! Odd inputs, one for each sentence of the specification that a plain file does not touch.
//!
//! Sections are those of spec `sdl.md`. Each probe changes one base file and says what comes out.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::{Compiled, Diagnostics, Rule, compile};

const BASE: &str = include_str!("base/tagged.yaml");

const IMAGE: &str = "    image: nginx:1.27\n";
const PORT: &str = "      - port: 80\n";
const TO: &str = "        to:\n          - global: true\n";
const STORAGE: &str = "        storage:\n          size: 1Gi\n";
const CPU: &str = "        cpu:\n          units: 1\n";

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn accepted(text: &str) -> Compiled {
    compile(text).unwrap_or_else(|found| panic!("{text}\n{found}"))
}

fn refused(text: &str) -> Diagnostics {
    match compile(text) {
        Ok(_) => panic!("compiles:\n{text}"),
        Err(found) => found,
    }
}

fn first(text: &str) -> (Rule, String) {
    let found = refused(text);
    let first = found.first_error().unwrap();
    (first.rule, first.reference.clone().unwrap_or_default())
}

fn service(lines: &str) -> String {
    changed(&[(IMAGE, &format!("{IMAGE}    {lines}\n"))])
}

fn same(a: &str, b: &str) {
    let (a, b) = (accepted(a), accepted(b));
    assert_eq!(a.version_hex(), b.version_hex());
    assert_eq!(a.groups_json(), b.groups_json());
}

fn only(compiled: &Compiled) -> &sdl::manifest::Service {
    &compiled.manifest.0[0].services()[0]
}

// 3.2: null.

#[test]
fn a_null_value_of_a_known_key_is_as_if_the_key_were_absent() {
    for line in
        ["command: ~", "args: null", "env: Null", "params: NULL", "credentials:", "dependencies: ~"]
    {
        same(BASE, &service(line));
    }
    for (from, line) in
        [(PORT, "as: ~"), (PORT, "proto: ~"), (PORT, "accept: ~"), (PORT, "http_options: ~")]
    {
        same(BASE, &changed(&[(from, &format!("{from}        {line}\n"))]));
    }
    for (from, line) in [
        (STORAGE, "          name: ~\n"),
        (STORAGE, "          attributes: ~\n"),
        (STORAGE, "        gpu: ~\n"),
        (CPU, "          attributes: ~\n"),
        (CPU, "          attributes: {}\n"),
    ] {
        same(BASE, &changed(&[(from, &format!("{from}{line}"))]));
    }
    for line in ["include: ~", "endpoints: ~", "include: []", "endpoints: {}"] {
        same(BASE, &format!("{BASE}{line}\n"));
    }
    let placement = "    dc:\n      pricing:";
    for line in ["attributes: ~", "attributes: {}", "signedBy: ~", "signedBy: {}"] {
        same(BASE, &changed(&[(placement, &format!("    dc:\n      {line}\n      pricing:"))]));
    }
    // Parameters that are there and empty are another manifest.
    assert_ne!(accepted(BASE).version(), accepted(&service("params: {}")).version());
    same(&service("params: {}"), &service("params: {storage: ~, permissions: ~, tee: ~}"));
    same(&service("params: {}"), &service("params: {storage: {}, tee: ''}"));
    same(&service("params: {permissions: {}}"), &service("params: {permissions: {read: [~]}}"));
}

#[test]
fn null_elements_of_lists_are_dropped() {
    same(BASE, &changed(&[(PORT, &format!("      - ~\n{PORT}"))]));
    same(BASE, &changed(&[(TO, &format!("{TO}          - ~\n"))]));
    // A null entry leaves an empty list, and that makes one local expose.
    let local =
        changed(&[(TO, "        to: [~]\n      - port: 81\n        to: [{global: true}]\n")]);
    let compiled = accepted(&local);
    let exposes = only(&compiled).exposes();
    assert_eq!((exposes[0].port, exposes[0].global, exposes[0].service.as_str()), (80, false, ""));
    assert_eq!(only(&accepted(&service("env: [~]"))).env, Some(vec![]));
    same(&service("env: []"), &service("env: [~, null]"));
    let accept = |list: &str| changed(&[(PORT, &format!("{PORT}        accept: {list}\n"))]);
    same(&accept("[]"), &accept("[~]"));
    let models = |list: &str| {
        let gpu =
            format!("        gpu: {{units: 1, attributes: {{vendor: {{nvidia: {list}}}}}}}\n");
        changed(&[(STORAGE, &format!("{STORAGE}{gpu}"))])
    };
    same(&models("[]"), &models("[~]"));
    same(&models("[{model: t4}]"), &models("[~, {model: t4}]"));
}

#[test]
fn null_values_in_a_mapping_of_names_keep_the_name() {
    // A service without anything.
    let text = changed(&[("services:\n", "services:\n  spare: ~\n")]);
    same(BASE, &text);
    let deployed =
        text.replace("deployment:\n", "deployment:\n  spare: {dc: {profile: web, count: 1}}\n");
    assert_eq!(first(&deployed).1, "invalid manifest: service \"spare\" has empty image name");
    // A profile and a placement without anything.
    same(BASE, &changed(&[("  compute:\n", "  compute:\n    spare: ~\n")]));
    same(BASE, &changed(&[("  placement:\n", "  placement:\n    spare: ~\n")]));
    // A deployed service in no placement, and in one without a profile.
    same(
        BASE,
        &format!("{BASE}  other: ~\n").replace("services:\n", "services:\n  other: {image: a}\n"),
    );
    let text = changed(&[("    dc:\n      profile: web\n      count: 1\n", "    dc: ~\n")]);
    assert_eq!(
        first(&text),
        (Rule::UnknownProfile, "SDL invalid: web.dc: no compute profile named ".into())
    );
    // An attribute without value.
    let text = changed(&[(
        "    dc:\n      pricing:",
        "    dc:\n      attributes: {b: ~, a: 1}\n      pricing:",
    )]);
    assert_eq!(
        accepted(&text).groups_json()[0]["requirements"]["attributes"].to_string(),
        r#"[{"key":"a","value":"1"},{"key":"b"}]"#
    );
    // A null key is dropped with its value.
    same(BASE, &service("~: {a: [b]}"));
    same(BASE, &changed(&[("services:\n", "services:\n  ~: {image: [a]}\n")]));
}

#[test]
fn a_null_volume_is_a_volume_of_nothing() {
    let storage = |text: &str| changed(&[(STORAGE, &format!("        storage: {text}\n"))]);
    assert_eq!(
        first(&storage("[~, {name: a, size: 1Gi}]")),
        (Rule::Limit, "error: invalid unit storage (35184372088832 > 0 > 5242880 fails)".into())
    );
    assert_eq!(first(&storage("[~, ~]")).1, "sdl: duplicated volume name");
    assert_eq!(first(&storage("{}")).0, Rule::Limit);
    // An explicit name `default` is the same as none.
    assert_eq!(
        first(&storage("[{size: 1Gi}, {name: default, size: 2Gi}]")).1,
        "sdl: duplicated volume name"
    );
}

// 3.3: duplicate, merge, alias, unknown keys.

#[test]
fn duplicates_are_refused_below_the_top_level_and_the_last_counts_in_a_gpu() {
    let twice = |line: &str| first(&service(line)).0;
    assert_eq!(twice("env: []\n    env: []"), Rule::DuplicateKey);
    assert_eq!(twice("params: {storage: {a: {mount: /a}, a: {mount: /b}}}"), Rule::DuplicateKey);
    assert_eq!(twice("<<: {args: [a]}\n    <<: {args: [b]}"), Rule::DuplicateKey);
    assert_eq!(twice("<<: {args: [a], args: [b]}"), Rule::DuplicateKey);
    let attributes =
        |text: &str| changed(&[(CPU, &format!("{CPU}          attributes: {text}\n"))]);
    assert_eq!(first(&attributes("{arch: a, arch: b}")).1, "attributes cannot have duplicate keys");
    let storage = changed(&[(
        STORAGE,
        "        storage: {size: 1Gi, attributes: {persistent: no, persistent: no}}\n",
    )]);
    assert_eq!(first(&storage).0, Rule::DuplicateKey);
    let gpu = |text: &str| changed(&[(STORAGE, &format!("{STORAGE}        gpu: {text}\n"))]);
    let vendor = "attributes: {vendor: {nvidia: [{model: a}]}}";
    same(
        &gpu(&format!("{{units: 2, units: 1, {vendor}}}")),
        &gpu(&format!("{{units: 1, {vendor}}}")),
    );
    same(
        &gpu(
            "{units: 1, attributes: {vendor: {nvidia: [{model: b}]}, vendor: {nvidia: [{model: a}]}}}",
        ),
        &gpu(&format!("{{units: 1, {vendor}}}")),
    );
}

#[test]
fn aliases_stand_for_keys_values_and_whole_sections() {
    let text = changed(&[
        ("  web:\n    image", "  &name web:\n    image"),
        ("deployment:\n  web:", "deployment:\n  *name :"),
    ]);
    same(BASE, &text);
    let text = changed(&[
        ("port: 80", "port: &port 80"),
        ("count: 1", "count: 1"),
        (
            TO,
            &format!(
                "{TO}      - port: 81\n        as: *port\n        to: &to\n          - global: yes\n      - port: 82\n        to: *to\n"
            ),
        ),
    ]);
    assert_eq!(only(&accepted(&text)).exposes().len(), 3);
    assert_eq!(only(&accepted(&text)).exposes()[1].external_port, 80);
    // An alias of null counts as absent.
    let text = service("args: &none ~\n    command: *none");
    same(BASE, &text);
    // A merge key takes an alias of a mapping, or a list of them; what is there already counts, null too.
    let merged = |line: &str| {
        changed(&[
            ("services:\n", "services:\n  base: &base {image: base, args: [x], env: [A=b]}\n"),
            (IMAGE, &format!("{IMAGE}    {line}\n")),
        ])
    };
    let plain = merged("args: [x]\n    env: [A=b]");
    same(&plain, &merged("<<: *base"));
    same(&plain, &merged("<<: [*base, {args: [y]}]"));
    same(&merged("args: [y]\n    env: [A=b]"), &merged("<<: [{args: [y]}, *base]"));
    same(&merged("args: ~\n    env: [A=b]"), &merged("args: ~\n    <<: *base"));
    same(&plain, &merged("<<: {<<: *base}"));
    assert_eq!(first(&merged("<<: ~")).0, Rule::MergeKey);
    assert_eq!(first(&merged("<<: &list [*base]\n    params: {<<: *list}")).0, Rule::MergeKey);
    // Quoted, it is a key like any other.
    same(BASE, &service("\"<<\": 1"));
    // In storage attributes it merges; in a GPU it does not.
    let storage = |text: &str| {
        changed(&[
            ("\"2.0\"", "\"2.1\""),
            (STORAGE, &format!("        storage: {{size: 1Gi, attributes: {text}}}\n")),
        ])
    };
    same(
        &storage("{<<: {persistent: true}, class: beta2}"),
        &storage("{class: beta2, persistent: true}"),
    );
    let gpu = changed(&[(
        STORAGE,
        &format!(
            "{STORAGE}        gpu: {{units: 1, attributes: {{<<: {{vendor: {{nvidia: }}}}}}}}\n"
        ),
    )]);
    assert_eq!(first(&gpu).1, "sdl: unsupported attribute (<<) for GPU resource");
}

/// As yaml.v3 does: it compares what keys mean, and a merged `5` is a text where the map has texts.
#[test]
fn merged_mappings_override_keys_that_are_no_texts() {
    let value = |attributes: &str| {
        let placement = format!("    dc:\n      attributes: {attributes}\n      pricing:");
        let text = changed(&[("    dc:\n      pricing:", &placement)]);
        accepted(&text).groups[0].requirements.attributes[0].value.clone()
    };
    assert_eq!(value("{k: x, <<: {k: y}}"), "x");
    assert_eq!(value("{5: x, <<: {5: y}}"), "y");
    assert_eq!(value("{true: x, <<: {true: y}}"), "y");
    assert_eq!(value("{'5': x, <<: {5: y}}"), "x");
    assert_eq!(value("{yes: x, <<: {yes: y}}"), "x");
    assert_eq!(value("{<<: [{5: a}, {5: b}]}"), "a");
    assert_eq!(value("{5: x, <<: [{5: a}, {5: b}]}"), "a");
}

#[test]
fn unknown_keys_are_ignored_where_the_reference_ignores_them() {
    let deep = "{a: [1, {b: ~}], a: 2}";
    for (from, indent) in [
        (IMAGE, "    "),
        (PORT, "        "),
        (CPU, "          "),
        (STORAGE, "          "),
        ("    dc:\n      pricing:\n        web:\n", "          "),
        ("      profile: web\n", "      "),
        ("    web:\n      resources:\n", "        "),
    ] {
        same(BASE, &changed(&[(from, &format!("{from}{indent}zz: {deep}\n"))]));
    }
    same(BASE, &changed(&[("profiles:\n", "profiles:\n  zz: {a: b}\n")]));
    // Keys have one letter case.
    let found = refused(&changed(&[("image:", "Image:")]));
    assert_eq!(found.first_error().unwrap().rule, Rule::Image);
    assert_eq!(
        first(&BASE.replace("deployment:", "Deployment:")).1,
        "sdl: unexpected field Deployment"
    );
}

// 3.4, 4: documents and versions.

#[test]
fn odd_documents_have_no_version_or_nothing() {
    for text in ["", "\n# a\n", "---\n", "~\n", "null"] {
        assert_eq!(first(text), (Rule::Empty, "sdl: uninitialized".into()), "{text:?}");
    }
    for text in ["[]", "- version\n", "5", "\"version\"", "{}", "services: {}\n"] {
        assert_eq!(first(text).1, "SDL invalid: no version found", "{text:?}");
    }
    assert_eq!(first(&BASE.replace("version:", "Version:")).1, "SDL invalid: no version found");
    // The key is looked for among keys and values.
    let text = format!("include: version\n{BASE}");
    assert_eq!(first(&text).0, Rule::BadVersion);
}

#[test]
fn versions_are_tolerant() {
    let version = |text: &str| changed(&[("\"2.0\"", text)]);
    for text in ["2", "02", "2.00.000", "v2", "' 2.0 '", "2.0.0+build.7", "\"v2.0\""] {
        same(BASE, &version(text));
    }
    for text in ["2.1", "2.1.0", "v2.1", "2.10", "2.2.0-rc.1", "9", "10.0.0"] {
        accepted(&version(text));
    }
    for (text, shown) in [
        ("1.9", "1.9.0"),
        ("2.0.1", "2.0.1"),
        ("2.0.0-x", "2.0.0-x"),
        ("2.1.0-rc.1", "2.1.0-rc.1"),
        ("0", "0.0.0"),
    ] {
        let reference = format!("SDL invalid: config: unsupported version \"{shown}\"");
        assert_eq!(first(&version(text)), (Rule::BadVersion, reference), "{text}");
    }
    for text in ["two", "2.x", "V2", "2.0-x", "~", "''", "2.0.0.0", "-2", "[2]", "2,0"] {
        assert_eq!(first(&version(text)).0, Rule::BadVersion, "{text}");
    }
}

// 5: services.

#[test]
fn expose_without_to_is_open_to_all_services_and_to_nobody_outside() {
    for to in ["", "        to: ~\n", "        to: []\n"] {
        let text = changed(&[(TO, &format!("{to}      - port: 81\n{TO}"))]);
        let compiled = accepted(&text);
        let exposes = only(&compiled).exposes();
        assert_eq!((exposes.len(), exposes[0].global, exposes[0].port), (2, false, 80));
    }
}

#[test]
fn outside_ports_are_kept_as_written_and_80_over_tcp_is_http() {
    let kinds = |port: &str, line: &str| {
        let compiled =
            accepted(&changed(&[("port: 80\n", &format!("port: {port}\n        {line}\n"))]));
        let service = only(&compiled);
        let kinds: Vec<_> = service
            .resources
            .endpoints
            .as_ref()
            .unwrap()
            .iter()
            .map(|it| it.kind.number())
            .collect();
        (service.exposes()[0].external_port, kinds)
    };
    assert_eq!(kinds("80", "as: ~"), (0, vec![0]));
    assert_eq!(kinds("8080", "as: 80"), (80, vec![0]));
    assert_eq!(kinds("80", "as: 8080"), (8080, vec![1]));
    assert_eq!(kinds("80", "proto: udp"), (0, vec![1]));
    assert_eq!(kinds("80", "proto: Tcp"), (0, vec![0]));
    assert_eq!(kinds("80", "as: 4294967295"), (4_294_967_295, vec![1]));
    assert_eq!(kinds("65535", "as: 0"), (0, vec![1]));
}

#[test]
fn to_may_name_a_service_and_be_global_and_targets_are_not_checked() {
    let text = changed(&[("- global: true", "- {global: true, service: nobody}")]);
    let compiled = accepted(&text);
    assert_eq!(only(&compiled).exposes()[0].service, "nobody");
    assert_eq!(only(&compiled).resources.endpoints.as_ref().unwrap().len(), 1);
    same(
        BASE,
        &changed(&[("- global: true", "- {global: true, http_options: {read_timeout: 99999}}")]),
    );
    assert_eq!(
        first(&changed(&[("- global: true", "- {global: true, http_options: {read_timeout: x}}")]))
            .0,
        Rule::Type
    );
}

#[test]
fn http_options_are_checked_in_order_and_zero_means_the_default() {
    let http =
        |text: &str| changed(&[(PORT, &format!("{PORT}        http_options: {{{text}}}\n"))]);
    same(BASE, &http(""));
    same(
        BASE,
        &http(
            "max_body_size: 0, read_timeout: 0, send_timeout: 0, next_tries: 0, next_timeout: 0, next_cases: [], proxy_buffer_size: 0",
        ),
    );
    same(
        BASE,
        &http(
            "max_body_size: 1048576, read_timeout: 60000, next_tries: 3, next_cases: [error, timeout]",
        ),
    );
    assert_ne!(accepted(BASE).version(), accepted(&http("next_cases: [timeout, error]")).version());
    let text = http(
        "next_cases: [x], send_timeout: 60001, read_timeout: 60001, proxy_buffer_size: 1048577, max_body_size: 104857601",
    );
    let order: Vec<_> = refused(&text)
        .iter()
        .filter_map(|it| it.reference.clone())
        .map(|it| it[25..34].to_owned())
        .collect();
    assert_eq!(order, ["body size", "proxy buf", "read time", "send time", "next case"]);
    accepted(&http("max_body_size: 104857600, proxy_buffer_size: 1048576, read_timeout: 60000"));
}

#[test]
fn hosts_are_copied_to_every_entry_and_may_stand_once_in_all() {
    let with = |accept: &str, to: &str| {
        changed(&[(
            &format!("{PORT}{TO}"),
            &format!("{PORT}        accept: {accept}\n        to: {to}\n"),
        )])
    };
    accepted(&with("[a.example, b.example]", "[{global: true}]"));
    assert_eq!(
        first(&with("[a.example]", "[{global: true}, {service: web}]")).0,
        Rule::DuplicateHostname
    );
    let two = with("[a.example]", "[{global: true}]").replace(
        "  placement:\n",
        "  placement:\n    ab: {pricing: {web: {denom: uakt, amount: 1}}}\n",
    ) + "    ab: {profile: web, count: 1}\n";
    assert_eq!(
        first(&two).1,
        "invalid manifest: service \"web\": hostname \"a.example\" is duplicated, this is not allowed"
    );
    let long = format!("{}.example", vec!["a".repeat(60); 4].join("."));
    assert_eq!(long.len(), 251);
    accepted(&with(&format!("[{long}]"), "[{global: true}]"));
    assert_eq!(first(&with(&format!("[aaa{long}]"), "[{global: true}]")).0, Rule::Hostname);
    for bad in [
        "''",
        "a..b",
        "-a",
        "a-",
        "'*.example'",
        "a_b",
        "A.example",
        "é.example",
        "a.",
        "'a:80'",
        "a/b",
    ] {
        assert_eq!(
            first(&with(&format!("[{bad}]"), "[{global: true}]")).0,
            Rule::Hostname,
            "{bad}"
        );
    }
}

#[test]
fn hosts_of_services_that_are_not_deployed_need_only_fit_into_a_url() {
    let spare = |host: &str| {
        changed(&[(
            "services:\n",
            &format!(
                "services:\n  spare: {{image: a, expose: [{{port: 0, accept: ['{host}']}}]}}\n"
            ),
        )])
    };
    for good in [
        "A.example",
        "a_b",
        "*.example",
        "a:80",
        "a:",
        "[::1]:80",
        "é.example",
        "",
        "a/b c",
        "a@b",
        "a'' b".trim_end_matches("'' b"),
        "a?b",
    ] {
        accepted(&spare(good));
    }
    for bad in
        ["a b", "a:x", "[::1", "a%zz", "a%41", "a^b", "a`b", "{a}", "a|b", "a\\b", "a#b", "<a>b c"]
    {
        assert_eq!(first(&spare(bad)).0, Rule::Hostname, "{bad}");
    }
}

#[test]
fn credentials_are_trimmed_in_2_1_and_lose_their_mail_in_2_0() {
    let with = |version: &str, text: &str| {
        changed(&[("\"2.0\"", version), (IMAGE, &format!("{IMAGE}    credentials: {text}\n"))])
    };
    let full = "{host: ' h\\t', email: ' e ', username: ' u ', password: ' p '}";
    let taken = |text: &str| only(&accepted(text)).credentials.clone().unwrap();
    let old = taken(&with("\"2.0\"", &full.replace('\'', "\"")));
    assert_eq!((old.host.as_str(), old.email.as_str(), old.password.as_str()), (" h\t", "", " p "));
    let new = taken(&with("\"2.1\"", &full.replace('\'', "\"")));
    assert_eq!((new.host.as_str(), new.email.as_str(), new.password.as_str()), ("h", "e", "p"));
    for (text, missing) in [
        ("{}", "Host"),
        ("{host: ' ', username: u, password: p}", "Host"),
        ("{host: h, password: p}", "Username"),
        ("{host: h, username: u}", "Password"),
    ] {
        let reference = format!("SDL invalid: web.dc: service Credentials missing {missing}");
        assert_eq!(first(&with("\"2.0\"", text)).1, reference);
        assert_eq!(first(&with("\"2.1\"", text)).1, reference);
    }
    // A service that is not deployed may lack them.
    accepted(&changed(&[("services:\n", "services:\n  spare: {image: a, credentials: {}}\n")]));
}

#[test]
fn confidential_computing_marks_its_group_once() {
    let attributes =
        |text: &str| accepted(text).groups_json()[0]["requirements"]["attributes"].to_string();
    let text = service("params: {tee: cpu}").replace(
        "    dc:\n      pricing:",
        "    dc:\n      attributes: {zone: a, tee/type: own}\n      pricing:",
    );
    assert_eq!(
        attributes(&text),
        r#"[{"key":"tee/type","value":"own"},{"key":"tee/type","value":"cpu"},{"key":"zone","value":"a"}]"#
    );
    let two = |other: &str| {
        service("params: {tee: cpu}")
            .replace(
                "services:\n",
                &format!("services:\n  api: {{image: a, params: {{tee: {other}}}}}\n"),
            )
            .replace("deployment:\n", "deployment:\n  api: {dc: {profile: web, count: 1}}\n")
    };
    assert_eq!(attributes(&two("cpu")), r#"[{"key":"tee/type","value":"cpu"}]"#);
    let gpu = "        gpu: {units: 1, attributes: {vendor: {nvidia: }}}\n";
    let text = two("cpu-gpu").replace(STORAGE, &format!("{STORAGE}{gpu}"));
    assert_eq!(
        first(&text).1,
        "sdl: conflicting tee types in the same placement group: group \"dc\" has \"cpu-gpu\" and \"cpu\""
    );
    // Services that are not deployed are not looked at.
    accepted(&changed(&[("services:\n", "services:\n  spare: {image: a, params: {tee: tpm}}\n")]));
    let params = only(&accepted(&service("params: {tee: cpu}"))).params.clone().unwrap();
    assert!(params.tee.unwrap().attestation);
    assert_eq!(params.storage, None);
}

// 6, 7: resources, placements.

#[test]
fn a_gpu_without_keys_orders_none_and_says_so() {
    let before = accepted(BASE);
    for gpu in ["1", "a100", "[]", "{}", "~"] {
        let found = accepted(&changed(&[(CPU, &format!("{CPU}        gpu: {gpu}\n"))]));
        assert_eq!(found.version_hex(), before.version_hex(), "{gpu}");
        assert_eq!(found.groups_json(), before.groups_json(), "{gpu}");
        let warned = found.warnings.iter().any(|it| it.rule == Rule::IgnoredKey);
        assert_eq!(warned, !matches!(gpu, "{}" | "~"), "{gpu}");
    }
    assert_eq!(first(&changed(&[(CPU, &format!("{CPU}        gpu: [1]\n"))])).0, Rule::Type);
    let attributes = |it: &str| changed(&[(CPU, &format!("{CPU}          attributes: {it}\n"))]);
    accepted(&attributes("[]"));
    assert_eq!(first(&attributes("[foo, bar]")).0, Rule::Type);
}

#[test]
fn gpu_keys_are_sorted_and_their_memory_is_cut_to_whole_gi() {
    let keys = |list: &str| -> Vec<String> {
        let gpu = format!(
            "        gpu: {{units: 1, attributes: {{vendor: {{nvidia: {list}, amd: [x]}}}}}}\n"
        );
        let compiled = accepted(&changed(&[(STORAGE, &format!("{STORAGE}{gpu}"))]));
        let attributes = only(&compiled).resources.gpu.clone().unwrap().attributes;
        attributes.into_iter().map(|it| it.key.replace("vendor/nvidia/model/", "")).collect()
    };
    assert_eq!(keys("[{model: b}, {model: B}, {model: a}]"), ["B", "a", "b"]);
    assert_eq!(keys("[{ram: 1.99Gi}]"), ["/ram/1Gi"]);
    assert_eq!(
        keys("[{model: 4090, ram: 25769803776, interface: pcie}]"),
        ["4090/ram/24Gi/interface/pcie"]
    );
    assert_eq!(keys("[{model: a, ram: ~, interface: ~}]"), ["a"]);
    assert_eq!(keys("[{model: '*'}]"), ["*"]);
    assert_eq!(keys("[{}]"), [""]);
    let refused = |text: &str| {
        let gpu = format!("        gpu: {text}\n");
        first(&changed(&[(STORAGE, &format!("{STORAGE}{gpu}"))]))
    };
    assert_eq!(
        refused("{units: 1, attributes: {vendor: {nvidia: [{model: a, ram: 1.1Gi}, {model: a, ram: 1.2Gi}]}}}").1,
        "sdl: invalid GPU attributes: attributes cannot have duplicate keys"
    );
    assert_eq!(
        refused("{units: 1, attributes: ~}").1,
        "sdl: GPU attributes must be present if units > 0"
    );
    assert_eq!(
        refused("{units: 1, attributes: x}").1,
        "sdl: invalid GPU attributes. at least one vendor must be set"
    );
    assert_eq!(
        refused("{units: 1, attributes: {vendor: {nvidia: [{model: a, interface: ''}]}}}").1,
        "sdl: invalid GPU interface . expected \"pcie|sxm\""
    );
    assert_eq!(refused("{units: -1}").1, "strconv.ParseUint: parsing \"-1\": invalid syntax");
    assert_eq!(
        refused("{attributes: {vendor: {nvidia: }}}").1,
        "error: invalid GPU state. attributes cannot be present if units == 0"
    );
    // Units may be quoted; a profile without GPUs has an object all the same.
    let compiled =
        accepted(&changed(&[(STORAGE, &format!("{STORAGE}        gpu: {{units: \"0\"}}\n"))]));
    assert_eq!(compiled.version(), accepted(BASE).version());
}

#[test]
fn volumes_are_sorted_by_an_insertion_sort_with_a_crooked_comparison() {
    let order = |list: &str| -> String {
        let compiled = accepted(&changed(&[
            ("\"2.0\"", "\"2.1\""),
            (STORAGE, &format!("        storage: [{list}]\n")),
        ]));
        only(&compiled)
            .resources
            .volumes()
            .iter()
            .map(|it| it.name.clone())
            .collect::<Vec<_>>()
            .join("")
    };
    let volume = |name: &str, size: &str, attributes: &str| {
        format!("{{name: {name}, size: {size}, attributes: {attributes}}}")
    };
    let list = |parts: &[(&str, &str, &str)]| {
        parts.iter().map(|it| volume(it.0, it.1, it.2)).collect::<Vec<_>>().join(", ")
    };
    let (none, no, yes) = ("~", "{persistent: false}", "{persistent: true}");
    assert_eq!(
        order(&list(&[
            ("a", "1Gi", none),
            ("b", "1Gi", none),
            ("c", "1Gi", none),
            ("d", "1Gi", none)
        ])),
        "dcba"
    );
    assert_eq!(order(&list(&[("a", "1Gi", no), ("b", "1Gi", no), ("c", "1Gi", no)])), "cba");
    assert_eq!(order(&list(&[("c", "1Gi", yes), ("a", "1Gi", yes), ("b", "1Gi", yes)])), "abc");
    assert_eq!(order(&list(&[("a", "1Gi", yes), ("b", "1Gi", no), ("c", "1Gi", none)])), "cba");
    assert_eq!(order(&list(&[("a", "1Gi", none), ("b", "1Gi", no), ("c", "1Gi", yes)])), "abc");
    assert_eq!(
        order(&list(&[
            ("a", "2Gi", none),
            ("b", "1Gi", yes),
            ("c", "2Gi", none),
            ("d", "3Gi", no)
        ])),
        "bcad"
    );
}

#[test]
fn placements_take_any_name_and_signers_any_text() {
    let named = |name: &str| {
        changed(&[
            (
                "    dc:\n      pricing",
                &format!(
                    "    {name}:\n      signedBy: {{allOf: [], anyOf: [b, a, b]}}\n      pricing"
                ),
            ),
            ("    dc:\n      profile", &format!("    {name}:\n      profile")),
        ])
    };
    for name in ["DC one", "\"é/..\"", "5", "'true'"] {
        accepted(&named(name));
    }
    let spec = accepted(&named("x")).groups_json();
    assert_eq!(
        spec[0]["requirements"]["signed_by"].to_string(),
        r#"{"all_of":[],"any_of":["b","a","b"]}"#
    );
    // Prices are read wherever they stand.
    let spare = |price: &str| {
        changed(&[(
            "  placement:\n",
            &format!("  placement:\n    spare: {{pricing: {{x: {price}}}}}\n"),
        )])
    };
    accepted(&spare("{denom: uakt, amount: 99999999999}"));
    assert_eq!(first(&spare("{denom: uakt, amount: 0}")).1, "invalid coin amount: amount is zero");
    // A null price counts as none, which is a mistake only where something is deployed at it.
    accepted(&spare("~"));
    let price = "          denom: uakt\n          amount: 100\n";
    assert_eq!(first(&changed(&[(price, "")])).0, Rule::NoPricing);
    assert_eq!(first(&spare("{denom: u, amount: 1}")).0, Rule::Denom);
}

// 8, 9, 12: deployment, endpoints, groups.

#[test]
fn a_count_of_zero_passes_beside_another_service() {
    let two = |count: &str| {
        changed(&[
            ("services:\n", "services:\n  api: {image: a}\n"),
            (
                "deployment:\n",
                &format!("deployment:\n  api: {{dc: {{profile: web, count: {count}}}}}\n"),
            ),
        ])
    };
    let compiled = accepted(&two("0"));
    assert_eq!(compiled.groups[0].resources.iter().map(|it| it.count).collect::<Vec<_>>(), [0, 1]);
    // Without a count as well.
    same(&two("0"), &two("~"));
}

#[test]
fn endpoint_numbers_count_the_uses_up_to_the_last_of_a_name() {
    let text = |to: &str| {
        let mut text = changed(&[(TO, &format!("        to: [{to}]\n"))]);
        text.push_str("endpoints: {ipa: {kind: ip}, ipb: {kind: ip}}\n");
        // Both endpoints have to be used.
        text.replace("services:\n", "services:\n  other: {image: o, expose: [{port: 1, as: 1, to: [{global: true, ip: ipb}]}]}\n")
            .replace("deployment:\n", "deployment:\n  other: {dc: {profile: web, count: 1}}\n")
    };
    let numbers = |to: &str| {
        let compiled = accepted(&text(to));
        let group = &compiled.manifest.0[0];
        let number = |at: usize, ip: &str| {
            group.services()[at]
                .exposes()
                .iter()
                .find(|it| it.ip == ip)
                .unwrap()
                .endpoint_sequence_number
        };
        (number(1, "ipa"), number(0, "ipb"))
    };
    assert_eq!(numbers("{global: true, ip: ipa}"), (1, 2));
    assert_eq!(numbers("{global: true}, {global: true, ip: ipa}"), (1, 2));
    assert_eq!(
        numbers("{service: a}, {service: b}, {service: c}, {global: true, ip: ipa}"),
        (4, 5)
    );
    assert_eq!(numbers("{global: false}, {global: true, ip: ipa}"), (2, 3));
}

#[test]
fn leased_addresses_clash_by_port_and_protocol_as_written() {
    let exposes = |list: &str| {
        let from = format!("    expose:\n{PORT}{TO}");
        changed(&[(&from, &format!("    expose: [{list}]\n"))]) + "endpoints: {ip-a: {kind: ip}}\n"
    };
    let expose =
        |port: u32, more: &str| format!("{{port: {port}, to: [{{global: true, ip: ip-a}}]{more}}}");
    let pair = |a: &str, b: &str| exposes(&format!("{}, {}", expose(80, a), expose(81, b)));
    for (a, b) in [
        (", as: 80", ", as: 81"),
        ("", ", as: 81"),
        ("", ", proto: tcp"),
        (", proto: TCP", ", proto: tcp"),
        (", as: 5, proto: tcp", ", as: 5, proto: udp"),
    ] {
        accepted(&pair(a, b));
    }
    for (a, b) in
        [("", ""), (", as: 80", ", as: 80"), (", proto: udp", ", proto: udp"), (", as: 0", "")]
    {
        assert_eq!(first(&pair(a, b)).0, Rule::EndpointClash, "{a} {b}");
    }
    let twice = exposes(&expose(80, ""))
        .replace(
            "  placement:\n",
            "  placement:\n    ab: {pricing: {web: {denom: uakt, amount: 1}}}\n",
        )
        .replace("  web:\n    dc:\n", "  web:\n    ab: {profile: web, count: 1}\n    dc:\n");
    assert_eq!(
        first(&twice).1,
        "SDL invalid: IP endpoint \"ip-a\" port: 80 protocol:  specified by service \"web\" already in use by \"web\""
    );
    // Use by a service that is not deployed is no use.
    let unused = format!("{BASE}endpoints: {{ip-a: {{kind: ip}}}}\n").replace(
        "services:\n",
        "services:\n  spare: {image: a, expose: [{port: 1, to: [{global: true, ip: ip-a}]}]}\n",
    );
    assert_eq!(first(&unused).0, Rule::UnusedEndpoint);
    for name in ["a", "A1", "1a", "-a", "a.b", "''"] {
        let text = format!("{BASE}endpoints: {{{name}: {{kind: ip}}}}\n");
        assert_eq!(first(&text).0, Rule::Endpoint, "{name}");
    }
}

#[test]
fn groups_are_sorted_by_name_and_units_by_first_use() {
    let text = BASE
        .replace("services:\n", "services:\n  api: {image: a, expose: [{port: 1, to: [{global: true}]}]}\n")
        .replace("  compute:\n", "  compute:\n    big: {resources: {cpu: {units: 2}, memory: {size: 2Gi}, storage: {size: 1Gi}}}\n")
        .replace("      pricing:\n", "      pricing:\n        big: {denom: uakt, amount: 2}\n")
        .replace("deployment:\n", "deployment:\n  zoo: {dc: {profile: big, count: 1}}\n  api: {dc: {profile: web, count: 2}}\n")
        .replace("services:\n", "services:\n  zoo: {image: z, expose: [{port: 2, to: [{global: true}]}]}\n");
    let shape = |text: &str| -> Vec<(u32, u32, usize)> {
        accepted(text).groups[0]
            .resources
            .iter()
            .map(|it| (it.resource.id, it.count, it.resource.endpoints.len()))
            .collect()
    };
    assert_eq!(shape(&text), [(1, 2, 1), (2, 1, 1), (3, 1, 1)]);
    let new = text.replace("\"2.0\"", "\"2.1\"");
    assert_eq!(shape(&new), [(1, 3, 2), (2, 1, 1)]);
    let compiled = accepted(&new);
    let ids: Vec<_> = compiled.manifest.0[0]
        .services()
        .iter()
        .map(|it| (it.name.as_str(), it.resources.id))
        .collect();
    assert_eq!(ids, [("api", 1), ("web", 1), ("zoo", 2)]);
    // Each service of the manifest keeps its own endpoints.
    let counts: Vec<_> = compiled.manifest.0[0]
        .services()
        .iter()
        .map(|it| it.resources.endpoints.as_ref().unwrap().len())
        .collect();
    assert_eq!(counts, [1, 1, 1]);
}

// 14: which error comes first.

#[test]
fn the_first_error_is_the_one_at_which_the_reference_stops() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        // Whatever cannot be read comes before whatever contradicts something.
        (
            &[("image: nginx:1.27", "image: ''"), ("amount: 100", "amount: 0")],
            "invalid coin amount: amount is zero",
        ),
        // In one section the first in the text; values of the wrong type wait until its end.
        (
            &[("units: 1", "units: x"), ("amount: 100", "amount: 0")],
            "strconv.ParseFloat: parsing \"x\": invalid syntax",
        ),
        (
            &[(
                "cpu:\n          units: 1\n        memory:\n          size: 1Gi",
                "memory:\n          size: 1GB\n        cpu:\n          units: x",
            )],
            "strconv.ParseFloat: parsing \"1GB\": invalid syntax",
        ),
        (
            &[
                ("        cpu:\n          units: 1\n", "        cpu: 1\n"),
                ("amount: 100", "amount: 0"),
            ],
            "invalid coin amount: amount is zero",
        ),
        // Sections in the order of the text.
        (
            &[("count: 1", "count: x"), ("size: 1Gi", "size: 1GB")],
            "strconv.ParseFloat: parsing \"1GB\": invalid syntax",
        ),
        // Building before references, references before limits, limits before the manifest.
        (
            &[("port: 80", "port: 80\n        proto: http"), ("profile: web", "profile: wbe")],
            "unsupported service protocol",
        ),
        (
            &[("units: 1", "units: 1m"), ("profile: web", "profile: wbe")],
            "SDL invalid: web.dc: no compute profile named wbe",
        ),
        (
            &[("image: nginx:1.27", "image: ''"), ("units: 1", "units: 1m")],
            "error: invalid unit CPU (384000 > 1 > 384000 fails)",
        ),
        (
            &[("image: nginx:1.27", "image: ''"), ("port: 80", "port: 0")],
            "invalid manifest: service \"web\" has empty image name",
        ),
    ];
    for (changes, reference) in cases {
        let text = changed(changes);
        assert_eq!(first(&text).1, *reference, "{text}\n{}", refused(&text));
    }
    // Exposes are looked at in the order of the manifest: by port here.
    let text = changed(&[(
        PORT,
        "      - port: 90\n        accept: [A.b]\n        to: [{global: true}]\n      - port: 0\n",
    )]);
    assert_eq!(
        first(&text).1,
        "invalid manifest: service \"web\": port value must be 0 < value <= 65535 "
    );
    let text = changed(&[(
        PORT,
        "      - port: 70000\n        to: [{global: true}]\n      - port: 80\n        accept: [A.b]\n",
    )]);
    assert_eq!(first(&text).1, "invalid manifest: service \"web\": has invalid hostname \"A.b\"");
}

#[test]
fn entries_that_nothing_uses_are_read_all_the_same() {
    for (place, lines) in [
        ("services:\n", "  spare: {image: [a]}\n"),
        ("services:\n", "  spare: {expose: [{port: x}]}\n"),
        ("  compute:\n", "    spare: {resources: {cpu: {units: x}}}\n"),
        ("  compute:\n", "    spare: {resources: {gpu: {units: 1}}}\n"),
        ("  compute:\n", "    spare: {resources: {storage: {size: 1GB}}}\n"),
        ("  compute:\n", "    spare: {resources: {storage: [{size: 1}, {size: 2}]}}\n"),
        ("  compute:\n", "    spare: {resources: {cpu: {attributes: {x: y}}}}\n"),
        ("  placement:\n", "    spare: {signedBy: x}\n"),
    ] {
        let text = changed(&[(place, &format!("{place}{lines}"))]);
        refused(&text);
    }
    // What is only too small or missing is not looked at.
    for lines in [
        "    spare: {resources: {cpu: {units: 1m}, memory: {size: 1}, storage: {size: 1}}}\n",
        "    spare: {resources: {}}\n",
        "    spare: {resources: {gpu: {attributes: {vendor: {nvidia: }}}}}\n",
        "    spare: {}\n",
    ] {
        same(BASE, &changed(&[("  compute:\n", &format!("  compute:\n{lines}"))]));
    }
    accepted(&changed(&[(
        "services:\n",
        "services:\n  SPARE_: {expose: [{port: 0, proto: http}]}\n",
    )]));
}

// 25: more than twelve exposes.

#[test]
fn more_than_twelve_equal_exposes_end_where_the_reference_leaves_them() {
    let list: Vec<String> = (0..40)
        .map(|it| {
            format!("{{port: {}, as: {}, to: [{{global: true}}]}}", [80, 70, 90][it % 3], 1000 + it)
        })
        .collect();
    let from = format!("    expose:\n{PORT}{TO}");
    let text = changed(&[(&from, &format!("    expose: [{}]\n", list.join(", ")))]);
    let compiled = accepted(&text);
    let exposes = only(&compiled).exposes();
    assert!(exposes.is_sorted_by_key(|it| it.port));
    // Not the stable order.
    let stable = exposes.is_sorted_by_key(|it| (it.port, it.external_port));
    assert!(!stable);
    assert!(compiled.manifest.validate().is_ok());
    // Already in order, nothing moves.
    let list: Vec<String> = (0..40)
        .map(|it| format!("{{port: 80, as: {}, to: [{{global: true}}]}}", 1000 + it))
        .collect();
    let text = changed(&[(&from, &format!("    expose: [{}]\n", list.join(", ")))]);
    assert!(only(&accepted(&text)).exposes().is_sorted_by_key(|it| it.external_port));
}
