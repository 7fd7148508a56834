//! `haggle deployments|orders|bids|leases`: what is on the market.
//!
//! By default the own things that are open; `--all` for everyone's, `--state` for others.

use client::{Chain, price};
use serde_json::{Value, json};
use types::{
    Dec,
    wire::{
        akash::{
            deployment::{v1::deployment, v1beta4 as wire},
            market::{
                v1::{LeaseClosedReason, LeaseFilters, LeaseId, lease},
                v1beta5::{BidFilters, OrderFilters, bid, order},
            },
        },
        cosmos::base::v1beta1::DecCoin,
        haggle::market::v1::{LeaseEnd, LeaseEndCause},
    },
};

use crate::{
    context::Context,
    failure::{Failure, Result},
    numbers,
    printer::Column,
};

/// Which things are wanted.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Filter {
    /// Only this deployment
    pub dseq: Option<u64>,
    /// Of this account; the own one by default
    #[arg(long, value_name = "ADDRESS", conflicts_with = "all")]
    pub owner: Option<String>,
    /// Of everyone
    #[arg(short, long)]
    pub all: bool,
}

impl Filter {
    fn owner(&self, cx: &Context) -> Result<String> {
        match (&self.owner, self.all) {
            (_, true) => Ok(String::new()),
            (Some(owner), _) => Ok(owner.clone()),
            (None, _) => cx.address(),
        }
    }
}

/// Arguments of `deployments`.
#[derive(Debug, clap::Args)]
pub struct DeploymentsArgs {
    /// Which
    #[command(flatten)]
    pub filter: Filter,
    /// Only in this state: `active` or `closed`
    #[arg(long, value_parser = ["active", "closed"])]
    pub state: Option<String>,
}

/// Arguments of `orders`.
#[derive(Debug, clap::Args)]
pub struct OrdersArgs {
    /// Which
    #[command(flatten)]
    pub filter: Filter,
    /// Only in this state
    #[arg(long, value_parser = ["open", "active", "closed"])]
    pub state: Option<String>,
}

/// Arguments of `bids`.
#[derive(Debug, clap::Args)]
pub struct BidsArgs {
    /// Which
    #[command(flatten)]
    pub filter: Filter,
    /// Only of this provider
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub provider: String,
    /// Only in this state
    #[arg(long, value_parser = ["open", "active", "lost", "closed"])]
    pub state: Option<String>,
}

/// Arguments of `leases`.
#[derive(Debug, clap::Args)]
pub struct LeasesArgs {
    /// Which
    #[command(flatten)]
    pub filter: Filter,
    /// Only of this provider
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub provider: String,
    /// Only in this state
    #[arg(long, value_parser = ["active", "insufficient_funds", "closed", "reclaiming"])]
    pub state: Option<String>,
}

/// Runs `deployments`.
pub async fn deployments(cx: &Context, args: DeploymentsArgs) -> Result {
    let chain = cx.chain().await?;
    let filters = wire::DeploymentFilters {
        owner: args.filter.owner(cx)?,
        dseq: args.filter.dseq.unwrap_or_default(),
        state: args.state.unwrap_or_default(),
    };
    let found = chain.deployments(filters).await?;
    let list = found.iter().map(deployment_json).collect::<Result<Vec<_>>>()?;
    cx.printer.json(&json!({ "deployments": list }));
    if found.is_empty() {
        return nothing(cx, "deployments", args.filter.dseq);
    }
    let mut rows = Vec::new();
    for it in &found {
        let id = &it.deployment.id;
        let funds = it.escrow_account.state.funds.iter().map(|it| {
            let amount = Dec::from_wire_or_zero(&it.amount)?;
            Ok(numbers::tokens(amount, &it.denom, 6))
        });
        rows.push(vec![
            id.dseq.to_string(),
            id.owner.clone(),
            deployment_state(it.deployment.state).to_owned(),
            it.groups.iter().map(|it| it.group_spec.name.clone()).collect::<Vec<_>>().join(", "),
            funds.collect::<Result<Vec<_>>>()?.join(", "),
            it.deployment.created_at.to_string(),
        ]);
    }
    cx.printer.table(
        &[
            Column::Number("dseq"),
            Column::Text("owner"),
            Column::Text("state"),
            Column::Text("groups"),
            Column::Number("in escrow"),
            Column::Number("since block"),
        ],
        &rows,
    );
    Ok(())
}

/// A deployment for a program.
pub fn deployment_json(it: &wire::QueryDeploymentResponse) -> Result<Value> {
    let funds = it.escrow_account.state.funds.iter().map(|it| {
        let amount = Dec::from_wire_or_zero(&it.amount)?;
        Ok(json!({ "denom": it.denom, "amount": amount.to_string() }))
    });
    Ok(json!({
        "owner": it.deployment.id.owner,
        "dseq": it.deployment.id.dseq.to_string(),
        "state": deployment_state(it.deployment.state),
        "hash": hex::encode(&it.deployment.hash),
        "created_at": it.deployment.created_at,
        "groups": it.groups.iter().map(|it| json!({
            "gseq": it.id.gseq, "name": it.group_spec.name, "state": group_state(it.state),
        })).collect::<Vec<_>>(),
        "funds": funds.collect::<Result<Vec<_>>>()?,
    }))
}

/// Runs `orders`.
pub async fn orders(cx: &Context, args: OrdersArgs) -> Result {
    let chain = cx.chain().await?;
    let filters = OrderFilters {
        owner: args.filter.owner(cx)?,
        dseq: args.filter.dseq.unwrap_or_default(),
        state: args.state.unwrap_or_default(),
        ..Default::default()
    };
    let found = chain.orders(filters).await?;
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for it in &found {
        let state = order::State::try_from(it.state).map_or("unknown", |it| it.as_str_name());
        let most = most_per_block(&it.spec)?;
        list.push(json!({
            "owner": it.id.owner, "dseq": it.id.dseq.to_string(), "gseq": it.id.gseq,
            "oseq": it.id.oseq, "state": state, "group": it.spec.name, "created_at": it.created_at,
            "most_per_block": most.as_ref().map(|(amount, denom)| coin_json(*amount, denom)),
        }));
        rows.push(vec![
            it.id.dseq.to_string(),
            format!("{}/{}", it.id.gseq, it.id.oseq),
            it.id.owner.clone(),
            state.to_owned(),
            it.spec.name.clone(),
            most.map(|(amount, denom)| numbers::tokens(amount, &denom, 6)).unwrap_or_default(),
            it.created_at.to_string(),
        ]);
    }
    cx.printer.json(&json!({ "orders": list }));
    if found.is_empty() {
        return nothing(cx, "orders", args.filter.dseq);
    }
    cx.printer.table(
        &[
            Column::Number("dseq"),
            Column::Text("gseq/oseq"),
            Column::Text("owner"),
            Column::Text("state"),
            Column::Text("group"),
            Column::Number("at most per block"),
            Column::Number("since block"),
        ],
        &rows,
    );
    Ok(())
}

/// What a group pays per block at most.
pub fn most_per_block(group: &wire::GroupSpec) -> Result<Option<(Dec, String)>> {
    let mut sum = Dec::ZERO;
    for unit in &group.resources {
        sum = sum.add(numbers::dec_coin(&unit.price)?.mul_int(u64::from(unit.count))?)?;
    }
    Ok(group.resources.first().map(|it| (sum, it.price.denom.clone())))
}

/// Runs `bids`.
pub async fn bids(cx: &Context, args: BidsArgs) -> Result {
    let chain = cx.chain().await?;
    let filters = BidFilters {
        owner: if args.provider.is_empty() || args.filter.owner.is_some() {
            args.filter.owner(cx)?
        } else {
            String::new()
        },
        dseq: args.filter.dseq.unwrap_or_default(),
        provider: args.provider,
        state: args.state.unwrap_or_default(),
        ..Default::default()
    };
    let found = chain.bids(filters).await?;
    let block_time_ms = cx.block_time_ms(&chain).await;
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for it in &found {
        let id = &it.bid.id;
        let state = bid::State::try_from(it.bid.state).map_or("unknown", |it| it.as_str_name());
        let price = Price::of(&it.bid.price, block_time_ms)?;
        list.push(json!({
            "owner": id.owner, "dseq": id.dseq.to_string(), "gseq": id.gseq, "oseq": id.oseq,
            "provider": id.provider, "state": state, "price": price.json(),
            "created_at": it.bid.created_at,
        }));
        let [block, hour, month] = price.texts();
        rows.push(vec![
            id.dseq.to_string(),
            format!("{}/{}", id.gseq, id.oseq),
            id.provider.clone(),
            state.to_owned(),
            block,
            hour,
            month,
        ]);
    }
    cx.printer.json(&json!({ "bids": list, "block_time_ms": block_time_ms }));
    if found.is_empty() {
        return nothing(cx, "bids", args.filter.dseq);
    }
    cx.printer.table(
        &[
            Column::Number("dseq"),
            Column::Text("gseq/oseq"),
            Column::Text("provider"),
            Column::Text("state"),
            Column::Number("per block"),
            Column::Number("per hour"),
            Column::Number("per month"),
        ],
        &rows,
    );
    Ok(())
}

/// Runs `leases`.
pub async fn leases(cx: &Context, args: LeasesArgs) -> Result {
    let chain = cx.chain().await?;
    let filters = LeaseFilters {
        owner: if args.provider.is_empty() || args.filter.owner.is_some() {
            args.filter.owner(cx)?
        } else {
            String::new()
        },
        dseq: args.filter.dseq.unwrap_or_default(),
        provider: args.provider,
        state: args.state.unwrap_or_default(),
        ..Default::default()
    };
    let owner = filters.owner.clone();
    let found = chain.leases(filters).await?;
    let ended = found.iter().any(|it| it.lease.closed_on != 0);
    let ends = if ended && !owner.is_empty() {
        lease_ends(&chain, &owner, args.filter.dseq.unwrap_or_default()).await
    } else {
        Vec::new()
    };
    let block_time_ms = cx.block_time_ms(&chain).await;
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for it in &found {
        let id = &it.lease.id;
        let end = end_of(&ends, id);
        let price = Price::of(&it.lease.price, block_time_ms)?;
        let withdrawn = &it.escrow_payment.state.withdrawn;
        let mut one = lease_json(&it.lease, &price);
        if let Some(one) = one.as_object_mut() {
            one.insert(
                "withdrawn".to_owned(),
                json!({ "denom": withdrawn.denom, "amount": withdrawn.amount }),
            );
            if let Some(end) = end {
                one.insert("end".to_owned(), end_json(end));
            }
        }
        list.push(one);
        let mut row = vec![
            id.dseq.to_string(),
            format!("{}/{}", id.gseq, id.oseq),
            id.provider.clone(),
            lease_state(it.lease.state).to_owned(),
            price.texts()[1].clone(),
            numbers::coin(withdrawn),
            it.lease.created_at.to_string(),
        ];
        if ended {
            row.push(end.map(end_text).unwrap_or_default());
        }
        rows.push(row);
    }
    cx.printer.json(&json!({ "leases": list, "block_time_ms": block_time_ms }));
    if found.is_empty() {
        return nothing(cx, "leases", args.filter.dseq);
    }
    let mut columns = vec![
        Column::Number("dseq"),
        Column::Text("gseq/oseq"),
        Column::Text("provider"),
        Column::Text("state"),
        Column::Number("per hour"),
        Column::Number("paid out"),
        Column::Number("since block"),
    ];
    if ended {
        columns.push(Column::Text("why it ended"));
    }
    cx.printer.table(&columns, &rows);
    Ok(())
}

/// A lease for a program.
pub fn lease_json(it: &types::wire::akash::market::v1::Lease, price: &Price) -> Value {
    json!({
        "owner": it.id.owner, "dseq": it.id.dseq.to_string(), "gseq": it.id.gseq,
        "oseq": it.id.oseq, "provider": it.id.provider, "state": lease_state(it.state),
        "price": price.json(), "created_at": it.created_at, "closed_on": it.closed_on,
    })
}

/// Why a lease ended, for a person: who, what, when.
pub fn end_text(end: &LeaseEnd) -> String {
    let why = match end.cause() {
        LeaseEndCause::LeaseEndUnspecified => "unknown",
        LeaseEndCause::LeaseEndTenantClosedLease => "the tenant closed the lease",
        LeaseEndCause::LeaseEndTenantClosedGroup => "the tenant closed the group",
        LeaseEndCause::LeaseEndTenantPausedGroup => "the tenant paused the group",
        LeaseEndCause::LeaseEndTenantClosedDeployment => "the tenant closed the deployment",
        LeaseEndCause::LeaseEndProviderClosed => "the provider closed its bid",
        LeaseEndCause::LeaseEndProviderReclaimed => "the provider took it back after notice",
        LeaseEndCause::LeaseEndInsufficientFunds => "the money ran out",
    };
    match LeaseClosedReason::try_from(end.reason) {
        Ok(reason) if end.reason >= 10_000 && end.reason < 20_000 => {
            let word = reason.as_str_name().trim_start_matches("lease_closed_reason_");
            format!("{why} ({word}) in block {}", end.height)
        }
        _ => format!("{why} in block {}", end.height),
    }
}

/// The same for a program; the name of the cause is the one of event and query.
pub fn end_json(end: &LeaseEnd) -> Value {
    json!({
        "cause": end.cause().as_str_name(), "actor": end.actor, "height": end.height,
        "reason": end.reason,
    })
}

/// How leases of an owner's deployment (0: of all) ended, as far as the chain keeps records.
pub async fn lease_ends(chain: &Chain, owner: &str, dseq: u64) -> Vec<LeaseEnd> {
    // A chain without records, such as the reference network, has no such query.
    chain.lease_ends(owner, dseq).await.unwrap_or_default()
}

/// The end of one lease.
pub fn end_of<'a>(ends: &'a [LeaseEnd], id: &LeaseId) -> Option<&'a LeaseEnd> {
    ends.iter().find(|it| it.id == *id)
}

/// A price in three measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Per block, in micro-units.
    pub block: Dec,
    /// Per hour.
    pub hour: Dec,
    /// Per month.
    pub month: Dec,
    /// The denomination.
    pub denom: String,
}

impl Price {
    /// Of a price on the wire.
    pub fn of(coin: &DecCoin, block_time_ms: u64) -> Result<Price> {
        let block = price::per_block(coin)?;
        Ok(Price {
            block,
            hour: price::per_hour(block, block_time_ms)?,
            month: price::per_month(block, block_time_ms)?,
            denom: coin.denom.clone(),
        })
    }

    /// For a person: per block in micro-units, per hour and month in tokens.
    pub fn texts(&self) -> [String; 3] {
        [
            format!("{} {}", numbers::short(self.block, 6), self.denom),
            numbers::tokens(self.hour, &self.denom, 4),
            numbers::tokens(self.month, &self.denom, 2),
        ]
    }

    /// For a program.
    pub fn json(&self) -> Value {
        json!({
            "denom": self.denom, "per_block": self.block.to_string(),
            "per_hour": self.hour.to_string(), "per_month": self.month.to_string(),
        })
    }
}

/// An amount for a program.
pub fn coin_json(amount: Dec, denom: &str) -> Value {
    json!({ "denom": denom, "amount": amount.to_string() })
}

/// The name of a deployment's state.
pub fn deployment_state(state: i32) -> &'static str {
    deployment::State::try_from(state).map_or("unknown", |it| it.as_str_name())
}

/// The name of a group's state.
pub fn group_state(state: i32) -> &'static str {
    wire::group::State::try_from(state).map_or("unknown", |it| it.as_str_name())
}

/// The name of a lease's state.
pub fn lease_state(state: i32) -> &'static str {
    lease::State::try_from(state).map_or("unknown", |it| it.as_str_name())
}

/// The active leases of a deployment.
pub async fn active_leases(chain: &Chain, owner: &str, dseq: u64) -> Result<Vec<LeaseId>> {
    let filters = LeaseFilters {
        owner: owner.to_owned(),
        dseq,
        state: "active".to_owned(),
        ..Default::default()
    };
    Ok(chain.leases(filters).await?.into_iter().map(|it| it.lease.id).collect())
}

/// Says that there is nothing; an error when one thing was asked for by its number.
fn nothing(cx: &Context, things: &str, dseq: Option<u64>) -> Result {
    match dseq {
        Some(dseq) if things == "deployments" => {
            Err(Failure::not_found(format!("there is no deployment {dseq} of this account"))
                .hint("see `haggle deployments`, or give its --owner"))
        }
        _ => {
            cx.printer.line(format!("No {things}."));
            Ok(())
        }
    }
}
