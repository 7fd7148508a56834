//! Deployments with their groups and accounts, and single groups (chain.md 4.10).

use ledger::{Fault, Result, View};
use types::{
    Address,
    wire::akash::{
        deployment::{
            v1::{Deployment, DeploymentId, deployment::State},
            v1beta4::{
                QueryDeploymentRequest, QueryDeploymentResponse, QueryDeploymentsRequest,
                QueryDeploymentsResponse, QueryGroupRequest, QueryGroupResponse,
            },
        },
        escrow::types::v1::Account,
    },
};

use super::{
    Error,
    state::{
        DEPLOYMENTS, DEPLOYMENTS_BY_STATE, DEPLOYMENTS_OF_OWNER, GROUPS, Key, byte, group_key,
        groups_of, key,
    },
};
use crate::{
    escrow::{self, AccountId},
    paging::{self, Asked, List, Way},
};

/// Active, closed.
const STATES: &[u8] = &[1, 2];

static LIST: List<Key, Deployment> = List {
    rows: &DEPLOYMENTS,
    by_state: &DEPLOYMENTS_BY_STATE,
    by_owner_state: &DEPLOYMENTS_OF_OWNER,
    by_provider: None,
    by_provider_state: None,
    state_of: |it| byte(it.state),
    owner_of: |(owner, _)| owner,
    provider_of: |_| "",
    names: paging::TWO_WAYS,
};

pub(super) fn deployments(
    view: &View,
    request: QueryDeploymentsRequest,
) -> Result<QueryDeploymentsResponse> {
    let filters = request.filters;
    let states =
        paging::states(STATES, &filters.state, |it| State::from_str_name(it).map(i32::from))?;
    let first_page = request.pagination.as_ref().is_none_or(|it| it.key.is_empty());
    let fits = |key: &Key| {
        (filters.owner.is_empty() || key.0 == filters.owner)
            && (filters.dseq == 0 || key.1 == filters.dseq)
    };
    let show = |_: Key, it: Deployment| show(view, it).map_err(|it| Fault::internal(it.grpc().1));
    let (deployments, page) = if first_page && !filters.owner.is_empty() && filters.dseq != 0 {
        LIST.single(view, &(filters.owner.clone(), filters.dseq), &states, show)?
    } else {
        let way =
            if filters.owner.is_empty() { Way::States } else { Way::Owner(filters.owner.clone()) };
        let state_given = !filters.state.is_empty();
        let under = match filters.owner.as_str() {
            "" => Vec::new(),
            owner => paging::leading(&owner.to_owned()),
        };
        let asked = Asked { way, under, states, state_given, page: request.pagination };
        LIST.page(view, asked, fits, show)?
    };
    Ok(QueryDeploymentsResponse { deployments, pagination: Some(page) })
}

/// With the account as it is stored, not settled to this height.
fn show(view: &View, deployment: Deployment) -> Result<QueryDeploymentResponse> {
    let groups = groups_of(view, &deployment.id)?;
    let escrow_account = account(view, &deployment.id)?;
    Ok(QueryDeploymentResponse { deployment, groups, escrow_account })
}

fn account(view: &View, id: &DeploymentId) -> Result<Account> {
    let id = types::DeploymentId::try_from(id).map_err(crate::base::id)?;
    escrow::find_account(view, &AccountId::Deployment(id))?
        .map(|it| it.to_wire())
        .ok_or_else(|| escrow::Error::AccountNotFound.into())
}

fn check_owner(owner: &str) -> Result {
    match owner.parse::<Address>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::invalid_argument("invalid owner address")),
    }
}

pub(super) fn deployment(
    view: &View,
    request: QueryDeploymentRequest,
) -> Result<QueryDeploymentResponse> {
    check_owner(&request.id.owner)?;
    let found = DEPLOYMENTS.get(view, &key(&request.id))?;
    show(view, found.ok_or(Error::DeploymentNotFound)?)
}

pub(super) fn group(view: &View, request: QueryGroupRequest) -> Result<QueryGroupResponse> {
    check_owner(&request.id.owner)?;
    let group = GROUPS.get(view, &group_key(&request.id))?.ok_or(Error::GroupNotFound)?;
    Ok(QueryGroupResponse { group })
}
