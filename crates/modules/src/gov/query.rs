//! Queries of governance, in the present and the old interface.

use ledger::{Fault, Prefixed, Result, Routes, Sdk, Status, View, paginate, paginate_all};
use prost::Message;
use prost_types::{Any, Timestamp};
use types::{
    Address,
    wire::cosmos::gov::{
        v1::{
            Deposit, DepositParams, MsgExecLegacyContent, Proposal, ProposalStatus,
            QueryConstitutionRequest, QueryConstitutionResponse, QueryDepositRequest,
            QueryDepositResponse, QueryDepositsRequest, QueryDepositsResponse, QueryParamsRequest,
            QueryParamsResponse, QueryProposalRequest, QueryProposalResponse,
            QueryProposalsRequest, QueryProposalsResponse, QueryTallyResultRequest,
            QueryTallyResultResponse, QueryVoteRequest, QueryVoteResponse, QueryVotesRequest,
            QueryVotesResponse, TallyParams, TallyResult, Vote, VotingParams,
        },
        v1beta1 as old,
    },
};

use super::{CONSTITUTION, DEPOSITS, PROPOSALS, params, tally, votes as cast};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(constitution)
        .query(proposal)
        .query(proposals)
        .query(vote)
        .query(votes)
        .query(show_params)
        .query(deposit)
        .query(deposits)
        .query(tally_result);
    r.query(old_proposal)
        .query(old_proposals)
        .query(old_vote)
        .query(old_votes)
        .query(old_params)
        .query(old_deposit)
        .query(old_deposits)
        .query(old_tally_result);
}

fn check_id(id: u64) -> Result {
    if id == 0 { Err(Fault::invalid_argument("proposal id can not be 0")) } else { Ok(()) }
}

fn find(view: &View, id: u64) -> Result<Proposal> {
    check_id(id)?;
    let missing = || Fault::not_found(format!("proposal {id} doesn't exist"));
    PROPOSALS.get(view, &id)?.ok_or_else(missing)
}

fn key(id: u64, person: &str, role: &str) -> Result<(u64, Prefixed)> {
    check_id(id)?;
    if person.is_empty() {
        return Err(Fault::invalid_argument(format!("empty {role} address")));
    }
    Ok((id, Prefixed(person.parse::<Address>()?.into_bytes())))
}

fn constitution(view: &View, _: QueryConstitutionRequest) -> Result<QueryConstitutionResponse> {
    Ok(QueryConstitutionResponse { constitution: CONSTITUTION.get(view)?.unwrap_or_default() })
}

fn proposal(view: &View, request: QueryProposalRequest) -> Result<QueryProposalResponse> {
    Ok(QueryProposalResponse { proposal: Some(find(view, request.proposal_id)?) })
}

fn proposals(view: &View, request: QueryProposalsRequest) -> Result<QueryProposalsResponse> {
    // A filter that cannot be read is found out by the first proposal, as in the reference.
    let person = |text: &str| -> Result<Prefixed> {
        let address: Address =
            text.parse().map_err(|it: types::AddressError| Fault::internal(it.to_string()))?;
        Ok(Prefixed(address.into_bytes()))
    };
    let status = ProposalStatus::try_from(request.proposal_status)
        .ok()
        .filter(|it| *it != ProposalStatus::Unspecified);
    let (found, page) = paginate(view, PROPOSALS.walk(), request.pagination, |id, it| {
        let mut listed = status.is_none_or(|status| status == it.status());
        if !request.voter.is_empty() {
            listed &= cast::find(view, &(id, person(&request.voter)?))?.is_some();
        }
        if !request.depositor.is_empty() {
            listed &= DEPOSITS.has(view, &(id, person(&request.depositor)?))?;
        }
        Ok(listed.then_some(it))
    })?;
    Ok(QueryProposalsResponse { proposals: found, pagination: Some(page) })
}

fn vote(view: &View, request: QueryVoteRequest) -> Result<QueryVoteResponse> {
    let QueryVoteRequest { proposal_id, voter } = request;
    let found = cast::find(view, &key(proposal_id, &voter, "voter")?)?;
    let missing =
        || Fault::invalid_argument(format!("voter: {voter} not found for proposal: {proposal_id}"));
    Ok(QueryVoteResponse { vote: Some(found.ok_or_else(missing)?) })
}

fn votes(view: &View, request: QueryVotesRequest) -> Result<QueryVotesResponse> {
    check_id(request.proposal_id)?;
    let walk = cast::of(view, request.proposal_id)?;
    let (votes, page) = paginate_all(view, walk, request.pagination, |_, it| Ok(it))?;
    Ok(QueryVotesResponse { votes, pagination: Some(page) })
}

fn show_params(view: &View, request: QueryParamsRequest) -> Result<QueryParamsResponse> {
    let params = params::get(view)?;
    let mut reply = QueryParamsResponse::default();
    match request.params_type.as_str() {
        "" => {}
        "deposit" => {
            let (min_deposit, max_deposit_period) =
                (params.min_deposit.clone(), params.max_deposit_period);
            reply.deposit_params = Some(DepositParams { min_deposit, max_deposit_period });
        }
        "voting" => {
            reply.voting_params = Some(VotingParams { voting_period: params.voting_period });
        }
        "tallying" => {
            reply.tally_params = Some(TallyParams {
                quorum: params.quorum.clone(),
                threshold: params.threshold.clone(),
                veto_threshold: params.veto_threshold.clone(),
            });
        }
        other => {
            return Err(Fault::invalid_argument(format!("unknown params type: {other}")));
        }
    }
    reply.params = Some(params);
    Ok(reply)
}

fn deposit(view: &View, request: QueryDepositRequest) -> Result<QueryDepositResponse> {
    let QueryDepositRequest { proposal_id, depositor } = request;
    let found = DEPOSITS.get(view, &key(proposal_id, &depositor, "depositor")?)?;
    let missing = || {
        Fault::not_found(format!(
            "collections: not found: key '(\"{proposal_id}\", \"{depositor}\")' of type github.com/cosmos/gogoproto/cosmos.gov.v1.Deposit"
        ))
    };
    Ok(QueryDepositResponse { deposit: Some(found.ok_or_else(missing)?) })
}

fn deposits(view: &View, request: QueryDepositsRequest) -> Result<QueryDepositsResponse> {
    check_id(request.proposal_id)?;
    let walk = DEPOSITS.walk().under(&request.proposal_id);
    let (deposits, page) = paginate_all(view, walk, request.pagination, |_, it| Ok(it))?;
    Ok(QueryDepositsResponse { deposits, pagination: Some(page) })
}

/// The final count, or what it would be now.
fn tally_result(view: &View, request: QueryTallyResultRequest) -> Result<QueryTallyResultResponse> {
    let proposal = find(view, request.proposal_id)?;
    let tally = match proposal.status() {
        ProposalStatus::DepositPeriod => tally::nothing(),
        ProposalStatus::VotingPeriod => tally::count(view, &proposal)?.result,
        _ => proposal.final_tally_result.unwrap_or_else(tally::nothing),
    };
    Ok(QueryTallyResultResponse { tally: Some(tally) })
}

// The old interface.

/// The time that stands for none.
const NO_TIME: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

fn to_old_tally(tally: TallyResult) -> old::TallyResult {
    old::TallyResult {
        yes: tally.yes_count,
        abstain: tally.abstain_count,
        no: tally.no_count,
        no_with_veto: tally.no_with_veto_count,
    }
}

/// Only proposals of one message can be shown in the old form: its old content, or itself.
fn to_old_proposal(proposal: Proposal) -> Result<old::Proposal> {
    let refuse = |text: &'static str| Sdk::InvalidType.wrap(text);
    let [message] = proposal.messages.as_slice() else {
        return Err(refuse(
            "can't convert a gov/v1 Proposal to gov/v1beta1 Proposal when amount of proposal messages not exactly one",
        ));
    };
    Ok(old::Proposal {
        proposal_id: proposal.id,
        content: content_of(message),
        status: proposal.status,
        final_tally_result: to_old_tally(
            proposal.final_tally_result.unwrap_or_else(tally::nothing),
        ),
        submit_time: proposal.submit_time.unwrap_or(NO_TIME),
        deposit_end_time: proposal.deposit_end_time.unwrap_or(NO_TIME),
        total_deposit: proposal.total_deposit,
        voting_start_time: proposal.voting_start_time.unwrap_or(NO_TIME),
        voting_end_time: proposal.voting_end_time.unwrap_or(NO_TIME),
    })
}

fn content_of(message: &Any) -> Option<Any> {
    if message.type_url != super::messages::LEGACY_CONTENT {
        return Some(message.clone());
    }
    MsgExecLegacyContent::decode(message.value.as_slice()).ok()?.content
}

fn to_old_vote(vote: Vote) -> Result<old::Vote> {
    let mut options = Vec::with_capacity(vote.options.len());
    for it in &vote.options {
        let weight = params::ratio(&it.weight)?.to_wire();
        options.push(old::WeightedVoteOption { option: it.option, weight });
    }
    // The reference leaves the single option out, even of votes that are not split.
    Ok(old::Vote { proposal_id: vote.proposal_id, voter: vote.voter, option: 0, options })
}

fn to_old_deposit(deposit: Deposit) -> old::Deposit {
    let Deposit { proposal_id, depositor, amount } = deposit;
    old::Deposit { proposal_id, depositor, amount }
}

fn old_proposal(
    view: &View,
    request: old::QueryProposalRequest,
) -> Result<old::QueryProposalResponse> {
    let proposal = to_old_proposal(find(view, request.proposal_id)?)?;
    Ok(old::QueryProposalResponse { proposal })
}

fn old_proposals(
    view: &View,
    request: old::QueryProposalsRequest,
) -> Result<old::QueryProposalsResponse> {
    let old::QueryProposalsRequest { proposal_status, voter, depositor, pagination } = request;
    let reply =
        proposals(view, QueryProposalsRequest { proposal_status, voter, depositor, pagination })?;
    let found = reply.proposals.into_iter().map(to_old_proposal).collect::<Result<_>>()?;
    Ok(old::QueryProposalsResponse { proposals: found, pagination: reply.pagination })
}

fn old_vote(view: &View, request: old::QueryVoteRequest) -> Result<old::QueryVoteResponse> {
    let old::QueryVoteRequest { proposal_id, voter } = request;
    let found = vote(view, QueryVoteRequest { proposal_id, voter })?.vote.unwrap_or_default();
    Ok(old::QueryVoteResponse { vote: to_old_vote(found)? })
}

fn old_votes(view: &View, request: old::QueryVotesRequest) -> Result<old::QueryVotesResponse> {
    let old::QueryVotesRequest { proposal_id, pagination } = request;
    let reply = votes(view, QueryVotesRequest { proposal_id, pagination })?;
    let votes = reply.votes.into_iter().map(to_old_vote).collect::<Result<_>>()?;
    Ok(old::QueryVotesResponse { votes, pagination: reply.pagination })
}

fn old_params(view: &View, request: old::QueryParamsRequest) -> Result<old::QueryParamsResponse> {
    let params_type = request.params_type;
    let asked = show_params(view, QueryParamsRequest { params_type: params_type.clone() })?;
    if params_type.is_empty() {
        let text = format!("{params_type} is not a valid parameter type");
        return Err(Fault::status(Status::InvalidArgument, text));
    }
    let bytes = |text: &str| -> Result<Vec<u8>> { Ok(params::ratio(text)?.to_wire().into_bytes()) };
    let tally = match asked.tally_params {
        None => TallyParams {
            quorum: "0".to_owned(),
            threshold: "0".to_owned(),
            veto_threshold: "0".to_owned(),
        },
        Some(tally) => tally,
    };
    let deposit = asked.deposit_params.unwrap_or_default();
    let voting = asked.voting_params.unwrap_or_default();
    Ok(old::QueryParamsResponse {
        voting_params: old::VotingParams {
            voting_period: voting.voting_period.unwrap_or_default(),
        },
        deposit_params: old::DepositParams {
            min_deposit: deposit.min_deposit,
            max_deposit_period: deposit.max_deposit_period.unwrap_or_default(),
        },
        tally_params: old::TallyParams {
            quorum: bytes(&tally.quorum)?,
            threshold: bytes(&tally.threshold)?,
            veto_threshold: bytes(&tally.veto_threshold)?,
        },
    })
}

fn old_deposit(
    view: &View,
    request: old::QueryDepositRequest,
) -> Result<old::QueryDepositResponse> {
    let old::QueryDepositRequest { proposal_id, depositor } = request;
    let found = deposit(view, QueryDepositRequest { proposal_id, depositor })?;
    Ok(old::QueryDepositResponse { deposit: to_old_deposit(found.deposit.unwrap_or_default()) })
}

fn old_deposits(
    view: &View,
    request: old::QueryDepositsRequest,
) -> Result<old::QueryDepositsResponse> {
    let old::QueryDepositsRequest { proposal_id, pagination } = request;
    let reply = deposits(view, QueryDepositsRequest { proposal_id, pagination })?;
    let deposits = reply.deposits.into_iter().map(to_old_deposit).collect();
    Ok(old::QueryDepositsResponse { deposits, pagination: reply.pagination })
}

fn old_tally_result(
    view: &View,
    request: old::QueryTallyResultRequest,
) -> Result<old::QueryTallyResultResponse> {
    let proposal_id = request.proposal_id;
    let tally = tally_result(view, QueryTallyResultRequest { proposal_id })?.tally;
    Ok(old::QueryTallyResultResponse { tally: to_old_tally(tally.unwrap_or_default()) })
}
