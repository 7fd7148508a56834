//! Rules shared by the market chapters, one file per package of `akash.base` (chain.md 3):
//! attributes and how they match, deposits. Pure functions over wire messages.
//!
//! Called by: escrow, deployment, market, provider, audit. Calls: types. Owns: no state.

pub mod attributes;
pub mod deposit;
pub mod glob;
pub mod moment;
pub mod time;
pub mod url;

use ledger::{Fault, Sdk, errors_in};
use types::{CoinError, IdError, NumberError};

errors_in! { "akash";
    1 DuplicateAttribute "attributes cannot have duplicate keys" => InvalidArgument,
    2 AttributeKey "attribute key does not match regexp" => InvalidArgument,
    3 InvalidDepositor "invalid depositor" => InvalidArgument,
    4 InvalidDepositSource "invalid deposit source" => InvalidArgument,
}

/// A number that does not parse, overflows or divides by zero: the reference panics there; here
/// it is an ordinary refusal (chain.md 1.2).
pub fn number(error: NumberError) -> Fault {
    Sdk::InvalidRequest.wrap(error)
}

/// Money that does not read or add up: `sdk/10`.
pub fn money(error: CoinError) -> Fault {
    Sdk::InvalidCoins.wrap(error)
}

/// An identifier that is refused, with the root code that the reference gives it (chain.md 3.1).
pub fn id(error: IdError) -> Fault {
    Fault::registered("sdk", error.code, error.text)
}
