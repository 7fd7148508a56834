//! Messages of other chapters that the market carries out: those of a deployment that create or
//! close orders (chain.md 4.3, 4.5 to 4.8), and the deletion of a provider (12; D-19).

use std::collections::BTreeSet;

use ledger::{Ctx, Result, Sdk};
use types::{
    Address, Coin, DeploymentId, GroupId,
    wire::akash::{
        deployment::{
            v1::{DeploymentReclamation, deployment},
            v1beta4::{
                Group, GroupSpec, MsgCloseDeployment, MsgCloseGroup, MsgCreateDeployment,
                MsgPauseGroup, MsgStartGroup, group,
            },
        },
        provider::v1beta4::MsgDeleteProvider,
    },
};

use super::{
    cascade::{follow, group_ended},
    params::{self, nanos},
    state::{Cause, create_order, has_running_lease},
};
use crate::{
    base::{self, money},
    denoms,
    deployment::{self as deployments, Error, groups},
    escrow::{self, AccountId},
    limits, provider as providers,
};

pub(super) fn check_create(msg: &MsgCreateDeployment) -> Result {
    DeploymentId::try_from(&msg.id).map_err(base::id)?;
    base::deposit::validate(&msg.deposit)?;
    if msg.groups.is_empty() {
        return Err(Error::InvalidGroups.into());
    }
    deployments::check_hash(&msg.hash)?;
    if msg.reclamation.as_ref().is_some_and(|it| nanos(&it.min_window) < 0) {
        return Err(Error::InvalidReclamation.wrap("min_window must be >= 0"));
    }
    let deposit = Coin::try_from(&msg.deposit.amount).map_err(money)?;
    for spec in &msg.groups {
        groups::validate(spec)?;
        let priced_in = groups::denom(spec);
        if !deposit.is_zero() && priced_in != deposit.denom {
            return Err(mismatched(&deposit.denom, priced_in));
        }
    }
    Ok(())
}

fn mismatched(deposit: &str, price: &str) -> ledger::Fault {
    Error::InvalidDeposit.wrap(format_args!("Mismatched denominations ({deposit} != {price})"))
}

pub(super) fn create(cx: &mut Ctx, msg: MsgCreateDeployment) -> Result {
    let id = DeploymentId::try_from(&msg.id).map_err(base::id)?;
    let deposit = Coin::try_from(&msg.deposit.amount).map_err(money)?;
    if deployments::find(cx, &id)?.is_some() {
        return Err(Error::DeploymentExists.into());
    }
    deployments::check_deposit(cx, &deposit)?;
    if deposit.denom == "uakt" && !denoms::accepts(cx, "uakt")? {
        // Where deployments are paid in uact, uakt only comes in by later deposits.
        return Err(Error::InvalidDeposit.into());
    }
    check_reclamation(cx, msg.reclamation.as_ref())?;
    let priced_in = check_groups(&msg.groups)?;
    if !denoms::accepts(cx, priced_in)? {
        return Err(Error::InvalidPrice.wrap(format_args!("unsupported denomination {priced_in}")));
    }
    if priced_in != deposit.denom {
        return Err(mismatched(&deposit.denom, priced_in));
    }
    let deposits = escrow::draw(cx, &id.owner, escrow::Scope::Deployment, &msg.deposit)?;

    let groups = deployments::create(cx, &id, msg.hash, msg.reclamation, msg.groups)?;
    for Group { id, group_spec, .. } in groups {
        let group = GroupId::try_from(&id).map_err(base::id)?;
        create_order(cx, &group, group_spec, msg.reclamation)?;
    }
    let owner = id.owner.clone();
    escrow::create(cx, AccountId::Deployment(id), owner, deposits)
}

fn check_reclamation(cx: &Ctx, wanted: Option<&DeploymentReclamation>) -> Result {
    let Some(wanted) = wanted else { return Ok(()) };
    let params = params::get(cx)?;
    let window = nanos(&wanted.min_window);
    if window < nanos(&params.min_reclamation_window) {
        return Err(Error::InvalidReclamation.wrap("min_window below governance minimum"));
    }
    if window > nanos(&params.max_reclamation_window) {
        return Err(Error::InvalidReclamation.wrap("min_window above governance maximum"));
    }
    Ok(())
}

/// One denomination for all groups, which is returned, and no name twice. Each group by itself
/// was checked with the message.
fn check_groups(specs: &[GroupSpec]) -> Result<&str> {
    let mut names = BTreeSet::new();
    let first = specs.first().map(groups::denom).unwrap_or_default();
    for spec in specs {
        let denom = groups::denom(spec);
        if denom != first {
            let why = format_args!("inconsistent group denomination: {denom} != {first}");
            return Err(Error::InvalidGroups.wrap(why));
        }
        if !names.insert(spec.name.as_str()) {
            let why = format_args!("duplicate deployment group name {}", spec.name);
            return Err(Error::InvalidGroups.wrap(Error::DuplicateGroupName).context(why));
        }
    }
    Ok(first)
}

pub(super) fn check_close(msg: &MsgCloseDeployment) -> Result {
    DeploymentId::try_from(&msg.id).map_err(base::id).map(drop)
}

/// Closes the account; all else ends with it.
pub(super) fn close(cx: &mut Ctx, msg: MsgCloseDeployment) -> Result {
    let id = DeploymentId::try_from(&msg.id).map_err(base::id)?;
    check_active(cx, &id)?;
    let outcome = escrow::close_account(cx, &AccountId::Deployment(id))?;
    follow(cx, outcome)
}

/// A dead-man date came: what the key opened ends as if its owner had closed it. One that cannot be
/// closed keeps no other open.
pub(super) fn returned(cx: &mut Ctx, fact: &limits::Returned) -> Result {
    for id in &fact.deployments {
        let _ = cx.attempt(|cx| {
            let outcome = escrow::close_account(cx, &AccountId::Deployment(id.clone()))?;
            follow(cx, outcome)
        });
    }
    Ok(())
}

fn check_active(cx: &Ctx, id: &DeploymentId) -> Result {
    let deployment = deployments::deployment_of(cx, id)?;
    if deployment.state != i32::from(deployment::State::Active) {
        return Err(Error::DeploymentClosed.into());
    }
    Ok(())
}

pub(super) fn check_close_group(msg: &MsgCloseGroup) -> Result {
    GroupId::try_from(&msg.id).map_err(base::id).map(drop)
}

pub(super) fn check_pause_group(msg: &MsgPauseGroup) -> Result {
    GroupId::try_from(&msg.id).map_err(base::id).map(drop)
}

pub(super) fn check_start_group(msg: &MsgStartGroup) -> Result {
    GroupId::try_from(&msg.id).map_err(base::id).map(drop)
}

/// For good. Deployment and account stay open even without an open group.
pub(super) fn close_group(cx: &mut Ctx, msg: MsgCloseGroup) -> Result {
    let id = GroupId::try_from(&msg.id).map_err(base::id)?;
    let group = living_group(cx, &id)?;
    check_active(cx, &id.deployment())?;
    deployments::close_group(cx, group, group::State::Closed)?;
    group_ended(cx, &id, Cause::GroupClosed)
}

pub(super) fn pause_group(cx: &mut Ctx, msg: MsgPauseGroup) -> Result {
    let id = GroupId::try_from(&msg.id).map_err(base::id)?;
    let group = living_group(cx, &id)?;
    if group.state == i32::from(group::State::Paused) {
        return Err(Error::GroupPaused.into());
    }
    check_active(cx, &id.deployment())?;
    deployments::pause_group(cx, group)?;
    group_ended(cx, &id, Cause::GroupPaused)
}

/// Puts a paused group on offer again.
pub(super) fn start_group(cx: &mut Ctx, msg: MsgStartGroup) -> Result {
    let id = GroupId::try_from(&msg.id).map_err(base::id)?;
    let group = living_group(cx, &id)?;
    if group.state == i32::from(group::State::Open) {
        return Err(Error::GroupOpen.into());
    }
    check_active(cx, &id.deployment())?;
    let deployment = deployments::deployment_of(cx, &id.deployment())?;
    let spec = group.group_spec.clone();
    deployments::start_group(cx, group)?;
    create_order(cx, &id, spec, deployment.reclamation)
}

fn living_group(cx: &Ctx, id: &GroupId) -> Result<Group> {
    let group = deployments::group_of(cx, id)?;
    if group.state == i32::from(group::State::Closed) {
        return Err(Error::GroupClosed.into());
    }
    Ok(group)
}

pub(super) fn check_delete_provider(msg: &MsgDeleteProvider) -> Result {
    owner_of(msg).map(drop)
}

fn owner_of(msg: &MsgDeleteProvider) -> Result<Address> {
    msg.owner.parse().map_err(|_| {
        Sdk::InvalidAddress.wrap("Invalid Provider Address: invalid address").context("MsgDelete")
    })
}

pub(super) fn delete_provider(cx: &mut Ctx, msg: MsgDeleteProvider) -> Result {
    let owner = owner_of(&msg)?;
    if !providers::is_registered(cx, &owner)? {
        return Err(providers::Error::ProviderNotFound.into());
    }
    if has_running_lease(cx, &msg.owner)? {
        return Err(providers::Error::HasLeases.into());
    }
    providers::remove(cx, &owner)
}
