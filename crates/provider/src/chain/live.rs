//! The chain behind a node, over `client`.
//!
//! Called by: `cli`, which gives it to [`crate::run`]. Owns the account's wallet.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use async_trait::async_trait;
use client::{
    chain::{Chain as Node, Endpoints},
    events::Follower,
    keys::Signer,
    tx::{GasPrice, Policy, Wallet},
};
use tokio::sync::Mutex;
use types::{
    Address,
    ids::{BidId, DeploymentId, LeaseId, OrderId},
    wire::akash::{
        base::attributes::v1::Attribute,
        deployment::v1::deployment,
        market::{
            v1::{Lease, LeaseFilters, lease},
            v1beta5::{Bid, Order, OrderFilters},
        },
        provider::v1beta4::Provider,
    },
};

use super::{Certificate, Chain, Deployment, Error, Escrow, Event, Msg, Result};
use crate::{config::ChainConfig, quantity};

/// A node, an account, and how far the blocks were read.
pub struct Live {
    node: Node,
    wallet: Wallet,
    address: Address,
    follower: Mutex<Option<Follower>>,
}

impl Live {
    /// Connects to the node that the configuration names.
    pub async fn connect(config: &ChainConfig, signer: Arc<dyn Signer>) -> Result<Live> {
        let chain_id = Some(config.chain_id.clone()).filter(|it| !it.is_empty());
        let endpoints = Endpoints { rpc: config.rpc.clone(), grpc: config.grpc.clone(), chain_id };
        let node = Node::connect(&endpoints).await.map_err(told)?;
        let gas_price = match config.gas_prices.as_str() {
            "" => GasPrice::from_str("0uakt").map_err(told)?,
            text => GasPrice::from_str(text).map_err(told)?,
        };
        let percent = u32::try_from(config.gas_adjustment_percent).unwrap_or(u32::MAX);
        let policy = Policy { gas_price, gas_adjustment_percent: percent, ..Policy::default() };
        Live::new(node, signer, policy)
    }

    /// Uses a connection that is there already.
    pub fn new(node: Node, signer: Arc<dyn Signer>, policy: Policy) -> Result<Live> {
        let address = signer.address().parse().map_err(|it| Error::Other(format!("{it}")))?;
        let wallet = Wallet::new(node.clone(), signer, policy);
        Ok(Live { node, wallet, address, follower: Mutex::default() })
    }

    /// The chain that the node serves.
    pub fn chain_id(&self) -> &str {
        self.node.chain_id()
    }
}

/// The client's errors in the three kinds that matter here, with their causes.
fn told(error: client::error::Error) -> Error {
    use client::error::Error as It;
    match error {
        It::Refused { codespace, code, log } | It::Failed { codespace, code, log, .. } => {
            Error::Refused { codespace, code, log }
        }
        It::LowBalance { .. } => {
            Error::Refused { codespace: "sdk".to_owned(), code: 5, log: error.to_string() }
        }
        It::Unreachable { .. } | It::Halted { .. } | It::NotIncluded { .. } => {
            Error::Unreachable(error.to_string())
        }
        other => Error::Other(other.to_string()),
    }
}

#[async_trait]
impl Chain for Live {
    fn address(&self) -> &Address {
        &self.address
    }

    async fn height(&self) -> Result<u64> {
        Ok(self.node.status().await.map_err(told)?.latest_height)
    }

    async fn block(&self, height: u64) -> Result<Vec<Event>> {
        let mut slot = self.follower.lock().await;
        let mut follower = match slot.take() {
            Some(it) if it.height() == height => it,
            _ => client::events::follow(self.node.clone(), height),
        };
        let block = follower.next().await.map_err(told)?;
        *slot = Some(follower);
        Ok(block.all().filter_map(|it| Event::read(&it.kind, &it.json())).collect())
    }

    async fn open_orders(&self) -> Result<Vec<Order>> {
        let filters = OrderFilters { state: "open".to_owned(), ..Default::default() };
        self.node.orders(filters).await.map_err(told)
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>> {
        self.node.order(&id.into()).await.map_err(told)
    }

    async fn bid(&self, id: &BidId) -> Result<Option<Bid>> {
        Ok(self.node.bid(&id.into()).await.map_err(told)?.map(|it| it.bid))
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        let mut found = Vec::new();
        for state in ["active", "reclaiming"] {
            let filters = LeaseFilters {
                provider: self.address.to_string(),
                state: state.to_owned(),
                ..Default::default()
            };
            let leases = self.node.leases(filters).await.map_err(told)?;
            found.extend(leases.into_iter().map(|it| it.lease));
        }
        Ok(found)
    }

    async fn lease(&self, id: &LeaseId) -> Result<Option<Lease>> {
        Ok(self.node.lease(&id.into()).await.map_err(told)?.map(|it| it.lease))
    }

    async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>> {
        let owner = id.owner.to_string();
        let Some(answer) = self.node.deployment(&owner, id.dseq).await.map_err(told)? else {
            return Ok(None);
        };
        let active = answer.deployment.state() == deployment::State::Active;
        let mut rate = 0_u128;
        if active {
            for state in ["active", "reclaiming"] {
                let filters = LeaseFilters {
                    owner: owner.clone(),
                    dseq: id.dseq,
                    state: state.to_owned(),
                    ..Default::default()
                };
                for it in self.node.leases(filters).await.map_err(told)? {
                    let price = quantity::read_decimal(&it.lease.price.amount).unwrap_or(0);
                    rate = rate.saturating_add(price);
                }
            }
        }
        let account = &answer.escrow_account.state;
        let funds = account.funds.first();
        Ok(Some(Deployment {
            hash: answer.deployment.hash,
            active,
            groups: answer.groups,
            escrow: Escrow {
                denom: funds.map(|it| it.denom.clone()).unwrap_or_default(),
                funds: funds.and_then(|it| quantity::read_decimal(&it.amount)).unwrap_or(0),
                settled_at: u64::try_from(account.settled_at).unwrap_or(0),
            },
            rate,
        }))
    }

    async fn provider(&self) -> Result<Option<Provider>> {
        self.node.provider(&self.address.to_string()).await.map_err(told)
    }

    async fn audited(&self) -> Result<BTreeMap<String, Vec<Attribute>>> {
        let records =
            self.node.audited_attributes(&self.address.to_string()).await.map_err(told)?;
        Ok(records.into_iter().map(|it| (it.auditor, it.attributes)).collect())
    }

    async fn certificates(&self, owner: &Address) -> Result<Vec<Certificate>> {
        let found = self.node.certificates(&owner.to_string(), "valid").await.map_err(told)?;
        let certificate = |it: types::wire::akash::cert::v1::CertificateResponse| Certificate {
            serial: it.serial,
            cert: it.certificate.cert,
            pubkey: it.certificate.pubkey,
        };
        Ok(found.into_iter().map(certificate).collect())
    }

    async fn account_key(&self, owner: &Address) -> Result<Option<[u8; 33]>> {
        use prost::Message as _;
        let account = match self.node.account(&owner.to_string()).await {
            Ok(account) => account,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(told(error)),
        };
        let Some(key) = account.pub_key else { return Ok(None) };
        if key.type_url != "/cosmos.crypto.secp256k1.PubKey" {
            return Ok(None);
        }
        let key = types::wire::cosmos::crypto::secp256k1::PubKey::decode(key.value.as_slice());
        Ok(key.ok().and_then(|it| it.key.try_into().ok()))
    }

    async fn takes_declines(&self) -> Result<bool> {
        Ok(self.node.receipts_params().await.map_err(told)?.max_declines > 0)
    }

    async fn send(&self, messages: Vec<Msg>) -> Result<()> {
        let messages = messages.iter().map(Msg::any).collect();
        self.wallet.send(messages).await.map(|_| ()).map_err(told)
    }
}

/// Whether a lease still binds us.
pub fn is_live(lease: &Lease) -> bool {
    matches!(lease.state(), lease::State::Active | lease::State::Reclaiming)
}
