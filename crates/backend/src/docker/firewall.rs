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

use std::{fs, net::Ipv4Addr, path::Path, process::Command};

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
    for chain in [INPUT, FORWARD] {
        // It may exist.
        let _ = iptables(&["-N", chain]);
    }
    iptables(&["-F", INPUT])?;
    iptables(&[
        "-A",
        INPUT,
        "-m",
        "conntrack",
        "--ctstate",
        "ESTABLISHED,RELATED",
        "-j",
        "RETURN",
    ])?;
    iptables(&["-A", INPUT, "-j", "DROP"])?;
    iptables(&["-F", FORWARD])?;
    let answers =
        ["-A", FORWARD, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "RETURN"];
    iptables(&answers)?;
    // Inside a lease, and between leases, where the engine's own rules decide.
    iptables(&["-A", FORWARD, "-o", BRIDGES, "-j", "RETURN"])?;
    for server in name_servers() {
        for proto in ["udp", "tcp"] {
            let server = server.to_string();
            let rule = ["-A", FORWARD, "-d", &server, "-p", proto, "--dport", "53", "-j", "RETURN"];
            iptables(&rule)?;
        }
    }
    for range in FENCED {
        iptables(&["-A", FORWARD, "-d", range, "-j", "DROP"])?;
    }
    for (hook, chain) in HOOKS {
        if iptables(&["-C", hook, "-i", BRIDGES, "-j", chain]).is_err() {
            iptables(&["-I", hook, "1", "-i", BRIDGES, "-j", chain])?;
        }
    }
    Ok(())
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

fn iptables(words: &[&str]) -> Result<(), String> {
    let run = |program: &str| Command::new(program).arg("-w").args(words).output();
    let done = run("iptables").or_else(|_| run("/usr/sbin/iptables"));
    let done = done.map_err(|error| format!("iptables does not start: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("iptables {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}
