//! Messages of governance, and which of them the old interface shares.

use ledger::{Ctx, Prefixed, Result, Routes, Sdk, gas, signers_of};
use prost::Message;
use prost_types::Any;
use types::{
    Address, Coins, Dec,
    wire::cosmos::gov::v1::{
        MsgCancelProposal, MsgCancelProposalResponse, MsgDeposit, MsgExecLegacyContent,
        MsgSubmitProposal, MsgSubmitProposalResponse, MsgVote, MsgVoteWeighted, Proposal,
        ProposalStatus, Vote, VoteOption, WeightedVoteOption,
    },
};

use super::{
    Error, INACTIVE, NEXT_ID, VOTING, deposits, forget, legacy, must_find, params, save, tally,
    votes,
};
use crate::{
    auth,
    base::{self, moment::Moment},
};

/// Longest metadata of a proposal or a vote, and longest title, in bytes.
const METADATA_BYTES_MAX: usize = 10_200;
const SUMMARY_BYTES_MAX: usize = 40 * METADATA_BYTES_MAX;
/// The message that carries an old content.
pub(super) const LEGACY_CONTENT: &str = "/cosmos.gov.v1.MsgExecLegacyContent";

pub(super) fn routes(r: &mut Routes<'_>) {
    r.msg(submit).msg(deposit).msg(vote).msg(vote_weighted).msg(cancel);
    r.msg(legacy::execute).msg(params::update);
}

/// Reads an address, `sdk/7` with the role it plays.
pub(super) fn parse(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|error: types::AddressError| {
        Sdk::InvalidAddress.wrap(error).context(format!("invalid {role} address"))
    })
}

fn check_metadata(text: &str) -> Result {
    if text.len() > METADATA_BYTES_MAX {
        let text = format!("got metadata with length {}", text.len());
        return Err(Error::MetadataTooLong.wrap(text));
    }
    Ok(())
}

pub(super) fn submit(cx: &mut Ctx, msg: MsgSubmitProposal) -> Result<MsgSubmitProposalResponse> {
    if msg.title.is_empty() {
        return Err(Sdk::InvalidRequest.wrap("proposal title cannot be empty"));
    }
    if msg.summary.is_empty() {
        return Err(Sdk::InvalidRequest.wrap("proposal summary cannot be empty"));
    }
    let proposer = parse("proposer", &msg.proposer)?;
    if msg.messages.is_empty() && msg.metadata.is_empty() {
        return Err(Error::NoMessages.wrap("either metadata or Msgs length must be non-nil"));
    }
    check_metadata_agrees(&msg)?;
    let deposit = deposits::read(&msg.initial_deposit)?;
    let params = params::get(cx)?;
    deposits::check_initial(&params, msg.expedited, &deposit)?;
    deposits::check_denoms(&params, &deposit)?;

    let proposal = open(cx, msg)?;
    let bytes = u64::try_from(proposal.encoded_len()).unwrap_or(u64::MAX);
    let price = gas::WRITE_PER_BYTE.saturating_mul(3).saturating_mul(bytes);
    cx.consume_gas(price, "submit proposal")?;
    let id = proposal.id;
    if deposits::add(cx, id, &proposer, &deposit)? {
        cx.emit_plain("submit_proposal", [("voting_period_start", &*id.to_string())]);
    }
    Ok(MsgSubmitProposalResponse { proposal_id: id })
}

/// Metadata in the recommended form repeats title and summary; other forms are free.
fn check_metadata_agrees(msg: &MsgSubmitProposal) -> Result {
    let Ok(serde_json::Value::Object(json)) = serde_json::from_str(&msg.metadata) else {
        return Ok(());
    };
    let mut read = ["", ""];
    for (text, name) in read.iter_mut().zip(["title", "summary"]) {
        // Names match in any case, as the reference's JSON reader does.
        match json.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|it| it.1) {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::String(found)) => *text = found,
            Some(_) => return Ok(()),
        }
    }
    let [title, summary] = read;
    for (found, expected, name) in
        [(title, &msg.title, "title"), (summary, &msg.summary, "summary")]
    {
        if found != expected {
            let text = format!("metadata {name} '{found}' must equal proposal {name} '{expected}'");
            return Err(Error::InvalidContent.wrap(text));
        }
    }
    Ok(())
}

/// Checks the messages of a proposal and stores it, in its deposit period.
fn open(cx: &mut Ctx, msg: MsgSubmitProposal) -> Result<Proposal> {
    check_metadata(&msg.metadata)?;
    if msg.summary.len() > SUMMARY_BYTES_MAX {
        let text = format!("got summary with length {}", msg.summary.len());
        return Err(Error::SummaryTooLong.wrap(text));
    }
    check_metadata(&msg.title)?;
    for message in &msg.messages {
        check_message(cx, message)?;
    }
    let kinds: String = msg.messages.iter().map(|it| format!(",{}", it.type_url)).collect();

    let id = NEXT_ID.next(cx)?;
    let now = cx.time();
    let period = params::get(cx)?.max_deposit_period.unwrap_or_default();
    let end = base::time::after(&now, &period);
    let mut proposal = Proposal {
        id,
        messages: msg.messages,
        final_tally_result: Some(tally::nothing()),
        submit_time: Some(now),
        deposit_end_time: Some(end),
        metadata: msg.metadata,
        title: msg.title,
        summary: msg.summary,
        proposer: msg.proposer,
        expedited: msg.expedited,
        ..Proposal::default()
    };
    proposal.set_status(ProposalStatus::DepositPeriod);
    save(cx, &proposal)?;
    INACTIVE.set(cx, &(Moment(end), id), &id)?;
    cx.emit_plain(
        "submit_proposal",
        [
            ("proposal_id", &*id.to_string()),
            ("proposal_proposer", &proposal.proposer),
            ("proposal_messages", &kinds),
        ],
    );
    Ok(proposal)
}

/// A message that only governance signs and that some module executes. Old contents are tried.
fn check_message(cx: &mut Ctx, message: &Any) -> Result {
    cx.check_carried(message).map_err(|it| Error::InvalidMessage.wrap(it))?;
    // Messages of IBC look at their signer on their own, before anybody else does.
    let looks_itself = message.type_url.starts_with("/ibc.");
    let signers = signers_of(message)
        .map_err(|it| if looks_itself { Error::InvalidMessage.wrap(it) } else { it })?;
    let [signer] = signers.as_slice() else { return Err(Error::WrongSigner.into()) };
    if *signer != auth::module_address(super::NAME) {
        return Err(Error::WrongSigner.wrap(signer));
    }
    if !cx.executes(&message.type_url) {
        return Err(Error::Unroutable.wrap(&message.type_url));
    }
    if message.type_url == LEGACY_CONTENT {
        let content = MsgExecLegacyContent::decode(message.value.as_slice())
            .map_err(|it| Error::InvalidContent.wrap(it))?;
        cx.rehearse(|cx| legacy::execute(cx, content)).map_err(|fault| {
            if fault.is(Error::NoHandler) { fault } else { Error::InvalidContent.wrap(fault) }
        })?;
    }
    Ok(())
}

pub(super) fn deposit(cx: &mut Ctx, msg: MsgDeposit) -> Result {
    let depositor = parse("depositor", &msg.depositor)?;
    let amount: Coins = deposits::read(&msg.amount)?;
    if amount.is_empty() {
        return Err(Sdk::InvalidCoins.wrap(""));
    }
    if deposits::add(cx, msg.proposal_id, &depositor, &amount)? {
        let id = msg.proposal_id.to_string();
        cx.emit_plain("proposal_deposit", [("voting_period_start", &*id)]);
    }
    Ok(())
}

/// The option's name, or its number when it has none.
fn option_text(option: i32) -> String {
    VoteOption::try_from(option)
        .map_or_else(|_| option.to_string(), |it| it.as_str_name().to_owned())
}

fn is_known(option: i32) -> bool {
    VoteOption::try_from(option).is_ok_and(|it| it != VoteOption::Unspecified)
}

pub(super) fn vote(cx: &mut Ctx, msg: MsgVote) -> Result {
    let voter = parse("voter", &msg.voter)?;
    if !is_known(msg.option) {
        return Err(Error::InvalidVote.wrap(option_text(msg.option)));
    }
    let option = WeightedVoteOption { option: msg.option, weight: Dec::from_int(1).to_string() };
    cast(cx, msg.proposal_id, &voter, vec![option], msg.metadata)
}

pub(super) fn vote_weighted(cx: &mut Ctx, msg: MsgVoteWeighted) -> Result {
    let voter = parse("voter", &msg.voter)?;
    if msg.options.is_empty() {
        return Err(Sdk::InvalidRequest.wrap("null"));
    }
    let one = Dec::from_int(1);
    let mut total = Dec::ZERO;
    let mut used = Vec::new();
    for it in &msg.options {
        let weight = it.weight.parse::<Dec>().ok();
        let Some(weight) =
            weight.filter(|weight| weight.is_positive() && *weight <= one && is_known(it.option))
        else {
            let name = option_text(it.option);
            let text = format!("option:{name} weight:\"{}\" ", it.weight);
            return Err(Error::InvalidVote.wrap(text));
        };
        if used.contains(&it.option) {
            return Err(Error::InvalidVote.wrap("duplicated vote option"));
        }
        used.push(it.option);
        total = total.add(weight)?;
    }
    if total > one {
        return Err(Error::InvalidVote.wrap("total weight overflow 1.00"));
    }
    if total < one {
        return Err(Error::InvalidVote.wrap("total weight lower than 1.00"));
    }
    cast(cx, msg.proposal_id, &voter, msg.options, msg.metadata)
}

/// Stores a vote in place of the voter's earlier one. Its options are valid.
fn cast(
    cx: &mut Ctx,
    id: u64,
    voter: &Address,
    options: Vec<WeightedVoteOption>,
    metadata: String,
) -> Result {
    if !VOTING.has(cx, &id)? {
        return Err(Error::InactiveProposal.wrap(id));
    }
    check_metadata(&metadata)?;
    let texts: Vec<_> = options
        .iter()
        .map(|it| format!("{{\"option\":{},\"weight\":\"{}\"}}", it.option, it.weight))
        .collect();
    let vote = Vote { proposal_id: id, voter: voter.to_string(), options, metadata };
    votes::cast(cx, Prefixed(voter.as_bytes().to_vec()), &vote)?;
    cx.emit_plain(
        "proposal_vote",
        [
            ("voter", &*vote.voter),
            ("option", &format!("[{}]", texts.join(","))),
            ("proposal_id", &id.to_string()),
        ],
    );
    Ok(())
}

fn cancel(cx: &mut Ctx, msg: MsgCancelProposal) -> Result<MsgCancelProposalResponse> {
    parse("proposer", &msg.proposer)?;
    let id = msg.proposal_id;
    let proposal = must_find(cx, id)?;
    if proposal.proposer != msg.proposer {
        return Err(Error::InvalidProposer.wrap(format!("invalid proposer {}", msg.proposer)));
    }
    if !matches!(proposal.status(), ProposalStatus::DepositPeriod | ProposalStatus::VotingPeriod) {
        let text = "proposal should be in the deposit or voting period";
        return Err(Error::InvalidProposal.wrap(text));
    }
    let now = cx.time();
    if proposal.voting_end_time.is_some_and(|end| Moment(end).is_before(&now)) {
        let text = format!("voting period is already ended for this proposal {id}");
        return Err(Error::VotingEnded.wrap(text));
    }
    let params = params::get(cx)?;
    deposits::charge(cx, id, &params)?;
    votes::delete(cx, id)?;
    forget(cx, &proposal)?;
    cx.emit_plain(
        "cancel_proposal",
        [("sender", &*msg.proposer), ("proposal_id", &id.to_string())],
    );
    Ok(MsgCancelProposalResponse {
        proposal_id: id,
        canceled_time: now,
        canceled_height: u64::try_from(cx.height()).unwrap_or_default(),
    })
}
