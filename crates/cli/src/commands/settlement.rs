//! Where the money of a deployment went: deposited, paid, refunded, fees, and whether it adds up.
//!
//! Called by `close` and by `deploy` when it gives up. Reads the chain only: the escrow account
//! before, the payments after, and the events of the closing transaction.

use std::collections::BTreeMap;

use client::{Chain, rpc::TxOutcome, tx::Done};
use serde_json::{Value, json};
use types::{
    Address, Coins, Dec, Int,
    wire::akash::{deployment::v1beta4::QueryDeploymentResponse, market::v1::LeaseFilters},
};

use crate::{
    failure::{Failure, Result},
    numbers,
    printer::{Column, Printer},
};

/// What a deployment had deposited, read before it closes.
#[derive(Clone, Debug)]
pub struct Before {
    owner: String,
    dseq: u64,
    created_at: i64,
    /// Exact, by denomination: what is left of the deposits and what was moved to payments.
    deposited: BTreeMap<String, Dec>,
    depositors: Vec<String>,
    deposit_heights: Vec<i64>,
}

/// Where it went.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// By denomination.
    pub rows: Vec<Row>,
    /// What each provider got in all, in micro-units.
    pub paid: Vec<Paid>,
    /// The fees of the transactions of this deployment.
    pub fees: Vec<FeePaid>,
}

/// One denomination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The denomination.
    pub denom: String,
    /// Into the escrow account.
    pub deposited: Dec,
    /// To providers.
    pub paid: Int,
    /// Back to whoever deposited it.
    pub refunded: Int,
    /// What is neither: below one micro-unit, or something is wrong.
    pub remainder: Dec,
}

impl Row {
    /// Whether everything is accounted for. Less than one micro-unit per payment cannot be paid
    /// out and stays with the escrow.
    pub fn adds_up(&self, payments: usize) -> bool {
        let most = Dec::from_int(u64::try_from(payments).unwrap_or(u64::MAX));
        !self.remainder.is_negative() && (self.remainder.is_zero() || self.remainder < most)
    }
}

/// What one provider got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The provider.
    pub provider: String,
    /// Micro-units.
    pub amount: Int,
    /// The denomination.
    pub denom: String,
}

/// The fee of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeePaid {
    /// What the transaction did.
    pub what: &'static str,
    /// The block.
    pub height: u64,
    /// What it cost, as the chain writes it: `5000uakt`.
    pub fee: String,
}

impl Before {
    /// From the deployment as it is on the chain now.
    pub fn of(found: &QueryDeploymentResponse) -> Result<Before> {
        let state = &found.escrow_account.state;
        let mut deposited: BTreeMap<String, Dec> = BTreeMap::new();
        let left = state.deposits.iter().map(|it| &it.balance);
        for coin in left.chain(&state.transferred) {
            let sum = deposited.entry(coin.denom.clone()).or_insert(Dec::ZERO);
            *sum = sum.add(numbers::dec_coin(coin)?)?;
        }
        let mut depositors: Vec<String> =
            state.deposits.iter().map(|it| it.owner.clone()).collect();
        depositors.sort();
        depositors.dedup();
        let created_at = found.deployment.created_at;
        let mut deposit_heights: Vec<i64> = state.deposits.iter().map(|it| it.height).collect();
        deposit_heights.retain(|it| *it != created_at);
        deposit_heights.sort_unstable();
        deposit_heights.dedup();
        Ok(Before {
            owner: found.deployment.id.owner.clone(),
            dseq: found.deployment.id.dseq,
            created_at,
            deposited,
            depositors,
            deposit_heights,
        })
    }

    /// After the closing transaction.
    pub async fn settle(&self, chain: &Chain, closed: &Done) -> Result<Settlement> {
        let filters =
            LeaseFilters { owner: self.owner.clone(), dseq: self.dseq, ..Default::default() };
        let leases = chain.leases(filters).await?;
        let mut paid = Vec::new();
        let mut fees = Vec::new();
        let mut heights: Vec<i64> = Vec::new();
        for it in &leases {
            let withdrawn = &it.escrow_payment.state.withdrawn;
            let amount = Int::from_wire_or_zero(&withdrawn.amount)?;
            paid.push(Paid {
                provider: it.lease.id.provider.clone(),
                amount,
                denom: match withdrawn.denom.as_str() {
                    "" => it.lease.price.denom.clone(),
                    denom => denom.to_owned(),
                },
            });
            heights.push(it.lease.created_at);
        }
        heights.sort_unstable();
        heights.dedup();

        let refunds = self.refunds(closed)?;
        let mut rows = Vec::new();
        for (denom, deposited) in &self.deposited {
            let mut to_providers = Int::ZERO;
            for it in paid.iter().filter(|it| it.denom == *denom) {
                to_providers = to_providers.add(it.amount)?;
            }
            let refunded = refunds.get(denom).copied().unwrap_or(Int::ZERO);
            let remainder =
                deposited.sub(Dec::from_int(to_providers))?.sub(Dec::from_int(refunded))?;
            rows.push(Row {
                denom: denom.clone(),
                deposited: *deposited,
                paid: to_providers,
                refunded,
                remainder,
            });
        }

        fees.extend(
            self.fee_at(
                chain,
                self.created_at,
                "open",
                "akash.deployment.v1.EventDeploymentCreated",
            )
            .await,
        );
        for height in heights {
            let event = "akash.market.v1.EventLeaseCreated";
            fees.extend(self.fee_at(chain, height, "lease", event).await);
        }
        for height in &self.deposit_heights {
            fees.extend(self.fee_at(chain, *height, "deposit", "message").await);
        }
        fees.push(FeePaid {
            what: "close",
            height: closed.height,
            fee: numbers::exact(&closed.fee),
        });
        Ok(Settlement { rows, paid, fees })
    }

    /// What the closing transaction sent from the escrow account to the depositors.
    fn refunds(&self, closed: &Done) -> Result<BTreeMap<String, Int>> {
        let escrow = Address::of_module("escrow").to_string();
        let mut refunds: BTreeMap<String, Int> = BTreeMap::new();
        for event in closed.events.iter().filter(|it| it.kind == "transfer") {
            let back = event.get("sender") == Some(escrow.as_str())
                && event
                    .get("recipient")
                    .is_some_and(|it| self.depositors.iter().any(|own| own == it));
            if !back {
                continue;
            }
            let coins: Coins = event.get("amount").unwrap_or_default().parse().map_err(|it| {
                Failure::new("could not read an amount of the closing transaction").caused_by(it)
            })?;
            for coin in &coins {
                let sum = refunds.entry(coin.denom.clone()).or_insert(Int::ZERO);
                *sum = sum.add(coin.amount)?;
            }
        }
        Ok(refunds)
    }

    /// The fee of this deployment's transaction in a block; `None` when the block is gone.
    async fn fee_at(
        &self,
        chain: &Chain,
        height: i64,
        what: &'static str,
        event: &str,
    ) -> Option<FeePaid> {
        let height = u64::try_from(height).ok()?;
        let results = chain.rpc().block_results(Some(height)).await.ok()?;
        let tx = results.txs_results.iter().find(|it| self.is_ours(it, event))?;
        let fee = tx.events.iter().find(|it| it.kind == "tx" && it.get("fee").is_some())?;
        Some(FeePaid { what, height, fee: fee.get("fee")?.to_owned() })
    }

    fn is_ours(&self, tx: &TxOutcome, event: &str) -> bool {
        let mut events = tx.events.iter().filter(|it| it.kind == event);
        if event == "message" {
            return events.any(|it| {
                it.get("action") == Some("/akash.escrow.v1.MsgAccountDeposit")
                    && it.get("sender") == Some(self.owner.as_str())
            });
        }
        events.any(|it| {
            let id = it.json().get("id").cloned().unwrap_or_default();
            id.get("owner").and_then(Value::as_str) == Some(self.owner.as_str())
                && id.get("dseq").and_then(Value::as_str) == Some(self.dseq.to_string().as_str())
        })
    }
}

impl Settlement {
    /// Whether every denomination adds up.
    pub fn adds_up(&self) -> bool {
        self.rows.iter().all(|it| it.adds_up(self.paid.len()))
    }

    /// For a program.
    pub fn json(&self) -> Value {
        json!({
            "rows": self.rows.iter().map(|it| json!({
                "denom": it.denom,
                "deposited": numbers::short(it.deposited, 18),
                "paid": it.paid.to_string(),
                "refunded": it.refunded.to_string(),
                "remainder": numbers::short(it.remainder, 18),
                "adds_up": it.adds_up(self.paid.len()),
            })).collect::<Vec<_>>(),
            "paid": self.paid.iter().map(|it| json!({
                "provider": it.provider, "denom": it.denom, "amount": it.amount.to_string(),
            })).collect::<Vec<_>>(),
            "fees": self.fees.iter().map(|it| json!({
                "what": it.what, "height": it.height.to_string(), "fee": it.fee,
            })).collect::<Vec<_>>(),
            "adds_up": self.adds_up(),
        })
    }

    /// For a person.
    pub fn show(&self, out: &Printer) {
        let mut rows = Vec::new();
        for row in &self.rows {
            let amount = |it: Dec| numbers::grouped(&numbers::short(it, 18));
            let mut line =
                |what: String, text: String| rows.push(vec![what, text, row.denom.clone()]);
            line("deposited".to_owned(), amount(row.deposited));
            for it in self.paid.iter().filter(|it| it.denom == row.denom) {
                line(
                    format!("paid to {}", it.provider),
                    format!("-{}", numbers::grouped(&it.amount.to_string())),
                );
            }
            line(
                "refunded".to_owned(),
                format!("-{}", numbers::grouped(&row.refunded.to_string())),
            );
            let end = match (row.remainder.is_zero(), row.adds_up(self.paid.len())) {
                (true, _) => "remains",
                (false, true) => "remains (below one unit)",
                (false, false) => "MISSING",
            };
            line(end.to_owned(), numbers::short(row.remainder, 18));
        }
        for it in &self.fees {
            let coins: Option<Coins> = it.fee.parse().ok();
            for coin in coins.iter().flatten() {
                let amount = numbers::grouped(&coin.amount.to_string());
                rows.push(vec![format!("fee to {}", it.what), amount, coin.denom.clone()]);
            }
        }
        let columns =
            [Column::Text("settlement"), Column::Number("micro-units"), Column::Text("of")];
        out.table(&columns, &rows);
        if self.adds_up() {
            out.done("deposited = paid + refunded: it adds up to the last micro-unit");
        } else {
            out.warn("this does not add up; please report it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(deposited: &str, paid: u64, refunded: u64) -> Row {
        let deposited: Dec = deposited.parse().expect("a number");
        let paid = Int::from(paid);
        let refunded = Int::from(refunded);
        let remainder = deposited
            .sub(Dec::from_int(paid))
            .and_then(|it| it.sub(Dec::from_int(refunded)))
            .expect("a number");
        Row { denom: "uact".to_owned(), deposited, paid, refunded, remainder }
    }

    #[test]
    fn money_adds_up_when_nothing_or_less_than_a_unit_per_payment_is_left() {
        assert!(row("500", 120, 380).adds_up(1));
        assert!(row("500.5", 120, 380).adds_up(1));
        assert!(!row("501", 120, 380).adds_up(1));
        assert!(row("501", 120, 380).adds_up(2));
        assert!(!row("500", 121, 380).adds_up(1));
        assert!(!row("500.5", 120, 380).adds_up(0));
    }

    #[test]
    fn a_settlement_with_one_bad_row_does_not_add_up() {
        let settlement = Settlement {
            rows: vec![row("5", 2, 3), row("5", 2, 2)],
            paid: Vec::new(),
            fees: Vec::new(),
        };
        assert!(!settlement.adds_up());
        assert_eq!(settlement.json()["rows"][1]["remainder"], "1");
    }
}
