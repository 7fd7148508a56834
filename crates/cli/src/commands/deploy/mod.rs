//! `haggle deploy`: from an SDL file to services that answer.
//!
//! The steps, each in a file of its own: [`open`] compiles the file and creates the deployment,
//! [`bids`] waits for offers and chooses, [`ready`] sends the manifest and waits until everything
//! runs. When no offer can be taken [`declines`] says why, and the deployment is closed again.

mod bids;
mod declines;
mod open;
mod ready;

use std::{path::PathBuf, time::Duration};

use client::{Chain, Wallet, any};
use serde_json::{Value, json};
use tokio::time::Instant;
use types::wire::akash::{
    deployment::{v1::DeploymentId, v1beta4::MsgCloseDeployment},
    market::{
        v1::{LeaseId, OrderId},
        v1beta5::MsgCreateLease,
    },
};

use self::bids::{Collected, Offer};
use super::{node::stop_signal, settlement::Before};
use crate::{
    context::{Context, TxFlags},
    failure::{Failure, INTERRUPTED, NO_BIDS, Result},
    numbers,
};

/// Arguments.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The SDL file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What to put into escrow, such as 5000000uact; by default the least that the chain takes
    #[arg(long, value_name = "COIN")]
    pub deposit: Option<String>,
    /// Number of the deployment; by default the height of the chain
    #[arg(long, value_name = "NUMBER")]
    pub dseq: Option<u64>,
    /// Take offers of this provider only; may be given several times
    #[arg(long = "provider", value_name = "ADDRESS")]
    pub providers: Vec<String>,
    /// Take no offer above this price per block, in micro-units
    #[arg(long, value_name = "AMOUNT")]
    pub max_price: Option<types::Dec>,
    /// Choose among the offers by hand
    #[arg(short, long)]
    pub interactive: bool,
    /// Keep waiting when there are no bids, until Ctrl-C
    #[arg(long)]
    pub wait: bool,
    /// Seconds to wait for a first bid
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub bid_timeout: u64,
    /// Seconds to wait for more bids after the first
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub bid_pause: u64,
    /// Seconds to wait until everything runs
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub ready_timeout: u64,
    /// Only compile the file and show what would be sent
    #[arg(long)]
    pub dry_run: bool,
    /// How to pay
    #[command(flatten)]
    pub tx: TxFlags,
}

/// A deployment that exists on the chain.
struct Deployment {
    wallet: Wallet,
    owner: String,
    dseq: u64,
    orders: Vec<OrderId>,
    created: client::tx::Done,
}

impl Deployment {
    fn chain(&self) -> &Chain {
        self.wallet.chain()
    }
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    first_bid: Duration,
    lease: Duration,
    ready: Duration,
    whole: Duration,
}

/// Runs the command.
pub async fn run(cx: &Context, args: Args) -> Result {
    let start = Instant::now();
    let out = &cx.printer;
    let compiled = open::compile(cx, &args.file)?;
    if args.dry_run {
        return open::show(cx, &compiled);
    }
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let wallet = cx.wallet(chain, signer, &args.tx)?;

    // Somebody who stops us gets the money back for as long as nothing is leased.
    let stop = stop_signal();
    tokio::pin!(stop);
    let deployment = {
        let create = open::create(cx, &args, &compiled, wallet);
        tokio::pin!(create);
        tokio::select! {
            created = &mut create => created?,
            _ = &mut stop => {
                // Half of a transaction cannot be taken back; the whole can.
                out.note("interrupted: waiting for the transaction under way");
                return interrupted(cx, &create.await?).await;
            }
        }
    };
    let dseq = deployment.dseq;
    let collected = tokio::select! {
        collected = bids::collect(cx, &args, &deployment, start) => {
            collected.map_err(|it| left_open(it, dseq))?
        }
        _ = &mut stop => return interrupted(cx, &deployment).await,
    };
    let chosen = match bids::choose(cx, &args, &deployment, &collected)? {
        Some(chosen) => chosen,
        None => return no_bids(cx, &args, &deployment, &compiled, &collected).await,
    };

    let before_lease = Instant::now();
    // Whoever made no offer is asked why, while the best offer is taken.
    let (leases, declined) = tokio::join!(
        take(&deployment, &chosen),
        declines::explain_silent(&deployment, &args, &compiled, &collected)
    );
    let leased = Instant::now();
    if !declined.is_empty() {
        declines::show(cx, &declined);
    }
    let (leases, height) = leases.map_err(|it| left_open(it, dseq))?;
    for it in &chosen {
        out.done(format!("lease with {} in block {height}", it.name()));
    }
    let manifest = String::from_utf8(compiled.manifest_json())
        .map_err(|it| Failure::new("the manifest is not text").caused_by(it))?;
    let running = tokio::select! {
        running = ready::bring_up(cx, &args, &deployment, &leases, &manifest) => {
            running.map_err(|it| left_open(it, dseq))?
        }
        _ = &mut stop => {
            let failure = Failure::new("interrupted; the lease goes on").code(INTERRUPTED);
            return Err(left_open(failure, dseq));
        }
    };
    let times = Times {
        first_bid: collected.first_bid,
        lease: leased.duration_since(before_lease),
        ready: leased.elapsed(),
        whole: start.elapsed(),
    };

    let prices: Vec<Value> = chosen
        .iter()
        .map(|it| json!({ "gseq": it.id.gseq, "provider": it.id.provider, "price": it.price.json() }))
        .collect();
    out.json(&json!({
        "owner": deployment.owner,
        "dseq": dseq.to_string(),
        "height": deployment.created.height.to_string(),
        "txhash": deployment.created.hash.to_string(),
        "bids": collected.offers.iter().map(|it| it.json(chosen.iter().any(|chosen| chosen.id == it.id))).collect::<Vec<_>>(),
        "declined": declined.iter().map(declines::Explanation::json).collect::<Vec<_>>(),
        "leases": prices,
        "services": running.iter().map(ready::Running::json).collect::<Vec<_>>(),
        "times_ms": {
            "sdl_to_first_bid": millis(times.first_bid),
            "bid_to_lease": millis(times.lease),
            "lease_to_ready": millis(times.ready),
            "whole": millis(times.whole),
        },
    }));
    ready::show(cx, &running);
    out.line("");
    out.line(format!("SDL to first bid  {}", numbers::duration(times.first_bid)));
    out.line(format!("bid to lease      {}", numbers::duration(times.lease)));
    out.line(format!("lease to ready    {}", numbers::duration(times.ready)));
    out.line(format!("whole             {}", numbers::duration(times.whole)));
    out.note("");
    out.note(format!(
        "Next: haggle logs {dseq} --follow    haggle status {dseq}    haggle close {dseq}"
    ));
    Ok(())
}

/// Gives the money back to somebody who stopped us before anything was leased.
async fn interrupted(cx: &Context, deployment: &Deployment) -> Result {
    cx.printer.note("interrupted: closing the deployment");
    give_back(cx, deployment).await.map_err(|it| left_open(it, deployment.dseq))?;
    let mut failure = Failure::new("interrupted; the deployment is closed and refunded");
    failure.detail = Some(Box::new(json!({ "dseq": deployment.dseq.to_string() })));
    Err(failure.code(INTERRUPTED))
}

/// A failure that leaves a deployment behind says which, and how to look at it and close it.
fn left_open(mut failure: Failure, dseq: u64) -> Failure {
    let next = format!(
        "deployment {dseq} is still open: see `haggle status {dseq}`; `haggle close {dseq}` gives the \
         rest of the money back"
    );
    failure.hint = Some(match failure.hint {
        Some(hint) => format!("{hint}; {next}"),
        None => next,
    });
    failure.detail.get_or_insert_with(|| Box::new(json!({ "dseq": dseq.to_string() })));
    failure
}

/// Takes the chosen offers, all in one transaction.
async fn take(deployment: &Deployment, chosen: &[Offer]) -> Result<(Vec<LeaseId>, u64)> {
    let messages = chosen.iter().map(|it| any(&MsgCreateLease { bid_id: it.id.clone() })).collect();
    let done = deployment.wallet.send(messages).await?;
    let lease = |it: &Offer| LeaseId {
        owner: it.id.owner.clone(),
        dseq: it.id.dseq,
        gseq: it.id.gseq,
        oseq: it.id.oseq,
        provider: it.id.provider.clone(),
        bseq: it.id.bseq,
    };
    Ok((chosen.iter().map(lease).collect(), done.height))
}

/// Nobody made an offer that can be taken: says who was asked and why each declined, and gives the
/// deposit back.
async fn no_bids(
    cx: &Context,
    args: &Args,
    deployment: &Deployment,
    compiled: &sdl::Compiled,
    collected: &Collected,
) -> Result {
    let reasons = declines::explain(deployment, args, compiled, collected).await?;
    declines::show(cx, &reasons);
    let (done, settlement) = give_back(cx, deployment).await?;
    let what = if collected.offers.is_empty() { "nobody made an offer" } else { "no offer fits" };
    let mut failure = Failure::new(format!("{what}; the deployment is closed and refunded"))
        .code(NO_BIDS)
        .hint("change what is asked for, raise the price in the file, or wait longer with --wait");
    failure.detail = Some(Box::new(json!({
        "dseq": deployment.dseq.to_string(),
        "asked": reasons.iter().map(declines::Explanation::json).collect::<Vec<_>>(),
        "closed_in": done.height.to_string(),
        "settlement": settlement,
    })));
    Err(failure)
}

/// Closes the deployment and shows what came back.
async fn give_back(cx: &Context, deployment: &Deployment) -> Result<(client::tx::Done, Value)> {
    let found = deployment.chain().deployment(&deployment.owner, deployment.dseq).await?;
    let before = found.as_ref().map(Before::of).transpose()?;
    let id = DeploymentId { owner: deployment.owner.clone(), dseq: deployment.dseq };
    let done = deployment.wallet.send_one(&MsgCloseDeployment { id }).await?;
    cx.printer.done(format!("closed deployment {} in block {}", deployment.dseq, done.height));
    let Some(before) = before else { return Ok((done, Value::Null)) };
    let settlement = before.settle(deployment.chain(), &done).await?;
    settlement.show(&cx.printer);
    let json = settlement.json();
    Ok((done, json))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
