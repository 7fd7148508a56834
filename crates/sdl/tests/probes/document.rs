//! The document (sections 3 and 4): null, duplicate and merged keys, versions; and which error comes first (14).

use super::*;

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
