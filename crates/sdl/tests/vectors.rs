//! Hash vectors of the specification (`sdl.md` 19, 20) and outputs that they do not show.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::compile;

const BASE: &str = include_str!("base/plain.yaml");

const BASE_HASH: &str = "6e86239a77ec64c9037e426deb6d3e688fe20886e2a4797b315cc3a303786eef";

fn hash(text: &str) -> String {
    match compile(text) {
        Ok(compiled) => compiled.version_hex(),
        Err(found) => panic!("{text}\n{found}"),
    }
}

/// The base file with one place changed.
fn changed(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    BASE.replacen(from, to, 1)
}

#[test]
fn the_base_file_has_the_published_bytes() {
    let compiled = compile(BASE).unwrap();
    let bytes = compiled.manifest_json();
    assert_eq!(bytes.len(), 609);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        r#"[{"name":"dc","services":[{"args":null,"command":null,"count":1,"credentials":null,"env":null,"expose":[{"endpointSequenceNumber":0,"externalPort":0,"global":true,"hosts":null,"httpOptions":{"maxBodySize":1048576,"nextCases":["error","timeout"],"nextTimeout":0,"nextTries":3,"readTimeout":60000,"sendTimeout":60000},"ip":"","port":80,"proto":"TCP","service":""}],"image":"nginx","name":"web","resources":{"cpu":{"units":{"val":"1000"}},"endpoints":[{"sequence_number":0}],"gpu":{"units":{"val":"0"}},"id":1,"memory":{"size":{"val":"1073741824"}},"storage":[{"name":"default","size":{"val":"1073741824"}}]}}]}]"#
    );
}

#[test]
fn one_change_gives_the_published_hash() {
    let image = "    image: nginx\n";
    let with = |line: &str| changed(image, &format!("{image}    {line}\n"));
    let port = "      - port: 80\n";
    let on_port = |line: &str| changed(port, &format!("{port}        {line}\n"));
    let storage = "        storage:\n          size: 1Gi\n";
    let cpu = "        cpu:\n          units: 1\n";
    let credentials =
        "credentials: {host: r.example, email: me@x.example, username: bob, password: s3cret!}";
    for (what, text, want) in [
        ("none", BASE.to_owned(), BASE_HASH),
        ("version", changed("\"2.0\"", "\"2.1\""), BASE_HASH),
        ("proto", on_port("proto: tcp"), BASE_HASH),
        ("env null", with("env:"), BASE_HASH),
        ("amount", changed("amount: 100", "amount: 200"), BASE_HASH),
        (
            "as",
            on_port("as: 80"),
            "27aa344c5edc50f3a681c00213adea55e9dd1a18dfc68775ab90ce99fe36f70a",
        ),
        (
            "udp",
            on_port("proto: udp"),
            "2491eae66c635f869883d1d349a73ee35431fffdc33a5e0c5ebac08880dc5927",
        ),
        (
            "env []",
            with("env: []"),
            "15e0431dcbf1a8b207e5de3f8a0baac54cd8dda71d1611a0457cabd9a2458f06",
        ),
        (
            "accept []",
            on_port("accept: []"),
            "9e3accbf307f25909521a2997c8905279d386d8fbaeca946b0d6f9f638e26df9",
        ),
        (
            "params",
            with("params: {}"),
            "29c86a6f4ac81c9344a38750671bdfddf3cf90a4e0d3f7022dc07c08d18f37e7",
        ),
        (
            "read",
            with("params: {permissions: {read: []}}"),
            "e8d4b4e83847ae4ad79f76b21a22031c0e8d2e2d7625ef5643e4d3ceab449627",
        ),
        (
            "tee",
            with("params: {tee: cpu}"),
            "403f46dbd46ba1e4a57ddab7dca0c7c587fa4d262360fb2a506f25b6d96482f9",
        ),
        (
            "escapes",
            with(r#"env: ["A=<&>\u2028\u00e9\b"]"#),
            "5124ffc3c3e67c70dbbc683e2277895474cc28171b1a21b1597a94ad9b803741",
        ),
        (
            "buffer",
            on_port("http_options: {proxy_buffer_size: 16384}"),
            "31450b65d3e2cc81b715c06046364a82471b12bf0a8cb3ac8cf56810d1a238c8",
        ),
        (
            "volumes",
            changed(storage, "        storage: [{name: a, size: 1Gi}, {name: b, size: 1Gi}]\n"),
            "5ba6c2c0a7a0e249aad9265dcb408e8a922771e591c45e27057432f24a0e6310",
        ),
        (
            "attributes",
            changed(storage, "        storage: {size: 1Gi, attributes: {}}\n"),
            "c0663fa460a97eacb2077f3c01ad69450b31aa791a54a70f0efb857445f7afcd",
        ),
        (
            "second expose",
            changed("profiles:\n", "      - {port: 9090}\nprofiles:\n"),
            "02bffadd1635eaec2239db046236ba7b17dd16b0ddd23c51df5449f81108a157",
        ),
        (
            "cpu",
            changed(cpu, "        cpu: {units: 0.5}\n"),
            "7ff19b530170e7f6c871681127ab1dce3512ef38ddf092f19db4b4ecc4b124d6",
        ),
        (
            "credentials",
            with(credentials),
            "4650b4fd9d4a51421f4f430c41b0ce2363656d13279a80dd8bd2ebec983d8ff6",
        ),
        (
            "credentials 2.1",
            with(credentials).replace("\"2.0\"", "\"2.1\""),
            "94a0075e6cae5f1b667f58511697131e89ed77144da9f5d65a4df5c6faafae4d",
        ),
        (
            "gpu",
            changed(
                cpu,
                &format!(
                    "{cpu}        gpu: {{units: 1, attributes: {{vendor: {{nvidia: [{{model: t4}}, {{model: a100, ram: 80Gi, interface: sxm}}]}}}}}}\n"
                ),
            ),
            "d989e80c290bba50da90d149ce06e3890f0e28147e999b3a0183d2498f0403ea",
        ),
    ] {
        assert_eq!(hash(&text), want, "{what}");
    }
}

const WORKED: &str = include_str!("../benches/sample.yaml");

#[test]
fn the_worked_example_comes_out_as_written() {
    let compiled = compile(WORKED).unwrap();
    assert_eq!(compiled.language, sdl::Language::V2_1);
    assert_eq!(
        compiled.version_hex(),
        "2b23ea7adc14d98c5dc5a1130ec10d8fd78a5bc810510384156aec2dbf548e24"
    );
    assert_eq!(compiled.manifest_json().len(), 1977);
    assert_eq!(compiled.reclamation_ns, Some(129_600_000_000_000));
    assert_eq!(compiled.reclamation().unwrap().min_window.seconds, 129_600);
    let unit = &compiled.groups[0].resources[0];
    assert_eq!((unit.count, unit.price.amount.as_str()), (3, "12500000000000000000"));
    assert_eq!(unit.resource.cpu.as_ref().unwrap().units.val, b"250");
    let prices = compiled.max_prices();
    assert_eq!(prices.len(), 1);
    assert_eq!(prices[0].amount.to_string(), "37.500000000000000000");
    assert_eq!((prices[0].group.as_str(), prices[0].denom.as_str()), ("lakeside", "uact"));
    assert_eq!(
        compiled.groups_json()[0]["resources"][0]["resource"]["endpoints"].to_string(),
        r#"[{"sequence_number":0},{"kind":1,"sequence_number":0},{"kind":2,"sequence_number":2}]"#
    );
    let is_ignored = compiled.warnings.iter().any(|it| it.rule == sdl::Rule::IgnoredKey);
    assert!(!is_ignored, "{}", compiled.warnings);
}

#[test]
fn the_worked_example_is_refused_under_2_0() {
    let found = compile(&WORKED.replace("\"2.1\"", "\"2.0\"")).unwrap_err();
    assert_eq!(found.first_error().unwrap().rule, sdl::Rule::PersistentUnmounted, "{found}");
}

#[test]
fn shared_profiles_give_one_unit_per_service_in_2_0_and_one_in_all_in_2_1() {
    let two = BASE.replace(
        "deployment:\n",
        "deployment:\n  api:\n    dc:\n      profile: web\n      count: 2\n",
    );
    let two = two.replace("services:\n", "services:\n  api:\n    image: api\n");
    let old = compile(&two).unwrap();
    let counts = |it: &sdl::Compiled| -> Vec<u32> {
        it.groups[0].resources.iter().map(|it| it.count).collect()
    };
    assert_eq!(counts(&old), [2, 1]);
    let new = compile(&two.replace("\"2.0\"", "\"2.1\"")).unwrap();
    assert_eq!(counts(&new), [3]);
    assert_ne!(old.version(), new.version());
    for compiled in [old, new] {
        compiled.manifest.validate().unwrap();
        compiled.manifest.check_against(&compiled.groups).unwrap();
    }
}
