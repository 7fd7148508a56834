//! Deployments and groups in the store, and the steps between their states (chain.md 4.1).
//! Neither is ever deleted.

use ledger::{Ctx, Fault, Index, Indexed, Result, View, holds};
use types::{
    DeploymentId, GroupId,
    wire::akash::deployment::{
        v1::{
            self as wire, Deployment, DeploymentReclamation, EventDeploymentClosed,
            EventDeploymentCreated, EventGroupClosed, EventGroupPaused, EventGroupStarted,
            deployment::State,
        },
        v1beta4::{Group, GroupSpec, group},
    },
};

use super::Error;
use crate::{
    limits,
    paging::{OwnIndex, StateOf},
};

/// Owner's text, dseq.
pub(super) type Key = (String, u64);
/// Owner's text, dseq, gseq.
pub(super) type GroupKey = (String, u64, u32);

pub(super) static DEPLOYMENTS_BY_STATE: Index<u8, Key, Deployment> =
    Index::new("deployment", &[0x11, 0x02], |_, it| byte(it.state));
pub(super) static DEPLOYMENTS_OF_OWNER: StateOf<Key, Deployment> =
    OwnIndex(Index::new("deployment", &[0x11, 0x10], |key, it| (key.0.clone(), byte(it.state))));
pub(super) static DEPLOYMENTS: Indexed<Key, Deployment> =
    Indexed::new("deployment", &[0x11, 0x01], &[&DEPLOYMENTS_BY_STATE, &DEPLOYMENTS_OF_OWNER]);

static GROUPS_BY_STATE: Index<u8, GroupKey, Group> =
    Index::new("deployment", &[0x12, 0x02], |_, it| byte(it.state));
static GROUPS_BY_DEPLOYMENT: Index<Key, GroupKey, Group> =
    Index::new("deployment", &[0x12, 0x03], |(owner, dseq, _), _| (owner.clone(), *dseq));
pub(super) static GROUPS: Indexed<GroupKey, Group> =
    Indexed::new("deployment", &[0x12, 0x01], &[&GROUPS_BY_STATE, &GROUPS_BY_DEPLOYMENT]);

/// A state's number in keys.
pub(super) fn byte(state: i32) -> u8 {
    u8::try_from(state).unwrap_or_default()
}

pub(super) fn key(id: &wire::DeploymentId) -> Key {
    (id.owner.clone(), id.dseq)
}

pub(super) fn group_key(id: &wire::GroupId) -> GroupKey {
    (id.owner.clone(), id.dseq, id.gseq)
}

pub fn find(view: &View, id: &DeploymentId) -> Result<Option<Deployment>> {
    DEPLOYMENTS.get(view, &key(&id.into()))
}

/// The deployment, or `deployment/4`.
pub fn deployment_of(view: &View, id: &DeploymentId) -> Result<Deployment> {
    find(view, id)?.ok_or_else(|| Error::DeploymentNotFound.into())
}

pub fn find_group(view: &View, id: &GroupId) -> Result<Option<Group>> {
    GROUPS.get(view, &group_key(&id.into()))
}

/// The group, or `deployment/14`.
pub fn group_of(view: &View, id: &GroupId) -> Result<Group> {
    find_group(view, id)?.ok_or_else(|| Error::GroupNotFound.into())
}

/// The groups of a deployment, by gseq.
pub fn groups_of(view: &View, id: &wire::DeploymentId) -> Result<Vec<Group>> {
    let mut groups = Vec::new();
    for group in GROUPS_BY_DEPLOYMENT.of(view, &key(id)) {
        let found = GROUPS.get(view, &group?)?;
        groups.push(found.ok_or_else(|| Fault::internal("an index entry has no group"))?);
    }
    Ok(groups)
}

pub(super) fn store(cx: &mut Ctx, deployment: &Deployment) -> Result {
    DEPLOYMENTS.set(cx, &key(&deployment.id), deployment)
}

pub(super) fn store_group(cx: &mut Ctx, group: &Group) -> Result {
    GROUPS.set(cx, &group_key(&group.id), group)
}

/// Stores a new deployment with its groups, open and numbered from 1. Returns the groups.
pub fn create(
    cx: &mut Ctx,
    id: &DeploymentId,
    hash: Vec<u8>,
    reclamation: Option<DeploymentReclamation>,
    specs: Vec<GroupSpec>,
) -> Result<Vec<Group>> {
    let created_at = cx.height();
    let deployment = Deployment {
        id: id.into(),
        state: State::Active.into(),
        hash: hash.clone(),
        created_at,
        reclamation,
    };
    store(cx, &deployment)?;
    let mut groups = Vec::with_capacity(specs.len());
    for (gseq, group_spec) in (1..).zip(specs) {
        let state = group::State::Open.into();
        let group = Group { id: (&id.group(gseq)).into(), state, group_spec, created_at };
        store_group(cx, &group)?;
        groups.push(group);
    }
    cx.emit(EventDeploymentCreated { id: deployment.id, hash });
    Ok(groups)
}

/// Active becomes closed. The caller has seen that it is active.
pub fn close(cx: &mut Ctx, mut deployment: Deployment) -> Result {
    deployment.state = State::Closed.into();
    store(cx, &deployment)?;
    limits::closed(cx, &DeploymentId::try_from(&deployment.id).map_err(crate::base::id)?)?;
    cx.emit(EventDeploymentClosed { id: deployment.id });
    Ok(())
}

/// Any state becomes paused.
pub fn pause_group(cx: &mut Ctx, mut group: Group) -> Result {
    group.state = group::State::Paused.into();
    store_group(cx, &group)?;
    cx.emit(EventGroupPaused { id: group.id });
    Ok(())
}

/// Paused becomes open.
pub fn start_group(cx: &mut Ctx, mut group: Group) -> Result {
    group.state = group::State::Open.into();
    store_group(cx, &group)?;
    cx.emit(EventGroupStarted { id: group.id });
    Ok(())
}

/// Any state but closed becomes closed or, when the money ran out, insufficient_funds.
pub fn close_group(cx: &mut Ctx, mut group: Group, state: group::State) -> Result {
    group.state = state.into();
    store_group(cx, &group)?;
    cx.emit(EventGroupClosed { id: group.id });
    Ok(())
}

pub(super) fn indexes_match(view: &View) -> Result {
    DEPLOYMENTS.indexes_match(view)?;
    GROUPS.indexes_match(view)
}

/// Invariant 2 of chain.md 19, and that every group has its deployment.
pub(super) fn groups_end(view: &View) -> Result {
    for group in GROUPS.values(view) {
        let group = group?;
        let wire::GroupId { owner, dseq, gseq } = group.id;
        let deployment = DEPLOYMENTS.get(view, &(owner.clone(), dseq))?;
        let Some(deployment) = deployment else {
            return Err(Fault::plain(format!("group {owner}/{dseq}/{gseq} has no deployment")));
        };
        let ended = [group::State::InsufficientFunds, group::State::Closed].map(i32::from);
        holds!(
            deployment.state == i32::from(State::Active) || ended.contains(&group.state),
            "{owner}/{dseq} is closed, its group {gseq} is in state {}",
            group.state
        )?;
    }
    Ok(())
}
