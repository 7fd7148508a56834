//! Services, what they expose, and what refers to what.

use super::*;

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
