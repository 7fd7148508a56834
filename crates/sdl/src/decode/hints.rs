//! What to write instead: hints for values of the wrong kind and for keys that are not there.
//!
//! Called by the decoder with the words it uses for a place (`an entry of `expose``). Knows what people write
//! who come from Docker Compose or Kubernetes, and which key of another place they mean.

use crate::language;
use crate::suggest;
use crate::yaml::{Kind, Node};

/// How a place looks when it is written well: what a place is called, and an example.
const EXAMPLES: [(&str, &str); 34] = [
    ("`services`", "write `web:` with the service's keys below it"),
    ("a service", "write its keys below the name, at least `image: name:tag`"),
    ("`profiles`", "write `compute:` and `placement:` below it"),
    ("`profiles.compute`", "write a name with `resources:` below it"),
    ("`profiles.placement`", "write a name with `pricing:` below it"),
    ("a compute profile", "write `resources:` below the name"),
    ("`resources`", "write `cpu:`, `memory:` and `storage:` below it"),
    ("a placement", "write `pricing:` below the name"),
    ("`pricing`", "write the profile's name with `denom:` and `amount:` below it"),
    ("a price", "write `{denom: uact, amount: 100}`"),
    ("`deployment`", "write the service's name with a placement below it"),
    (
        "a service under `deployment`",
        "write the placement's name with `profile:` and `count:` below it",
    ),
    ("a placement under `deployment`", "write `{profile: NAME, count: 1}`"),
    ("`endpoints`", "write a name with `kind: ip` below it"),
    ("an endpoint", "write `{kind: ip}`"),
    ("`reclamation`", "write `{min_window: 24h}`"),
    ("`cpu`", "write `cpu: {units: 0.5}`"),
    ("`memory`", "write `memory: {size: 512Mi}`"),
    ("`gpu`", "write `gpu: {units: 1, attributes: {vendor: {nvidia: [{model: t4}]}}}`"),
    ("`vendor`", "write `vendor: {nvidia: [{model: t4}]}`, or `vendor: {nvidia: }` for any model"),
    ("`nvidia`", "write `nvidia: [{model: t4}]`, or nothing after it for any model"),
    ("a GPU model", "write `- model: t4`"),
    ("a volume", "write `- size: 1Gi`, with a `name` if there is more than one"),
    ("the volume's `attributes`", "write `{persistent: true, class: beta2}`"),
    ("`expose`", "write a list: `- port: 80`, with `to` below it"),
    ("an entry of `expose`", "write `- port: 80`, with `to` below it"),
    ("`to`", "write a list: `- global: true` or `- service: NAME`"),
    ("an entry of `to`", "write `- global: true` or `- service: NAME`"),
    ("`accept`", "write a list: `- www.example.com`"),
    ("`params`", "write `params: {storage: {NAME: {mount: /data}}}`"),
    ("`params.storage`", "write the volume's name with `mount: /path` below it"),
    ("a volume under `params.storage`", "write `NAME: {mount: /path}`"),
    ("`credentials`", "write `host:`, `username:` and `password:` below it"),
    ("`attributes`", "write `key: value` lines below it"),
];

/// What to write where a value of another kind is wanted.
pub(super) fn wrong_type(what: &str, wanted: &str, found: &Node<'_>) -> String {
    let is_mapping = matches!(found.kind, Kind::Mapping(_));
    let specific = match (what, wanted) {
        ("`env`", "a list") if is_mapping => Some("write a list of `NAME=value`: `- NAME=value`"),
        ("`env`", "a list") => Some("write `- NAME=value`, one variable on each line"),
        ("an entry of `env`", _) if is_mapping => {
            Some("write `- NAME=value`, with `=` and no space")
        }
        ("`command`" | "`args`", "a list") => {
            Some("write each word as an entry: `[sh, -c, \"echo hello\"]`")
        }
        ("an entry of `command`" | "an entry of `args`", _) => {
            Some("put the whole entry in quotes")
        }
        ("`depends_on`" | "`dependencies`", "a list") => Some("write `- service: NAME`"),
        ("`next_cases`", "a list") => Some("write `[error, timeout]`"),
        ("`include`", "a list") => Some("write a list of names: `- NAME`"),
        ("`allOf`" | "`anyOf`", "a list") => Some("write a list of addresses: `- akash1…`"),
        ("`permissions`", _) => Some("write `permissions: {read: [logs]}`"),
        ("`permissions.read`", "a list") => Some("write `[deployment, logs, events]`"),
        ("`http_options`", _) => Some("write options like `read_timeout: 60000` below it"),
        ("`signedBy`", _) => Some("write `anyOf:` with a list of addresses below it"),
        _ => EXAMPLES.iter().find(|it| it.0 == what).map(|it| it.1),
    };
    let general = match wanted {
        "a mapping" => "write `key: value` lines, indented below it",
        "a list" => "write `- ` before each entry",
        "a text" if is_mapping => "if the text holds `: `, put all of it in quotes",
        _ => "write it on the same line, after the `: `",
    };
    specific.unwrap_or(general).to_owned()
}

/// What to write where a whole number is wanted and something else stands.
pub(super) fn number(what: &str, text: &str, is_quoted: bool) -> String {
    if is_quoted && text.parse::<u32>().is_ok() {
        return format!("write `{text}` without the quotes");
    }
    let is_port = matches!(what, "`port`" | "`as`");
    let number = |it: &str| it.parse::<u16>().is_ok();
    if is_port {
        // `8080:80`, as Docker writes it: outside, then inside; an address may stand before.
        let mut parts = text.rsplit(':');
        if let (Some(inside), Some(outside)) = (parts.next(), parts.next()) {
            let inside = inside.split('/').next().unwrap_or_default();
            if number(inside) && number(outside) {
                return format!("write `port: {inside}` and `as: {outside}`");
            }
        }
        if let Some((port, proto)) = text.split_once('/')
            && number(port)
        {
            return format!("write `{port}`, and `proto: {proto}` beside it");
        }
        if let Some((first, last)) = text.split_once('-')
            && number(first)
            && number(last)
        {
            return "there are no ranges: write one entry of `expose` for each port".to_owned();
        }
        return "write a number from 1 to 65535, without quotes".to_owned();
    }
    match what {
        "`count`" => "write how many replicas, like `1`, without quotes".to_owned(),
        "`read_timeout`" | "`send_timeout`" | "`next_timeout`" => {
            "write milliseconds as a plain number, like `60000`".to_owned()
        }
        "`max_body_size`" | "`proxy_buffer_size`" => {
            "write bytes as a plain number, like `1048576`".to_owned()
        }
        _ => "write a whole number from 0 to 4294967295, without quotes".to_owned(),
    }
}

/// What to write where a flag is wanted and something else stands.
pub(super) fn flag(text: &str) -> String {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => "write `true`, without quotes",
        "false" | "0" | "f" => "write `false`, without quotes",
        _ => "write `true` or `false`, without quotes",
    }
    .to_owned()
}

/// Keys that people write in a place, and what does the same there.
const MEANT: &[(&str, &str, &str)] = &[
    // Top level.
    ("a deployment file", "compute", "write it below `profiles`"),
    ("a deployment file", "placement", "write it below `profiles`"),
    ("a deployment file", "deploy", "did you mean `deployment`?"),
    ("a deployment file", "volumes", "write volumes in the `storage` of a compute profile"),
    (
        "a deployment file",
        "networks",
        "services of one placement reach each other by name; remove it",
    ),
    // Services: what Docker Compose and Kubernetes know.
    ("a service", "build", "push the image to a registry and name it as `image`"),
    ("a service", "cmd", "write `command` or `args`"),
    ("a service", "commands", "did you mean `command`?"),
    ("a service", "container_name", "the service's name is its host name; remove it"),
    ("a service", "depends-on", "services start together; let each wait for what it needs"),
    ("a service", "depends_on", "services start together; let each wait for what it needs"),
    ("a service", "deploy", "write the number of replicas as `count` under `deployment`"),
    ("a service", "entrypoint", "write `command`"),
    ("a service", "environment", "write `env`, a list of `NAME=value`"),
    ("a service", "healthcheck", "there are none: a container that ends is started again"),
    ("a service", "hostname", "other services reach it by the service's name"),
    (
        "a service",
        "links",
        "services reach each other by name where `expose` has `to: [{service: …}]`",
    ),
    ("a service", "networks", "services of one placement reach each other by name; remove it"),
    ("a service", "ports", "write `expose`"),
    ("a service", "replicas", "write `count` under `deployment`"),
    ("a service", "count", "write `count` under `deployment`"),
    ("a service", "profile", "write `profile` under `deployment`"),
    ("a service", "resources", "write `resources` in a profile under `profiles.compute`"),
    ("a service", "restart", "a container that ends is started again"),
    (
        "a service",
        "storage",
        "write the volume in a profile's `storage`, and its mount in `params.storage`",
    ),
    (
        "a service",
        "volumes",
        "write a volume in the profile's `storage`, and its mount in `params.storage`",
    ),
    // Ports.
    ("an entry of `expose`", "protocol", "did you mean `proto`?"),
    ("an entry of `expose`", "external", "did you mean `as`?"),
    ("an entry of `expose`", "externalPort", "did you mean `as`?"),
    ("an entry of `expose`", "external_port", "did you mean `as`?"),
    ("an entry of `expose`", "global", "write it in `to`: `- global: true`"),
    ("an entry of `expose`", "service", "write it in `to`: `- service: NAME`"),
    ("an entry of `expose`", "ip", "write it in `to`, beside `global: true`"),
    ("an entry of `expose`", "host", "did you mean `accept`?"),
    ("an entry of `expose`", "hosts", "did you mean `accept`?"),
    ("an entry of `expose`", "domain", "did you mean `accept`?"),
    ("an entry of `expose`", "domains", "did you mean `accept`?"),
    ("an entry of `to`", "endpoint", "did you mean `ip`?"),
    ("an entry of `to`", "public", "did you mean `global`?"),
    ("an entry of `to`", "accept", "write it beside `to`"),
    // Resources.
    ("`resources`", "ram", "did you mean `memory`?"),
    ("`resources`", "mem", "did you mean `memory`?"),
    ("`resources`", "disk", "did you mean `storage`?"),
    ("`cpu`", "count", "did you mean `units`?"),
    ("`cpu`", "cores", "did you mean `units`?"),
    ("`cpu`", "size", "did you mean `units`?"),
    ("`memory`", "units", "did you mean `size`?"),
    ("`memory`", "quantity", "did you mean `size`?"),
    ("`memory`", "limit", "did you mean `size`?"),
    ("`gpu`", "count", "did you mean `units`?"),
    ("`gpu`", "model", "write `attributes: {vendor: {nvidia: [{model: NAME}]}}`"),
    ("`gpu`", "vendor", "write it below `attributes`"),
    ("the GPU's `attributes`", "nvidia", "write it below `vendor`"),
    ("the GPU's `attributes`", "model", "write `vendor: {nvidia: [{model: NAME}]}`"),
    ("`vendor`", "amd", "only `nvidia` is read; without it any NVIDIA GPU is taken"),
    ("`vendor`", "intel", "only `nvidia` is read; without it any NVIDIA GPU is taken"),
    ("a GPU model", "memory", "did you mean `ram`?"),
    ("a GPU model", "vram", "did you mean `ram`?"),
    ("a GPU model", "name", "did you mean `model`?"),
    ("a volume", "class", "write it below the volume's `attributes`"),
    ("a volume", "persistent", "write it below the volume's `attributes`"),
    ("a volume", "mount", "write it in the service: `params: {storage: {NAME: {mount: /path}}}`"),
    ("a volume", "quantity", "did you mean `size`?"),
    ("a volume under `params.storage`", "path", "did you mean `mount`?"),
    ("a volume under `params.storage`", "mountPath", "did you mean `mount`?"),
    ("a volume under `params.storage`", "target", "did you mean `mount`?"),
    // Prices, placements, the rest.
    ("a price", "price", "did you mean `amount`?"),
    ("a price", "value", "did you mean `amount`?"),
    ("a price", "currency", "did you mean `denom`?"),
    ("a price", "token", "did you mean `denom`?"),
    ("a placement", "price", "did you mean `pricing`?"),
    ("a placement", "prices", "did you mean `pricing`?"),
    ("a placement", "allOf", "write it below `signedBy`"),
    ("a placement", "anyOf", "write it below `signedBy`"),
    ("a placement under `deployment`", "replicas", "did you mean `count`?"),
    ("an endpoint", "type", "did you mean `kind`?"),
    ("`credentials`", "registry", "did you mean `host`?"),
    ("`credentials`", "server", "did you mean `host`?"),
    ("`credentials`", "user", "did you mean `username`?"),
    ("`credentials`", "token", "did you mean `password`?"),
];

/// What a key that does not belong here was probably meant to be.
pub(super) fn unknown_key(name: &str, what: &str, known: &[&'static str]) -> String {
    if let Some(meant) = MEANT.iter().find(|it| it.0 == what && it.1 == name) {
        return meant.2.to_owned();
    }
    if let Some(near) = suggest::nearest(name, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    if let Some(place) = elsewhere(name) {
        return format!("`{name}` belongs {place}");
    }
    match known {
        [only] => format!("the only key is `{only}`"),
        _ => format!("known keys: {}", known.join(", ")),
    }
}

/// The key of a place that another one was probably meant to be.
pub(super) fn meant(name: &str, what: &str, known: &[&'static str]) -> Option<&'static str> {
    let hint = unknown_key(name, what, known);
    let rest = hint.strip_prefix("did you mean `").or_else(|| hint.strip_prefix("write `"))?;
    let word = rest.split('`').next()?;
    known.iter().copied().find(|it| *it == word)
}

/// Where the language has a key of this name.
fn elsewhere(name: &str) -> Option<String> {
    let path = language::keys()
        .iter()
        .map(|it| it.path)
        .find(|it| it.rsplit('.').next() == Some(name) && name != "*")?;
    let Some((parent, _)) = path.rsplit_once('.') else {
        return Some("at the top level".to_owned());
    };
    let shown = parent.replace(".*", ".NAME").replace("[]", "");
    Some(match parent.ends_with("[]") {
        true => format!("in an entry of `{shown}`"),
        false => format!("below `{shown}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_the_manner_of_docker_are_taken_apart() {
        assert_eq!(number("`port`", "8080:80", false), "write `port: 80` and `as: 8080`");
        assert_eq!(
            number("`port`", "127.0.0.1:8080:80/tcp", false),
            "write `port: 80` and `as: 8080`"
        );
        assert_eq!(number("`port`", "53/udp", false), "write `53`, and `proto: udp` beside it");
        assert!(number("`port`", "8000-8010", false).contains("no ranges"));
        assert_eq!(number("`as`", "80", true), "write `80` without the quotes");
    }

    #[test]
    fn keys_are_found_by_sound_by_habit_and_by_place() {
        let known = ["port", "as", "proto", "to", "accept", "http_options"];
        let place = "an entry of `expose`";
        assert_eq!(unknown_key("prot", place, &known), "did you mean `port`?");
        assert_eq!(unknown_key("protocol", place, &known), "did you mean `proto`?");
        assert_eq!(unknown_key("image", place, &known), "`image` belongs below `services.NAME`");
        assert_eq!(
            unknown_key("kind", "`memory`", &["size"]),
            "`kind` belongs below `endpoints.NAME`"
        );
        assert_eq!(unknown_key("zzz", "`memory`", &["size"]), "the only key is `size`");
    }

    #[test]
    fn every_place_that_a_hint_names_is_one_that_the_decoder_names() {
        let decoder = [
            include_str!("mod.rs"),
            include_str!("services.rs"),
            include_str!("profiles.rs"),
            include_str!("resources.rs"),
        ]
        .concat();
        let places = EXAMPLES.iter().map(|it| it.0).chain(MEANT.iter().map(|it| it.0));
        for place in places {
            assert!(decoder.contains(&format!("\"{place}\"")), "{place}");
        }
    }
}
