//! What a service asks of a machine, in the JSON shape that group specs and manifests share.
//!
//! Used by `groups` (what goes on chain) and `manifest` (what goes to the provider).
//! The shapes are those of spec `sdl.md` 16.1.

use crate::manifest::nullable;
use serde::{Deserialize, Serialize};
use types::wire::akash::base::attributes::v1 as attributes_v1;
use types::wire::akash::base::resources::v1beta4 as wire;

/// A whole number in a `{"val": "<decimal>"}` wrapper: milli-CPU, bytes or GPU count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(pub u64);

#[derive(Serialize, Deserialize)]
struct Val {
    #[serde(default)]
    val: Option<String>,
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Val { val: Some(self.0.to_string()) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(wrapper) = Option::<Val>::deserialize(deserializer)? else {
            return Ok(Self(0));
        };
        let Some(text) = wrapper.val else { return Ok(Self(0)) };
        text.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!("quantity \"{text}\" is not a whole number"))
        })
    }
}

impl Quantity {
    /// The form on the wire: the decimal text as bytes.
    #[must_use]
    pub fn to_wire(self) -> wire::ResourceValue {
        wire::ResourceValue { val: self.0.to_string().into_bytes() }
    }
}

/// A key and a value; each is left out of the JSON when it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attribute {
    /// The key, unique within its list.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The value.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub value: String,
}

impl Attribute {
    /// The same attribute on the wire.
    #[must_use]
    pub fn to_wire(&self) -> attributes_v1::Attribute {
        attributes_v1::Attribute { key: self.key.clone(), value: self.value.clone() }
    }
}

fn attributes_to_wire(list: &[Attribute]) -> Vec<attributes_v1::Attribute> {
    list.iter().map(Attribute::to_wire).collect()
}

/// Processor time of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Thousandths of a core.
    #[serde(default)]
    pub units: Quantity,
    /// Only `arch` is known.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// Memory of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Bytes.
    #[serde(default)]
    pub size: Quantity,
    /// None are known; kept because a received manifest may carry some.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// One volume of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Unique within the compute profile.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Bytes.
    #[serde(default)]
    pub size: Quantity,
    /// `class` and `persistent`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

impl Volume {
    /// The value of an attribute, if the volume has it.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|it| it.key == key).map(|it| it.value.as_str())
    }

    /// Whether the data outlives the container.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.attribute("persistent") == Some("true")
    }
}

/// Graphics processors of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Whole devices.
    #[serde(default)]
    pub units: Quantity,
    /// One `vendor/nvidia/model/…` key per model that would do.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

/// How an endpoint is reached. The numbers are on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// Through the provider's HTTP ingress, by host name.
    #[default]
    SharedHttp,
    /// On a port that the provider chooses.
    RandomPort,
    /// On an address leased for this deployment.
    LeasedIp,
    /// A number that this version does not know.
    Other(i32),
}

impl EndpointKind {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::SharedHttp => 0,
            Self::RandomPort => 1,
            Self::LeasedIp => 2,
            Self::Other(number) => number,
        }
    }

    fn is_default(&self) -> bool {
        self.number() == 0
    }
}

impl From<i32> for EndpointKind {
    fn from(number: i32) -> Self {
        match number {
            0 => Self::SharedHttp,
            1 => Self::RandomPort,
            2 => Self::LeasedIp,
            other => Self::Other(other),
        }
    }
}

impl Serialize for EndpointKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.number().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EndpointKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<i32>::deserialize(deserializer)?.unwrap_or_default().into())
    }
}

/// One way into a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// How it is reached; left out of the JSON when it is shared HTTP.
    #[serde(default, skip_serializing_if = "EndpointKind::is_default")]
    pub kind: EndpointKind,
    /// Which leased address; 0 for the other kinds.
    #[serde(default, deserialize_with = "nullable")]
    pub sequence_number: u32,
}

impl Endpoint {
    /// The same endpoint on the wire.
    #[must_use]
    pub fn to_wire(self) -> wire::Endpoint {
        wire::Endpoint { kind: self.kind.number(), sequence_number: self.sequence_number }
    }
}

/// Everything one replica needs.
///
/// The parts are optional because a received manifest may lack some; the compiler fills all of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Which unit of the group this is, from 1.
    #[serde(default, deserialize_with = "nullable")]
    pub id: u32,
    /// Processor time.
    #[serde(default)]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// Volumes.
    #[serde(default)]
    pub storage: Option<Vec<Volume>>,
    /// Graphics processors.
    #[serde(default)]
    pub gpu: Option<Gpu>,
    /// Ways in.
    #[serde(default)]
    pub endpoints: Option<Vec<Endpoint>>,
}

impl Resources {
    /// The same resources on the wire.
    #[must_use]
    pub fn to_wire(&self) -> wire::Resources {
        wire::Resources {
            id: self.id,
            cpu: self.cpu.as_ref().map(|it| wire::Cpu {
                units: it.units.to_wire(),
                attributes: attributes_to_wire(&it.attributes),
            }),
            memory: self.memory.as_ref().map(|it| wire::Memory {
                quantity: it.size.to_wire(),
                attributes: attributes_to_wire(&it.attributes),
            }),
            storage: self
                .volumes()
                .iter()
                .map(|it| wire::Storage {
                    name: it.name.clone(),
                    quantity: it.size.to_wire(),
                    attributes: attributes_to_wire(&it.attributes),
                })
                .collect(),
            gpu: self.gpu.as_ref().map(|it| wire::Gpu {
                units: it.units.to_wire(),
                attributes: attributes_to_wire(&it.attributes),
            }),
            endpoints: self
                .endpoints
                .as_deref()
                .unwrap_or_default()
                .iter()
                .map(|it| it.to_wire())
                .collect(),
        }
    }

    /// The volumes; none when the list is absent.
    #[must_use]
    pub fn volumes(&self) -> &[Volume] {
        self.storage.as_deref().unwrap_or_default()
    }

    /// Milli-CPU, 0 when absent.
    #[must_use]
    pub fn cpu_milli(&self) -> u64 {
        self.cpu.as_ref().map_or(0, |it| it.units.0)
    }

    /// Bytes of memory, 0 when absent.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory.as_ref().map_or(0, |it| it.size.0)
    }

    /// Number of GPUs, 0 when absent.
    #[must_use]
    pub fn gpu_units(&self) -> u64 {
        self.gpu.as_ref().map_or(0, |it| it.units.0)
    }
}
