//! Why this provider did not bid: kept for tenants to read, and logged.
//!
//! Called by: `bids` (record), the gateway (list). Owns the last [`MOST`] of them.

use std::{collections::VecDeque, time::SystemTime};

use serde::Serialize;
use types::{ids::OrderId, wire::haggle::market::v1 as wire};

use crate::{
    attributes::Unmet,
    inventory::{Dimension, Shortfall},
    pricing, quantity,
};

/// How many are kept; older ones are forgotten.
pub const MOST: usize = 1000;

/// The most that the chain takes of what a decline is about; bytes.
const SUBJECT_MAX: usize = 128;

/// Why an order gets no bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The placement requires attributes that this provider does not have: `key=value`.
    Attributes(Vec<String>),
    /// This provider serves only orders that require these attributes.
    NotForUs(Vec<String>),
    /// A volume or a GPU of a kind that this provider does not offer.
    Capability(Unmet),
    /// More than four volumes in one resource unit.
    Volumes {
        unit: u32,
    },
    /// Auditors that must have signed this provider's attributes have not.
    Signatures {
        all_of: Vec<String>,
        any_of: Vec<String>,
    },
    /// The group breaks a rule of the network.
    Group(String),
    /// Not enough capacity.
    Capacity(Shortfall),
    Price(pricing::Error),
    /// The price is above what the order accepts; 10^-18 of the denomination per block.
    TooExpensive {
        price: u128,
        most: u128,
        denom: String,
    },
    /// The order wants notice before a lease is taken back; seconds.
    Reclamation {
        wanted_seconds: i64,
        offered_seconds: Option<i64>,
    },
    /// The order is of our own account.
    OwnOrder,
    /// The chain refused the bid.
    Refused(String),
    /// The chain could not be asked or told.
    Chain(String),
}

impl Reason {
    /// A word to search and count by.
    pub fn dimension(&self) -> &'static str {
        match self {
            Reason::Attributes(_) => "attributes",
            Reason::NotForUs(_) => "order_attributes",
            Reason::Capability(Unmet::Storage(..)) => "storage_class",
            Reason::Capability(Unmet::Gpu(_)) => "gpu_model",
            Reason::Volumes { .. } => "volumes",
            Reason::Signatures { .. } => "signatures",
            Reason::Group(_) => "group",
            Reason::Capacity(it) => match it.dimension {
                Dimension::Unknown => "inventory",
                Dimension::Cpu => "cpu",
                Dimension::Gpu => "gpu",
                Dimension::Memory => "memory",
                Dimension::EphemeralStorage => "ephemeral_storage",
                Dimension::PersistentStorage => "persistent_storage",
                Dimension::StorageClass => "storage_class",
                Dimension::Addresses => "addresses",
                Dimension::Request => "request",
            },
            Reason::Price(pricing::Error::Denomination(_)) => "denomination",
            Reason::Price(_) | Reason::TooExpensive { .. } => "price",
            Reason::Reclamation { .. } => "reclamation",
            Reason::OwnOrder => "own_order",
            Reason::Refused(_) => "refused",
            Reason::Chain(_) => "chain",
        }
    }

    /// Whether the same order may be looked at again later.
    pub fn passes(&self) -> bool {
        matches!(self, Reason::Chain(_))
            || matches!(self, Reason::Capacity(it) if it.dimension == Dimension::Unknown)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Attributes(missing) => {
                write!(f, "incompatible provider attributes: {} missing", missing.join(", "))
            }
            Reason::NotForUs(missing) => {
                write!(f, "this provider only serves orders that require {}", missing.join(", "))
            }
            Reason::Capability(Unmet::Storage(unit, volume)) => write!(
                f,
                "incompatible attributes for resources requirements: storage {volume:?} of resource {unit} has a class that is not offered"
            ),
            Reason::Capability(Unmet::Gpu(unit)) => write!(
                f,
                "incompatible attributes for resources requirements: no GPU model of resource {unit} is offered"
            ),
            Reason::Volumes { unit } => {
                write!(f, "resource {unit} has more than {} volumes", crate::bids::VOLUMES_MAX)
            }
            Reason::Signatures { all_of, any_of } => {
                write!(f, "attribute signature requirements not met:")?;
                if !all_of.is_empty() {
                    write!(f, " all of {}", all_of.join(", "))?;
                }
                if !any_of.is_empty() {
                    write!(f, " one of {}", any_of.join(", "))?;
                }
                Ok(())
            }
            Reason::Group(rule) => write!(f, "the group is not valid: {rule}"),
            Reason::Capacity(short) => write!(f, "insufficient capacity: {short}"),
            Reason::Price(error) => write!(f, "no price: {error}"),
            Reason::TooExpensive { price, most, denom } => write!(
                f,
                "price {}{denom} per block is above the order's maximum {}{denom}",
                quantity::show_decimal_short(*price),
                quantity::show_decimal_short(*most)
            ),
            Reason::Reclamation { wanted_seconds, offered_seconds } => match offered_seconds {
                Some(it) => write!(
                    f,
                    "the order wants {wanted_seconds} s notice of reclamation, this provider gives {it} s"
                ),
                None => write!(
                    f,
                    "the order wants {wanted_seconds} s notice of reclamation, this provider gives none"
                ),
            },
            Reason::OwnOrder => write!(f, "the order is of this provider's own account"),
            Reason::Refused(log) => write!(f, "the chain refused the bid: {log}"),
            Reason::Chain(log) => write!(f, "the chain could not be reached: {log}"),
        }
    }
}

/// What the chain is told of a reason: the first dimension that failed, what it is about, and how
/// much is missing. `None` for what is nobody's business but ours.
pub(crate) fn receipt(reason: &Reason) -> Option<(wire::Dimension, String, String)> {
    use wire::Dimension as On;
    let number = |it: &Shortfall| match it.wanted.saturating_sub(it.free) {
        0 => String::new(),
        missing => missing.to_string(),
    };
    let text = |it: &str| it.to_owned();
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let (dimension, subject, shortfall) = match reason {
        Reason::Attributes(missing) => {
            let subject = first(missing);
            let key = subject.split('=').next().unwrap_or_default();
            let on = if key.ends_with("region") { On::Region } else { On::Attribute };
            (on, subject, String::new())
        }
        Reason::NotForUs(missing) => (On::Policy, first(missing), String::new()),
        Reason::Capability(Unmet::Storage(_, volume)) => {
            (On::StorageClass, volume.clone(), String::new())
        }
        Reason::Capability(Unmet::Gpu(unit)) => {
            (On::GpuModel, format!("resource {unit}"), String::new())
        }
        Reason::Volumes { .. } => (On::Policy, text("too many volumes"), String::new()),
        Reason::Signatures { all_of, any_of } => {
            let named = if all_of.is_empty() { any_of } else { all_of };
            (On::Auditor, first(named), String::new())
        }
        Reason::Group(rule) => (On::Policy, rule.clone(), String::new()),
        Reason::Capacity(it) => match it.dimension {
            Dimension::Unknown => return None,
            Dimension::Cpu => (On::Cpu, String::new(), number(it)),
            Dimension::Gpu => (On::GpuModel, it.what.clone(), number(it)),
            Dimension::Memory => (On::Memory, String::new(), number(it)),
            Dimension::EphemeralStorage => (On::StorageClass, text("ephemeral"), number(it)),
            Dimension::PersistentStorage => (On::StorageClass, it.what.clone(), number(it)),
            Dimension::StorageClass => (On::StorageClass, it.what.clone(), String::new()),
            Dimension::Addresses => (On::Policy, text("leased IPs"), number(it)),
            Dimension::Request => (On::Policy, it.what.clone(), String::new()),
        },
        Reason::Price(pricing::Error::Denomination(denom)) => {
            (On::Price, denom.clone(), String::new())
        }
        Reason::Price(pricing::Error::StorageClass(class)) => {
            (On::StorageClass, class.clone(), String::new())
        }
        Reason::Price(pricing::Error::GpuModel(model)) => {
            (On::GpuModel, model.clone(), String::new())
        }
        Reason::Price(_) => (On::Policy, text("no price"), String::new()),
        Reason::TooExpensive { price, most, denom } => {
            let missing = quantity::show_decimal_short(price.saturating_sub(*most));
            (On::Price, denom.clone(), missing)
        }
        Reason::Reclamation { wanted_seconds, offered_seconds } => {
            let missing = wanted_seconds.saturating_sub(offered_seconds.unwrap_or_default());
            (On::Policy, text("seconds of notice"), missing.to_string())
        }
        Reason::OwnOrder | Reason::Refused(_) | Reason::Chain(_) => return None,
    };
    let readable = subject.chars().filter(|it| !it.is_control());
    let mut subject = String::new();
    for it in readable {
        if subject.len() + it.len_utf8() > SUBJECT_MAX {
            break;
        }
        subject.push(it);
    }
    Some((dimension, subject, shortfall))
}

/// One order that got no bid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    pub order: OrderId,
    pub reason: Reason,
    pub at: SystemTime,
}

/// How tenants read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `owner/dseq/gseq/oseq`.
    pub order: String,
    pub dimension: String,
    /// A sentence.
    pub reason: String,
    /// What was needed and what was there, in milli-CPU, bytes or pieces, where it was about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<u64>,
    /// Unix time, seconds.
    pub at: u64,
}

impl Decline {
    pub fn show(&self) -> Shown {
        let short = match &self.reason {
            Reason::Capacity(it) if it.wanted > 0 => Some(it),
            _ => None,
        };
        let at = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Shown {
            order: self.order.to_string(),
            dimension: self.reason.dimension().to_owned(),
            reason: self.reason.to_string(),
            wanted: short.map(|it| it.wanted),
            free: short.map(|it| it.free),
            shortfall: short.map(|it| it.wanted.saturating_sub(it.free)),
            at: at.as_secs(),
        }
    }
}

/// The last declines, one per order, newest last.
#[derive(Debug, Default)]
pub struct Declines(VecDeque<Decline>);

impl Declines {
    pub fn record(&mut self, order: OrderId, reason: Reason) {
        self.0.retain(|it| it.order != order);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Decline { order, reason, at: SystemTime::now() });
    }

    pub fn of(&self, order: &OrderId) -> Option<&Decline> {
        self.0.iter().find(|it| it.order == *order)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Decline> {
        self.0.iter()
    }
}
