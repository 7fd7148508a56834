//! An upgrade of the network, rehearsed whole with two builds that differ by a feature: governance
//! passes a plan, the old build stops at its height, the wrong build signs nothing, the new one
//! migrates and goes on; so do a node that was synced from genesis and one restored from a snapshot,
//! and all three have the same state 200 blocks later.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use client::{
    Chain, Endpoints, LocalSigner,
    rpc::Rpc,
    tx::{Policy, Wallet},
};
use common::{BINARY, Home};
use serde_json::{Value, json};
use types::wire::cosmos::{
    base::v1beta1::Coin,
    gov::v1::{MsgSubmitProposal, MsgVote, VoteOption},
    upgrade::v1beta1::{
        MsgSoftwareUpgrade, Plan, QueryAppliedPlanRequest, QueryAppliedPlanResponse,
        QueryCurrentPlanRequest, QueryCurrentPlanResponse, QueryModuleVersionsRequest,
        QueryModuleVersionsResponse,
    },
};

/// Exit code of a build that the network has left behind, or not reached.
const WRONG_BUILD: i32 = 7;
/// Long enough for an unoptimised network on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// From the plan's transaction to its height: much more than the two seconds of the vote.
const NOTICE_BLOCKS: u64 = 80;
/// How long the nodes are followed after the upgrade.
const AFTER_BLOCKS: u64 = 200;

/// Builds the program once more with the upgrade `rehearsal`, beside the one under test.
fn rehearsal_build() -> PathBuf {
    let binary = Path::new(BINARY);
    let (folder, target) = (binary.parent().unwrap(), binary.parent().unwrap().parent().unwrap());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // An example stands among the targets so that dependencies get the features that tests give
    // them: all of them are shared, and only what knows the upgrade is compiled again.
    command
        .args(["build", "--quiet", "--workspace", "--bin", "haggle-rehearsal"])
        .args(["--example", "replay", "--features", "cli/upgrade-rehearsal"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.join("haggle-rehearsal")
}

/// A home of a node, with the address where its peers find it.
struct Machine {
    home: Home,
    p2p: String,
    log: PathBuf,
}

struct Running {
    child: Child,
    rpc: Rpc,
    url: String,
    log: PathBuf,
}

/// How a node ended by itself.
struct Ended {
    code: i32,
    stderr: String,
}

impl Machine {
    fn new() -> Machine {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let p2p = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
        let home = Home::new();
        let log = home.path().join("node.log");
        Machine { home, p2p, log }
    }

    fn node(&self, file: &str) -> PathBuf {
        self.home.path().join("node").join(file)
    }

    fn command(&self, build: &Path) -> Command {
        // The environment of a home is that of the build under test; only the program differs.
        let of_home = self.home.command();
        let mut command = Command::new(build);
        for (name, value) in of_home.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let any = "127.0.0.1:0";
        command
            .current_dir(self.home.path())
            .args(["node", "start", "--p2p-listen", &self.p2p])
            .args(["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any])
            .stdin(Stdio::null());
        command
    }

    fn start(&self, build: &Path) -> Running {
        let mut child = self
            .command(build)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&self.log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = || fs::read_to_string(&self.log).unwrap();
        let url = line.split_whitespace().nth(1).unwrap_or_else(|| panic!("{}", told())).to_owned();
        Running { child, rpc: Rpc::new(&url).unwrap(), url, log: self.log.clone() }
    }

    /// Starts a build that must refuse, twice, and leaves everything as it is.
    fn assert_refuses(&self, build: &Path, line: &str) {
        let before = self.signed();
        for _ in 0..2 {
            let output = self.command(build).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(WRONG_BUILD), "{stderr}");
            assert_eq!(stderr.lines().filter(|it| it.contains(line)).count(), 1, "{stderr}");
            assert!(output.stdout.is_empty(), "nothing listened");
        }
        assert_eq!(self.signed(), before, "a wrong build leaves the record of votes alone");
    }

    /// What the node has written before it signed: its record of votes.
    fn signed(&self) -> Vec<u8> {
        fs::read(self.node("data/consensus/wal/consensus.wal")).unwrap_or_default()
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str(&self.home.run_ok(&all).stdout).unwrap()
    }

    /// The state of a height, as the files that would carry it to another node.
    fn state_at(&self, height: u64) -> Value {
        let made = self.json(&["node", "snapshots", "create", "--height", &height.to_string()]);
        let path = Path::new(made["path"].as_str().unwrap()).join("manifest.json");
        let manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        json!({ "root": manifest["app_hash"], "files": manifest["chunks"] })
    }
}

impl Running {
    async fn chain(&self) -> Chain {
        Chain::connect(&Endpoints::rpc(self.url.as_str())).await.unwrap()
    }

    async fn height(&self) -> u64 {
        self.rpc.status().await.map_or(0, |it| it.latest_height)
    }

    async fn reach(&self, height: u64) {
        let end = Instant::now() + PATIENCE;
        while self.height().await < height {
            let log = || fs::read_to_string(&self.log).unwrap();
            assert!(Instant::now() < end, "stuck below {height}: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Hash of a block and the root of the state before it.
    async fn block(&self, height: u64) -> (Value, Value) {
        let params = json!({ "height": height.to_string() });
        let answer: Value = self.rpc.call("ask for a block", "block", params).await.unwrap();
        (answer["block_id"]["hash"].clone(), answer["block"]["header"]["app_hash"].clone())
    }

    /// Waits until it ends by itself.
    async fn ended(mut self) -> Ended {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < end, "the node goes on"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let stderr = fs::read_to_string(&self.log).unwrap();
        Ended { code: status.code().unwrap_or(-1), stderr }
    }

    async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// One line, and it names the plan.
    fn assert_needs_upgrade(&self, line: &str) {
        assert_eq!(self.code, WRONG_BUILD, "{}", self.stderr);
        let lines: Vec<&str> = self.stderr.lines().filter(|it| it.contains("UPGRADE")).collect();
        assert_eq!(lines, [format!("error: {line}")], "{}", self.stderr);
    }
}

/// Votes end within seconds.
fn hurry_governance(genesis: &Path) {
    let mut document: Value = serde_json::from_slice(&fs::read(genesis).unwrap()).unwrap();
    let coins = |amount: &str| json!([{ "denom": "uakt", "amount": amount }]);
    document["app_state"]["gov"] = json!({
        "starting_proposal_id": "1",
        "params": {
            "min_deposit": coins("10000000"),
            "max_deposit_period": "3600s",
            "voting_period": "2s",
            "quorum": "0.334",
            "threshold": "0.5",
            "veto_threshold": "0.334",
            "min_initial_deposit_ratio": "0",
            "proposal_cancel_ratio": "0.5",
            "expedited_voting_period": "1s",
            "expedited_threshold": "0.667",
            "expedited_min_deposit": coins("50000000"),
            "burn_vote_veto": true,
            "min_deposit_ratio": "0.01",
        },
    });
    fs::write(genesis, document.to_string()).unwrap();
}

/// Proposes the upgrade at a height and votes for it with all stake, in one transaction.
async fn plan(chain: &Chain, phrase: &str, height: u64, info: &str) {
    let signer = LocalSigner::from_phrase(phrase).unwrap();
    let wallet = Wallet::new(chain.clone(), Arc::new(signer), Policy::default());
    let authority = "akash10d07y265gmmuvt4z0w9aw880jnsr700jhe7z0f".to_owned();
    let plan = Plan {
        name: "rehearsal".to_owned(),
        height: i64::try_from(height).unwrap(),
        info: info.to_owned(),
        ..Plan::default()
    };
    let proposal = MsgSubmitProposal {
        messages: vec![client::tx::any(&MsgSoftwareUpgrade { authority, plan })],
        initial_deposit: vec![Coin { denom: "uakt".to_owned(), amount: "10000000".to_owned() }],
        proposer: wallet.address().to_owned(),
        title: "Rehearse".to_owned(),
        summary: "An upgrade that does little".to_owned(),
        ..MsgSubmitProposal::default()
    };
    let vote = MsgVote {
        proposal_id: 1,
        voter: wallet.address().to_owned(),
        option: VoteOption::Yes.into(),
        ..MsgVote::default()
    };
    wallet.send(vec![client::tx::any(&proposal), client::tx::any(&vote)]).await.unwrap();
}

/// What the chain says of the plan: whether it waits, when it was applied, and of which version the
/// market's state is.
async fn upgrades(chain: &Chain) -> (bool, i64, u64) {
    let path = |name: &str| format!("/cosmos.upgrade.v1beta1.Query/{name}");
    let current: QueryCurrentPlanResponse =
        chain.query(&path("CurrentPlan"), &QueryCurrentPlanRequest {}).await.unwrap();
    let name = "rehearsal".to_owned();
    let applied: QueryAppliedPlanResponse =
        chain.query(&path("AppliedPlan"), &QueryAppliedPlanRequest { name }).await.unwrap();
    let module_name = "market".to_owned();
    let versions: QueryModuleVersionsResponse = chain
        .query(&path("ModuleVersions"), &QueryModuleVersionsRequest { module_name })
        .await
        .unwrap();
    (current.plan.is_some(), applied.height, versions.module_versions[0].version)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_passed_stops_the_old_build_and_gives_every_node_the_same_state() {
    let (old, new) = (PathBuf::from(BINARY), rehearsal_build());
    let validator = Machine::new();
    let made = validator.json(&["node", "init", "--block-time-ms", "100", "--account", "a"]);
    hurry_governance(&validator.node("config/genesis.json"));
    let running = validator.start(&old);
    running.reach(2).await;

    // A node that follows from genesis.
    let from_genesis = Machine::new();
    let genesis = validator.node("config/genesis.json").display().to_string();
    let join =
        ["node", "join", "--genesis", &genesis, "--peer", &validator.p2p, "--block-time-ms", "100"];
    from_genesis.json(&join);
    let follower = from_genesis.start(&old);

    let chain = running.chain().await;
    let height = running.height().await + NOTICE_BLOCKS;
    let phrase = made["accounts"][0]["phrase"].as_str().unwrap();
    plan(&chain, phrase, height, "https://example.com/notes").await;
    assert_eq!(upgrades(&chain).await.1, 0);
    let declines = chain.receipts_params().await.unwrap().max_declines;

    // The old build stops right before the height, and says once what is needed.
    let needed =
        format!("UPGRADE \"rehearsal\" NEEDED at height: {height}: https://example.com/notes");
    running.ended().await.assert_needs_upgrade(&needed);
    validator.assert_refuses(&old, &needed);
    let info = fs::read_to_string(validator.node("data/upgrade-info.json")).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["name"], "rehearsal");
    assert_eq!(
        (info["height"].as_u64(), info["info"].as_str()),
        (Some(height), Some("https://example.com/notes"))
    );

    // A snapshot of before the height, restored elsewhere.
    let snapshot = validator.json(&["node", "snapshots", "create"]);
    assert_eq!(snapshot["height"].as_u64(), Some(height - 2));
    let restored = Machine::new();
    restored.json(&join);
    let path = snapshot["path"].as_str().unwrap();
    let trusted = snapshot["next_block_hash"].as_str().unwrap();
    let begun = restored.json(&["node", "snapshots", "restore", path, "--trust-hash", trusted]);
    assert_eq!(
        (&begun["app_hash"], begun["trusted"].as_bool()),
        (&snapshot["app_hash"], Some(true))
    );
    // The new build may not touch the last block of the old rules.
    restored.assert_refuses(&new, "BINARY UPDATED BEFORE TRIGGER! UPGRADE \"rehearsal\"");

    // The new build migrates and goes on; the others still need the last old blocks from it.
    let running = validator.start(&new);
    running.reach(height).await;
    let chain = running.chain().await;
    assert_eq!(upgrades(&chain).await, (false, i64::try_from(height).unwrap(), 10));
    assert_eq!(chain.receipts_params().await.unwrap().max_declines, declines + 1);
    follower.ended().await.assert_needs_upgrade(&needed);
    restored.start(&old).ended().await.assert_needs_upgrade(&needed);
    let follower = from_genesis.start(&new);
    let third = restored.start(&new);

    let last = height + AFTER_BLOCKS;
    for node in [&running, &follower, &third] {
        node.reach(last + 1).await;
    }
    for at in [height, height + 1, last + 1] {
        let block = running.block(at).await;
        assert_eq!(follower.block(at).await, block);
        assert_eq!(third.block(at).await, block);
    }
    let (_, root) = running.block(last + 1).await;
    for node in [running, follower, third] {
        node.stop().await;
    }

    // An old build far behind the height signs nothing, on any of the nodes.
    let missing = "upgrade handler is missing for rehearsal upgrade plan";
    for machine in [&validator, &from_genesis, &restored] {
        machine.assert_refuses(&old, missing);
    }
    // The state itself, byte by byte.
    let state = validator.state_at(last);
    assert_eq!(state["root"], root);
    assert_eq!(from_genesis.state_at(last), state);
    assert_eq!(restored.state_at(last), state);
}
