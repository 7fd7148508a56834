//! Sending a message.

use clap::{Arg, ArgAction, Args as _, Command, FromArgMatches as _};
use prost_types::Any;
use serde_json::{Value, json};
use types::{
    json::Unknown,
    registry::{Kind, Message, registry},
    wire::cosmos::{
        authz::v1beta1::MsgExec,
        tx::v1beta1::{AuthInfo, Fee, Tx, TxBody},
    },
};

use super::{TxArgs, fields};
use crate::{
    context::{Context, TxFlags},
    failure::{Failure, Result},
    numbers,
};

/// Flags that are not fields.
const TAKEN: [&str; 18] = [
    "help",
    "version",
    "json",
    "home",
    "node",
    "grpc",
    "chain-id",
    "from",
    "verbose",
    "body",
    "gas",
    "gas-price",
    "gas-adjustment",
    "memo",
    "fee-granter",
    "dry-run",
    "generate-only",
    "on-behalf-of",
];

pub(super) fn augment(command: Command, input: &'static Message) -> Command {
    let about = command.get_about().cloned().unwrap_or_default();
    let command = fields::augment(command, input, &TAKEN)
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Only say how much gas it would use"),
        )
        .arg(
            Arg::new("generate-only")
                .long("generate-only")
                .action(ArgAction::SetTrue)
                .conflicts_with("dry-run")
                .help("Only print the unsigned transaction"),
        )
        .arg(
            Arg::new("on-behalf-of")
                .long("on-behalf-of")
                .value_name("ADDRESS")
                .help("Send it in another account's name, under its grant or its rule"),
        );
    // The flags bring a description of their own.
    TxFlags::augment_args(command).about(about)
}

/// Runs `haggle tx`.
pub async fn run(cx: &Context, TxArgs(chosen): TxArgs) -> Result {
    let matches = &chosen.matches;
    let flags = TxFlags::from_arg_matches(matches).map_err(|it| Failure::input(it.to_string()))?;
    let input = registry().message(chosen.method.input);
    let name = &input.full_name;
    let mut message = fields::json(matches, input, &TAKEN)?;
    let owner = matches.get_one::<String>("on-behalf-of");
    if let Some(path) = signer_path(input)
        && !fields::has(&message, &path)
    {
        let signer = owner.map_or_else(|| cx.address(), |it| Ok(it.clone()))?;
        fields::insert(&mut message, &path, Value::String(signer));
    }
    let value = types::json::bytes_of(name, &message, Unknown::Refuse)
        .map_err(|it| Failure::input(format!("this is not a {name}")).caused_by(it))?;
    let mut any = Any { type_url: format!("/{name}"), value };
    if owner.is_some() {
        any = client::tx::any(&MsgExec { grantee: cx.address()?, msgs: vec![any] });
    }
    if matches.get_flag("generate-only") {
        return generate(cx, any, &flags);
    }
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let wallet = cx.wallet(chain, signer, &flags)?;
    let out = &cx.printer;
    if matches.get_flag("dry-run") {
        let gas = wallet.simulate(vec![any]).await?;
        out.json(&json!({ "gas_used": gas.to_string() }));
        out.line(format!("it would use {gas} gas"));
        return Ok(());
    }
    let done = {
        let _progress = out.progress(format!("sending {name} on {}", wallet.chain().chain_id()));
        wallet.send(vec![any]).await?
    };
    let responses: Vec<Value> = done
        .responses()
        .iter()
        .filter_map(|it| types::json::value_of(it.type_url.trim_start_matches('/'), &it.value).ok())
        .collect();
    let fee: Vec<Value> =
        done.fee.iter().map(|it| json!({ "denom": it.denom, "amount": it.amount })).collect();
    out.json(&json!({
        "txhash": done.hash.to_string(),
        "height": done.height.to_string(),
        "code": 0,
        "gas_wanted": done.gas_wanted.to_string(),
        "gas_used": done.gas_used.to_string(),
        "fee": fee,
        "responses": responses,
        "events": done.events,
    }));
    out.line(format!("transaction  {}", done.hash));
    out.line(format!("block        {}", done.height));
    out.line(format!("gas          {} of {}", done.gas_used, done.gas_wanted));
    out.line(format!("fee          {}", numbers::coins(&done.fee)));
    Ok(())
}

fn generate(cx: &Context, message: Any, flags: &TxFlags) -> Result {
    let policy = cx.policy(flags)?;
    let gas_limit = flags.gas.unwrap_or(200_000);
    let tx = Tx {
        body: Some(TxBody {
            messages: vec![message],
            memo: policy.memo.clone(),
            ..Default::default()
        }),
        auth_info: Some(AuthInfo {
            fee: Some(Fee {
                amount: policy.gas_price.fee(gas_limit)?,
                gas_limit,
                granter: policy.fee_granter.clone(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        signatures: Vec::new(),
    };
    let value = types::json::to_value(&tx)
        .map_err(|it| Failure::new("could not print the transaction").caused_by(it))?;
    cx.printer.value(&value);
    Ok(())
}

/// Where the account that signs stands in a message (cosmos.md 1.3).
fn signer_path(message: &Message) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut at = message;
    loop {
        let name = match at.signers.first() {
            Some(name) => name.as_str(),
            // Ids of the market carry no option; the tables of the spec say who signs.
            None => match at.full_name.as_str() {
                "akash.market.v1.BidID" | "akash.market.v1.LeaseID" => {
                    let tenant = ["MsgCreateLease", "MsgCloseLease"];
                    match message.full_name.rsplit('.').next() {
                        Some(it) if tenant.contains(&it) => "owner",
                        _ => "provider",
                    }
                }
                _ if at.field_by_name("owner").is_some() => "owner",
                _ if at.field_by_name("id").is_some() => "id",
                _ if at.field_by_name("bid_id").is_some() => "bid_id",
                _ => return None,
            },
        };
        let (_, field) = at.field_by_name(name)?;
        path.push(field.name.clone());
        match field.kind {
            Kind::String => return Some(path),
            Kind::Message(index) if path.len() < 4 => at = registry().message(index),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signer_of_a_message_is_where_the_reference_looks_for_it() {
        for (message, path) in [
            ("cosmos.bank.v1beta1.MsgSend", "from_address"),
            ("akash.deployment.v1beta4.MsgCreateDeployment", "id.owner"),
            ("akash.deployment.v1beta4.MsgCloseGroup", "id.owner"),
            ("akash.market.v1beta5.MsgCreateBid", "id.provider"),
            ("akash.market.v1beta5.MsgCloseBid", "id.provider"),
            ("akash.market.v1beta5.MsgWithdrawLease", "id.provider"),
            ("akash.market.v1beta5.MsgLeaseStartReclaim", "id.provider"),
            ("akash.market.v1beta5.MsgCreateLease", "bid_id.owner"),
            ("akash.market.v1beta5.MsgCloseLease", "id.owner"),
            ("akash.cert.v1.MsgCreateCertificate", "owner"),
            ("akash.cert.v1.MsgRevokeCertificate", "id.owner"),
            ("akash.escrow.v1.MsgAccountDeposit", "signer"),
            ("akash.provider.v1beta4.MsgCreateProvider", "owner"),
            ("akash.audit.v1.MsgSignProviderAttributes", "auditor"),
        ] {
            let found = signer_path(registry().message_by_name(message).expect("known"));
            assert_eq!(found.expect("a signer").join("."), path, "{message}");
        }
    }
}
