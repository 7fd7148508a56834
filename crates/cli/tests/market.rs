//! The binary against a real node in a process of its own, with providers that run on a machine
//! room in memory: from an SDL file to the settlement.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use backend::{Amount, Inventory, Node, memory::Memory};
use client::{Chain, Endpoints, LocalSigner};
use common::{Home, Run};
use provider::{Config, Handle, Live, config::Prices};
use serde_json::Value;
use types::LeaseId;

const SDL: &str = r#"---
version: "2.0"
services:
  web:
    image: nginx:stable
    expose:
      - port: 80
        as: 80
        accept: [web.example.com]
        to:
          - global: true
profiles:
  compute:
    web:
      resources:
        cpu: { units: 0.25 }
        memory: { size: 128Mi }
        storage: { size: 256Mi }
  placement:
    here:
      attributes:
        region: here
      pricing:
        web: { denom: uact, amount: 1000 }
deployment:
  web:
    here: { profile: web, count: 1 }
"#;

/// A network of one node, gone in the end.
struct Network {
    home: Home,
    node: Child,
    rpc: String,
    grpc: String,
    accounts: Vec<Value>,
}

impl Network {
    fn start() -> Network {
        let home = Home::new();
        let any = "127.0.0.1:0";
        let listen = ["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any];
        let mut args = vec!["node", "init", "--json", "--block-time-ms", "300"];
        for name in ["tenant", "cheap", "dear", "far"] {
            args.extend(["--account", name]);
        }
        args.extend(listen);
        let made: Value = serde_json::from_str(&home.run_ok(&args).stdout).unwrap();
        let mut node = home
            .command()
            .args(["node", "start", "--json"])
            .args(listen)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(home.path().join("node.log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoints: Value = serde_json::from_str(&line).unwrap();
        let rpc = endpoints["rpc"].as_str().unwrap().to_owned();
        let grpc = endpoints["grpc"].as_str().unwrap().to_owned();
        let accounts = made["accounts"].as_array().unwrap().clone();
        let network = Network { home, node, rpc, grpc, accounts };
        network.eventually("the first block", |run| {
            run(&["status"]).ok().is_some_and(|it| it["node"]["status"]["latest_height"] != 0)
        });
        network
    }

    /// Runs a command of the tenant.
    fn run(&self, args: &[&str]) -> Run {
        let mut all = args.to_vec();
        all.extend(["--node", &self.rpc, "--from", "tenant"]);
        self.home.run(&all)
    }

    /// The JSON of a command that must work.
    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let run = self.run(&all);
        assert_eq!(run.code, 0, "{args:?}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.stderr, "", "{args:?}");
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// The error of a command that must not.
    fn error(&self, args: &[&str], code: i32) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let run = self.run(&all);
        assert_eq!(run.code, code, "{args:?}: {}{}", run.stdout, run.stderr);
        let mut value: Value = serde_json::from_str(&run.stdout).unwrap();
        value["error"].take()
    }

    fn eventually(
        &self,
        what: &str,
        check: impl Fn(&dyn Fn(&[&str]) -> Result<Value, Run>) -> bool,
    ) {
        let run = |args: &[&str]| {
            let mut all = args.to_vec();
            all.push("--json");
            let run = self.run(&all);
            if run.code == 0 { Ok(serde_json::from_str(&run.stdout).unwrap()) } else { Err(run) }
        };
        let start = Instant::now();
        while !check(&run) {
            assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn account(&self, name: &str) -> &Value {
        self.accounts.iter().find(|it| it["name"] == name).unwrap()
    }

    fn address(&self, name: &str) -> String {
        self.account(name)["address"].as_str().unwrap().to_owned()
    }

    fn file(&self) -> String {
        let path = self.home.path().join("web.yaml");
        std::fs::write(&path, SDL).unwrap();
        path.display().to_string()
    }

    /// A provider in this process, on a machine room in memory.
    async fn provider(&self, name: &str, region: &str, cpu_price: &str) -> (Handle, Memory) {
        let amount = Amount::of;
        let room = Memory::new(Inventory {
            nodes: vec![Node {
                name: name.to_owned(),
                os: "linux".to_owned(),
                arch: "amd64".to_owned(),
                cpu_milli: amount(2000),
                memory_bytes: amount(4 << 30),
                ephemeral_bytes: amount(20 << 30),
                ..Node::default()
            }],
            storage: Vec::new(),
        });
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        // The gateway's port is registered on the chain before it is listened at.
        let port = TcpListener::bind(any).unwrap().local_addr().unwrap().port();
        let mut config = Config {
            state_dir: self.home.path().join(format!("provider-{name}")),
            host_uri: format!("https://localhost:{port}"),
            attributes: [("region", region), ("host", "test")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            prices: ["uact", "uusdc"]
                .map(|denom| {
                    let prices = Prices { cpu: cpu_price.to_owned(), ..Prices::reference() };
                    (denom.to_owned(), prices)
                })
                .into(),
            timers: provider::config::Timers::local(),
            ..Config::default()
        };
        config.chain.rpc.clone_from(&self.rpc);
        config.gateway.listen = ([127, 0, 0, 1], port).into();
        config.gateway.grpc_listen = None;
        config.ingress.listen = None;
        let phrase = self.account(name)["phrase"].as_str().unwrap();
        let signer = Arc::new(LocalSigner::from_phrase(phrase).unwrap());
        let chain = Live::connect(&config.chain, signer).await.unwrap();
        let handle = provider::run(config, Arc::new(chain), Arc::new(room.clone())).await.unwrap();
        (handle, room)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

fn amount(coins: &Value, denom: &str) -> u128 {
    let list = coins.as_array().unwrap();
    let found = list.iter().find(|it| it["denom"] == denom).unwrap();
    found["amount"].as_str().unwrap().parse().unwrap()
}

#[test]
fn coins_are_sent_and_wrong_requests_cost_nothing() {
    let network = Network::start();
    let to = network.address("far");
    let sent =
        network.json(&["tx", "bank", "send", "--to-address", &to, "--amount", "5uakt,7uact"]);
    assert_eq!(sent["code"], 0);
    assert_eq!(sent["txhash"].as_str().unwrap().len(), 64);
    let held = network.json(&["query", "bank", "all-balances", "--address", &to]);
    assert_eq!(amount(&held["balances"], "uakt"), 1_000_000_000_005);
    assert_eq!(amount(&held["balances"], "uact"), 1_000_000_000_007);
    // The same is found by its hash, and the account has moved on by one.
    let found =
        network.json(&["query", "auth", "account-info", "--address", &network.address("tenant")]);
    assert_eq!(found["info"]["sequence"], "1");

    let args = ["tx", "bank", "send", "--to-address", &to, "--amount", "9000000000000000uakt"];
    let error = network.error(&args, 4);
    assert!(error["message"].as_str().unwrap().contains("balance"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("send coins to"), "{error}");

    let error = network.error(&["status", "--chain-id", "akashnet-2"], 2);
    assert!(error["message"].as_str().unwrap().contains("not `akashnet-2`"), "{error}");

    let file = network.file();
    let error = network.error(&["deploy", &file, "--deposit", "9000000000000000uact"], 4);
    assert!(error["message"].as_str().unwrap().contains("the deposit is"), "{error}");
    let deployments = network.json(&["deployments"]);
    assert_eq!(deployments["deployments"], Value::Array(Vec::new()));
    let found =
        network.json(&["query", "auth", "account-info", "--address", &network.address("tenant")]);
    assert_eq!(found["info"]["sequence"], "1", "nothing was sent");

    // The same over gRPC.
    let grpc = network.grpc.as_str();
    let held = network.json(&["query", "bank", "all-balances", "--address", &to, "--grpc", grpc]);
    assert_eq!(amount(&held["balances"], "uakt"), 1_000_000_000_005);
    let args = ["tx", "bank", "send", "--to-address", &to, "--grpc", grpc, "--amount"];
    let with = |amount: &'static str| [args.as_slice(), &[amount]].concat();
    assert_eq!(network.json(&with("1uakt"))["code"], 0);
    let error = network.error(&with("9000000000000000uakt"), 4);
    assert!(error["message"].as_str().unwrap().contains("balance"), "{error}");
    let nobody = "akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0";
    for transport in [vec![], vec!["--grpc", grpc]] {
        let ask = ["query", "auth", "account-info", "--address", nobody];
        let error = network.error(&[ask.as_slice(), &transport].concat(), 6);
        assert!(error["message"].as_str().unwrap().contains("not found"), "{error}");
    }

    assert_eq!(network.run(&["close", "77"]).code, 6);
    assert_eq!(network.run(&["status", "77"]).code, 6);
}

#[test]
fn a_key_under_a_rule_spends_within_it_and_its_owner_pays_the_fee() {
    let network = Network::start();
    let (owner, key, to) =
        (network.address("tenant"), network.address("cheap"), network.address("far"));
    let fees = "1000000uakt";
    let rule = ["limits", "grant", &key, "--per-day", "1000100uakt", "--fees-per-day", fees];
    let granted = network.json(&[rule.as_slice(), &["--allow", "send"]].concat());
    assert_eq!(granted["rule"]["per_day"][0]["amount"], "1000100");

    let spend = |amount: &str| {
        let mut args = vec!["tx", "bank", "send", "--to-address", &to, "--amount", amount];
        args.extend(["--on-behalf-of", &owner, "--fee-granter", &owner]);
        args.extend(["--node", &network.rpc, "--from", "cheap", "--json"]);
        network.home.run(&args)
    };
    let before = network.json(&["query", "bank", "all-balances", "--address", &key]);
    let sent = spend("60uakt");
    assert_eq!(sent.code, 0, "{}{}", sent.stdout, sent.stderr);
    let refused = spend("1000100uakt");
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    assert!(refused.stdout.contains("for today"), "{}", refused.stdout);
    // The key has paid nothing.
    let after = network.json(&["query", "bank", "all-balances", "--address", &key]);
    assert_eq!(before["balances"], after["balances"]);

    let shown = network.json(&["limits", "show", &key]);
    let rule = &shown["rules"][0];
    assert_eq!(
        (&rule["stands"], &rule["rule"]["owner"]),
        (&Value::Bool(true), &Value::from(owner.as_str()))
    );
    assert_eq!(rule["messages"][0]["spent"][0]["amount"], "60");
    assert_eq!(rule["messages"][1]["type_url"], "fee");
    assert!(amount(&rule["messages"][1]["spent"], "uakt") > 0);
    let table = network.run(&["limits", "show", &key]).stdout;
    assert!(table.contains("stands") && table.contains("MsgSend"), "{table}");

    network.json(&["limits", "revoke", &key]);
    assert_eq!(spend("1uakt").code, 4);
    assert_eq!(network.json(&["limits", "show"])["rules"], Value::Array(Vec::new()));
    assert_eq!(network.run(&["limits", "show", &key]).code, 6);
}

#[test]
fn a_deployment_that_nobody_wants_is_closed_and_refunded() {
    let network = Network::start();
    let before = network.json(&["status"])["account"]["balances"].clone();
    let file = network.file();
    let error = network.error(&["deploy", &file, "--bid-timeout", "2"], 5);
    assert_eq!(error["detail"]["asked"], Value::Array(Vec::new()));
    let settlement = &error["detail"]["settlement"];
    assert_eq!(settlement["adds_up"], true, "{settlement}");
    assert_eq!(settlement["rows"][0]["deposited"], settlement["rows"][0]["refunded"]);
    let after = network.json(&["status"])["account"]["balances"].clone();
    assert_eq!(amount(&before, "uact"), amount(&after, "uact"));
    let open = network.json(&["deployments", "--state", "active"]);
    assert_eq!(open["deployments"], Value::Array(Vec::new()));
    // For a person it is a sentence with a hint.
    let run = network.run(&["deploy", &file, "--bid-timeout", "1"]);
    assert_eq!(run.code, 5);
    assert!(
        run.stderr.contains("error: nobody made an offer; the deployment is closed and refunded")
    );
    assert!(run.stdout.contains("No provider is registered"), "{}", run.stdout);
}

#[test]
fn a_file_runs_and_its_money_adds_up() {
    let network = Network::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let start = async {
        tokio::join!(
            network.provider("cheap", "here", "0.1"),
            network.provider("dear", "here", "0.8"),
            network.provider("far", "elsewhere", "0.1"),
        )
    };
    let (cheap, dear, far) = runtime.block_on(start);
    let file = network.file();

    let deployed = network.json(&["deploy", &file, "--bid-pause", "60", "--bid-timeout", "8"]);
    let bids = deployed["bids"].as_array().unwrap();
    assert_eq!(bids.len(), 2, "{deployed}");
    let chosen: Vec<&Value> = bids.iter().filter(|it| it["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0]["provider"], network.address("cheap"));
    assert_eq!(deployed["leases"][0]["provider"], network.address("cheap"));
    // The one that made no offer says why.
    assert_eq!(deployed["declined"].as_array().unwrap().len(), 1, "{deployed}");
    assert_eq!(deployed["declined"][0]["provider"], network.address("far"));
    assert!(deployed["declined"][0]["reason"].as_str().unwrap().contains("region"), "{deployed}");
    let service = &deployed["services"][0]["status"]["services"]["web"];
    assert_eq!(service["available"], 1);
    assert!(service["uris"].to_string().contains("web.example.com"), "{service}");
    for part in ["sdl_to_first_bid", "bid_to_lease", "lease_to_ready", "whole"] {
        assert!(deployed["times_ms"][part].as_u64().unwrap() > 0, "{part}");
    }
    let dseq = deployed["dseq"].as_str().unwrap();

    // The lists show it, for a program and for a person.
    assert_eq!(network.json(&["deployments", dseq])["deployments"][0]["state"], "active");
    assert_eq!(network.json(&["orders", dseq])["orders"][0]["state"], "active");
    assert_eq!(network.json(&["leases", dseq])["leases"][0]["state"], "active");
    let states: Vec<Value> = network.json(&["bids", dseq])["bids"].as_array().unwrap().clone();
    let lost = states.iter().find(|it| it["provider"] == network.address("dear")).unwrap();
    assert_eq!(lost["state"], "lost");
    let table = network.run(&["bids", dseq]).stdout;
    assert!(table.contains("per month") && table.contains("ACT"), "{table}");
    let status = network.json(&["status", dseq]);
    let says = &status["leases"][0]["provider_says"]["status"]["services"]["web"];
    assert_eq!(says["total"], 1, "{status}");
    assert!(network.run(&["status", dseq]).stdout.contains("http://web.example.com"));

    // What the service writes comes through.
    let lease: LeaseId =
        format!("{}/{dseq}/1/1/{}", network.address("tenant"), network.address("cheap"))
            .parse()
            .unwrap();
    cheap.1.write_log(&lease, "web", 0, "hello from the room");
    let logs = network.run(&["logs", dseq]);
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    assert!(logs.stdout.contains("web | hello from the room"), "{}", logs.stdout);

    // Some blocks are paid for.
    let height = |network: &Network| {
        network.json(&["status"])["node"]["status"]["latest_height"].as_u64().unwrap()
    };
    let then = height(&network);
    network.eventually("six more blocks", |_| height(&network) >= then + 6);
    let closed = network.json(&["close", dseq]);
    let settlement = &closed["settlement"];
    assert_eq!(settlement["adds_up"], true, "{settlement}");
    let number = |it: &Value| it.as_str().unwrap().parse::<u64>().unwrap();
    let row = &settlement["rows"][0];
    assert!(number(&row["paid"]) > 0, "{row}");
    assert_eq!(number(&row["deposited"]), number(&row["paid"]) + number(&row["refunded"]), "{row}");
    let fees: Vec<&str> = settlement["fees"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["what"].as_str().unwrap())
        .collect();
    assert_eq!(fees, ["open", "lease", "close"]);
    assert_eq!(network.error(&["close", dseq], 4)["exit_code"], 4);
    assert_eq!(network.json(&["deployments", dseq])["deployments"][0]["state"], "closed");

    // When nothing fits, everyone says why.
    let error = network.error(&["deploy", &file, "--max-price", "1", "--bid-timeout", "6"], 5);
    let asked = error["detail"]["asked"].as_array().unwrap();
    let reason = |name: &str| {
        let found = asked.iter().find(|it| it["provider"] == network.address(name)).unwrap();
        found["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("cheap").contains("more than --max-price 1"), "{}", reason("cheap"));
    assert!(reason("far").contains("region"), "{}", reason("far"));
    assert_eq!(error["detail"]["settlement"]["adds_up"], true);

    runtime.block_on(async {
        let chain = Chain::connect(&Endpoints::rpc(&network.rpc)).await.unwrap();
        assert_eq!(chain.providers().await.unwrap().len(), 3);
        drop((cheap, dear, far));
    });
}

#[test]
fn two_groups_get_two_leases_and_stablecoins_add_up_too() {
    let network = Network::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let start = async {
        tokio::join!(
            network.provider("cheap", "here", "0.1"),
            network.provider("dear", "there", "0.8"),
        )
    };
    let providers = runtime.block_on(start);
    let path = network.home.path().join("two.yaml");
    let two = SDL
        .replace("uact", "uusdc")
        .replace(
            "deployment:\n",
            "    there:\n      attributes:\n        region: there\n      pricing:\n        \
             web: { denom: uusdc, amount: 1000 }\ndeployment:\n",
        )
        .replace(
            "    here: { profile: web, count: 1 }",
            "    here: { profile: web, count: 1 }\n    there: { profile: web, count: 1 }",
        )
        .replace("        accept: [web.example.com]\n", "");
    std::fs::write(&path, two).unwrap();
    let file = path.display().to_string();
    let deployed =
        network.json(&["deploy", &file, "--deposit", "2000000uusdc", "--bid-timeout", "20"]);
    let leases = deployed["leases"].as_array().unwrap();
    let takers: Vec<&str> = leases.iter().map(|it| it["provider"].as_str().unwrap()).collect();
    assert_eq!(takers, [network.address("cheap"), network.address("dear")], "{deployed}");
    assert_eq!(deployed["services"].as_array().unwrap().len(), 2);
    let closed = network.json(&["close", deployed["dseq"].as_str().unwrap()]);
    let settlement = &closed["settlement"];
    assert_eq!(settlement["adds_up"], true, "{settlement}");
    assert_eq!(settlement["rows"][0]["denom"], "uusdc");
    assert_eq!(settlement["rows"][0]["deposited"], "2000000");
    assert_eq!(settlement["paid"].as_array().unwrap().len(), 2);
    runtime.block_on(async { drop(providers) });
}

#[test]
fn an_interruption_while_waiting_for_bids_gives_the_money_back() {
    let network = Network::start();
    let file = network.file();
    let waiting = network
        .home
        .command()
        .args(["deploy", &file, "--wait", "--json", "--from", "tenant", "--node", &network.rpc])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    network.eventually("the deployment", |run| {
        run(&["deployments", "--state", "active"])
            .is_ok_and(|it| it["deployments"].as_array().is_some_and(|it| !it.is_empty()))
    });
    let pid = waiting.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = waiting.wait_with_output().unwrap();
    let text = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(value["error"]["detail"]["dseq"].is_string(), "{value}");
    let open = network.json(&["deployments", "--state", "active"]);
    assert_eq!(open["deployments"], Value::Array(Vec::new()));
    let balances = network.json(&["status"])["account"]["balances"].clone();
    assert_eq!(amount(&balances, "uact"), 1_000_000_000_000);
}

#[test]
fn a_locked_home_is_one_clear_sentence() {
    let network = Network::start();
    let path: PathBuf = network.home.path().to_owned();
    let run = network.home.run(&["node", "start", "--rpc-listen", "127.0.0.1:0"]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains(&path.display().to_string()), "{}", run.stderr);
    assert!(run.stderr.lines().count() <= 3, "{}", run.stderr);
}
