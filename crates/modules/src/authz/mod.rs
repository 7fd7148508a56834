//! Who may send which messages in whose name: grants, and messages executed under them (cosmos.md
//! 4.12).
//!
//! Calls: auth, bank (whom a grant may create), limits (rules, which replace all other grants
//! between two accounts), and by the kernel's routes whatever module a carried message belongs to.
//! Called by: escrow, which draws deposits from grants. Owns: store `authz`: grants under 01, their
//! expiry queue under 02, indexes by grantee under 03 and 04.

mod authorization;
pub mod deposit;
mod query;
mod state;
#[cfg(test)]
mod tests;

pub use state::{GrantId, delete, find, save};

use ledger::{Ctx, Invariant, Module, Result, Routes, Sdk, View, errors, holds, signers_of};
use prost_types::{Any, Timestamp};
use types::{
    Address,
    registry::registry,
    wire::cosmos::authz::v1beta1::{
        GenesisState, GrantAuthorization, MsgExec, MsgExecResponse, MsgGrant, MsgRevoke,
    },
};

use crate::{auth, bank, base::moment::Moment, limits};
use authorization::{Authorization, Verdict};

pub struct Authz;

impl Module for Authz {
    const NAME: &'static str = "authz";
    const INVARIANTS: &'static [Invariant] = &[
        Invariant("every grant is in its indexes and its queue", state::is_whole),
        Invariant("every rule that stands is a grant, and every such grant a rule", rules_match),
    ];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(grant).msg(exec).msg(revoke);
        r.hook(returned);
        r.query(query::grants).query(query::by_granter).query(query::by_grantee);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for entry in genesis.authorization {
            if entry.expiration.is_some_and(|it| Moment(it).is_before(&cx.time())) {
                continue;
            }
            let (granter, grantee) =
                (parse("granter", &entry.granter)?, parse("grantee", &entry.grantee)?);
            let authorization = Authorization::from_any(entry.authorization.as_ref())?;
            if let Authorization::Rule(it) = &authorization {
                limits::adopt(cx, &granter, &grantee, it, entry.expiration)?;
            }
            let id = GrantId::new(granter, grantee, authorization.msg_type());
            state::put(cx, &id, authorization.to_any(), entry.expiration)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let authorization = state::all(view)
            .map(|entry| {
                let (id, grant) = entry?;
                Ok(GrantAuthorization {
                    granter: id.granter.to_string(),
                    grantee: id.grantee.to_string(),
                    authorization: grant.authorization,
                    expiration: grant.expiration,
                })
            })
            .collect::<Result<_>>()?;
        Ok(GenesisState { authorization })
    }

    fn begin_block(cx: &mut Ctx) -> Result {
        state::purge(cx)
    }
}

// Messages.

fn grant(cx: &mut Ctx, MsgGrant { granter, grantee, grant }: MsgGrant) -> Result {
    if grantee.eq_ignore_ascii_case(&granter) {
        return Err(Error::GranteeIsGranter.into());
    }
    let (grantee, granter) = (parse("grantee", &grantee)?, parse("granter", &granter)?);
    let authorization = Authorization::from_any(grant.authorization.as_ref())?;
    authorization.validate()?;
    if !auth::exists(cx, &grantee)? {
        if bank::is_blocked(&grantee) {
            return Err(
                Sdk::Unauthorized.wrap(format!("{grantee} is not allowed to receive funds"))
            );
        }
        auth::ensure_account(cx, &grantee)?;
    }
    let msg_type = authorization.msg_type();
    if !is_grantable(cx, &msg_type) {
        return Err(Sdk::InvalidType.wrap(format!("{msg_type} doesn't exist.")));
    }
    let id = GrantId::new(granter, grantee, msg_type);
    save(cx, &id, authorization.to_any(), grant.expiration)?;
    match &authorization {
        Authorization::Rule(it) => limits::bind(cx, &id.granter, &id.grantee, it, grant.expiration),
        _ => Ok(()),
    }
}

/// Messages that a module executes, and those of IBC: grants of them may be given before the
/// ledger has a module for them.
fn is_grantable(cx: &Ctx, msg_type: &str) -> bool {
    cx.executes(msg_type)
        || msg_type == limits::type_url()
        || (msg_type.starts_with("/ibc.") && registry().resolve(msg_type).is_some())
}

fn revoke(cx: &mut Ctx, MsgRevoke { granter, grantee, msg_type_url }: MsgRevoke) -> Result {
    if grantee.eq_ignore_ascii_case(&granter) {
        return Err(Error::GranteeIsGranter.into());
    }
    let (grantee, granter) = (parse("grantee", &grantee)?, parse("granter", &granter)?);
    if msg_type_url.is_empty() {
        return Err(Sdk::InvalidRequest.wrap("missing msg method name"));
    }
    let id = GrantId::new(granter, grantee, msg_type_url);
    if id.msg_type == limits::type_url()
        && limits::unbind(cx, &id.granter, &id.grantee)?
        && find(cx, &id)?.is_none()
    {
        // It ended before, and kept the other grants shut until now.
        state::tell_revoked(cx, &id);
        return Ok(());
    }
    delete(cx, &id)
}

/// A dead-man date came: the grant goes, the rule stays.
fn returned(cx: &mut Ctx, fact: &limits::Returned) -> Result {
    let id = GrantId::new(fact.owner.clone(), fact.key.clone(), limits::type_url());
    if find(cx, &id)?.is_some() { delete(cx, &id) } else { Ok(()) }
}

/// The invariant: authz and limits say the same of the rules that are neither over nor taken back.
fn rules_match(view: &View) -> Result {
    let mut grants = 0usize;
    for entry in state::all(view) {
        let (id, grant) = entry?;
        grants = grants.saturating_add(usize::from(id.msg_type == limits::type_url()));
        if let Authorization::Rule(it) = Authorization::from_any(grant.authorization.as_ref())? {
            let rule = limits::find(view, &id.granter, &id.grantee)?;
            let same = rule.is_some_and(|rule| {
                rule.limits == *it && rule.expiration == grant.expiration && !rule.returned
            });
            holds!(same, "grant {id:?} is no rule")?;
        }
    }
    let mut standing = 0usize;
    for rule in limits::rules(view) {
        let rule = rule?;
        if limits::stands(&rule, &view.time()) {
            let id = GrantId::new(rule.owner.parse()?, rule.key.parse()?, limits::type_url());
            holds!(find(view, &id)?.is_some(), "rule {id:?} is no grant")?;
            standing = standing.saturating_add(1);
        }
    }
    holds!(standing <= grants, "{standing} rules stand, {grants} are granted")
}

/// Executes messages in order, each in the name of its one signer; the first failure undoes them
/// all. An own message needs no grant.
fn exec(cx: &mut Ctx, MsgExec { grantee, msgs }: MsgExec) -> Result<MsgExecResponse> {
    let grantee = parse("grantee", &grantee)?;
    if msgs.is_empty() {
        return Err(Sdk::InvalidRequest.wrap("messages cannot be empty"));
    }
    for (index, message) in msgs.iter().enumerate() {
        cx.check_carried(message).map_err(|it| it.context(format!("msg {index}")))?;
    }
    let mut results = Vec::with_capacity(msgs.len());
    for (index, message) in msgs.iter().enumerate() {
        let signers = signers_of(message)?;
        let [granter] = signers.as_slice() else { return Err(Error::ManySigners.into()) };
        let ruled = *granter != grantee && limits::governs(cx, granter, &grantee)?;
        if ruled {
            limits::admit(cx, granter, &grantee, message)?;
        } else if *granter != grantee {
            let id = GrantId::new(granter.clone(), grantee.clone(), &*message.type_url);
            authorize(cx, &id, message)?;
        }
        if !cx.executes(&message.type_url) {
            let text = format!("unrecognized message route: {}", message.type_url);
            return Err(Sdk::UnknownRequest.wrap(text));
        }
        let from = cx.events().len();
        let reply = cx
            .dispatch_carried(message, ("authz_msg_index", &index.to_string()))
            .map_err(|it| it.context(format!("failed to execute message; message {index}")))?;
        if ruled {
            limits::settle(cx, granter, &grantee, message, from)?;
        }
        results.push(reply.value);
    }
    Ok(MsgExecResponse { results })
}

/// Asks the grant, and books what the message takes of it. A grant that is used up goes.
fn authorize(cx: &mut Ctx, id: &GrantId, message: &Any) -> Result {
    let GrantId { granter, grantee, msg_type } = id;
    let Some(grant) = find(cx, id)? else {
        return Err(Error::NotFound.wrap(format!(
            "failed to get grant with given granter: {granter}, grantee: {grantee} & msgType: {msg_type} "
        )));
    };
    if is_expired(grant.expiration, &cx.time()) {
        return Err(Error::Expired.into());
    }
    match Authorization::from_any(grant.authorization.as_ref())?.accept(cx, message)? {
        Verdict::Same => Ok(()),
        Verdict::Reduced(rest) => state::reduce(cx, id, rest.to_any(), grant.expiration),
        Verdict::UsedUp => delete(cx, id),
        Verdict::Refused => Err(Sdk::Unauthorized.into()),
    }
}

/// A grant holds in the block of its expiry.
fn is_expired(expiration: Option<Timestamp>, now: &Timestamp) -> bool {
    expiration.is_some_and(|it| Moment(it).is_before(now))
}

fn parse(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|it| Sdk::InvalidAddress.wrap(format!("invalid {role} address: {it}")))
}

errors! { Authz;
    2 NotFound "authorization not found",
    3 InvalidExpiration "expiration time of authorization should be more than current time",
    4 UnknownType "unknown authorization type",
    5 KeyNotFound "grant key not found",
    6 Expired "authorization expired",
    7 GranteeIsGranter "grantee and granter should be different",
    9 ManySigners "authorization can be given to msg with only one signer",
    12 NegativeMaxTokens "max tokens should be positive",
}
