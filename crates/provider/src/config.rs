//! Everything an operator decides, in one struct that is checked whole before anything starts.
//!
//! Called by: `cli` (reads the file) and the service. Keys that nobody knows are refused.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use types::wire::akash::base::attributes::v1::Attribute;

use crate::{
    inventory::{Caps, Commit},
    pricing::{self, Strategy, script::Script},
    quantity,
};

/// What is wrong with a configuration: which key, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{key}: {problem}")]
    Invalid { key: String, problem: String },
}

fn invalid<T>(key: &str, problem: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid { key: key.to_owned(), problem: problem.into() })
}

/// Everything an operator decides. Times are written `5m`, `30s`, `250ms`; sizes `4Gi`, `512Mi` or
/// bytes; prices are decimal texts, per block.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the node is, and which key signs.
    pub chain: ChainConfig,
    /// Folder for the certificate, received manifests and host names.
    pub state_dir: PathBuf,
    /// Address of the gateway as tenants reach it, registered on chain: `https://` with a port.
    pub host_uri: String,
    /// Name of this provider for tenants: forwarded ports, `AKASH_CLUSTER_PUBLIC_HOSTNAME`.
    pub public_hostname: String,
    /// What this provider says about itself on chain.
    pub attributes: BTreeMap<String, String>,
    /// Only orders that require all of these attributes are considered.
    pub order_attributes: BTreeMap<String, String>,
    pub info: Info,
    /// By denomination.
    pub prices: BTreeMap<String, Prices>,
    /// Asked instead of `prices` when given.
    pub price_script: Option<PriceScript>,
    /// One coin, such as `500000uact`, locked for every open bid.
    pub bid_deposit: String,
    /// Offered in every bid: notice that a lease gets before it is taken back.
    pub reclamation_window: Option<Span>,
    /// Whether the chain is told why an order gets no bid, where it keeps such things. Each costs
    /// the fee of a transaction.
    pub publish_declines: bool,
    pub capacity: Capacity,
    pub overcommit: Overcommit,
    pub gateway: Gateway,
    pub ingress: Ingress,
    pub timers: Timers,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChainConfig {
    /// CometBFT RPC of a node.
    pub rpc: String,
    /// gRPC of a node; queries go through RPC without one.
    pub grpc: Option<String>,
    /// The chain that must be served there; any when empty.
    pub chain_id: String,
    /// Name of the key in the keyring.
    pub key: String,
    /// Such as `0.025uakt`; free transactions when empty.
    pub gas_prices: String,
    /// Simulated gas is multiplied by this many percent.
    pub gas_adjustment_percent: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Info {
    pub email: String,
    pub website: String,
}

/// Prices in one denomination; see [`pricing::Table`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Per milli-CPU and block.
    pub cpu: String,
    /// Per MiB and block.
    pub memory: String,
    /// Per MiB and block, by class; `ephemeral` is everything that is not persistent.
    pub storage: BTreeMap<String, String>,
    /// Per endpoint and block.
    pub endpoint: String,
    /// Per leased address and block.
    pub ip: String,
    /// Per device and block, by model; `*` for the rest.
    pub gpu: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceScript {
    pub path: PathBuf,
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    #[serde(default = "script_limit")]
    pub limit: usize,
}

fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

fn script_limit() -> usize {
    32
}

/// What leases may use at most, over all nodes; absent is what the machine room has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capacity {
    /// Thousandths of a core.
    pub cpu_milli: Option<u64>,
    pub memory: Option<Size>,
    pub ephemeral_storage: Option<Size>,
    pub persistent_storage: Option<Size>,
    pub gpus: Option<u64>,
}

/// Percent promised above what exists (spec 3.2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overcommit {
    pub cpu_percent: u64,
    pub memory_percent: u64,
    pub storage_percent: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    pub listen: SocketAddr,
    /// The gRPC status service; clients derive its port (8444) from that of the gateway (8443).
    pub grpc_listen: Option<SocketAddr>,
    /// Largest manifest that is read.
    pub body_limit: Size,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ingress {
    /// Plain HTTP for tenants' host names; none when absent.
    pub listen: Option<SocketAddr>,
    /// Host names are generated below this domain for every HTTP service; none when empty.
    pub domain: String,
    /// `x.y` blocks that name, `.x.y` blocks it and everything below.
    pub blocked_hostnames: Vec<String>,
}

/// How long things may take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// An open bid without a lease is closed after this; `0s` for never.
    pub bid_timeout: Span,
    /// A lease without a manifest is closed after this; `0s` for never.
    pub manifest_timeout: Span,
    /// Payments are withdrawn this often; `0s` for only when funds run out.
    pub withdrawal_period: Span,
    /// Escrow is looked at at least this often.
    pub funds_interval: Span,
    /// An unhealthy lease is looked at this often …
    pub monitor_retry_period: Span,
    /// … plus a random part up to this …
    pub monitor_retry_jitter: Span,
    /// … and closed after so many looks.
    pub monitor_max_retries: u32,
    /// A healthy lease is looked at this often.
    pub monitor_healthcheck_period: Span,
    /// Wanted and found workloads are compared at least this often.
    pub reconcile_period: Span,
    /// Orders and leases are asked for as a whole this often, whatever the events said.
    pub resync_period: Span,
    /// Capacity is asked for this often.
    pub inventory_period: Span,
    /// How long one block of the chain takes, for estimates of when funds end.
    pub block_time: Span,
    /// Shutdown waits this long for what is under way.
    pub drain: Span,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            chain: ChainConfig::default(),
            state_dir: PathBuf::from("provider"),
            host_uri: "https://localhost:8443".to_owned(),
            public_hostname: "localhost".to_owned(),
            attributes: BTreeMap::new(),
            order_attributes: BTreeMap::new(),
            info: Info::default(),
            prices: BTreeMap::new(),
            price_script: None,
            bid_deposit: "500000uact".to_owned(),
            reclamation_window: None,
            publish_declines: true,
            capacity: Capacity::default(),
            overcommit: Overcommit::default(),
            gateway: Gateway::default(),
            ingress: Ingress::default(),
            timers: Timers::default(),
        }
    }
}

impl Default for ChainConfig {
    fn default() -> ChainConfig {
        ChainConfig {
            rpc: "http://127.0.0.1:26657".to_owned(),
            grpc: None,
            chain_id: String::new(),
            key: "provider".to_owned(),
            gas_prices: "0.025uakt".to_owned(),
            gas_adjustment_percent: 150,
        }
    }
}

impl Default for Gateway {
    fn default() -> Gateway {
        Gateway {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            grpc_listen: Some(SocketAddr::from(([127, 0, 0, 1], 8444))),
            body_limit: Size(10 << 20),
        }
    }
}

impl Default for Ingress {
    fn default() -> Ingress {
        Ingress {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
            domain: "localhost".to_owned(),
            blocked_hostnames: Vec::new(),
        }
    }
}

impl Default for Timers {
    fn default() -> Timers {
        let seconds = |it| Span(Duration::from_secs(it));
        Timers {
            bid_timeout: seconds(300),
            manifest_timeout: seconds(300),
            withdrawal_period: seconds(24 * 3600),
            funds_interval: seconds(600),
            monitor_retry_period: seconds(4),
            monitor_retry_jitter: seconds(15),
            monitor_max_retries: 40,
            monitor_healthcheck_period: seconds(10),
            reconcile_period: seconds(10),
            resync_period: seconds(60),
            inventory_period: seconds(5),
            block_time: seconds(6),
            drain: seconds(10),
        }
    }
}

impl Timers {
    /// For local networks with blocks of a second.
    pub fn local() -> Timers {
        let seconds = |it| Span(Duration::from_secs(it));
        Timers {
            withdrawal_period: seconds(30),
            funds_interval: seconds(10),
            monitor_retry_period: seconds(3),
            monitor_retry_jitter: seconds(0),
            monitor_healthcheck_period: seconds(5),
            reconcile_period: seconds(2),
            resync_period: seconds(15),
            inventory_period: seconds(2),
            block_time: seconds(1),
            ..Timers::default()
        }
    }
}

impl Prices {
    /// The reference chart's prices (1.11), for a start.
    pub fn reference() -> Prices {
        let storage = [
            ("ephemeral", "0.00016"),
            ("default", "0.00016"),
            ("beta1", "0.00016"),
            ("beta2", "0.00016"),
            ("beta3", "0.00016"),
        ];
        Prices {
            cpu: "0.004".to_owned(),
            memory: "0.0016".to_owned(),
            storage: storage.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            endpoint: "1".to_owned(),
            ip: "60".to_owned(),
            gpu: BTreeMap::new(),
        }
    }

    fn table(&self, key: &str) -> Result<pricing::Table, Error> {
        let read = |name: &str, text: &str| match text {
            "" => Ok(0),
            text => match quantity::parse_decimal(text) {
                Some(price) => Ok(price),
                None => invalid(
                    &format!("{key}.{name}"),
                    format!("{text:?} is not a decimal such as \"0.004\""),
                ),
            },
        };
        let map = |name: &str, them: &BTreeMap<String, String>| -> Result<_, Error> {
            them.iter().map(|(k, v)| Ok((k.clone(), read(&format!("{name}.{k}"), v)?))).collect()
        };
        let table = pricing::Table {
            cpu: read("cpu", &self.cpu)?,
            memory: read("memory", &self.memory)?,
            storage: map("storage", &self.storage)?,
            endpoint: read("endpoint", &self.endpoint)?,
            ip: read("ip", &self.ip)?,
            gpu: map("gpu", &self.gpu)?,
        };
        if table.is_free() {
            return invalid(key, "at least one price must be above zero");
        }
        Ok(table)
    }
}

impl Config {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Config, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| Error::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Checks everything and gives what the service runs on.
    pub fn check(self) -> Result<Checked, Error> {
        let strategy = match &self.price_script {
            Some(it) => Strategy::Script(Script::new(it.path.clone(), it.timeout.0, it.limit)),
            None => {
                if self.prices.is_empty() {
                    return invalid(
                        "prices",
                        "give a price table for at least one denomination, as in [prices.uact]",
                    );
                }
                let tables = self.prices.iter().map(|(denom, prices)| {
                    Ok((denom.clone(), prices.table(&format!("prices.{denom}"))?))
                });
                Strategy::Tables(tables.collect::<Result<_, Error>>()?)
            }
        };
        let deposit = match split_coin(&self.bid_deposit) {
            Some(it) => it,
            None => {
                return invalid(
                    "bid_deposit",
                    format!("{:?} is not a coin such as \"500000uact\"", self.bid_deposit),
                );
            }
        };
        match self.host_uri.strip_prefix("https://") {
            Some(authority) if authority.contains(':') && !authority.contains('/') => {}
            _ => {
                return invalid(
                    "host_uri",
                    format!("{:?} must be https:// with a host, a port and no path", self.host_uri),
                );
            }
        }
        for (key, list) in
            [("attributes", &self.attributes), ("order_attributes", &self.order_attributes)]
        {
            if let Some(bad) = list.keys().find(|it| !is_attribute_key(it)) {
                return invalid(
                    key,
                    format!(
                        "{bad:?} is not an attribute key: a letter, then 1 to 126 letters, digits, _ / . -"
                    ),
                );
            }
        }
        if !self.ingress.domain.is_empty() && !crate::hostnames::is_valid(&self.ingress.domain) {
            return invalid(
                "ingress.domain",
                format!("{:?} is not a domain name", self.ingress.domain),
            );
        }
        let timers = &self.timers;
        for (name, span) in [
            ("funds_interval", timers.funds_interval),
            ("monitor_retry_period", timers.monitor_retry_period),
            ("monitor_healthcheck_period", timers.monitor_healthcheck_period),
            ("reconcile_period", timers.reconcile_period),
            ("resync_period", timers.resync_period),
            ("inventory_period", timers.inventory_period),
            ("block_time", timers.block_time),
        ] {
            if span.0 < Duration::from_millis(10) {
                return invalid(&format!("timers.{name}"), "must be at least 10ms");
            }
        }
        Ok(Checked { deposit, strategy, config: self })
    }

    pub(crate) fn commit(&self) -> Commit {
        Commit {
            cpu_percent: self.overcommit.cpu_percent,
            memory_percent: self.overcommit.memory_percent,
            storage_percent: self.overcommit.storage_percent,
        }
    }

    pub(crate) fn caps(&self) -> Caps {
        let size = |it: Option<Size>| it.map(|it| it.0);
        Caps {
            cpu_milli: self.capacity.cpu_milli,
            memory_bytes: size(self.capacity.memory),
            ephemeral_bytes: size(self.capacity.ephemeral_storage),
            persistent_bytes: size(self.capacity.persistent_storage),
            gpus: self.capacity.gpus,
            // No machine room can lease addresses yet.
            addresses: 0,
        }
    }
}

pub(crate) fn attribute_list(map: &BTreeMap<String, String>) -> Vec<Attribute> {
    map.iter().map(|(key, value)| Attribute { key: key.clone(), value: value.clone() }).collect()
}

/// A configuration that was checked whole.
#[derive(Debug, Clone)]
pub struct Checked {
    pub config: Config,
    pub(crate) strategy: Strategy,
    /// Amount and denomination.
    pub(crate) deposit: (u128, String),
}

fn split_coin(text: &str) -> Option<(u128, String)> {
    let at = text.find(|it: char| !it.is_ascii_digit())?;
    let (amount, denom) = text.split_at_checked(at)?;
    let starts = denom.starts_with(|it: char| it.is_ascii_alphabetic());
    (starts && denom.len() > 2).then_some(())?;
    Some((amount.parse().ok()?, denom.to_owned()))
}

/// `^[a-zA-Z][\w/.-]{1,126}$`, as the chain wants it of providers.
fn is_attribute_key(key: &str) -> bool {
    let rest = key.get(1..).unwrap_or_default();
    key.starts_with(|it: char| it.is_ascii_alphabetic())
        && (1..=126).contains(&rest.len())
        && rest.bytes().all(|it| it.is_ascii_alphanumeric() || b"_/.-".contains(&it))
}

/// A length of time as text: `5m`, `1h30m`, `250ms`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let bad =
            || format!("{text:?} is not a length of time such as \"5m\", \"30s\" or \"250ms\"");
        let mut rest = text;
        let mut sum = Duration::ZERO;
        while !rest.is_empty() {
            let end = rest.find(|it: char| !it.is_ascii_digit()).ok_or_else(bad)?;
            let (number, after) = rest.split_at(end);
            let number: u64 = number.parse().map_err(|_| bad())?;
            let (millis, after) = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
                .iter()
                .find_map(|(unit, it)| Some((*it, after.strip_prefix(unit)?)))
                .ok_or_else(bad)?;
            let part = number.checked_mul(millis).ok_or_else(bad)?;
            sum = sum.checked_add(Duration::from_millis(part)).ok_or_else(bad)?;
            rest = after;
        }
        if text.is_empty() { Err(bad()) } else { Ok(Span(sum)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => write!(f, "0s"),
            it if it % 3_600_000 == 0 => write!(f, "{}h", it / 3_600_000),
            it if it % 60_000 == 0 => write!(f, "{}m", it / 60_000),
            it if it % 1000 == 0 => write!(f, "{}s", it / 1000),
            it => write!(f, "{it}ms"),
        }
    }
}

/// A number of bytes as text: `4Gi`, `512Mi`, or a plain number.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let bad = || format!("{text:?} is not a size such as \"4Gi\" or \"512Mi\"");
        let (number, shift) = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40)]
            .iter()
            .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
            .unwrap_or((text, 0));
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(1 << shift).map(Size).ok_or_else(bad)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            if self.0 > 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
as_text!(Span Size);

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            prices: BTreeMap::from([("uact".to_owned(), Prices::reference())]),
            ..Config::default()
        }
    }

    #[test]
    fn a_file_is_written_as_it_is_read() {
        let text = toml::to_string(&good()).unwrap();
        let back: Config = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&back).unwrap(), text);
        back.check().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Config>("prise = 1").is_err());
        assert!(toml::from_str::<Config>("[timers]\nbid_timeot = \"5m\"").is_err());
    }

    #[test]
    fn each_mistake_names_its_key() {
        type Spoil = fn(&mut Config);
        let cases: [(&str, Spoil); 7] = [
            ("prices", |it| it.prices.clear()),
            ("prices.uact", |it| {
                it.prices.insert("uact".into(), Prices::default());
            }),
            ("prices.uact.cpu", |it| it.prices.get_mut("uact").unwrap().cpu = "cheap".into()),
            ("bid_deposit", |it| it.bid_deposit = "lots".into()),
            ("host_uri", |it| it.host_uri = "http://x:1".into()),
            ("attributes", |it| {
                it.attributes.insert("1bad".into(), String::new());
            }),
            ("timers.resync_period", |it| it.timers.resync_period = Span::default()),
        ];
        for (key, spoil) in cases {
            let mut config = good();
            spoil(&mut config);
            match config.check() {
                Err(Error::Invalid { key: found, .. }) => assert_eq!(found, key),
                other => panic!("{key}: {other:?}"),
            }
        }
    }

    #[test]
    fn spans_and_sizes_read_back() {
        for text in ["0s", "250ms", "30s", "5m", "24h"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1h30m".parse::<Span>().unwrap().0.as_secs(), 5400);
        for text in ["0", "512Mi", "4Gi", "1000"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert!("5".parse::<Span>().is_err() && "x".parse::<Size>().is_err());
    }
}
