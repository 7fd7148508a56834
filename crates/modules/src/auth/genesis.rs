//! The numbers of a genesis document's accounts: those that share one get another.

use std::collections::BTreeSet;

use ledger::{Fault, Result};

use super::Account;

/// The accounts by number. Of several with one number the first keeps it; the others get the lowest
/// that are free, those of lower numbers first (cosmos.md 1.8).
pub(super) fn numbered(mut accounts: Vec<Account>) -> Result<Vec<Account>> {
    let mut addresses = BTreeSet::new();
    let mut taken = BTreeSet::new();
    let mut doubles = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        let address = account.address()?;
        if !addresses.insert(address) {
            let text = format!(
                "duplicate account found in genesis state; address: {}",
                account.base.address
            );
            return Err(Fault::plain(text));
        }
        if !taken.insert(account.base.account_number) {
            doubles.push((account.base.account_number, at));
        }
    }
    doubles.sort_unstable();
    let mut free = 0u64;
    for (_, at) in doubles {
        while !taken.insert(free) {
            free = free.saturating_add(1);
        }
        if let Some(account) = accounts.get_mut(at) {
            account.base.account_number = free;
        }
    }
    accounts.sort_by_key(|it| it.base.account_number);
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use types::{Address, wire::cosmos::auth::v1beta1::BaseAccount};

    use super::*;

    fn account(byte: u8, account_number: u64) -> Account {
        let address = Address::from([byte; 20]).to_string();
        let base = BaseAccount { address, account_number, ..BaseAccount::default() };
        Account { base, kind: Kind::Base }
    }

    #[test]
    fn numbers_that_are_taken_give_way_to_the_lowest_free_ones() {
        let accounts = [(1, 0), (2, 0), (3, 5), (4, 0), (5, 1), (6, 5)];
        let accounts = accounts.map(|(byte, number)| account(byte, number)).to_vec();
        let numbers = |all: &[Account]| -> Vec<(u64, Address)> {
            all.iter().map(|it| (it.base.account_number, it.address().unwrap())).collect()
        };
        let of = |byte| Address::from([byte; 20]);
        let numbered = numbered(accounts).unwrap();
        let expected = [(0, of(1)), (1, of(5)), (2, of(2)), (3, of(4)), (4, of(6)), (5, of(3))];
        assert_eq!(numbers(&numbered), expected);
    }

    #[test]
    fn one_address_stands_once() {
        assert!(numbered(vec![account(1, 0), account(1, 1)]).is_err());
    }
}
