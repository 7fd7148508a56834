//! Compiling the file and creating the deployment.

use std::path::Path;

use client::Wallet;
use serde_json::json;
use types::{
    Int,
    wire::{
        akash::{
            base::deposit::v1::{Deposit, Source},
            deployment::{v1::DeploymentId, v1beta4::MsgCreateDeployment},
            market::v1beta5::OrderFilters,
        },
        cosmos::base::v1beta1::Coin,
    },
};

use super::{Args, Deployment};
use crate::{
    commands::{
        market,
        sdl::{input, report},
    },
    context::Context,
    failure::{Failure, Result, WRONG_INPUT},
    numbers,
};

/// How often a number that somebody took in the meantime is replaced by the next one.
const DSEQ_TRIES: u64 = 16;

/// Compiles the file; everything that is wrong with it is said at once, in the words of
/// `haggle sdl check`.
pub(super) fn compile(cx: &Context, file: &Path) -> Result<sdl::Compiled> {
    let source = input::read(file)?;
    match report::compile(&cx.printer, &source) {
        Ok((compiled, warnings)) => {
            if !warnings.is_empty() {
                cx.printer.note(warnings.render(report::drawing(&cx.printer)).trim_end());
                cx.printer.note("");
            }
            Ok(compiled)
        }
        Err(mut failure) => {
            if let Some(first) = failure.messages.first_mut() {
                first.push_str("; nothing was sent");
            }
            Err(failure.code(WRONG_INPUT))
        }
    }
}

/// Shows what a file compiles to.
pub(super) fn show(cx: &Context, compiled: &sdl::Compiled) -> Result {
    let manifest: serde_json::Value = serde_json::from_slice(&compiled.manifest_json())
        .map_err(|it| Failure::new("the manifest is not JSON").caused_by(it))?;
    cx.printer.value(&json!({
        "hash": compiled.version_hex(),
        "groups": compiled.groups_json(),
        "manifest": manifest,
    }));
    Ok(())
}

/// Creates the deployment and waits until it is in a block.
pub(super) async fn create(
    cx: &Context,
    args: &Args,
    compiled: &sdl::Compiled,
    wallet: Wallet,
) -> Result<Deployment> {
    let chain = wallet.chain();
    let owner = wallet.address().to_owned();
    let deposit = deposit(args, compiled, &wallet).await?;
    afford(&wallet, &deposit).await?;

    let first = match args.dseq {
        Some(dseq) => dseq,
        None => chain.status().await?.latest_height.max(1),
    };
    let tries = if args.dseq.is_some() { 1 } else { DSEQ_TRIES };
    let mut dseq = first;
    let created = loop {
        let message = MsgCreateDeployment {
            id: DeploymentId { owner: owner.clone(), dseq },
            groups: compiled.groups.clone(),
            hash: compiled.version().to_vec(),
            deposit: Deposit { amount: deposit.clone(), sources: vec![Source::Balance as i32] },
            reclamation: compiled.reclamation(),
        };
        let sent = {
            let text = format!("creating deployment {dseq} on {}", chain.chain_id());
            let _progress = cx.printer.progress(text);
            wallet.send_one(&message).await
        };
        match sent {
            Err(error) if exists(&error) && dseq + 1 < first + tries => dseq += 1,
            other => break other?,
        }
    };
    let filters = OrderFilters { owner: owner.clone(), dseq, ..Default::default() };
    let orders: Vec<_> = chain.orders(filters).await?.into_iter().map(|it| it.id).collect();
    cx.printer.done(format!(
        "deployment {dseq} in block {}, {} in escrow, {}",
        created.height,
        numbers::coin(&deposit),
        match orders.len() {
            1 => "one order".to_owned(),
            count => format!("{count} orders"),
        }
    ));
    Ok(Deployment { owner, dseq, orders, created, wallet })
}

/// Whether the number is taken.
fn exists(error: &client::Error) -> bool {
    use client::Error::{Failed, Refused};
    matches!(error, Failed { codespace, code: 3, .. } | Refused { codespace, code: 3, .. }
        if codespace == "deployment")
}

/// What to put into escrow: what was asked for, or the least that the chain takes of the
/// denomination that the file is priced in.
async fn deposit(args: &Args, compiled: &sdl::Compiled, wallet: &Wallet) -> Result<Coin> {
    let priced = compiled.groups.first().map(market::most_per_block).transpose()?.flatten();
    let denom = priced.map(|it| it.1).unwrap_or_default();
    if let Some(text) = &args.deposit {
        return numbers::parse_coin(text, Some(&denom));
    }
    let params = wallet.chain().deployment_params().await?;
    match params.min_deposits.iter().find(|it| it.denom == denom) {
        Some(least) => Ok(least.clone()),
        None => {
            let known: Vec<&str> = params.min_deposits.iter().map(|it| it.denom.as_str()).collect();
            Err(Failure::input(format!(
                "the file is priced in {denom}, which this chain takes no deposits of"
            ))
            .hint(format!("price it in one of {}", known.join(", "))))
        }
    }
}

/// Says before anything is sent that the balance does not cover the deposit.
async fn afford(wallet: &Wallet, deposit: &Coin) -> Result {
    let held = wallet.chain().balance(wallet.address(), &deposit.denom).await?;
    let amount = |text: &str| text.parse::<Int>().unwrap_or(Int::ZERO);
    if amount(&held.amount) >= amount(&deposit.amount) {
        return Ok(());
    }
    Err(client::Error::LowBalance {
        address: wallet.address().to_owned(),
        log: format!(
            "it holds {} and the deposit is {}",
            numbers::coin(&held),
            numbers::coin(deposit)
        ),
    }
    .into())
}
