//! Transactions through the whole network: every kind of key and sign mode, and simulations whose
//! gas is enough.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod modes;
#[expect(dead_code, reason = "others keep the rest")]
#[path = "../promises/mod.rs"]
mod promises;
mod simulate;

use ledger::{
    Config,
    testing::{Draft, Node, Party, Secret, Signer},
};
use modules::{Market, genesis};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address, Coin, Coins,
    wire::cosmos::{
        auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
        bank::v1beta1::{MsgMultiSend, MsgSend, Output},
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{Fee, TxBody},
        },
    },
};

const RICH: u64 = 1_000_000_000;

/// Two single secp256k1 keys, an ed25519 and a secp256r1 one, a multisig of two of three and one
/// with another multisig inside.
fn secrets() -> Vec<Secret> {
    let single = Secret::secp256k1;
    let inner = Secret::multisig(1, vec![single(31), Secret::ed25519(32)], &[1]);
    vec![
        single(10),
        single(11),
        Secret::ed25519(12),
        Secret::secp256r1(13),
        Secret::multisig(2, vec![single(21), single(22), single(23)], &[0, 2]),
        Secret::multisig(2, vec![inner, single(24)], &[0, 1]),
    ]
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

const TENANT: usize = 0;
const PROVIDER: usize = 1;

/// A local network of two people with all its chapters.
struct Town {
    node: Node<Market>,
    people: [Signer; 2],
}

impl Town {
    fn new() -> Self {
        let people = [0u64, 1].map(|number| {
            let mut signer = Signer::new(number, "test-1");
            signer.account_number = number;
            signer
        });
        let coins = || Coins::new(genesis::DENOMS.map(|it| Coin::new(it, 1u64 << 40))).unwrap();
        let accounts = [0, 1].map(|it: usize| (people[it].address(), coins()));
        let mut node = Node::new(&genesis::local(&accounts), Config::default());
        node.block(Vec::new());
        Self { node, people }
    }

    fn send<M: Message + Name>(&mut self, who: usize, message: &M) {
        let tx = self.people[who].sign_one(message);
        self.people[who].sequence += 1;
        let answer = self.node.block(vec![tx]);
        assert_eq!(answer.tx_results[0].code, 0, "{}", answer.tx_results[0].log);
    }

    fn address(&self, who: usize) -> Address {
        self.people[who].address()
    }
}

/// A town in which these may sign: they are rich and have not signed yet.
struct World {
    town: Town,
    secrets: Vec<Secret>,
}

impl World {
    fn new() -> Self {
        let mut town = Town::new();
        let secrets = secrets();
        let coins = |count: u64| vec![Coin::new("uakt", RICH * count).into()];
        let count = u64::try_from(secrets.len()).unwrap();
        let outputs =
            secrets.iter().map(|it| Output { address: it.address().to_string(), coins: coins(1) });
        let gift = MsgMultiSend {
            inputs: vec![types::wire::cosmos::bank::v1beta1::Input {
                address: town.address(TENANT).to_string(),
                coins: coins(count),
            }],
            outputs: outputs.collect(),
        };
        town.send(TENANT, &gift);
        Self { town, secrets }
    }

    fn account(&self, address: &Address) -> BaseAccount {
        let request = QueryAccountInfoRequest { address: address.to_string() };
        let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
        let answer: QueryAccountInfoResponse = self.town.node.query(path, &request).unwrap();
        answer.info.unwrap()
    }

    fn party(&self, who: usize, mode: SignMode) -> Party {
        let secret = self.secrets[who].clone();
        let BaseAccount { account_number, sequence, .. } = self.account(&secret.address());
        Party { secret, account_number, sequence, mode }
    }

    /// A transaction of these signers with the usual fee.
    fn draft(&self, parties: Vec<Party>, messages: Vec<Any>) -> Draft {
        let fee = Fee {
            amount: vec![Coin::new("uakt", 50_000u64).into()],
            gas_limit: 2_000_000,
            ..Fee::default()
        };
        let body = TxBody { messages, ..TxBody::default() };
        Draft { body, fee, parties, chain_id: "test-1".to_owned() }
    }

    fn gift(&self, from: usize, amount: u64) -> Any {
        any(&MsgSend {
            from_address: self.secrets[from].address().to_string(),
            to_address: self.town.address(PROVIDER).to_string(),
            amount: vec![Coin::new("uakt", amount).into()],
        })
    }

    /// What a block makes of a transaction: codespace, code and text.
    fn deliver(&mut self, tx: Vec<u8>) -> (String, u32, String) {
        let result = self.town.node.block(vec![tx]).tx_results.remove(0);
        (result.codespace, result.code, result.log)
    }
}
