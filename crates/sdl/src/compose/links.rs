//! What services need of each other: names that changed, and ports that must be open inside.

use super::model::Service;
use super::notes::Notes;
use crate::template::known_image;
use std::collections::{BTreeMap, BTreeSet};

/// Gives every service a name of its own, and puts the new names where others use the old ones.
pub(super) fn rename(services: &mut [Service], notes: &mut Notes<'_>) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut renamed: Vec<(String, String)> = Vec::new();
    // Where the search for a free number goes on, by name: many may want the same one.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    // Whoever has a good name keeps it.
    taken.extend(services.iter().filter(|it| it.sdl_name == it.name).map(|it| it.name.clone()));
    for service in services.iter_mut().filter(|it| it.sdl_name != it.name) {
        let mut name = service.sdl_name.clone();
        while !taken.insert(name.clone()) {
            let number = numbers.entry(service.sdl_name.clone()).or_insert(2);
            name = format!("{}-{number}", service.sdl_name);
            *number += 1;
        }
        service.sdl_name = name;
        if service.sdl_name != service.name {
            let text = format!(
                "`{}` is called `{}`: names in SDL are host names",
                service.name, service.sdl_name
            );
            notes.changed(
                service.span,
                &format!("services.{}", service.name),
                text,
                "Use the new name wherever it is mentioned.",
            );
            renamed.push((service.name.clone(), service.sdl_name.clone()));
        }
    }
    for (old, new) in &renamed {
        for service in services.iter_mut() {
            for (name, value) in &mut service.env {
                if let Some(changed) = readdressed(name, value, old, new) {
                    let text =
                        format!("`{name}` names `{old}`, which is `{new}` now; it was changed");
                    notes.changed(
                        service.span,
                        &format!("services.{}.environment", service.name),
                        text,
                        "",
                    );
                    *value = changed;
                }
            }
        }
    }
}

/// A value in which a host name was replaced, where it is one: `old`, `old:80`, `//old/`, `@old`.
fn readdressed(name: &str, value: &str, old: &str, new: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let is_address = ["HOST", "URL", "URI", "SERVER", "ADDR", "ENDPOINT", "BROKER", "DSN"]
        .iter()
        .any(|it| upper.contains(it));
    if value == old && is_address {
        return Some(new.to_owned());
    }
    // Nothing mentions a service without a name.
    if old.is_empty() {
        return None;
    }
    let mut out = String::new();
    let mut rest = value;
    let mut found = false;
    while let Some(at) = rest.find(old) {
        let (before, after) = (rest.get(..at)?, rest.get(at + old.len()..)?);
        let starts = before.ends_with(['@', ','])
            || before.ends_with("//")
            || (before.is_empty() && out.is_empty() && is_address);
        let ends = after.is_empty() || after.starts_with([':', '/', ',', '?']);
        let has_port = after
            .strip_prefix(':')
            .is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit()));
        let is_word = !before.ends_with(|it: char| it.is_alphanumeric() || "-_.".contains(it));
        out.push_str(before);
        if (starts && ends) || (is_word && has_port) {
            out.push_str(new);
            found = true;
        } else {
            out.push_str(old);
        }
        rest = after;
    }
    out.push_str(rest);
    found.then_some(out)
}

/// The ports at which others mention a service: `db:5432` anywhere in variables and arguments.
fn mentioned(text: &str, name: &str) -> Vec<u16> {
    let mut found = Vec::new();
    // Nothing mentions a service without a name.
    let mut rest = if name.is_empty() { "" } else { text };
    while let Some(at) = rest.find(name).filter(|_| !rest.is_empty()) {
        let before = rest.get(..at).unwrap_or_default();
        let after = rest.get(at + name.len()..).unwrap_or_default();
        let is_word = !before.ends_with(|it: char| it.is_alphanumeric() || "-_.".contains(it));
        let digits = after.strip_prefix(':').unwrap_or_default();
        let end = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        if let Some(port) =
            digits.get(..end).and_then(|it| it.parse::<u16>().ok()).filter(|it| is_word && *it > 0)
        {
            found.push(port);
        }
        rest = after;
    }
    found
}

/// Opens inside what others need.
pub(super) fn open(services: &mut [Service], notes: &mut Notes<'_>) {
    let texts: Vec<(String, String)> = services
        .iter()
        .map(|it| {
            let env = it.env.iter().map(|it| it.1.clone());
            let words = it.command.iter().chain(&it.args).flatten().cloned();
            (it.name.clone(), env.chain(words).collect::<Vec<_>>().join("\n"))
        })
        .collect();
    let names: Vec<(String, String)> =
        services.iter().map(|it| (it.name.clone(), it.sdl_name.clone())).collect();
    for (caller, (_, text)) in services.iter_mut().zip(&texts) {
        // Whoever mentions a port of another service calls it.
        let called =
            names.iter().filter(|it| it.0 != caller.name && !mentioned(text, &it.1).is_empty());
        caller.depends.extend(called.map(|it| it.0.clone()));
    }
    let needed: BTreeSet<String> = services.iter().flat_map(|it| it.depends.clone()).collect();
    let is_alone = services.len() == 1;
    for service in services.iter_mut() {
        let others = texts.iter().filter(|it| it.0 != service.name);
        let named: BTreeSet<u16> =
            others.flat_map(|it| mentioned(&it.1, &service.sdl_name)).collect();
        for port in &named {
            if !service.internal.iter().any(|it| it.0 == *port) {
                service.internal.push((*port, false));
            }
        }
        let known = known_image(&service.image);
        let is_backend = known.is_some_and(|it| {
            it.ports.iter().all(|it| it.2 == crate::template::Audience::Internal)
        });
        if service.internal.is_empty()
            && !is_alone
            && (needed.contains(&service.name) || is_backend)
        {
            // In Compose every port is open inside; in SDL only those that are named.
            let published = service.published.iter().map(|it| (it.port, it.is_udp));
            let ports: Vec<(u16, bool)> = match known {
                Some(known) => known
                    .ports
                    .iter()
                    .map(|it| (it.0, it.1 == crate::template::Proto::Udp))
                    .collect(),
                None => published.collect(),
            };
            let path = format!("services.{}", service.name);
            if ports.is_empty() {
                notes.lost(
                    service.span,
                    &path,
                    "other services need it, and no port is named: nobody can connect",
                    "Add its port: `expose: [{port: 1234, to: [{service: …}]}]`.",
                );
            } else if known.is_some() && service.published.is_empty() {
                let list: Vec<String> = ports.iter().map(|it| it.0.to_string()).collect();
                let text = format!(
                    "port {} is opened for other services: SDL opens only what is named",
                    list.join(", ")
                );
                notes.changed(service.span, &path, text, "");
            }
            service.internal.extend(ports);
        }
        // HTTP for the world is also there inside, on port 80.
        let http: Vec<u16> =
            service.published.iter().filter(|it| it.is_http).map(|it| it.port).collect();
        service.internal.retain(|it| !(http.contains(&it.0) && it.0 == 80 && !it.1));
        service.internal.sort_unstable();
        service.internal.dedup();
    }
    // Nobody is there to connect.
    if is_alone {
        services.iter_mut().for_each(|it| it.internal.clear());
    }
}

/// One port must be open to the world: a deployment that nobody can reach is refused.
pub(super) fn reach(services: &mut [Service], notes: &mut Notes<'_>) {
    if services.iter().any(|it| !it.published.is_empty()) {
        return;
    }
    let needed: BTreeSet<String> = services.iter().flat_map(|it| it.depends.clone()).collect();
    let rank = |it: &Service| {
        let has_web = known_image(&it.image)
            .is_some_and(|it| it.ports.iter().any(|it| it.2 == crate::template::Audience::Web));
        let has_port = it.labelled_port.is_some() || !it.internal.is_empty();
        (
            it.labelled_port.is_none() && it.hosts.is_empty(),
            !has_web,
            !has_port,
            needed.contains(&it.name),
        )
    };
    let Some(at) = services.iter().enumerate().min_by_key(|it| (rank(it.1), it.0)).map(|it| it.0)
    else {
        return;
    };
    let Some(service) = services.get_mut(at) else { return };
    let known = known_image(&service.image).and_then(|it| it.ports.first());
    let first = service.internal.first().copied();
    let guess = service
        .labelled_port
        .map(|it| (it, false))
        .or_else(|| known.map(|it| (it.0, it.1 == crate::template::Proto::Udp)))
        .or(first);
    let (port, is_udp) = guess.unwrap_or((80, false));
    service.published.push(super::model::Published {
        port,
        outside: Some(port),
        is_udp,
        is_http: false,
        span: service.span,
    });
    let path = format!("services.{}", service.name);
    let text = format!(
        "no port is published, and SDL wants one open to the world: port {port} of `{}` is opened",
        service.sdl_name
    );
    let advice = match guess {
        Some(_) => "Change `expose` if another port or service is meant.",
        None => "80 is a guess: write the port that it listens on.",
    };
    notes.changed(service.span, &path, text, advice);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_changed_where_they_are_addresses_only() {
        let check = |name: &str, value: &str, expected: Option<&str>| {
            assert_eq!(
                readdressed(name, value, "my_db", "my-db").as_deref(),
                expected,
                "{name}={value}"
            );
        };
        check("DB_HOST", "my_db", Some("my-db"));
        check("POSTGRES_DB", "my_db", None);
        check("X", "postgres://u:p@my_db:5432/my_db", Some("postgres://u:p@my-db:5432/my_db"));
        check("X", "my_db:5432", Some("my-db:5432"));
        check("DB_URL", "http://my_db/x", Some("http://my-db/x"));
        check("X", "not_my_db:5432", None);
    }

    #[test]
    fn ports_are_found_where_others_mention_them() {
        assert_eq!(mentioned("postgres://u:p@db:5432/app\nredis:6379", "db"), [5432]);
        assert_eq!(mentioned("mydb:1 db-x:2 db: db", "db"), Vec::<u16>::new());
        assert_eq!(mentioned("db:99999", "db"), Vec::<u16>::new());
    }
}
