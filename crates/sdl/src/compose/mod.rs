//! Docker Compose to SDL, saying what was carried over, what was changed, and what cannot be.
//!
//! Called by `haggle sdl from-compose`. Reads the current Compose specification with the compiler's own YAML
//! parser, so every note knows its line. No I/O: the environment for `${VAR}` and the contents of `env_file`s
//! come in [`Options`]. What comes out compiles: it is compiled before it is handed back.

mod convert;
mod emit;
mod env;
mod interpolate;
mod keys;
mod links;
mod model;
mod notes;
mod ports;
mod resources;
mod service;
mod value;
mod volumes;
mod words;

pub(crate) use words::{name as service_name, split as split_words};

use crate::Diagnostics;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the caller knows that the file does not say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Values for `${VAR}`: the process environment or a `.env` file.
    pub environment: BTreeMap<String, String>,
    /// Contents of files that the Compose file names (`env_file`, `secrets.*.file`, `extends.file`), by the path as
    /// written there.
    pub files: BTreeMap<String, String>,
    /// Profiles to switch on. Services without `profiles` are always on.
    pub profiles: Vec<String>,
    /// Images for services that are built rather than pulled, by service name.
    pub images: BTreeMap<String, String>,
    /// The most that all of it may cost a month, in whole units of the denomination (ACT, AKT), as decimal text.
    pub budget_per_month: Option<String>,
    /// Denomination of prices; `uact` when absent.
    pub denom: Option<String>,
}

/// How much of something came across.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Carried {
    /// It means the same.
    Kept,
    /// It means nearly the same, or a default was chosen.
    Changed,
    /// SDL has nothing for it.
    Lost,
}

/// What became of one thing in the Compose file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// How much of it came across.
    pub carried: Carried,
    /// Line in the Compose file, from 1.
    pub line: usize,
    /// Where: `services.web.build`.
    pub path: String,
    /// What became of it.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Converted {
    /// A deployment file that compiles.
    pub sdl: String,
    /// What became of each part, in order of lines.
    pub notes: Vec<Note>,
}

/// Converts a Compose file, with no environment and the defaults of [`Options`].
///
/// # Errors
/// What keeps the file from being read as a Compose file.
pub fn from_compose(source: &str) -> Result<Converted, Diagnostics> {
    from_compose_with(source, &Options::default())
}

/// Converts a Compose file.
///
/// # Errors
/// What keeps the file from being read as a Compose file.
pub fn from_compose_with(source: &str, options: &Options) -> Result<Converted, Diagnostics> {
    convert::convert(source, options)
}
