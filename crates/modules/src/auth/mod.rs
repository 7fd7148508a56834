//! Who may sign: accounts, their keys, numbers and sequences; module accounts.
//!
//! Called by: ante, bank and every module that names a module account. Calls nothing.
//! Owns: store `acc` (cosmos.md 4.3).

mod account;
mod genesis;
mod query;
#[cfg(test)]
mod tests;

use ledger::{
    Codec, Counter, Ctx, Fault, Item, Map, Module, Plain, Result, Routes, Sdk, Unit, View,
};
use prost_types::Any;
use types::{
    Address,
    wire::cosmos::auth::v1beta1::{BaseAccount, GenesisState, MsgUpdateParams, Params},
};

pub use account::{Account, Kind, Schedule, Vesting};

pub struct Auth;

/// Passed unordered transactions that a block forgets at most.
const FORGOTTEN_PER_BLOCK: usize = 10_000;

/// Longest life of an unordered transaction, in nanoseconds: 10 minutes (cosmos.md 1.9).
pub const UNORDERED_TTL_NANOS: i128 = 600_000_000_000;

impl Module for Auth {
    const NAME: &'static str = "auth";
    const STORE: &'static str = STORE;
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg(update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: default_params(), accounts: Vec::new() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        PARAMS.set(cx, &genesis.params)?;
        let accounts = genesis.accounts.iter().map(Account::from_any).collect::<Result<_>>()?;
        let accounts = genesis::numbered(accounts)?;
        let mut next = 0u64;
        for account in accounts {
            next = next.max(account.base.account_number.saturating_add(1));
            insert(cx, &account.address()?, &account)?;
        }
        NEXT_NUMBER.set(cx, next)?;
        // Each is created by its own module's genesis in the reference, with nothing in between.
        for name in GENESIS_MODULE_ACCOUNTS {
            ensure_module_account(cx, name)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let mut accounts = ACCOUNTS.values(view).collect::<Result<Vec<_>>>()?;
        accounts.sort_by_key(|it| it.base.account_number);
        let accounts = accounts.iter().map(Account::to_any).collect();
        Ok(GenesisState { params: params(view)?, accounts })
    }

    /// Forgets the unordered transactions whose time has passed, so many per block: those that wait
    /// for the next one are refused by their time anyway.
    fn pre_block(cx: &mut Ctx) -> Result {
        let now = cx.unix_nanos();
        let passed = NONCES
            .keys(cx)
            .take_while(|it| it.as_ref().map_or(true, |(timeout, _)| i128::from(*timeout) <= now))
            .take(FORGOTTEN_PER_BLOCK)
            .collect::<Result<Vec<_>>>()?;
        passed.iter().try_for_each(|it| NONCES.del(cx, it))
    }
}

// State.
const STORE: &str = "acc";
const PARAMS: Item<Params> = Item::new(STORE, &[0]);
const ACCOUNTS: Map<Address, Account, AccountCodec> = Map::new(STORE, &[1]);
const NEXT_NUMBER: Counter = Counter::new(STORE, &[2]);
const NUMBERS: Map<u64, Address, Plain> = Map::new(STORE, b"accountNumber");
/// (Timeout in nanoseconds, sender): the time comes first, so expiry is a prefix of the walk.
const NONCES: Map<(i64, Address), (), Unit> = Map::new(STORE, &[90]);

/// Accounts are stored as an `Any` of their kind.
#[derive(Clone, Copy, Debug)]
enum AccountCodec {}

impl Codec<Account> for AccountCodec {
    fn encode(value: &Account) -> Vec<u8> {
        prost::Message::encode_to_vec(&value.to_any())
    }
    fn decode(bytes: &[u8]) -> Option<Account> {
        let any: Any = prost::Message::decode(bytes).ok()?;
        Account::from_any(&any).ok()
    }
}

/// Every module account: name and permissions (cosmos.md 0). None may receive from users.
pub const MODULE_ACCOUNTS: &[(&str, &[&str])] = &[
    ("fee_collector", &[]),
    ("distribution", &[]),
    ("mint", &["minter"]),
    ("bonded_tokens_pool", &["burner", "staking"]),
    ("not_bonded_tokens_pool", &["burner", "staking"]),
    ("gov", &["burner"]),
    ("transfer", &["minter", "burner"]),
    ("escrow", &[]),
    ("bme", &["burner", "minter"]),
];

/// Those that get their account numbers in genesis, in this order (cosmos.md 1.8).
const GENESIS_MODULE_ACCOUNTS: &[&str] = &[
    "fee_collector",
    "distribution",
    "bonded_tokens_pool",
    "not_bonded_tokens_pool",
    "gov",
    "mint",
];

pub const FEE_COLLECTOR: &str = "fee_collector";

// Messages.
fn update_params(cx: &mut Ctx, MsgUpdateParams { authority, params }: MsgUpdateParams) -> Result {
    let gov = authority_address();
    if authority != gov {
        return Err(Fault::plain(format!(
            "expected gov account as only signer for proposal message; invalid authority; expected {gov}, got {authority}"
        )));
    }
    for (value, name) in [
        (params.tx_sig_limit, "tx signature limit"),
        (params.sig_verify_cost_ed25519, "ED25519 signature verification cost"),
        (params.sig_verify_cost_secp256k1, "SECK256k1 signature verification cost"),
        (params.max_memo_characters, "max memo characters"),
        (params.tx_size_cost_per_byte, "tx size cost per byte"),
    ] {
        if value == 0 {
            return Err(Fault::plain(format!("invalid {name}: {value}")));
        }
    }
    PARAMS.set(cx, &params)
}

// Calls open to other modules.

/// The text of governance's address, the authority of every `MsgUpdateParams`.
pub fn authority_address() -> String {
    Address::of_module("gov").to_string()
}

mod gov_errors {
    ledger::errors_in! { "gov"; 13 WrongAuthority "expected gov account as only signer for proposal message" }
}

/// Refuses everyone but governance with `gov/13`, as most modules do (cosmos.md 4.2).
pub fn require_authority(authority: &str) -> Result {
    let gov = authority_address();
    if authority == gov {
        return Ok(());
    }
    let context = format!("invalid authority; expected {gov}, got {authority}");
    Err(gov_errors::Error::WrongAuthority.wrap(context))
}

/// Reads an address, `sdk/7` with the reference's bech32 text.
pub fn parse_address(text: &str) -> Result<Address> {
    text.parse().map_err(|error: types::AddressError| Sdk::InvalidAddress.wrap(error))
}

pub fn default_params() -> Params {
    Params {
        max_memo_characters: 256,
        tx_sig_limit: 7,
        tx_size_cost_per_byte: 10,
        sig_verify_cost_ed25519: 590,
        sig_verify_cost_secp256k1: 1000,
    }
}

pub fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

pub fn account(view: &View, address: &Address) -> Result<Option<Account>> {
    ACCOUNTS.get(view, address)
}

pub fn exists(view: &View, address: &Address) -> Result<bool> {
    ACCOUNTS.has(view, address)
}

/// Stores an account that exists. The reference reads the old one and writes its entry by number
/// again; we charge for it.
pub fn save(cx: &mut Ctx, account: &Account) -> Result {
    let address = account.address()?;
    let bytes = AccountCodec::encode(account);
    ACCOUNTS.charge_get(cx, &address)?;
    cx.charge_delete()?;
    cx.charge_has()?;
    NUMBERS.charge_set(cx, &account.base.account_number, &address)?;
    cx.write(STORE, &ACCOUNTS.key(&address), bytes)
}

/// Creates the account if it does not exist, taking the next number.
pub fn ensure_account(cx: &mut Ctx, address: &Address) -> Result {
    if exists(cx, address)? {
        return Ok(());
    }
    create(cx, address, Kind::Base).map(|_| ())
}

/// Creates an account of a kind, taking the next number. The caller knows it does not exist.
pub fn create(cx: &mut Ctx, address: &Address, kind: Kind) -> Result<Account> {
    let account_number = NEXT_NUMBER.next(cx)?;
    let base = BaseAccount { address: address.to_string(), account_number, ..Default::default() };
    let account = Account { base, kind };
    insert(cx, address, &account)?;
    Ok(account)
}

/// Stores an account that does not exist yet.
fn insert(cx: &mut Ctx, address: &Address, account: &Account) -> Result {
    ACCOUNTS.get(cx, address)?;
    cx.charge_has()?;
    NUMBERS.set(cx, &account.base.account_number, address)?;
    ACCOUNTS.set(cx, address, account)
}

/// The address of a module account.
pub fn module_address(name: &str) -> Address {
    Address::of_module(name)
}

/// Whether users may not send to this address: every module account's.
pub fn is_module_address(address: &Address) -> bool {
    use std::sync::OnceLock;
    static ADDRESSES: OnceLock<Vec<Address>> = OnceLock::new();
    ADDRESSES
        .get_or_init(|| MODULE_ACCOUNTS.iter().map(|(name, _)| module_address(name)).collect())
        .contains(address)
}

/// What a module account may do: `minter`, `burner`, `staking`.
pub fn permissions(name: &str) -> Option<&'static [&'static str]> {
    MODULE_ACCOUNTS.iter().find(|(it, _)| *it == name).map(|(_, permissions)| *permissions)
}

/// Creates a module's account if it does not exist; returns its address.
pub fn ensure_module_account(cx: &mut Ctx, name: &str) -> Result<Address> {
    let address = module_address(name);
    if account(cx, &address)?.is_none() {
        let granted = permissions(name).ok_or_else(|| {
            Sdk::UnknownAddress.wrap(format!("module account {name} does not exist"))
        })?;
        let permissions = granted.iter().map(|it| (*it).to_owned()).collect();
        create(cx, &address, Kind::Module { name: name.to_owned(), permissions })?;
    }
    Ok(address)
}

/// Remembers an unordered transaction's timestamp; false if it was used already.
pub fn use_nonce(cx: &mut Ctx, sender: &Address, timeout_nanos: i64) -> Result<bool> {
    let key = (timeout_nanos, sender.clone());
    if NONCES.has(cx, &key)? {
        return Ok(false);
    }
    NONCES.set(cx, &key, &())?;
    Ok(true)
}
