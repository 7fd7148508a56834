//! What is ordered and at what price: quantities, limits, GPUs, volumes.

use super::*;

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
