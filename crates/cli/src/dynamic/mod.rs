//! `haggle query` and `haggle tx`: every query and message, generated from the descriptors.
//!
//! Called by the dispatch. A new query or message of a module changes no line here: names, flags
//! and help come from [`types::registry`]. [`fields`] turns a message's fields into flags and back
//! into JSON; [`query`] and [`tx`] ask and send.

mod fields;
mod query;
mod tx;

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command, FromArgMatches, builder::PossibleValuesParser};
use types::registry::{Method, Service, registry};

pub use self::{query::run as query, tx::run as tx};

/// Services that are questions without being called `Query`.
const OTHER_QUERIES: [&str; 4] = [
    "cosmos.tx.v1beta1.Service",
    "cosmos.base.tendermint.v1beta1.Service",
    "cosmos.base.node.v1beta1.Service",
    "akash.discovery.v1.Discovery",
];

/// A chosen query, with its flags.
#[derive(Debug)]
pub struct QueryArgs(Chosen);

/// A chosen message, with its flags.
#[derive(Debug)]
pub struct TxArgs(Chosen);

#[derive(Debug)]
struct Chosen {
    method: &'static Method,
    matches: ArgMatches,
}

/// What the two commands have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Query,
    Tx,
}

impl Side {
    fn has(self, service: &Service) -> bool {
        match self {
            Side::Tx => service.is_msg,
            Side::Query => {
                service.full_name.ends_with(".Query")
                    || OTHER_QUERIES.contains(&service.full_name.as_str())
            }
        }
    }

    /// Services by the name of their module on the command line.
    fn modules(self) -> BTreeMap<String, Vec<&'static Service>> {
        let services: Vec<&Service> =
            registry().services().iter().filter(|it| self.has(it)).collect();
        let mut newest: BTreeMap<String, &str> = BTreeMap::new();
        for service in &services {
            let (base, version) = module_of(&service.full_name);
            // Everyone means the first version of IBC by its plain names.
            let first = base.starts_with("ibc-");
            let best = newest.entry(base).or_insert(version);
            if (rank(version) > rank(best)) != first {
                *best = version;
            }
        }
        let mut modules: BTreeMap<String, Vec<&Service>> = BTreeMap::new();
        for service in services {
            let (base, version) = module_of(&service.full_name);
            let name = if newest.get(&base) == Some(&version) {
                base
            } else {
                format!("{base}-{version}")
            };
            modules.entry(name).or_default().push(service);
        }
        modules
    }

    /// Modules and methods are added when they are needed: most commands never look at them.
    fn augment(self, command: Command) -> Command {
        let command = command.subcommand_required(true).arg_required_else_help(true);
        match self {
            Side::Query => command.defer(|it| Side::Query.add_modules(it)),
            Side::Tx => command.defer(|it| Side::Tx.add_modules(it)),
        }
    }

    fn add_modules(self, mut command: Command) -> Command {
        for (module, services) in self.modules() {
            let of: Vec<&str> = services.iter().map(|it| it.full_name.as_str()).collect();
            let module =
                Command::new(module).subcommand_required(true).arg_required_else_help(true);
            command = command.subcommand(match self {
                Side::Query => module
                    .about(format!("Queries of {}", of.join(", ")))
                    .defer(|it| Side::Query.add_methods(it)),
                Side::Tx => module
                    .about(format!("Messages of {}", of.join(", ")))
                    .defer(|it| Side::Tx.add_methods(it)),
            });
        }
        command
    }

    fn add_methods(self, mut command: Command) -> Command {
        let modules = self.modules();
        let services = modules.get(command.get_name()).map(Vec::as_slice).unwrap_or_default();
        for method in services.iter().flat_map(|it| &it.methods) {
            if !method.client_streaming && !method.server_streaming {
                command = command.subcommand(self.method(method));
            }
        }
        command
    }

    fn method(self, method: &'static Method) -> Command {
        let input = registry().message(method.input);
        let about = match self {
            Side::Query => format!("Ask {}", method.path),
            Side::Tx => format!("Send {}", input.full_name),
        };
        let command = Command::new(kebab(&method.name)).about(about);
        match self {
            Side::Query => query::augment(command, input),
            Side::Tx => tx::augment(command, input),
        }
    }

    fn chosen(self, matches: &ArgMatches) -> Result<Chosen, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (module, inner) = matches.subcommand().ok_or_else(missing)?;
        let (name, matches) = inner.subcommand().ok_or_else(missing)?;
        let modules = self.modules();
        let services = modules.get(module).ok_or_else(missing)?;
        let mut methods = services.iter().flat_map(|it| &it.methods);
        let method = methods.find(|it| kebab(&it.name) == name).ok_or_else(missing)?;
        Ok(Chosen { method, matches: matches.clone() })
    }
}

/// `query` or `tx` with modules and methods but without their flags, for completions.
pub fn outline(name: &str) -> Option<Command> {
    let side = match name {
        "query" => Side::Query,
        "tx" => Side::Tx,
        _ => return None,
    };
    let mut command = Command::new(name.to_owned()).disable_help_subcommand(true);
    for (module, services) in side.modules() {
        let methods = services.iter().flat_map(|it| &it.methods);
        let methods = methods.filter(|it| !it.client_streaming && !it.server_streaming);
        // Methods are values here: commands would each repeat all flags.
        let values = PossibleValuesParser::new(methods.map(|it| kebab(&it.name)));
        let method = Arg::new("method").value_parser(values).required(true);
        command =
            command.subcommand(Command::new(module).disable_help_subcommand(true).arg(method));
    }
    Some(command)
}

/// The name of a module and the version of its package: `akash.market.v1beta5.Query` is `market`
/// and `v1beta5`.
fn module_of(service: &str) -> (String, &str) {
    let parts: Vec<&str> = service.split('.').collect();
    let package = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
    let (version, path) = match package.split_last() {
        Some((last, rest)) if rank(last).0 > 0 => (*last, rest),
        _ => ("", package),
    };
    let name = match path {
        ["cosmos", "base", rest @ ..] | ["cosmos", rest @ ..] | ["cosmwasm", rest @ ..] => {
            rest.join("-")
        }
        // `wasm` is the name of CosmWasm's own module everywhere.
        ["akash", "wasm"] => "akash-wasm".to_owned(),
        ["akash", rest @ ..] => rest.join("-"),
        ["ibc", "core" | "applications", rest @ ..] => format!("ibc-{}", rest.join("-")),
        other => other.join("-"),
    };
    (name, version)
}

/// Versions in order: `v1beta1` < `v1beta3` < `v1` < `v2`. The first number is 0 for what is none.
fn rank(version: &str) -> (u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0) };
    match rest.split_once("beta") {
        None => (rest.parse().unwrap_or_default(), u32::MAX),
        Some((major, beta)) => match (major.parse(), beta.parse()) {
            (Ok(major), Ok(beta)) => (major, beta),
            _ => (0, 0),
        },
    }
}

/// `CreateDeployment` as `create-deployment`.
fn kebab(name: &str) -> String {
    let mut out = String::new();
    let mut previous = ' ';
    for it in name.chars() {
        let boundary = it.is_ascii_uppercase() && !previous.is_ascii_uppercase();
        if boundary && !out.is_empty() {
            out.push('-');
        }
        out.push(it.to_ascii_lowercase());
        previous = it;
    }
    out.replace('_', "-")
}

macro_rules! generated {
    ($args:ident, $side:expr) => {
        impl clap::Args for $args {
            fn augment_args(command: Command) -> Command {
                $side.augment(command)
            }
            fn augment_args_for_update(command: Command) -> Command {
                $side.augment(command)
            }
        }
        impl FromArgMatches for $args {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                $side.chosen(matches).map($args)
            }
            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

generated!(QueryArgs, Side::Query);
generated!(TxArgs, Side::Tx);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_a_module_has_the_plain_name() {
        assert_eq!(module_of("akash.market.v1beta5.Query"), ("market".to_owned(), "v1beta5"));
        assert_eq!(module_of("ibc.core.client.v1.Msg"), ("ibc-client".to_owned(), "v1"));
        assert!(rank("v1") > rank("v1beta5") && rank("v1beta5") > rank("v1beta4"));
        let modules = Side::Query.modules();
        let gov: Vec<&str> = modules["gov"].iter().map(|it| it.full_name.as_str()).collect();
        assert_eq!(gov, ["cosmos.gov.v1.Query"]);
        assert!(modules.contains_key("gov-v1beta1"));
    }

    #[test]
    fn every_query_and_every_message_has_a_command_of_its_own() {
        for side in [Side::Query, Side::Tx] {
            let mut count = 0;
            for (module, services) in side.modules() {
                let mut names = std::collections::BTreeSet::new();
                for method in services.iter().flat_map(|it| &it.methods) {
                    assert!(names.insert(kebab(&method.name)), "{module} {}", method.name);
                    // Building it checks that no two flags have one name.
                    side.method(method).debug_assert();
                    count += 1;
                }
            }
            assert!(count > 50, "{count}");
        }
    }

    #[test]
    fn names_are_written_with_dashes() {
        assert_eq!(kebab("CreateDeployment"), "create-deployment");
        assert_eq!(kebab("GetABCIInfo"), "get-abciinfo");
        assert_eq!(kebab("min_deposit"), "min-deposit");
    }
}
