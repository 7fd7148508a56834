use ledger::{Result, testing::Chain};
use prost::{Message, Name};
use prost_types::{Any, Timestamp};
use types::{
    Address, Coin, Int,
    wire::{
        akash::escrow::v1::{DepositAuthorization, MsgAccountDeposit},
        cosmos::{
            authz::v1beta1::{
                GenericAuthorization, Grant, MsgExec, MsgExecResponse, MsgGrant, MsgRevoke,
                QueryGranteeGrantsRequest, QueryGranteeGrantsResponse, QueryGrantsRequest,
                QueryGrantsResponse,
            },
            bank::v1beta1::{MsgSend, SendAuthorization},
            base::{query::v1beta1::PageRequest, v1beta1::Coin as WireCoin},
        },
        tendermint::abci::Event,
    },
};

use super::{GrantId, deposit, find};
use crate::{
    bank,
    testing::{Town, town, who},
};

const GRANTER: u8 = 1;
const GRANTEE: u8 = 2;
const OTHER: u8 = 3;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn coins(amount: u64, denom: &str) -> Vec<WireCoin> {
    vec![WireCoin { denom: denom.to_owned(), amount: amount.to_string() }]
}

fn send(from: u8, to: u8, amount: u64) -> Any {
    any(&MsgSend {
        from_address: who(from).to_string(),
        to_address: who(to).to_string(),
        amount: coins(amount, "uakt"),
    })
}

fn up_to(amount: u64) -> Any {
    any(&SendAuthorization { spend_limit: coins(amount, "uakt"), allow_list: Vec::new() })
}

fn generic(msg_type: String) -> Any {
    any(&GenericAuthorization { msg: msg_type })
}

fn grant(
    chain: &mut Chain<Town>,
    granter: u8,
    authorization: Any,
    seconds: Option<i64>,
) -> Result<Vec<Event>> {
    let now = chain.cx.unix_seconds();
    let expiration = seconds.map(|it| Timestamp { seconds: now + it, nanos: 0 });
    chain.run(&MsgGrant {
        granter: who(granter).to_string(),
        grantee: who(GRANTEE).to_string(),
        grant: Grant { authorization: Some(authorization), expiration },
    })
}

fn exec(chain: &mut Chain<Town>, msgs: Vec<Any>) -> Result<Vec<Event>> {
    chain.run(&MsgExec { grantee: who(GRANTEE).to_string(), msgs })
}

fn held(chain: &Chain<Town>, name: u8) -> i64 {
    bank::balance(chain.view(), &who(name), "uakt").unwrap().to_i64().unwrap()
}

fn refused(outcome: Result<Vec<Event>>, codespace: &str, code: u32) {
    let fault = outcome.unwrap_err();
    assert_eq!((fault.codespace(), fault.code()), (codespace, code), "{fault}");
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|it| it.r#type.rsplit('.').next().unwrap()).collect()
}

#[test]
fn a_send_authorization_is_spent_down_and_then_gone() {
    let mut chain = town(&[GRANTER, GRANTEE]);
    grant(&mut chain, GRANTER, up_to(100), None).unwrap();
    refused(exec(&mut chain, vec![send(GRANTER, OTHER, 101)]), "sdk", 5);
    let events = exec(&mut chain, vec![send(GRANTER, OTHER, 60)]).unwrap();
    assert_eq!(kinds(&events), ["coin_spent", "coin_received", "transfer", "message"]);
    let tags: Vec<_> = events.iter().filter_map(|it| it.attributes.last()).collect();
    assert!(tags.iter().all(|it| (it.key.as_str(), it.value.as_str()) == ("authz_msg_index", "0")));
    let events = exec(&mut chain, vec![send(GRANTER, OTHER, 40)]).unwrap();
    assert_eq!(kinds(&events)[0], "EventRevoke");
    refused(exec(&mut chain, vec![send(GRANTER, OTHER, 1)]), "authz", 2);
    assert_eq!(held(&chain, OTHER), 100);
    chain.assert_invariants();
}

#[test]
fn one_refused_message_undoes_those_before_it() {
    let mut chain = town(&[GRANTER, GRANTEE]);
    grant(&mut chain, GRANTER, up_to(100), None).unwrap();
    let msgs = vec![send(GRANTER, OTHER, 60), send(GRANTER, OTHER, 60)];
    refused(exec(&mut chain, msgs), "sdk", 5);
    assert_eq!(held(&chain, OTHER), 0);
    exec(&mut chain, vec![send(GRANTER, OTHER, 100)]).unwrap();
}

#[test]
fn own_messages_need_no_grant_and_nesting_has_an_end() {
    let mut chain = town(&[GRANTEE]);
    let nested = |levels: usize| {
        let mut message = send(GRANTEE, OTHER, 1);
        for _ in 0..levels {
            let grantee = who(GRANTEE).to_string();
            message = any(&MsgExec { grantee, msgs: vec![message] });
        }
        message
    };
    let events = exec(&mut chain, vec![nested(7)]).unwrap();
    let tags = events[0].attributes.iter().filter(|it| it.key == "authz_msg_index").count();
    assert_eq!(tags, 8);
    refused(exec(&mut chain, vec![nested(9)]), "sdk", 18);
    exec(&mut chain, vec![nested(0)]).unwrap();
    assert_eq!(held(&chain, OTHER), 2);
}

#[test]
fn a_message_that_two_must_sign_cannot_be_granted() {
    use types::wire::cosmos::bank::v1beta1::{Input, MsgMultiSend, Output};
    let mut chain = town(&[GRANTER, GRANTEE]);
    let input = |name: u8| Input { address: who(name).to_string(), coins: coins(1, "uakt") };
    let output = Output { address: who(OTHER).to_string(), coins: coins(2, "uakt") };
    let message =
        MsgMultiSend { inputs: vec![input(GRANTER), input(GRANTEE)], outputs: vec![output] };
    refused(exec(&mut chain, vec![any(&message)]), "authz", 9);
}

#[test]
fn a_grant_holds_in_the_block_of_its_expiry_and_is_purged_after_it() {
    let mut chain = town(&[GRANTER, GRANTEE]);
    refused(grant(&mut chain, GRANTER, up_to(100), Some(0)), "authz", 3);
    grant(&mut chain, GRANTER, up_to(100), Some(10)).unwrap();
    chain.next_block(10);
    exec(&mut chain, vec![send(GRANTER, OTHER, 1)]).unwrap();
    chain.next_block(1);
    refused(exec(&mut chain, vec![send(GRANTER, OTHER, 1)]), "authz", 2);
    chain.assert_invariants();
    assert_eq!(chain.export()["authz"]["authorization"], serde_json::json!([]));
}

#[test]
fn granting_again_moves_the_expiry() {
    let mut chain = town(&[GRANTER, GRANTEE]);
    grant(&mut chain, GRANTER, up_to(100), Some(10)).unwrap();
    grant(&mut chain, GRANTER, up_to(200), Some(100)).unwrap();
    chain.next_block(50);
    exec(&mut chain, vec![send(GRANTER, OTHER, 150)]).unwrap();
    grant(&mut chain, GRANTER, up_to(5), None).unwrap();
    chain.next_block(100);
    exec(&mut chain, vec![send(GRANTER, OTHER, 5)]).unwrap();
}

#[test]
fn a_block_purges_a_bounded_number_and_the_next_one_goes_on() {
    let mut chain = town(&[GRANTEE]);
    let granters: Vec<u8> = (10..=225).collect();
    for granter in &granters {
        grant(&mut chain, *granter, up_to(1), Some(5)).unwrap();
    }
    let left = |chain: &Chain<Town>| {
        let request =
            QueryGranteeGrantsRequest { grantee: who(GRANTEE).to_string(), pagination: None };
        let answer: QueryGranteeGrantsResponse =
            chain.query("/cosmos.authz.v1beta1.Query/GranteeGrants", &request).unwrap();
        answer.grants.len()
    };
    assert_eq!(left(&chain), 100);
    chain.next_block(6);
    assert_eq!(left(&chain), granters.len() - 200);
    chain.assert_invariants();
    chain.next_block(1);
    assert_eq!(left(&chain), 0);
}

#[test]
fn only_known_messages_can_be_granted_and_never_to_oneself() {
    let mut chain = town(&[GRANTER]);
    refused(grant(&mut chain, GRANTER, generic("/cosmos.no.Such".to_owned()), None), "sdk", 29);
    refused(grant(&mut chain, GRANTEE, up_to(1), None), "authz", 7);
    let nothing = SendAuthorization::default();
    refused(grant(&mut chain, GRANTER, any(&nothing), None), "sdk", 10);
    let revoke = MsgRevoke {
        granter: who(GRANTER).to_string(),
        grantee: who(GRANTEE).to_string(),
        msg_type_url: MsgSend::type_url(),
    };
    refused(chain.run(&revoke), "authz", 2);
    grant(&mut chain, GRANTER, up_to(1), Some(9)).unwrap();
    assert_eq!(kinds(&chain.run(&revoke).unwrap()), ["EventRevoke"]);
    chain.assert_invariants();
}

#[test]
fn pages_of_grants_follow_each_other_and_the_export_comes_back() {
    let mut chain = town(&[GRANTER]);
    grant(&mut chain, GRANTER, up_to(1), None).unwrap();
    grant(&mut chain, GRANTER, generic(MsgExec::type_url()), Some(9)).unwrap();
    let page = |key: Vec<u8>| {
        let request = QueryGrantsRequest {
            granter: who(GRANTER).to_string(),
            grantee: who(GRANTEE).to_string(),
            msg_type_url: String::new(),
            pagination: Some(PageRequest { key, limit: 1, ..PageRequest::default() }),
        };
        let answer: QueryGrantsResponse =
            chain.query("/cosmos.authz.v1beta1.Query/Grants", &request).unwrap();
        (answer.grants, answer.pagination.unwrap().next_key)
    };
    let (first, next) = page(Vec::new());
    let (second, end) = page(next);
    assert!(first.len() == 1 && second.len() == 1 && first != second && end.is_empty());
    let exported = chain.export();
    assert_eq!(Chain::<Town>::new(exported.clone()).export(), exported);
}

#[test]
fn validators_of_a_stake_authorization_are_asked_before_its_sum() {
    use types::wire::cosmos::staking::v1beta1::{
        AuthorizationType, MsgDelegate, StakeAuthorization,
        stake_authorization::{Validators, ValidatorsOneOf},
    };
    let message = |validator: &str, amount: u64| {
        any(&MsgDelegate {
            delegator_address: who(GRANTER).to_string(),
            validator_address: validator.to_owned(),
            amount: WireCoin { denom: "uakt".to_owned(), amount: amount.to_string() },
        })
    };
    let allowed = Validators { address: vec!["good".to_owned()] };
    let authorization = |validators| {
        let it = StakeAuthorization {
            max_tokens: Some(WireCoin { denom: "uakt".to_owned(), amount: "10".to_owned() }),
            authorization_type: AuthorizationType::Delegate.into(),
            validators: Some(validators),
        };
        super::Authorization::from_any(Some(&any(&it))).unwrap()
    };
    let cx = ledger::testing::ctx();
    let only_good = || authorization(ValidatorsOneOf::AllowList(allowed.clone()));
    let not_good = || authorization(ValidatorsOneOf::DenyList(allowed.clone()));
    only_good().validate().unwrap();
    assert_eq!(only_good().accept(&cx, &message("bad", 99)).unwrap_err().code(), 4);
    assert_eq!(not_good().accept(&cx, &message("good", 99)).unwrap_err().code(), 4);
    assert_eq!(only_good().accept(&cx, &message("good", 11)).unwrap_err().code(), 5);
    assert_eq!(not_good().accept(&cx, &message("bad", 10)).unwrap(), super::Verdict::UsedUp);
    let super::Verdict::Reduced(rest) = only_good().accept(&cx, &message("good", 4)).unwrap()
    else {
        panic!("something remains");
    };
    assert_eq!(rest.accept(&cx, &message("good", 6)).unwrap(), super::Verdict::UsedUp);
}

// Deposits.

fn deposits(limits: &[(u64, &str)]) -> Any {
    any(&DepositAuthorization {
        spend_limit: WireCoin { denom: "uakt".to_owned(), amount: "0".to_owned() },
        scopes: vec![deposit::Scope::Deployment.into()],
        spend_limits: limits.iter().flat_map(|(amount, denom)| coins(*amount, denom)).collect(),
    })
}

fn give(chain: &mut Chain<Town>, granter: u8, limit: u64, seconds: Option<i64>) {
    let now = chain.cx.unix_seconds();
    let id = GrantId::new(who(granter), who(GRANTEE), MsgAccountDeposit::type_url());
    let expiration = seconds.map(|it| Timestamp { seconds: now + it, nanos: 0 });
    super::state::put(&mut chain.cx, &id, deposits(&[(limit, "uact")]), expiration).unwrap();
}

fn limit(chain: &Chain<Town>, granter: u8) -> Vec<WireCoin> {
    let id = GrantId::new(who(granter), who(GRANTEE), MsgAccountDeposit::type_url());
    let grant = find(chain.view(), &id).unwrap().unwrap();
    let value = grant.authorization.unwrap().value;
    DepositAuthorization::decode(value.as_slice()).unwrap().spend_limits
}

fn draw(chain: &mut Chain<Town>, scope: deposit::Scope, amount: u64) -> Vec<(Address, Int)> {
    deposit::draw(&mut chain.cx, &who(GRANTEE), scope, "uact", Int::from(amount)).unwrap()
}

#[test]
fn deposits_are_drawn_in_the_order_of_addresses_and_a_spent_grant_stays() {
    let mut chain = town(&[]);
    for (granter, amount) in [(9, 50), (7, 30), (8, 0)] {
        give(&mut chain, granter, amount, None);
    }
    let drawn = draw(&mut chain, deposit::Scope::Deployment, 40);
    assert_eq!(drawn, [(who(7), Int::from(30u64)), (who(9), Int::from(10u64))]);
    assert_eq!(limit(&chain, 7), []);
    assert_eq!(limit(&chain, 9), coins(40, "uact"));
    assert_eq!(draw(&mut chain, deposit::Scope::Bid, 5), []);
    let back = Coin::new("uact", Int::from(12u64));
    deposit::refund(&mut chain.cx, &who(7), &who(GRANTEE), &back).unwrap();
    assert_eq!(limit(&chain, 7), coins(12, "uact"));
    chain.assert_invariants();
}

#[test]
fn a_deposit_returns_although_its_grant_ended_in_this_block() {
    // D-23: saving such a grant fails in the reference, and the refund with it.
    let mut chain = town(&[]);
    give(&mut chain, 7, 30, Some(10));
    chain.next_block(10);
    assert_eq!(draw(&mut chain, deposit::Scope::Deployment, 5), []);
    let back = Coin::new("uact", Int::from(12u64));
    deposit::refund(&mut chain.cx, &who(7), &who(GRANTEE), &back).unwrap();
    deposit::refund(&mut chain.cx, &who(8), &who(GRANTEE), &back).unwrap();
    assert_eq!(limit(&chain, 7), coins(30, "uact"));
}

#[test]
fn a_deposit_authorization_names_scopes_once_and_limits_in_order() {
    let refused = |change: fn(&mut DepositAuthorization), space: &str, code: u32| {
        let value = deposits(&[(5, "uact")]).value;
        let mut it = DepositAuthorization::decode(value.as_slice()).unwrap();
        deposit::validate(&it).unwrap();
        change(&mut it);
        let fault = deposit::validate(&it).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), (space, code), "{fault}");
    };
    refused(|it| it.scopes.clear(), "escrow", 17);
    refused(|it| it.scopes = vec![1, 1], "escrow", 17);
    refused(|it| it.scopes = vec![0], "escrow", 17);
    refused(|it| it.scopes = vec![9], "escrow", 17);
    refused(|it| it.spend_limit.amount = "1".to_owned(), "sdk", 10);
    refused(|it| it.spend_limit.denom.clear(), "sdk", 10);
    refused(|it| it.spend_limits.push(it.spend_limits[0].clone()), "sdk", 10);
}

#[test]
fn what_a_grant_of_deposits_pays_in_full_or_in_part() {
    let value = deposits(&[(5, "uact")]).value;
    let mut it = DepositAuthorization::decode(value.as_slice()).unwrap();
    it.spend_limit.amount = "7".to_owned();
    let ask = |it: &DepositAuthorization, amount: &str, denom: &str, part| {
        let coin = WireCoin { denom: denom.to_owned(), amount: amount.to_owned() };
        deposit::accept(it, deposit::Scope::Deployment, &coin, part)
    };
    use deposit::Part::{AsFarAsItGoes, Whole};
    assert_eq!(ask(&it, "9", "uact", Whole).unwrap_err().code(), 5);
    let (given, rest) = ask(&it, "9", "uact", AsFarAsItGoes).unwrap().unwrap();
    assert_eq!((given, &rest.spend_limits), (Int::from(5u64), &coins(7, "uakt")));
    assert_eq!(rest.spend_limit.amount, "0");
    assert_eq!(ask(&rest, "9", "uact", Whole).unwrap(), None);
    assert!(ask(&rest, "-1", "uakt", Whole).is_err());
}

#[test]
fn a_grant_creates_the_account_of_its_grantee() {
    let mut chain = town(&[GRANTER]);
    grant(&mut chain, GRANTER, up_to(1), None).unwrap();
    assert!(crate::auth::exists(chain.view(), &who(GRANTEE)).unwrap());
    let message = MsgGrant {
        granter: who(GRANTER).to_string(),
        grantee: Address::of_module("bme").to_string(),
        grant: Grant { authorization: Some(up_to(1)), expiration: None },
    };
    refused(chain.run(&message), "sdk", 4);
}

#[test]
fn an_exec_answers_with_the_replies_of_its_messages() {
    let mut chain = town(&[GRANTEE]);
    let msgs = vec![send(GRANTEE, OTHER, 1), send(GRANTEE, OTHER, 1)];
    let message = MsgExec { grantee: who(GRANTEE).to_string(), msgs };
    let (reply, _): (MsgExecResponse, _) = chain.deliver(&message).unwrap();
    assert_eq!(reply.results, [Vec::<u8>::new(), Vec::new()]);
    refused(exec(&mut chain, Vec::new()), "sdk", 18);
}
