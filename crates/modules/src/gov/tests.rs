use ledger::{Module, Prefixed, Result, testing::attribute};
use prost::{Message, Name};
use prost_types::{Any, Duration};
use types::{
    Coin, Coins, ValAddress,
    wire::{
        akash::market::v1beta5 as market,
        cosmos::{
            bank::v1beta1::MsgSend,
            gov::{
                v1::{
                    MsgCancelProposal, MsgDeposit, MsgExecLegacyContent, MsgSubmitProposal,
                    MsgSubmitProposalResponse, MsgUpdateParams, MsgVote, MsgVoteWeighted, Proposal,
                    ProposalStatus, QueryProposalsRequest, QueryProposalsResponse,
                    QueryTallyResultRequest, QueryTallyResultResponse, QueryVotesRequest,
                    QueryVotesResponse, Vote, VoteOption, WeightedVoteOption,
                },
                v1beta1 as old,
            },
            staking::v1beta1::{CommissionRates, Description, MsgCreateValidator, MsgDelegate},
        },
        tendermint::abci::Event,
    },
};

use super::{
    ACTIVE, DEPOSITS, Gov, PROPOSALS, VOTING, messages, params,
    votes::{SWEPT_PER_BLOCK, VOTES},
};
use crate::{
    auth, bank,
    testing::{FRIEND, P1, P2, P3, TENANT, World, who},
};

const AKT: i64 = 1_000_000;
const YES: VoteOption = VoteOption::Yes;
const NO: VoteOption = VoteOption::No;
const VETO: VoteOption = VoteOption::NoWithVeto;
/// The voting periods of a local network, in seconds.
const VOTING_S: i64 = 120;
const EXPEDITED_S: i64 = 60;

fn coins(amount: i64) -> Vec<types::wire::cosmos::base::v1beta1::Coin> {
    vec![Coin::new("uakt", amount).into()]
}

fn pack<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn gov() -> String {
    auth::authority_address()
}

/// Validators with 60, 30 and 10 AKT; the tenant stands behind the first with 20 more.
struct Network {
    world: World,
}

impl Network {
    fn new() -> Self {
        let mut world = World::new();
        for (name, stake) in [(P1, 60), (P2, 30), (P3, 10)] {
            let key = types::wire::cosmos::crypto::ed25519::PubKey { key: vec![name; 32] };
            world
                .run(&MsgCreateValidator {
                    description: Description { moniker: format!("v{name}"), ..Default::default() },
                    commission: CommissionRates {
                        rate: "100000000000000000".to_owned(),
                        max_rate: "200000000000000000".to_owned(),
                        max_change_rate: "10000000000000000".to_owned(),
                    },
                    min_self_delegation: "1".to_owned(),
                    validator_address: ValAddress::from(&who(name)).to_string(),
                    pubkey: Some(pack(&key)),
                    value: Coin::new("uakt", stake * AKT).into(),
                    ..Default::default()
                })
                .unwrap();
        }
        world
            .run(&MsgDelegate {
                delegator_address: who(TENANT).to_string(),
                validator_address: ValAddress::from(&who(P1)).to_string(),
                amount: Coin::new("uakt", 20 * AKT).into(),
            })
            .unwrap();
        world.blocks(1);
        Self { world }
    }

    fn submit(&mut self, deposit: i64, messages: Vec<Any>) -> Result<u64> {
        self.propose(&proposal(deposit, messages))
    }

    fn propose(&mut self, message: &MsgSubmitProposal) -> Result<u64> {
        let (reply, _): (MsgSubmitProposalResponse, _) = self.world.chain.deliver(message)?;
        Ok(reply.proposal_id)
    }

    fn vote(&mut self, name: u8, id: u64, option: VoteOption) -> Result<Vec<Event>> {
        self.world.run(&vote(name, id, option))
    }

    fn all_vote(&mut self, id: u64, options: [VoteOption; 3]) {
        for (name, option) in [P1, P2, P3].into_iter().zip(options) {
            self.vote(name, id, option).unwrap();
        }
    }

    /// Lets time pass; returns the events of the ends of blocks.
    fn pass(&mut self, seconds: i64) -> Vec<Event> {
        let mut events = self.world.chain.next_block(seconds);
        events.extend(self.world.chain.next_block(1));
        events
    }

    fn proposal(&self, id: u64) -> Proposal {
        PROPOSALS.get(self.world.chain.view(), &id).unwrap().unwrap()
    }

    fn held(&self, name: u8) -> types::Int {
        bank::balance(self.world.chain.view(), &who(name), "uakt").unwrap()
    }
}

fn vote(name: u8, id: u64, option: VoteOption) -> MsgVote {
    MsgVote {
        proposal_id: id,
        voter: who(name).to_string(),
        option: option.into(),
        metadata: String::new(),
    }
}

fn proposal(deposit: i64, messages: Vec<Any>) -> MsgSubmitProposal {
    MsgSubmitProposal {
        messages,
        initial_deposit: coins(deposit),
        proposer: who(FRIEND).to_string(),
        metadata: "why".to_owned(),
        title: "title".to_owned(),
        summary: "summary".to_owned(),
        expedited: false,
    }
}

fn bids_at_most(order_max_bids: u32) -> Any {
    pack(&market::MsgUpdateParams {
        authority: gov(),
        params: market::Params {
            bid_min_deposit: Coin::new("uakt", 1).into(),
            order_max_bids,
            bid_min_deposits: coins(1),
            min_reclamation_window: Duration { seconds: 60, nanos: 0 },
            max_reclamation_window: Duration { seconds: 120, nanos: 0 },
        },
    })
}

fn order_max_bids(net: &Network) -> u32 {
    let path = "/akash.market.v1beta5.Query/Params";
    let reply: Result<market::QueryParamsResponse> =
        net.world.chain.query(path, &market::QueryParamsRequest {});
    reply.unwrap().params.order_max_bids
}

fn closing<'a>(events: &'a [Event], key: &str) -> &'a str {
    let event = events.iter().find(|it| it.r#type == "active_proposal").unwrap();
    attribute(event, key)
}

#[test]
fn a_deposit_that_reaches_the_minimum_starts_the_vote_and_comes_back() {
    let mut net = Network::new();
    let before = (net.held(FRIEND), net.held(TENANT));
    let id = net.submit(AKT / 10, vec![]).unwrap();
    assert_eq!(net.proposal(id).status(), ProposalStatus::DepositPeriod);
    assert!(net.vote(P1, id, YES).unwrap_err().is(super::Error::InactiveProposal));
    let deposit = MsgDeposit {
        proposal_id: id,
        depositor: who(TENANT).to_string(),
        amount: coins(10 * AKT - AKT / 10),
    };
    let events = net.world.run(&deposit).unwrap();
    assert_eq!(attribute(events.last().unwrap(), "voting_period_start"), id.to_string());
    net.all_vote(id, [YES, NO, YES]);
    let events = net.pass(VOTING_S);
    assert_eq!(closing(&events, "proposal_result"), "proposal_passed");
    let passed = net.proposal(id);
    assert_eq!(passed.status(), ProposalStatus::Passed);
    let tally = passed.final_tally_result.unwrap();
    assert_eq!((tally.yes_count.as_str(), tally.no_count.as_str()), ("90000000", "30000000"));
    assert_eq!((net.held(FRIEND), net.held(TENANT)), before);
    assert_eq!(VOTES.iter(net.world.chain.view()).count(), 0);
}

#[test]
fn a_delegator_that_votes_takes_its_stake_out_of_its_validators_vote() {
    let mut net = Network::new();
    let id = net.submit(10 * AKT, vec![]).unwrap();
    net.vote(P1, id, YES).unwrap();
    net.vote(TENANT, id, NO).unwrap();
    let path = "/cosmos.gov.v1.Query/TallyResult";
    let reply: Result<QueryTallyResultResponse> =
        net.world.chain.query(path, &QueryTallyResultRequest { proposal_id: id });
    let tally = reply.unwrap().tally.unwrap();
    assert_eq!((tally.yes_count.as_str(), tally.no_count.as_str()), ("60000000", "20000000"));
    // Voters without stake change nothing, and the last vote of a person counts.
    net.vote(FRIEND, id, VETO).unwrap();
    net.vote(TENANT, id, YES).unwrap();
    net.pass(VOTING_S);
    let tally = net.proposal(id).final_tally_result.unwrap();
    assert_eq!((tally.yes_count.as_str(), tally.no_with_veto_count.as_str()), ("80000000", "0"));
}

#[test]
fn too_few_votes_return_the_deposit_and_a_veto_burns_it() {
    let mut net = Network::new();
    let before = net.held(FRIEND);
    let silent = net.submit(10 * AKT, vec![]).unwrap();
    net.vote(P2, silent, YES).unwrap();
    net.pass(VOTING_S);
    assert_eq!(net.proposal(silent).status(), ProposalStatus::Rejected);
    assert_eq!(net.held(FRIEND), before);
    let hated = net.submit(10 * AKT, vec![]).unwrap();
    net.all_vote(hated, [VETO, YES, YES]);
    let events = net.pass(VOTING_S);
    assert!(events.iter().any(|it| it.r#type == "burn"));
    assert_eq!(net.proposal(hated).failed_reason, "proposal did not get enough votes to pass");
    assert_eq!(net.held(FRIEND), before.sub(types::Int::from(10 * AKT)).unwrap());
}

#[test]
fn a_passed_proposal_executes_all_its_messages_or_none() {
    let mut net = Network::new();
    let good = net.submit(10 * AKT, vec![bids_at_most(7)]).unwrap();
    net.all_vote(good, [YES, YES, YES]);
    net.pass(VOTING_S);
    assert_eq!((net.proposal(good).status(), order_max_bids(&net)), (ProposalStatus::Passed, 7));

    let theft =
        MsgSend { from_address: gov(), to_address: who(FRIEND).to_string(), amount: coins(1) };
    let half = net.submit(10 * AKT, vec![bids_at_most(9), pack(&theft)]).unwrap();
    net.all_vote(half, [YES, YES, YES]);
    let events = net.pass(VOTING_S);
    assert_eq!(closing(&events, "proposal_result"), "proposal_failed");
    let why = "spendable balance 0uakt is smaller than 1uakt: insufficient funds";
    let log =
        format!("passed, but msg 1 (/cosmos.bank.v1beta1.MsgSend) failed on execution: {why}");
    assert_eq!(closing(&events, "proposal_log"), log);
    let failed = net.proposal(half);
    assert_eq!((failed.status(), failed.failed_reason.as_str()), (ProposalStatus::Failed, why));
    assert_eq!(order_max_bids(&net), 7);
}

#[test]
fn an_expedited_proposal_that_fails_is_voted_on_again_from_nothing() {
    let mut net = Network::new();
    let mut message = proposal(10 * AKT, vec![]);
    message.expedited = true;
    let id = net.propose(&message).unwrap();
    assert_eq!(net.proposal(id).status(), ProposalStatus::DepositPeriod);
    let deposit =
        MsgDeposit { proposal_id: id, depositor: who(TENANT).to_string(), amount: coins(40 * AKT) };
    net.world.run(&deposit).unwrap();
    net.all_vote(id, [NO, YES, YES]);
    let events = net.pass(EXPEDITED_S);
    assert_eq!(closing(&events, "proposal_result"), "expedited_proposal_rejected");
    let again = net.proposal(id);
    assert!(!again.expedited && again.status() == ProposalStatus::VotingPeriod);
    assert_eq!(VOTES.iter(net.world.chain.view()).count(), 0);
    net.all_vote(id, [YES, NO, NO]);
    net.pass(VOTING_S - EXPEDITED_S);
    assert_eq!(net.proposal(id).status(), ProposalStatus::Passed);
}

#[test]
fn a_proposal_nobody_pays_for_is_dropped() {
    let mut net = Network::new();
    let before = net.held(FRIEND);
    let id = net.submit(AKT, vec![]).unwrap();
    let events = net.pass(600);
    let dropped = events.iter().find(|it| it.r#type == "inactive_proposal").unwrap();
    assert_eq!(attribute(dropped, "proposal_result"), "proposal_dropped");
    assert!(PROPOSALS.get(net.world.chain.view(), &id).unwrap().is_none());
    assert_eq!(net.held(FRIEND), before);
}

#[test]
fn cancelling_costs_half_and_only_the_proposer_may() {
    let mut net = Network::new();
    let before = net.held(FRIEND);
    let id = net.submit(10 * AKT + 1, vec![]).unwrap();
    net.vote(P1, id, YES).unwrap();
    let cancel = |name: u8| MsgCancelProposal { proposal_id: id, proposer: who(name).to_string() };
    assert!(net.world.run(&cancel(TENANT)).unwrap_err().is(super::Error::InvalidProposer));
    net.world.run(&cancel(FRIEND)).unwrap();
    // The charge is rounded down.
    assert_eq!(net.held(FRIEND), before.sub(types::Int::from(5 * AKT)).unwrap());
    assert!(net.world.run(&cancel(FRIEND)).unwrap_err().is(super::Error::UnknownProposal));
    net.pass(VOTING_S);
}

#[test]
fn each_refusal_has_its_code() {
    let mut net = Network::new();
    let id = net.submit(10 * AKT, vec![]).unwrap();
    let mut check = |message: &MsgSubmitProposal, space: &str, code: u32| {
        let fault = net.propose(message).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), (space, code), "{fault}");
    };
    let good = proposal(10 * AKT, vec![]);
    check(&MsgSubmitProposal { title: String::new(), ..good.clone() }, "sdk", 18);
    check(&MsgSubmitProposal { summary: String::new(), ..good.clone() }, "sdk", 18);
    check(&MsgSubmitProposal { metadata: String::new(), ..good.clone() }, "gov", 11);
    let metadata = "{\"title\":\"other\",\"summary\":\"summary\"}".to_owned();
    check(&MsgSubmitProposal { metadata, ..good.clone() }, "gov", 5);
    check(&MsgSubmitProposal { metadata: "x".repeat(10_201), ..good.clone() }, "gov", 15);
    check(&MsgSubmitProposal { title: "x".repeat(10_201), ..good.clone() }, "gov", 15);
    check(&MsgSubmitProposal { summary: "x".repeat(408_001), ..good.clone() }, "gov", 22);
    let uact = vec![Coin::new("uact", 5).into()];
    check(&MsgSubmitProposal { initial_deposit: uact, ..good.clone() }, "gov", 23);
    check(&proposal(1, vec![]), "gov", 16);
    check(&proposal(i64::MAX, vec![]), "sdk", 5);
    let foreign = MsgSend { from_address: who(P1).to_string(), ..MsgSend::default() };
    check(&proposal(10 * AKT, vec![pack(&foreign)]), "gov", 13);

    let mut refused = |options: &[(i32, &str)]| {
        let options = options
            .iter()
            .map(|(option, weight)| WeightedVoteOption {
                option: *option,
                weight: (*weight).to_owned(),
            })
            .collect();
        let voter = who(P1).to_string();
        let message = MsgVoteWeighted { proposal_id: id, voter, options, metadata: String::new() };
        net.world.run(&message).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[(1, "0.6"), (3, "0.5")]),
        "total weight overflow 1.00: invalid vote option"
    );
    assert_eq!(refused(&[(1, "0.4")]), "total weight lower than 1.00: invalid vote option");
    assert_eq!(refused(&[(1, "0.5"), (1, "0.5")]), "duplicated vote option: invalid vote option");
    assert!(refused(&[(9, "1")]).contains("invalid vote option"));
    assert!(refused(&[(1, "-1"), (3, "1")]).contains("invalid vote option"));
    let outsider = MsgUpdateParams { authority: who(P1).to_string(), params: params::defaults() };
    assert_eq!(net.world.run(&outsider).unwrap_err().code(), 13);
}

#[test]
fn parameters_are_checked_in_the_words_that_proposals_show() {
    let check = |change: fn(&mut types::wire::cosmos::gov::v1::Params), text: &str| {
        let mut params = params::defaults();
        change(&mut params);
        let fault = params::check(&params).unwrap_err().to_string();
        assert!(fault.starts_with(text), "{fault}");
    };
    params::check(&params::defaults()).unwrap();
    check(|it| it.min_deposit.clear(), "invalid minimum deposit: ");
    check(|it| it.expedited_min_deposit.clear(), "invalid expedited minimum deposit: ");
    check(
        |it| it.expedited_min_deposit = it.min_deposit.clone(),
        "expedited minimum deposit must be greater than minimum deposit: 2500000000uakt",
    );
    check(|it| it.max_deposit_period = None, "maximum deposit period must not be nil");
    check(|it| it.quorum = "1.1".to_owned(), "quorom too large: 1.1");
    check(|it| it.threshold = "0".to_owned(), "vote threshold must be positive: 0.0");
    check(|it| it.expedited_threshold = "0.5".to_owned(), "expedited vote threshold 0.5");
    check(|it| it.veto_threshold = "x".to_owned(), "invalid vetoThreshold string: ");
    check(|it| it.expedited_voting_period = it.voting_period, "expedited voting period");
    check(|it| it.proposal_cancel_ratio = "2".to_owned(), "burn rate of cancel proposal is too");
    check(|it| it.proposal_cancel_dest = "x".to_owned(), "deposits destination address is inv");
}

#[test]
fn the_old_interface_is_the_same_proposals() {
    let mut net = Network::new();
    let text = old::TextProposal { title: "old".to_owned(), description: "text".to_owned() };
    let submit = |content: Any| old::MsgSubmitProposal {
        content: Some(content),
        initial_deposit: coins(10 * AKT),
        proposer: who(FRIEND).to_string(),
    };
    let (reply, _): (old::MsgSubmitProposalResponse, _) =
        net.world.chain.deliver(&submit(pack(&text))).unwrap();
    let id = reply.proposal_id;
    let weighted =
        |option: i32, weight: &str| old::WeightedVoteOption { option, weight: weight.to_owned() };
    let options = vec![weighted(1, "700000000000000000"), weighted(3, "300000000000000000")];
    let voter = who(P1).to_string();
    net.world.run(&old::MsgVoteWeighted { proposal_id: id, voter, options }).unwrap();
    let path = "/cosmos.gov.v1beta1.Query/Proposal";
    let shown: Result<old::QueryProposalResponse> =
        net.world.chain.query(path, &old::QueryProposalRequest { proposal_id: id });
    assert_eq!(shown.unwrap().proposal.content, Some(pack(&text)));
    let path = "/cosmos.gov.v1beta1.Query/Votes";
    let votes: Result<old::QueryVotesResponse> =
        net.world.chain.query(path, &old::QueryVotesRequest { proposal_id: id, pagination: None });
    assert_eq!(votes.unwrap().votes[0].options[0].weight, "700000000000000000");
    net.pass(VOTING_S);
    assert_eq!(net.proposal(id).status(), ProposalStatus::Passed);

    let kind =
        |name: &str| Any { type_url: format!("/cosmos.{name}"), value: text.encode_to_vec() };
    for (content, code) in [
        (kind("upgrade.v1beta1.SoftwareUpgradeProposal"), 9),
        (kind("distribution.v1beta1.CommunityPoolSpendProposal"), 6),
        (pack(&old::TextProposal::default()), 5),
    ] {
        let fault = net.world.run(&submit(content)).unwrap_err();
        assert_eq!((fault.codespace(), fault.code()), ("gov", code), "{fault}");
    }
    let stranger =
        MsgExecLegacyContent { content: Some(pack(&text)), authority: who(P1).to_string() };
    assert_eq!(net.world.run(&stranger).unwrap_err().code(), 13);
    assert_eq!(messages::LEGACY_CONTENT, MsgExecLegacyContent::type_url());
}

#[test]
fn lists_are_filtered_by_status_voter_and_depositor_and_paged() {
    let mut net = Network::new();
    let first = net.submit(AKT, vec![]).unwrap();
    let second = net.submit(10 * AKT, vec![]).unwrap();
    let third = net.submit(10 * AKT, vec![]).unwrap();
    net.vote(P2, third, YES).unwrap();
    let ids = |request: QueryProposalsRequest| -> Vec<u64> {
        let reply: Result<QueryProposalsResponse> =
            net.world.chain.query("/cosmos.gov.v1.Query/Proposals", &request);
        reply.unwrap().proposals.iter().map(|it| it.id).collect()
    };
    let all = QueryProposalsRequest::default();
    assert_eq!(ids(all.clone()), [first, second, third]);
    assert_eq!(ids(QueryProposalsRequest { proposal_status: 2, ..all.clone() }), [second, third]);
    let voter = who(P2).to_string();
    assert_eq!(ids(QueryProposalsRequest { voter, ..all.clone() }), [third]);
    let depositor = who(P2).to_string();
    assert_eq!(ids(QueryProposalsRequest { depositor, ..all }), [] as [u64; 0]);
}

#[test]
fn a_chain_with_live_proposals_comes_back_from_its_export() {
    let mut net = Network::new();
    net.submit(AKT, vec![bids_at_most(5)]).unwrap();
    let id = net.submit(10 * AKT, vec![]).unwrap();
    net.vote(P2, id, YES).unwrap();
    let exported = Gov::export(net.world.chain.view()).unwrap();
    let mut cx = ledger::testing::ctx();
    let sum = Coins::from_wire(&coins(11 * AKT)).unwrap();
    bank::mint(&mut cx, "mint", &sum).unwrap();
    bank::send_between_modules(&mut cx, "mint", "gov", &sum).unwrap();
    Gov::init(&mut cx, exported.clone()).unwrap();
    assert_eq!(Gov::export(&cx).unwrap(), exported);
    for invariant in Gov::INVARIANTS {
        (invariant.1)(&cx).unwrap();
    }
}

#[test]
fn deposits_that_were_spent_do_not_stop_the_block() {
    let mut net = Network::new();
    let id = net.submit(10 * AKT, vec![]).unwrap();
    let cx = &mut net.world.chain.cx;
    let sum = Coins::from_wire(&coins(10 * AKT)).unwrap();
    bank::burn(cx, "gov", &sum).unwrap();
    super::deposits::refund(cx, id).unwrap();
    let last = cx.events().last().unwrap();
    assert_eq!(
        (last.r#type.as_str(), attribute(last, "amount")),
        ("proposal_deposit_lost", "10000000uakt")
    );
}

#[test]
fn every_invariant_sees_its_violation() {
    let broken = |plant: fn(&mut ledger::Ctx, u64)| {
        let mut net = Network::new();
        let id = net.submit(10 * AKT, vec![]).unwrap();
        let cx = &mut net.world.chain.cx;
        plant(cx, id);
        let seen = Gov::INVARIANTS.iter().filter(|it| (it.1)(cx).is_err());
        seen.map(|it| it.0).collect::<Vec<_>>()
    };
    let seen = broken(|cx, _| {
        bank::burn(cx, "gov", &Coins::from_wire(&coins(1)).unwrap()).unwrap();
    });
    assert_eq!(seen, ["the account covers all deposits"]);
    let seen = broken(|cx, id| {
        DEPOSITS.del(cx, &(id, Prefixed(who(FRIEND).into_bytes()))).unwrap();
    });
    assert_eq!(seen, ["deposits add up to what proposals say"]);
    let seen = broken(|cx, _| {
        let key = ACTIVE.keys(cx).next().unwrap().unwrap();
        ACTIVE.del(cx, &key).unwrap();
    });
    assert_eq!(seen, ["each live proposal stands in its queue once"]);
    let seen = broken(|cx, id| VOTING.del(cx, &id).unwrap());
    assert_eq!(seen, ["each live proposal stands in its queue once"]);
    let seen = broken(|cx, id| {
        VOTES.set(cx, &(id + 1, Prefixed(vec![1; 20])), &Default::default()).unwrap();
    });
    assert_eq!(seen, ["votes belong to proposals that may be voted on"]);
}

/// Fills a poll with votes of people without stake.
fn crowd(net: &mut Network, id: u64, count: usize) {
    for number in 0..u64::try_from(count).unwrap() {
        let voter = types::Address::new([&[9; 12][..], &number.to_be_bytes()].concat()).unwrap();
        let options = vec![WeightedVoteOption { option: YES.into(), weight: "1".to_owned() }];
        let voter_text = voter.to_string();
        let vote = Vote { proposal_id: id, voter: voter_text, options, ..Default::default() };
        VOTES.set(&mut net.world.chain.cx, &(id, Prefixed(voter.into_bytes())), &vote).unwrap();
    }
}

fn votes_shown(net: &Network, id: u64) -> Vec<Vote> {
    let request = QueryVotesRequest { proposal_id: id, pagination: None };
    let path = "/cosmos.gov.v1.Query/Votes";
    let reply: Result<QueryVotesResponse> = net.world.chain.query(path, &request);
    reply.unwrap().votes
}

#[test]
fn counted_votes_are_gone_for_all_who_ask_and_deleted_some_per_block() {
    let mut net = Network::new();
    let id = net.submit(10 * AKT, vec![]).unwrap();
    crowd(&mut net, id, SWEPT_PER_BLOCK * 2 + 7);
    net.all_vote(id, [YES, YES, YES]);
    assert_eq!(votes_shown(&net, id).len(), 100);
    net.world.chain.next_block(VOTING_S);
    let left = |net: &Network| VOTES.iter(net.world.chain.view()).count();
    assert_eq!(left(&net), SWEPT_PER_BLOCK * 2 + 10);
    for expected in [SWEPT_PER_BLOCK + 10, 10, 0, 0] {
        net.world.chain.next_block(1);
        assert_eq!(net.proposal(id).status(), ProposalStatus::Passed);
        assert_eq!((left(&net), votes_shown(&net, id).len()), (expected, 0));
        assert_eq!(net.world.chain.export()["gov"]["votes"], serde_json::json!([]));
        super::votes::belong(net.world.chain.view()).unwrap();
    }
}

#[test]
fn a_second_poll_begins_empty_while_the_first_is_swept() {
    let mut net = Network::new();
    let mut message = proposal(10 * AKT, vec![]);
    message.expedited = true;
    let id = net.propose(&message).unwrap();
    let deposit =
        MsgDeposit { proposal_id: id, depositor: who(TENANT).to_string(), amount: coins(40 * AKT) };
    net.world.run(&deposit).unwrap();
    net.all_vote(id, [NO, NO, NO]);
    crowd(&mut net, id, SWEPT_PER_BLOCK + 50);
    net.world.chain.next_block(EXPEDITED_S);
    net.world.chain.next_block(1);
    assert!(!net.proposal(id).expedited);
    assert!(VOTES.iter(net.world.chain.view()).count() > 0);
    assert_eq!(votes_shown(&net, id), []);
    net.vote(P1, id, YES).unwrap();
    let shown = votes_shown(&net, id);
    assert_eq!((shown.len(), shown[0].voter.as_str()), (1, who(P1).to_string().as_str()));
    assert_eq!(votes_shown(&net, id | 1 << 63), []);
    assert_eq!(net.world.chain.export()["gov"]["votes"].as_array().unwrap().len(), 1);
    net.vote(P2, id, YES).unwrap();
    net.vote(P3, id, YES).unwrap();
    net.pass(VOTING_S - EXPEDITED_S);
    assert_eq!(net.proposal(id).status(), ProposalStatus::Passed);
    assert_eq!(VOTES.iter(net.world.chain.view()).count(), 0);
    assert_eq!(votes_shown(&net, id), []);
}

/// Every routed message that sets parameters, with the section of genesis that holds them. The
/// parameters of consensus are no module's genesis.
const PARAMETERS: &[(&str, &str)] = &[
    ("/akash.bme.v1.MsgUpdateParams", "bme"),
    ("/akash.deployment.v1beta4.MsgUpdateParams", "deployment"),
    ("/akash.market.v1beta5.MsgUpdateParams", "market"),
    ("/akash.oracle.v2.MsgUpdateParams", "oracle"),
    ("/akash.wasm.v1.MsgUpdateParams", "awasm"),
    ("/cosmos.auth.v1beta1.MsgUpdateParams", "auth"),
    ("/cosmos.bank.v1beta1.MsgUpdateParams", "bank"),
    ("/cosmos.distribution.v1beta1.MsgUpdateParams", "distribution"),
    ("/cosmos.gov.v1.MsgUpdateParams", "gov"),
    ("/cosmos.mint.v1beta1.MsgUpdateParams", "mint"),
    ("/cosmos.slashing.v1beta1.MsgUpdateParams", "slashing"),
    ("/cosmos.staking.v1beta1.MsgUpdateParams", "staking"),
    ("/cosmwasm.wasm.v1.MsgUpdateParams", "wasm"),
    ("/haggle.deployment.v1.MsgUpdateParams", "denoms"),
    ("/haggle.limits.v1.MsgUpdateParams", "limits"),
    ("/haggle.market.v1.MsgUpdateParams", "receipts"),
];

#[test]
fn parameters_of_every_module_answer_to_governance_alone() {
    let mut world = World::new();
    let genesis = world.chain.export();
    for url in types::registry::registry().transaction_types() {
        // The messages of IBC name a signer, and are tested there.
        let elsewhere = url.contains("consensus") || url.starts_with("/ibc.");
        let known = PARAMETERS.iter().any(|it| it.0 == url) || elsewhere;
        let sets = url.ends_with("MsgUpdateParams") && world.chain.cx.executes(&url);
        assert!(known || !sets, "{url} is not tested");
    }
    for (url, module) in PARAMETERS {
        let name = url.trim_start_matches('/');
        let mut message = |authority: String| {
            let json = serde_json::json!({
                "authority": authority,
                "params": genesis[*module]["params"],
            });
            let refuse = types::json::Unknown::Refuse;
            let value = types::json::bytes_of(name, &json, refuse).unwrap();
            let any = Any { type_url: (*url).to_owned(), value };
            world.chain.cx.attempt(|cx| cx.dispatch(&any))
        };
        let fault = message(who(P1).to_string()).unwrap_err();
        // Accounts name nobody's code there, as in the reference.
        let (code, words) = match *module {
            "auth" => ("undefined", "expected gov account"),
            "wasm" => ("wasm", "invalid authority"),
            _ => ("gov", "expected gov account"),
        };
        assert_eq!(fault.codespace(), code, "{url}: {fault}");
        assert!(fault.to_string().contains(words), "{url}: {fault}");
        message(gov()).unwrap_or_else(|fault| panic!("{url}: {fault}"));
        assert_eq!(world.chain.export()[*module]["params"], genesis[*module]["params"], "{url}");
    }
}

#[test]
fn a_charge_may_go_to_the_community_pool() {
    let mut net = Network::new();
    let mut changed = params::get(net.world.chain.view()).unwrap();
    changed.proposal_cancel_dest = auth::module_address("distribution").to_string();
    net.world.run(&MsgUpdateParams { authority: gov(), params: changed }).unwrap();
    let pool = |net: &Network| {
        let pool = crate::distribution::community_pool(net.world.chain.view()).unwrap();
        pool.amount_of("uakt")
    };
    let before = pool(&net);
    let proposal_id = net.submit(10 * AKT, vec![]).unwrap();
    let proposer = who(FRIEND).to_string();
    net.world.run(&MsgCancelProposal { proposal_id, proposer }).unwrap();
    assert_eq!(pool(&net), before.add(types::Dec::from_int(5 * AKT)).unwrap());
}

#[test]
fn whoever_votes_each_bonded_coin_counts_once() {
    const VOTERS: [u8; 5] = [P1, P2, P3, TENANT, FRIEND];
    let mut net = Network::new();
    // A small generator of numbers: the same ones in every run.
    let mut state = 7u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % limit
    };
    for round in 0..8 {
        let stake = i64::try_from(below(9_999_999) + 1).unwrap();
        let delegator_address = who(VOTERS[usize::try_from(below(5)).unwrap()]).to_string();
        let operator = ValAddress::from(&who([P1, P2, P3][usize::try_from(below(3)).unwrap()]));
        let amount = Coin::new("uakt", stake).into();
        let validator_address = operator.to_string();
        net.world.run(&MsgDelegate { delegator_address, validator_address, amount }).unwrap();
        net.world.blocks(1);

        let id = net.submit(10 * AKT, vec![]).unwrap();
        let options = [YES, VoteOption::Abstain, NO, VETO];
        let mut option = || options[usize::try_from(below(4)).unwrap()];
        for name in [P1, P2, P3] {
            net.vote(name, id, option()).unwrap();
        }
        for name in VOTERS.iter().filter(|it| (round >> (*it % 3)) & 1 == 1) {
            net.vote(*name, id, option()).unwrap();
        }
        let path = "/cosmos.gov.v1.Query/TallyResult";
        let reply: Result<QueryTallyResultResponse> =
            net.world.chain.query(path, &QueryTallyResultRequest { proposal_id: id });
        let tally = reply.unwrap().tally.unwrap();
        let counts =
            [tally.yes_count, tally.abstain_count, tally.no_count, tally.no_with_veto_count];
        let sum: i64 = counts.iter().map(|it| it.parse::<i64>().unwrap()).sum();
        let bonded = crate::staking::total_bonded(net.world.chain.view()).unwrap();
        let lost = bonded.to_i64().unwrap() - sum;
        // Each of the four counts is rounded down.
        assert!((0..4).contains(&lost), "{counts:?} of {bonded}");
    }
}
