//! The provider: capacity, prices and bids, manifests, a reconciler, settlement, and the doors for
//! tenants (`gateway`) and for their users (`ingress`).
//!
//! Called by: `cli`, through [`run`]. Calls: `client` for the chain, `backend` for the machine room,
//! `sdl` for manifests. Owns the state folder. Knows nothing of containers: what runs, and how, is
//! the machine room's.
//!
//! Everything is level-triggered. Events and hints only make things happen sooner; the chain says
//! what is leased, the machine room says what runs, and the difference is worked off again and again.
//! So a provider may be killed at any moment: the next one finds its leases on chain, its manifests in
//! the state folder and its containers in the machine room, and goes on.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::print_stderr,
        clippy::cast_possible_truncation,
        reason = "a failing test may panic, and says when it is skipped"
    )
)]

pub mod attributes;
pub mod bids;
mod care;
pub mod chain;
pub mod config;
pub mod declines;
mod events;
mod gateway;
mod hostnames;
mod ingress;
pub mod inventory;
pub mod pricing;
mod quantity;
pub mod reconcile;
mod register;
mod service;
mod state;
mod store;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod workload;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use backend::Backend;
use tokio::net::TcpListener;
use types::Address;

pub use chain::live::Live;
pub use config::Config;
pub use declines::Shown as Decline;

use chain::Chain;
use service::Service;

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the provider's configuration cannot be used: {0}")]
    Config(#[from] config::Error),
    #[error("the provider's state folder cannot be used: {0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Register(#[from] register::Error),
    #[error("cannot listen on {address} for the {what}: {source}")]
    Listen { what: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("the gateway's certificate cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    #[error("cannot ask the chain for orders and leases: {0}")]
    Chain(#[from] chain::Error),
}

/// A running provider. Dropping it stops it at once, as a kill would; [`Handle::shutdown`] lets what
/// is under way end. Either way, what runs for tenants goes on running.
pub struct Handle {
    service: Arc<Service>,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Where the gRPC status service listens.
    pub grpc: Option<SocketAddr>,
    /// Where the HTTP ingress listens.
    pub ingress: Option<SocketAddr>,
}

/// Starts a provider: checks the configuration, registers on chain what is missing, adopts what is
/// leased and what runs, and serves. Needs a runtime with several threads.
pub async fn run(
    config: Config,
    chain: Arc<dyn Chain>,
    backend: Arc<dyn Backend>,
) -> Result<Handle, Error> {
    let service = Service::open(config.check()?, chain, backend)?;
    let config = &service.config;
    let gateway = listen("gateway", config.gateway.listen).await?;
    let grpc = match config.gateway.grpc_listen {
        Some(address) => Some(listen("gRPC status service", address).await?),
        None => None,
    };
    let ingress = match config.ingress.listen {
        Some(address) => Some(listen("HTTP ingress", address).await?),
        None => None,
    };
    let local = |it: &TcpListener| it.local_addr().ok();
    let handle = Handle {
        gateway: local(&gateway).unwrap_or(config.gateway.listen),
        grpc: grpc.as_ref().and_then(local),
        ingress: ingress.as_ref().and_then(local),
        service: Arc::clone(&service),
    };

    service.register().await?;
    let identity = service.certificate().await?;
    match service.backend.inventory().await {
        Ok(report) => {
            service.state().ledger.refresh(report);
        }
        Err(error) => tracing::warn!(%error, "the machine room does not say what it has"),
    }
    service.resync().await?;

    service.spawn(Arc::clone(&service).take_stock_forever());
    service.spawn(Arc::clone(&service).listen_forever());
    service.spawn(Arc::clone(&service).follow());
    service.spawn(Arc::clone(&service).resync_forever());
    service.spawn(Arc::clone(&service).tick_forever());
    service.spawn(reconcile::run(Arc::clone(&service)));
    gateway::serve(Arc::clone(&service), gateway, &identity).await?;
    if let Some(listener) = grpc {
        gateway::grpc::serve(&service, listener, &identity)?;
    }
    if let Some(listener) = ingress {
        ingress::serve(Arc::clone(&service), listener);
    }
    tracing::info!(
        address = %service.address, gateway = %handle.gateway, ingress = ?handle.ingress,
        "provider started"
    );
    Ok(handle)
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    let failed = |source| Error::Listen { what, address, source };
    TcpListener::bind(address).await.map_err(failed)
}

/// What a provider did so far, for summaries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub bids_sent: u64,
    pub withdrawals: u64,
    pub leases: usize,
    pub open_bids: usize,
    /// The last block that was handled.
    pub height: u64,
}

impl Handle {
    /// The provider's account.
    pub fn address(&self) -> &Address {
        &self.service.address
    }

    /// Why recent orders got no bid; newest last. The gateway serves the same at `/declines`.
    pub fn declines(&self) -> Vec<Decline> {
        self.service.state().declines.iter().map(declines::Decline::show).collect()
    }

    pub fn counters(&self) -> Counters {
        let state = self.service.state();
        Counters {
            bids_sent: state.bids_sent,
            withdrawals: state.withdrawals,
            leases: state.leases.len(),
            open_bids: state.orders.len(),
            height: state.height,
        }
    }

    /// Stops taking work, lets what is under way end within the configured time, and leaves workloads
    /// and open bids as they are: the next start finds them.
    pub async fn shutdown(self) {
        let drain: Duration = self.service.config.timers.drain.0;
        self.service.stop.cancel();
        self.service.tasks.close();
        if tokio::time::timeout(drain, self.service.tasks.wait()).await.is_err() {
            tracing::warn!("something did not end in time");
        }
        tracing::info!(address = %self.service.address, "provider stopped");
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.service.stop.cancel();
    }
}
