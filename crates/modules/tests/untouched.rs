//! A refused transaction changes nothing but the fee and the sequence of who sent it.
//!
//! Every message of the market is mutated in its encoded form, thousands of times, signed and
//! executed on a network in the middle of its life. When it is refused, the root of state is that
//! of the same block with another refused transaction of the same signer, fee and sequence, or that
//! of an empty block when it is refused before it is admitted. `HAGGLE_UNTOUCHED=N` says how many.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use ledger::{
    Config,
    testing::{Node, Signer},
};
use modules::{Market, genesis};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use types::{
    Address, BidId, Coin, Coins, DecCoin, DeploymentId,
    wire::{
        akash::{
            audit::v1::{MsgDeleteProviderAttributes, MsgSignProviderAttributes},
            base::{
                attributes::v1::{Attribute, PlacementRequirements},
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            cert::v1::{Id as CertificateId, MsgCreateCertificate, MsgRevokeCertificate},
            deployment::{
                v1::DeploymentReclamation,
                v1beta4::{
                    GroupSpec, MsgCloseDeployment, MsgCloseGroup, MsgCreateDeployment,
                    MsgPauseGroup, MsgStartGroup, MsgUpdateDeployment, ResourceUnit,
                },
            },
            escrow::{
                id::v1::{Account, Scope as AccountScope},
                v1::{DepositAuthorization, MsgAccountDeposit, deposit_authorization::Scope},
            },
            market::v1beta5::{
                MsgCloseBid, MsgCloseLease, MsgCreateBid, MsgCreateLease, MsgLeaseStartReclaim,
                MsgWithdrawLease, ResourceOffer,
            },
            provider::v1beta4::{Info, MsgCreateProvider, MsgDeleteProvider, MsgUpdateProvider},
        },
        cosmos::{
            authz::v1beta1::{Grant, MsgGrant, MsgRevoke},
            bank::v1beta1::MsgSend,
        },
        haggle::market::v1::MsgDeclineOrder,
    },
};

/// How many mutated transactions a plain run tries.
const TRIES: u64 = 1500;

/// A generator that gives the same numbers everywhere (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// An encoded message as a tree of its fields, guessed: what reads as a message is one.
#[derive(Clone)]
enum Field {
    Number(u64, u64),
    Bytes(u64, Vec<u8>),
    Message(u64, Vec<Field>),
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

fn read(bytes: &[u8]) -> Option<Vec<Field>> {
    let (mut fields, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let key = varint(bytes, &mut at)?;
        match key & 7 {
            0 => fields.push(Field::Number(key, varint(bytes, &mut at)?)),
            2 => {
                let len = usize::try_from(varint(bytes, &mut at)?).ok()?;
                let part = bytes.get(at..at.checked_add(len)?)?;
                at += len;
                let text = part.iter().all(|it| (0x20..0x7f).contains(it));
                match read(part).filter(|_| !text) {
                    Some(inner) => fields.push(Field::Message(key, inner)),
                    None => fields.push(Field::Bytes(key, part.to_vec())),
                }
            }
            _ => return None,
        }
    }
    Some(fields)
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        match field {
            Field::Number(key, value) => {
                put_varint(*key, &mut out);
                put_varint(*value, &mut out);
            }
            Field::Bytes(key, bytes) => {
                put_varint(*key, &mut out);
                put_varint(u64::try_from(bytes.len()).unwrap(), &mut out);
                out.extend(bytes);
            }
            Field::Message(key, inner) => {
                let inner = write(inner);
                put_varint(*key, &mut out);
                put_varint(u64::try_from(inner.len()).unwrap(), &mut out);
                out.extend(inner);
            }
        }
    }
    out
}

/// Texts that mean something somewhere.
const TEXTS: [&str; 16] = [
    "",
    "0",
    "1",
    "-1",
    "500000",
    "9223372036854775807",
    "9223372036854775808",
    "1e9",
    "uact",
    "uakt",
    "uother",
    "x",
    "akash1",
    "\u{e9}",
    "100000000000000000000",
    "340282366920938463463374607431768211456",
];
const NUMBERS: [u64; 9] = [0, 1, 2, 3, 7, 1 << 31, (1 << 32) - 1, 1 << 63, u64::MAX];

/// Changes one field somewhere: another value, away with it, twice.
fn mutate(fields: &mut Vec<Field>, dice: &mut Dice) {
    if fields.is_empty() {
        fields.push(Field::Number(u64::try_from(dice.below(40)).unwrap() << 3, dice.next()));
        return;
    }
    let at = dice.below(fields.len());
    match dice.below(12) {
        0 => drop(fields.remove(at)),
        1 => fields.push(fields[at].clone()),
        2 => {
            let other = dice.below(fields.len());
            fields.swap(at, other);
        }
        _ => match &mut fields[at] {
            Field::Number(_, value) => *value = NUMBERS[dice.below(NUMBERS.len())],
            Field::Message(_, inner) => mutate(inner, dice),
            Field::Bytes(_, bytes) => match dice.below(3) {
                0 if !bytes.is_empty() => {
                    let at = dice.below(bytes.len());
                    bytes[at] = bytes[at].wrapping_add(1);
                }
                1 => bytes.truncate(bytes.len() / 2),
                _ => *bytes = TEXTS[dice.below(TEXTS.len())].into(),
            },
        },
    }
}

/// A tenant, account 0, and a provider, account 1; each fee is 5000uakt.
struct Town {
    node: Node<Market>,
    people: [Signer; 2],
    height: u64,
}

const TENANT: usize = 0;
const PROVIDER: usize = 1;

impl Town {
    /// Deployment 1 is leased with notice, 2 has an open order with a bid, 3 is closed, 4 overdrawn
    /// and 5 paused.
    fn new() -> Self {
        let people = [0u64, 1].map(|number| {
            let mut signer = Signer::new(number, "test-1");
            signer.account_number = number;
            signer.fee = vec![Coin::new("uakt", 5000u64).into()];
            signer
        });
        let coins = || Coins::new(genesis::DENOMS.map(|it| Coin::new(it, 1u64 << 40))).unwrap();
        let accounts = [0, 1].map(|it: usize| (people[it].address(), coins()));
        let node = Node::new(&genesis::local(&accounts), Config::default());
        let mut town = Self { node, people, height: 0 };
        town.send(PROVIDER, &town.provider());
        for dseq in 1..=5 {
            let price = if dseq == 4 { "100000uact" } else { "100uact" };
            town.send(TENANT, &town.create(dseq, price));
            town.send(PROVIDER, &town.bid(dseq, price));
            if dseq != 2 {
                town.send(TENANT, &MsgCreateLease { bid_id: (&town.id(dseq)).into() });
            }
        }
        town.send(TENANT, &MsgCloseDeployment { id: (&town.deployment(3)).into() });
        for _ in 0..6 {
            town.node.block(Vec::new());
        }
        town.send(PROVIDER, &MsgWithdrawLease { id: (&town.id(4).lease()).into() });
        town.send(TENANT, &MsgPauseGroup { id: (&town.id(5).group()).into() });
        town
    }

    fn send<M: Message + Name>(&mut self, who: usize, message: &M) {
        let tx = self.people[who].sign_one(message);
        self.people[who].sequence += 1;
        let answer = self.node.block(vec![tx]);
        assert_eq!(answer.tx_results[0].code, 0, "{}", answer.tx_results[0].log);
        self.height += 1;
    }

    fn address(&self, who: usize) -> Address {
        self.people[who].address()
    }

    fn deployment(&self, dseq: u64) -> DeploymentId {
        DeploymentId { owner: self.address(TENANT), dseq }
    }

    fn id(&self, dseq: u64) -> BidId {
        self.deployment(dseq).group(1).order(1).bid(self.address(PROVIDER))
    }

    fn provider(&self) -> MsgCreateProvider {
        MsgCreateProvider {
            owner: self.address(PROVIDER).to_string(),
            host_uri: "https://provider.example.com:8443".to_owned(),
            attributes: vec![attribute("region", "eu")],
            info: Info::default(),
        }
    }

    fn create(&self, dseq: u64, price: &str) -> MsgCreateDeployment {
        MsgCreateDeployment {
            id: (&self.deployment(dseq)).into(),
            groups: vec![group(price)],
            hash: vec![7; 32],
            deposit: deposit(),
            reclamation: Some(DeploymentReclamation {
                min_window: Duration { seconds: 60, nanos: 0 },
            }),
        }
    }

    fn bid(&self, dseq: u64, price: &str) -> MsgCreateBid {
        MsgCreateBid {
            id: (&self.id(dseq)).into(),
            price: price.parse::<DecCoin>().unwrap().into(),
            deposit: deposit(),
            resources_offer: vec![ResourceOffer { resources: resources(), count: 1, prices: None }],
            reclamation_window: Some(Duration { seconds: 3600, nanos: 0 }),
        }
    }

    /// Every message of the market with who signs it. Some are refused as they are.
    fn messages(&self) -> Vec<(usize, Any)> {
        let (tenant, provider) = (self.address(TENANT), self.address(PROVIDER));
        let mut all = Vec::new();
        for dseq in [1, 2, 3, 4, 5, 6] {
            let (deployment, bid) = (self.deployment(dseq), self.id(dseq));
            let (group, lease) = (bid.group(), bid.lease());
            let account =
                Account { scope: AccountScope::Deployment.into(), xid: deployment.to_string() };
            all.extend([
                (TENANT, any(&self.create(dseq, "100uact"))),
                (TENANT, any(&MsgUpdateDeployment { id: (&deployment).into(), hash: vec![8; 32] })),
                (TENANT, any(&MsgCloseDeployment { id: (&deployment).into() })),
                (TENANT, any(&MsgCloseGroup { id: (&group).into() })),
                (TENANT, any(&MsgPauseGroup { id: (&group).into() })),
                (TENANT, any(&MsgStartGroup { id: (&group).into() })),
                (TENANT, any(&MsgCreateLease { bid_id: (&bid).into() })),
                (TENANT, any(&MsgCloseLease { id: (&lease).into(), reason: 1 })),
                (
                    TENANT,
                    any(&MsgAccountDeposit {
                        signer: tenant.to_string(),
                        id: account,
                        deposit: deposit(),
                    }),
                ),
                (PROVIDER, any(&self.bid(dseq, "90uact"))),
                (PROVIDER, any(&MsgCloseBid { id: (&bid).into(), reason: 10_000 })),
                (PROVIDER, any(&MsgWithdrawLease { id: (&lease).into() })),
                (PROVIDER, any(&MsgLeaseStartReclaim { id: (&lease).into(), reason: 10_000 })),
                (
                    PROVIDER,
                    any(&MsgDeclineOrder {
                        id: (&bid.order()).into(),
                        provider: provider.to_string(),
                        dimension: 1,
                        subject: "uact".to_owned(),
                        shortfall: "20".to_owned(),
                    }),
                ),
            ]);
        }
        all.extend(self.other_messages(&tenant, &provider));
        all
    }

    fn other_messages(&self, tenant: &Address, provider: &Address) -> Vec<(usize, Any)> {
        let (tenant, provider) = (tenant.to_string(), provider.to_string());
        let record = self.provider();
        let authorization = DepositAuthorization {
            spend_limit: Coin::new("uakt", 0u64).into(),
            scopes: vec![Scope::Deployment.into()],
            spend_limits: vec![Coin::new("uact", 900u64).into()],
        };
        vec![
            (PROVIDER, any(&record)),
            (
                PROVIDER,
                any(&MsgUpdateProvider {
                    owner: provider.clone(),
                    host_uri: record.host_uri,
                    attributes: vec![attribute("region", "us"), attribute("tier", "a")],
                    info: Info::default(),
                }),
            ),
            (PROVIDER, any(&MsgDeleteProvider { owner: provider.clone() })),
            (
                TENANT,
                any(&MsgSignProviderAttributes {
                    owner: provider.clone(),
                    auditor: tenant.clone(),
                    attributes: vec![attribute("region", "eu")],
                }),
            ),
            (
                TENANT,
                any(&MsgDeleteProviderAttributes {
                    owner: provider.clone(),
                    auditor: tenant.clone(),
                    keys: vec!["region".to_owned()],
                }),
            ),
            (
                TENANT,
                any(&MsgCreateCertificate {
                    owner: tenant.clone(),
                    cert: b"-----BEGIN CERTIFICATE-----".to_vec(),
                    pubkey: b"-----BEGIN EC PUBLIC KEY-----".to_vec(),
                }),
            ),
            (
                TENANT,
                any(&MsgRevokeCertificate {
                    id: CertificateId { owner: tenant.clone(), serial: "1".to_owned() },
                }),
            ),
            (
                TENANT,
                any(&MsgGrant {
                    granter: tenant.clone(),
                    grantee: provider.clone(),
                    grant: Grant {
                        authorization: Some(any(&authorization)),
                        expiration: Some(Timestamp { seconds: 1_800_000_000, nanos: 0 }),
                    },
                }),
            ),
            (
                TENANT,
                any(&MsgRevoke {
                    granter: tenant.clone(),
                    grantee: provider.clone(),
                    msg_type_url: MsgAccountDeposit::type_url(),
                }),
            ),
            (
                TENANT,
                any(&MsgSend {
                    from_address: tenant,
                    to_address: provider,
                    amount: vec![Coin::new("uact", 5u64).into()],
                }),
            ),
        ]
    }

    /// The root after a block with this transaction, and the transaction's code.
    fn root(&self, txs: Vec<Vec<u8>>) -> (Vec<u8>, Option<(u32, String)>) {
        let answer = self.node.finalize(txs);
        let result = answer.tx_results.into_iter().next();
        (answer.app_hash, result.map(|it| (it.code, it.log)))
    }
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.to_owned(), value: value.to_owned() }
}

fn deposit() -> Deposit {
    Deposit { amount: Coin::new("uact", 500_000u64).into(), sources: vec![Source::Balance.into()] }
}

fn resources() -> Resources {
    let value = |text: &str| ResourceValue { val: text.into() };
    Resources {
        id: 1,
        cpu: Some(Cpu { units: value("100"), attributes: Vec::new() }),
        memory: Some(Memory { quantity: value("134217728"), attributes: Vec::new() }),
        storage: vec![Storage {
            name: "default".to_owned(),
            quantity: value("134217728"),
            attributes: Vec::new(),
        }],
        gpu: Some(Gpu { units: value("0"), attributes: Vec::new() }),
        endpoints: Vec::new(),
    }
}

fn group(price: &str) -> GroupSpec {
    let price = price.parse::<DecCoin>().unwrap().into();
    GroupSpec {
        name: "web".to_owned(),
        requirements: PlacementRequirements {
            attributes: vec![attribute("region", "eu")],
            ..Default::default()
        },
        resources: vec![ResourceUnit { resource: resources(), count: 1, price }],
    }
}

#[test]
fn a_refused_transaction_leaves_no_trace_but_its_fee() {
    let town = Town::new();
    let messages = town.messages();
    let empty = town.root(Vec::new()).0;
    // Refused for sure: nothing has this number.
    let nothing: Vec<_> = [TENANT, PROVIDER]
        .map(|who| {
            let refused = match who {
                TENANT => any(&MsgCloseDeployment { id: (&town.deployment(99)).into() }),
                _ => any(&MsgWithdrawLease { id: (&town.id(99).lease()).into() }),
            };
            let (root, result) = town.root(vec![town.people[who].sign(&[refused])]);
            assert_ne!(result.unwrap().0, 0);
            assert_ne!(root, empty, "the fee was taken");
            root
        })
        .into();

    let tries = std::env::var("HAGGLE_UNTOUCHED").map_or(TRIES, |it| it.parse().unwrap());
    let (mut accepted, mut refused, mut not_admitted) = (0, 0, 0);
    for seed in 0..tries {
        let mut dice = Dice(seed);
        let (who, message) = messages[dice.below(messages.len())].clone();
        let mut fields = read(&message.value).unwrap();
        for _ in 0..dice.below(3) {
            mutate(&mut fields, &mut dice);
        }
        let value = write(&fields);
        let mutated = Any { type_url: message.type_url.clone(), value };
        // Half of them come after a message that works: it must be undone as well.
        let mut all = vec![mutated];
        if dice.below(2) == 0 {
            let to = town.address(1 - who).to_string();
            let from_address = town.address(who).to_string();
            let amount = vec![Coin::new("uact", 7u64).into()];
            all.insert(0, any(&MsgSend { from_address, to_address: to, amount }));
        }
        let (root, result) = town.root(vec![town.people[who].sign(&all)]);
        let (code, log) = result.unwrap();
        match code {
            0 => accepted += 1,
            _ if root == nothing[who] => refused += 1,
            _ if root == empty => not_admitted += 1,
            _ => panic!("seed {seed}: {} was refused ({log}) and left a trace", message.type_url),
        }
        assert_ne!(code, 111_222, "seed {seed}: {} panicked: {log}", message.type_url);
    }
    let least = tries / 20;
    let enough = accepted > least && refused > least && not_admitted > least;
    assert!(enough, "accepted {accepted}, refused {refused}, not admitted {not_admitted}");
}
