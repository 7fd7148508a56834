//! Which version of the state machine this is, and when the next one takes over (cosmos.md 4.14).
//!
//! Called by: node, which asks [`course`] before it takes part in a height. Calls: auth, and
//! `upgrades`, the list of what this build can carry out. Owns: store `upgrade`.
//!
//! A plan ends the rules of its time at its height. A build that does not know the plan stops
//! before that block; one that knows it changes the state in that block and goes on; one that knows
//! it stops before any earlier block, since its rules are not in force yet.

mod course;
#[cfg(test)]
mod tests;

pub use course::{Course, Stop, course};

use ledger::{Ctx, Fault, Item, Map, Module, Plain, Result, Routes, Sdk, Unit, View, halt};
use prost_types::Timestamp;
use types::wire::cosmos::upgrade::v1beta1::{
    ModuleVersion, MsgCancelUpgrade, MsgSoftwareUpgrade, Plan, QueryAppliedPlanRequest,
    QueryAppliedPlanResponse, QueryAuthorityRequest, QueryAuthorityResponse,
    QueryCurrentPlanRequest, QueryCurrentPlanResponse, QueryModuleVersionsRequest,
    QueryModuleVersionsResponse, QueryUpgradedConsensusStateRequest,
    QueryUpgradedConsensusStateResponse,
};

use crate::{
    auth,
    upgrades::{self, Handler},
};

pub struct Upgrade;

impl Module for Upgrade {
    const NAME: &'static str = "upgrade";
    type Genesis = ();

    fn routes(r: &mut Routes<'_>) {
        r.msg(software_upgrade).msg(cancel_upgrade);
        r.query(current_plan).query(applied_plan).query(upgraded_consensus_state);
        r.query(module_versions).query(authority);
    }

    /// Writes down the version of each chapter that makes this state machine.
    fn init(cx: &mut Ctx, (): ()) -> Result {
        VERSIONS_AT_GENESIS
            .iter()
            .try_for_each(|(name, version)| VERSIONS.set(cx, &(*name).to_owned(), version))
    }

    fn export(_: &View) -> Result<()> {
        Ok(())
    }

    /// Carries out the plan of this height, or stops the node before a block that is not for this
    /// build.
    fn pre_block(cx: &mut Ctx) -> Result {
        let height = cx.height();
        follow(cx, course::of(cx, height, cx.block().skips_upgrade, upgrades::ALL)?)
    }
}

fn follow(cx: &mut Ctx, course: Course) -> Result {
    match course {
        Course::On => Ok(()),
        Course::Skip(_) => PLAN.del(cx),
        Course::Apply(plan, handler) => apply(cx, &plan, &handler),
        Course::Stop(stop) => halt(stop.to_string()),
    }
}

/// Changes the state, and notes what is in force from this block on.
fn apply(cx: &mut Ctx, plan: &Plan, handler: &Handler) -> Result {
    (handler.migrate)(cx)?;
    for (chapter, version) in handler.versions {
        VERSIONS.set(cx, &(*chapter).to_owned(), version)?;
    }
    let applied = APPLIED.get(cx)?.unwrap_or_default();
    APPLIED.set(cx, &applied.saturating_add(1))?;
    let height = u64::try_from(cx.height()).map_err(|error| Fault::plain(error.to_string()))?;
    DONE.set(cx, &(height, plan.name.clone()), &())?;
    PLAN.del(cx)
}

// State.
const PLAN: Item<Plan> = Item::new(Upgrade::NAME, &[0x00]);
/// Height and name of the plans that were carried out.
const DONE: Map<(u64, String), (), Unit> = Map::new(Upgrade::NAME, &[0x01]);
const VERSIONS: Map<String, u64, Plain> = Map::new(Upgrade::NAME, &[0x02]);

/// How many upgrades this chain has behind it (the reference's protocol version).
const APPLIED: Item<u64, Plain> = Item::new(Upgrade::NAME, &[0x03]);

/// The chapters of the reference, by name, with the versions of their state.
const VERSIONS_AT_GENESIS: &[(&str, u64)] = &[
    ("07-tendermint", 0),
    ("audit", 3),
    ("auth", 5),
    ("authz", 3),
    ("awasm", 1),
    ("bank", 4),
    ("bme", 1),
    ("cert", 4),
    ("consensus", 1),
    ("deployment", 8),
    ("distribution", 3),
    ("epochs", 1),
    ("escrow", 3),
    ("evidence", 1),
    ("feegrant", 2),
    ("genutil", 1),
    ("gov", 5),
    ("ibc", 8),
    ("market", 9),
    ("mint", 2),
    ("oracle", 2),
    ("params", 1),
    ("provider", 3),
    ("slashing", 4),
    ("staking", 5),
    ("transfer", 6),
    ("upgrade", 2),
    ("vesting", 1),
    ("wasm", 4),
];

/// No time at all, as plans must have it: the first second of the year 1.
const NO_TIME: Timestamp = Timestamp { seconds: -62_135_596_800, nanos: 0 };

// Messages.

fn require_authority(text: &str) -> Result {
    let expected = auth::authority_address();
    if text == expected {
        return Ok(());
    }
    Err(Error::WrongAuthority.wrap(format!("expected {expected} got {text}")))
}

fn software_upgrade(cx: &mut Ctx, msg: MsgSoftwareUpgrade) -> Result {
    require_authority(&msg.authority)?;
    let refuse = |text: &str| Err(Sdk::InvalidRequest.wrap(text));
    let mut plan = msg.plan;
    // A time that was left out reads as 1970 here, which no plan means.
    if plan.time == Timestamp::default() {
        plan.time = NO_TIME;
    }
    if plan.time != NO_TIME {
        return refuse("time-based upgrades have been deprecated in the SDK");
    }
    if plan.upgraded_client_state.is_some() {
        return refuse("upgrade logic for IBC has been moved to the IBC module");
    }
    if plan.name.is_empty() {
        return refuse("name cannot be empty");
    }
    if plan.height <= 0 {
        return refuse("height must be greater than 0");
    }
    if plan.height < cx.height() {
        return refuse("upgrade cannot be scheduled in the past");
    }
    if done_at(cx, &plan.name)?.is_some() {
        return refuse(&format!("upgrade with name {} has already been completed", plan.name));
    }
    PLAN.set(cx, &plan)
}

/// Nothing to cancel is no error.
fn cancel_upgrade(cx: &mut Ctx, msg: MsgCancelUpgrade) -> Result {
    require_authority(&msg.authority)?;
    PLAN.del(cx)
}

/// When a plan was carried out. Walks over all that ever were: one per version of the network.
fn done_at(view: &View, name: &str) -> Result<Option<u64>> {
    for key in DONE.keys(view) {
        let (height, done) = key?;
        if done == name {
            return Ok(Some(height));
        }
    }
    Ok(None)
}

// Queries.

fn current_plan(view: &View, _: QueryCurrentPlanRequest) -> Result<QueryCurrentPlanResponse> {
    Ok(QueryCurrentPlanResponse { plan: PLAN.get(view)? })
}

fn applied_plan(view: &View, request: QueryAppliedPlanRequest) -> Result<QueryAppliedPlanResponse> {
    let height = done_at(view, &request.name)?.unwrap_or_default();
    let height = i64::try_from(height).map_err(|error| Fault::plain(error.to_string()))?;
    Ok(QueryAppliedPlanResponse { height })
}

fn upgraded_consensus_state(
    _: &View,
    _: QueryUpgradedConsensusStateRequest,
) -> Result<QueryUpgradedConsensusStateResponse> {
    Ok(QueryUpgradedConsensusStateResponse::default())
}

fn module_versions(
    view: &View,
    request: QueryModuleVersionsRequest,
) -> Result<QueryModuleVersionsResponse> {
    let name = request.module_name;
    if name.is_empty() {
        let all = VERSIONS.iter(view);
        let all = all.map(|it| it.map(|(name, version)| ModuleVersion { name, version }));
        return Ok(QueryModuleVersionsResponse { module_versions: all.collect::<Result<_>>()? });
    }
    let Some(version) = VERSIONS.get(view, &name)? else {
        let text = format!("x/upgrade: QueryModuleVersions module {name} not found");
        return Err(Error::ModuleNotFound.wrap(text));
    };
    Ok(QueryModuleVersionsResponse { module_versions: vec![ModuleVersion { name, version }] })
}

fn authority(_: &View, _: QueryAuthorityRequest) -> Result<QueryAuthorityResponse> {
    Ok(QueryAuthorityResponse { address: auth::authority_address() })
}

// Errors: the numbers are on the wire.
ledger::errors! { Upgrade;
    2 ModuleNotFound "module version not found",
    3 PlanNotFound "upgrade plan not found",
    4 ClientNotFound "upgraded client not found",
    5 ConsensusStateNotFound "upgraded consensus state not found",
    6 WrongAuthority "expected authority account as only signer for proposal message",
}
