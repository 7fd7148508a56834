//! Local networks: funded test accounts and the genesis that knows them.
//!
//! Called by `up`, `node init` and `node testnet`. The phrases lie in plain text in the home folder, because their
//! coins are worth nothing: that is said wherever they are shown.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use client::{keyring::Keyring, keys::Phrase};
use serde::{Deserialize, Serialize};

use crate::{
    context::Context,
    failure::{Failure, Result},
};

/// What every test account begins with, in micro-units of each denomination: a million coins.
pub const FUNDS: u64 = 1_000_000_000_000;
/// The denominations of a local network.
pub const DENOMS: [&str; 3] = ["uact", "uakt", "uusdc"];

/// A funded account of a local network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestAccount {
    /// Name of the key in the keyring.
    pub name: String,
    /// Bech32.
    pub address: String,
    /// BIP-39; anyone who runs the network may know it.
    pub phrase: String,
}

/// `accounts.json` in the home folder.
pub fn accounts_file(home: &Path) -> PathBuf {
    home.join("accounts.json")
}

/// The file with the password of a local network's keyring, so that commands need not ask.
pub fn password_file(home: &Path) -> PathBuf {
    home.join("keyring-password")
}

/// The folder of the node below the home of the command line.
pub fn node_home(home: &Path) -> PathBuf {
    home.join("node")
}

/// The test accounts of a home that has a local network.
pub fn accounts(home: &Path) -> Result<Vec<TestAccount>> {
    let file = accounts_file(home);
    let text = fs::read_to_string(&file).map_err(|error| {
        Failure::new(format!("could not read the test accounts in {}", file.display()))
            .caused_by(error)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!("{} is not a list of test accounts", file.display())).caused_by(error)
    })
}

/// A validator of a new local network.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The home of its command line; the node is below it.
    pub home: PathBuf,
    /// Its test accounts; the first is the validator's operator.
    pub accounts: Vec<String>,
    /// Settings of its node.
    pub config: node::Config,
}

/// A new local network in the home of `cx`: accounts, keyring, genesis with this node as validator.
///
/// May be repeated after a crash: what is there already is used.
pub fn create(
    cx: &Context,
    names: &[String],
    chain_id: &str,
    config: node::Config,
) -> Result<Vec<TestAccount>> {
    let seat = Seat { home: cx.config.home.clone(), accounts: names.to_vec(), config };
    Ok(create_all(cx, chain_id, vec![seat])?.into_iter().flatten().collect())
}

/// A new local network of several validators, each with a home of its own; gives the test accounts
/// of each. May be repeated after a crash, as [`create`].
pub fn create_all(cx: &Context, chain_id: &str, seats: Vec<Seat>) -> Result<Vec<Vec<TestAccount>>> {
    for seat in &seats {
        let path = node_home(&seat.home);
        if node::home::genesis_file(&path).exists() {
            return Err(node::Error::HasGenesis(path).into());
        }
    }
    let mut accounts = Vec::new();
    let mut funded = Vec::new();
    let mut members = Vec::new();
    for seat in seats {
        let made = test_accounts(&seat.home, &seat.accounts)?;
        let mut theirs = cx.clone();
        theirs.config.home.clone_from(&seat.home);
        keep(&theirs, &theirs.keyring()?, &made)?;
        let addresses: Vec<types::Address> =
            made.iter().map(|it| it.address.parse().map_err(failed)).collect::<Result<_>>()?;
        let Some(operator) = addresses.first().cloned() else {
            return Err(Failure::input("a local network needs a test account"));
        };
        for address in addresses {
            funded.push((address, funds()?));
        }
        members.push(node::Member { home: node_home(&seat.home), operator, config: seat.config });
        accounts.push(made);
    }
    node::init(node::NewNetwork {
        chain_id: chain_id.to_owned(),
        genesis_time_s: now_s(),
        app_state: node::modules::genesis::local(&funded),
        members,
    })?;
    Ok(accounts)
}

/// The test accounts of a home; new ones if it has none.
fn test_accounts(home: &Path, names: &[String]) -> Result<Vec<TestAccount>> {
    if accounts_file(home).exists() {
        return accounts(home);
    }
    let made: Vec<TestAccount> = names.iter().map(|name| account(name)).collect::<Result<_>>()?;
    let text = serde_json::to_vec_pretty(&made).map_err(failed)?;
    fs::create_dir_all(home).map_err(|error| {
        Failure::new(format!("could not create {}", home.display())).caused_by(error)
    })?;
    client::keyring::write_atomically(&accounts_file(home), &text)?;
    Ok(made)
}

/// Puts the accounts into the keyring. A keyring made here gets its password from the environment,
/// or a word in a file of the home.
fn keep(cx: &Context, keyring: &Keyring, accounts: &[TestAccount]) -> Result {
    let known = keyring.list()?;
    let file = password_file(&cx.config.home);
    let chosen = std::env::var(crate::context::PASSWORD_ENV).is_ok();
    if known.is_empty() && !chosen && !file.exists() {
        client::keyring::write_atomically(&file, b"local test keys")?;
    }
    let password = cx.password(false)?;
    for account in accounts {
        match known.iter().find(|it| it.name == account.name) {
            Some(same) if same.address == account.address => {}
            Some(_) => {
                return Err(Failure::input(format!(
                    "the keyring has another key that is called {}",
                    account.name
                ))
                .hint("choose another folder with --home"));
            }
            None => {
                let key = account.phrase.parse::<Phrase>()?.first_key()?;
                keyring.add(&account.name, &key, &password)?;
            }
        }
    }
    Ok(())
}

fn account(name: &str) -> Result<TestAccount> {
    let phrase = Phrase::generate()?;
    Ok(TestAccount {
        name: name.to_owned(),
        address: phrase.first_key()?.public().address(),
        phrase: phrase.words().to_owned(),
    })
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

fn funds() -> Result<types::Coins> {
    DENOMS.map(|denom| format!("{FUNDS}{denom}")).join(",").parse().map_err(failed)
}

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}
