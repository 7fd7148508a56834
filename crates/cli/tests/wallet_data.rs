//! What `haggle node wallet-data` writes, against the published schemas of the chain registry
//! (`tests/schemas/chain-registry`). Keplr's own checks, which need a running node, are in
//! `clients.rs`.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{fs, path::Path};

use common::Home;
use jsonschema::Validator;
use serde_json::{Value, json};

/// A schema of the registry, its formats included.
fn schema(name: &str) -> Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/schemas/chain-registry");
    let text = fs::read_to_string(folder.join(format!("{name}.schema.json"))).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap()
}

fn complaints(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|it| format!("{}: {it}", it.instance_path())).collect()
}

/// The files for a new network, made with more arguments.
fn written(more: &[&str]) -> [Value; 3] {
    let home = Home::new();
    home.run_ok(&["node", "init", "--json"]);
    let folder = home.path().join("out/wallets");
    let told = home.run_ok(
        &[&["node", "wallet-data", "--json", "--dir", folder.to_str().unwrap()], more].concat(),
    );
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["files"].as_array().unwrap().len(), 3);
    ["keplr", "chain", "assetlist"].map(|name| {
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    })
}

#[test]
fn the_registrys_schemas_take_both_documents_and_refuse_wrong_ones() {
    let (chains, lists) = (schema("chain"), schema("assetlist"));
    let public = [
        "--rpc-url",
        "https://rpc.example.org",
        "--rest-url",
        "https://api.example.org",
        "--grpc-address",
        "grpc.example.org:443",
        "--network-type",
        "mainnet",
        "--chain-name",
        "example",
        "--pretty-name",
        "An Example",
    ];
    for more in [&[][..], &["--network-type", "testnet"], &public] {
        let [_, chain, assets] = written(more);
        assert_eq!(complaints(&chains, &chain), [""; 0]);
        assert_eq!(complaints(&lists, &assets), [""; 0]);
        assert_eq!(chain["chain_name"], assets["chain_name"]);
    }
    let [_, mut chain, mut assets] = written(&[]);
    chain["colour"] = json!("red");
    assert_eq!(complaints(&chains, &chain).len(), 1);
    assets["assets"][0]["display"] = json!("");
    assert_eq!(complaints(&lists, &assets).len(), 1);
}

#[test]
fn a_local_network_is_described_as_its_genesis_and_settings_say() {
    let [keplr, chain, assets] = written(&[]);
    assert_eq!(chain["chain_id"], "haggle-local");
    assert_eq!(chain["chain_name"], "hagglelocal");
    assert_eq!(chain["slip44"], 118);
    assert_eq!(chain["bech32_prefix"], "akash");
    assert_eq!(chain["apis"]["grpc"][0]["address"], "127.0.0.1:9090");
    assert_eq!(chain["staking"]["staking_tokens"][0]["denom"], "uakt");
    assert_eq!(chain["fees"]["fee_tokens"][0]["fixed_min_gas_price"], 0.0025);
    let shown = |key: &str| -> Vec<&Value> {
        assets["assets"].as_array().unwrap().iter().map(|it| &it[key]).collect()
    };
    assert_eq!(shown("base"), ["uakt", "uact", "uusdc"]);
    assert_eq!(shown("display"), ["akt", "act", "usdc"]);
    assert_eq!(keplr["rpc"], "http://127.0.0.1:26657");
    assert_eq!(keplr["rest"], "http://127.0.0.1:1317");
    assert_eq!(keplr["bip44"]["coinType"], 118);
    assert_eq!(keplr["bech32Config"]["bech32PrefixValAddr"], "akashvaloper");
    assert_eq!(keplr["currencies"].as_array().unwrap().len(), 3);
}

#[test]
fn what_wallets_cannot_use_is_refused_with_what_to_do() {
    let home = Home::new();
    let write = ["node", "wallet-data", "--dir", "out"];
    let run = home.run(&write);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("genesis"), "{}", run.stderr);
    home.run_ok(&["node", "init"]);
    for (flag, value) in [
        ("--rpc-url", "rpc.example.org"),
        ("--rest-url", "https://api.example.org?key=1"),
        ("--chain-name", "My Chain"),
        ("--pretty-name", "a name that is so long that no wallet shows it"),
    ] {
        let run = home.run(&[&write[..], &[flag, value]].concat());
        assert_eq!(run.code, 2, "{flag}: {}", run.stderr);
        assert!(run.stderr.contains(flag), "{}", run.stderr);
    }
    assert!(!home.path().join("out").exists());
}
