//! Services and what they expose (sections 5 and 25).

use super::*;

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
