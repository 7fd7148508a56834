//! `haggle node wallet-data`: what wallets and registries want to know of a network.
//!
//! Calls `node` for the genesis document and the settings of a home folder, and asks no running
//! node. Owns the three files: `keplr.json` (the argument of `experimentalSuggestChain`), and
//! `chain.json` and `assetlist.json` in the forms of the Cosmos chain registry.

use std::{fs, net::SocketAddr, path::PathBuf};

use serde_json::{Number, Value, json};
use types::{Address, ConsAddress, Dec, DecCoins, NumberError, ValAddress};

use crate::{
    context::Context,
    failure::{Failure, Result},
    local,
};

/// BIP-44 coin type of every key of the network.
const COIN_TYPE: u32 = 118;
/// Most characters that Keplr takes for the name of a chain.
const NAME_MAX: usize = 36;
/// The staking token where the genesis document says nothing of staking.
const STAKING_DENOM: &str = "uakt";
/// How long stake unbonds where the genesis document says nothing of staking.
const UNBONDING_TIME: &str = "1814400s";
/// What makes low, average and high prices of gas out of the least one, in per cent.
const GAS_PRICE_STEPS: [u32; 3] = [100, 150, 200];
/// What this chain has beyond the oldest that Keplr works with.
const KEPLR_FEATURES: [&str; 2] =
    ["query:/cosmos/bank/v1beta1/spendable_balances", "authz-msg-revoke-fixed"];

/// Denominations of the reference network that a genesis document may use without describing them:
/// base, display, name, symbol; all have six decimals.
const KNOWN: [[&str; 4]; 4] = [
    ["uakt", "akt", "Akash Native Token", "AKT"],
    ["uact", "act", "Akash Compute Token", "ACT"],
    [
        "ibc/170C677610AC31DF0904FFE09CD3B5C657492170E7E52372E48756B71E56F2F1",
        "usdc",
        "USD Coin",
        "USDC",
    ],
    [
        "ibc/12C6A0C374171B595A0A9E18B83FA09D295FB1F2D8C6DAA3AC28683471752D84",
        "usdc",
        "USD Coin",
        "USDC",
    ],
];

const EXAMPLES: &str = "\
Examples:
  haggle node wallet-data --dir wallets
  haggle node wallet-data --dir wallets --rpc-url https://rpc.example.org \\
    --rest-url https://api.example.org --network-type testnet

A page that a wallet trusts adds the network with the content of keplr.json:
  await window.keplr.experimentalSuggestChain(/* keplr.json */)";

/// Arguments of `haggle node wallet-data`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct WalletDataArgs {
    /// Folder that gets keplr.json, chain.json and assetlist.json; it is made if it is missing
    #[arg(long, value_name = "FOLDER")]
    pub dir: PathBuf,
    /// Address of the RPC as wallets reach it [default: where the node listens]
    #[arg(long, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// Address of the REST gateway as wallets reach it [default: where the node listens]
    #[arg(long, value_name = "URL")]
    pub rest_url: Option<String>,
    /// Address of gRPC as programs reach it, without a scheme [default: where the node listens]
    #[arg(long, value_name = "HOST:PORT")]
    pub grpc_address: Option<String>,
    /// Name of the network in a registry [default: letters and digits of the chain id]
    #[arg(long, value_name = "NAME")]
    pub chain_name: Option<String>,
    /// Name of the network for people [default: the chain id]
    #[arg(long, value_name = "TEXT")]
    pub pretty_name: Option<String>,
    /// What its coins are worth: on a mainnet something
    #[arg(long, value_name = "TYPE", value_enum, default_value = "devnet")]
    pub network_type: NetworkType,
}

/// The registry's kinds of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum NetworkType {
    /// Coins with a price
    Mainnet,
    /// A public network to try things on
    Testnet,
    /// A network of one's own
    Devnet,
}

impl NetworkType {
    fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Devnet => "devnet",
        }
    }

    /// How far above the folder of a network the registry's schemas lie.
    fn up(self) -> &'static str {
        match self {
            Self::Mainnet => "../",
            Self::Testnet | Self::Devnet => "../../",
        }
    }
}

/// Runs `haggle node wallet-data`.
pub(super) fn run(cx: &Context, args: &WalletDataArgs) -> Result {
    let home = local::node_home(&cx.config.home);
    let document = node::load_genesis(&home)?;
    let state: Value = serde_json::from_str(document.app_state.get()).map_err(|error| {
        Failure::new("the genesis document holds a state that is no JSON").caused_by(error)
    })?;
    let network = Network::of(&document.chain_id, &state, &node::Config::read(&home)?, args)?;
    let files = [
        ("keplr.json", network.keplr()),
        ("chain.json", network.chain()),
        ("assetlist.json", network.assets()),
    ];
    let failed =
        |error| Failure::new(format!("could not write to {}", args.dir.display())).caused_by(error);
    fs::create_dir_all(&args.dir).map_err(failed)?;
    let mut written = Vec::new();
    for (name, content) in files {
        let path = args.dir.join(name);
        let text = serde_json::to_string_pretty(&content).unwrap_or_default() + "\n";
        fs::write(&path, text).map_err(failed)?;
        cx.printer.done(format!("wrote {}", path.display()));
        written.push(path);
    }
    cx.printer.json(&json!({ "chain_id": network.chain_id, "files": written }));
    Ok(())
}

/// A network as wallets see it.
#[derive(Debug)]
struct Network {
    chain_id: String,
    /// In the registry.
    name: String,
    /// For people.
    title: String,
    kind: NetworkType,
    rpc: String,
    rest: String,
    grpc: String,
    staking_denom: String,
    unbonding_time: String,
    /// The staking token is the first.
    currencies: Vec<Currency>,
    fees: Vec<Fee>,
}

/// A denomination as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Currency {
    base: String,
    display: String,
    /// Decimal digits between both.
    exponent: u64,
    name: String,
    symbol: String,
    description: String,
    /// Denomination and exponent, from the base upwards.
    units: Vec<(String, u64)>,
}

/// What gas may be paid in: low, average and high price of a unit.
#[derive(Debug)]
struct Fee {
    denom: String,
    steps: [Number; 3],
}

impl Network {
    fn of(
        chain_id: &str,
        state: &Value,
        config: &node::Config,
        args: &WalletDataArgs,
    ) -> Result<Network> {
        let text = |path: &str, otherwise: &str| {
            state.pointer(path).and_then(Value::as_str).unwrap_or(otherwise).to_owned()
        };
        let name = match &args.chain_name {
            Some(name) => name.clone(),
            None => chain_id.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), ""),
        };
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(Failure::input(format!(
                "the name {name:?} is not made of small letters and digits"
            ))
            .hint("give another with --chain-name"));
        }
        let title = args.pretty_name.clone().unwrap_or_else(|| chain_id.to_owned());
        if title.is_empty() || title.chars().count() > NAME_MAX {
            return Err(Failure::input(format!(
                "wallets take names of 1 to {NAME_MAX} characters, and {title:?} is not one"
            ))
            .hint("give another with --pretty-name"));
        }
        let staking_denom = text("/staking/params/bond_denom", STAKING_DENOM);
        let fees = fees(&config.minimum_gas_prices, &staking_denom)?;
        Ok(Network {
            chain_id: chain_id.to_owned(),
            name,
            title,
            kind: args.network_type,
            rpc: url("rpc", &args.rpc_url, config.rpc_listen)?,
            rest: url("rest", &args.rest_url, config.rest_listen)?,
            grpc: match &args.grpc_address {
                Some(address) => address.clone(),
                None => reachable("grpc-address", config.grpc_listen)?,
            },
            unbonding_time: text("/staking/params/unbonding_time", UNBONDING_TIME),
            currencies: currencies(state, &staking_denom, &fees),
            staking_denom,
            fees,
        })
    }

    /// The argument of `experimentalSuggestChain`.
    fn keplr(&self) -> Value {
        let currency = |it: &Currency| {
            json!({
                "coinDenom": it.symbol,
                "coinMinimalDenom": it.base,
                "coinDecimals": it.exponent,
            })
        };
        let fees = self.fees.iter().filter_map(|fee| {
            let mut shown = currency(self.currencies.iter().find(|it| it.base == fee.denom)?);
            let [low, average, high] = &fee.steps;
            shown["gasPriceStep"] = json!({ "low": low, "average": average, "high": high });
            Some(shown)
        });
        let (account, operator, consensus) =
            (Address::PREFIX, ValAddress::PREFIX, ConsAddress::PREFIX);
        json!({
            "chainId": self.chain_id,
            "chainName": self.title,
            "rpc": self.rpc,
            "rest": self.rest,
            "bip44": { "coinType": COIN_TYPE },
            "bech32Config": {
                "bech32PrefixAccAddr": account,
                "bech32PrefixAccPub": format!("{account}pub"),
                "bech32PrefixValAddr": operator,
                "bech32PrefixValPub": format!("{operator}pub"),
                "bech32PrefixConsAddr": consensus,
                "bech32PrefixConsPub": format!("{consensus}pub"),
            },
            "stakeCurrency": self.currencies.first().map(currency),
            "currencies": self.currencies.iter().map(currency).collect::<Vec<_>>(),
            "feeCurrencies": fees.collect::<Vec<_>>(),
            "features": KEPLR_FEATURES,
            "isTestnet": self.kind != NetworkType::Mainnet,
        })
    }

    /// `chain.json` of the chain registry.
    fn chain(&self) -> Value {
        let fees = self.fees.iter().map(|fee| {
            let [low, average, high] = &fee.steps;
            json!({
                "denom": fee.denom,
                "fixed_min_gas_price": low,
                "low_gas_price": low,
                "average_gas_price": average,
                "high_gas_price": high,
            })
        });
        let version = format!("v{}", node::VERSION);
        json!({
            "$schema": format!("{}chain.schema.json", self.kind.up()),
            "chain_name": self.name,
            "chain_type": "cosmos",
            "chain_id": self.chain_id,
            "pretty_name": self.title,
            "status": "live",
            "network_type": self.kind.name(),
            "bech32_prefix": Address::PREFIX,
            "daemon_name": "haggle",
            "node_home": "$HOME/.haggle",
            "key_algos": ["secp256k1"],
            "slip44": COIN_TYPE,
            "fees": { "fee_tokens": fees.collect::<Vec<_>>() },
            "staking": {
                "staking_tokens": [{ "denom": self.staking_denom }],
                "lock_duration": { "time": self.unbonding_time },
            },
            "codebase": {
                "recommended_version": version,
                "compatible_versions": [version],
                "language": { "type": "rust" },
            },
            "apis": {
                "rpc": [{ "address": self.rpc }],
                "rest": [{ "address": self.rest }],
                "grpc": [{ "address": self.grpc }],
            },
        })
    }

    /// `assetlist.json` of the chain registry.
    fn assets(&self) -> Value {
        let asset = |it: &Currency| {
            let units = it.units.iter();
            let units =
                units.map(|(denom, exponent)| json!({ "denom": denom, "exponent": exponent }));
            let mut asset = json!({
                "type_asset": if it.base.starts_with("ibc/") { "ics20" } else { "sdk.coin" },
                "denom_units": units.collect::<Vec<_>>(),
                "base": it.base,
                "display": it.display,
                "name": it.name,
                "symbol": it.symbol,
            });
            if !it.description.is_empty() {
                asset["description"] = json!(it.description);
            }
            asset
        };
        json!({
            "$schema": format!("{}assetlist.schema.json", self.kind.up()),
            "chain_name": self.name,
            "assets": self.currencies.iter().map(asset).collect::<Vec<_>>(),
        })
    }
}

/// The given address, or where the node listens.
fn url(what: &str, given: &Option<String>, listen: SocketAddr) -> Result<String> {
    let flag = format!("{what}-url");
    let Some(url) = given else { return Ok(format!("http://{}", reachable(&flag, listen)?)) };
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if !is_web || url.contains(['?', '#', ' ']) {
        return Err(Failure::input(format!("{url:?} is no address that a wallet can ask"))
            .hint(format!("--{flag} takes one such as https://{what}.example.org")));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// How a program on this machine reaches a listener.
fn reachable(flag: &str, listen: SocketAddr) -> Result<String> {
    if listen.port() == 0 {
        return Err(Failure::input("the node listens on any free port, which changes")
            .hint(format!("say with --{flag} where it is reached")));
    }
    let host = match listen.ip() {
        ip if !ip.is_unspecified() => return Ok(listen.to_string()),
        ip if ip.is_ipv4() => "127.0.0.1",
        _ => "[::1]",
    };
    Ok(format!("{host}:{}", listen.port()))
}

/// The prices of gas, from the least ones that the node takes. One that takes no fees is offered
/// none of the staking token.
fn fees(least: &str, staking_denom: &str) -> Result<Vec<Fee>> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::input(format!("minimum_gas_prices of the node: {error}"))
    };
    let prices: DecCoins = least.parse().map_err(|error| wrong(&error))?;
    let mut fees = Vec::new();
    for price in prices.iter() {
        let mut steps = Vec::new();
        for percent in GAS_PRICE_STEPS {
            let scaled = price.amount.mul_int(percent).and_then(|it| it.mul(one_percent()?));
            steps.push(number(scaled.map_err(|error| wrong(&error))?));
        }
        if let Ok(steps) = <[Number; 3]>::try_from(steps) {
            fees.push(Fee { denom: price.denom.clone(), steps });
        }
    }
    if fees.is_empty() {
        let steps = [0, 0, 0].map(Number::from);
        fees.push(Fee { denom: staking_denom.to_owned(), steps });
    }
    Ok(fees)
}

fn one_percent() -> Result<Dec, NumberError> {
    "0.01".parse()
}

/// A price as a number of JSON, the nearest that there is.
fn number(price: Dec) -> Number {
    price.to_string().parse().ok().and_then(Number::from_f64).unwrap_or_else(|| Number::from(0))
}

/// What the network's people hold: the staking token, then what the bank describes, then what gas and
/// deployments may be paid in.
fn currencies(state: &Value, staking_denom: &str, fees: &[Fee]) -> Vec<Currency> {
    let list = |path: &str| state.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let described: Vec<Currency> = list("/bank/denom_metadata").filter_map(of_metadata).collect();
    let payable = list("/denoms/params/denoms").filter_map(Value::as_str);
    let deposits =
        list("/deployment/params/min_deposits").filter_map(|it| it.get("denom")?.as_str());
    let mut all: Vec<Currency> = Vec::new();
    let denoms = std::iter::once(staking_denom)
        .chain(described.iter().map(|it| it.base.as_str()))
        .chain(fees.iter().map(|it| it.denom.as_str()))
        .chain(payable)
        .chain(deposits);
    for denom in denoms {
        if all.iter().all(|it| it.base != denom) {
            let found = described.iter().find(|it| it.base == denom);
            all.push(found.cloned().unwrap_or_else(|| undescribed(denom)));
        }
    }
    all
}

/// From the metadata of the bank module.
fn of_metadata(metadata: &Value) -> Option<Currency> {
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut units: Vec<(String, u64)> = Vec::new();
    for unit in metadata.get("denom_units")?.as_array()? {
        let exponent = unit.get("exponent").and_then(Value::as_u64).unwrap_or_default();
        units.push((unit.get("denom")?.as_str()?.to_owned(), exponent));
    }
    units.sort_by_key(|it| it.1);
    let base = text("base");
    // A display unit that is the base is a known mistake of the reference network's ACT.
    let shown = units.iter().find(|it| it.0 == text("display") && it.0 != base).or(units.last())?;
    let (display, exponent) = shown.clone();
    let symbol = match text("symbol") {
        "" => display.to_uppercase(),
        symbol => symbol.to_owned(),
    };
    let name = if text("name").is_empty() { &symbol } else { text("name") }.to_owned();
    let description = text("description").to_owned();
    Some(Currency { base: base.to_owned(), display, exponent, name, symbol, description, units })
}

/// One that the bank does not describe: known by its name, or shown as it is.
fn undescribed(denom: &str) -> Currency {
    let currency = |display: &str, exponent, name: &str, symbol: &str, units| Currency {
        base: denom.to_owned(),
        display: display.to_owned(),
        exponent,
        name: name.to_owned(),
        symbol: symbol.to_owned(),
        description: String::new(),
        units,
    };
    match KNOWN.iter().find(|[base, ..]| *base == denom) {
        Some([base, display, name, symbol]) => {
            let units = vec![((*base).to_owned(), 0), ((*display).to_owned(), 6)];
            currency(display, 6, name, symbol, units)
        }
        None => currency(denom, 0, denom, denom, vec![(denom.to_owned(), 0)]),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn args() -> WalletDataArgs {
        WalletDataArgs {
            dir: PathBuf::new(),
            rpc_url: None,
            rest_url: None,
            grpc_address: None,
            chain_name: None,
            pretty_name: None,
            network_type: NetworkType::Devnet,
        }
    }

    fn made(state: &Value, prices: &str) -> Network {
        let config =
            node::Config { minimum_gas_prices: prices.to_owned(), ..node::Config::default() };
        Network::of("haggle-local", state, &config, &args()).unwrap()
    }

    #[test]
    fn the_staking_token_comes_first_and_every_price_has_its_currency() {
        let state = json!({ "staking": { "params": { "bond_denom": "uakt" } } });
        let network = made(&state, "0.0025uakt,0.3ufoo");
        let keplr = network.keplr();
        assert_eq!(keplr["stakeCurrency"]["coinMinimalDenom"], "uakt");
        assert_eq!(keplr["stakeCurrency"]["coinDecimals"], 6);
        let fees = keplr["feeCurrencies"].as_array().unwrap();
        assert_eq!(
            fees[0]["gasPriceStep"],
            json!({ "low": 0.0025, "average": 0.003_75, "high": 0.005 })
        );
        assert_eq!(fees[1]["coinMinimalDenom"], "ufoo");
        assert_eq!(fees[1]["coinDecimals"], 0);
    }

    #[test]
    fn a_node_that_takes_no_fees_is_offered_none() {
        let network = made(&json!({}), "");
        let chain = network.chain();
        assert_eq!(chain["fees"]["fee_tokens"][0]["denom"], "uakt");
        assert_eq!(chain["fees"]["fee_tokens"][0]["low_gas_price"], 0);
    }

    #[test]
    fn a_display_unit_that_is_the_base_is_replaced_by_the_greatest() {
        let metadata = json!({
            "base": "uact", "display": "uact", "name": "Akash Compute Token", "symbol": "ACT",
            "denom_units": [
                { "denom": "act", "exponent": 6 },
                { "denom": "mact", "exponent": 3 },
                { "denom": "uact", "exponent": 0 },
            ],
        });
        let currency = of_metadata(&metadata).unwrap();
        assert_eq!((currency.display.as_str(), currency.exponent), ("act", 6));
        assert_eq!(currency.units[0], ("uact".to_owned(), 0));
    }

    #[test]
    fn addresses_that_only_listeners_know_are_made_reachable() {
        let any: SocketAddr = "0.0.0.0:26657".parse().unwrap();
        assert_eq!(url("rpc", &None, any).unwrap(), "http://127.0.0.1:26657");
        let free: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert!(url("rpc", &None, free).is_err());
        let given = Some("https://rpc.example.org/".to_owned());
        assert_eq!(url("rpc", &given, free).unwrap(), "https://rpc.example.org");
        assert!(url("rpc", &Some("rpc.example.org".to_owned()), any).is_err());
    }
}
