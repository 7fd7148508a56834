//! Import and export (chain.md 18).

use ledger::{Ctx, Result, View};
use types::{
    DeploymentId,
    wire::akash::deployment::v1beta4::{GenesisDeployment, GenesisState},
};

use super::{Error, params, state};
use crate::base;

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    for GenesisDeployment { deployment, groups } in genesis.deployments {
        let id = DeploymentId::try_from(&deployment.id).map_err(base::id)?;
        if state::find(cx, &id)?.is_some() {
            return Err(Error::DeploymentExists.wrap(id));
        }
        state::store(cx, &deployment)?;
        for group in groups {
            let own = group.id.owner == deployment.id.owner && group.id.dseq == deployment.id.dseq;
            let taken = state::GROUPS.has(cx, &state::group_key(&group.id))?;
            if !own || taken {
                return Err(Error::InvalidGroupId.wrap(id));
            }
            state::store_group(cx, &group)?;
        }
    }
    params::set(cx, &genesis.params)
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let mut deployments = Vec::new();
    for deployment in state::DEPLOYMENTS.values(view) {
        let deployment = deployment?;
        let groups = state::groups_of(view, &deployment.id)?;
        deployments.push(GenesisDeployment { deployment, groups });
    }
    Ok(GenesisState { deployments, params: params::get(view)? })
}
