//! The SDL compiler for browsers and Node: bytes in, JSON out, as a WebAssembly module without imports.
//!
//! Called by `js/sdl.mjs`, which anyone may use beside the module. Calls `sdl` and adds nothing to it: each
//! function here answers for one text, and gives the same bytes on every machine. `abi` hands texts
//! over; it exists in the module only.
//!
//! Build: `cargo build -p sdl-wasm --profile wasm --target wasm32-unknown-unknown`.

#[cfg(target_family = "wasm")]
mod abi;

use sdl::explain;
use sdl::quantity::Price;
use sdl::{CheckOptions, Compiled, Diagnostics, Language, Rule};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a caller may ask for beside the text; unknown names are refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// What the file is called in reports.
    name: Option<String>,
    /// Whether to run the lints; they run unless this says no.
    lints: Option<bool>,
    /// Whether to say where stricter tools would refuse the file; it is said unless this says no.
    schema: Option<bool>,
    /// A budget like `50 usd/month`.
    monthly_budget: Option<String>,
    /// US dollars for one AKT, a decimal.
    akt_price_usd: Option<String>,
    /// Codes or families of warnings that are not reported.
    allow: Vec<String>,
    /// Codes or families of warnings that count as errors.
    deny: Vec<String>,
    /// Average time between blocks, milliseconds.
    block_time_ms: Option<u64>,
}

impl Options {
    /// Reads options from JSON; nothing at all is no options.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map_err(|it| format!("the options cannot be read: {it}"))
    }

    fn akt_price(&self) -> Result<Option<Price>, String> {
        let Some(text) = &self.akt_price_usd else { return Ok(None) };
        let price = Price::parse(text);
        price.map(Some).map_err(|_| format!("`{text}` is not a price in dollars"))
    }

    fn for_check(&self) -> Result<CheckOptions, String> {
        let rules = |codes: &[String]| -> Result<Vec<Rule>, String> {
            let mut found = Vec::new();
            for code in codes {
                match Rule::matching(code) {
                    list if list.is_empty() => return Err(format!("no rule is called `{code}`")),
                    list => found.extend(list),
                }
            }
            Ok(found)
        };
        let budget = self.monthly_budget.as_deref().map(str::parse::<sdl::Budget>);
        let price = self.akt_price()?.map(|it| it.atto() / 1_000_000_000_000);
        Ok(CheckOptions {
            lints: self.lints.unwrap_or(true),
            schema: self.schema.unwrap_or(true),
            monthly_budget: budget.transpose().map_err(|it| it.to_string())?,
            akt_price_micro_usd: price.and_then(|it| u64::try_from(it).ok()),
            allow: rules(&self.allow)?,
            deny: rules(&self.deny)?,
        })
    }

    fn for_explain(&self) -> Result<explain::Options, String> {
        let mut options =
            explain::Options { akt_price_usd: self.akt_price()?, ..Default::default() };
        options.block_time_ms = self.block_time_ms.unwrap_or(options.block_time_ms);
        Ok(options)
    }

    fn named(&self, diagnostics: Diagnostics) -> Value {
        match &self.name {
            Some(name) => diagnostics.with_name(name).to_json(),
            None => diagnostics.to_json(),
        }
    }
}

/// Everything that goes on chain and to providers, or why not:
/// `{ok: true, language, hash, groups, manifest, reclamation, prices, diagnostics}`, where `manifest` is the
/// canonical text to send, `hash` is in hexadecimal and `diagnostics` holds the warnings; or
/// `{ok: false, diagnostics}`.
#[must_use]
pub fn compile(source: &[u8], options: &[u8]) -> String {
    answer(options, |options| {
        let checked = check_bytes(source, options)?;
        let Some(compiled) = checked.0 else { return Ok(refused(options, checked.1)) };
        let mut value = compiled_json(&compiled);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("diagnostics".to_owned(), options.named(checked.1));
        }
        Ok(value)
    })
}

/// What is wrong or doubtful: `{ok, diagnostics}`; `ok` says whether the file compiles.
#[must_use]
pub fn check(source: &[u8], options: &[u8]) -> String {
    answer(options, |options| {
        let (compiled, diagnostics) = check_bytes(source, options)?;
        Ok(json!({ "ok": compiled.is_some(), "diagnostics": options.named(diagnostics) }))
    })
}

/// The text in its one form: `{ok: true, text}`, or `{ok: false, diagnostics}`.
#[must_use]
pub fn format(source: &[u8], options: &[u8]) -> String {
    answer(options, |options| {
        let formatted = sdl::source::text(source).and_then(|it| sdl::fmt::format(&it));
        Ok(match formatted {
            Ok(text) => json!({ "ok": true, "text": text }),
            Err(found) => refused(options, found),
        })
    })
}

/// What will be ordered, and what it costs at most: `{ok: true, explanation, text}`, or `{ok: false,
/// diagnostics}`.
#[must_use]
pub fn explain(source: &[u8], options: &[u8]) -> String {
    answer(options, |options| {
        Ok(match sdl::compile_bytes(source) {
            Ok(compiled) => {
                let explanation = explain::explain(&compiled, &options.for_explain()?);
                let text = explanation.to_text(100);
                json!({ "ok": true, "explanation": explanation, "text": text })
            }
            Err(found) => refused(options, found),
        })
    })
}

/// The JSON Schema of the language.
#[must_use]
pub fn schema() -> String {
    sdl::schema::json_schema().to_string()
}

/// The answer of a function, or `{ok: false, error}` if the options are wrong.
fn answer(options: &[u8], run: impl FnOnce(&Options) -> Result<Value, String>) -> String {
    let value = Options::parse(options).and_then(|it| run(&it));
    value.unwrap_or_else(|error| json!({ "ok": false, "error": error })).to_string()
}

fn check_bytes(
    source: &[u8],
    options: &Options,
) -> Result<(Option<Compiled>, Diagnostics), String> {
    let check_options = options.for_check()?;
    Ok(match sdl::source::text(source) {
        Ok(text) => {
            let checked = sdl::check(&text, &check_options);
            (checked.compiled, checked.diagnostics)
        }
        Err(found) => (None, found),
    })
}

fn refused(options: &Options, found: Diagnostics) -> Value {
    json!({ "ok": false, "diagnostics": options.named(found) })
}

fn compiled_json(compiled: &Compiled) -> Value {
    let language = match compiled.language {
        Language::V2_0 => "2.0",
        Language::V2_1 => "2.1",
    };
    let prices: Vec<Value> = compiled
        .max_prices()
        .into_iter()
        .map(|it| json!({ "group": it.group, "denom": it.denom, "amount": it.amount.to_string() }))
        .collect();
    json!({
        "ok": true,
        "language": language,
        "hash": compiled.version_hex(),
        "groups": compiled.groups_json(),
        "manifest": String::from_utf8_lossy(&compiled.manifest_json()),
        "reclamation": compiled.reclamation_ns.map(|it| json!({ "minWindowNs": it.to_string() })),
        "prices": prices,
    })
}
