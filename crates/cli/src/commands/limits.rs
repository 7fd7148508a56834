//! `haggle limits`: keys that may spend for their owner, up to limits that the chain keeps.
//!
//! A rule is an authorization; these commands write one, show what is left of it, and take it back.
//! The key uses it with `haggle tx … --on-behalf-of OWNER`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use client::tx::any;
use prost_types::Timestamp;
use serde_json::json;
use types::{
    Address, Coins, DecCoin, timestamp,
    wire::{
        cosmos::{
            authz::v1beta1::{Grant, MsgGrant, MsgRevoke},
            base::v1beta1::Coin,
        },
        haggle::limits::v1::{
            DeploymentShape, MessageRule, MessageStatus, RuleStatus, SpendingLimitAuthorization,
        },
    },
};

use crate::{
    context::{Context, TxFlags},
    failure::{Failure, Result},
    numbers,
    printer::Column,
};

/// What to do with limits.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Put a key under a rule, or under a new one
    Grant(Box<GrantArgs>),
    /// Show rules and what is left of them today
    Show {
        /// Only the rule of this key
        #[arg(value_name = "KEY")]
        key: Option<String>,
        /// The rules that this account made; the own one by default
        #[arg(long, value_name = "ADDRESS")]
        owner: Option<String>,
        /// The rules that the own key is under, instead of those that it made
        #[arg(long, conflicts_with_all = ["owner", "key"])]
        mine: bool,
    },
    /// Take a rule back; grants that it kept shut hold again
    Revoke {
        /// The key
        #[arg(value_name = "KEY")]
        key: String,
        /// How to pay
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// Arguments of `grant`.
///
/// In any 24 hours, no more than this leaves the account through the key, whatever the key sends and
/// however it nests it: payments, deposits, delegations and fees count together. While the rule
/// stands, no other grant or fee allowance between the two adds to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  An agent that may deploy for at most 5 ACT a day, and pay its fees:
    haggle limits grant akash1… --per-day 5000000uact,200000uakt \\
        --fees-per-day 200000uakt --deploy --cpu 2 --memory 4Gi --storage 20Gi \\
        --price-per-block 100uact
  An intern who may pay two suppliers, three times a day, until the end of the year:
    haggle limits grant akash1… --per-day 100000000uakt --allow send --times send=3 \\
        --to akash1… --to akash1… --expires 2027-01-01

Names for --allow: send, multi-send, delegate, undelegate, withdraw-rewards, vote, mint-act,
burn-act, certificate, or the type URL of a message. What hands out power (grants, allowances,
withdraw addresses) can never be allowed.")]
pub struct GrantArgs {
    /// The address of the key
    #[arg(value_name = "KEY")]
    key: String,
    /// The most that it spends in any 24 hours, such as 5000000uact,200000uakt
    #[arg(long, value_name = "COINS")]
    per_day: String,
    /// The part of it that may pay fees; none by default
    #[arg(long, value_name = "COINS", default_value = "", hide_default_value = true)]
    fees_per_day: String,
    /// A message that it may send; may be given several times
    #[arg(long, value_name = "MESSAGE")]
    allow: Vec<String>,
    /// The most that one message spends in any 24 hours, such as send=1000000uakt
    #[arg(long, value_name = "MESSAGE=COINS")]
    cap: Vec<String>,
    /// How often it may send a message in any 24 hours, such as send=3
    #[arg(long, value_name = "MESSAGE=TIMES")]
    times: Vec<String>,
    /// Who may be paid; may be given several times, anybody by default
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// When the key can do nothing more: 30d, 12h, or a date
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// When, besides, all that it deployed is closed and the rest returns: 90d or a date
    #[arg(long, value_name = "WHEN")]
    return_at: Option<String>,
    /// It may deploy, lease, top up and close what it deployed
    #[arg(long, help_heading = "Deployments", requires = "price_per_block")]
    deploy: bool,
    /// The most CPUs of one deployment
    #[arg(long, help_heading = "Deployments", value_name = "CPUS", default_value = "1")]
    cpu: String,
    /// The most memory of one deployment
    #[arg(long, help_heading = "Deployments", value_name = "SIZE", default_value = "1Gi")]
    memory: String,
    /// The most storage of one deployment
    #[arg(long, help_heading = "Deployments", value_name = "SIZE", default_value = "10Gi")]
    storage: String,
    /// The most GPUs of one deployment
    #[arg(long, help_heading = "Deployments", value_name = "NUMBER", default_value_t = 0)]
    gpus: u64,
    /// How many deployments may be open at a time
    #[arg(long, help_heading = "Deployments", value_name = "NUMBER", default_value_t = 5)]
    open: u32,
    /// The most that one deployment costs per block, such as 100uact; may be given several times
    #[arg(long, help_heading = "Deployments", value_name = "PRICE")]
    price_per_block: Vec<String>,
    /// How to pay
    #[command(flatten)]
    tx: TxFlags,
}

/// Runs the command.
pub async fn run(cx: &Context, command: Command) -> Result {
    match command {
        Command::Grant(args) => grant(cx, *args).await,
        Command::Show { key, owner, mine } => show(cx, key, owner, mine).await,
        Command::Revoke { key, tx } => revoke(cx, key, &tx).await,
    }
}

async fn grant(cx: &Context, args: GrantArgs) -> Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let key = address(&args.key)?;
    let rule = rule(&args, now)?;
    let expiration = args.expires.as_deref().map(|it| when(it, now)).transpose()?;
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let wallet = cx.wallet(chain, signer, &args.tx)?;
    let message = MsgGrant {
        granter: wallet.address().to_owned(),
        grantee: key.clone(),
        grant: Grant { authorization: Some(any(&rule)), expiration },
    };
    let done = wallet.send_one(&message).await?;
    let out = &cx.printer;
    out.json(&json!({
        "owner": wallet.address(), "key": key, "rule": types::json::to_value(&rule).map_err(unprintable)?,
        "txhash": done.hash.to_string(), "height": done.height.to_string(),
    }));
    out.done(format!("{key} is under a rule since block {}", done.height));
    out.line(format!("It spends at most {} in any 24 hours.", numbers::coins(&rule.per_day)));
    out.hint(&format!(
        "with the key: haggle tx … --on-behalf-of {} ; what is left: haggle limits show --mine",
        wallet.address()
    ));
    Ok(())
}

async fn revoke(cx: &Context, key: String, tx: &TxFlags) -> Result {
    let grantee = address(&key)?;
    let signer = cx.signer()?;
    let chain = cx.chain().await?;
    let wallet = cx.wallet(chain, signer, tx)?;
    let message = MsgRevoke {
        granter: wallet.address().to_owned(),
        grantee,
        msg_type_url: any(&SpendingLimitAuthorization::default()).type_url,
    };
    let done = wallet.send_one(&message).await?;
    cx.printer.json(&json!({
        "owner": wallet.address(), "key": key, "txhash": done.hash.to_string(),
        "height": done.height.to_string(),
    }));
    cx.printer.done(format!("{key} is under no rule since block {}", done.height));
    cx.printer.line("What it deployed goes on; see `haggle deployments`.");
    Ok(())
}

async fn show(cx: &Context, key: Option<String>, owner: Option<String>, mine: bool) -> Result {
    let account = owner.map_or_else(|| cx.address(), Ok)?;
    let chain = cx.chain().await?;
    let mut found =
        if mine { chain.key_rules(&account).await? } else { chain.owner_rules(&account).await? };
    if let Some(key) = &key {
        let key = address(key)?;
        found.retain(|it| it.rule.key == key);
        if found.is_empty() {
            let text = format!("{account} has put {key} under no rule");
            return Err(Failure::not_found(text).hint("see `haggle limits show`"));
        }
    }
    let list = found
        .iter()
        .map(|it| types::json::to_value(it).map_err(unprintable))
        .collect::<Result<Vec<_>>>()?;
    let out = &cx.printer;
    out.json(&json!({ "account": account, "rules": list }));
    if found.is_empty() {
        out.line(if mine {
            format!("{account} is under no rule.")
        } else {
            format!("{account} has put no key under a rule.")
        });
        return Ok(());
    }
    let rows: Vec<_> = found.iter().map(|it| row(it, mine)).collect();
    let who = if mine { "owner" } else { "key" };
    out.table(
        &[
            Column::Text(who),
            Column::Text("state"),
            Column::Number("a day"),
            Column::Number("spent"),
            Column::Number("left"),
            Column::Number("deployments"),
        ],
        &rows,
    );
    if let (Some(_), [one]) = (&key, found.as_slice()) {
        let rows: Vec<_> = one.messages.iter().map(|it| message_row(one, it)).collect();
        let columns = [
            Column::Text("message"),
            Column::Number("times"),
            Column::Number("spent"),
            Column::Number("at most"),
        ];
        out.table(&columns, &rows);
    }
    Ok(())
}

fn row(it: &RuleStatus, mine: bool) -> Vec<String> {
    let state = match (it.stands, it.rule.returned) {
        (true, _) => "stands",
        (_, true) => "returned",
        _ => "ended",
    };
    vec![
        if mine { it.rule.owner.clone() } else { it.rule.key.clone() },
        state.to_owned(),
        numbers::coins(&it.rule.limits.per_day),
        numbers::coins(&it.spent),
        numbers::coins(&it.left),
        it.deployments.len().to_string(),
    ]
}

fn message_row(rule: &RuleStatus, it: &MessageStatus) -> Vec<String> {
    let limits = &rule.rule.limits;
    let listed = limits.messages.iter().find(|one| one.type_url == it.type_url);
    let most = match listed {
        None => numbers::coins(&limits.fees_per_day),
        Some(one) if one.per_day.is_empty() => String::new(),
        Some(one) => numbers::coins(&one.per_day),
    };
    let times = match listed.map_or(0, |it| it.count_per_day) {
        0 => it.count.to_string(),
        most => format!("{} of {most}", it.count),
    };
    let spent = if it.spent.is_empty() { String::new() } else { numbers::coins(&it.spent) };
    vec![it.type_url.trim_start_matches('/').to_owned(), times, spent, most]
}

fn unprintable(error: types::json::JsonError) -> Failure {
    Failure::new("could not print the rule").caused_by(error)
}

fn address(text: &str) -> Result<String> {
    let parsed: std::result::Result<Address, _> = text.parse();
    parsed
        .map(|it| it.to_string())
        .map_err(|it| Failure::input(format!("`{text}` is no address")).caused_by(it))
}

/// The names that `--allow` knows, besides type URLs.
const NAMES: &[(&str, &[&str])] = &[
    ("send", &["/cosmos.bank.v1beta1.MsgSend"]),
    ("multi-send", &["/cosmos.bank.v1beta1.MsgMultiSend"]),
    ("delegate", &["/cosmos.staking.v1beta1.MsgDelegate"]),
    ("undelegate", &["/cosmos.staking.v1beta1.MsgUndelegate"]),
    ("withdraw-rewards", &["/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward"]),
    ("vote", &["/cosmos.gov.v1.MsgVote", "/cosmos.gov.v1.MsgVoteWeighted"]),
    ("mint-act", &["/akash.bme.v1.MsgMintACT"]),
    ("burn-act", &["/akash.bme.v1.MsgBurnACT"]),
    (
        "certificate",
        &["/akash.cert.v1.MsgCreateCertificate", "/akash.cert.v1.MsgRevokeCertificate"],
    ),
];

/// What `--deploy` allows.
const DEPLOY: &[&str] = &[
    "/akash.deployment.v1beta4.MsgCreateDeployment",
    "/akash.deployment.v1beta4.MsgUpdateDeployment",
    "/akash.deployment.v1beta4.MsgCloseDeployment",
    "/akash.deployment.v1beta4.MsgCloseGroup",
    "/akash.deployment.v1beta4.MsgPauseGroup",
    "/akash.deployment.v1beta4.MsgStartGroup",
    "/akash.market.v1beta5.MsgCreateLease",
    "/akash.market.v1beta5.MsgCloseLease",
    "/akash.escrow.v1.MsgAccountDeposit",
];

fn urls(name: &str) -> Result<Vec<String>> {
    if name.starts_with('/') {
        return Ok(vec![name.to_owned()]);
    }
    let known = NAMES.iter().find(|it| it.0 == name);
    let known = known.ok_or_else(|| {
        let names: Vec<&str> = NAMES.iter().map(|it| it.0).collect();
        Failure::input(format!("`{name}` is no message that a rule can allow"))
            .hint(format!("one of {}, or a type URL", names.join(", ")))
    })?;
    Ok(known.1.iter().map(|it| (*it).to_owned()).collect())
}

/// The rule that the flags describe. `now` is the time since 1970.
fn rule(args: &GrantArgs, now: Duration) -> Result<SpendingLimitAuthorization> {
    let mut types: Vec<String> = Vec::new();
    if args.deploy {
        types.extend(DEPLOY.iter().map(|it| (*it).to_owned()));
    }
    for name in &args.allow {
        types.extend(urls(name)?);
    }
    if types.is_empty() {
        return Err(Failure::input("the rule allows nothing").hint("say --deploy, or --allow send"));
    }
    let mut messages: Vec<MessageRule> = Vec::new();
    for type_url in types {
        if messages.iter().all(|it| it.type_url != type_url) {
            messages.push(MessageRule { type_url, ..MessageRule::default() });
        }
    }
    for text in &args.cap {
        let (name, value) = pair(text)?;
        let per_day = coins(value)?;
        for it in listed(&mut messages, name)? {
            it.per_day.clone_from(&per_day);
        }
    }
    for text in &args.times {
        let (name, value) = pair(text)?;
        let times = value.parse().ok().filter(|it| *it > 0);
        let times = times.ok_or_else(|| Failure::input(format!("`{value}` is not how often")))?;
        for it in listed(&mut messages, name)? {
            it.count_per_day = times;
        }
    }
    Ok(SpendingLimitAuthorization {
        per_day: coins(&args.per_day)?,
        messages,
        fees_per_day: coins(&args.fees_per_day)?,
        recipients: args.to.iter().map(|it| address(it)).collect::<Result<_>>()?,
        deployment: args.deploy.then(|| shape(args)).transpose()?,
        return_at: args.return_at.as_deref().map(|it| when(it, now)).transpose()?,
    })
}

fn pair(text: &str) -> Result<(&str, &str)> {
    let missing = || Failure::input(format!("`{text}` is not of the form MESSAGE=VALUE"));
    text.split_once('=').ok_or_else(missing)
}

/// The rules of the messages that a name stands for.
fn listed<'a>(
    messages: &'a mut [MessageRule],
    name: &str,
) -> Result<impl Iterator<Item = &'a mut MessageRule>> {
    let urls = urls(name)?;
    if !messages.iter().any(|it| urls.contains(&it.type_url)) {
        return Err(Failure::input(format!("`{name}` is not among the allowed messages"))
            .hint(format!("add --allow {name}")));
    }
    Ok(messages.iter_mut().filter(move |it| urls.contains(&it.type_url)))
}

/// `5000000uact,100uakt`; none for an empty text.
fn coins(text: &str) -> Result<Vec<Coin>> {
    let mut list = Vec::new();
    for part in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let coin = numbers::parse_coin(part, None)?;
        let coin = types::Coin::try_from(&coin);
        list.push(coin.map_err(|it| Failure::input(format!("`{part}`")).caused_by(it))?);
    }
    let coins = Coins::new(list);
    Ok(coins.map_err(|it| Failure::input(format!("`{text}`")).caused_by(it))?.to_wire())
}

fn shape(args: &GrantArgs) -> Result<DeploymentShape> {
    let bad = |what: &str| Failure::input(format!("`{what}` is no quantity"));
    let mut prices = Vec::new();
    for text in &args.price_per_block {
        let price: std::result::Result<DecCoin, _> = text.parse();
        prices.push(price.map_err(|it| Failure::input(format!("`{text}`")).caused_by(it))?);
    }
    let prices = types::DecCoins::new(prices)
        .map_err(|it| Failure::input("--price-per-block").caused_by(it))?;
    Ok(DeploymentShape {
        cpu_milli: sdl::quantity::cpu(&args.cpu).map_err(|_| bad(&args.cpu))?.into(),
        memory_bytes: sdl::quantity::bytes(&args.memory).map_err(|_| bad(&args.memory))?,
        storage_bytes: sdl::quantity::bytes(&args.storage).map_err(|_| bad(&args.storage))?,
        gpus: args.gpus,
        open_deployments: args.open,
        price_per_block: prices.to_wire(),
    })
}

/// `30d`, `12h`, `2027-01-01` or `2027-01-01T12:00:00Z`.
fn when(text: &str, now: Duration) -> Result<Timestamp> {
    let span = |unit: char, seconds: u64| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        let at = count.checked_mul(seconds)?.checked_add(now.as_secs())?;
        Some(Timestamp { seconds: i64::try_from(at).ok()?, nanos: 0 })
    };
    span('d', 24 * 3600)
        .or_else(|| span('h', 3600))
        .or_else(|| timestamp::parse(text))
        .or_else(|| timestamp::parse(&format!("{text}T00:00:00Z")))
        .filter(timestamp::is_valid)
        .ok_or_else(|| {
            Failure::input(format!("`{text}` is no time")).hint("such as 30d, 12h or 2027-01-01")
        })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: GrantArgs,
    }

    const KEY: &str = "akash1qyqszqgpqyqszqgpqyqszqgpqyqszqgplgve5x";
    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn made(flags: &str) -> Result<SpendingLimitAuthorization> {
        let words = ["grant", KEY].into_iter().chain(flags.split(' '));
        let line = Line::try_parse_from(words).map_err(|it| Failure::input(it.to_string()))?;
        rule(&line.args, NOW)
    }

    #[test]
    fn flags_become_a_rule() {
        let rule = made(
            "--per-day 5000000uact,200000uakt --fees-per-day 200000uakt --deploy --cpu 2 \
             --memory 4Gi --price-per-block 100uact --allow send --cap send=1000000uakt \
             --times send=3 --return-at 90d",
        )
        .unwrap();
        let cap: Vec<String> =
            rule.per_day.iter().map(|it| format!("{}{}", it.amount, it.denom)).collect();
        assert_eq!(cap, ["5000000uact", "200000uakt"]);
        assert_eq!(rule.messages.len(), DEPLOY.len() + 1);
        let send = rule.messages.last().unwrap();
        assert_eq!((send.count_per_day, send.per_day[0].amount.as_str()), (3, "1000000"));
        let shape = rule.deployment.unwrap();
        assert_eq!((shape.cpu_milli, shape.memory_bytes, shape.gpus), (2000, 4 << 30, 0));
        assert_eq!(rule.return_at.unwrap().seconds, 1_800_000_000 + 90 * 86_400);
    }

    #[test]
    fn flags_that_make_no_rule_are_refused() {
        for flags in [
            "--per-day 5uact",
            "--per-day 5uact --allow grant",
            "--per-day 5uact --allow send --cap vote=1uakt",
            "--per-day 5uact --allow send --times send=0",
            "--per-day five --allow send",
            "--per-day 5uact --deploy",
            "--per-day 5uact --allow send --return-at soon",
            "--per-day 5uact --allow send --to nobody",
        ] {
            assert!(made(flags).is_err(), "{flags}");
        }
    }

    #[test]
    fn every_name_is_a_message() {
        let urls = NAMES.iter().flat_map(|it| it.1).chain(DEPLOY);
        for url in urls {
            let mut known = types::registry::registry().transaction_types();
            assert!(known.any(|it| it == *url), "{url}");
        }
    }
}
