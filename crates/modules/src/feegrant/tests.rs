use ledger::{Result, testing::Chain};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use types::{
    Coins,
    wire::cosmos::{
        bank::v1beta1::MsgSend,
        base::query::v1beta1::PageRequest,
        feegrant::v1beta1::{
            AllowedMsgAllowance, BasicAllowance, MsgGrantAllowance, MsgPruneAllowances,
            MsgRevokeAllowance, PeriodicAllowance, QueryAllowanceRequest, QueryAllowanceResponse,
            QueryAllowancesByGranterRequest, QueryAllowancesByGranterResponse,
        },
    },
};

use super::charge;
use crate::testing::{Town, town, who};

const GRANTER: u8 = 1;
const GRANTEE: u8 = 2;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn coins(text: &str) -> Coins {
    text.parse().unwrap()
}

fn basic(limit: &str, ends: Option<i64>) -> BasicAllowance {
    BasicAllowance {
        spend_limit: coins(limit).to_wire(),
        expiration: ends.map(|seconds| Timestamp { seconds, nanos: 0 }),
    }
}

fn grant(chain: &mut Chain<Town>, allowance: Any) -> Result {
    grant_from(chain, GRANTER, allowance)
}

fn grant_from(chain: &mut Chain<Town>, granter: u8, allowance: Any) -> Result {
    let message = MsgGrantAllowance {
        granter: who(granter).to_string(),
        grantee: who(GRANTEE).to_string(),
        allowance: Some(allowance),
    };
    chain.run(&message).map(drop)
}

fn revoke(chain: &mut Chain<Town>) -> Result {
    let (granter, grantee) = (who(GRANTER).to_string(), who(GRANTEE).to_string());
    chain.run(&MsgRevokeAllowance { granter, grantee }).map(drop)
}

/// Charges a fee as the ante does; returns the kinds of the events.
fn pay(chain: &mut Chain<Town>, fee: &str) -> Result<Vec<String>> {
    pay_for(chain, fee, &["/cosmos.bank.v1beta1.MsgSend"])
}

fn pay_for(chain: &mut Chain<Town>, fee: &str, msg_types: &[&str]) -> Result<Vec<String>> {
    let before = chain.cx.events().len();
    let fee = coins(fee);
    chain.cx.attempt(|cx| charge(cx, &who(GRANTER), &who(GRANTEE), &fee, msg_types))?;
    Ok(chain.cx.events()[before..].iter().map(|it| it.r#type.clone()).collect())
}

fn refused<T: std::fmt::Debug>(outcome: Result<T>, codespace: &str, code: u32) {
    let fault = outcome.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), (codespace, code), "{fault}");
}

fn exists(chain: &Chain<Town>) -> bool {
    let (granter, grantee) = (who(GRANTER).to_string(), who(GRANTEE).to_string());
    let request = QueryAllowanceRequest { granter, grantee };
    let answer: Result<QueryAllowanceResponse> =
        chain.query("/cosmos.feegrant.v1beta1.Query/Allowance", &request);
    answer.is_ok()
}

#[test]
fn a_basic_allowance_is_spent_down_and_then_gone() {
    let mut chain = town(&[GRANTER]);
    refused(pay(&mut chain, "1uakt"), "sdk", 38);
    grant(&mut chain, any(&basic("100uakt", None))).unwrap();
    refused(grant(&mut chain, any(&basic("", None))), "sdk", 18);
    assert_eq!(pay(&mut chain, "40uakt").unwrap(), ["use_feegrant", "update_feegrant"]);
    refused(pay(&mut chain, "61uakt"), "feegrant", 2);
    refused(pay(&mut chain, "1uact"), "feegrant", 2);
    assert_eq!(pay(&mut chain, "60uakt").unwrap(), ["revoke_feegrant", "use_feegrant"]);
    assert!(!exists(&chain));
    chain.assert_invariants();
}

#[test]
fn an_allowance_without_a_limit_pays_until_it_expires() {
    let mut chain = town(&[GRANTER]);
    let now = chain.cx.unix_seconds();
    refused(grant(&mut chain, any(&basic("", Some(now - 1)))), "sdk", 18);
    grant(&mut chain, any(&basic("", Some(now + 10)))).unwrap();
    pay(&mut chain, "123456789uakt").unwrap();
    chain.next_block(10);
    pay(&mut chain, "1uakt").unwrap();
    chain.next_block(1);
    assert!(!exists(&chain), "the end of the block of its expiry prunes it");
    chain.assert_invariants();
}

#[test]
fn a_periodic_allowance_fills_up_each_period_within_the_whole() {
    let mut chain = town(&[GRANTER]);
    let now = chain.cx.unix_seconds();
    let allowance = PeriodicAllowance {
        basic: basic("250uakt", None),
        period: Duration { seconds: 30, nanos: 0 },
        period_spend_limit: coins("100uakt").to_wire(),
        period_can_spend: coins("100uakt").to_wire(),
        period_reset: Timestamp { seconds: now + 30, nanos: 0 },
    };
    grant(&mut chain, any(&allowance)).unwrap();
    pay(&mut chain, "90uakt").unwrap();
    refused(pay(&mut chain, "11uakt"), "feegrant", 2);
    chain.next_block(30);
    pay(&mut chain, "100uakt").unwrap();
    // Two periods later: the next one starts now, and only 60 are left of the whole.
    chain.next_block(70);
    refused(pay(&mut chain, "61uakt"), "feegrant", 2);
    assert_eq!(pay(&mut chain, "60uakt").unwrap(), ["revoke_feegrant", "use_feegrant"]);
}

#[test]
fn named_messages_only_and_all_of_them() {
    let mut chain = town(&[GRANTER]);
    let allowance = |messages: Vec<String>| {
        let allowance = Some(any(&basic("100uakt", None)));
        any(&AllowedMsgAllowance { allowance, allowed_messages: messages })
    };
    refused(grant(&mut chain, allowance(Vec::new())), "feegrant", 6);
    grant(&mut chain, allowance(vec![MsgSend::type_url()])).unwrap();
    let send = MsgSend::type_url();
    refused(pay_for(&mut chain, "1uakt", &[&send, "/other"]), "feegrant", 7);
    pay_for(&mut chain, "40uakt", &[&send, &send]).unwrap();
    refused(pay_for(&mut chain, "61uakt", &[&send]), "feegrant", 2);
}

#[test]
fn the_expiry_of_a_revoked_allowance_still_prunes_its_successor() {
    // As the reference does it, to be seen in its blocks (cosmos.md 4.13).
    let mut chain = town(&[GRANTER]);
    let now = chain.cx.unix_seconds();
    grant(&mut chain, any(&basic("1uakt", Some(now + 10)))).unwrap();
    revoke(&mut chain).unwrap();
    refused(revoke(&mut chain), "sdk", 38);
    grant(&mut chain, any(&basic("2uakt", None))).unwrap();
    chain.next_block(10);
    assert!(exists(&chain));
    chain.next_block(1);
    assert!(!exists(&chain));
}

#[test]
fn a_message_prunes_a_bounded_number() {
    let mut chain = town(&[]);
    let now = chain.cx.unix_seconds();
    for granter in 10..110 {
        grant_from(&mut chain, granter, any(&basic("1uakt", Some(now)))).unwrap();
    }
    let left = |chain: &Chain<Town>| {
        let granters = 10..110;
        granters
            .map(|granter| {
                let granter = who(granter).to_string();
                let request = QueryAllowancesByGranterRequest { granter, pagination: None };
                let path = "/cosmos.feegrant.v1beta1.Query/AllowancesByGranter";
                let answer: QueryAllowancesByGranterResponse = chain.query(path, &request).unwrap();
                answer.allowances.len()
            })
            .sum::<usize>()
    };
    assert_eq!(left(&chain), 100);
    chain.run(&MsgPruneAllowances { pruner: who(GRANTEE).to_string() }).unwrap();
    assert_eq!(left(&chain), 25);
    chain.assert_invariants();
}

#[test]
fn allowances_come_back_from_the_export() {
    let mut chain = town(&[GRANTER]);
    let now = chain.cx.unix_seconds();
    grant(&mut chain, any(&basic("7uact,5uakt", Some(now + 10)))).unwrap();
    let exported = chain.export();
    let mut again = Chain::<Town>::new(exported.clone());
    assert_eq!(again.export(), exported);
    again.next_block(10);
    again.next_block(1);
    assert!(!exists(&again));
}

#[test]
fn malformed_allowances_are_refused() {
    let mut chain = town(&[GRANTER]);
    let periodic = PeriodicAllowance {
        basic: basic("5uakt", None),
        period: Duration { seconds: 30, nanos: 0 },
        period_spend_limit: coins("5uakt").to_wire(),
        period_can_spend: Vec::new(),
        period_reset: Timestamp::default(),
    };
    let mut check = |change: fn(&mut PeriodicAllowance), space: &str, code: u32| {
        let mut it = periodic.clone();
        change(&mut it);
        refused(grant(&mut chain, any(&it)), space, code);
    };
    check(|it| it.period.seconds = -1, "feegrant", 4);
    check(|it| it.period_spend_limit.clear(), "sdk", 10);
    check(|it| it.period_spend_limit[0].denom = "uact".to_owned(), "sdk", 10);
    check(|it| it.basic.spend_limit[0].amount = "0".to_owned(), "sdk", 10);
    check(|it| it.basic.expiration = Some(Timestamp { seconds: -5, nanos: 0 }), "feegrant", 4);
    let deep = (0..20).fold(any(&basic("", None)), |inner, _| {
        let allowed_messages = vec![MsgSend::type_url()];
        any(&AllowedMsgAllowance { allowance: Some(inner), allowed_messages })
    });
    refused(grant(&mut chain, deep), "sdk", 29);
    refused(grant(&mut chain, any(&MsgSend::default())), "sdk", 29);
}

#[test]
fn a_full_page_has_a_next_one_while_any_allowance_follows() {
    let mut chain = town(&[GRANTER]);
    let list = |chain: &Chain<Town>, key: Vec<u8>, limit: u64| {
        let pagination = Some(PageRequest { key, limit, ..PageRequest::default() });
        let request =
            QueryAllowancesByGranterRequest { granter: who(GRANTER).to_string(), pagination };
        let path = "/cosmos.feegrant.v1beta1.Query/AllowancesByGranter";
        let answer: QueryAllowancesByGranterResponse = chain.query(path, &request).unwrap();
        (answer.allowances.len(), answer.pagination.unwrap().next_key)
    };
    grant(&mut chain, any(&basic("1uakt", None))).unwrap();
    assert_eq!(list(&chain, Vec::new(), 1), (1, Vec::new()));
    grant_from(&mut chain, 9, any(&basic("1uakt", None))).unwrap();
    let (count, next) = list(&chain, Vec::new(), 1);
    assert_eq!((count, next.is_empty()), (1, false));
    assert_eq!(list(&chain, next, 1), (0, Vec::new()));
    assert_eq!(list(&chain, Vec::new(), 2), (1, Vec::new()));
}
