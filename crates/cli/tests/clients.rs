//! Unmodified packages of the ecosystem against a running node: `tests/clients/` in the project's
//! root, with `@cosmjs/*`, `@akashnetwork/chain-sdk` and Keplr's validator from npm, and `cosmpy`
//! from PyPI; and the snippets of `docs/guide/wallets.md`, as they stand there.
//!
//! One node serves all of them, and all run at the same time, each with an account of its own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, a skipped one says so"
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Instant,
};

use common::Home;
use serde_json::{Value, json};

/// The operator of the first validator, then an account for each script.
const ACCOUNTS: [&str; 13] = [
    "validator",
    "second",
    "tenant",
    "provider",
    "direct",
    "amino",
    "multisig",
    "sdk",
    "grpc",
    "rest",
    "guide",
    "reader",
    "exchange",
];

/// What a script prints when it has seen all that it wanted to.
const PASSED: &str = "all steps passed\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scripts() -> PathBuf {
    root().join("tests/clients")
}

/// Whether the packages are installed; `cargo xtask test` sees to that.
fn installed(what: &str) -> bool {
    let there = scripts().join(what).exists();
    if !there {
        println!("skipped what needs tests/clients/{what}: run `cargo xtask setup` first");
    }
    there
}

/// A node of a new network, and what scripts must know of it.
struct Network {
    home: Home,
    node: Child,
    endpoints: Value,
    accounts: Value,
}

impl Network {
    fn start() -> Network {
        let home = Home::new();
        let mut init = vec!["node", "init", "--json", "--block-time-ms", "200"];
        init.extend(ACCOUNTS.iter().flat_map(|it| ["--account", it]));
        let made: Value = serde_json::from_str(&home.run_ok(&init).stdout).unwrap();
        hurry(&home.path().join("node/config/genesis.json"));
        let any = "127.0.0.1:0";
        let mut node = home
            .command()
            .args(["node", "start", "--json"])
            .args(["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoints = serde_json::from_str(&line).unwrap();
        Network { home, node, endpoints, accounts: made["accounts"].clone() }
    }

    fn phrase(&self, name: &str) -> String {
        let mut accounts = self.accounts.as_array().unwrap().iter();
        accounts.find(|it| it["name"] == name).unwrap()["phrase"].as_str().unwrap().to_owned()
    }

    fn endpoint(&self, name: &str) -> &str {
        self.endpoints[name].as_str().unwrap()
    }

    /// A script of `tests/clients` with the node's addresses in its environment.
    fn script(&self, name: &'static str, program: &Path, args: &[&str]) -> Script {
        let mut command = Command::new(program);
        command.args(args).current_dir(scripts()).env("CHAIN_ID", "haggle-local");
        for (variable, endpoint) in [("RPC", "rpc"), ("REST", "rest"), ("GRPC", "grpc")] {
            command.env(variable, self.endpoint(endpoint));
        }
        Script { name, command, input: String::new(), ends_with: PASSED }
    }

    /// A snippet of the guide, given to the program's standard input. Where it has the usual
    /// addresses of a node and a phrase to fill in, it gets those of this network.
    fn snippet(&self, name: &'static str, program: &Path, language: &str, by: &str) -> Script {
        let args: &[&str] = if language == "js" { &["--input-type=module", "-"] } else { &["-"] };
        let mut script = self.script(name, program, args);
        let guide = fs::read_to_string(root().join("docs/guide/wallets.md")).unwrap();
        let code = guide
            .split("\n```")
            .find_map(|it| it.strip_prefix(language)?.strip_prefix('\n'))
            .unwrap_or_else(|| panic!("a {language} snippet in docs/guide/wallets.md"));
        script.ends_with = "\n";
        script.input = code
            .replace("http://127.0.0.1:26657", self.endpoint("rpc"))
            .replace("http://127.0.0.1:9090", self.endpoint("grpc"))
            .replace("WORDS OF YOUR PHRASE", &self.phrase(by));
        assert!(script.input.contains(&self.phrase(by)), "{}", script.input);
        script
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

/// Votes end, and stake is free, within a test; a validator that never signs is not jailed in it.
fn hurry(genesis: &Path) {
    let mut document: Value = serde_json::from_str(&fs::read_to_string(genesis).unwrap()).unwrap();
    for (path, value) in [
        ("/app_state/gov/params/voting_period", "30s"),
        ("/app_state/gov/params/expedited_voting_period", "10s"),
        ("/app_state/gov/params/quorum", "0.000001000000000000"),
        ("/app_state/staking/params/unbonding_time", "50s"),
        ("/app_state/slashing/params/signed_blocks_window", "30000"),
    ] {
        *document.pointer_mut(path).unwrap() = json!(value);
    }
    fs::write(genesis, document.to_string()).unwrap();
}

/// A script that is to be run.
struct Script {
    name: &'static str,
    command: Command,
    input: String,
    ends_with: &'static str,
}

impl Script {
    fn with(mut self, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> Script {
        self.command.env(variable, value);
        self
    }

    /// Its name, and what it said if it failed.
    fn run(mut self) -> Result<String, String> {
        let begun = Instant::now();
        let pipes = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
        let [stdin, stdout, stderr] = pipes;
        let mut child = self.command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
        child.stdin.take().unwrap().write_all(self.input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() && told.ends_with(self.ends_with) {
            return Ok(format!("{}: {:.1} s", self.name, begun.elapsed().as_secs_f32()));
        }
        Err(format!("--- {}\n{told}{}", self.name, String::from_utf8_lossy(&output.stderr)))
    }
}

#[test]
fn wallets_exchanges_and_the_market_work_with_unmodified_packages() {
    let (npm, python) =
        (installed("node_modules/.package-lock.json"), installed(".venv/bin/python"));
    if !npm {
        return;
    }
    let network = Network::start();
    let (node, cosmpy) = (PathBuf::from("node"), scripts().join(".venv/bin/python"));

    let validator = network
        .script("a second validator", &node, &["validator.mjs"])
        .with("VALIDATOR", network.phrase("validator"))
        .with("SECOND", network.phrase("second"));
    validator.run().unwrap_or_else(|why| panic!("{why}"));

    let data = network.home.path().join("wallets");
    let rpc = ["--rpc-url", network.endpoint("rpc")];
    let rest = ["--rest-url", network.endpoint("rest")];
    let write = ["node", "wallet-data", "--dir", data.to_str().unwrap()];
    network.home.run_ok(&[&write[..], &rpc, &rest].concat());

    let phrase = |name: &str| network.phrase(name);
    let mut all = vec![
        network
            .script("market with stargate and chain-sdk", &node, &["market.mjs"])
            .with("TENANT", phrase("tenant"))
            .with("PROVIDER", phrase("provider")),
        network
            .script("stargate, direct", &node, &["stargate.mjs"])
            .with("MODE", "direct")
            .with("PHRASE", phrase("direct")),
        network
            .script("stargate, amino", &node, &["stargate.mjs"])
            .with("MODE", "amino")
            .with("PHRASE", phrase("amino")),
        network.script("multisig", &node, &["multisig.mjs"]).with("PHRASE", phrase("multisig")),
        network.script("exchange", &node, &["exchange.mjs"]).with("PHRASE", phrase("exchange")),
        network.script("chain-sdk", &node, &["chain-sdk.mjs"]).with("PHRASE", phrase("sdk")),
        network.script("Keplr's validator", &node, &["keplr.mjs"]).with("DATA", &data),
        network.snippet("the guide's cosmjs snippet", &node, "js", "guide"),
    ];
    if python {
        for (name, scheme, account) in
            [("cosmpy over gRPC", "grpc", "grpc"), ("cosmpy over REST", "rest", "rest")]
        {
            let url = format!("{scheme}+{}", network.endpoint(scheme));
            let script = network.script(name, &cosmpy, &["wallet.py"]);
            all.push(script.with("URL", url).with("PHRASE", phrase(account)));
        }
        all.push(network.snippet("the guide's cosmpy snippet", &cosmpy, "python", "reader"));
    }
    let running: Vec<_> = all.into_iter().map(|it| thread::spawn(|| it.run())).collect();
    let outcomes: Vec<_> = running.into_iter().map(|it| it.join().unwrap()).collect();
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(passed) => println!("{passed}"),
            Err(why) => failures.push(why),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
