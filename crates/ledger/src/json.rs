//! Proto JSON of wire messages, as `types::json` prints and reads it.

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

fn pool() -> &'static DescriptorPool {
    static POOL: std::sync::OnceLock<DescriptorPool> = std::sync::OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(types::DESCRIPTORS).unwrap_or_default())
}

pub(crate) fn to_value<M: Message + Name>(message: &M) -> Result<Value, String> {
    let descriptor = pool().get_message_by_name(&M::full_name()).ok_or("unknown message")?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|it| it.to_string())?;
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|it| it.to_string())
}

pub(crate) fn from_value<M: Message + Name + Default>(json: &Value) -> Result<M, String> {
    let descriptor = pool().get_message_by_name(&M::full_name()).ok_or("unknown message")?;
    let dynamic = DynamicMessage::deserialize(descriptor, json).map_err(|it| it.to_string())?;
    M::decode(dynamic.encode_to_vec().as_slice()).map_err(|it| it.to_string())
}
