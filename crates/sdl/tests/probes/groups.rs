//! Resources, placements and groups (sections 6 to 12).

use super::*;

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
