//! The interface before messages, `v1beta1`: a proposal has one content of a fixed kind, which
//! `MsgExecLegacyContent` carries. Texts do nothing; parameter changes reach the old subspaces; the
//! other kinds have no handler any more.

use ledger::{Ctx, Result, Routes};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Dec,
    wire::cosmos::{
        gov::{
            v1::{self, MsgExecLegacyContent},
            v1beta1::{
                MsgDeposit, MsgSubmitProposal, MsgSubmitProposalResponse, MsgVote, MsgVoteWeighted,
                TextProposal,
            },
        },
        params::v1beta1::{ParamChange, ParameterChangeProposal},
    },
};

use super::{Error, messages};
use crate::{auth, params};

const TITLE_BYTES_MAX: usize = 140;
const DESCRIPTION_BYTES_MAX: usize = 10_000;

pub(super) fn routes(r: &mut Routes<'_>) {
    r.msg(submit).msg(deposit).msg(vote).msg(vote_weighted);
}

/// Type URL, the type's name, who handles it, and whether it may be proposed.
const KINDS: &[(&str, &str, &str, bool)] = &[
    ("/cosmos.gov.v1beta1.TextProposal", "Text", "gov", true),
    ("/cosmos.params.v1beta1.ParameterChangeProposal", "ParameterChange", "params", true),
    ("/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal", "SoftwareUpgrade", "upgrade", true),
    (
        "/cosmos.upgrade.v1beta1.CancelSoftwareUpgradeProposal",
        "CancelSoftwareUpgrade",
        "upgrade",
        true,
    ),
    (
        "/cosmos.distribution.v1beta1.CommunityPoolSpendProposal",
        "CommunityPoolSpend",
        "distribution",
        false,
    ),
];

/// A content of an old proposal. All kinds begin with a title and a description.
struct Content<'a> {
    kind: &'static str,
    route: &'static str,
    may_be_proposed: bool,
    title: String,
    description: String,
    any: &'a Any,
}

impl<'a> Content<'a> {
    fn read(any: &'a Any) -> Result<Self> {
        let known = KINDS.iter().find(|it| it.0 == any.type_url);
        let (_, kind, route, may_be_proposed) = known
            .copied()
            .ok_or_else(|| Error::InvalidType.wrap(any.type_url.trim_start_matches('/')))?;
        let TextProposal { title, description } = TextProposal::decode(any.value.as_slice())
            .map_err(|it| Error::InvalidContent.wrap(it))?;
        Ok(Self { kind, route, may_be_proposed, title, description, any })
    }

    fn changes(&self) -> Result<ParameterChangeProposal> {
        ParameterChangeProposal::decode(self.any.value.as_slice())
            .map_err(|it| Error::InvalidContent.wrap(it))
    }

    fn check(&self) -> Result {
        let refuse = |text: String| Err(Error::InvalidContent.wrap(text));
        for (text, name, max) in [
            (&self.title, "title", TITLE_BYTES_MAX),
            (&self.description, "description", DESCRIPTION_BYTES_MAX),
        ] {
            if text.trim().is_empty() {
                return refuse(format!("proposal {name} cannot be blank"));
            }
            if text.len() > max {
                return refuse(format!("proposal {name} is longer than max length of {max}"));
            }
        }
        if self.route == "params" { check_changes(&self.changes()?.changes) } else { Ok(()) }
    }
}

fn check_changes(changes: &[ParamChange]) -> Result {
    if changes.is_empty() {
        return Err(params::Error::EmptyChanges.into());
    }
    for change in changes {
        if change.subspace.is_empty() {
            return Err(params::Error::EmptySubspace.into());
        }
        if change.key.is_empty() {
            return Err(params::Error::EmptyKey.into());
        }
        if change.value.is_empty() {
            return Err(params::Error::EmptyValue.into());
        }
    }
    Ok(())
}

/// Executes an old content; only governance may.
pub(super) fn execute(cx: &mut Ctx, msg: MsgExecLegacyContent) -> Result {
    let gov = auth::authority_address();
    if msg.authority != gov {
        return Err(Error::WrongSigner.wrap(format!("expected {gov} got {}", msg.authority)));
    }
    let any = msg.content.ok_or_else(|| Error::InvalidContent.wrap("missing content"))?;
    let content = Content::read(&any)?;
    match content.route {
        "gov" => Ok(()),
        "params" => params::change(cx, &content.changes()?.changes).map_err(|it| {
            Error::InvalidContent.wrap(format!("failed to run legacy handler params, {it}"))
        }),
        route => Err(Error::NoHandler.wrap(route)),
    }
}

fn submit(cx: &mut Ctx, msg: MsgSubmitProposal) -> Result<MsgSubmitProposalResponse> {
    let any = msg.content.ok_or_else(|| Error::InvalidContent.wrap("missing content"))?;
    let content = Content::read(&any)?;
    if !content.may_be_proposed {
        return Err(Error::InvalidType.wrap(content.kind));
    }
    content.check()?;
    let (title, summary) = (content.title, content.description);
    let carrier = MsgExecLegacyContent { content: Some(any), authority: auth::authority_address() };
    let carrier =
        Any { type_url: MsgExecLegacyContent::type_url(), value: carrier.encode_to_vec() };
    let reply = messages::submit(
        cx,
        v1::MsgSubmitProposal {
            messages: vec![carrier],
            initial_deposit: msg.initial_deposit,
            proposer: msg.proposer,
            metadata: String::new(),
            title,
            summary,
            expedited: false,
        },
    )?;
    Ok(MsgSubmitProposalResponse { proposal_id: reply.proposal_id })
}

fn deposit(cx: &mut Ctx, msg: MsgDeposit) -> Result {
    let MsgDeposit { proposal_id, depositor, amount } = msg;
    messages::deposit(cx, v1::MsgDeposit { proposal_id, depositor, amount })
}

fn vote(cx: &mut Ctx, msg: MsgVote) -> Result {
    let MsgVote { proposal_id, voter, option } = msg;
    messages::vote(cx, v1::MsgVote { proposal_id, voter, option, metadata: String::new() })
}

fn vote_weighted(cx: &mut Ctx, msg: MsgVoteWeighted) -> Result {
    let mut options = Vec::with_capacity(msg.options.len());
    for it in &msg.options {
        let weight = Dec::from_wire_or_zero(&it.weight)
            .map_err(|error| Error::InvalidVote.wrap(format!("invalid weight: {error}")))?;
        options.push(v1::WeightedVoteOption { option: it.option, weight: weight.to_string() });
    }
    let (proposal_id, voter) = (msg.proposal_id, msg.voter);
    let metadata = String::new();
    messages::vote_weighted(cx, v1::MsgVoteWeighted { proposal_id, voter, options, metadata })
}
