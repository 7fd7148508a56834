//! `haggle close`: close a deployment and show where the money went.

use serde_json::json;
use types::wire::akash::{deployment::v1::DeploymentId, deployment::v1beta4::MsgCloseDeployment};

use super::{market, settlement::Before};
use crate::{
    context::{Context, TxFlags},
    failure::{Failure, REFUSED, Result},
    numbers,
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The deployment
    pub dseq: u64,
    /// How to pay
    #[command(flatten)]
    pub tx: TxFlags,
}

/// Runs the command.
pub async fn run(cx: &Context, args: Args) -> Result {
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let owner = signer.address().to_owned();
    let found = chain.deployment(&owner, args.dseq).await?.ok_or_else(|| {
        Failure::not_found(format!("there is no deployment {} of {owner}", args.dseq))
            .hint("see `haggle deployments`")
    })?;
    if market::deployment_state(found.deployment.state) != "active" {
        return Err(
            Failure::new(format!("deployment {} is closed already", args.dseq)).code(REFUSED)
        );
    }
    let before = Before::of(&found)?;
    let wallet = cx.wallet(chain.clone(), signer, &args.tx)?;
    let done = {
        let _progress = cx.printer.progress(format!("closing deployment {}", args.dseq));
        let id = DeploymentId { owner: owner.clone(), dseq: args.dseq };
        wallet.send_one(&MsgCloseDeployment { id }).await?
    };
    let settlement = before.settle(&chain, &done).await?;
    let height = i64::try_from(done.height).unwrap_or(i64::MAX);
    let mut ends = market::lease_ends(&chain, &owner, args.dseq).await;
    ends.retain(|it| it.height == height);
    let out = &cx.printer;
    out.json(&json!({
        "owner": owner, "dseq": args.dseq.to_string(), "txhash": done.hash.to_string(),
        "height": done.height.to_string(), "settlement": settlement.json(),
        "ended": ends.iter().map(|it| json!({
            "gseq": it.id.gseq, "oseq": it.id.oseq, "provider": it.id.provider,
            "end": market::end_json(it),
        })).collect::<Vec<_>>(),
    }));
    out.done(format!("closed deployment {} in block {}", args.dseq, done.height));
    for end in &ends {
        let id = &end.id;
        let provider = numbers::brief(&id.provider);
        let why = market::end_text(end);
        out.line(format!("lease {}/{} of {provider} ended: {why}", id.gseq, id.oseq));
    }
    settlement.show(out);
    Ok(())
}
