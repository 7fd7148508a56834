use ledger::{Module, testing::Chain};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use types::{
    Address,
    wire::{
        cosmos::{base::v1beta1::Coin, ics23::v1::ProofSpec},
        ibc::{
            applications::transfer::v1::MsgTransfer,
            core::{
                channel::v1::{
                    Channel, Counterparty, MsgChannelCloseInit, MsgChannelOpenInit, Order, State,
                },
                client::{
                    v1::{Height, MsgCreateClient, MsgUpdateParams, Params},
                    v2::MsgRegisterCounterparty,
                },
                commitment::v1::{MerklePrefix, MerkleRoot},
                connection::v1::{self as co, MsgConnectionOpenInit},
            },
            lightclients::tendermint::v1::{ClientState, ConsensusState, Fraction},
        },
    },
};

use super::{Ibc, client, tendermint};
use crate::{Market, auth};

fn account(number: u8) -> String {
    Address::new([number; 20]).unwrap().to_string()
}

fn pack<M: Message + Name>(message: &M) -> Option<Any> {
    Some(Any { type_url: format!("/{}", M::full_name()), value: message.encode_to_vec() })
}

fn state() -> ClientState {
    let span = |seconds| Duration { seconds, nanos: 0 };
    ClientState {
        chain_id: "other-3".to_owned(),
        trust_level: Fraction { numerator: 1, denominator: 3 },
        trusting_period: span(600),
        unbonding_period: span(1200),
        max_clock_drift: span(10),
        latest_height: Height { revision_number: 3, revision_height: 10 },
        proof_specs: vec![ProofSpec::default()],
        ..ClientState::default()
    }
}

fn create(chain: &Chain<Market>, age_seconds: i64) -> MsgCreateClient {
    let now = chain.view().unix_seconds();
    let seen = ConsensusState {
        timestamp: Timestamp { seconds: now - age_seconds, nanos: 0 },
        root: MerkleRoot { hash: vec![1; 32] },
        next_validators_hash: vec![2; 32],
    };
    MsgCreateClient {
        client_state: pack(&state()),
        consensus_state: pack(&seen),
        signer: account(1),
    }
}

fn connect() -> MsgConnectionOpenInit {
    MsgConnectionOpenInit {
        client_id: "07-tendermint-0".to_owned(),
        counterparty: co::Counterparty {
            client_id: "07-tendermint-5".to_owned(),
            connection_id: String::new(),
            prefix: MerklePrefix { key_prefix: b"ibc".to_vec() },
        },
        signer: account(1),
        ..MsgConnectionOpenInit::default()
    }
}

fn open() -> MsgChannelOpenInit {
    let channel = Channel {
        state: State::Init.into(),
        ordering: Order::Unordered.into(),
        counterparty: Counterparty { port_id: "transfer".to_owned(), channel_id: String::new() },
        connection_hops: vec!["connection-0".to_owned()],
        version: String::new(),
    };
    MsgChannelOpenInit { port_id: "transfer".to_owned(), channel, signer: account(1) }
}

fn send(channel: &str) -> MsgTransfer {
    MsgTransfer {
        source_port: "transfer".to_owned(),
        source_channel: channel.to_owned(),
        token: Coin { denom: "uakt".to_owned(), amount: "5".to_owned() },
        sender: account(1),
        receiver: "cosmos1".to_owned(),
        timeout_timestamp: u64::MAX,
        ..MsgTransfer::default()
    }
}

fn code<T: std::fmt::Debug>(outcome: ledger::Result<T>) -> (&'static str, u32) {
    let fault = outcome.unwrap_err();
    (fault.codespace(), fault.code())
}

#[test]
fn a_client_a_connection_and_a_channel_are_made_and_come_back_from_an_export() {
    let mut chain = Chain::<Market>::new(serde_json::json!({}));
    assert_eq!(code(chain.run(&connect())), ("client", 29));
    assert_eq!(code(chain.run(&open())), ("connection", 3));
    assert_eq!(code(chain.run(&create(&chain, 601))), ("client", 29));
    chain.run(&create(&chain, 10)).unwrap();
    chain.run(&connect()).unwrap();
    chain.run(&open()).unwrap();
    let close = MsgChannelCloseInit {
        port_id: "transfer".to_owned(),
        channel_id: "channel-0".to_owned(),
        signer: account(1),
    };
    assert_eq!(code(chain.run(&close)), ("ibc", 8));
    assert_eq!(client::status(chain.view(), "07-tendermint-0").unwrap(), "Active");
    assert_eq!(client::status(chain.view(), "07-tendermint-1").unwrap(), "Unknown");
    let exported = Ibc::export(chain.view()).unwrap();
    assert_eq!(exported.client_genesis.clients_metadata.len(), 1);
    assert_eq!(exported.channel_genesis.send_sequences.len(), 1);
    let document = types::json::to_value(&exported).unwrap();
    let again = Chain::<Market>::new(serde_json::json!({ "ibc": document }));
    assert_eq!(Ibc::export(again.view()).unwrap(), exported);
}

#[test]
fn nothing_leaves_the_chain() {
    let mut chain = Chain::<Market>::new(serde_json::json!({}));
    assert_eq!(code(chain.run(&send("channel-0"))), ("clientv2", 35));
    assert_eq!(code(chain.run(&send("x"))), ("host", 2));
    let timeless = MsgTransfer { timeout_timestamp: 0, ..send("channel-0") };
    assert_eq!(code(chain.run(&timeless)), ("channelv2", 8));
    chain.run(&create(&chain, 10)).unwrap();
    let register = |signer: u8| MsgRegisterCounterparty {
        client_id: "07-tendermint-0".to_owned(),
        counterparty_merkle_prefix: vec![b"ibc".to_vec()],
        counterparty_client_id: "07-tendermint-5".to_owned(),
        signer: account(signer),
    };
    assert_eq!(code(chain.run(&register(2))), ("ibc", 2));
    chain.run(&register(1)).unwrap();
    assert_eq!(code(chain.run(&send("07-tendermint-0"))), ("commitment", 2));
}

#[test]
fn governance_says_which_clients_may_be_made() {
    let mut chain = Chain::<Market>::new(serde_json::json!({}));
    let params = Params { allowed_clients: vec!["06-solomachine".to_owned()] };
    let mut message = MsgUpdateParams { signer: account(1), params };
    assert_eq!(code(chain.run(&message)), ("ibc", 2));
    message.signer = auth::authority_address();
    chain.run(&message).unwrap();
    assert_eq!(code(chain.run(&create(&chain, 10))), ("client", 10));
    message.params.allowed_clients = vec!["*".to_owned(), "x".to_owned()];
    chain.run(&message).unwrap_err();
}

#[test]
fn a_state_that_cannot_be_followed_is_refused() {
    let good = state();
    tendermint::check_state(&good).unwrap();
    let refused = |change: fn(&mut ClientState)| {
        let mut state = good.clone();
        change(&mut state);
        tendermint::check_state(&state).unwrap_err().code()
    };
    assert_eq!(refused(|it| it.chain_id = " ".to_owned()), 2);
    assert_eq!(refused(|it| it.trusting_period.seconds = 1200), 3);
    assert_eq!(refused(|it| it.latest_height.revision_number = 2), 5);
    assert_eq!(refused(|it| it.trust_level.denominator = 4), 15);
    assert_eq!(refused(|it| it.proof_specs.clear()), 13);
}
