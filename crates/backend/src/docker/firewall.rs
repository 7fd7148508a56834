//! Keeps tenants off the host's own services and off private networks (provider.md 9.4).
//!
//! A container reaches every service of the host that listens on all addresses, through the gateway address of its
//! bridge, even where nothing is published; and through the host, whatever private network the host is in.
//! The rules here cut that: from any lease's bridge (they are all named `hg…`) the host answers nothing but
//! what was asked from its side, and private, shared and link-local ranges are out of reach, name servers excepted.
//! Traffic between leases is dropped by the engine itself.
//!
//! The rules are the same for all providers of one host, may be put in place any number of times, and go
//! with the last lease. They need root and `iptables`, and an engine on this machine; [`raise`] says when it
//! cannot help. Without them bind the host's services to addresses of their own.

use std::{
    fs,
    io::Write,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

/// Chain for packets to the host itself.
const INPUT: &str = "HAGGLE-INPUT";
/// Chain for packets through the host.
const FORWARD: &str = "HAGGLE-FORWARD";
/// Every lease's bridge.
const BRIDGES: &str = "hg+";
/// Private, shared and link-local ranges; the last holds the metadata services of clouds.
const FENCED: [&str; 5] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"];

/// Puts the rules in place. Fine when they are there already.
///
/// # Errors
/// What `iptables` said, or that it is not there.
pub fn raise() -> Result<(), String> {
    let _turn = turn()?;
    restore(&rules(&name_servers()))?;
    for (hook, chain) in HOOKS {
        if iptables(&["-C", hook, "-i", BRIDGES, "-j", chain]).is_err() {
            iptables(&["-I", hook, "1", "-i", BRIDGES, "-j", chain])?;
        }
    }
    Ok(())
}

/// Both chains as `iptables-restore` takes them: it replaces them at once, so there is no moment without rules.
fn rules(name_servers: &[Ipv4Addr]) -> String {
    let mut lines = vec![
        "*filter".to_owned(),
        format!(":{INPUT} - [0:0]"),
        format!(":{FORWARD} - [0:0]"),
        format!("-A {INPUT} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"),
        format!("-A {INPUT} -j DROP"),
        format!("-A {FORWARD} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"),
        // Inside a lease, and between leases, where the engine's own rules decide.
        format!("-A {FORWARD} -o {BRIDGES} -j RETURN"),
    ];
    for server in name_servers {
        for proto in ["udp", "tcp"] {
            lines.push(format!("-A {FORWARD} -d {server} -p {proto} --dport 53 -j RETURN"));
        }
    }
    lines.extend(FENCED.map(|range| format!("-A {FORWARD} -d {range} -j DROP")));
    lines.push("COMMIT\n".to_owned());
    lines.join("\n")
}

/// Where the chains hang. The engine keeps `DOCKER-USER` for rules that are not its own.
const HOOKS: [(&str, &str); 2] = [("INPUT", INPUT), ("DOCKER-USER", FORWARD)];

/// Takes the rules away when no lease's bridge is left on this host.
///
/// # Errors
/// When the lock cannot be taken; rules that are gone already are fine.
pub fn lower_if_unused() -> Result<(), String> {
    let _turn = turn()?;
    let links = fs::read_dir("/sys/class/net").map_err(|error| error.to_string())?;
    let mut names = links.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
    if names.any(|name| is_bridge(&name)) {
        return Ok(());
    }
    for (hook, chain) in HOOKS {
        // Two processes may have put it there at once.
        while iptables(&["-D", hook, "-i", BRIDGES, "-j", chain]).is_ok() {}
        let _ = iptables(&["-F", chain]);
        let _ = iptables(&["-X", chain]);
    }
    Ok(())
}

/// Whether this is the name of a lease's bridge.
fn is_bridge(name: &str) -> bool {
    name.len() == 14
        && name.starts_with("hg")
        && name[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One process of this host at a time; the lock ends with the file.
fn turn() -> Result<fs::File, String> {
    let shared = Path::new("/run/lock");
    let dir = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let path = dir.join("haggle-firewall.lock");
    let open = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| format!("{}: {error}", path.display()))?;
    file.lock().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(file)
}

/// Name servers of the host, which the engine also gives to containers.
fn name_servers() -> Vec<Ipv4Addr> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    named
        .filter_map(|it| it.trim().parse().ok())
        .filter(|ip: &Ipv4Addr| !ip.is_loopback())
        .collect()
}

fn restore(text: &str) -> Result<(), String> {
    let start = |program: &str| {
        let mut command = Command::new(program);
        command.args(["--noflush", "-w"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    let child = start("iptables-restore").or_else(|_| start("/usr/sbin/iptables-restore"));
    let mut child = child.map_err(|error| format!("iptables-restore does not start: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A program that ends early says why.
        let _ = input.write_all(text.as_bytes());
    }
    let done = child.wait_with_output().map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("iptables-restore: {}", String::from_utf8_lossy(&done.stderr).trim()))
}

fn iptables(words: &[&str]) -> Result<(), String> {
    let run = |program: &str| Command::new(program).arg("-w").args(words).output();
    let done = run("iptables").or_else(|_| run("/usr/sbin/iptables"));
    let done = done.map_err(|error| format!("iptables does not start: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("iptables {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_in_a_private_range_is_let_through_before_the_range_is_dropped() {
        let text = rules(&[Ipv4Addr::new(10, 0, 0, 53)]);
        let at = |part: &str| text.find(part).expect(part);
        assert!(at("-d 10.0.0.53 -p udp --dport 53 -j RETURN") < at("-d 10.0.0.0/8 -j DROP"));
        assert!(at(":HAGGLE-INPUT") < at("-A HAGGLE-INPUT") && text.ends_with("COMMIT\n"));
    }

    #[test]
    fn only_bridges_of_leases_keep_the_rules_up() {
        assert!(is_bridge("hg0123456789ab"));
        assert!(!is_bridge("hgateway0") && !is_bridge("docker0") && !is_bridge("hg0123456789az"));
    }
}
