//! What an order costs per block (spec `provider.md` 2.7): a price table, or an operator's script.
//!
//! Called by: `bids`. Calls: an executable, for the script strategy only.

pub mod script;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use types::wire::akash::{
    base::resources::v1beta4::{Resources, Storage, endpoint::Kind},
    deployment::v1beta4::GroupSpec,
};

use crate::quantity;

pub const EPHEMERAL: &str = "ephemeral";
const MI: u128 = 1 << 20;

/// Prices of one denomination. Every number is a decimal text in the configuration and counts
/// 10^-18 of one unit of the denomination per block here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Per milli-CPU.
    pub cpu: u128,
    /// Per MiB.
    pub memory: u128,
    /// Per MiB, by class; `ephemeral` is the class of everything that is not persistent.
    pub storage: BTreeMap<String, u128>,
    /// Per endpoint entry of a unit, whatever its kind.
    pub endpoint: u128,
    /// Per distinct leased address.
    pub ip: u128,
    /// Per device, by `<model>` or `<vendor>/<model>`; `*` prices the rest. An empty table prices
    /// devices at nothing, as the reference does.
    pub gpu: BTreeMap<String, u128>,
}

/// Why there is no price.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("no prices configured for denomination {0:?}")]
    Denomination(String),
    #[error("no pricing configured for storage class {0:?}")]
    StorageClass(String),
    #[error("no pricing configured for GPU model {0:?}")]
    GpuModel(String),
    #[error("a bid of zero was produced")]
    Zero,
    #[error("the price is too large to be written down")]
    Overflow,
    #[error("a quantity of the group cannot be read")]
    Quantity,
    #[error("pricing script: {0}")]
    Script(String),
}

impl Table {
    /// The price per block of the *requested* resources, in 10^-18 of the denomination. GPU
    /// attributes come from `allocated` (same order as the group's units), which names the model.
    /// A remainder of a division is rounded up in the 18th digit (2.7.1, quirk not kept).
    pub fn price(&self, group: &GroupSpec, allocated: &[Resources]) -> Result<u128, Error> {
        let mut sum = 0_u128;
        let mut memory = 0_u128;
        let mut storage = BTreeMap::<&str, u128>::new();
        let mut addresses = BTreeSet::new();
        let mut add = |it: Option<u128>| -> Result<(), Error> {
            sum = sum.checked_add(it.ok_or(Error::Overflow)?).ok_or(Error::Overflow)?;
            Ok(())
        };
        for (index, unit) in group.resources.iter().enumerate() {
            let count = u128::from(unit.count);
            let it = &unit.resource;
            let cpu = it.cpu.as_ref().and_then(|it| quantity::read(&it.units));
            let cpu = u128::from(cpu.ok_or(Error::Quantity)?);
            add(cpu.checked_mul(count).and_then(|it| it.checked_mul(self.cpu)))?;

            let bytes = it.memory.as_ref().and_then(|it| quantity::read(&it.quantity));
            let bytes = u128::from(bytes.ok_or(Error::Quantity)?) * count;
            memory = memory.checked_add(bytes).ok_or(Error::Overflow)?;

            for volume in &it.storage {
                let bytes = u128::from(quantity::read(&volume.quantity).ok_or(Error::Quantity)?);
                let total = storage.entry(priced_class(volume)).or_default();
                *total = total.checked_add(bytes * count).ok_or(Error::Overflow)?;
            }
            for endpoint in &it.endpoints {
                add(Some(self.endpoint))?;
                if endpoint.kind() == Kind::LeasedIp {
                    addresses.insert(endpoint.sequence_number);
                }
            }
            add(self.gpu_price(allocated.get(index).unwrap_or(it), count)?)?;
        }
        add(per_mi(memory, self.memory))?;
        for (class, bytes) in storage {
            let scale = self.storage.get(class).copied();
            let scale = scale.ok_or_else(|| Error::StorageClass(class.to_owned()))?;
            add(per_mi(bytes, scale))?;
        }
        add(u128::try_from(addresses.len()).ok().and_then(|it| it.checked_mul(self.ip)))?;
        if sum == 0 { Err(Error::Zero) } else { Ok(sum) }
    }

    fn gpu_price(&self, unit: &Resources, count: u128) -> Result<Option<u128>, Error> {
        let Some(gpu) = &unit.gpu else { return Ok(Some(0)) };
        let units = quantity::read(&gpu.units).ok_or(Error::Quantity)?;
        if units == 0 || self.gpu.is_empty() {
            return Ok(Some(0));
        }
        let key = gpu.attributes.first().map_or("", |it| it.key.as_str());
        let mut tokens = key.split('/').skip(1);
        let vendor = tokens.next().unwrap_or_default();
        let model = tokens.nth(1).unwrap_or_default();
        let price = [format!("{vendor}/{model}"), model.to_owned(), "*".to_owned()]
            .iter()
            .find_map(|it| self.gpu.get(it));
        let price = price.ok_or_else(|| Error::GpuModel(model.to_owned()))?;
        Ok(price.checked_mul(u128::from(units)).and_then(|it| it.checked_mul(count)))
    }

    /// Nothing would ever be priced above zero: a mistake of the operator.
    pub fn is_free(&self) -> bool {
        let zero = |it: &BTreeMap<String, u128>| it.values().all(|it| *it == 0);
        self.cpu == 0
            && self.memory == 0
            && self.endpoint == 0
            && self.ip == 0
            && zero(&self.storage)
            && zero(&self.gpu)
    }
}

fn per_mi(bytes: u128, scale: u128) -> Option<u128> {
    Some(bytes.checked_mul(scale)?.div_ceil(MI))
}

/// Ephemeral, unless attribute `persistent` is true: then the class attribute. So a `ram` volume is
/// priced as ephemeral.
fn priced_class(volume: &Storage) -> &str {
    match quantity::attribute(&volume.attributes, "persistent") {
        Some("true") => quantity::attribute(&volume.attributes, "class").unwrap_or(EPHEMERAL),
        _ => EPHEMERAL,
    }
}

/// The operator's choice.
#[derive(Debug, Clone)]
pub enum Strategy {
    /// A table per denomination.
    Tables(BTreeMap<String, Table>),
    Script(script::Script),
}

impl Strategy {
    /// Price per block in 10^-18 of the group's denomination.
    pub async fn price(
        &self,
        owner: &str,
        group: &GroupSpec,
        allocated: &[Resources],
    ) -> Result<u128, Error> {
        let (denom, most) = quantity::group_price(group).ok_or(Error::Quantity)?;
        match self {
            Strategy::Tables(tables) => match tables.get(&denom) {
                Some(table) => table.price(group, allocated),
                None => Err(Error::Denomination(denom)),
            },
            Strategy::Script(script) => script.price(owner, group, allocated, &denom, most).await,
        }
    }
}
