//! The whole file: top level, `extends`, services, and what holds them together.

use super::interpolate::{Use, Variables};
use super::model::Service;
use super::notes::Notes;
use super::service::Context;
use super::value::{self, Data, Entry, Value};
use super::volumes::Declared;
use super::{Converted, Options, emit, env, links, ports, service, volumes};
use crate::diagnostics::{Diagnostic, Diagnostics, Span};
use crate::rules::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// More services than anybody deploys at once.
const MOST_SERVICES: usize = 500;
/// More steps of `extends` than anybody takes.
const MOST_EXTENDS: usize = 16;

pub(super) fn convert(source: &str, options: &Options) -> Result<Converted, Diagnostics> {
    let mut variables = Variables::new(&options.environment);
    let root = value::read(source, &mut variables)?;
    let fail = |diagnostic: Diagnostic| Diagnostics::new(source, vec![diagnostic]);
    let mut notes = Notes::new(source);
    check_options(options, root.span).map_err(fail)?;
    if !matches!(root.data, Data::Map(_)) {
        let message = "a Compose file is a mapping with the key `services`, and this is none";
        return Err(fail(Diagnostic::new(Rule::Type, root.span, message)));
    }
    let Some(list) = root.entry("services").filter(|it| !it.value.entries().is_empty()) else {
        let is_sdl = root.get("profiles").is_some() && root.get("deployment").is_some();
        let message = "there are no services in this file";
        let hint = match is_sdl {
            true => "This looks like SDL already.",
            false => "A Compose file names them under `services`.",
        };
        return Err(fail(Diagnostic::new(Rule::Empty, root.span, message).hint(hint)));
    };
    if root.get("profiles").is_some() && root.get("deployment").is_some() {
        let message = "this is a deployment file already, not a Compose file";
        return Err(fail(Diagnostic::new(Rule::Type, list.key_span, message)));
    }
    if list.value.entries().len() > MOST_SERVICES {
        let message = format!("more than {MOST_SERVICES} services");
        return Err(fail(Diagnostic::new(Rule::TooLarge, list.key_span, message)));
    }
    let mut cx = top_level(&root, options, &mut notes);
    let mut services: Vec<Service> = Vec::new();
    for entry in list.value.entries() {
        if !matches!(entry.value.data, Data::Map(_)) {
            let message = format!("the service `{}` must be a mapping", entry.key);
            return Err(fail(
                Diagnostic::new(Rule::Type, entry.value.span, message)
                    .hint("Write for example `image: nginx:1.28` below it."),
            ));
        }
        let mut resolver =
            Resolver { services: list.value.entries(), options, variables: &mut variables };
        let mut body = resolver.resolve(entry, &mut notes, 0).map_err(fail)?;
        body.span = entry.key_span;
        if let Some(it) = service::read(&entry.key, &body, &mut cx, &mut notes) {
            services.push(it);
        }
    }
    if services.is_empty() {
        let message = "no service is left to run: all are switched off by profiles or replicas";
        return Err(fail(
            Diagnostic::new(Rule::NothingDeployed, list.key_span, message)
                .hint("Convert again with the profiles that are wanted."),
        ));
    }
    told_variables(&variables, &mut notes);
    links::rename(&mut services, &mut notes);
    links::reach(&mut services, &mut notes);
    for it in &mut services {
        ports::choose_http(it, &mut notes);
    }
    links::open(&mut services, &mut notes);
    unique_hosts(&mut services, &mut notes);
    money(list.key_span, options, &mut notes);
    let sdl = emit::render(&services, options);
    crate::compile(&sdl)
        .map_err(|it| it.with_name("the deployment file made from the Compose file"))?;
    Ok(Converted { sdl, notes: notes.finish() })
}

fn check_options(options: &Options, span: Span) -> Result<(), Diagnostic> {
    if let Some(budget) = options.budget_per_month.as_deref().filter(|it| !emit::is_budget(it)) {
        let message = format!("`{budget}` is no monthly budget");
        return Err(Diagnostic::new(Rule::Price, Span { end: span.start, ..span }, message)
            .hint("Write an amount such as `20` or `7.50`."));
    }
    for (service, image) in &options.images {
        if image.is_empty() || image.contains(char::is_whitespace) {
            let message = format!("`{image}` cannot be the image of `{service}`");
            return Err(Diagnostic::new(Rule::Image, Span { end: span.start, ..span }, message)
                .hint("Write the name as `docker pull` takes it."));
        }
    }
    Ok(())
}

fn money(span: Span, options: &Options, notes: &mut Notes<'_>) {
    match &options.budget_per_month {
        Some(budget) => notes.kept(span, "services", format!("the budget of {budget} a month is divided by what services order")),
        None => notes.changed(
            span,
            "services",
            "Compose knows no prices: the most that is paid is twice what such resources usually cost",
            "Set a budget, or change `amount`; offers are usually lower.",
        ),
    }
    if let Some(denom) =
        options.denom.as_deref().filter(|it| *it != crate::explain::cost::CHAIN_DENOM)
    {
        let text = format!(
            "amounts in `{denom}` were computed as if its whole unit were worth one US dollar"
        );
        notes.changed(span, "services", text, "New deployments are opened with `uact` only.");
    }
}

/// Everything beside `services`.
fn top_level<'o>(root: &Value, options: &'o Options, notes: &mut Notes<'_>) -> Context<'o> {
    let mut sizes = BTreeMap::new();
    for entry in root.get("volumes").map(Value::entries).unwrap_or_default() {
        if let Some(bytes) = volumes::declared_size(&entry.value) {
            sizes.insert(entry.key.clone(), bytes);
        }
        if entry.value.get("external").is_some_and(Value::is_true) {
            let path = format!("volumes.{}", entry.key);
            notes.lost(
                entry.key_span,
                &path,
                "the data of an external volume does not come along: it begins empty",
                "Copy the data in after the first start.",
            );
        }
    }
    let mut secrets: BTreeMap<String, Option<String>> = BTreeMap::new();
    for key in ["secrets", "configs"] {
        for entry in root.get(key).map(Value::entries).unwrap_or_default() {
            let it = &entry.value;
            let file = it.text_of("file").and_then(|it| env::lookup(&options.files, it));
            let variable = it.text_of("environment").and_then(|it| options.environment.get(it));
            let known =
                file.or(variable).cloned().or_else(|| it.text_of("content").map(str::to_owned));
            secrets.insert(entry.key.clone(), known.map(|it| it.trim_end().to_owned()));
        }
    }
    if let Some(networks) = root.entry("networks").filter(|it| it.value.entries().len() > 1) {
        notes.lost(
            networks.key_span,
            "networks",
            "all services of a deployment are in one network and can reach each other's open ports",
            "Protect inner services with passwords, or deploy them apart.",
        );
    }
    for entry in root.entries() {
        let key = entry.key.as_str();
        match key {
            "services" | "volumes" | "networks" | "secrets" | "configs" | "version" | "name" => {}
            "include" => notes.lost(
                entry.key_span,
                key,
                "other files are not read",
                "Join them first: `docker compose config` prints one file.",
            ),
            "models" => notes.lost(
                entry.key_span,
                key,
                "models are not run by the provider",
                "Run a model server as a service of its own.",
            ),
            _ if key.starts_with("x-") => {}
            _ => {
                let known = [
                    "services", "volumes", "networks", "secrets", "configs", "version", "name",
                    "include",
                ];
                let near = crate::suggest::nearest(key, known);
                let near = near.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
                notes.lost(entry.key_span, key, format!("Compose knows no `{key}`{near}"), "");
            }
        }
    }
    Context { options, declared: Declared { sizes, users: BTreeMap::new() }, secrets }
}

/// Follows `extends`.
struct Resolver<'r, 'v> {
    services: &'r [Entry],
    options: &'r Options,
    variables: &'r mut Variables<'v>,
}

impl Resolver<'_, '_> {
    fn resolve(
        &mut self,
        entry: &Entry,
        notes: &mut Notes<'_>,
        depth: usize,
    ) -> Result<Value, Diagnostic> {
        let Some(extends) = entry.value.get("extends") else { return Ok(entry.value.clone()) };
        if depth >= MOST_EXTENDS {
            let message = format!("`{}` extends itself, directly or through others", entry.key);
            return Err(Diagnostic::new(Rule::UnknownService, extends.span, message)
                .hint("Break the circle."));
        }
        let name = extends.text().or_else(|| extends.text_of("service")).unwrap_or(&entry.key);
        let base = match extends.text_of("file") {
            None => {
                let Some(base) = self.services.iter().find(|it| it.key == name) else {
                    let message =
                        format!("`{}` extends `{name}`, which is not in this file", entry.key);
                    let near = crate::suggest::nearest(
                        name,
                        self.services.iter().map(|it| it.key.as_str()),
                    );
                    let mut error = Diagnostic::new(Rule::UnknownService, extends.span, message);
                    if let Some(near) = near {
                        error = error.hint(format!("Did you mean `{near}`?"));
                    }
                    return Err(error);
                };
                let base = base.clone();
                self.resolve(&base, notes, depth + 1)?
            }
            Some(file) => {
                let path = format!("services.{}.extends", entry.key);
                let Some(text) = env::lookup(&self.options.files, file) else {
                    notes.lost(
                        extends.span,
                        &path,
                        format!("`{file}` was not given, so what `{name}` says there is missing"),
                        "Join the files first: `docker compose config` prints one file.",
                    );
                    return Ok(entry.value.clone());
                };
                let root = value::read(text, self.variables).map_err(|it| {
                    let first = it.lines().into_iter().next().unwrap_or_default();
                    Diagnostic::new(
                        Rule::Type,
                        extends.span,
                        format!("`{file}` cannot be read: {first}"),
                    )
                })?;
                let Some(base) = root.get("services").and_then(|it| it.get(name)) else {
                    let message = format!("`{file}` has no service `{name}`");
                    return Err(Diagnostic::new(Rule::UnknownService, extends.span, message));
                };
                // What stands in the other file is reported where it is called in.
                respan(base, extends.span)
            }
        };
        let over = value::overlay(&base, &entry.value, "");
        let Data::Map(entries) = over.data else { return Ok(over) };
        let data = Data::Map(entries.into_iter().filter(|it| it.key != "extends").collect());
        Ok(Value { span: over.span, data })
    }
}

fn respan(it: &Value, span: Span) -> Value {
    let data = match &it.data {
        Data::Null => Data::Null,
        Data::Scalar(text) => Data::Scalar(text.clone()),
        Data::List(items) => Data::List(items.iter().map(|it| respan(it, span)).collect()),
        Data::Map(entries) => Data::Map(
            entries
                .iter()
                .map(|it| Entry {
                    key: it.key.clone(),
                    key_span: span,
                    value: respan(&it.value, span),
                })
                .collect(),
        ),
    };
    Value { span, data }
}

fn told_variables(variables: &Variables<'_>, notes: &mut Notes<'_>) {
    for (name, (span, how)) in &variables.used {
        let path = format!("${{{name}}}");
        match how {
            Use::Given => {}
            Use::Default(default) => {
                let shown = crate::diff::mask::env_value(name, default);
                notes.kept(
                    *span,
                    &path,
                    format!("the variable `{name}` is not set; the file's default {shown} is used"),
                );
            }
            Use::Empty => notes.changed(
                *span,
                &path,
                format!("the variable `{name}` is not set and has no default; it is empty"),
                "Convert again with a value for it.",
            ),
        }
    }
}

/// A host name may stand in one place only, and only at a port that speaks HTTP.
fn unique_hosts(services: &mut [Service], notes: &mut Notes<'_>) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for it in services {
        let path = format!("services.{}", it.name);
        if !it.published.iter().any(|it| it.is_http) && !it.hosts.is_empty() {
            // A proxy stood before it; the ingress takes its place.
            let guess =
                it.labelled_port.or_else(|| it.internal.first().map(|it| it.0)).or_else(|| {
                    let known = crate::template::known_image(&it.image)?;
                    known
                        .ports
                        .iter()
                        .find(|it| it.2 == crate::template::Audience::Web)
                        .map(|it| it.0)
                });
            let port = guess.unwrap_or(80);
            it.published.push(super::model::Published {
                port,
                outside: Some(80),
                is_udp: false,
                is_http: true,
                span: it.span,
            });
            it.internal.retain(|it| *it != (80, false));
            let text = format!(
                "its host names need an HTTP port: {port} is served by the provider's ingress, as the proxy did"
            );
            let advice = if guess.is_some() {
                ""
            } else {
                "80 is a guess: write the port that it listens on."
            };
            notes.changed(it.span, &path, text, advice);
        }
        let mut kept = Vec::new();
        for host in std::mem::take(&mut it.hosts) {
            match taken.insert(host.clone()) {
                true => kept.push(host),
                false => notes.lost(
                    it.span,
                    &path,
                    format!("the host name {host} is taken by another service"),
                    "A host name leads to one service; tell paths apart in a proxy of your own.",
                ),
            }
        }
        it.hosts = kept;
    }
}
