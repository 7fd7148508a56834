//! Canonical JSON (spec `sdl.md` 17): sorted keys, no white space, strings escaped as Go does.
//!
//! [`manifest`] writes the bytes of a manifest directly, keys already in byte order;
//! [`value`] does the same for any JSON document, for comparing what a client really sent.

use super::{
    Attribute, Cpu, Credentials, Endpoint, EndpointKind, Expose, Gpu, Group, HttpOptions, Manifest,
    Memory, Params, Quantity, Resources, Service, StorageParams, Volume,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The canonical bytes of a manifest.
#[must_use]
pub fn manifest(manifest: &Manifest) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    list(&mut out, &manifest.0, group);
    out
}

/// The canonical bytes of any JSON value: keys sorted, nothing added or dropped.
#[must_use]
pub fn value(document: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, document);
    out
}

/// The version that a document has as it was sent, unknown keys included.
///
/// A provider that does not know a field of a newer client accepts this hash too. `None` when the
/// bytes do not begin with a JSON value.
#[must_use]
pub fn document_version(bytes: &[u8]) -> Option<[u8; 32]> {
    let bytes = super::read::readable(bytes);
    let document =
        serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().next()?.ok()?;
    Some(Sha256::digest(value(&document)).into())
}

fn write_value(out: &mut Vec<u8>, document: &Value) {
    match document {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(flag) => boolean(out, *flag),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => string(out, text),
        Value::Array(items) => list(out, items, write_value),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
            out.push(b'{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(out, key);
                out.push(b':');
                write_value(out, item);
            }
            out.push(b'}');
        }
    }
}

/// Writes a JSON string with Go's escapes.
pub fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut done = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let hex = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        let long;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x0c => b"\\f",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f | b'<' | b'>' | b'&' => {
                long = [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)];
                &long
            }
            // U+2028 and U+2029 are e2 80 a8 and e2 80 a9.
            0xe2 if bytes.get(index + 1) == Some(&0x80) => match bytes.get(index + 2) {
                Some(0xa8) => b"\\u2028",
                Some(0xa9) => b"\\u2029",
                _ => continue,
            },
            _ => continue,
        };
        out.extend_from_slice(bytes.get(done..index).unwrap_or_default());
        out.extend_from_slice(escape);
        done = index + if byte == 0xe2 { 3 } else { 1 };
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    out.push(b'"');
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

fn optional<T>(out: &mut Vec<u8>, item: Option<&T>, each: impl FnOnce(&mut Vec<u8>, &T)) {
    match item {
        Some(item) => each(out, item),
        None => out.extend_from_slice(b"null"),
    }
}

fn optional_list<T>(out: &mut Vec<u8>, items: Option<&Vec<T>>, each: impl FnMut(&mut Vec<u8>, &T)) {
    optional(out, items, |out, items| list(out, items, each));
}

fn strings(out: &mut Vec<u8>, items: Option<&Vec<String>>) {
    optional_list(out, items, |out, item| string(out, item));
}

fn number(out: &mut Vec<u8>, value: u64) {
    // The longest u64 has 20 digits.
    let mut digits = [0_u8; 20];
    let mut rest = value;
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start = index;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Writes literal JSON: punctuation and keys that need no escape.
fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn group(out: &mut Vec<u8>, it: &Group) {
    raw(out, "{\"name\":");
    string(out, &it.name);
    raw(out, ",\"services\":");
    optional_list(out, it.services.as_ref(), service);
    out.push(b'}');
}

fn service(out: &mut Vec<u8>, it: &Service) {
    raw(out, "{\"args\":");
    strings(out, it.args.as_ref());
    raw(out, ",\"command\":");
    strings(out, it.command.as_ref());
    raw(out, ",\"count\":");
    number(out, it.count.into());
    raw(out, ",\"credentials\":");
    optional(out, it.credentials.as_ref(), credentials);
    raw(out, ",\"env\":");
    strings(out, it.env.as_ref());
    raw(out, ",\"expose\":");
    optional_list(out, it.expose.as_ref(), expose);
    raw(out, ",\"image\":");
    string(out, &it.image);
    raw(out, ",\"name\":");
    string(out, &it.name);
    if let Some(it) = &it.params {
        raw(out, ",\"params\":");
        params(out, it);
    }
    raw(out, ",\"resources\":");
    resources(out, &it.resources);
    out.push(b'}');
}

fn credentials(out: &mut Vec<u8>, it: &Credentials) {
    raw(out, "{\"email\":");
    string(out, &it.email);
    raw(out, ",\"host\":");
    string(out, &it.host);
    raw(out, ",\"password\":");
    string(out, &it.password);
    raw(out, ",\"username\":");
    string(out, &it.username);
    out.push(b'}');
}

fn expose(out: &mut Vec<u8>, it: &Expose) {
    raw(out, "{\"endpointSequenceNumber\":");
    number(out, it.endpoint_sequence_number.into());
    raw(out, ",\"externalPort\":");
    number(out, it.external_port.into());
    raw(out, ",\"global\":");
    boolean(out, it.global);
    raw(out, ",\"hosts\":");
    strings(out, it.hosts.as_ref());
    raw(out, ",\"httpOptions\":");
    http_options(out, &it.http_options);
    raw(out, ",\"ip\":");
    string(out, &it.ip);
    raw(out, ",\"port\":");
    number(out, it.port.into());
    raw(out, ",\"proto\":");
    string(out, &it.proto);
    raw(out, ",\"service\":");
    string(out, &it.service);
    out.push(b'}');
}

fn http_options(out: &mut Vec<u8>, it: &HttpOptions) {
    raw(out, "{\"maxBodySize\":");
    number(out, it.max_body_size.into());
    if !it.next_cases.is_empty() {
        raw(out, ",\"nextCases\":");
        strings(out, Some(&it.next_cases));
    }
    raw(out, ",\"nextTimeout\":");
    number(out, it.next_timeout.into());
    raw(out, ",\"nextTries\":");
    number(out, it.next_tries.into());
    if it.proxy_buffer_size != 0 {
        raw(out, ",\"proxyBufferSize\":");
        number(out, it.proxy_buffer_size.into());
    }
    raw(out, ",\"readTimeout\":");
    number(out, it.read_timeout.into());
    raw(out, ",\"sendTimeout\":");
    number(out, it.send_timeout.into());
    out.push(b'}');
}

fn params(out: &mut Vec<u8>, it: &Params) {
    out.push(b'{');
    if let Some(it) = &it.credentials {
        raw(out, "\"credentials\":");
        credentials(out, it);
        out.push(b',');
    }
    if let Some(it) = &it.permissions {
        raw(out, "\"permissions\":{");
        if !it.read.is_empty() {
            raw(out, "\"read\":");
            strings(out, Some(&it.read));
        }
        raw(out, "},");
    }
    raw(out, "\"storage\":");
    optional_list(out, it.storage.as_ref(), storage_params);
    if let Some(it) = &it.tee {
        raw(out, ",\"tee\":{\"attestation\":");
        boolean(out, it.attestation);
        raw(out, ",\"type\":");
        string(out, &it.kind);
        out.push(b'}');
    }
    out.push(b'}');
}

fn storage_params(out: &mut Vec<u8>, it: &StorageParams) {
    raw(out, "{\"mount\":");
    string(out, &it.mount);
    raw(out, ",\"name\":");
    string(out, &it.name);
    raw(out, ",\"readOnly\":");
    boolean(out, it.read_only);
    out.push(b'}');
}

fn resources(out: &mut Vec<u8>, it: &Resources) {
    raw(out, "{\"cpu\":");
    optional(out, it.cpu.as_ref(), |out, it: &Cpu| {
        sized(out, &it.attributes, "units", it.units);
    });
    raw(out, ",\"endpoints\":");
    optional_list(out, it.endpoints.as_ref(), endpoint);
    raw(out, ",\"gpu\":");
    optional(out, it.gpu.as_ref(), |out, it: &Gpu| {
        sized(out, &it.attributes, "units", it.units);
    });
    raw(out, ",\"id\":");
    number(out, it.id.into());
    raw(out, ",\"memory\":");
    optional(out, it.memory.as_ref(), |out, it: &Memory| {
        sized(out, &it.attributes, "size", it.size);
    });
    raw(out, ",\"storage\":");
    optional_list(out, it.storage.as_ref(), volume);
    out.push(b'}');
}

/// A quantity under its key, after the attributes if there are any.
fn sized(out: &mut Vec<u8>, list: &[Attribute], key: &str, value: Quantity) {
    out.push(b'{');
    attributes(out, list);
    raw(out, "\"");
    raw(out, key);
    raw(out, "\":");
    quantity(out, value);
    out.push(b'}');
}

fn quantity(out: &mut Vec<u8>, value: Quantity) {
    raw(out, "{\"val\":\"");
    number(out, value.0);
    raw(out, "\"}");
}

/// The attributes with a comma after them, or nothing.
fn attributes(out: &mut Vec<u8>, items: &[Attribute]) {
    if items.is_empty() {
        return;
    }
    raw(out, "\"attributes\":");
    list(out, items, |out, it| {
        out.push(b'{');
        if !it.key.is_empty() {
            raw(out, "\"key\":");
            string(out, &it.key);
        }
        if !it.value.is_empty() {
            if !it.key.is_empty() {
                out.push(b',');
            }
            raw(out, "\"value\":");
            string(out, &it.value);
        }
        out.push(b'}');
    });
    out.push(b',');
}

fn volume(out: &mut Vec<u8>, it: &Volume) {
    out.push(b'{');
    attributes(out, &it.attributes);
    raw(out, "\"name\":");
    string(out, &it.name);
    raw(out, ",\"size\":");
    quantity(out, it.size);
    out.push(b'}');
}

fn endpoint(out: &mut Vec<u8>, it: &Endpoint) {
    out.push(b'{');
    if it.kind != EndpointKind::SharedHttp {
        raw(out, "\"kind\":");
        raw(out, &it.kind.number().to_string());
        out.push(b',');
    }
    raw(out, "\"sequence_number\":");
    number(out, it.sequence_number.into());
    out.push(b'}');
}
