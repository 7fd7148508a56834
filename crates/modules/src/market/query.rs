//! Orders, bids with their accounts, leases with their payments (chain.md 5.12).

use ledger::{Fault, Result, View};
use types::{
    Address, LeaseId,
    wire::akash::{
        escrow::types::v1::{Account, Payment},
        market::{
            v1::{BidId as WireBidId, Lease, LeaseId as WireLeaseId, lease},
            v1beta5::{
                Bid, Order, QueryBidRequest, QueryBidResponse, QueryBidsRequest, QueryBidsResponse,
                QueryLeaseRequest, QueryLeaseResponse, QueryLeasesRequest, QueryLeasesResponse,
                QueryOrderRequest, QueryOrderResponse, QueryOrdersRequest, QueryOrdersResponse,
                bid, order,
            },
        },
    },
};

use super::{
    Error,
    state::{
        BIDS, BIDS_BY_PROVIDER, BIDS_BY_STATE, BIDS_OF_OWNER, BIDS_OF_PROVIDER, BidKey, LEASES,
        LEASES_BY_PROVIDER, LEASES_BY_STATE, LEASES_OF_OWNER, LEASES_OF_PROVIDER, ORDERS,
        ORDERS_BY_STATE, ORDERS_OF_OWNER, OrderKey, bid_key, byte, lease_key, order_key,
    },
};
use crate::{
    base,
    escrow::{self, AccountId},
    paging::{self, Asked, List, Way},
};

/// Open, active, closed.
const ORDER_STATES: &[u8] = &[1, 2, 3];
/// Open, active, lost, closed.
const BID_STATES: &[u8] = &[1, 2, 3, 4];
/// Active, insufficient_funds, closed, reclaiming.
const LEASE_STATES: &[u8] = &[1, 2, 3, 4];

static ORDER_LIST: List<OrderKey, Order> = List {
    rows: &ORDERS,
    by_state: &ORDERS_BY_STATE,
    by_owner_state: &ORDERS_OF_OWNER,
    by_provider: None,
    by_provider_state: None,
    state_of: |it| byte(it.state),
    owner_of: |(owner, ..)| owner,
    provider_of: |_| "",
    names: paging::TWO_WAYS,
};

static BID_LIST: List<BidKey, Bid> = List {
    rows: &BIDS,
    by_state: &BIDS_BY_STATE,
    by_owner_state: &BIDS_OF_OWNER,
    by_provider: Some(&BIDS_BY_PROVIDER),
    by_provider_state: Some(&BIDS_OF_PROVIDER),
    state_of: |it| byte(it.state),
    owner_of: |(owner, ..)| owner,
    provider_of: |it| &it.4,
    names: paging::THREE_WAYS,
};

static LEASE_LIST: List<BidKey, Lease> = List {
    rows: &LEASES,
    by_state: &LEASES_BY_STATE,
    by_owner_state: &LEASES_OF_OWNER,
    by_provider: Some(&LEASES_BY_PROVIDER),
    by_provider_state: Some(&LEASES_OF_PROVIDER),
    state_of: |it| byte(it.state),
    owner_of: |(owner, ..)| owner,
    provider_of: |it| &it.4,
    names: paging::THREE_WAYS,
};

/// An empty text or a zero in a filter fits everything.
fn fits<T: Default + PartialEq>(filter: &T, value: &T) -> bool {
    *filter == T::default() || filter == value
}

fn way(owner: &str, provider: &str) -> Way {
    if !owner.is_empty() {
        Way::Owner(owner.to_owned())
    } else if !provider.is_empty() {
        Way::Provider(provider.to_owned())
    } else {
        Way::States
    }
}

/// The bytes that every key of a list begins with, as far as a filter says: owner, dseq, gseq, oseq.
fn under(owner: &str, dseq: u64, gseq: u32, oseq: u32) -> Vec<u8> {
    let owner = owner.to_owned();
    match (owner.as_str(), dseq, gseq, oseq) {
        ("", ..) => Vec::new(),
        (_, 0, ..) => paging::leading(&owner),
        (_, _, 0, _) => paging::leading(&(owner, dseq)),
        (_, _, _, 0) => paging::leading(&(owner, dseq, gseq)),
        _ => paging::leading(&(owner, dseq, gseq, oseq)),
    }
}

pub(super) fn orders(view: &View, request: QueryOrdersRequest) -> Result<QueryOrdersResponse> {
    let filters = request.filters;
    let states = paging::states(ORDER_STATES, &filters.state, |it| {
        order::State::from_str_name(it).map(i32::from)
    })?;
    let wanted = (filters.owner.clone(), filters.dseq, filters.gseq, filters.oseq);
    let whole = !wanted.0.is_empty() && wanted.1 != 0 && wanted.2 != 0 && wanted.3 != 0;
    let first_page = request.pagination.as_ref().is_none_or(|it| it.key.is_empty());
    let fit = |key: &OrderKey| {
        fits(&wanted.0, &key.0)
            && fits(&wanted.1, &key.1)
            && fits(&wanted.2, &key.2)
            && fits(&wanted.3, &key.3)
    };
    let (orders, page) = if whole && first_page {
        ORDER_LIST.single(view, &wanted, &states, |_, order| Ok(order))?
    } else {
        let way = way(&filters.owner, "");
        let state_given = !filters.state.is_empty();
        let under = under(&filters.owner, filters.dseq, filters.gseq, filters.oseq);
        let asked = Asked { way, under, states, state_given, page: request.pagination };
        ORDER_LIST.page(view, asked, fit, |_, order| Ok(order))?
    };
    Ok(QueryOrdersResponse { orders, pagination: Some(page) })
}

pub(super) fn bids(view: &View, request: QueryBidsRequest) -> Result<QueryBidsResponse> {
    let filters = request.filters;
    let states = paging::states(BID_STATES, &filters.state, |it| {
        bid::State::from_str_name(it).map(i32::from)
    })?;
    let fit = |key: &BidKey| {
        fits(&filters.owner, &key.0)
            && fits(&filters.dseq, &key.1)
            && fits(&filters.gseq, &key.2)
            && fits(&filters.oseq, &key.3)
            && fits(&filters.provider, &key.4)
            && fits(&filters.bseq, &key.5)
    };
    let way = way(&filters.owner, &filters.provider);
    let state_given = !filters.state.is_empty();
    let under = under(&filters.owner, filters.dseq, filters.gseq, filters.oseq);
    let asked = Asked { way, under, states, state_given, page: request.pagination };
    let (bids, page) =
        BID_LIST.page(view, asked, fit, |_, it| show_bid(view, it).map_err(internal))?;
    Ok(QueryBidsResponse { bids, pagination: Some(page) })
}

pub(super) fn leases(view: &View, request: QueryLeasesRequest) -> Result<QueryLeasesResponse> {
    let filters = request.filters;
    let states = paging::states(LEASE_STATES, &filters.state, |it| {
        lease::State::from_str_name(it).map(i32::from)
    })?;
    // `bseq` is not looked at.
    let fit = |key: &BidKey| {
        fits(&filters.owner, &key.0)
            && fits(&filters.dseq, &key.1)
            && fits(&filters.gseq, &key.2)
            && fits(&filters.oseq, &key.3)
            && fits(&filters.provider, &key.4)
    };
    let way = way(&filters.owner, &filters.provider);
    let state_given = !filters.state.is_empty();
    let under = under(&filters.owner, filters.dseq, filters.gseq, filters.oseq);
    let asked = Asked { way, under, states, state_given, page: request.pagination };
    let (leases, page) =
        LEASE_LIST.page(view, asked, fit, |_, it| show_lease(view, it).map_err(internal))?;
    Ok(QueryLeasesResponse { leases, pagination: Some(page) })
}

fn internal(fault: Fault) -> Fault {
    Fault::internal(fault.grpc().1)
}

fn show_bid(view: &View, bid: Bid) -> Result<QueryBidResponse> {
    let escrow_account = account(view, &bid.id)?;
    Ok(QueryBidResponse { bid, escrow_account })
}

fn account(view: &View, id: &WireBidId) -> Result<Account> {
    let id = types::BidId::try_from(id).map_err(base::id)?;
    escrow::find_account(view, &AccountId::Bid(id))?
        .map(|it| it.to_wire())
        .ok_or_else(|| escrow::Error::AccountNotFound.into())
}

fn show_lease(view: &View, lease: Lease) -> Result<QueryLeaseResponse> {
    let escrow_payment = payment(view, &lease.id)?;
    Ok(QueryLeaseResponse { lease, escrow_payment })
}

fn payment(view: &View, id: &WireLeaseId) -> Result<Payment> {
    let id = LeaseId::try_from(id).map_err(base::id)?;
    escrow::find_payment(view, &id)?
        .map(|it| it.to_wire())
        .ok_or_else(|| escrow::Error::PaymentNotFound.into())
}

fn check_address(text: &str, what: &str) -> Result {
    match text.parse::<Address>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::invalid_argument(format!("invalid {what} address"))),
    }
}

pub(super) fn order(view: &View, request: QueryOrderRequest) -> Result<QueryOrderResponse> {
    check_address(&request.id.owner, "owner")?;
    let order = ORDERS.get(view, &order_key(&request.id))?.ok_or(Error::OrderNotFound)?;
    Ok(QueryOrderResponse { order })
}

pub(super) fn bid(view: &View, request: QueryBidRequest) -> Result<QueryBidResponse> {
    check_address(&request.id.owner, "owner")?;
    check_address(&request.id.provider, "provider")?;
    let bid = BIDS.get(view, &bid_key(&request.id))?.ok_or(Error::BidNotFound)?;
    show_bid(view, bid)
}

pub(super) fn lease(view: &View, request: QueryLeaseRequest) -> Result<QueryLeaseResponse> {
    check_address(&request.id.owner, "owner")?;
    check_address(&request.id.provider, "provider")?;
    let lease = LEASES.get(view, &lease_key(&request.id))?.ok_or(Error::LeaseNotFound)?;
    show_lease(view, lease)
}
