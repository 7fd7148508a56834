//! Deployment files made from bytes: the right shape most of the time, odd values and places sometimes.
//!
//! Mutating text rarely gets past the grammar; a mutation here changes which file is written.

use arbitrary::{Result, Unstructured};
use std::fmt::Write as _;

const NAMES: [&str; 8] = ["web", "db", "web-2", "a", "Web", "x.y", "default", "1st"];
const PROFILES: [&str; 5] = ["small", "large", "web", "gpu", "~"];
const PLACEMENTS: [&str; 4] = ["dc", "west", "akash", "a b"];
const ENDPOINTS: [&str; 4] = ["edge", "ip-2", "E", "a"];
const VOLUMES: [&str; 5] = ["data", "default", "cache", "shm", "a/b"];
const NUMBERS: [&str; 22] = [
    "1",
    "2",
    "80",
    "443",
    "0",
    "65535",
    "65536",
    "-1",
    "4294967295",
    "4294967296",
    "0120",
    "0x50",
    "080",
    "80.9",
    "1e1",
    "8_0",
    "0b1",
    "0o17",
    ".inf",
    "\"80\"",
    "~",
    "1e99",
];
const CORES: [&str; 12] =
    ["1", "0.5", "100m", "1.001", "384", "1.5m", "0x1p1", "-1", "1_0", "\"2\"", "0.0099", "nan"];
const SIZES: [&str; 16] = [
    "1Gi",
    "512Mi",
    "0.1Gi",
    "5Mi",
    "1Ti",
    "100k",
    "1E",
    "1.9999999Mi",
    "1GB",
    "-1Gi",
    "0",
    "1e9",
    "0x1p30",
    "\"1Gi\"",
    "16Ei",
    "",
];
const AMOUNTS: [&str; 10] =
    ["1", "100", "0.5", "10000000", "0", "-1", "1e3", "\"7\"", "0.0000000000000000001", "12.500"];
const FLAGS: [&str; 8] = ["true", "false", "yes", "off", "\"true\"", "1", "~", "Y"];
const TEXTS: [&str; 18] = [
    "nginx",
    "nginx:1.25",
    "~",
    "\"\"",
    "A=b",
    "1.50",
    "true",
    "'it''s'",
    "\"\\u2028<&>\\t\"",
    "é",
    "!!binary aGFsbG8=",
    "!!str 5",
    "0x10",
    "a: b",
    "[x]",
    "\"a\\nb\"",
    "2020-01-01",
    "<<",
];
const PROTOS: [&str; 6] = ["tcp", "UDP", "TCP", "http", "\"\"", "~"];
const HOSTS: [&str; 6] = ["a.example", "b.example", "x", "*.example", "a b", "A.example"];
const CASES: [&str; 6] = ["error", "timeout", "500", "off", "404", "x"];

type Bytes<'a, 'b> = &'a mut Unstructured<'b>;

fn one<'t>(u: Bytes<'_, '_>, of: &[&'t str]) -> Result<&'t str> {
    u.choose(of).copied()
}

/// The usual value, unless a byte says otherwise.
fn mostly<'t>(u: Bytes<'_, '_>, usual: &'t str, of: &[&'t str]) -> Result<&'t str> {
    if u.ratio(3, 4)? { Ok(usual) } else { one(u, of) }
}

/// Writes lines at a depth.
struct Writer {
    out: String,
}

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:1$}{text}", "", depth * 2);
    }

    fn pair(&mut self, depth: usize, key: &str, value: &str) {
        self.line(depth, &format!("{key}: {value}"));
    }
}

/// A whole file.
pub(super) fn source(u: Bytes<'_, '_>) -> Result<String> {
    let mut w = Writer { out: String::new() };
    let version = mostly(u, "\"2.0\"", &["\"2.1\"", "2.1", "2", "3.0", "1.0"])?;
    w.pair(0, "version", version);
    let services = names(u, &NAMES)?;
    let profiles = names(u, &PROFILES)?;
    let placements = names(u, &PLACEMENTS)?;
    let endpoints = if u.ratio(1, 3)? { names(u, &ENDPOINTS)? } else { Vec::new() };
    w.line(0, "services:");
    for name in &services {
        w.line(1, &format!("{name}:"));
        service(u, &mut w, &services, &endpoints)?;
    }
    w.line(0, "profiles:");
    w.line(1, "compute:");
    for name in &profiles {
        w.line(2, &format!("{name}:"));
        w.line(3, "resources:");
        resources(u, &mut w)?;
    }
    w.line(1, "placement:");
    for name in &placements {
        w.line(2, &format!("{name}:"));
        placement(u, &mut w, &profiles)?;
    }
    w.line(0, "deployment:");
    for name in &services {
        if u.ratio(1, 8)? {
            continue;
        }
        w.line(1, &format!("{name}:"));
        for placement in &placements {
            if u.ratio(1, 4)? {
                continue;
            }
            let profile = one(u, &profiles)?;
            let count = mostly(u, "1", &NUMBERS)?;
            w.pair(2, placement, &format!("{{profile: {profile}, count: {count}}}"));
        }
    }
    if !endpoints.is_empty() {
        w.line(0, "endpoints:");
        for name in &endpoints {
            let kind = mostly(u, "ip", &["~", "dns"])?;
            w.pair(1, name, &format!("{{kind: {kind}}}"));
        }
    }
    if u.ratio(1, 8)? {
        let window = one(u, &["36h", "1h30m", "0", "-1s", "1d", "~", "3000000h", "1.5s"])?;
        w.pair(0, "reclamation", &format!("{{min_window: {window}}}"));
    }
    damage(u, w.out)
}

/// One to three different names.
fn names<'t>(u: Bytes<'_, '_>, of: &[&'t str]) -> Result<Vec<&'t str>> {
    let mut found = vec![of.first().copied().unwrap_or_default()];
    for _ in 0..u.int_in_range(0..=2)? {
        let name = one(u, of)?;
        if !found.contains(&name) {
            found.push(name);
        }
    }
    Ok(found)
}

fn service(u: Bytes<'_, '_>, w: &mut Writer, services: &[&str], endpoints: &[&str]) -> Result<()> {
    let image = mostly(u, "nginx:1.25", &TEXTS)?;
    w.pair(2, "image", image);
    for key in ["command", "args", "env"] {
        if u.ratio(1, 4)? {
            w.line(2, &format!("{key}:"));
            for _ in 0..u.int_in_range(0..=3)? {
                let text = if key == "env" { mostly(u, "A=b", &TEXTS)? } else { one(u, &TEXTS)? };
                w.line(3, &format!("- {text}"));
            }
        }
    }
    w.line(2, "expose:");
    for _ in 0..u.int_in_range(1..=4)? {
        expose(u, w, services, endpoints)?;
    }
    if u.ratio(1, 4)? {
        w.line(2, "params:");
        if u.ratio(2, 3)? {
            w.line(3, "storage:");
            for name in names(u, &VOLUMES)? {
                let mount = mostly(u, "/data", &["/x", "x", "~", "\"\""])?;
                let flag = one(u, &FLAGS)?;
                w.pair(4, name, &format!("{{mount: {mount}, readOnly: {flag}}}"));
            }
        }
        if u.ratio(1, 3)? {
            let tee = one(u, &["cpu", "cpu-gpu", "x", "~"])?;
            w.pair(3, "tee", tee);
        }
        if u.ratio(1, 3)? {
            let read = one(u, &["[]", "[logs]", "[deployment, events]", "~"])?;
            w.pair(3, "permissions", &format!("{{read: {read}}}"));
        }
    }
    if u.ratio(1, 6)? {
        let password = mostly(u, "secret", &TEXTS)?;
        let credentials = "host: \" r.example \", email: me@x.example, username: bob";
        w.pair(2, "credentials", &format!("{{{credentials}, password: {password:?}}}"));
    }
    Ok(())
}

fn expose(u: Bytes<'_, '_>, w: &mut Writer, services: &[&str], endpoints: &[&str]) -> Result<()> {
    let port = mostly(u, "80", &NUMBERS)?;
    w.line(3, &format!("- port: {port}"));
    if u.ratio(1, 3)? {
        let port = mostly(u, "443", &NUMBERS)?;
        w.pair(4, "as", port);
    }
    if u.ratio(1, 3)? {
        let proto = mostly(u, "tcp", &PROTOS)?;
        w.pair(4, "proto", proto);
    }
    if u.ratio(1, 4)? {
        let (first, second) = (one(u, &HOSTS)?, one(u, &HOSTS)?);
        w.pair(4, "accept", &format!("[\"{first}\", \"{second}\"]"));
    }
    if u.ratio(1, 5)? {
        let (number, case) = (one(u, &NUMBERS)?, one(u, &CASES)?);
        w.pair(4, "http_options", &format!("{{read_timeout: {number}, next_cases: [{case}]}}"));
    }
    w.line(4, "to:");
    for _ in 0..u.int_in_range(0..=2)? {
        let global = mostly(u, "true", &FLAGS)?;
        match u.int_in_range(0..=2)? {
            0 => w.line(5, &format!("- global: {global}")),
            1 if !endpoints.is_empty() => {
                let ip = one(u, endpoints)?;
                w.line(5, &format!("- {{global: {global}, ip: {ip}}}"));
            }
            _ => {
                let to = one(u, services)?;
                w.line(5, &format!("- service: {to}"));
            }
        }
    }
    Ok(())
}

fn resources(u: Bytes<'_, '_>, w: &mut Writer) -> Result<()> {
    let (units, size) = (mostly(u, "0.5", &CORES)?, mostly(u, "512Mi", &SIZES)?);
    w.pair(4, "cpu", &format!("{{units: {units}}}"));
    w.pair(4, "memory", &format!("{{size: {size}}}"));
    w.line(4, "storage:");
    for name in names(u, &VOLUMES)? {
        let size = mostly(u, "1Gi", &SIZES)?;
        w.line(5, &format!("- size: {size}"));
        if u.ratio(1, 2)? {
            w.pair(6, "name", name);
        }
        if u.ratio(1, 3)? {
            let flag = one(u, &FLAGS)?;
            let class = one(u, &["beta2", "ram", "default", "beta9", "~"])?;
            w.pair(6, "attributes", &format!("{{persistent: {flag}, class: {class}}}"));
        }
    }
    if u.ratio(1, 4)? {
        let units = mostly(u, "1", &["0", "25", "1.0", "~"])?;
        let model =
            one(u, &["[]", "~", "[{model: t4}]", "[{model: a100, ram: 80Gi}, {model: t4}]"])?;
        let attributes = format!("{{vendor: {{nvidia: {model}}}}}");
        w.pair(4, "gpu", &format!("{{units: {units}, attributes: {attributes}}}"));
    }
    Ok(())
}

fn placement(u: Bytes<'_, '_>, w: &mut Writer, profiles: &[&str]) -> Result<()> {
    if u.ratio(1, 3)? {
        let value = one(u, &TEXTS)?;
        w.line(3, "attributes:");
        w.pair(4, "region", value);
        w.pair(4, "host", "akash");
    }
    if u.ratio(1, 4)? {
        let signed = one(u, &["{anyOf: [a]}", "{allOf: []}", "~", "{allOf: [b, a], anyOf: [c]}"])?;
        w.pair(3, "signedBy", signed);
    }
    w.line(3, "pricing:");
    for name in profiles {
        let amount = mostly(u, "100", &AMOUNTS)?;
        let denom = mostly(u, "uakt", &["uact", "ibc/A1", "x", "~"])?;
        w.pair(4, name, &format!("{{denom: {denom}, amount: {amount}}}"));
    }
    Ok(())
}

/// Now and then a line is lost, doubled, or moved.
fn damage(u: Bytes<'_, '_>, text: String) -> Result<String> {
    if u.is_empty() || !u.ratio(1, 4)? {
        return Ok(text);
    }
    let mut lines: Vec<&str> = text.lines().collect();
    let at = u.choose_index(lines.len())?;
    match u.int_in_range(0..=3)? {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(at, lines.get(at).copied().unwrap_or_default()),
        2 => {
            let other = u.choose_index(lines.len())?;
            lines.swap(at, other);
        }
        _ => lines.truncate(at),
    }
    Ok(lines.join("\n"))
}
