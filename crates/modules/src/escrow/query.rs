//! Lists of accounts and payments, page by page over their states (chain.md 6.12, 1.5).

use ledger::{Fault, Key, Result, Status, View};
use types::wire::akash::escrow::{
    types::v1::State,
    v1::{
        QueryAccountsRequest, QueryAccountsResponse, QueryPaymentsRequest, QueryPaymentsResponse,
    },
};

use super::{
    Error,
    state::{
        ACCOUNTS, ACCOUNTS_ROOT, Account, PAYMENTS, PAYMENTS_ROOT, Payment, Place, STATES, byte,
    },
};
use crate::paging;

pub(super) fn accounts(
    view: &View,
    request: QueryAccountsRequest,
) -> Result<QueryAccountsResponse> {
    let (accounts, page) = paging::by_prefix(
        view,
        (ACCOUNTS_ROOT, &ACCOUNTS),
        states(&request.state)?,
        request.pagination,
        |state| prefix(state, &request.xid),
        malformed,
        |place, state| Account::at(&place, &state).to_wire(),
    )?;
    Ok(QueryAccountsResponse { accounts, pagination: Some(page) })
}

pub(super) fn payments(
    view: &View,
    request: QueryPaymentsRequest,
) -> Result<QueryPaymentsResponse> {
    let (payments, page) = paging::by_prefix(
        view,
        (PAYMENTS_ROOT, &PAYMENTS),
        states(&request.state)?,
        request.pagination,
        |state| prefix(state, &request.xid),
        malformed,
        |place, state| Payment::at(&place, &state).to_wire(),
    )?;
    Ok(QueryPaymentsResponse { payments, pagination: Some(page) })
}

fn states(named: &str) -> Result<Vec<u8>> {
    let all: Vec<u8> = STATES.iter().map(|it| byte(*it)).collect();
    paging::states(&all, named, |it| State::from_str_name(it).map(i32::from))
}

/// `xid` is a prefix of the key text, scope included: `deployment/akash1…/12` finds 123 too.
fn prefix(state: u8, xid: &str) -> Vec<u8> {
    if xid.is_empty() { vec![state] } else { Place { state, text: xid.to_owned() }.to_bytes() }
}

fn malformed(_: Fault) -> Fault {
    Fault::status(Status::InvalidArgument, Fault::from(Error::InvalidKey).grpc().1)
}
