//! How the staking token grows: inflation moves towards what keeps enough of it bonded, and each
//! block mints its share of a year (cosmos.md 4.6).
//!
//! Called by: nobody. Calls: auth, bank, staking. Owns: store `mint`. What it mints goes to the fee
//! collector, where distribution finds it in the next block.

#[cfg(test)]
mod tests;

use ledger::{Ctx, Fault, Invariant, Item, Module, Result, Routes, View, holds};
use types::{
    Coin, Coins, Dec, Int, validate_denom,
    wire::cosmos::mint::v1beta1::{
        GenesisState, Minter, MsgUpdateParams, Params, QueryAnnualProvisionsRequest,
        QueryAnnualProvisionsResponse, QueryInflationRequest, QueryInflationResponse,
        QueryParamsRequest, QueryParamsResponse,
    },
};

use crate::{
    auth::{self, FEE_COLLECTOR},
    bank, staking,
};

pub struct Mint;

impl Module for Mint {
    const NAME: &'static str = "mint";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("what is minted is passed on", nothing_is_kept)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(update_params);
        r.query(show_params).query(inflation).query(annual_provisions);
    }

    fn default_genesis() -> GenesisState {
        let minter = Minter { inflation: zero(), annual_provisions: zero() };
        GenesisState { minter, params: default_params() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        Rules::read(&genesis.params)?;
        MINTER.set(cx, &genesis.minter)?;
        PARAMS.set(cx, &genesis.params)
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { minter: minter(view)?, params: params(view)? })
    }

    fn begin_block(cx: &mut Ctx) -> Result {
        provide(cx)
    }
}

// State.
const MINTER: Item<Minter> = Item::new(Mint::NAME, &[0x00]);
const PARAMS: Item<Params> = Item::new(Mint::NAME, &[0x01]);

fn zero() -> String {
    Dec::ZERO.to_wire()
}

/// Those of a chain whose genesis says nothing of minting: none.
fn default_params() -> Params {
    Params {
        mint_denom: "uakt".to_owned(),
        inflation_rate_change: zero(),
        inflation_max: zero(),
        inflation_min: zero(),
        goal_bonded: Dec::ONE.to_wire(),
        blocks_per_year: 6_311_520,
    }
}

pub fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

fn minter(view: &View) -> Result<Minter> {
    MINTER.get_or_default(view)
}

/// Parameters that obey the rules, as numbers.
#[derive(Clone, Debug)]
struct Rules {
    denom: String,
    rate_change: Dec,
    max: Dec,
    min: Dec,
    goal_bonded: Dec,
    blocks_per_year: Int,
}

impl Rules {
    /// Checks in the order of the reference, with unregistered errors.
    fn read(params: &Params) -> Result<Self> {
        let refuse = |text: String| Err(Fault::plain(text));
        if params.mint_denom.trim().is_empty() {
            return refuse("mint denom cannot be blank".to_owned());
        }
        validate_denom(&params.mint_denom)?;
        let rate = |name: &str, text: &str| -> Result<Dec> {
            if text.is_empty() {
                return Err(Fault::plain(format!("{name} cannot be nil: {text}")));
            }
            let rate = Dec::from_wire(text)?;
            if rate.is_negative() {
                return Err(Fault::plain(format!("{name} cannot be negative: {rate}")));
            }
            if rate > Dec::ONE {
                return Err(Fault::plain(format!("{name} too large: {rate}")));
            }
            Ok(rate)
        };
        let rate_change = rate("inflation rate change", &params.inflation_rate_change)?;
        let max = rate("max inflation", &params.inflation_max)?;
        let min = rate("min inflation", &params.inflation_min)?;
        let least = Dec::from_wire(&params.goal_bonded).unwrap_or(Dec::ONE);
        if !least.is_positive() {
            return refuse(format!("goal bonded must be positive: {least}"));
        }
        let goal_bonded = rate("goal bonded", &params.goal_bonded)?;
        if params.blocks_per_year == 0 {
            return refuse("blocks per year must be positive: 0".to_owned());
        }
        if i64::try_from(params.blocks_per_year).is_err() {
            return refuse(format!(
                "blocks per year too large: {}, maximum value is: {}",
                params.blocks_per_year,
                i64::MAX
            ));
        }
        if max < min {
            return refuse(format!(
                "max inflation ({max}) must be greater than or equal to min inflation ({min})"
            ));
        }
        Ok(Self {
            denom: params.mint_denom.clone(),
            rate_change,
            max,
            min,
            goal_bonded,
            blocks_per_year: Int::from(params.blocks_per_year),
        })
    }

    /// A year's inflation, one block after `inflation`.
    fn next_inflation(&self, inflation: Dec, bonded: Dec) -> Result<Dec> {
        let lacking = Dec::ONE.sub(bonded.quo(self.goal_bonded)?)?;
        let of_a_year = lacking.mul(self.rate_change)?;
        let step = of_a_year.quo(Dec::from_int(self.blocks_per_year))?;
        Ok(inflation.add(step)?.min(self.max).max(self.min))
    }
}

/// Mints the provision of a block for the fee collector.
fn provide(cx: &mut Ctx) -> Result {
    let rules = Rules::read(&params(cx)?)?;
    let supply = bank::supply(cx, &staking::bond_denom(cx)?)?;
    let bonded = staking::bonded_ratio(cx)?;
    let before = Dec::from_wire_or_zero(&minter(cx)?.inflation)?;
    let inflation = rules.next_inflation(before, bonded)?;
    let annual = inflation.mul_int(supply)?;
    let next = Minter { inflation: inflation.to_wire(), annual_provisions: annual.to_wire() };
    MINTER.set(cx, &next)?;

    let amount = annual.quo_int(rules.blocks_per_year)?.truncate_int()?;
    let coins = Coins::new([Coin::new(rules.denom, amount)])?;
    if !coins.is_empty() {
        bank::mint(cx, Mint::NAME, &coins)?;
    }
    bank::send_between_modules(cx, Mint::NAME, FEE_COLLECTOR, &coins)?;
    let (bonded, inflation) = (bonded.to_string(), inflation.to_string());
    let (annual, amount) = (annual.to_string(), amount.to_string());
    cx.emit_plain(
        "mint",
        [
            ("bonded_ratio", &*bonded),
            ("inflation", &inflation),
            ("annual_provisions", &annual),
            ("amount", &amount),
        ],
    );
    Ok(())
}

// Messages.

fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    auth::require_authority(&msg.authority)?;
    Rules::read(&msg.params)?;
    PARAMS.set(cx, &msg.params)
}

// Queries.

fn show_params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: params(view)? })
}

fn inflation(view: &View, _: QueryInflationRequest) -> Result<QueryInflationResponse> {
    let inflation = Dec::from_wire_or_zero(&minter(view)?.inflation)?;
    Ok(QueryInflationResponse { inflation: inflation.to_wire().into_bytes() })
}

fn annual_provisions(
    view: &View,
    _: QueryAnnualProvisionsRequest,
) -> Result<QueryAnnualProvisionsResponse> {
    let annual = Dec::from_wire_or_zero(&minter(view)?.annual_provisions)?;
    Ok(QueryAnnualProvisionsResponse { annual_provisions: annual.to_wire().into_bytes() })
}

fn nothing_is_kept(view: &View) -> Result {
    let kept = bank::balances(view, &auth::module_address(Mint::NAME))?;
    holds!(kept.is_empty(), "the minter keeps {kept}")
}
