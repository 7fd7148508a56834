//! Asking a query.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use types::{
    json::Unknown,
    registry::{Message, registry},
};

use super::{QueryArgs, fields};
use crate::{
    context::Context,
    failure::{Failure, GENERAL, Result},
};

/// Flags that are not fields.
const TAKEN: [&str; 15] = [
    "help",
    "version",
    "json",
    "home",
    "node",
    "grpc",
    "chain-id",
    "from",
    "verbose",
    "body",
    "height",
    "limit",
    "offset",
    "page-key",
    "all-pages",
];
/// How many pages `--all-pages` takes at most.
const MAX_PAGES: usize = 10_000;

pub(super) fn augment(command: Command, input: &'static Message) -> Command {
    let mut command = fields::augment(command, input, &taken(input)).arg(
        Arg::new("height")
            .long("height")
            .value_name("HEIGHT")
            .value_parser(value_parser!(u64))
            .help("Of the state after this block; the latest by default"),
    );
    if fields::pages(input) {
        let number = |name: &'static str| {
            Arg::new(name).long(name).value_name("NUMBER").value_parser(value_parser!(u64))
        };
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        command = command
            .arg(number("limit").help("So many entries at most"))
            .arg(number("offset").help("Skip so many entries"))
            .arg(
                Arg::new("page-key")
                    .long("page-key")
                    .value_name("BASE64")
                    .conflicts_with("offset")
                    .help("Go on where a page ended: its next_key"),
            )
            .arg(flag("count-total").help("Count all entries"))
            .arg(flag("reverse").help("Backwards"))
            .arg(
                flag("all-pages")
                    .conflicts_with_all(["limit", "offset", "page-key"])
                    .help("All pages in one answer"),
            );
    }
    command
}

fn taken(input: &Message) -> Vec<&'static str> {
    let mut taken = TAKEN.to_vec();
    if fields::pages(input) {
        taken.extend(["count-total", "reverse"]);
    }
    taken
}

/// Runs `haggle query`.
pub async fn run(cx: &Context, QueryArgs(chosen): QueryArgs) -> Result {
    let method = chosen.method;
    let input = registry().message(method.input);
    let output = &registry().message(method.output).full_name;
    let mut request = fields::json(&chosen.matches, input, &taken(input))?;
    if fields::pages(input) {
        add_page(&mut request, &chosen.matches);
    }
    let height = chosen.matches.get_one::<u64>("height").copied().unwrap_or_default();
    // A wrong flag is said so before anybody is asked.
    encode(&input.full_name, &request)?;
    let chain = cx.chain().await?;
    let every_page = fields::pages(input) && chosen.matches.get_flag("all-pages");
    let mut whole: Option<Value> = None;
    for _ in 0..MAX_PAGES {
        let bytes = encode(&input.full_name, &request)?;
        let answer = chain.query_raw(&method.path, bytes, height).await.map_err(unknown_module)?;
        let answer = types::json::value_of(output, &answer.value)
            .map_err(|it| Failure::new("could not read the answer").code(GENERAL).caused_by(it))?;
        let next = answer.pointer("/pagination/next_key").and_then(Value::as_str);
        let next = next.filter(|it| !it.is_empty()).map(str::to_owned);
        match &mut whole {
            None => whole = Some(answer),
            Some(whole) => append(whole, answer),
        }
        match next {
            Some(next) if every_page => request["pagination"] = json!({ "key": next }),
            _ => break,
        }
    }
    let mut whole = whole.unwrap_or_default();
    if every_page && let Some(page) = whole.get_mut("pagination") {
        page["next_key"] = Value::Null;
    }
    cx.printer.value(&whole);
    Ok(())
}

fn add_page(request: &mut Value, matches: &ArgMatches) {
    for name in ["limit", "offset"] {
        if let Some(number) = matches.get_one::<u64>(name) {
            request["pagination"][name] = Value::String(number.to_string());
        }
    }
    if let Some(key) = matches.get_one::<String>("page-key") {
        request["pagination"]["key"] = Value::String(key.clone());
    }
    for (flag, name) in [("count-total", "count_total"), ("reverse", "reverse")] {
        if matches.get_flag(flag) {
            request["pagination"][name] = Value::Bool(true);
        }
    }
}

/// Adds the lists of a further page to those of the first ones.
fn append(whole: &mut Value, page: Value) {
    let (Some(whole), Value::Object(page)) = (whole.as_object_mut(), page) else { return };
    for (name, value) in page {
        match (whole.get_mut(&name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                whole.insert(name, value);
            }
        }
    }
}

fn encode(name: &str, request: &Value) -> Result<Vec<u8>> {
    types::json::bytes_of(name, request, Unknown::Refuse)
        .map_err(|it| Failure::input(format!("this is not a {name}")).caused_by(it))
}

fn unknown_module(error: client::Error) -> Failure {
    let unknown = matches!(&error, client::Error::Query { log, .. }
        if log.contains("unknown query path") || log.contains("unknown service"));
    let failure = Failure::from(error);
    if unknown { failure.hint("the chain does not have this module") } else { failure }
}
