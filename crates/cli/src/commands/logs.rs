//! `haggle logs`: what the services of a deployment wrote.

use client::gateway::{Gateway, LogQuery};
use futures::StreamExt;
use serde_json::json;

use crate::{
    commands::{market, node::stop_signal},
    context::Context,
    failure::{Failure, INTERRUPTED, Result},
    printer::clean,
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The deployment
    pub dseq: u64,
    /// Keep showing new lines until Ctrl-C
    #[arg(short = 'F', long)]
    pub follow: bool,
    /// Only of this service; may be given several times
    #[arg(short, long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// Only so many of the old lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<u64>,
}

/// Runs the command.
pub async fn run(cx: &Context, args: Args) -> Result {
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let leases = market::active_leases(&chain, signer.address(), args.dseq).await?;
    if leases.is_empty() {
        return Err(Failure::not_found(format!("deployment {} has no active lease", args.dseq))
            .hint("see `haggle leases`"));
    }
    let query = LogQuery { services: args.services, follow: args.follow, tail: args.tail };
    let mut streams = futures::stream::SelectAll::new();
    for lease in &leases {
        let gateway = Gateway::connect(&chain, &lease.provider, Some(signer.clone())).await?;
        let lines = gateway.logs(lease, &query).await?;
        streams.push(Box::pin(lines));
    }
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            line = streams.next() => match line {
                None => {
                    if args.follow {
                        cx.printer.note("the provider ended the stream");
                    }
                    return Ok(());
                }
                Some(line) => {
                    let line = line?;
                    let service = line.name.split('-').next().unwrap_or_default();
                    cx.printer.json_line(&json!({
                        "service": service, "name": line.name, "message": line.message,
                    }));
                    cx.printer.line(format!("{} | {}", clean(service), clean(&line.message)));
                }
            },
            _ = &mut stop => {
                return if args.follow {
                    Ok(())
                } else {
                    Err(Failure::new("interrupted").code(INTERRUPTED))
                };
            }
        }
    }
}
