//! All that a provider needs of the chain, as one small trait: questions, blocks by height, and
//! messages to send.
//!
//! Called by: everything here. [`live`] implements it over `client`; tests use a chain in memory.

pub mod live;

use std::collections::BTreeMap;

use async_trait::async_trait;
use prost_types::Any;
use serde_json::{Map, Value};
use types::{
    Address,
    ids::{BidId, DeploymentId, GroupId, LeaseId, OrderId},
    wire::akash::{
        base::attributes::v1::Attribute,
        cert::v1::MsgCreateCertificate,
        deployment::v1beta4::{Group, GroupSpec},
        market::{
            v1::{Lease, LeaseClosedReason},
            v1beta5::{
                Bid, MsgCloseBid, MsgCreateBid, MsgLeaseStartReclaim, MsgWithdrawLease, Order,
            },
        },
        provider::v1beta4::{MsgCreateProvider, MsgUpdateProvider, Provider},
    },
    wire::haggle::market::v1::MsgDeclineOrder,
};

/// Why the chain could not be asked or told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody knows what would have happened; try again later.
    #[error("the chain does not answer: {0}")]
    Unreachable(String),
    /// A message was refused or failed; nothing changed.
    #[error("{log} ({codespace}/{code})")]
    Refused { codespace: String, code: u32, log: String },
    /// Anything else: an answer that makes no sense, blocks that are gone.
    #[error("{0}")]
    Other(String),
}

pub type Result<T> = std::result::Result<T, Error>;

/// All that a provider needs of the chain. A thing that does not exist is `None`, never an error.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The account that signs for this provider.
    fn address(&self) -> &Address;
    /// The latest height.
    async fn height(&self) -> Result<u64>;
    /// What happened in the block at this height; waits until the block is there.
    async fn block(&self, height: u64) -> Result<Vec<Event>>;

    async fn open_orders(&self) -> Result<Vec<Order>>;
    async fn order(&self, id: &OrderId) -> Result<Option<Order>>;
    async fn bid(&self, id: &BidId) -> Result<Option<Bid>>;
    /// This provider's leases that are active or reclaiming.
    async fn leases(&self) -> Result<Vec<Lease>>;
    async fn lease(&self, id: &LeaseId) -> Result<Option<Lease>>;
    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>>;
    async fn provider(&self) -> Result<Option<Provider>>;
    /// What auditors signed for this provider, by auditor.
    async fn audited(&self) -> Result<BTreeMap<String, Vec<Attribute>>>;
    /// Valid certificates of an account.
    async fn certificates(&self, owner: &Address) -> Result<Vec<Certificate>>;
    /// The compressed public key of an account that has signed something before.
    async fn account_key(&self, owner: &Address) -> Result<Option<[u8; 33]>>;
    /// Whether the chain keeps declines of orders.
    async fn takes_declines(&self) -> Result<bool>;

    /// Sends messages in one transaction and waits until it is in a block.
    async fn send(&self, messages: Vec<Msg>) -> Result<()>;
}

/// A deployment as far as a provider cares.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Version of the manifest that the tenant promised.
    pub hash: Vec<u8>,
    pub active: bool,
    pub groups: Vec<Group>,
    pub escrow: Escrow,
    /// Sum of the prices of all leases that draw on the escrow account, over all providers; 10^-18
    /// per block.
    pub rate: u128,
}

/// Money of a deployment, in the denomination that its leases are paid in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Escrow {
    pub denom: String,
    /// 10^-18 of the denomination; nothing when overdrawn.
    pub funds: u128,
    /// Up to this height all payments are accounted for.
    pub settled_at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Decimal.
    pub serial: String,
    /// PEM.
    pub cert: Vec<u8>,
    /// PEM.
    pub pubkey: Vec<u8>,
}

/// Messages that a provider sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    CreateBid(MsgCreateBid),
    CloseBid(MsgCloseBid),
    DeclineOrder(MsgDeclineOrder),
    WithdrawLease(MsgWithdrawLease),
    StartReclaim(MsgLeaseStartReclaim),
    CreateProvider(MsgCreateProvider),
    UpdateProvider(MsgUpdateProvider),
    CreateCertificate(MsgCreateCertificate),
}

impl Msg {
    pub fn close_bid(id: &BidId, reason: LeaseClosedReason) -> Msg {
        Msg::CloseBid(MsgCloseBid { id: id.into(), reason: reason.into() })
    }

    pub fn withdraw(id: &LeaseId) -> Msg {
        Msg::WithdrawLease(MsgWithdrawLease { id: id.into() })
    }

    pub fn start_reclaim(id: &LeaseId, reason: LeaseClosedReason) -> Msg {
        Msg::StartReclaim(MsgLeaseStartReclaim { id: id.into(), reason: reason.into() })
    }

    /// The wire form inside a transaction.
    pub fn any(&self) -> Any {
        use client::tx::any;
        match self {
            Msg::CreateBid(it) => any(it),
            Msg::CloseBid(it) => any(it),
            Msg::DeclineOrder(it) => any(it),
            Msg::WithdrawLease(it) => any(it),
            Msg::StartReclaim(it) => any(it),
            Msg::CreateProvider(it) => any(it),
            Msg::UpdateProvider(it) => any(it),
            Msg::CreateCertificate(it) => any(it),
        }
    }
}

/// What happened on chain, as far as a provider cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    OrderCreated(OrderId),
    OrderClosed(OrderId),
    BidCreated(BidId),
    BidClosed(BidId),
    LeaseCreated(LeaseId),
    LeaseClosed(LeaseId, String),
    ReclaimStarted(LeaseId),
    DeploymentUpdated(DeploymentId, Vec<u8>),
    DeploymentClosed(DeploymentId),
    GroupClosed(GroupId),
    /// An auditor signed or withdrew attributes of this provider account.
    AuditChanged(Address),
    ProviderChanged(Address),
}

impl Event {
    /// Reads a typed event: its full name and its fields. `None` for one that nobody here needs,
    /// or that cannot be read.
    pub fn read(kind: &str, fields: &Map<String, Value>) -> Option<Event> {
        let id = fields.get("id");
        Some(match kind {
            "akash.market.v1.EventOrderCreated" => Event::OrderCreated(order(id?)?),
            "akash.market.v1.EventOrderClosed" => Event::OrderClosed(order(id?)?),
            "akash.market.v1.EventBidCreated" => Event::BidCreated(bid(id?)?),
            "akash.market.v1.EventBidClosed" => Event::BidClosed(bid(id?)?),
            "akash.market.v1.EventLeaseCreated" => Event::LeaseCreated(bid(id?)?.lease()),
            "akash.market.v1.EventLeaseClosed" => {
                let reason = fields.get("reason").map(|it| match it {
                    Value::String(it) => it.clone(),
                    other => other.to_string(),
                });
                Event::LeaseClosed(bid(id?)?.lease(), reason.unwrap_or_default())
            }
            "akash.market.v1.EventLeaseReclaimStarted" => Event::ReclaimStarted(bid(id?)?.lease()),
            "akash.deployment.v1.EventDeploymentUpdated" => {
                use base64::Engine as _;
                let hash = fields.get("hash").and_then(Value::as_str).unwrap_or_default();
                let hash = base64::engine::general_purpose::STANDARD.decode(hash).ok()?;
                Event::DeploymentUpdated(deployment(id?)?, hash)
            }
            "akash.deployment.v1.EventDeploymentClosed" => {
                Event::DeploymentClosed(deployment(id?)?)
            }
            "akash.deployment.v1.EventGroupClosed" => Event::GroupClosed(group(id?)?),
            "akash.audit.v1.EventTrustedAuditorCreated"
            | "akash.audit.v1.EventTrustedAuditorDeleted" => {
                Event::AuditChanged(address(fields.get("owner")?)?)
            }
            "akash.provider.v1beta4.EventProviderCreated"
            | "akash.provider.v1beta4.EventProviderUpdated" => {
                Event::ProviderChanged(address(fields.get("owner")?)?)
            }
            _ => return None,
        })
    }
}

fn address(value: &Value) -> Option<Address> {
    value.as_str()?.parse().ok()
}

/// 64-bit numbers are texts in the chain's JSON.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn small(value: &Value) -> Option<u32> {
    u32::try_from(number(value)?).ok()
}

fn deployment(id: &Value) -> Option<DeploymentId> {
    Some(DeploymentId { owner: address(id.get("owner")?)?, dseq: number(id.get("dseq")?)? })
}

fn group(id: &Value) -> Option<GroupId> {
    Some(deployment(id)?.group(small(id.get("gseq")?)?))
}

fn order(id: &Value) -> Option<OrderId> {
    Some(group(id)?.order(small(id.get("oseq")?)?))
}

fn bid(id: &Value) -> Option<BidId> {
    Some(order(id)?.bid(address(id.get("provider")?)?))
}

/// Names of the groups of a deployment that have a lease here, for reading manifests.
pub fn group_specs(deployment: &Deployment) -> Vec<GroupSpec> {
    deployment.groups.iter().map(|it| it.group_spec.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_events_are_read_as_the_chain_writes_them() {
        let owner = client::keys::PrivateKey::generate().public().address();
        let provider = client::keys::PrivateKey::generate().public().address();
        let id = serde_json::json!({
            "owner": owner, "dseq": "123", "gseq": 1, "oseq": 2, "provider": provider, "bseq": 0
        });
        let mut fields = Map::new();
        fields.insert("id".into(), id);
        fields.insert("reason".into(), "lease_closed_owner".into());
        let event = Event::read("akash.market.v1.EventLeaseClosed", &fields).unwrap();
        let Event::LeaseClosed(lease, reason) = event else { panic!("{event:?}") };
        assert_eq!((lease.dseq, lease.gseq, lease.oseq), (123, 1, 2));
        assert_eq!(reason, "lease_closed_owner");
        assert_eq!(lease.provider.to_string(), provider);
        assert_eq!(Event::read("transfer", &fields), None);
    }
}
