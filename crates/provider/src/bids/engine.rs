//! One order from discovery to an open bid (spec `provider.md` 2.1, 2.6 to 2.8).
//!
//! Called by: the service, one task per order. Calls: the chain, the inventory, the prices.

use std::time::{Duration, Instant};

use types::{
    ids::OrderId,
    wire::akash::market::v1beta5::{bid, order},
    wire::haggle::market::v1::{Dimension, MsgDeclineOrder},
};

use super::{filters, message};
use crate::{
    chain::{self, Msg},
    declines::{self, Reason},
    quantity,
    service::Service,
    state::Phase,
};

/// What a decline says on chain.
type Receipt = (Dimension, String, String);

/// The chain's number for "this bid exists already".
const BID_EXISTS: u32 = 21;

impl Service {
    /// Looks at an order once. With `catch_up` a bid of ours may be there from an earlier life.
    pub(crate) async fn consider(&self, id: OrderId, catch_up: bool) {
        {
            let mut state = self.state();
            if state.orders.contains_key(&id) {
                return;
            }
            state.orders.insert(id.clone(), Phase::Considering);
        }
        let outcome = self.try_bid(&id, catch_up).await;
        if let Some(receipt) = self.settle(&id, outcome) {
            self.tell(&id, receipt).await;
        }
    }

    /// Remembers what became of an order; returns what the chain is to be told of a decline.
    fn settle(&self, id: &OrderId, outcome: Result<Outcome, Reason>) -> Option<Receipt> {
        let mut state = self.state();
        let cancelled = !state.orders.contains_key(id);
        match outcome {
            Ok(Outcome::Bid) if !cancelled => {
                let timeout = self.config.timers.bid_timeout.0;
                let until = (!timeout.is_zero()).then(|| Instant::now() + timeout);
                state.orders.insert(id.clone(), Phase::Bid { until });
            }
            Ok(Outcome::TakeBack) if !cancelled => {
                state.orders.insert(id.clone(), Phase::Closing { after: Instant::now() });
            }
            // The order went its way while the bid was on its own.
            _ if cancelled => release_unless_leased(&mut state, id),
            Ok(_) => {
                state.orders.remove(id);
                release_unless_leased(&mut state, id);
            }
            Err(reason) => {
                tracing::info!(
                    order = %id, dimension = reason.dimension(), %reason, "declined to bid"
                );
                state.orders.remove(id);
                release_unless_leased(&mut state, id);
                let receipt = declines::receipt(&reason);
                state.declines.record(id.clone(), reason);
                return receipt;
            }
        }
        None
    }

    /// Tells the chain why we do not bid, where it keeps such things. That it cannot be told
    /// changes nothing: tenants can still ask us.
    async fn tell(&self, id: &OrderId, (dimension, subject, shortfall): Receipt) {
        if !self.config.publish_declines || !matches!(self.chain.takes_declines().await, Ok(true)) {
            return;
        }
        let provider = self.address.to_string();
        let dimension = dimension.into();
        let message = MsgDeclineOrder { id: id.into(), provider, dimension, subject, shortfall };
        if let Err(error) = self.send_patiently(vec![Msg::DeclineOrder(message)]).await {
            // The order may be closed by now, or an earlier life of ours has told already.
            tracing::debug!(order = %id, %error, "the decline is not on chain");
        }
    }

    async fn try_bid(&self, id: &OrderId, catch_up: bool) -> Result<Outcome, Reason> {
        let mut placed = false;
        if catch_up {
            let bid = self.chain.bid(&id.bid(self.address.clone())).await.map_err(unreachable)?;
            match bid.map(|it| it.state()) {
                None => {}
                Some(bid::State::Open) => placed = true,
                Some(_) => return Ok(Outcome::Over),
            }
        }
        let order = self.chain.order(id).await.map_err(unreachable)?;
        let Some(order) = order.filter(|it| it.state() == order::State::Open) else {
            return Ok(Outcome::Over);
        };
        let judged = self.judge(id, &order, placed).await;
        match judged {
            Ok(done) => Ok(done),
            Err(reason) if placed && !reason.passes() => {
                // What we can no longer keep, we take back (1.8).
                tracing::warn!(order = %id, %reason, "an open bid cannot be kept");
                Ok(Outcome::TakeBack)
            }
            Err(reason) => Err(reason),
        }
    }

    async fn judge(
        &self,
        id: &OrderId,
        order: &types::wire::akash::market::v1beta5::Order,
        placed: bool,
    ) -> Result<Outcome, Reason> {
        let group = &order.spec;
        let facts = self.facts(group).await?;
        filters::pass(order, &self.address, &facts)?;
        self.inventory_known().await;
        let reservation = self.state().ledger.reserve(id, group).map_err(Reason::Capacity)?;
        if placed {
            return Ok(Outcome::Bid);
        }
        let owner = id.owner.to_string();
        let price = self.strategy.price(&owner, group, &reservation.allocated).await;
        let price = price.map_err(Reason::Price)?;
        let Some((denom, most)) = quantity::group_price(group) else {
            return Err(Reason::Group("its price cannot be read".to_owned()));
        };
        if price > most {
            return Err(Reason::TooExpensive { price, most, denom });
        }
        let window = self.config.reclamation_window.map(|it| it.0).filter(|it| !it.is_zero());
        let bid = message(
            id,
            &self.address,
            group,
            &reservation.allocated,
            (price, &denom),
            &self.deposit,
            window,
        );
        if !self.state().orders.contains_key(id) {
            return Ok(Outcome::Over);
        }
        match self.send_patiently(vec![Msg::CreateBid(bid)]).await {
            Ok(()) => {
                let shown = quantity::show_decimal_short(price);
                tracing::info!(order = %id, price = %shown, %denom, "bid placed");
                self.state().bids_sent += 1;
                Ok(Outcome::Bid)
            }
            Err(chain::Error::Refused { codespace, code: BID_EXISTS, .. })
                if codespace == "market" =>
            {
                Ok(Outcome::Bid)
            }
            Err(chain::Error::Refused { codespace, code, log }) => {
                Err(Reason::Refused(format!("{log} ({codespace}/{code})")))
            }
            Err(error) => Err(Reason::Chain(error.to_string())),
        }
    }

    /// What we are by now; auditors are asked about only when the order names some.
    async fn facts(
        &self,
        group: &types::wire::akash::deployment::v1beta4::GroupSpec,
    ) -> Result<filters::Facts, Reason> {
        let by = &group.requirements.signed_by;
        let signed = !by.all_of.is_empty() || !by.any_of.is_empty();
        let known = self.state().audited.clone();
        let audited = match known {
            Some(it) => it,
            None if signed => {
                let fresh = self.chain.audited().await.map_err(unreachable)?;
                self.state().audited = Some(fresh.clone());
                fresh
            }
            None => Default::default(),
        };
        let window = self.config.reclamation_window.map(|it| it.0).filter(|it| !it.is_zero());
        Ok(filters::Facts {
            attributes: self.state().attributes.clone(),
            audited,
            order_attributes: crate::config::attribute_list(&self.config.order_attributes),
            reclamation_window_seconds: window.and_then(|it| i64::try_from(it.as_secs()).ok()),
        })
    }

    /// Waits a little for the first report of the machine room; without one the ledger says so.
    async fn inventory_known(&self) {
        for _ in 0..100 {
            if self.state().ledger.is_known() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

enum Outcome {
    /// A bid of ours is open.
    Bid,
    /// A bid of ours is open and must be closed.
    TakeBack,
    /// The order is not open any more, or our bid on it is not.
    Over,
}

fn unreachable(error: chain::Error) -> Reason {
    Reason::Chain(error.to_string())
}

fn release_unless_leased(state: &mut crate::state::State, id: &OrderId) {
    if !state.leases.keys().any(|it| it.order() == *id) {
        state.ledger.release(id);
    }
}
