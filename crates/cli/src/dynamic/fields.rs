//! Fields of a message as flags, and flags as the message's JSON.
//!
//! Scalars, enums and coins are plain flags, also inside nested messages: `id.owner` is `--owner`
//! where no other field is called so. Lists of messages, maps, oneofs and `Any` take JSON. `--body`
//! gives the whole message as JSON; flags win over it.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};
use types::registry::{Field, Kind, Message, Repeat, Special, registry};

use super::kebab;
use crate::failure::{Failure, Result};

/// Messages nested deeper than this are given as JSON.
const MAX_DEPTH: usize = 3;
/// What queries page with; it has flags of its own.
const PAGE: &str = "cosmos.base.query.v1beta1.PageRequest";
const COIN: &str = "cosmos.base.v1beta1.Coin";
const DEC_COIN: &str = "cosmos.base.v1beta1.DecCoin";

/// How the text of a flag becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bool,
    /// Numbers, texts, enum names: JSON text; the reader of the message checks them.
    Text,
    /// Base64, or `@file`.
    Bytes,
    /// `5uakt`.
    Coin,
    /// Anything.
    Json,
}

/// One flag.
#[derive(Clone, Debug)]
struct Flag {
    name: String,
    path: Vec<String>,
    form: Form,
    many: bool,
    help: String,
    values: Vec<String>,
}

/// Adds the flags of a message's fields. `taken` are names that mean something else.
pub(super) fn augment(command: Command, message: &'static Message, taken: &[&str]) -> Command {
    let mut command = command.arg(
        Arg::new("body")
            .long("body")
            .value_name("JSON")
            .help("The whole message as JSON, or @FILE; flags win over it"),
    );
    for flag in flags(message, taken) {
        let mut arg = Arg::new(flag.name.clone()).long(flag.name.clone()).help(flag.help);
        arg = match flag.form {
            Form::Bool => {
                arg.num_args(0..=1).default_missing_value("true").value_parser(["true", "false"])
            }
            Form::Json => arg.value_name("JSON"),
            Form::Coin => arg.value_name("COIN"),
            Form::Bytes => arg.value_name("BASE64"),
            Form::Text => arg.value_name("VALUE"),
        };
        if !flag.values.is_empty() {
            arg = arg.value_parser(clap::builder::PossibleValuesParser::new(flag.values));
        }
        command =
            command.arg(arg.action(if flag.many { ArgAction::Append } else { ArgAction::Set }));
    }
    command
}

/// Whether a message pages through a list.
pub(super) fn pages(message: &Message) -> bool {
    message.field_by_name("pagination").is_some_and(|(_, it)| is_message(it, PAGE))
}

/// The JSON of the message that the flags say.
pub(super) fn json(
    matches: &ArgMatches,
    message: &'static Message,
    taken: &[&str],
) -> Result<Value> {
    let mut body = match matches.get_one::<String>("body") {
        None => Value::Object(Map::new()),
        Some(text) => parse_json("--body", &from_file(text)?)?,
    };
    if !body.is_object() {
        return Err(Failure::input("--body is not a JSON object"));
    }
    for flag in flags(message, taken) {
        let Some(texts) = matches.get_many::<String>(&flag.name) else { continue };
        let values = texts.map(|it| value(&flag, it)).collect::<Result<Vec<_>>>()?;
        let value = match (flag.many, values.into_iter().next_back()) {
            (true, _) => {
                let texts = matches.get_many::<String>(&flag.name).into_iter().flatten();
                let mut list = Vec::new();
                for text in texts {
                    // `--amount 5uakt,3uact` and `--groups '[...]'` are lists already.
                    let parts: Vec<&str> = match flag.form {
                        Form::Coin => text.split(',').collect(),
                        _ => vec![text],
                    };
                    for part in parts {
                        match self::value(&flag, part)? {
                            Value::Array(items) if flag.form == Form::Json => list.extend(items),
                            other => list.push(other),
                        }
                    }
                }
                // The chain wants coins sorted by denomination.
                if flag.form == Form::Coin {
                    list.sort_by(|a, b| a["denom"].as_str().cmp(&b["denom"].as_str()));
                }
                Value::Array(list)
            }
            (false, Some(value)) => value,
            (false, None) => continue,
        };
        insert(&mut body, &flag.path, value);
    }
    Ok(body)
}

/// Puts a value at a path, making objects on the way.
pub(super) fn insert(body: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *body = value;
        return;
    };
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    if let Value::Object(map) = body {
        insert(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// Whether something stands at a path.
pub(super) fn has(body: &Value, path: &[String]) -> bool {
    let mut at = body;
    for name in path {
        match at.get(name) {
            Some(next) => at = next,
            None => return false,
        }
    }
    !at.is_null() && at.as_str() != Some("")
}

/// A text, or the content of the file after `@`.
pub(super) fn from_file(text: &str) -> Result<String> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|it| Failure::input(format!("could not read {path}")).caused_by(it)),
    }
}

fn value(flag: &Flag, text: &str) -> Result<Value> {
    Ok(match flag.form {
        Form::Bool => Value::Bool(text == "true"),
        Form::Text => Value::String(text.to_owned()),
        Form::Bytes => match text.strip_prefix('@') {
            None => Value::String(text.to_owned()),
            Some(path) => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                let bytes = std::fs::read(path)
                    .map_err(|it| Failure::input(format!("could not read {path}")).caused_by(it))?;
                Value::String(STANDARD.encode(bytes))
            }
        },
        Form::Coin => coin(&flag.name, text)?,
        Form::Json => parse_json(&format!("--{}", flag.name), &from_file(text)?)?,
    })
}

fn coin(name: &str, text: &str) -> Result<Value> {
    if text.trim_start().starts_with('{') {
        return parse_json(&format!("--{name}"), text);
    }
    let end = text.find(|it: char| !(it.is_ascii_digit() || it == '.' || it == '-'));
    match end.map(|end| text.split_at(end)) {
        Some((amount, denom)) if !amount.is_empty() => {
            Ok(serde_json::json!({ "denom": denom, "amount": amount }))
        }
        _ => Err(Failure::input(format!("--{name}: `{text}` is not a coin such as 5000uakt"))),
    }
}

fn parse_json(what: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|it| Failure::input(format!("{what} is not JSON")).caused_by(it))
}

/// All flags of a message, each name once.
fn flags(message: &'static Message, taken: &[&str]) -> Vec<Flag> {
    let mut found = Vec::new();
    collect(message, &mut Vec::new(), &mut found);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for flag in &found {
        *counts.entry(flag.name.clone()).or_default() += 1;
    }
    for flag in &mut found {
        let alone = counts.get(&flag.name) == Some(&1);
        if !alone {
            flag.name = flag.path.iter().map(|it| kebab(it)).collect::<Vec<_>>().join("-");
        }
        if taken.contains(&flag.name.as_str()) {
            flag.name = format!("msg-{}", flag.name);
        }
    }
    found
}

fn collect(message: &'static Message, path: &mut Vec<String>, found: &mut Vec<Flag>) {
    for field in &message.fields {
        if is_message(field, PAGE) {
            continue;
        }
        path.push(field.name.clone());
        match nested(field).filter(|_| path.len() < MAX_DEPTH) {
            Some(inner) => collect(inner, path, found),
            None => found.push(flag(field, path)),
        }
        path.pop();
    }
}

/// The message of a field whose own fields are flags.
fn nested(field: &Field) -> Option<&'static Message> {
    let Kind::Message(index) = field.kind else { return None };
    let inner = registry().message(index);
    let plain = field.repeat == Repeat::One
        && field.oneof.is_none()
        && inner.special == Special::None
        && inner.full_name != COIN
        && inner.full_name != DEC_COIN;
    plain.then_some(inner)
}

fn flag(field: &Field, path: &[String]) -> Flag {
    let many = field.repeat == Repeat::Many;
    let (mut form, mut values) = (Form::Text, Vec::new());
    let kind = match field.kind {
        Kind::Bool => {
            form = Form::Bool;
            "true or false".to_owned()
        }
        Kind::Bytes => {
            form = Form::Bytes;
            "base64, or @FILE".to_owned()
        }
        Kind::String => "text".to_owned(),
        Kind::Float | Kind::Double => "number".to_owned(),
        Kind::Enum(index) => {
            values = registry().enumeration(index).all().map(str::to_owned).collect();
            "one of the values".to_owned()
        }
        Kind::Message(index) => {
            let inner = registry().message(index);
            match inner.special {
                Special::Timestamp => "time, such as 2026-01-31T12:00:00Z".to_owned(),
                Special::Duration => "time span, such as 3600s".to_owned(),
                _ if inner.full_name == COIN || inner.full_name == DEC_COIN => {
                    form = Form::Coin;
                    "coin, such as 5000uakt".to_owned()
                }
                _ => {
                    form = Form::Json;
                    format!("{} as JSON, or @FILE", inner.full_name)
                }
            }
        }
        _ => "whole number".to_owned(),
    };
    if field.repeat == Repeat::Map {
        form = Form::Json;
        values.clear();
    }
    // A bool flag may stand alone only where it is given once.
    if many && form == Form::Bool {
        form = Form::Json;
    }
    let often = if many { "; may be given several times" } else { "" };
    Flag {
        name: kebab(&field.name),
        path: path.to_vec(),
        form,
        many,
        help: format!("{}: {kind}{often}", path.join(".")),
        values,
    }
}

fn is_message(field: &Field, full_name: &str) -> bool {
    matches!(field.kind, Kind::Message(index) if registry().message(index).full_name == full_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &str, args: &[&str]) -> Result<Value> {
        let message = registry().message_by_name(message).expect("a message");
        let command = augment(Command::new("test"), message, &["from"]);
        let matches = command
            .try_get_matches_from(std::iter::once("test").chain(args.iter().copied()))
            .map_err(|it| Failure::input(it.to_string()))?;
        json(&matches, message, &["from"])
    }

    #[test]
    fn fields_of_nested_messages_are_flags_of_their_own_name() {
        let json = parse(
            "akash.deployment.v1beta4.QueryDeploymentsRequest",
            &["--owner", "akash1x", "--dseq", "5", "--state", "active"],
        );
        let expected = serde_json::json!({
            "filters": { "owner": "akash1x", "dseq": "5", "state": "active" },
        });
        assert_eq!(json.expect("good"), expected);
    }

    #[test]
    fn coins_are_written_short_and_lists_of_them_with_commas_in_any_order() {
        let json = parse(
            "cosmos.bank.v1beta1.MsgSend",
            &["--to-address", "akash1y", "--amount", "5uakt,7uact", "--amount", "1uusdc"],
        );
        let expected = serde_json::json!({ "to_address": "akash1y", "amount": [
            { "denom": "uact", "amount": "7" }, { "denom": "uakt", "amount": "5" },
            { "denom": "uusdc", "amount": "1" },
        ]});
        assert_eq!(json.expect("good"), expected);
    }

    #[test]
    fn a_flag_wins_over_the_body() {
        let body = r#"{"from_address":"a","to_address":"b"}"#;
        let args = ["--body", body, "--to-address", "c"];
        let json = parse("cosmos.bank.v1beta1.MsgSend", &args).expect("good");
        assert_eq!(json["from_address"], "a");
        assert_eq!(json["to_address"], "c");
    }

    #[test]
    fn a_list_of_messages_takes_json() {
        let message = "akash.deployment.v1beta4.MsgCreateDeployment";
        let json = parse(message, &["--groups", r#"[{"name":"west"}]"#]).expect("good");
        assert_eq!(json["groups"], serde_json::json!([{ "name": "west" }]));
        let failure = parse(message, &["--groups", "{"]).expect_err("not JSON");
        assert!(failure.to_string().contains("--groups is not JSON"), "{failure}");
    }
}
