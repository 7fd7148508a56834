//! What the descriptors say about messages, compiled once into tables that are cheap to walk:
//! known fields (for refusing unknown ones), signer paths, and the methods of services.

use std::{collections::BTreeMap, sync::OnceLock};

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, Value};

/// Index of a message in [`Schema::messages`].
pub(crate) type MessageIndex = u32;

/// What a field's bytes are, as far as walking goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// Wire type of one value; repeated numbers may also be packed.
    Scalar { wire: u8, packable: bool },
    /// The text of a whole number of at most 256 bits; refused at decode when it is none.
    Integer,
    /// The same for a decimal: its digits without the point.
    Decimal,
    Message(MessageIndex),
}

#[derive(Debug, Default)]
pub(crate) struct MessageShape {
    pub(crate) name: String,
    pub(crate) fields: BTreeMap<u32, Field>,
    pub(crate) is_any: bool,
    /// Field numbers from this message down to each signer's text.
    pub(crate) signers: Vec<Vec<u32>>,
}

/// A method of a service.
#[derive(Clone, Debug)]
pub(crate) struct MethodShape {
    /// `/package.Service/Method`.
    pub(crate) path: String,
    pub(crate) output: String,
    pub(crate) is_msg: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) messages: Vec<MessageShape>,
    by_name: BTreeMap<String, MessageIndex>,
    /// By the full name of the input message.
    methods: BTreeMap<String, Vec<MethodShape>>,
}

impl Schema {
    /// The schema of everything under `proto/`.
    pub(crate) fn get() -> &'static Schema {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| {
            let pool = DescriptorPool::decode(types::DESCRIPTORS)
                .unwrap_or_else(|error| crate::halt(format!("embedded descriptors: {error}")));
            compile(&pool)
        })
    }

    pub(crate) fn message(&self, index: MessageIndex) -> Option<&MessageShape> {
        self.messages.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn index(&self, name: &str) -> Option<MessageIndex> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&MessageShape> {
        self.message(self.index(name)?)
    }

    /// Methods that take this message.
    pub(crate) fn methods(&self, input: &str) -> &[MethodShape] {
        self.methods.get(input).map_or(&[], Vec::as_slice)
    }

    /// Whether a service takes this message as a transaction's.
    pub(crate) fn is_msg(&self, name: &str) -> bool {
        self.methods(name).iter().any(|it| it.is_msg)
    }

    /// The method at a path.
    pub(crate) fn method_at(&self, path: &str) -> Option<&MethodShape> {
        self.methods.values().flatten().find(|it| it.path == path)
    }
}

fn compile(pool: &DescriptorPool) -> Schema {
    let mut schema = Schema::default();
    let descriptors: Vec<MessageDescriptor> = pool.all_messages().collect();
    for (index, message) in descriptors.iter().enumerate() {
        let index = MessageIndex::try_from(index).unwrap_or(MessageIndex::MAX);
        schema.by_name.insert(message.full_name().to_owned(), index);
    }
    let custom = pool.get_extension_by_name("gogoproto.customtype");
    for message in &descriptors {
        let mut shape = MessageShape {
            name: message.full_name().to_owned(),
            is_any: message.full_name() == "google.protobuf.Any",
            signers: signer_paths(pool, message, 0),
            ..MessageShape::default()
        };
        for field in message.fields() {
            let kind = match field.kind() {
                Kind::Message(inner) => {
                    Field::Message(schema.by_name.get(inner.full_name()).copied().unwrap_or(0))
                }
                Kind::String | Kind::Bytes => {
                    let options = field.options();
                    let custom = custom.as_ref().map(|it| options.get_extension(it));
                    match custom.as_deref().and_then(Value::as_str) {
                        Some(name) if name.ends_with("math.Int") => Field::Integer,
                        Some(name) if name.ends_with("LegacyDec") => Field::Decimal,
                        _ => Field::Scalar { wire: 2, packable: false },
                    }
                }
                Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
                    Field::Scalar { wire: 1, packable: field.is_list() }
                }
                Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => {
                    Field::Scalar { wire: 5, packable: field.is_list() }
                }
                _ => Field::Scalar { wire: 0, packable: field.is_list() },
            };
            shape.fields.insert(field.number(), kind);
        }
        schema.messages.push(shape);
    }
    for service in pool.services() {
        for method in service.methods() {
            let shape = MethodShape {
                path: format!("/{}/{}", service.full_name(), method.name()),
                output: method.output().full_name().to_owned(),
                is_msg: service.name() == "Msg",
            };
            let input = method.input().full_name().to_owned();
            schema.methods.entry(input).or_default().push(shape);
        }
    }
    schema
}

/// The paths that `cosmos.msg.v1.signer` names; an option that names a message field is followed
/// through that message's own option, or through the `owner`/`provider` of an Akash id
/// (cosmos.md 1.3).
fn signer_paths(pool: &DescriptorPool, message: &MessageDescriptor, depth: u8) -> Vec<Vec<u32>> {
    if depth > 4 {
        return Vec::new();
    }
    if let Some(path) = nested_signer(message.full_name()) {
        return path_of(message, path).into_iter().collect();
    }
    let Some(extension) = pool.get_extension_by_name("cosmos.msg.v1.signer") else {
        return Vec::new();
    };
    let options = message.options();
    let value = options.get_extension(&extension);
    let Value::List(names) = value.as_ref() else { return Vec::new() };
    let mut paths = Vec::new();
    for name in names.iter().filter_map(Value::as_str) {
        let Some(field) = message.get_field_by_name(name) else { continue };
        match field.kind() {
            Kind::Message(inner) => {
                for mut path in signer_paths(pool, &inner, depth.saturating_add(1)) {
                    path.insert(0, field.number());
                    paths.push(path);
                }
            }
            _ => paths.push(vec![field.number()]),
        }
    }
    paths
}

/// Akash messages whose signer lies inside an id.
fn nested_signer(name: &str) -> Option<&'static [&'static str]> {
    let (package, message) = name.rsplit_once('.')?;
    let path: &[&str] = match package {
        "akash.deployment.v1beta4" => match message {
            "MsgCreateDeployment"
            | "MsgUpdateDeployment"
            | "MsgCloseDeployment"
            | "MsgCloseGroup"
            | "MsgPauseGroup"
            | "MsgStartGroup" => &["id", "owner"],
            _ => return None,
        },
        "akash.market.v1beta5" => match message {
            "MsgCreateBid" | "MsgCloseBid" | "MsgWithdrawLease" | "MsgLeaseStartReclaim" => {
                &["id", "provider"]
            }
            "MsgCreateLease" => &["bid_id", "owner"],
            "MsgCloseLease" => &["id", "owner"],
            _ => return None,
        },
        "akash.cert.v1" if message == "MsgRevokeCertificate" => &["id", "owner"],
        _ => return None,
    };
    Some(path)
}

fn path_of(message: &MessageDescriptor, names: &[&str]) -> Option<Vec<u32>> {
    let mut path = Vec::new();
    let mut at = message.clone();
    for name in names {
        let field = at.get_field_by_name(name)?;
        path.push(field.number());
        if let Kind::Message(inner) = field.kind() {
            at = inner;
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &[&[u32]]) {
        let shape = Schema::get().by_name(message).unwrap();
        assert_eq!(shape.signers, expected, "{message}");
    }

    #[test]
    fn signers_are_found_where_the_options_say() {
        check("cosmos.bank.v1beta1.MsgSend", &[&[1]]);
        check("cosmos.bank.v1beta1.MsgMultiSend", &[&[1, 1]]);
        check("akash.deployment.v1beta4.MsgCreateDeployment", &[&[1, 1]]);
        check("akash.market.v1beta5.MsgCreateLease", &[&[1, 1]]);
        check("akash.market.v1beta5.MsgCreateBid", &[&[1, 5]]);
        check("akash.escrow.v1.MsgAccountDeposit", &[&[1]]);
    }

    #[test]
    fn every_routed_message_has_a_signer() {
        let schema = Schema::get();
        for (input, methods) in &schema.methods {
            let ours = input.starts_with("cosmos.") || input.starts_with("akash.");
            if ours && methods.iter().any(|it| it.is_msg) {
                let shape = schema.by_name(input).unwrap();
                assert!(!shape.signers.is_empty(), "{input} has no signer");
            }
        }
    }
}
