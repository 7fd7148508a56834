//! What to try after an error code of the chain.
//!
//! Called by [`crate::Error::hint`] and by the command line. The numbers are the chain's own.

/// What to try, as one sentence without a full stop.
pub fn of_code(codespace: &str, code: u32) -> Option<&'static str> {
    Some(match (codespace, code) {
        ("sdk", 4) => "check that the right key signs and that the chain id is right",
        ("sdk", 5) => {
            "the account needs more coins for the amount and the fee; fund it or lower the deposit"
        }
        ("sdk", 7) => "check the address; accounts begin with `akash1`",
        ("sdk", 9) => "the account is unknown to the chain; send it a coin first",
        ("sdk", 11) => "raise --gas or --gas-adjustment",
        ("sdk", 13) => "raise --gas-price",
        ("sdk", 19) => {
            "this very transaction is already waiting; look for it with `haggle query tx get-tx`"
        }
        ("sdk", 20) => "the node is busy; try again in a few blocks",
        ("sdk", 30 | 42) => "the transaction came too late; send it again",
        ("sdk", 32) => "another transaction of this account was faster; try again",
        ("deployment", 3) => "use another --dseq; this one is taken",
        ("deployment", 4) => "check owner and dseq with `haggle deployments`",
        ("deployment", 5) => "the deployment is closed already",
        ("deployment", 20) => {
            "check the deposit: its denomination must be that of the prices, and at least the minimum of `haggle query deployment params`"
        }
        ("deployment", 24) => {
            "price the deployment in a denomination that the chain accepts; see `haggle query deployment params`"
        }
        ("market", 12 | 13) => "the bid or the order is not open any more; look at `haggle bids`",
        ("market", 30) => "register the provider first",
        ("escrow", 2) => "the escrow account is closed already",
        ("escrow", 3) => "check the id with `haggle query escrow accounts`",
        ("limits", 1) => "this chain takes no spending limits; governance can switch them on",
        ("limits", 3) => "the owner of the coins can grant a new rule with `haggle limits grant`",
        ("limits", 4 | 8 | 9) => {
            "see what the rule allows with `haggle limits show --mine`, and ask its owner"
        }
        ("limits", 5..=7) => {
            "what was spent is free again a day later; see `haggle limits show --mine`"
        }
        ("limits", 10) => "under a rule, only what the key deployed itself can be touched",
        ("limits", 11) => "name `balance` as the only source of the deposit",
        _ => return None,
    })
}
