//! `haggle status`: the node and the account, or one deployment.

use client::{Chain, gateway::Gateway};
use serde_json::{Value, json};

use crate::{
    commands::market::{self, Price},
    context::Context,
    failure::{Failure, Result},
    numbers,
    printer::{Column, Printer},
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A deployment; the node and the account without one
    pub dseq: Option<u64>,
    /// Whose deployment; the own account by default
    #[arg(long, value_name = "ADDRESS", requires = "dseq")]
    pub owner: Option<String>,
}

/// Runs the command.
pub async fn run(cx: &Context, args: Args) -> Result {
    let chain = cx.chain().await?;
    match args.dseq {
        None => node(cx, &chain).await,
        Some(dseq) => deployment(cx, &chain, args.owner, dseq).await,
    }
}

async fn node(cx: &Context, chain: &Chain) -> Result {
    let status = chain.status().await?;
    let block_time_ms = cx.block_time_ms(chain).await;
    // The account is shown when there is one; a machine without keys still has a node.
    let account = match cx.address() {
        Err(_) => None,
        Ok(address) => {
            let balances = chain.balances(&address).await?;
            let sequence = match chain.account(&address).await {
                Ok(account) => Some((account.account_number, account.sequence)),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            };
            Some((address, balances, sequence))
        }
    };
    let out = &cx.printer;
    out.json(&json!({
        "node": { "url": chain.rpc().url(), "status": status, "block_time_ms": block_time_ms },
        "account": account.as_ref().map(|(address, balances, sequence)| json!({
            "address": address,
            "balances": balances.iter().map(|it| json!({ "denom": it.denom, "amount": it.amount }))
                .collect::<Vec<_>>(),
            "account_number": sequence.map(|it| it.0.to_string()),
            "sequence": sequence.map(|it| it.1.to_string()),
        })),
    }));
    out.heading("Node");
    out.line(format!("  address     {}", chain.rpc().url()));
    out.line(format!("  chain       {}", status.chain_id));
    out.line(format!("  height      {} ({})", status.latest_height, status.latest_time));
    out.line(format!(
        "  block time  {}",
        numbers::duration(std::time::Duration::from_millis(block_time_ms))
    ));
    out.line(format!("  software    {}", status.version));
    if status.catching_up {
        out.warn("the node is catching up; what it shows is old");
    }
    out.line("");
    out.heading("Account");
    match account {
        None => out.line("  none; make one with `haggle keys add NAME`"),
        Some((address, balances, sequence)) => {
            out.line(format!("  address     {address}"));
            out.line(format!("  balance     {}", numbers::coins(&balances)));
            match sequence {
                Some((_, sequence)) => out.line(format!("  sent        {sequence} transactions")),
                None => {
                    out.line("  the chain does not know it yet; it exists from its first coin on")
                }
            }
        }
    }
    Ok(())
}

async fn deployment(cx: &Context, chain: &Chain, owner: Option<String>, dseq: u64) -> Result {
    let own = owner.is_none();
    let owner = match owner {
        Some(owner) => owner,
        None => cx.address()?,
    };
    let found = chain.deployment(&owner, dseq).await?.ok_or_else(|| {
        Failure::not_found(format!("there is no deployment {dseq} of {owner}"))
            .hint("see `haggle deployments`")
    })?;
    let block_time_ms = cx.block_time_ms(chain).await;
    let filters = types::wire::akash::market::v1::LeaseFilters {
        owner: owner.clone(),
        dseq,
        ..Default::default()
    };
    let leases = chain.leases(filters).await?;
    // The provider tells only the owner what runs, so the key is needed for that part.
    let live = leases.iter().any(|it| market::lease_state(it.lease.state) == "active");
    let signer = if own && live { Some(cx.signer()?) } else { None };

    let ended = leases.iter().any(|it| it.lease.closed_on != 0);
    let ends = if ended { market::lease_ends(chain, &owner, dseq).await } else { Vec::new() };

    let mut shown = Vec::new();
    for it in &leases {
        let lease = &it.lease;
        let price = Price::of(&lease.price, block_time_ms)?;
        let mut one = market::lease_json(lease, &price);
        let end = market::end_of(&ends, &lease.id);
        if let (Some(one), Some(end)) = (one.as_object_mut(), end) {
            one.insert("end".to_owned(), market::end_json(end));
        }
        let active = market::lease_state(lease.state) == "active";
        if let (Some(signer), true) = (&signer, active) {
            let asked = async {
                let gateway =
                    Gateway::connect(chain, &lease.id.provider, Some(signer.clone())).await?;
                Ok::<_, client::Error>((
                    gateway.uri().to_owned(),
                    gateway.lease_status(&lease.id).await?,
                ))
            };
            let status = match asked.await {
                Ok((uri, status)) => json!({ "gateway": uri, "status": status }),
                Err(error) => json!({ "error": Failure::from(error).to_string() }),
            };
            if let Some(one) = one.as_object_mut() {
                one.insert("provider_says".to_owned(), status);
            }
        }
        shown.push((lease.clone(), price, one));
    }

    let out = &cx.printer;
    let mut value = market::deployment_json(&found)?;
    if let Some(value) = value.as_object_mut() {
        let leases = shown.iter().map(|it| it.2.clone()).collect();
        value.insert("leases".to_owned(), Value::Array(leases));
    }
    out.json(&value);
    out.heading(&format!("Deployment {dseq}"));
    out.line(format!("  owner     {owner}"));
    out.line(format!("  state     {}", market::deployment_state(found.deployment.state)));
    out.line(format!("  hash      {}", hex::encode(&found.deployment.hash)));
    for (lease, price, one) in &shown {
        out.line("");
        out.heading(&format!("Lease {}/{}", lease.id.gseq, lease.id.oseq));
        out.line(format!("  provider  {}", lease.id.provider));
        out.line(format!("  state     {}", market::lease_state(lease.state)));
        if let Some(end) = market::end_of(&ends, &lease.id) {
            out.line(format!("  ended     {}", market::end_text(end)));
            out.line(format!("  ended by  {}", end.actor));
        }
        out.line(format!("  price     {} an hour", price.texts()[1]));
        if let Some(says) = one.get("provider_says") {
            services(out, says);
        }
    }
    Ok(())
}

fn services(out: &Printer, says: &Value) {
    if let Some(error) = says.get("error").and_then(Value::as_str) {
        out.warn(format!("the provider does not say what runs: {error}"));
        return;
    }
    let status: Option<client::gateway::LeaseStatus> =
        says.get("status").and_then(|it| serde_json::from_value(it.clone()).ok());
    let Some(status) = status else { return };
    let rows: Vec<Vec<String>> = status
        .services
        .values()
        .map(|it| {
            let ports = status.forwarded_ports.get(&it.name).into_iter().flatten();
            let ports = ports.map(|it| format!("{}:{} -> {}", it.host, it.external_port, it.port));
            let ways: Vec<String> =
                it.uris.iter().map(|it| format!("http://{it}")).chain(ports).collect();
            vec![it.name.clone(), format!("{}/{}", it.available, it.total), ways.join("\n")]
        })
        .collect();
    out.table(
        &[Column::Text("service"), Column::Number("ready"), Column::Text("reachable at")],
        &rows,
    );
}
