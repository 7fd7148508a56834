//! What a provider does with a received manifest (spec `provider.md` 4.8 to 4.10).

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use sdl::manifest::{canonical, document_version};
use sdl::{Compiled, Manifest, ManifestError, compile};
use serde_json::{Value, json};

fn sample() -> Compiled {
    compile(include_str!("../benches/sample.yaml")).unwrap()
}

/// The sample's manifest with one place changed.
fn changed(pointer: &str, value: Value) -> Manifest {
    let mut document: Value = serde_json::from_slice(&sample().manifest_json()).unwrap();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    Manifest::from_json(document.to_string().as_bytes()).unwrap()
}

fn refused(manifest: &Manifest, text: &str) {
    assert_eq!(manifest.validate().unwrap_err().to_string(), text);
}

#[test]
fn what_is_no_manifest_is_answered_in_the_words_of_the_reference() {
    let error = |bytes: &[u8]| Manifest::from_json(bytes).unwrap_err();
    assert_eq!(error(b""), "EOF");
    assert_eq!(error(b"  \n"), "EOF");
    assert_eq!(error(b"[{\"name\":"), "unexpected EOF");
    assert!(!error(b"{}").is_empty());
    assert!(!error(b"[1]").is_empty());
    assert!(!error(b"nonsense").is_empty());
    assert!(!error(b"[{\"services\":[{\"count\":-1}]}]").is_empty());
    assert_eq!(Manifest::from_json(b"null").unwrap(), Manifest::default());
    assert_eq!(Manifest::from_json(b"[] trailing").unwrap(), Manifest::default());
}

#[test]
fn order_spacing_and_unknown_keys_do_not_change_the_version() {
    let compiled = sample();
    let mut document: Value = serde_json::from_slice(&compiled.manifest_json()).unwrap();
    document[0]["services"][0]["unknown"] = json!({"a": [1, null]});
    let pretty = serde_json::to_vec_pretty(&document).unwrap();
    let read = Manifest::from_json(&pretty).unwrap();
    assert_eq!(read, compiled.manifest);
    assert_eq!(read.version(), compiled.version());
    // The version of the document as sent is another one: it has the unknown key.
    assert_ne!(document_version(&pretty), Some(compiled.version()));
    document[0]["services"][0].as_object_mut().unwrap().remove("unknown");
    assert_eq!(document_version(document.to_string().as_bytes()), Some(compiled.version()));
    assert_eq!(document_version(b"nonsense"), None);
}

#[test]
fn keys_match_in_any_letter_case_and_the_right_one_wins() {
    let compiled = sample();
    let text = String::from_utf8(compiled.manifest_json()).unwrap();
    let shouted = text
        .replace("\"services\"", "\"SERVICES\"")
        .replace("\"externalPort\"", "\"externalport\"")
        .replace("\"httpOptions\"", "\"HttpOptions\"")
        .replace("\"sequence_number\"", "\"Sequence_Number\"")
        .replace("\"units\"", "\"Units\"")
        .replace("\"val\"", "\"Val\"");
    assert_ne!(shouted, text);
    let read = Manifest::from_json(shouted.as_bytes()).unwrap();
    assert_eq!(read, compiled.manifest);
    assert_eq!(read.version(), compiled.version());
    let read = Manifest::from_json(br#"[{"name":"a","Name":"b"},{"NAME":"c"}]"#).unwrap();
    assert_eq!((read.0[0].name.as_str(), read.0[1].name.as_str()), ("a", "c"));
}

#[test]
fn null_stands_for_the_zero_value_wherever_it_stands() {
    let text = r#"[null, {"name": null, "services": [null, {"name": "web", "env": ["A", null],
        "command": null, "resources": {"cpu": null, "storage": [null], "endpoints": [null],
        "gpu": {"units": null, "attributes": [null]}},
        "expose": [null, {"hosts": [null], "httpOptions": null, "port": null}],
        "params": {"storage": [null], "tee": null, "permissions": {"read": [null]}},
        "credentials": null}]}]"#;
    let read = Manifest::from_json(text.as_bytes()).unwrap();
    assert_eq!(read.0.len(), 2);
    let services = read.0[1].services();
    assert_eq!(services[0], sdl::manifest::Service::default());
    assert_eq!(services[1].env, Some(vec!["A".to_owned(), String::new()]));
    assert_eq!(services[1].exposes()[1].hosts, Some(vec![String::new()]));
    assert_eq!(services[1].resources.volumes().len(), 1);
    assert_eq!(services[1].resources.gpu.as_ref().unwrap().attributes.len(), 1);
    assert_eq!(services[1].params.as_ref().unwrap().storage.as_ref().unwrap().len(), 1);
    assert!(services[1].resources.cpu.is_none());
}

#[test]
fn what_is_no_character_is_replaced() {
    let image = |bytes: &[u8]| {
        let text = [b"[{\"services\":[{\"image\":\"", bytes, b"\"}]}]"].concat();
        Manifest::from_json(&text).unwrap().0[0].services()[0].image.clone()
    };
    assert_eq!(image(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
    assert_eq!(image(br"a\ud800b"), "a\u{fffd}b");
    assert_eq!(image(br"a\ud800\u0041"), "a\u{fffd}A");
    assert_eq!(image(br"a\udc00\ud83d\ude00"), "a\u{fffd}\u{1f600}");
    assert_eq!(image(br"a\\ud800"), r"a\ud800");
    assert_eq!(image("é\\ud800ü".as_bytes()), "é\u{fffd}ü");
}

#[test]
fn null_and_empty_lists_stay_apart() {
    let empty = changed("/0/services/0/command", json!([]));
    assert_ne!(empty.version(), sample().version());
    assert_eq!(changed("/0/services/0/command", Value::Null).version(), sample().version());
}

#[test]
fn both_ways_of_writing_canonical_json_agree() {
    let full = json!([{
        "name": "g<&>\u{2028}", "services": [{
            "name": "s", "image": "i\n\"\\\u{1}\u{7f}é", "command": [], "args": ["a", "b"], "env": ["A=\t"],
            "count": 4294967295_u32,
            "resources": {"id": 7,
                "cpu": {"units": {"val": "18446744073709551615"}, "attributes": [{"key": "arch", "value": "x"}]},
                "memory": {"size": {"val": "0"}, "attributes": [{"key": "k"}, {"value": "v"}, {}]},
                "storage": [{"name": "d", "size": {"val": "5"}, "attributes": [{"key": "class", "value": "ram"}]}],
                "gpu": {"units": {"val": "1"}, "attributes": [{"key": "vendor/nvidia/model/*", "value": "true"}]},
                "endpoints": [{"sequence_number": 0}, {"kind": 2, "sequence_number": 3}, {"kind": 9, "sequence_number": 0}]},
            "expose": [{"port": 1, "externalPort": 2, "proto": "UDP", "service": "x", "global": true,
                "hosts": ["h"], "ip": "i", "endpointSequenceNumber": 3,
                "httpOptions": {"maxBodySize": 1, "readTimeout": 2, "sendTimeout": 3, "nextTries": 4,
                    "nextTimeout": 5, "nextCases": ["off"], "proxyBufferSize": 6}}],
            "params": {"storage": [{"name": "d", "mount": "/d", "readOnly": true}],
                "credentials": {"host": "h", "email": "e", "username": "u", "password": "p"},
                "permissions": {"read": ["logs"]}, "tee": {"type": "cpu", "attestation": true}},
            "credentials": {"host": "h", "email": "e", "username": "u", "password": "p"},
        }, {"name": "bare"}],
    }, {}]);
    let read = Manifest::from_json(full.to_string().as_bytes()).unwrap();
    let generic = canonical::value(&serde_json::to_value(&read).unwrap());
    assert_eq!(
        String::from_utf8(read.canonical_json()).unwrap(),
        String::from_utf8(generic).unwrap()
    );
    assert_eq!(serde_json::to_value(&read).unwrap()[0]["services"][0], full[0]["services"][0]);
}

#[test]
fn structure_is_checked_in_order() {
    let service = "/0/services/0";
    let at = |key: &str, value: Value| changed(&format!("{service}{key}"), value);
    refused(&Manifest::default(), "invalid manifest: manifest is empty");
    refused(
        &changed("/0/services", json!([])),
        "invalid manifest: group \"lakeside\" contains no services",
    );
    refused(
        &at("/name", json!("zz")),
        "invalid manifest: group \"lakeside\" services is not sorted",
    );
    refused(&at("/name", json!("")), "invalid manifest: service name is empty");
    refused(&at("/name", json!("Front")), "invalid manifest: service \"Front\" name is invalid");
    refused(&at("/image", json!("")), "invalid manifest: service \"front\" has empty image name");
    refused(
        &at("/env", json!(["1=2"])),
        "invalid manifest: service \"front\" defines an env. var. with an invalid name \"1\"",
    );
    refused(&at("/resources/id", json!(0)), "resources ID must be > 0");
    for (key, word) in [
        ("cpu", "CPU"),
        ("gpu", "GPU"),
        ("memory", "memory"),
        ("storage", "storage"),
        ("endpoints", "endpoints"),
    ] {
        refused(&at(&format!("/resources/{key}"), Value::Null), &format!("{word} must not be nil"));
    }
    refused(
        &at("/expose/0/port", json!(9000)),
        "invalid manifest: service \"front\": expose is not sorted",
    );
    refused(
        &at("/expose/0/port", json!(0)),
        "invalid manifest: service \"front\": port value must be 0 < value <= 65535 ",
    );
    refused(
        &at("/expose/1/port", json!(65536)),
        "invalid manifest: service \"front\": port value must be 0 < value <= 65535 ",
    );
    refused(
        &at("/expose/0/proto", json!("tcp")),
        "invalid manifest: service \"front\": protocol \"tcp\" unknown",
    );
    refused(
        &at("/expose/0/hosts", json!(["A"])),
        "invalid manifest: service \"front\": has invalid hostname \"A\"",
    );
    refused(
        &at("/expose/1/hosts", json!(["shop.example"])),
        "invalid manifest: service \"front\": hostname \"shop.example\" is duplicated, this is not allowed",
    );
    let mut twice = sample().manifest;
    let mut second = twice.0[0].clone();
    for expose in second.services.iter_mut().flatten().flat_map(|it| it.expose.iter_mut().flatten())
    {
        expose.hosts = None;
    }
    twice.0.push(second);
    refused(&twice, "invalid manifest: duplicate group \"lakeside\"");
    let mut local = sample().manifest;
    for expose in
        local.0[0].services.iter_mut().flatten().flat_map(|it| it.expose.iter_mut().flatten())
    {
        expose.global = false;
    }
    refused(&local, "invalid manifest: zero global services");
}

#[test]
fn what_was_not_bought_is_refused() {
    let groups = sample().groups;
    let check = |manifest: &Manifest, text: &str| {
        assert_eq!(manifest.check_against(&groups).unwrap_err().to_string(), text);
    };
    let cross = |pointer: &str, value: Value, text: &str| {
        let prefix = "manifest cross-validation error: group \"lakeside\": ";
        check(&changed(&format!("/0/services/{pointer}"), value), &format!("{prefix}{text}"));
    };
    sample().manifest.check_against(&groups).unwrap();
    check(&Manifest::default(), "invalid manifest: group count mismatch (0 != 1)");
    check(
        &changed("/0/name", json!("other")),
        "invalid manifest: unknown deployment group ('other')",
    );
    assert!(matches!(
        changed("/0/name", json!("other")).check_against(&groups),
        Err(ManifestError::Groups(_))
    ));
    cross(
        "0/resources/id",
        json!(2),
        "service \"front\": not found deployment group resources with ID = 2",
    );
    cross(
        "0/count",
        json!(4),
        "service \"front\": over-utilized replicas (4) > group spec resources count (3)",
    );
    cross("0/count", json!(1), "resources ID (1): under-utilized (1) resources");
    let val = |value: &str| json!({"val": value});
    cross(
        "0/resources/cpu/units",
        val("251"),
        "service \"front\": CPU resources mismatch for ID 1",
    );
    cross("0/resources/gpu/units", val("1"), "service \"front\": GPU resources mismatch for ID 1");
    cross(
        "0/resources/memory/size",
        val("1"),
        "service \"front\": Memory resources mismatch for ID 1",
    );
    cross(
        "0/resources/storage/1/size",
        val("1"),
        "service \"front\": Storage resources mismatch for ID 1",
    );
    cross(
        "0/resources/storage/0/attributes",
        json!([]),
        "service \"front\": Storage resources mismatch for ID 1",
    );
    cross(
        "0/resources/storage",
        json!([]),
        "service \"front\": Storage resources mismatch for ID 1",
    );
    cross(
        "1/expose/0/global",
        json!(true),
        "service \"store\": resource ID 1: over-utilized PORT endpoints",
    );
    cross(
        "0/expose/0/externalPort",
        json!(81),
        "service \"front\": resource ID 1: over-utilized PORT endpoints",
    );
    cross(
        "0/expose/1/externalPort",
        json!(80),
        "service \"front\": resource ID 1: over-utilized HTTP endpoints",
    );
    cross(
        "0/expose/0/ip",
        json!("edge"),
        "service \"front\": resource ID 1: over-utilized IP endpoints",
    );
    cross("0/expose/0/global", json!(false), "resources ID (1): under-utilized (1) HTTP endpoints");
    cross("0/expose/1/ip", json!(""), "resources ID (1): under-utilized (1) IP endpoints");
}

#[test]
fn passwords_do_not_show_in_debug_output() {
    let manifest =
        changed("/0/services/0/credentials", json!({"host": "h", "password": "s3cret!"}));
    let shown = format!("{manifest:?}");
    assert!(!shown.contains("s3cret!") && shown.contains("host"), "{shown}");
}
