//! Writes `proto/` from a table of interface facts (one JSON object per proto file).
//!
//! The table (`wire.jsonl`, described in its own head) lists every message, field number, service
//! and option that clients of the reference network exchange with a node or a provider. The proto
//! files are ours; the numbers, names and types are the interface.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

const HEAD: &str =
    "// Interface of the reference network. Written by `cargo xtask codegen`; do not edit.\n";

/// Reads `wire` and rewrites every file it names under `proto`. Files of our own packages
/// (`proto/haggle/`) are left alone.
pub(crate) fn run(wire: &Path, proto: &Path) -> Result<()> {
    let text = fs::read_to_string(wire)
        .with_context(|| format!("read the interface table {}", wire.display()))?;
    let mut files = BTreeMap::new();
    for line in text.lines() {
        let file: Value = serde_json::from_str(line).context("parse a line of the table")?;
        files.insert(str_of(&file, "file")?.to_owned(), file);
    }
    let wanted = closure(&files)?;
    for name in &wanted {
        let Some(file) = files.get(name) else { continue };
        let body = render(file).with_context(|| format!("write {name}"))?;
        let path = proto.join(name);
        fs::create_dir_all(path.parent().context("a proto file without a folder")?)?;
        if fs::read_to_string(&path).ok().as_deref() != Some(body.as_str()) {
            fs::write(&path, body)?;
        }
    }
    let quantity = proto.join("k8s.io/apimachinery/pkg/api/resource/generated.proto");
    fs::create_dir_all(quantity.parent().context("a proto file without a folder")?)?;
    fs::write(
        quantity,
        format!(
            "{HEAD}syntax = \"proto2\";\n\npackage k8s.io.apimachinery.pkg.api.resource;\n\nmessage Quantity {{\n  optional string string = 1;\n}}\n"
        ),
    )?;
    Ok(())
}

/// Everything but `google.api`, and of that only what the rest imports.
fn closure(files: &BTreeMap<String, Value>) -> Result<BTreeSet<String>> {
    let mut wanted = BTreeSet::new();
    let mut queue: Vec<String> =
        files.keys().filter(|name| !name.starts_with("google/")).cloned().collect();
    while let Some(name) = queue.pop() {
        if let Some(file) = files.get(&name) {
            queue.extend(imports(file)?.into_iter().filter(|it| !wanted.contains(it)));
        }
        wanted.insert(name);
    }
    Ok(wanted)
}

fn imports(file: &Value) -> Result<Vec<String>> {
    array(file, "imports").iter().map(|it| Ok(it.as_str().context("import")?.to_owned())).collect()
}

fn render(file: &Value) -> Result<String> {
    let package = str_of(file, "package")?;
    let mut out = format!("{HEAD}syntax = \"proto3\";\n\npackage {package};\n");
    let mut imports = imports(file)?;
    imports.sort();
    for import in &imports {
        write!(out, "\nimport \"{import}\";")?;
    }
    if !imports.is_empty() {
        out.push('\n');
    }
    let scope = Scope { file, package };
    for extension in array(file, "extensions") {
        let repeated = if flag(extension, "repeated") { "repeated " } else { "optional " };
        writeln!(
            out,
            "\nextend {} {{\n  {repeated}{} {} = {};\n}}",
            str_of(extension, "extends")?,
            scope.type_name(str_of(extension, "type")?),
            str_of(extension, "name")?,
            extension["n"]
        )?;
    }
    for item in array(file, "enums") {
        if !str_of(item, "name")?.contains('.') {
            scope.enumeration(&mut out, item, 0)?;
        }
    }
    for message in array(file, "messages") {
        if !str_of(message, "name")?.contains('.') {
            scope.message(&mut out, message, 0)?;
        }
    }
    for service in array(file, "services") {
        scope.service(&mut out, service)?;
    }
    Ok(out)
}

struct Scope<'a> {
    file: &'a Value,
    package: &'a str,
}

impl Scope<'_> {
    fn enumeration(&self, out: &mut String, item: &Value, depth: usize) -> Result<()> {
        let pad = "  ".repeat(depth);
        let name = last(str_of(item, "name")?);
        let values = item["values"].as_object().context("enum values")?;
        let mut values: Vec<(&String, i64)> = values
            .iter()
            .map(|(k, v)| Ok((k, v.as_i64().context("number")?)))
            .collect::<Result<_>>()?;
        values.sort_by_key(|(_, number)| *number);
        writeln!(out, "\n{pad}enum {name} {{")?;
        let numbers: BTreeSet<i64> = values.iter().map(|(_, number)| *number).collect();
        if numbers.len() != values.len() {
            writeln!(out, "{pad}  option allow_alias = true;")?;
        }
        for (value, number) in values {
            writeln!(out, "{pad}  {value} = {number};")?;
        }
        writeln!(out, "{pad}}}")?;
        Ok(())
    }

    fn message(&self, out: &mut String, message: &Value, depth: usize) -> Result<()> {
        let pad = "  ".repeat(depth);
        let full = str_of(message, "name")?;
        writeln!(out, "\n{pad}message {} {{", last(full))?;
        for (key, value) in object(message, "options") {
            for value in one_or_many(value) {
                writeln!(out, "{pad}  option ({}) = {};", message_option(key)?, literal(value)?)?;
            }
        }
        for range in array(message, "reserved") {
            let (from, to) = (number(&range[0])?, number(&range[1])? - 1);
            match from == to {
                true => writeln!(out, "{pad}  reserved {from};")?,
                false => writeln!(out, "{pad}  reserved {from} to {to};")?,
            }
        }
        for item in array(self.file, "enums") {
            if parent(str_of(item, "name")?) == Some(full) {
                self.enumeration(out, item, depth + 1)?;
            }
        }
        for inner in array(self.file, "messages") {
            if parent(str_of(inner, "name")?) == Some(full) {
                self.message(out, inner, depth + 1)?;
            }
        }
        let fields = array(message, "fields");
        let mut done = BTreeSet::new();
        for field in fields {
            match field.get("oneof").and_then(Value::as_str) {
                None => self.field(out, message, field, depth + 1, "")?,
                Some(optional) if optional.starts_with('_') => {
                    self.field(out, message, field, depth + 1, "optional ")?;
                }
                Some(oneof) if done.insert(oneof) => {
                    writeln!(out, "{pad}  oneof {oneof} {{")?;
                    for member in fields.iter().filter(|it| it["oneof"] == oneof) {
                        self.field(out, message, member, depth + 2, "")?;
                    }
                    writeln!(out, "{pad}  }}")?;
                }
                Some(_) => {}
            }
        }
        writeln!(out, "{pad}}}")?;
        Ok(())
    }

    fn field(
        &self,
        out: &mut String,
        message: &Value,
        field: &Value,
        depth: usize,
        label: &str,
    ) -> Result<()> {
        let pad = "  ".repeat(depth);
        let kind = str_of(field, "type")?;
        let map = object(message, "map_entries")
            .find(|(entry, _)| kind.ends_with(&format!(".{}.{entry}", last_of(message))))
            .map(|(_, kinds)| kinds);
        let shown = match map {
            Some(kinds) => format!(
                "map<{}, {}>",
                kinds[0].as_str().context("map key")?,
                self.type_name(kinds[1].as_str().context("map value")?)
            ),
            None if flag(field, "repeated") => format!("repeated {}", self.type_name(kind)),
            None => format!("{label}{}", self.type_name(kind)),
        };
        write!(out, "{pad}{shown} {} = {}", str_of(field, "name")?, field["n"])?;
        let mut options = Vec::new();
        for (key, value) in object(field, "options") {
            for value in one_or_many(value) {
                options.push(format!("({}) = {}", field_option(key)?, literal(value)?));
            }
        }
        match options.as_slice() {
            [] => {}
            [one] => write!(out, " [{one}]")?,
            many => write!(out, " [\n{pad}  {}\n{pad}]", many.join(&format!(",\n{pad}  ")))?,
        }
        out.push_str(";\n");
        Ok(())
    }

    fn service(&self, out: &mut String, service: &Value) -> Result<()> {
        writeln!(out, "\nservice {} {{", str_of(service, "name")?)?;
        for (key, value) in object(service, "options") {
            let key = match key.as_str() {
                "service" => "cosmos.msg.v1.service",
                other => bail!("unknown service option {other}"),
            };
            writeln!(out, "  option ({key}) = {};", literal(value)?)?;
        }
        for method in array(service, "methods") {
            let stream = |key| if flag(method, key) { "stream " } else { "" };
            write!(
                out,
                "  rpc {}({}{}) returns ({}{})",
                str_of(method, "name")?,
                stream("client_stream"),
                self.type_name(str_of(method, "in")?),
                stream("server_stream"),
                self.type_name(str_of(method, "out")?),
            )?;
            let options: Vec<_> = object(method, "options").collect();
            if options.is_empty() {
                out.push_str(";\n");
                continue;
            }
            out.push_str(" {\n");
            for (key, value) in options {
                let name = match key.as_str() {
                    "google.api.http" | "cosmos.query.v1.module_query_safe" => key.as_str(),
                    "cosmos_method_added_in" => "cosmos_proto.method_added_in",
                    other => bail!("unknown method option {other}"),
                };
                writeln!(out, "    option ({name}) = {};", text_format(value, 2)?)?;
            }
            out.push_str("  }\n");
        }
        out.push_str("}\n");
        Ok(())
    }

    /// Full names get a leading dot, so that no nearer scope can capture them.
    fn type_name(&self, name: &str) -> String {
        let _ = self.package;
        if name.contains('.') { format!(".{name}") } else { name.to_owned() }
    }
}

fn message_option(key: &str) -> Result<&'static str> {
    Ok(match key {
        "amino_name" => "amino.name",
        "amino_message_encoding" => "amino.message_encoding",
        "signer" => "cosmos.msg.v1.signer",
        "cosmos_implements_interface" => "cosmos_proto.implements_interface",
        "cosmos_message_added_in" => "cosmos_proto.message_added_in",
        "equal" => "gogoproto.equal",
        "populate" => "gogoproto.populate",
        "description" => "gogoproto.description",
        "compare" => "gogoproto.compare",
        other => bail!("unknown message option {other}"),
    })
}

fn field_option(key: &str) -> Result<&'static str> {
    Ok(match key {
        "nullable" => "gogoproto.nullable",
        "jsontag" => "gogoproto.jsontag",
        "moretags" => "gogoproto.moretags",
        "customname" => "gogoproto.customname",
        "customtype" => "gogoproto.customtype",
        "castrepeated" => "gogoproto.castrepeated",
        "embed" => "gogoproto.embed",
        "stdtime" => "gogoproto.stdtime",
        "stdduration" => "gogoproto.stdduration",
        "amino_encoding" => "amino.encoding",
        "amino_field_name" => "amino.field_name",
        "amino_dont_omitempty" => "amino.dont_omitempty",
        "amino_oneof_name" => "amino.oneof_name",
        "cosmos_scalar" => "cosmos_proto.scalar",
        "cosmos_accepts_interface" => "cosmos_proto.accepts_interface",
        "cosmos_field_added_in" => "cosmos_proto.field_added_in",
        other => bail!("unknown field option {other}"),
    })
}

/// A JSON value as an option value in the protobuf text format.
fn text_format(value: &Value, depth: usize) -> Result<String> {
    let Value::Object(map) = value else { return literal(value) };
    let pad = "  ".repeat(depth);
    let mut out = String::from("{\n");
    for (key, value) in map {
        for value in one_or_many(value) {
            match value {
                Value::Object(_) => {
                    writeln!(out, "{pad}  {key} {}", text_format(value, depth + 1)?)?;
                }
                scalar => writeln!(out, "{pad}  {key}: {}", literal(scalar)?)?,
            }
        }
    }
    write!(out, "{pad}}}")?;
    Ok(out)
}

fn literal(value: &Value) -> Result<String> {
    match value {
        Value::String(_) | Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        other => bail!("option value {other} is not a scalar"),
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    }
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn object<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn str_of<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value.get(key).and_then(Value::as_str).with_context(|| format!("no text under {key:?}"))
}

fn number(value: &Value) -> Result<i64> {
    value.as_i64().context("not a number")
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn last_of(message: &Value) -> &str {
    message.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(parent, _)| parent)
}
