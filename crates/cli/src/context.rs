//! What commands work with: settings, printer, connection, keyring.
//!
//! Called by every command. Nothing is opened before it is needed: `haggle keys list` needs no
//! node, `haggle orders` no key.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use client::{Chain, Endpoints, Policy, Signer, Wallet, keyring::Keyring};

use crate::{
    args::Global,
    config::{self, Config, Settings},
    failure::{Failure, Result},
    printer::Printer,
};

/// The environment variable with the password of the keyring.
pub const PASSWORD_ENV: &str = "HAGGLE_KEYRING_PASSWORD";
/// How many blocks the average time between blocks is measured over.
const MEASURED_BLOCKS: u64 = 20;

/// What commands work with.
#[derive(Clone)]
pub struct Context {
    /// Writes.
    pub printer: Printer,
    /// The settings.
    pub config: Config,
}

/// Flags of commands that send transactions.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Transaction options")]
pub struct TxFlags {
    /// Price of one unit of gas, such as 0.025uakt
    #[arg(long, value_name = "PRICE")]
    pub gas_price: Option<String>,
    /// Gas limit, instead of a simulation
    #[arg(long, value_name = "GAS")]
    pub gas: Option<u64>,
    /// Gas limit in per cent of what the simulation used [default: 150]
    #[arg(long, value_name = "PER CENT")]
    pub gas_adjustment: Option<u32>,
    /// A public note in the transaction
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub memo: String,
    /// An account that pays the fee by a fee grant
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub fee_granter: String,
}

impl Context {
    /// From the flags that every command has.
    pub fn new(global: &Global, printer: Printer) -> Result<Context> {
        let home = config::home(global.home.as_deref())?;
        Ok(Context { printer, config: Config::load(&home, global.settings())? })
    }

    /// The effective settings.
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// Connects to the node.
    pub async fn chain(&self) -> Result<Chain> {
        let settings = self.settings();
        let endpoints = Endpoints {
            rpc: settings.node.clone(),
            grpc: settings.grpc.clone(),
            chain_id: settings.chain_id.clone(),
        };
        Ok(Chain::connect(&endpoints).await?)
    }

    /// Where the keys are.
    pub fn keys_folder(&self) -> PathBuf {
        self.config.home.join("keys")
    }

    /// Opens the keyring.
    pub fn keyring(&self) -> Result<Keyring> {
        Ok(Keyring::open(self.keys_folder())?)
    }

    /// The password of the keyring, from the environment or by asking.
    pub fn password(&self, new: bool) -> Result<String> {
        if let Ok(password) = env::var(PASSWORD_ENV) {
            return Ok(password);
        }
        // A local network's keys are worth nothing; its home says so by holding the password.
        if let Ok(password) =
            std::fs::read_to_string(crate::local::password_file(&self.config.home))
        {
            return Ok(password);
        }
        let prompt = if new { "Password for the keyring" } else { "Password of the keyring" };
        self.printer.ask_password(prompt, new).ok_or_else(|| {
            Failure::input("the keyring needs a password and nobody can be asked")
                .hint(format!("set {PASSWORD_ENV}"))
        })
    }

    /// The name or address that `--from` says, or the only key there is.
    fn from(&self) -> Result<String> {
        if let Some(from) = &self.settings().from {
            return Ok(from.clone());
        }
        let keys = self.keyring()?.list()?;
        match keys.as_slice() {
            [only] => Ok(only.name.clone()),
            [] => Err(Failure::input("there is no key yet")
                .hint("make one with `haggle keys add NAME`, or import one")),
            several => {
                let names: Vec<&str> = several.iter().map(|it| it.name.as_str()).collect();
                Err(Failure::input("there are several keys")
                    .hint(format!("say which with --from: {}", names.join(", "))))
            }
        }
    }

    /// The address that acts; needs no password, and no key when `--from` is an address.
    pub fn address(&self) -> Result<String> {
        let from = self.from()?;
        if from.parse::<types::Address>().is_ok() {
            return Ok(from);
        }
        Ok(self.keyring()?.info(&from)?.address)
    }

    /// The key that signs.
    pub fn signer(&self) -> Result<Arc<dyn Signer>> {
        let keyring = self.keyring()?;
        let name = keyring.info(&self.from()?)?.name;
        let password = self.password(false)?;
        Ok(Arc::new(keyring.signer(&name, &password)?))
    }

    /// An account that sends transactions.
    pub fn wallet(&self, chain: Chain, signer: Arc<dyn Signer>, flags: &TxFlags) -> Result<Wallet> {
        Ok(Wallet::new(chain, signer, self.policy(flags)?))
    }

    /// How transactions are paid.
    pub fn policy(&self, flags: &TxFlags) -> Result<Policy> {
        let settings = self.settings();
        let price = flags.gas_price.as_ref().unwrap_or(&settings.gas_price);
        let adjustment = flags.gas_adjustment.unwrap_or(settings.gas_adjustment_percent);
        if !(100..=1000).contains(&adjustment) {
            return Err(Failure::input(format!(
                "a gas adjustment of {adjustment} per cent is not between 100 and 1000"
            )));
        }
        Ok(Policy {
            gas_price: price.parse()?,
            gas_adjustment_percent: adjustment,
            gas: flags.gas,
            memo: flags.memo.clone(),
            fee_granter: flags.fee_granter.clone(),
            wait: Duration::from_secs(settings.tx_wait_s),
            ..Policy::default()
        })
    }

    /// The average time between blocks, in milliseconds: the setting, else measured over the last
    /// blocks, else that of the reference network.
    pub async fn block_time_ms(&self, chain: &Chain) -> u64 {
        if let Some(set) = self.settings().block_time_ms {
            return set.max(1);
        }
        measure(chain).await.unwrap_or(client::price::BLOCK_TIME_MS)
    }
}

async fn measure(chain: &Chain) -> Option<u64> {
    let status = chain.status().await.ok()?;
    let first = status.latest_height.saturating_sub(MEASURED_BLOCKS).max(status.earliest_height);
    let blocks = status.latest_height.checked_sub(first).filter(|it| *it >= 2)?;
    let time = |text: &str| {
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
    };
    let start = time(&chain.rpc().block(Some(first.max(1))).await.ok()?.time)?;
    let millis = (time(&status.latest_time)? - start).whole_milliseconds();
    u64::try_from(millis).ok().map(|it| it / blocks).filter(|it| *it > 0)
}
