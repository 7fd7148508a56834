//! The table of keys as a JSON Schema, for editors, and as a page, for people.
//!
//! Called by `haggle sdl schema` and by the tests that keep `docs/reference/sdl-schema.json` and
//! `sdl-keys.md` fresh. Calls [`crate::language`]. A schema sees one value at a time: what needs two places
//! of a file (does this profile exist?) is the compiler's alone. Where the compiler is lenient, the schema is
//! as strict as the reference's own (spec `sdl.md` 21), because an editor that says nothing about `volumes:`
//! in a service helps nobody.

use crate::language::{self, Key, Kind};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// What the schema calls itself.
pub const ID: &str = "urn:haggle:schema:sdl";

/// At least one digit that is not zero.
const NOT_ZERO: &str = "(?=[^1-9]*[1-9])";
const DECIMAL: &str = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)";
const HOST: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const ENV: &str = r"^(?!\.(=|$))(?!\.\.)[-._a-zA-Z][-._a-zA-Z0-9]*(=[\s\S]*)?$";
const MODEL: &str = r"^[a-zA-Z0-9_/.\-]*[a-zA-Z0-9_*]$";

/// The JSON Schema (draft 2020-12) of a deployment file.
#[must_use]
pub fn json_schema() -> Value {
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "SDL",
        "description": "A deployment file: what runs, what it needs, where, and at what price.",
    });
    merge(&mut root, mapping(&[]));
    merge(&mut root, json!({ "allOf": [persistent_volumes_are_mounted()] }));
    root
}

/// In 2.0 a persistent volume needs a mount (spec 14.3); 2.1 does not ask.
fn persistent_volumes_are_mounted() -> Value {
    let persistent = json!({
        "required": ["attributes"],
        "properties": { "attributes": {
            "required": ["persistent"],
            "properties": { "persistent": { "enum": [true, "true"] } },
        } },
    });
    let has_one = json!({
        "required": ["resources"],
        "properties": { "resources": {
            "required": ["storage"],
            "properties": { "storage": { "anyOf": [
                persistent,
                { "type": "array", "contains": persistent },
            ] } },
        } },
    });
    // An array's rules hold for anything that is no array, and a mapping's for anything that is none.
    let mut has_one = has_one;
    if let Some(single) = has_one.pointer_mut("/properties/resources/properties/storage/anyOf/0") {
        merge(single, json!({ "type": "object" }));
    }
    let mounts = json!({
        "required": ["params"],
        "properties": { "params": {
            "required": ["storage"],
            "properties": { "storage": { "minProperties": 1 } },
        } },
    });
    json!({
        "if": {
            "required": ["version", "services", "profiles"],
            "properties": {
                "version": { "const": "2.0" },
                "profiles": {
                    "required": ["compute"],
                    "properties": { "compute": {
                        "not": { "additionalProperties": { "not": has_one } },
                    } },
                },
            },
        },
        "then": { "properties": { "services": {
            "not": { "additionalProperties": { "not": mounts } },
            "errorMessage": "a persistent volume needs a mount under `params.storage`",
        } } },
    })
}

/// The rules of a mapping: its keys, and no others.
fn mapping(path: &[&str]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in language::children(path).filter(|it| is_shown(it)) {
        let below: Vec<&str> = path.iter().copied().chain([key.name()]).collect();
        properties.insert(key.name().to_owned(), described(key, &below));
        if key.is_required {
            required.push(key.name());
        }
    }
    let mut rules = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        merge(&mut rules, json!({ "required": required }));
    }
    rules
}

/// What nobody should write has no place in a schema.
fn is_shown(key: &Key) -> bool {
    !key.path.starts_with("services.*.expose[].to[].http_options")
}

/// A key with all that is known of it.
fn described(key: &Key, path: &[&str]) -> Value {
    let mut out = json!({});
    if key.is_word() {
        merge(&mut out, json!({ "title": key.name() }));
    }
    merge(&mut out, json!({ "description": description(key) }));
    if let Some(text) = key.default {
        merge(&mut out, json!({ "default": literal(key.kind, text) }));
    }
    let examples: Vec<Value> = key.examples.iter().map(|it| literal(key.kind, it)).collect();
    if !examples.is_empty() {
        merge(&mut out, json!({ "examples": examples }));
    }
    if key.is_ignored {
        merge(&mut out, json!({ "deprecated": true }));
    }
    merge(&mut out, shape(key, path));
    merge(&mut out, special(key));
    if key.is_nullable
        && let Some(shape) = out.get_mut("type")
    {
        *shape = json!([shape, "null"]);
    }
    out
}

fn description(key: &Key) -> String {
    let mut text = key.doc.to_owned();
    if !key.note.is_empty() {
        text.push(' ');
        text.push_str(key.note);
    }
    for value in key.values {
        let _ = write!(text, "\n- `{}`: {}", value.text, value.doc);
    }
    text
}

/// The value of a default or an example, as JSON.
fn literal(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Text | Kind::Scalar | Kind::Version | Kind::Denom | Kind::Size => json!(text),
        Kind::BinarySize | Kind::Duration => json!(text),
        _ => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

/// What a kind of key takes.
fn shape(key: &Key, path: &[&str]) -> Value {
    let words: Vec<&str> = key.values.iter().map(|it| it.text).collect();
    let text = |pattern: String| json!({ "type": "string", "pattern": pattern });
    let entry = || -> Vec<&str> { path.iter().copied().chain(["[]"]).collect() };
    match key.kind {
        Kind::Mapping => mapping(path),
        Kind::Named => {
            let below: Vec<&str> = path.iter().copied().chain(["*"]).collect();
            let of = language::at(&below).map(|it| described(it, &below)).unwrap_or_default();
            json!({ "type": "object", "additionalProperties": of })
        }
        Kind::List => {
            let below = entry();
            let of = language::at(&below).map(|it| described(it, &below)).unwrap_or_default();
            json!({ "type": "array", "items": of })
        }
        Kind::OneOrMany => {
            let below = entry();
            let of = language::at(&below).map(|it| described(it, &below)).unwrap_or_default();
            let list = json!({ "type": "array", "items": of, "minItems": 1, "maxItems": 20 });
            json!({
                "type": ["object", "array"],
                "if": { "type": "array" },
                "then": list,
                "else": of,
            })
        }
        Kind::Text if words.is_empty() => json!({ "type": "string" }),
        Kind::Text | Kind::Version => json!({ "type": "string", "enum": words }),
        Kind::Texts if words.is_empty() => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        Kind::Texts => {
            // `- 503` is a number in YAML, and the same to the compiler.
            let numbers = words.iter().filter_map(|it| it.parse::<u32>().ok().map(|it| json!(it)));
            let all: Vec<Value> = words.iter().map(|it| json!(it)).chain(numbers).collect();
            json!({ "type": "array", "items": { "enum": all } })
        }
        Kind::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Cores => json!({
            "type": ["number", "string"],
            "minimum": 0.01,
            "maximum": 384,
            "pattern": format!("^{NOT_ZERO}({DECIMAL}|[0-9]+m)$"),
        }),
        Kind::Size => text(format!("^{NOT_ZERO}{DECIMAL}([kMGTPE]|[KMGTPE]i)?$")),
        Kind::BinarySize => text(format!("^{DECIMAL}([KMGTPE]i)?$")),
        Kind::Count => json!({
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": 24,
            "pattern": "^[0-9]+$",
        }),
        Kind::Amount => json!({
            "type": ["number", "string"],
            "exclusiveMinimum": 0,
            "maximum": 10_000_000,
            "pattern": format!(r"^{NOT_ZERO}[0-9]+(\.[0-9]{{1,18}})?$"),
        }),
        Kind::Denom => json!({
            "type": "string",
            "anyOf": [{ "enum": words }, { "pattern": "^ibc/[0-9A-F]{64}$" }],
        }),
        Kind::Duration => text(format!("^{NOT_ZERO}({DECIMAL}(ns|us|µs|μs|ms|s|m|h))+$")),
        Kind::Scalar => json!({ "type": ["string", "number", "boolean"] }),
    }
}

/// What holds for single keys beyond their kind.
fn special(key: &Key) -> Value {
    match key.path {
        "services" | "deployment" => json!({
            "minProperties": 1,
            "propertyNames": { "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$" },
        }),
        "endpoints" => json!({ "propertyNames": { "pattern": "^[a-z]+[-a-z_0-9]+$" } }),
        "profiles.placement" => json!({ "propertyNames": { "minLength": 1 } }),
        "services.*.image"
        | "services.*.expose[].to[].ip"
        | "services.*.credentials.host"
        | "services.*.credentials.username" => json!({ "minLength": 1 }),
        "services.*.credentials.password" => json!({ "minLength": 6 }),
        "services.*.credentials.email" => json!({ "minLength": 5 }),
        "services.*.env" => json!({ "items": { "type": "string", "pattern": ENV } }),
        "services.*.expose[].accept" => json!({
            "items": { "type": "string", "pattern": HOST, "maxLength": 253 },
            "uniqueItems": true,
        }),
        "services.*.expose[].proto" => json!({ "enum": ["TCP", "UDP", "tcp", "udp"] }),
        "services.*.expose[].to[]" => json!({
            "dependentSchemas": { "ip": {
                "required": ["global"],
                "properties": { "global": { "const": true } },
                "errorMessage": "an IP endpoint needs `global: true` beside it",
            } },
        }),
        "services.*.expose[].http_options.next_cases" => json!({
            "if": { "contains": { "const": "off" } },
            "then": { "maxItems": 1 },
        }),
        "services.*.params.storage.*.mount" => json!({ "pattern": "^/" }),
        "profiles.compute.*.resources.gpu" => json!({
            "if": {
                "required": ["units"],
                "properties": { "units": { "not": { "enum": [0, "0"] } } },
            },
            "then": {
                "required": ["attributes"],
                "errorMessage": "a GPU needs `attributes` with its `vendor`",
            },
            "else": {
                "properties": { "attributes": false },
                "errorMessage": "`attributes` without `units` above 0",
            },
        }),
        "profiles.compute.*.resources.gpu.attributes.vendor" => json!({ "minProperties": 1 }),
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[]" => json!({
            "if": { "required": ["model"], "properties": { "model": { "pattern": r"\*$" } } },
            "then": { "properties": { "ram": false, "interface": false } },
        }),
        "profiles.compute.*.resources.gpu.attributes.vendor.nvidia[].model" => {
            json!({ "pattern": MODEL })
        }
        "profiles.compute.*.resources.storage[].attributes" => json!({
            "if": { "required": ["class"], "properties": { "class": { "const": "ram" } } },
            "then": { "properties": { "persistent": { "enum": [false, "false", "no", "off"] } } },
            "else": { "properties": { "persistent": { "enum": [true, "true", "yes", "on"] } } },
        }),
        "profiles.compute.*.resources.storage[].attributes.persistent" => json!({
            "type": ["boolean", "string"],
            "enum": [true, false, "true", "false", "yes", "no", "on", "off"],
        }),
        _ => json!({}),
    }
}

/// Adds the entries of one object to another; a later one replaces an earlier one.
fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

/// The page of all keys, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Keys of the SDL\n\n\
         <!-- Generated from `crates/sdl/src/language/table.rs`; a stale page fails its test. -->\n\n\
         `*` is a name of your choosing, `[]` an entry of a list.\n\
         The same table as a JSON Schema, for editors: [`sdl-schema.json`](sdl-schema.json).\n\
         Put this line at the top of a file, and editors with a YAML language server complete and check it:\n\n\
         ```yaml\n# yaml-language-server: $schema=sdl-schema.json\n```\n",
    );
    section(&mut out, "The file", &[]);
    for key in language::keys().iter().filter(|it| it.kind == Kind::Mapping && is_shown(it)) {
        let path: Vec<&str> = path_of(key);
        section(&mut out, &format!("`{}`", key.path), &path);
    }
    out
}

fn path_of(key: &Key) -> Vec<&'static str> {
    let mut path = Vec::new();
    for part in key.path.split('.') {
        match part.strip_suffix("[]") {
            Some(list) => path.extend([list, "[]"]),
            None => path.push(part),
        }
    }
    path
}

fn section(out: &mut String, title: &str, path: &[&str]) {
    let _ = write!(out, "\n## {title}\n");
    if let Some(key) = language::at(path) {
        let _ = write!(out, "\n{}\n", description(key));
    }
    out.push_str("\n| key | takes | default | |\n|---|---|---|---|\n");
    for key in language::children(path).filter(|it| is_shown(it)) {
        let mut about = key.doc.to_owned();
        // What stands below has a section of its own, which repeats the rest.
        if key.kind != Kind::Mapping {
            if !key.note.is_empty() {
                let _ = write!(about, " {}", key.note);
            }
            for value in key.values {
                let _ = write!(about, "<br>`{}`: {}", value.text, value.doc);
            }
        }
        if !key.examples.is_empty() {
            let list: Vec<String> = key.examples.iter().map(|it| format!("`{it}`")).collect();
            let _ = write!(about, "<br>For example {}.", list.join(", "));
        }
        let default = match (key.default, key.is_required) {
            (_, true) => "required".to_owned(),
            (Some(text), _) => format!("`{text}`"),
            (None, _) => String::new(),
        };
        let name = key.name();
        let _ = writeln!(out, "| `{name}` | {} | {default} | {about} |", takes(key, path));
    }
}

fn takes(key: &Key, path: &[&str]) -> String {
    match key.kind {
        Kind::Number { min, max: u32::MAX } => format!("a whole number, at least {min}"),
        Kind::Number { min, max } => format!("a whole number, {min} to {max}"),
        Kind::Named => {
            let below: Vec<&str> = path.iter().copied().chain([key.name(), "*"]).collect();
            match language::at(&below).map(|it| it.kind) {
                Some(Kind::Named) => "names, each with names below it".to_owned(),
                Some(kind) => format!("names, each with {}", kind.describe()),
                None => key.kind.describe().to_owned(),
            }
        }
        kind => kind.describe().to_owned(),
    }
}
