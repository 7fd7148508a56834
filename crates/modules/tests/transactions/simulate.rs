//! A limit taken from a simulation is enough: whatever the messages, the keys and the way in which a
//! client leaves out what it does not have yet (cosmos.md 1.12).

use ledger::testing::{Draft, Party, Secret, Simulated};
use proptest::prelude::*;
use prost_types::{Any, Timestamp};
use types::{
    Coin, ValAddress,
    wire::cosmos::{
        authz::v1beta1::{GenericAuthorization, Grant, MsgExec, MsgGrant, MsgRevoke},
        bank::v1beta1::{Input, MsgMultiSend, MsgSend, Output, SendAuthorization},
        base::v1beta1::Coin as WireCoin,
        crypto::ed25519,
        distribution::v1beta1::{
            MsgFundCommunityPool, MsgSetWithdrawAddress, MsgWithdrawDelegatorReward,
        },
        feegrant::v1beta1::{BasicAllowance, MsgGrantAllowance, MsgRevokeAllowance},
        gov::v1::{MsgDeposit, MsgSubmitProposal, MsgVote},
        staking::v1beta1::{
            CommissionRates, Description, MsgBeginRedelegate, MsgCreateValidator, MsgDelegate,
            MsgUndelegate,
        },
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{Fee, SimulateRequest, SimulateResponse, TxBody},
        },
        vesting::v1beta1::{
            MsgCreatePeriodicVestingAccount, MsgCreatePermanentLockedAccount,
            MsgCreateVestingAccount, Period,
        },
    },
};

use super::{PROVIDER, TENANT, World, any, promises};

fn coins(amount: u64) -> Vec<WireCoin> {
    vec![Coin::new("uakt", amount).into()]
}

impl World {
    /// The tenant and the provider become validators.
    fn with_validators() -> Self {
        let mut world = Self::new();
        for who in [TENANT, PROVIDER] {
            let operator = ValAddress::from(&world.town.address(who));
            let key = ed25519::PubKey { key: vec![u8::try_from(who).unwrap() + 1; 32] };
            let create = MsgCreateValidator {
                description: Description { moniker: "validator".to_owned(), ..Default::default() },
                commission: CommissionRates {
                    rate: "100000000000000000".to_owned(),
                    max_rate: "200000000000000000".to_owned(),
                    max_change_rate: "10000000000000000".to_owned(),
                },
                min_self_delegation: "1".to_owned(),
                validator_address: operator.to_string(),
                pubkey: Some(any(&key)),
                value: Coin::new("uakt", 1_000_000u64).into(),
                ..Default::default()
            };
            world.town.send(who, &create);
        }
        world.town.send(TENANT, &world.proposal(world.town.address(TENANT).to_string()));
        for who in [1, 3, 5] {
            let address = world.secrets[who].address().to_string();
            let other = world.secrets[(who + 1) % 6].address().to_string();
            let delegate = |validator| {
                any(&MsgDelegate {
                    delegator_address: address.clone(),
                    validator_address: world.validator(validator),
                    amount: Coin::new("uakt", 10_000_000u64).into(),
                })
            };
            let pay_for_other = any(&MsgGrantAllowance {
                granter: address.clone(),
                grantee: other,
                allowance: Some(any(&BasicAllowance {
                    spend_limit: coins(1_000_000),
                    expiration: None,
                })),
            });
            let party = world.party(who, SignMode::LegacyAminoJson);
            let messages = vec![delegate(0), delegate(1), pay_for_other];
            let tx = world.draft(vec![party], messages).signed();
            let (_, code, log) = world.deliver(tx);
            assert_eq!(code, 0, "{log}");
        }
        world
    }

    fn proposal(&self, proposer: String) -> MsgSubmitProposal {
        MsgSubmitProposal {
            initial_deposit: coins(20_000_000),
            proposer,
            title: "title".to_owned(),
            summary: "summary".to_owned(),
            metadata: "more".to_owned(),
            ..Default::default()
        }
    }

    fn validator(&self, who: u64) -> String {
        let who = if who.is_multiple_of(2) { TENANT } else { PROVIDER };
        ValAddress::from(&self.town.address(who)).to_string()
    }

    /// A message of this signer. `amount` is also where what it names comes from.
    fn message(&self, kind: u8, from: usize, amount: u64) -> Any {
        let address = |at: usize| self.secrets[at % self.secrets.len()].address().to_string();
        let (own, other) = (address(from), address(from + 1));
        // Nobody has this one yet.
        let fresh = types::Address::from({
            let mut bytes = [9u8; 20];
            bytes[..8].copy_from_slice(&amount.to_be_bytes());
            bytes
        })
        .to_string();
        let now = self.town.node.time().seconds;
        let expiration = Some(Timestamp { seconds: now + 1_000_000, nanos: 0 });
        match kind {
            0 => any(&MsgSend { from_address: own, to_address: other, amount: coins(amount) }),
            1 => any(&MsgSend { from_address: own, to_address: fresh, amount: coins(amount) }),
            2 => any(&MsgMultiSend {
                inputs: vec![Input { address: own, coins: coins(amount * 2) }],
                outputs: [other, fresh]
                    .map(|address| Output { address, coins: coins(amount) })
                    .to_vec(),
            }),
            3 => any(&MsgDelegate {
                delegator_address: own,
                validator_address: self.validator(amount),
                amount: Coin::new("uakt", amount).into(),
            }),
            4 => any(&MsgUndelegate {
                delegator_address: own,
                validator_address: self.validator(amount),
                amount: Coin::new("uakt", amount).into(),
            }),
            5 => any(&MsgBeginRedelegate {
                delegator_address: own,
                validator_src_address: self.validator(amount),
                validator_dst_address: self.validator(amount + 1),
                amount: Coin::new("uakt", amount).into(),
            }),
            6 => any(&MsgWithdrawDelegatorReward {
                delegator_address: own,
                validator_address: self.validator(amount),
            }),
            7 => any(&MsgSetWithdrawAddress { delegator_address: own, withdraw_address: other }),
            8 => any(&MsgFundCommunityPool { amount: coins(amount), depositor: own }),
            9 => any(&self.proposal(own)),
            10 => any(&MsgVote { proposal_id: 1, voter: own, option: 1, ..Default::default() }),
            11 => any(&MsgDeposit { proposal_id: 1, depositor: own, amount: coins(1_000_000) }),
            12 | 13 => {
                let authorization = if kind == 12 {
                    any(&GenericAuthorization { msg: "/cosmos.bank.v1beta1.MsgSend".to_owned() })
                } else {
                    any(&SendAuthorization { spend_limit: coins(amount), ..Default::default() })
                };
                let grant = Grant { authorization: Some(authorization), expiration };
                any(&MsgGrant { granter: other, grantee: own, grant })
            }
            14 => any(&MsgExec {
                msgs: vec![any(&MsgSend {
                    from_address: other,
                    to_address: fresh,
                    amount: coins(amount),
                })],
                grantee: own,
            }),
            15 => any(&MsgRevoke {
                granter: own,
                grantee: other,
                msg_type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
            }),
            16 => any(&MsgGrantAllowance {
                granter: other,
                grantee: own,
                allowance: Some(any(&BasicAllowance { spend_limit: coins(1_000_000), expiration })),
            }),
            17 => any(&MsgRevokeAllowance { granter: own, grantee: other }),
            18 => any(&MsgCreateVestingAccount {
                from_address: own,
                to_address: fresh,
                amount: coins(amount),
                end_time: now + 1000,
                delayed: amount.is_multiple_of(2),
            }),
            19 => any(&MsgCreatePermanentLockedAccount {
                from_address: own,
                to_address: fresh,
                amount: coins(amount),
            }),
            _ => any(&MsgCreatePeriodicVestingAccount {
                from_address: own,
                to_address: fresh,
                start_time: now,
                vesting_periods: vec![Period { length: 10, amount: coins(amount) }; 2],
            }),
        }
    }

    /// Whoever signs these, in order.
    fn signers(&self, messages: &[Any], mode: SignMode) -> Vec<Party> {
        let signers = types::signers::of_transaction(messages, "").unwrap();
        let place = |address: &types::Address| {
            self.secrets.iter().position(|it| it.address() == *address).unwrap()
        };
        signers.iter().map(|it| self.party(place(it), mode)).collect()
    }

    fn simulate(&self, tx_bytes: Vec<u8>) -> Result<u64, String> {
        let request = SimulateRequest { tx_bytes, ..Default::default() };
        let path = "/cosmos.tx.v1beta1.Service/Simulate";
        let answer = self.town.node.query::<_, SimulateResponse>(path, &request);
        answer.map(|it| it.gas_info.unwrap().gas_used).map_err(|(_, text)| text)
    }

    /// Simulates, then sends with exactly that gas; whether the simulation succeeded.
    fn try_out(&mut self, mut draft: Draft, how: Simulated) -> Result<bool, TestCaseError> {
        let Ok(gas) = self.simulate(draft.simulated(how)) else { return Ok(false) };
        draft.fee.gas_limit = gas;
        let kinds: Vec<_> = draft.body.messages.iter().map(|it| it.type_url.clone()).collect();
        let (_, code, log) = self.deliver(draft.signed());
        prop_assert_eq!(code, 0, "{:?} {:?}: {}", how, kinds, log);
        Ok(true)
    }
}

const WAYS: [Simulated; 5] = [
    Simulated::Whole,
    Simulated::Unpaid,
    Simulated::Unsigned,
    Simulated::Keyless,
    Simulated::Empty,
];

/// Kind of message, who, how much.
type Step = (u8, usize, u64);

fn step() -> impl Strategy<Value = Step> {
    (0u8..21, 0usize..6, 1u64..2_000_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn what_a_simulation_counts_is_enough(
        steps in prop::collection::vec(
            (prop::collection::vec(step(), 1..3), 0usize..5, prop::bool::ANY, 0u8..8),
            20..30,
        )
    ) {
        let mut world = World::with_validators();
        let mut worked = 0;
        for (number, (messages, way, amino, more)) in steps.into_iter().enumerate() {
            let messages: Vec<Any> = messages
                .into_iter()
                .map(|(kind, from, amount)| world.message(kind, from, amount))
                .collect();
            let mode = if amino { SignMode::LegacyAminoJson } else { SignMode::Direct };
            let parties = world.signers(&messages, mode);
            let mut draft = world.draft(parties, messages);
            if more == 1 {
                draft.body.unordered = true;
                let now = world.town.node.time().seconds;
                let nanos = i32::try_from(number).unwrap();
                draft.body.timeout_timestamp = Some(Timestamp { seconds: now + 300, nanos });
                draft.parties.iter_mut().for_each(|it| it.sequence = 0);
            }
            if more == 2 {
                draft.body.memo = "m".repeat(200);
            }
            if more == 3 {
                let payer = world.secrets[number % 6].address();
                draft.fee.payer = payer.to_string();
                if draft.parties.iter().all(|it| it.secret.address() != payer) {
                    draft.parties.push(world.party(number % 6, mode));
                }
            }
            if more == 4 {
                // The one who granted in steps of kind 16.
                let first = draft.parties[0].secret.address();
                let at = world.secrets.iter().position(|it| it.address() == first).unwrap();
                let granter = world.secrets[(at + 1) % 6].address();
                draft.fee.granter = granter.to_string();
            }
            worked += usize::from(world.try_out(draft, WAYS[way])?);
        }
        prop_assert!(worked > 3, "hardly any transaction was to be had");
    }
}

/// Every message of the market, in the middle of its life: what a simulation takes for good goes
/// through with that gas, in each way of simulating.
#[test]
fn the_markets_messages_go_through_with_the_gas_of_their_simulation() {
    let town = promises::town::Town::new();
    let mut worked = 0;
    for (number, (who, message)) in town.messages().into_iter().enumerate() {
        let person = &town.people[who];
        let party = Party {
            secret: Secret::Secp256k1(person.key),
            account_number: person.account_number,
            sequence: person.sequence,
            mode: SignMode::Direct,
        };
        let fee = Fee { amount: coins(5000), gas_limit: 0, ..Fee::default() };
        let body = TxBody { messages: vec![message.clone()], ..TxBody::default() };
        let chain_id = "test-1".to_owned();
        let mut draft = Draft { body, fee, parties: vec![party], chain_id };
        let how = WAYS[number % WAYS.len()];
        let request = SimulateRequest { tx_bytes: draft.simulated(how), ..Default::default() };
        let path = "/cosmos.tx.v1beta1.Service/Simulate";
        let Ok(answer) = town.node.query::<_, SimulateResponse>(path, &request) else { continue };
        draft.fee.gas_limit = answer.gas_info.unwrap().gas_used;
        let (_, result) = town.root(vec![draft.signed()]);
        let (code, log) = result.unwrap();
        assert_eq!(code, 0, "{how:?} {}: {log}", message.type_url);
        worked += 1;
    }
    assert!(worked > 20, "only {worked} were taken");
}

#[test]
fn a_multisig_that_does_not_say_yet_who_signs_is_counted_with_all_members() {
    let mut world = World::new();
    let party = world.party(4, SignMode::LegacyAminoJson);
    let mut undecided = party.clone();
    let Secret::Multisig { signing, .. } = &mut undecided.secret else { panic!("no multisig") };
    signing.clear();
    let undecided = world.draft(vec![undecided], vec![world.gift(4, 5)]);
    let gas = world.simulate(undecided.simulated(Simulated::Unsigned)).unwrap();
    let mut draft = world.draft(vec![party], vec![world.gift(4, 5)]);
    draft.fee.gas_limit = gas;
    let answer = world.deliver(draft.signed());
    assert_eq!(answer.1, 0, "{}", answer.2);
}

#[test]
fn a_simulation_names_what_is_wrong_and_what_it_used() {
    let world = World::new();
    let mut draft = world.draft(vec![world.party(0, SignMode::Direct)], vec![world.gift(0, 5)]);
    draft.parties[0].sequence = 7;
    let text = world.simulate(draft.simulated(Simulated::Unsigned)).unwrap_err();
    assert!(text.starts_with("account sequence mismatch, expected 0, got 7"), "{text}");
    assert!(text.contains("with gas used: '"), "{text}");
    let message = world.gift(0, u64::MAX);
    let draft = world.draft(vec![world.party(0, SignMode::Direct)], vec![message]);
    let text = world.simulate(draft.simulated(Simulated::Empty)).unwrap_err();
    assert!(text.contains("message index: 0") && text.contains("smaller"), "{text}");
    assert!(world.simulate(vec![1, 2, 3]).unwrap_err().contains("tx parse error"));
}
