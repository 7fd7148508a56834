//! Names of deployments, groups, orders, bids and leases, as types that cannot be mixed up.
//!
//! Source: chain.md 3.1. They order as the reference's store does: owners and providers by their
//! text, numbers by value. Reading one from the wire checks it, with the reference's error texts.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    wire::akash::{deployment::v1 as deployment, market::v1 as market},
};

/// Why an id is refused: a code of the root error space `sdk` and the reference's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct IdError {
    /// 7 invalid address, 3 invalid sequence, 36 conflict; 18 for a text that is no id.
    pub code: u32,
    pub text: String,
}

impl IdError {
    const ADDRESS: u32 = 7;
    const SEQUENCE: u32 = 3;
    const CONFLICT: u32 = 36;
    const REQUEST: u32 = 18;

    fn new(code: u32, text: &str) -> Self {
        Self { code, text: text.to_owned() }
    }

    fn wrap(self, outer: &str) -> Self {
        Self { code: self.code, text: format!("{outer}: {}", self.text) }
    }
}

type Result<T> = std::result::Result<T, IdError>;

/// A deployment: its owner and the number the owner chose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeploymentId {
    pub owner: Address,
    pub dseq: u64,
}

/// A group of a deployment, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupId {
    pub owner: Address,
    pub dseq: u64,
    pub gseq: u32,
}

/// An order of a group, numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderId {
    pub owner: Address,
    pub dseq: u64,
    pub gseq: u32,
    pub oseq: u32,
}

/// A provider's bid on an order. `bseq` is always 0 today.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BidId {
    pub owner: Address,
    pub dseq: u64,
    pub gseq: u32,
    pub oseq: u32,
    pub provider: Address,
    pub bseq: u32,
}

/// A lease: the bid it came from, by the same numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseId {
    pub owner: Address,
    pub dseq: u64,
    pub gseq: u32,
    pub oseq: u32,
    pub provider: Address,
    pub bseq: u32,
}

impl DeploymentId {
    #[must_use]
    pub fn group(&self, gseq: u32) -> GroupId {
        GroupId { owner: self.owner.clone(), dseq: self.dseq, gseq }
    }
}

impl GroupId {
    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        DeploymentId { owner: self.owner.clone(), dseq: self.dseq }
    }

    #[must_use]
    pub fn order(&self, oseq: u32) -> OrderId {
        OrderId { owner: self.owner.clone(), dseq: self.dseq, gseq: self.gseq, oseq }
    }
}

impl OrderId {
    #[must_use]
    pub fn group(&self) -> GroupId {
        GroupId { owner: self.owner.clone(), dseq: self.dseq, gseq: self.gseq }
    }

    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.group().deployment()
    }

    /// The bid of `provider` on this order.
    #[must_use]
    pub fn bid(&self, provider: Address) -> BidId {
        let Self { owner, dseq, gseq, oseq } = self.clone();
        BidId { owner, dseq, gseq, oseq, provider, bseq: 0 }
    }
}

impl BidId {
    #[must_use]
    pub fn order(&self) -> OrderId {
        let Self { owner, dseq, gseq, oseq, .. } = self.clone();
        OrderId { owner, dseq, gseq, oseq }
    }

    #[must_use]
    pub fn group(&self) -> GroupId {
        self.order().group()
    }

    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.order().deployment()
    }

    #[must_use]
    pub fn lease(&self) -> LeaseId {
        let Self { owner, dseq, gseq, oseq, provider, bseq } = self.clone();
        LeaseId { owner, dseq, gseq, oseq, provider, bseq }
    }
}

impl LeaseId {
    #[must_use]
    pub fn bid(&self) -> BidId {
        let Self { owner, dseq, gseq, oseq, provider, bseq } = self.clone();
        BidId { owner, dseq, gseq, oseq, provider, bseq }
    }

    #[must_use]
    pub fn order(&self) -> OrderId {
        self.bid().order()
    }

    #[must_use]
    pub fn group(&self) -> GroupId {
        self.order().group()
    }

    #[must_use]
    pub fn deployment(&self) -> DeploymentId {
        self.order().deployment()
    }
}

// Reading from the wire, outermost text first.

fn deployment_parts(owner: &str, dseq: u64) -> Result<DeploymentId> {
    let owner = owner.parse().map_err(|_| {
        IdError::new(IdError::ADDRESS, "DeploymentID: Invalid Owner Address: invalid address")
    })?;
    if dseq == 0 {
        return Err(IdError::new(
            IdError::SEQUENCE,
            "DeploymentID: Invalid Deployment Sequence: invalid sequence",
        ));
    }
    Ok(DeploymentId { owner, dseq })
}

fn group_parts(owner: &str, dseq: u64, gseq: u32) -> Result<GroupId> {
    let parent =
        deployment_parts(owner, dseq).map_err(|it| it.wrap("GroupID: Invalid DeploymentID"))?;
    if gseq == 0 {
        return Err(IdError::new(
            IdError::SEQUENCE,
            "GroupID: Invalid Group Sequence: invalid sequence",
        ));
    }
    Ok(parent.group(gseq))
}

fn order_parts(owner: &str, dseq: u64, gseq: u32, oseq: u32) -> Result<OrderId> {
    let parent =
        group_parts(owner, dseq, gseq).map_err(|it| it.wrap("OrderID: Invalid GroupID"))?;
    if oseq == 0 {
        return Err(IdError::new(
            IdError::SEQUENCE,
            "OrderID: Invalid Order Sequence: invalid sequence",
        ));
    }
    Ok(parent.order(oseq))
}

fn bid_parts(id: &market::BidId) -> Result<BidId> {
    let order = order_parts(&id.owner, id.dseq, id.gseq, id.oseq)
        .map_err(|it| it.wrap("BidID: Invalid OrderID"))?;
    let provider: Address = id.provider.parse().map_err(|_| {
        IdError::new(IdError::ADDRESS, "BidID: Invalid Provider Address: invalid address")
    })?;
    if id.owner == id.provider {
        return Err(IdError::new(IdError::CONFLICT, "BidID: self-bid: conflict"));
    }
    if id.bseq != 0 {
        return Err(IdError::new(IdError::CONFLICT, "BidID: invalid bseq: conflict"));
    }
    Ok(order.bid(provider))
}

impl TryFrom<&deployment::DeploymentId> for DeploymentId {
    type Error = IdError;
    fn try_from(id: &deployment::DeploymentId) -> Result<Self> {
        deployment_parts(&id.owner, id.dseq)
    }
}

impl TryFrom<&deployment::GroupId> for GroupId {
    type Error = IdError;
    fn try_from(id: &deployment::GroupId) -> Result<Self> {
        group_parts(&id.owner, id.dseq, id.gseq)
    }
}

impl TryFrom<&market::OrderId> for OrderId {
    type Error = IdError;
    fn try_from(id: &market::OrderId) -> Result<Self> {
        order_parts(&id.owner, id.dseq, id.gseq, id.oseq)
    }
}

impl TryFrom<&market::BidId> for BidId {
    type Error = IdError;
    fn try_from(id: &market::BidId) -> Result<Self> {
        bid_parts(id)
    }
}

impl TryFrom<&market::LeaseId> for LeaseId {
    type Error = IdError;
    fn try_from(id: &market::LeaseId) -> Result<Self> {
        let market::LeaseId { owner, dseq, gseq, oseq, provider, bseq } = id.clone();
        bid_parts(&market::BidId { owner, dseq, gseq, oseq, provider, bseq })
            .map(|it| it.lease())
            .map_err(|it| it.wrap("LeaseID: Invalid BidID"))
    }
}

// Writing to the wire.

macro_rules! to_wire {
    ($id:ident, $wire:path, [$($text:ident),*], [$($number:ident),*]) => {
        impl From<&$id> for $wire {
            fn from(id: &$id) -> Self {
                Self { $($text: id.$text.to_string(),)* $($number: id.$number,)* }
            }
        }

        impl From<$id> for $wire {
            fn from(id: $id) -> Self {
                Self::from(&id)
            }
        }

        impl TryFrom<$wire> for $id {
            type Error = IdError;
            fn try_from(id: $wire) -> Result<Self> {
                Self::try_from(&id)
            }
        }

        impl PartialOrd for $id {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
to_wire!(DeploymentId, deployment::DeploymentId, [owner], [dseq]);
to_wire!(GroupId, deployment::GroupId, [owner], [dseq, gseq]);
to_wire!(OrderId, market::OrderId, [owner], [dseq, gseq, oseq]);
to_wire!(BidId, market::BidId, [owner, provider], [dseq, gseq, oseq, bseq]);
to_wire!(LeaseId, market::LeaseId, [owner, provider], [dseq, gseq, oseq, bseq]);

// Order of the reference's store.

impl Ord for DeploymentId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.owner.cmp_text(&other.owner).then(self.dseq.cmp(&other.dseq))
    }
}

impl Ord for GroupId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.deployment().cmp(&other.deployment()).then(self.gseq.cmp(&other.gseq))
    }
}

impl Ord for OrderId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.group().cmp(&other.group()).then(self.oseq.cmp(&other.oseq))
    }
}

impl Ord for BidId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order()
            .cmp(&other.order())
            .then_with(|| self.provider.cmp_text(&other.provider))
            .then(self.bseq.cmp(&other.bseq))
    }
}

impl Ord for LeaseId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bid().cmp(&other.bid())
    }
}

// Text forms, which leave out bseq.

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.dseq)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.owner, self.dseq, self.gseq)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.owner, self.dseq, self.gseq, self.oseq)
    }
}

impl fmt::Display for BidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.order(), self.provider)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.order(), self.provider)
    }
}

fn pieces<const N: usize>(text: &str) -> Result<[&str; N]> {
    let parts: Vec<_> = text.split('/').collect();
    <[&str; N]>::try_from(parts)
        .map_err(|_| IdError::new(IdError::REQUEST, "wrong number of parts in the id"))
}

fn number<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| IdError::new(IdError::SEQUENCE, "invalid sequence"))
}

impl FromStr for DeploymentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self> {
        let [owner, dseq] = pieces(text)?;
        deployment_parts(owner, number(dseq)?)
    }
}

impl FromStr for GroupId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self> {
        let [owner, dseq, gseq] = pieces(text)?;
        group_parts(owner, number(dseq)?, number(gseq)?)
    }
}

impl FromStr for OrderId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self> {
        let [owner, dseq, gseq, oseq] = pieces(text)?;
        order_parts(owner, number(dseq)?, number(gseq)?, number(oseq)?)
    }
}

impl FromStr for BidId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self> {
        let [owner, dseq, gseq, oseq, provider] = pieces(text)?;
        bid_parts(&market::BidId {
            owner: owner.to_owned(),
            dseq: number(dseq)?,
            gseq: number(gseq)?,
            oseq: number(oseq)?,
            provider: provider.to_owned(),
            bseq: 0,
        })
    }
}

impl FromStr for LeaseId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self> {
        BidId::from_str(text).map(|it| it.lease())
    }
}
