//! Waiting for offers, showing them, choosing.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;
use types::wire::akash::{
    market::{v1::BidId, v1beta5::BidFilters},
    provider::v1beta4::Provider,
};

use super::{Args, Deployment, millis};
use crate::{
    commands::market::Price,
    context::Context,
    failure::{Failure, INTERRUPTED, Result},
    numbers,
    printer::{Column, clean},
};

/// The pause between two looks for bids.
const POLL: Duration = Duration::from_millis(300);

/// A bid that is open.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) id: BidId,
    pub(super) price: Price,
    /// When it entered the chain.
    pub(super) height: i64,
    pub(super) provider: Option<Provider>,
}

/// Everything that was offered.
pub(super) struct Collected {
    pub(super) offers: Vec<Offer>,
    /// Everyone who could have made an offer.
    pub(super) providers: Vec<Provider>,
    /// From the start of the command.
    pub(super) first_bid: Duration,
    pub(super) block_time_ms: u64,
}

impl Offer {
    /// What the provider is called.
    pub(super) fn name(&self) -> String {
        match &self.provider {
            Some(it) => format!("{} ({})", host(it), numbers::brief(&self.id.provider)),
            None => self.id.provider.clone(),
        }
    }

    pub(super) fn json(&self, chosen: bool) -> Value {
        json!({
            "gseq": self.id.gseq, "oseq": self.id.oseq, "provider": self.id.provider,
            "host_uri": self.provider.as_ref().map(|it| &it.host_uri),
            "price": self.price.json(), "created_at": self.height, "chosen": chosen,
        })
    }

    fn fits(&self, args: &Args) -> bool {
        let wanted = args.providers.is_empty() || args.providers.contains(&self.id.provider);
        wanted && args.max_price.is_none_or(|most| self.price.block <= most)
    }

    /// The cheapest first; of equals, whoever was first on the chain.
    fn order(&self, other: &Offer) -> Ordering {
        let key = |it: &Offer| (it.price.block, it.height, it.id.provider.clone());
        key(self).cmp(&key(other))
    }
}

/// The host of a provider's address.
pub(super) fn host(provider: &Provider) -> String {
    let uri = provider.host_uri.as_str();
    let rest = uri.split_once("://").map_or(uri, |it| it.1);
    clean(rest.split('/').next().unwrap_or(rest))
}

/// Waits until every order has an offer that fits and everyone had time to make one.
pub(super) async fn collect(
    cx: &Context,
    args: &Args,
    deployment: &Deployment,
    start: Instant,
) -> Result<Collected> {
    let chain = deployment.chain();
    let providers = chain.providers().await?;
    let block_time_ms = cx.block_time_ms(chain).await;
    let text = format!("waiting for bids of {} providers", providers.len());
    let progress = cx.printer.progress(text);
    let asked = Instant::now();
    let mut first_bid: Option<Instant> = None;
    loop {
        let filters = BidFilters {
            owner: deployment.owner.clone(),
            dseq: deployment.dseq,
            state: "open".to_owned(),
            ..Default::default()
        };
        let (offers, trouble) = match chain.bids(filters).await {
            Ok(bids) => (offers(bids, &providers, block_time_ms)?, None),
            // A node that is away for a moment is no reason to close anything.
            Err(error) if error.is_transient() => (Vec::new(), Some(error)),
            Err(error) => return Err(error.into()),
        };
        if !offers.is_empty() && first_bid.is_none() {
            first_bid = Some(Instant::now());
        }
        if trouble.is_none() {
            progress.set(format!("{} bids of {} providers", offers.len(), providers.len()));
        }
        let covered = deployment.orders.iter().all(|order| {
            offers
                .iter()
                .any(|it| it.id.gseq == order.gseq && it.id.oseq == order.oseq && it.fits(args))
        });
        let everyone = offers.len() >= providers.len() * deployment.orders.len();
        let paused =
            first_bid.is_some_and(|it| it.elapsed() >= Duration::from_secs(args.bid_pause));
        let late = !args.wait && asked.elapsed() >= Duration::from_secs(args.bid_timeout);
        if (covered && (paused || everyone)) || late {
            if let Some(error) = trouble {
                return Err(error.into());
            }
            // Some may have registered in the meantime.
            let providers = if covered { providers } else { chain.providers().await? };
            return Ok(Collected {
                offers,
                providers,
                first_bid: first_bid.unwrap_or_else(Instant::now).duration_since(start),
                block_time_ms,
            });
        }
        tokio::time::sleep(POLL).await;
    }
}

fn offers(
    bids: Vec<types::wire::akash::market::v1beta5::QueryBidResponse>,
    providers: &[Provider],
    block_time_ms: u64,
) -> Result<Vec<Offer>> {
    let mut offers = Vec::with_capacity(bids.len());
    for it in bids {
        let provider = providers.iter().find(|known| known.owner == it.bid.id.provider).cloned();
        offers.push(Offer {
            price: Price::of(&it.bid.price, block_time_ms)?,
            height: it.bid.created_at,
            id: it.bid.id,
            provider,
        });
    }
    offers.sort_by(|a, b| (a.id.gseq, a.id.oseq).cmp(&(b.id.gseq, b.id.oseq)).then(a.order(b)));
    Ok(offers)
}

/// Shows the offers and chooses one for each order; `None` when an order has none that fits.
pub(super) fn choose(
    cx: &Context,
    args: &Args,
    deployment: &Deployment,
    collected: &Collected,
) -> Result<Option<Vec<Offer>>> {
    let mut best: BTreeMap<(u32, u32), Offer> = BTreeMap::new();
    for offer in collected.offers.iter().filter(|it| it.fits(args)) {
        best.entry((offer.id.gseq, offer.id.oseq)).or_insert_with(|| offer.clone());
    }
    let covered = deployment.orders.iter().all(|it| best.contains_key(&(it.gseq, it.oseq)));
    let chosen: BTreeSet<(u32, u32, String)> = best
        .values()
        .filter(|_| covered)
        .map(|it| (it.id.gseq, it.id.oseq, it.id.provider.clone()))
        .collect();
    if !collected.offers.is_empty() {
        table(cx, args, collected, &chosen);
    }
    if !covered {
        return Ok(None);
    }
    if args.interactive {
        for ((gseq, oseq), choice) in &mut best {
            let mine: Vec<&Offer> = collected
                .offers
                .iter()
                .filter(|it| (it.id.gseq, it.id.oseq) == (*gseq, *oseq) && it.fits(args))
                .collect();
            let texts: Vec<String> = mine
                .iter()
                .map(|it| format!("{}  {} a month", it.name(), it.price.texts()[2]))
                .collect();
            let at = cx.printer.choose(&format!("Offer for group {gseq}"), &texts, 0).ok_or_else(
                || {
                    Failure::new("nothing was chosen; the deployment stays open")
                        .code(INTERRUPTED)
                        .hint(format!("`haggle close {}` gives the deposit back", deployment.dseq))
                },
            )?;
            if let Some(offer) = mine.get(at) {
                *choice = (*offer).clone();
            }
        }
    }
    Ok(Some(best.into_values().collect()))
}

fn table(cx: &Context, args: &Args, collected: &Collected, chosen: &BTreeSet<(u32, u32, String)>) {
    let several = collected.offers.iter().any(|it| it.id.gseq > 1);
    let mut columns = vec![Column::Text("")];
    if several {
        columns.push(Column::Number("group"));
    }
    columns.extend([
        Column::Text("provider"),
        Column::Text("host"),
        Column::Text("region"),
        Column::Number("per block"),
        Column::Number("per hour"),
        Column::Number("per month"),
    ]);
    let rows: Vec<Vec<String>> = collected
        .offers
        .iter()
        .map(|it| {
            let key = (it.id.gseq, it.id.oseq, it.id.provider.clone());
            let mark = match (chosen.contains(&key), it.fits(args)) {
                (true, _) => "→",
                (false, true) => "",
                (false, false) => "✗",
            };
            let attributes = it.provider.iter().flat_map(|it| &it.attributes);
            let region = attributes.into_iter().find(|it| it.key.ends_with("region"));
            let mut row = vec![mark.to_owned()];
            if several {
                row.push(it.id.gseq.to_string());
            }
            row.push(numbers::brief(&it.id.provider));
            row.push(it.provider.as_ref().map(host).unwrap_or_default());
            row.push(region.map(|it| it.value.clone()).unwrap_or_default());
            row.extend(it.price.texts());
            row
        })
        .collect();
    cx.printer.table(&columns, &rows);
    let block_time = Duration::from_millis(collected.block_time_ms);
    cx.printer.line(format!(
        "at {} a block; a month has 30.4375 days",
        if millis(block_time) < 100 {
            format!("{} ms", millis(block_time))
        } else {
            numbers::duration(block_time)
        }
    ));
}
