//! The faucet of a local cloud: coins that are worth nothing, for whoever asks.
//!
//! `POST /credit {"address": "akash1…", "denom": "uakt"}` as `@cosmjs/faucet-client` calls it
//! (without `denom` all of them), `GET /status`. Called by `up`. Owns the wallet of the account
//! `faucet`; requests are answered one after the other.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use client::{
    chain::{Chain, Endpoints},
    tx::{Policy, Wallet},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use types::wire::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin};

use crate::{
    context::Context,
    failure::{Failure, Result, WRONG_INPUT},
    local::DENOMS,
};

/// What one request gives of each denomination, in micro-units.
const CREDIT: u64 = 100_000_000;

/// A running faucet.
pub struct Faucet {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Inner {
    wallet: Wallet,
    chain_id: String,
    rpc: String,
}

/// Starts the faucet with the key `faucet` of the keyring.
pub async fn start(cx: &Context, rpc: &str, listen: SocketAddr) -> Result<Faucet> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure::new(format!("cannot listen on {listen} for the faucet"))
            .code(WRONG_INPUT)
            .caused_by(error)
            .hint("stop what listens there, or set another address with --faucet-listen")
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new("the faucet's socket has no address").caused_by(error))?;
    let signer = cx.keyring()?.signer("faucet", &cx.password(false)?)?;
    let chain = Chain::connect(&Endpoints::rpc(rpc)).await?;
    let inner = Arc::new(Inner {
        chain_id: chain.chain_id().to_owned(),
        wallet: Wallet::new(chain, Arc::new(signer), Policy::default()),
        rpc: rpc.to_owned(),
    });
    let app = Router::new()
        .route("/credit", post(credit))
        .route("/status", get(status))
        .with_state(inner);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the faucet stopped");
        }
    });
    Ok(Faucet { address, stop, task })
}

impl Faucet {
    /// Finishes the requests under way.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn status(State(faucet): State<Arc<Inner>>) -> Response {
    Json(json!({
        "status": "ok",
        "chainId": faucet.chain_id,
        "nodeUrl": faucet.rpc,
        "chainTokens": DENOMS,
        "availableTokens": DENOMS,
        "holder": { "address": faucet.wallet.address() },
    }))
    .into_response()
}

#[derive(Deserialize)]
struct Credit {
    address: String,
    denom: Option<String>,
}

async fn credit(State(faucet): State<Arc<Inner>>, body: Json<Credit>) -> Response {
    let refuse =
        |text: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": text }))).into_response();
    if let Err(error) = body.address.parse::<types::Address>() {
        return refuse(format!("address: {error}"));
    }
    let denoms: Vec<&str> = match body.denom.as_deref() {
        None => DENOMS.to_vec(),
        Some(denom) if DENOMS.contains(&denom) => vec![denom],
        Some(denom) => {
            return refuse(format!("denom {denom:?} is none of {}", DENOMS.join(", ")));
        }
    };
    let coin = |denom: &str| Coin { denom: denom.to_owned(), amount: CREDIT.to_string() };
    let message = MsgSend {
        from_address: faucet.wallet.address().to_owned(),
        to_address: body.address.clone(),
        amount: denoms.into_iter().map(coin).collect(),
    };
    match faucet.wallet.send_one(&message).await {
        Ok(done) => Json(json!({ "transactionHash": done.hash.to_string() })).into_response(),
        Err(error) => {
            let body = Json(json!({ "error": error.to_string() }));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}
