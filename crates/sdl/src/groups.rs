//! Group specs: what a deployment asks of the market, as it goes on chain.
//!
//! `build` makes them, `check::groups` validates them, callers take the wire form or the JSON.
//! The wire form cannot tell an absent list from an empty one; the JSON of spec `sdl.md` 16.1 can,
//! which is why the plain structs exist beside the generated ones.

use crate::quantity::Price;
use crate::resources::{Attribute, Resources};
use serde::Serialize;
use types::wire::akash::base::attributes::v1 as attributes_v1;
use types::wire::akash::deployment::v1beta4 as wire;
use types::wire::cosmos::base::v1beta1::DecCoin;

/// Auditors that must have signed the provider's attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// All of these must have signed.
    pub all_of: Option<Vec<String>>,
    /// One of these must have signed.
    pub any_of: Option<Vec<String>>,
}

/// What a provider must be to bid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requirements {
    /// Wanted auditors.
    pub signed_by: SignedBy,
    /// Wanted attributes, sorted by key; absent when there are none.
    pub attributes: Option<Vec<Attribute>>,
}

/// The highest price per block of one replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitPrice {
    /// Denomination, e.g. `uact`.
    pub denom: String,
    /// Amount of that denomination.
    pub amount: Price,
}

/// Replicas that need the same and cost the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceUnit {
    /// What one replica needs.
    pub resource: Resources,
    /// Number of replicas.
    pub count: u32,
    /// The highest price per block of one replica.
    pub price: UnitPrice,
}

/// One group: what one provider must offer together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupSpec {
    /// The placement's name.
    pub name: String,
    /// What a provider must be to bid.
    pub requirements: Requirements,
    /// What it must offer.
    pub resources: Vec<ResourceUnit>,
}

impl GroupSpec {
    /// The same group on the wire.
    #[must_use]
    pub fn to_wire(&self) -> wire::GroupSpec {
        let requirements = &self.requirements;
        wire::GroupSpec {
            name: self.name.clone(),
            requirements: attributes_v1::PlacementRequirements {
                signed_by: attributes_v1::SignedBy {
                    all_of: requirements.signed_by.all_of.clone().unwrap_or_default(),
                    any_of: requirements.signed_by.any_of.clone().unwrap_or_default(),
                },
                attributes: requirements
                    .attributes
                    .as_deref()
                    .unwrap_or_default()
                    .iter()
                    .map(Attribute::to_wire)
                    .collect(),
            },
            resources: self
                .resources
                .iter()
                .map(|unit| wire::ResourceUnit {
                    resource: unit.resource.to_wire(),
                    count: unit.count,
                    price: DecCoin {
                        denom: unit.price.denom.clone(),
                        amount: unit.price.amount.atto().to_string(),
                    },
                })
                .collect(),
        }
    }
}

/// What a whole group may cost per block at most: the sum of unit prices times replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupPrice {
    /// The group's name.
    pub group: String,
    /// Denomination of all its units.
    pub denom: String,
    /// The most that a provider may ask per block.
    pub amount: Price,
}
