//! What tenants want to run: deployments and their groups (chain.md 4).
//!
//! Calls: escrow (to show accounts), limits (which deployment closed). Called by: market. Owns:
//! store `deployment`, deployments under 11, groups under 12, params under 14. Messages that also
//! create or close orders are routed by market, which stands above: this chapter has their state,
//! checks and events.

mod genesis;
pub mod groups;
mod params;
mod query;
mod state;

pub use params::check_deposit;
pub use state::{
    close, close_group, create, deployment_of, find, find_group, group_of, groups_of, pause_group,
    start_group,
};

use ledger::{Ctx, Invariant, Module, Result, Routes, View, errors};
use types::{
    DeploymentId,
    wire::akash::deployment::{
        v1::{EventDeploymentUpdated, deployment::State},
        v1beta4::{GenesisState, MsgUpdateDeployment},
    },
};

use crate::base;

pub struct Deployment;

impl Module for Deployment {
    const NAME: &'static str = "deployment";
    const INVARIANTS: &'static [Invariant] = &[
        Invariant("each deployment and group is in its indexes", state::indexes_match),
        Invariant("groups of a closed deployment have ended", state::groups_end),
    ];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_update, update).msg_checked(params::check_update, params::update);
        r.query(query::deployments).query(query::deployment).query(query::group);
        r.query(params::show);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { deployments: Vec::new(), params: params::defaults() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }
}

fn check_update(msg: &MsgUpdateDeployment) -> Result {
    DeploymentId::try_from(&msg.id).map_err(base::id)?;
    check_hash(&msg.hash)
}

/// The SHA-256 of a manifest.
pub fn check_hash(hash: &[u8]) -> Result {
    match hash.len() {
        0 => Err(Error::EmptyHash.into()),
        32 => Ok(()),
        _ => Err(Error::InvalidHash.into()),
    }
}

/// A new manifest for what runs. Groups, orders and leases stay as they are.
fn update(cx: &mut Ctx, msg: MsgUpdateDeployment) -> Result {
    let id = DeploymentId::try_from(&msg.id).map_err(base::id)?;
    let mut deployment = deployment_of(cx, &id)?;
    if deployment.state != i32::from(State::Active) {
        return Err(Error::DeploymentClosed.into());
    }
    if deployment.hash == msg.hash {
        return Err(Error::InvalidHash.into());
    }
    deployment.hash.clone_from(&msg.hash);
    state::store(cx, &deployment)?;
    cx.emit(EventDeploymentUpdated { id: msg.id, hash: msg.hash });
    Ok(())
}

errors! { Deployment;
    1 NameDoesNotExist "Name does not exist" => NotFound,
    2 InvalidRequest "Invalid request" => InvalidArgument,
    3 DeploymentExists "Deployment exists" => AlreadyExists,
    4 DeploymentNotFound "Deployment not found" => NotFound,
    5 DeploymentClosed "Deployment closed" => FailedPrecondition,
    6 OwnerAccountMissing "Owner account missing" => InvalidArgument,
    7 InvalidGroups "Invalid groups" => InvalidArgument,
    8 InvalidDeploymentId "Invalid: deployment id" => InvalidArgument,
    9 EmptyHash "Invalid: empty hash" => InvalidArgument,
    10 InvalidHash "Invalid: deployment hash" => InvalidArgument,
    11 Internal "internal error" => Internal,
    12 InvalidDeployment "Invalid deployment" => InvalidArgument,
    13 InvalidGroupId "Invalid deployment's group ID" => InvalidArgument,
    14 GroupNotFound "Group not found" => NotFound,
    15 GroupClosed "Group already closed" => FailedPrecondition,
    16 GroupOpen "Group open" => FailedPrecondition,
    17 GroupPaused "Group paused" => FailedPrecondition,
    18 GroupNotOpen "Group not open" => FailedPrecondition,
    19 GroupSpecInvalid "GroupSpec invalid" => InvalidArgument,
    20 InvalidDeposit "Deposit invalid" => InvalidArgument,
    21 InvalidIdPath "ID path invalid" => InvalidArgument,
    22 InvalidParam "parameter invalid" => InvalidArgument,
    23 InvalidEscrowId "invalid escrow id" => InvalidArgument,
    24 InvalidPrice "invalid price" => InvalidArgument,
    25 DuplicateGroupName "duplicate group name" => InvalidArgument,
    26 InvalidReclamation "invalid reclamation configuration" => InvalidArgument,
}
