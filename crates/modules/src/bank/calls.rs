//! What other modules may do with money.
//!
//! Between accounts nobody is asked whether a denomination is send-enabled or a recipient
//! blocked: those are rules for messages of users (cosmos.md 4.5).

use ledger::{Ctx, Fault, Result, Sdk, View};
use types::{Address, Coin, Coins, Int, wire::cosmos::bank::v1beta1::Metadata};

use super::{BALANCES, Error, METADATA, SEND_ENABLED, SUPPLY, set_balance};
use crate::auth::{self, Kind};

/// The balance of one denomination; zero when there is none.
pub fn balance(view: &View, address: &Address, denom: &str) -> Result<Int> {
    Ok(BALANCES.get(view, &(address.clone(), denom.to_owned()))?.unwrap_or_default())
}

/// All balances of an account.
pub fn balances(view: &View, address: &Address) -> Result<Coins> {
    let mut coins = Vec::new();
    for entry in BALANCES.walk().under(address).iter(view) {
        let ((_, denom), amount) = entry?;
        coins.push(Coin::new(denom, amount));
    }
    Ok(Coins::new(coins)?)
}

/// The first balances of an account in order of their denominations, at most `limit`.
pub fn first_balances(view: &View, address: &Address, limit: usize) -> Result<Vec<Coin>> {
    let entries = BALANCES.walk().under(address).iter(view).take(limit);
    entries.map(|it| it.map(|((_, denom), amount)| Coin::new(denom, amount))).collect()
}

/// Coins that vesting keeps from being spent.
pub fn locked(view: &View, address: &Address) -> Result<Coins> {
    match auth::account(view, address)? {
        Some(account) => account.locked(view.unix_seconds()),
        None => Ok(Coins::default()),
    }
}

/// What an account may spend.
pub fn spendable(view: &View, address: &Address) -> Result<Coins> {
    let (rest, _) = balances(view, address)?.safe_sub(&locked(view, address)?)?;
    Ok(Coins::new(rest.into_iter().filter(Coin::is_positive))?)
}

/// What an account may spend of one denomination; never below zero.
pub fn spendable_of(view: &View, address: &Address, denom: &str) -> Result<Int> {
    let held = balance(view, address, denom)?;
    let free = held.sub(locked(view, address)?.amount_of(denom))?;
    Ok(free.max(Int::ZERO))
}

/// How much of a denomination exists.
pub fn supply(view: &View, denom: &str) -> Result<Int> {
    Ok(SUPPLY.get(view, &denom.to_owned())?.unwrap_or_default())
}

pub fn metadata(view: &View, denom: &str) -> Result<Option<Metadata>> {
    METADATA.get(view, &denom.to_owned())
}

pub fn set_metadata(cx: &mut Ctx, metadata: &Metadata) -> Result {
    METADATA.set(cx, &metadata.base, metadata)
}

/// Whether users may send a denomination to each other.
pub fn is_send_enabled(view: &View, denom: &str) -> Result<bool> {
    let default = super::params(view)?.default_send_enabled;
    Ok(send_enabled_entry(view, denom)?.unwrap_or(default))
}

fn send_enabled_entry(view: &View, denom: &str) -> Result<Option<bool>> {
    let denom = denom.to_owned();
    if !SEND_ENABLED.has(view, &denom)? {
        return Ok(None);
    }
    SEND_ENABLED.get(view, &denom)
}

/// Refuses with `bank/5` what users may not send.
pub fn require_send_enabled(view: &View, coins: &Coins) -> Result {
    let default = super::params(view)?.default_send_enabled;
    for coin in coins {
        if !send_enabled_entry(view, &coin.denom)?.unwrap_or(default) {
            let text = format!("{} transfers are currently disabled", coin.denom);
            return Err(Error::SendDisabled.wrap(text));
        }
    }
    Ok(())
}

/// Whether users and modules' payouts may not credit this address.
pub fn is_blocked(address: &Address) -> bool {
    auth::is_module_address(address)
}

/// Moves coins from an account to another, which is created if it does not exist.
pub fn send(cx: &mut Ctx, from: &Address, to: &Address, amount: &Coins) -> Result {
    debit(cx, from, amount)?;
    credit(cx, to, amount)?;
    auth::ensure_account(cx, to)?;
    let (from, to, amount) = (from.to_string(), to.to_string(), amount.to_string());
    cx.emit_plain("transfer", [("recipient", &*to), ("sender", &from), ("amount", &amount)]);
    cx.emit_plain("message", [("sender", &*from)]);
    Ok(())
}

/// One sender, many recipients: the sums are equal, the caller has checked.
pub(super) fn send_many(
    cx: &mut Ctx,
    from: &Address,
    amount: &Coins,
    outputs: &[(Address, Coins)],
) -> Result {
    let sender = from.to_string();
    cx.emit_plain("message", [("sender", &*sender)]);
    debit(cx, from, amount)?;
    for (to, coins) in outputs {
        credit(cx, to, coins)?;
        let (to_text, amount) = (to.to_string(), coins.to_string());
        cx.emit_plain(
            "transfer",
            [("recipient", &*to_text), ("sender", &sender), ("amount", &amount)],
        );
        auth::ensure_account(cx, to)?;
    }
    Ok(())
}

/// From an account to a module; the module's account is created on first use.
pub fn send_to_module(cx: &mut Ctx, from: &Address, module: &str, amount: &Coins) -> Result {
    let to = auth::ensure_module_account(cx, module)?;
    send(cx, from, &to, amount)
}

/// From a module to an account, `sdk/4` if that one is blocked.
pub fn send_from_module(cx: &mut Ctx, module: &str, to: &Address, amount: &Coins) -> Result {
    if is_blocked(to) {
        return Err(Sdk::Unauthorized.wrap(format!("{to} is not allowed to receive funds")));
    }
    send(cx, &auth::module_address(module), to, amount)
}

/// From a module to a module.
pub fn send_between_modules(cx: &mut Ctx, from: &str, to: &str, amount: &Coins) -> Result {
    let recipient = auth::ensure_module_account(cx, to)?;
    send(cx, &auth::module_address(from), &recipient, amount)
}

/// Creates coins in a module's account, which must be a minter.
pub fn mint(cx: &mut Ctx, module: &str, amount: &Coins) -> Result {
    let address = permitted(cx, module, "minter", "mint")?;
    credit(cx, &address, amount)?;
    for coin in amount {
        let total = supply(cx, &coin.denom)?.add(coin.amount)?;
        SUPPLY.set(cx, &coin.denom, &total)?;
    }
    let (minter, amount) = (address.to_string(), amount.to_string());
    cx.emit_plain("coinbase", [("minter", &*minter), ("amount", &amount)]);
    Ok(())
}

/// Destroys coins of a module's account, which must be a burner.
pub fn burn(cx: &mut Ctx, module: &str, amount: &Coins) -> Result {
    let address = permitted(cx, module, "burner", "burn")?;
    debit(cx, &address, amount)?;
    for coin in amount {
        let total = supply(cx, &coin.denom)?.sub(coin.amount)?;
        if total.is_zero() {
            SUPPLY.del(cx, &coin.denom)?;
        } else {
            SUPPLY.set(cx, &coin.denom, &total)?;
        }
    }
    let (burner, amount) = (address.to_string(), amount.to_string());
    cx.emit_plain("burn", [("burner", &*burner), ("amount", &amount)]);
    Ok(())
}

fn permitted(cx: &mut Ctx, module: &str, permission: &str, verb: &str) -> Result<Address> {
    let address = auth::ensure_module_account(cx, module)?;
    if !auth::permissions(module).is_some_and(|it| it.contains(&permission)) {
        let text = format!("module account {module} does not have permissions to {verb} tokens");
        return Err(Sdk::Unauthorized.wrap(text));
    }
    Ok(address)
}

/// Moves coins into a pool, locked ones included, and books what vesting delegates.
pub fn delegate(cx: &mut Ctx, delegator: &Address, pool: &Address, amount: &Coins) -> Result {
    let mut left = Vec::new();
    for coin in amount {
        let held = balance(cx, delegator, &coin.denom)?;
        if held < coin.amount {
            let held = Coin::new(coin.denom.clone(), held);
            let text = format!("failed to delegate; {held} is smaller than {amount}");
            return Err(Sdk::InsufficientFunds.wrap(text));
        }
        left.push((&coin.denom, held, held.sub(coin.amount)?));
    }
    for (denom, held, rest) in left {
        set_balance(cx, delegator, denom, held, rest)?;
    }
    let now = cx.unix_seconds();
    if let Some(mut account) = auth::account(cx, delegator)?
        && let Kind::Vesting(vesting) = &mut account.kind
    {
        vesting.delegate(now, amount)?;
        auth::save(cx, &account)?;
    }
    emit_spent(cx, delegator, amount);
    credit(cx, pool, amount)
}

/// Moves coins from a pool back to their delegator, and books what vesting undelegates.
pub fn undelegate(cx: &mut Ctx, pool: &Address, delegator: &Address, amount: &Coins) -> Result {
    debit(cx, pool, amount)?;
    if let Some(mut account) = auth::account(cx, delegator)?
        && let Kind::Vesting(vesting) = &mut account.kind
    {
        vesting.undelegate(amount)?;
        auth::save(cx, &account)?;
    }
    credit(cx, delegator, amount)
}

fn debit(cx: &mut Ctx, address: &Address, amount: &Coins) -> Result {
    let locked = locked(cx, address)?;
    for coin in amount {
        let held = balance(cx, address, &coin.denom)?;
        let kept = locked.amount_of(&coin.denom);
        let of = |amount: Int| Coin::new(coin.denom.clone(), amount);
        if kept > held {
            let text =
                format!("locked amount exceeds account balance funds: {} > {}", of(kept), of(held));
            return Err(Sdk::InsufficientFunds.wrap(text));
        }
        let free = held.sub(kept)?;
        if free < coin.amount {
            let text = format!("spendable balance {} is smaller than {coin}", of(free));
            return Err(Sdk::InsufficientFunds.wrap(text));
        }
        set_balance(cx, address, &coin.denom, held, held.sub(coin.amount)?)?;
    }
    emit_spent(cx, address, amount);
    Ok(())
}

/// What left an account's balance since there were `from` events. Every debit tells it, here and
/// nowhere else, and one that is undone takes its event along.
pub fn spent_since(cx: &Ctx, from: usize, spender: &Address) -> Result<Coins> {
    let spender = spender.to_string();
    let mut sum = Coins::default();
    for event in cx.events().iter().skip(from).filter(|it| it.r#type == SPENT) {
        let [who, amount, ..] = event.attributes.as_slice() else { continue };
        if who.value == spender && !amount.value.is_empty() {
            sum = sum.add(&amount.value.parse()?)?;
        }
    }
    Ok(sum)
}

/// The event of a debit: who, and how much, in this order.
const SPENT: &str = "coin_spent";

fn emit_spent(cx: &mut Ctx, spender: &Address, amount: &Coins) {
    let (spender, amount) = (spender.to_string(), amount.to_string());
    cx.emit_plain(SPENT, [("spender", &*spender), ("amount", &amount)]);
}

fn credit(cx: &mut Ctx, address: &Address, amount: &Coins) -> Result {
    for coin in amount {
        let held = balance(cx, address, &coin.denom)?;
        let sum = held.add(coin.amount).map_err(|error| Fault::plain(error.to_string()))?;
        set_balance(cx, address, &coin.denom, held, sum)?;
    }
    let (receiver, amount) = (address.to_string(), amount.to_string());
    cx.emit_plain("coin_received", [("receiver", &*receiver), ("amount", &amount)]);
    Ok(())
}
