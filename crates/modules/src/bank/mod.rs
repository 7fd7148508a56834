//! Who holds what: balances, supply, denominations.
//!
//! Called by: ante and every module that moves money. Calls: auth. Owns: store `bank`
//! (cosmos.md 4.5).

mod calls;
mod query;
#[cfg(test)]
mod tests;

use ledger::{
    Ctx, Fault, Invariant, Item, Map, Module, Plain, Prefixed, Result, Routes, Sdk, Text, Unit,
    View, holds,
};
use types::{
    Address, Coin, Coins, Int, validate_denom,
    wire::cosmos::bank::v1beta1::{
        Balance, GenesisState, Input, Metadata, MsgMultiSend, MsgSend, MsgSetSendEnabled,
        MsgUpdateParams, Output, Params, SendEnabled,
    },
};

use crate::auth;

pub use calls::{
    balance, balances, burn, delegate, first_balances, is_blocked, is_send_enabled, locked,
    metadata, mint, require_send_enabled, send, send_between_modules, send_from_module,
    send_to_module, set_metadata, spendable, spendable_of, spent_since, supply, undelegate,
};

pub struct Bank;

impl Module for Bank {
    const NAME: &'static str = "bank";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("supply is the sum of balances", supply_is_the_sum_of_balances)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(send_message).msg(multi_send).msg(set_send_enabled).msg(update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        GenesisState {
            params: Params { default_send_enabled: true, ..Params::default() },
            ..GenesisState::default()
        }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        let default_send_enabled = genesis.params.default_send_enabled;
        PARAMS.set(cx, &Params { default_send_enabled, ..Params::default() })?;
        for entry in genesis.params.send_enabled.iter().chain(&genesis.send_enabled) {
            SEND_ENABLED.set(cx, &entry.denom, &entry.enabled)?;
        }
        let mut total = Coins::default();
        for Balance { address, coins } in &genesis.balances {
            let address = auth::parse_address(address)?;
            for coin in &Coins::from_wire(coins)? {
                set_balance(cx, &address, &coin.denom, Int::ZERO, coin.amount)?;
                total = total.add_coin(coin)?;
            }
        }
        let claimed = Coins::sum_of_wire(&genesis.supply)?;
        if !claimed.is_empty() && claimed != total {
            return Err(Fault::plain(format!(
                "genesis supply is incorrect, expected {claimed}, got {total}"
            )));
        }
        for coin in &total {
            SUPPLY.set(cx, &coin.denom, &coin.amount)?;
        }
        genesis.denom_metadata.iter().try_for_each(|it| METADATA.set(cx, &it.base, it))
    }

    fn export(view: &View) -> Result<GenesisState> {
        let mut balances: Vec<Balance> = Vec::new();
        for entry in BALANCES.iter(view) {
            let ((address, denom), amount) = entry?;
            let address = address.to_string();
            let coin = Coin::new(denom, amount).into();
            match balances.last_mut() {
                Some(last) if last.address == address => last.coins.push(coin),
                _ => balances.push(Balance { address, coins: vec![coin] }),
            }
        }
        let supply =
            SUPPLY.iter(view).map(|it| it.map(|(denom, amount)| Coin::new(denom, amount).into()));
        let send_enabled = SEND_ENABLED
            .iter(view)
            .map(|it| it.map(|(denom, enabled)| SendEnabled { denom, enabled }));
        Ok(GenesisState {
            params: params(view)?,
            balances,
            supply: supply.collect::<Result<_>>()?,
            denom_metadata: METADATA.values(view).collect::<Result<_>>()?,
            send_enabled: send_enabled.collect::<Result<_>>()?,
        })
    }
}

// State.
const STORE: &str = "bank";
const SUPPLY: Map<String, Int, Text> = Map::new(STORE, &[0]);
const METADATA: Map<String, Metadata> = Map::new(STORE, &[1]);
const BALANCES: Map<(Address, String), Int, Text> = Map::new(STORE, &[2]);
/// (Denomination, holder): an index of `BALANCES`, kept by `set_balance`.
const HOLDERS: Map<(String, Prefixed), (), Unit> = Map::new(STORE, &[3]);
const SEND_ENABLED: Map<String, bool, Plain> = Map::new(STORE, &[4]);
const PARAMS: Item<Params> = Item::new(STORE, &[5]);

fn params(view: &View) -> Result<Params> {
    PARAMS.get_or_default(view)
}

/// Writes a balance and its index entry; a zero one is deleted. `old` is the balance before.
/// The reference writes the index entry every time; we charge for it.
fn set_balance(cx: &mut Ctx, address: &Address, denom: &str, old: Int, new: Int) -> Result {
    let key = (address.clone(), denom.to_owned());
    let holder = (denom.to_owned(), Prefixed(address.as_bytes().to_vec()));
    if new.is_zero() {
        HOLDERS.del(cx, &holder)?;
        return BALANCES.del(cx, &key);
    }
    if old.is_zero() {
        HOLDERS.set(cx, &holder, &())?;
    } else {
        HOLDERS.charge_set(cx, &holder, &())?;
    }
    BALANCES.set(cx, &key, &new)
}

// Messages.
fn send_message(cx: &mut Ctx, message: MsgSend) -> Result {
    let MsgSend { from_address, to_address, amount } = message;
    let from = parse("from", &from_address)?;
    let to = parse("to", &to_address)?;
    let amount = positive(&amount)?;
    require_send_enabled(cx, &amount)?;
    refuse_blocked(&to)?;
    send(cx, &from, &to, &amount)
}

fn multi_send(cx: &mut Ctx, MsgMultiSend { inputs, outputs }: MsgMultiSend) -> Result {
    let [Input { address, coins }] = inputs.as_slice() else {
        let error = if inputs.is_empty() { Error::NoInputs } else { Error::ManyInputs };
        return Err(error.into());
    };
    if outputs.is_empty() {
        return Err(Error::NoOutputs.into());
    }
    let from = parse("input", address)?;
    let spent = positive(coins)?;
    let mut received = Coins::default();
    let mut parsed = Vec::with_capacity(outputs.len());
    for Output { address, coins } in &outputs {
        let (to, coins) = (parse("output", address)?, positive(coins)?);
        received = received.add(&coins)?;
        parsed.push((to, coins));
    }
    if spent != received {
        return Err(Error::SumsDiffer.into());
    }
    require_send_enabled(cx, &spent)?;
    parsed.iter().try_for_each(|(to, _)| refuse_blocked(to))?;
    calls::send_many(cx, &from, &spent, &parsed)
}

fn set_send_enabled(cx: &mut Ctx, message: MsgSetSendEnabled) -> Result {
    let MsgSetSendEnabled { authority, send_enabled, use_default_for } = message;
    auth::require_authority(&authority)?;
    let mut seen = std::collections::BTreeSet::new();
    for SendEnabled { denom, .. } in &send_enabled {
        if !seen.insert(denom) {
            let text = format!("duplicate denom entries found for {denom:?}");
            return Err(Sdk::InvalidRequest.wrap(text));
        }
        validate_denom(denom).map_err(|error| {
            Sdk::InvalidRequest.wrap(format!("invalid SendEnabled denom {denom:?}: {error}"))
        })?;
    }
    for denom in &use_default_for {
        validate_denom(denom).map_err(|error| {
            Sdk::InvalidRequest.wrap(format!("invalid UseDefaultFor denom {denom:?}: {error}"))
        })?;
    }
    for SendEnabled { denom, enabled } in &send_enabled {
        SEND_ENABLED.set(cx, denom, enabled)?;
    }
    use_default_for.iter().try_for_each(|denom| SEND_ENABLED.del(cx, denom))
}

fn update_params(cx: &mut Ctx, MsgUpdateParams { authority, params }: MsgUpdateParams) -> Result {
    auth::require_authority(&authority)?;
    if !params.send_enabled.is_empty() {
        return Err(Fault::plain("use of send_enabled in params is no longer supported"));
    }
    PARAMS.set(cx, &params)
}

fn parse(role: &str, text: &str) -> Result<Address> {
    text.parse().map_err(|error: types::AddressError| {
        Sdk::InvalidAddress.wrap(format!("invalid {role} address: {error}"))
    })
}

/// Coins that are sorted, without duplicates, positive, and not none at all.
pub(crate) fn positive(coins: &[types::wire::cosmos::base::v1beta1::Coin]) -> Result<Coins> {
    match Coins::from_wire(coins) {
        Ok(coins) if !coins.is_empty() => Ok(coins),
        _ => {
            let text: Vec<_> =
                coins.iter().map(|it| format!("{}{}", it.amount, it.denom)).collect();
            Err(Sdk::InvalidCoins.wrap(text.join(",")))
        }
    }
}

fn refuse_blocked(to: &Address) -> Result {
    if is_blocked(to) {
        return Err(Sdk::Unauthorized.wrap(format!("{to} is not allowed to receive funds")));
    }
    Ok(())
}

fn supply_is_the_sum_of_balances(view: &View) -> Result {
    let mut sum = Coins::default();
    for entry in BALANCES.iter(view) {
        let ((_, denom), amount) = entry?;
        sum = sum.add_coin(&Coin::new(denom, amount))?;
    }
    let mut supply = Coins::default();
    for entry in SUPPLY.iter(view) {
        let (denom, amount) = entry?;
        supply = supply.add_coin(&Coin::new(denom, amount))?;
    }
    holds!(sum == supply, "balances are {sum}, supply is {supply}")
}

// Errors: the numbers are on the wire.
ledger::errors! { Bank;
    2 NoInputs "no inputs to send transaction",
    3 NoOutputs "no outputs to send transaction",
    4 SumsDiffer "sum inputs != sum outputs",
    5 SendDisabled "send transactions are disabled",
    6 NoMetadata "client denom metadata not found",
    7 InvalidKey "invalid key",
    8 DuplicateEntry "duplicate entry",
    9 ManyInputs "multiple senders not allowed",
}
