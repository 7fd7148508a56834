//! Stake drives the engine: four validators and one that joins, on loopback. Power moves with
//! delegations, whoever is away is jailed and comes back, whoever signs twice is out for ever,
//! and delegators earn.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use client::{
    Chain, Endpoints, LocalSigner, Policy, Wallet,
    keys::{PrivateKey, Signer},
};
use consensus::{
    Handle, ValidatorKey,
    core::{
        evidence::{self, SignedVote},
        time,
        validators::{Change, ValidatorSet, address_of},
        vote::{BlockId, VoteKind, sign_bytes},
    },
};
use node::{Config, Member, NewNetwork, Node, home};
use prost::Message;
use prost_types::Any;
use serde_json::{Value, json};
use types::{
    Address, Coins, ValAddress,
    wire::{
        cosmos::{
            bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
            base::v1beta1::Coin,
            crypto::ed25519,
            distribution::v1beta1::MsgWithdrawDelegatorReward,
            slashing::v1beta1::MsgUnjail,
            staking::v1beta1::{
                CommissionRates, Description, MsgCreateValidator, MsgDelegate,
                QueryValidatorRequest, QueryValidatorResponse, Validator,
            },
        },
        tendermint::types as tm,
    },
};

const CHAIN: &str = "validators-1";
/// Room for slow machines: unoptimised nodes share two cores.
const BLOCK_TIME_MS: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(240);
/// Blocks in which a validator may miss half before it is jailed.
const WINDOW: u32 = 8;

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|it| it.local_addr().unwrap().port()).collect()
}

fn config(moniker: usize, ports: &[u16]) -> Config {
    let peer = |port: &u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let any = "127.0.0.1:0".parse().unwrap();
    Config {
        moniker: format!("node{moniker}"),
        rpc_listen: any,
        rest_listen: any,
        grpc_listen: any,
        p2p_listen: peer(&ports[moniker]),
        persistent_peers: ports
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != moniker)
            .map(|(_, port)| peer(port))
            .collect(),
        block_time_ms: BLOCK_TIME_MS,
        block_time_busy_ms: BLOCK_TIME_MS,
        ..Config::default()
    }
}

/// Jails soon and for a short time, in every home.
fn be_strict(homes: &[&Path]) {
    for path in homes {
        let file = home::genesis_file(path);
        let mut document: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let params = &mut document["app_state"]["slashing"]["params"];
        assert!(params["signed_blocks_window"].is_string(), "{params}");
        params["signed_blocks_window"] = json!(WINDOW.to_string());
        params["downtime_jail_duration"] = json!("1s");
        std::fs::write(&file, document.to_string()).unwrap();
    }
}

/// Waits until `holds` gives something.
async fn until<T>(what: &str, mut holds: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(it) = holds().await {
                return it;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}"))
}

async fn reach(node: &Node, height: u64) {
    until(&format!("height {height}"), async || {
        assert!(node.health().halted.is_none(), "{:?}", node.health().halted);
        (node.consensus().height() >= height).then_some(())
    })
    .await;
}

async fn wallet(node: &Node, signer: &Arc<LocalSigner>) -> Wallet {
    let endpoints = node.endpoints();
    let chain = Chain::connect(&Endpoints {
        rpc: format!("http://{}", endpoints.rpc),
        grpc: None,
        chain_id: None,
    })
    .await
    .unwrap();
    let policy = Policy { wait: PATIENCE, ..Policy::default() };
    Wallet::new(chain, signer.clone(), policy)
}

/// The power of a key in the set that decides the block after the newest; 0 outside it.
fn power(node: &Handle, key: &[u8; 32]) -> i64 {
    let set = node.validators(node.height() + 1).unwrap().unwrap();
    let address = address_of(key).to_vec();
    set.validators.iter().find(|it| it.address == address).map_or(0, |it| it.voting_power)
}

async fn power_becomes(node: &Node, key: &[u8; 32], wanted: i64) -> u64 {
    until(&format!("a power of {wanted}"), async || {
        (power(node.consensus(), key) == wanted).then(|| node.consensus().height())
    })
    .await
}

async fn validator(wallet: &Wallet, operator: &ValAddress) -> Validator {
    let request = QueryValidatorRequest { validator_addr: operator.to_string() };
    let answer: QueryValidatorResponse =
        wallet.chain().query("/cosmos.staking.v1beta1.Query/Validator", &request).await.unwrap();
    answer.validator
}

async fn balance(wallet: &Wallet) -> u128 {
    let request =
        QueryBalanceRequest { address: wallet.address().to_owned(), denom: "uakt".to_owned() };
    let answer: QueryBalanceResponse =
        wallet.chain().query("/cosmos.bank.v1beta1.Query/Balance", &request).await.unwrap();
    answer.balance.unwrap().amount.parse().unwrap()
}

fn akt(whole: u64) -> Coin {
    Coin { denom: "uakt".to_owned(), amount: (whole * 1_000_000).to_string() }
}

/// Two precommits of one key for different blocks, in the form that RPC takes.
fn signed_twice(node: &Handle, key: &ValidatorKey, height: u64) -> tm::Evidence {
    let members: Vec<Change> = node
        .validators(height)
        .unwrap()
        .unwrap()
        .validators
        .iter()
        .map(|it| {
            let Some(types::wire::tendermint::crypto::public_key::Sum::Ed25519(public)) =
                it.pub_key.clone().sum
            else {
                panic!("ed25519 only")
            };
            Change { public_key: public.try_into().unwrap(), power: it.voting_power }
        })
        .collect();
    let set = ValidatorSet::new(&members).unwrap();
    let at = node.block_meta(height).unwrap().unwrap().header.time;
    let vote = |hash: u8| {
        let block_id = Some(BlockId { hash: [hash; 32], parts_total: 1, parts_hash: [hash; 32] });
        let time_nanos = at.seconds * 1_000_000_000;
        let kind = VoteKind::Precommit;
        let stamp = time::from_nanos(time_nanos);
        let text = sign_bytes(CHAIN, kind, height, 0, block_id.as_ref(), stamp);
        SignedVote { kind, height, round: 0, block_id, time_nanos, signature: key.sign(&text) }
    };
    let item = evidence::duplicate_vote(&vote(1), &vote(2), &key.address(), &set, at).unwrap();
    tm::Evidence { sum: Some(tm::evidence::Sum::DuplicateVoteEvidence(item)) }
}

/// As blocks print it.
fn as_json(evidence: &tm::Evidence) -> Value {
    let Some(tm::evidence::Sum::DuplicateVoteEvidence(item)) = &evidence.sum else {
        panic!("a double vote")
    };
    let stamp = |time| types::timestamp::proto_text(&time);
    let vote = |vote: &Option<tm::Vote>| {
        let it = vote.clone().unwrap();
        let parts = &it.block_id.part_set_header;
        json!({
            "type": it.r#type,
            "height": it.height.to_string(),
            "round": it.round,
            "block_id": {
                "hash": hex::encode_upper(&it.block_id.hash),
                "parts": { "total": parts.total, "hash": hex::encode_upper(&parts.hash) },
            },
            "timestamp": stamp(it.timestamp),
            "validator_address": hex::encode_upper(&it.validator_address),
            "validator_index": it.validator_index,
            "signature": BASE64_STANDARD.encode(&it.signature),
            "extension": null,
            "extension_signature": null,
        })
    };
    json!({
        "type": "tendermint/DuplicateVoteEvidence",
        "value": {
            "vote_a": vote(&item.vote_a),
            "vote_b": vote(&item.vote_b),
            "TotalVotingPower": item.total_voting_power.to_string(),
            "ValidatorPower": item.validator_power.to_string(),
            "Timestamp": stamp(item.timestamp),
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stake_drives_the_set_of_validators() {
    let folder = tempfile::tempdir().unwrap();
    let homes: Vec<_> = (0..5).map(|it| folder.path().join(format!("node{it}"))).collect();
    let ports = free_ports(5);
    let signers: Vec<Arc<LocalSigner>> =
        (0..5).map(|_| Arc::new(LocalSigner::new(PrivateKey::generate()))).collect();
    let operators: Vec<Address> = signers.iter().map(|it| it.address().parse().unwrap()).collect();
    let coins: Coins = "1000000000uakt".parse().unwrap();
    let funded: Vec<_> = operators.iter().map(|it| (it.clone(), coins.clone())).collect();
    let members = (0..4)
        .map(|it| Member {
            home: homes[it].clone(),
            operator: operators[it].clone(),
            config: config(it, &ports),
        })
        .collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    node::init(NewNetwork {
        chain_id: CHAIN.to_owned(),
        genesis_time_s: i64::try_from(now.as_secs()).unwrap(),
        app_state: node::modules::genesis::local(&funded),
        members,
    })
    .unwrap();
    be_strict(&homes[..4].iter().map(|it| it.as_path()).collect::<Vec<_>>());
    let keys: Vec<ValidatorKey> = homes[..4]
        .iter()
        .map(|it| ValidatorKey::load_or_create(&home::validator_key(it)).unwrap())
        .collect();
    let mut nodes = Vec::new();
    for (index, path) in homes[..4].iter().enumerate() {
        nodes.push(node::start(path, config(index, &ports)).await.unwrap());
    }
    for node in &nodes {
        reach(node, 2).await;
    }

    // Delegations move power, two blocks later, on every node.
    let delegator = wallet(&nodes[0], &signers[0]).await;
    let second = ValAddress::from(&operators[1]);
    let delegate = MsgDelegate {
        delegator_address: delegator.address().to_owned(),
        validator_address: second.to_string(),
        amount: akt(5),
    };
    delegator.send_one(&delegate).await.unwrap();
    for node in &nodes {
        power_becomes(node, &keys[1].public_key(), 15).await;
    }

    // One that joins: it follows first, then stakes on its own key.
    let document = node::load_genesis(&homes[0]).unwrap();
    let joined = node::join(&homes[4], &document, &config(4, &ports)).unwrap();
    let fifth = node::start(&homes[4], config(4, &ports)).await.unwrap();
    reach(&fifth, nodes[0].consensus().height()).await;
    let newcomer = wallet(&fifth, &signers[4]).await;
    let rate = |percent: u64| (percent * 10_u64.pow(16)).to_string();
    let create = MsgCreateValidator {
        description: Description { moniker: "node4".to_owned(), ..Description::default() },
        commission: CommissionRates { rate: rate(5), max_rate: rate(20), max_change_rate: rate(1) },
        min_self_delegation: "1".to_owned(),
        delegator_address: String::new(),
        validator_address: ValAddress::from(&operators[4]).to_string(),
        pubkey: Some(Any {
            type_url: "/cosmos.crypto.ed25519.PubKey".to_owned(),
            value: ed25519::PubKey { key: joined.to_vec() }.encode_to_vec(),
        }),
        value: akt(12),
    };
    newcomer.send_one(&create).await.unwrap();
    let since = power_becomes(&fifth, &joined, 12).await;
    nodes.push(fifth);
    // It signs what it decides with the others.
    let address = address_of(&joined).to_vec();
    until("a block signed by the newcomer", async || {
        let node = nodes[0].consensus();
        (since..node.height()).find(|height| {
            let (commit, _) = node.commit(*height).unwrap().unwrap();
            commit.signatures.iter().any(|it| it.validator_address == address)
        })
    })
    .await;

    // What delegators earn arrives.
    let claim = MsgWithdrawDelegatorReward {
        delegator_address: delegator.address().to_owned(),
        validator_address: second.to_string(),
    };
    let before = balance(&delegator).await;
    let done = delegator.send_one(&claim).await.unwrap();
    let fees: u128 = done.fee.iter().map(|it| it.amount.parse::<u128>().unwrap()).sum();
    let earned = done
        .events
        .iter()
        .find(|it| it.kind == "withdraw_rewards")
        .and_then(|it| it.attributes.iter().find(|it| it.key == "amount"))
        .map(|it| it.value.trim_end_matches("uakt").parse::<u128>().unwrap())
        .unwrap();
    assert!(earned > 0);
    assert_eq!(balance(&delegator).await, before + earned - fees);

    // Whoever is away is jailed, slashed, and out of the set.
    let away = nodes.remove(3);
    let operator = ValAddress::from(&operators[3]);
    away.shutdown().await.unwrap();
    let jailed_at = power_becomes(&nodes[0], &keys[3].public_key(), 0).await;
    let told = validator(&delegator, &operator).await;
    assert!(told.jailed);
    assert_eq!(told.tokens, "9900000", "1 % of 10 AKT is gone");
    reach(&nodes[0], jailed_at + 2).await;
    // It comes back, catches up, and asks for its seat.
    let back = node::start(&homes[3], config(3, &ports)).await.unwrap();
    reach(&back, jailed_at + 2).await;
    let unjail = MsgUnjail { validator_addr: operator.to_string() };
    wallet(&back, &signers[3]).await.send_one(&unjail).await.unwrap();
    let again = power_becomes(&nodes[0], &keys[3].public_key(), 9).await;
    assert!(!validator(&delegator, &operator).await.jailed);
    reach(&back, again + 1).await;
    nodes.push(back);

    // Whoever signs twice is slashed and never comes back.
    let cheat = &keys[2];
    let height = nodes[0].consensus().height() - 1;
    let proof = signed_twice(nodes[0].consensus(), cheat, height);
    let rpc = wallet(&nodes[1], &signers[1]).await.chain().rpc().clone();
    let report = json!({ "evidence": as_json(&proof) });
    let told: Value = rpc.call("report", "broadcast_evidence", report.clone()).await.unwrap();
    let hash = BASE64_STANDARD.encode(evidence::item_hash(&proof));
    assert_eq!(told, json!({ "hash": hash }));
    let forged = {
        let mut it = report;
        it["evidence"]["value"]["vote_b"]["signature"] = json!(BASE64_STANDARD.encode([7; 64]));
        rpc.call::<Value>("report", "broadcast_evidence", it).await.unwrap_err()
    };
    assert!(forged.to_string().contains("failed to add evidence"), "{forged}");
    let peers: Value = rpc.call("ask", "net_info", json!({})).await.unwrap();
    assert_eq!(peers["peers"][0]["remote_ip"], "127.0.0.1", "{peers}");
    let out_at = power_becomes(&nodes[0], &cheat.public_key(), 0).await;
    let operator = ValAddress::from(&operators[2]);
    let told = validator(&delegator, &operator).await;
    assert!(told.jailed);
    assert_eq!(told.tokens, "9500000", "5 % of 10 AKT is gone");
    let refused = wallet(&nodes[0], &signers[2])
        .await
        .send_one(&MsgUnjail { validator_addr: operator.to_string() })
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("jailed"), "{refused}");

    // All of them still agree, the one without a seat too.
    let height = out_at + 3;
    for node in &nodes {
        reach(node, height).await;
    }
    let first = nodes[0].consensus().block(height).unwrap().unwrap();
    for node in &nodes {
        assert_eq!(node.consensus().block(height).unwrap().unwrap(), first);
    }
    for node in nodes {
        node.shutdown().await.unwrap();
    }
}
