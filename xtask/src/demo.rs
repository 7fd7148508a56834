//! The main job, end to end, as a person would do it: a chain, three providers, one tenant, real
//! containers. Prints a transcript; stops and removes everything it started.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    docker::{self, DockerHost},
    images::{self, Images},
    proc::{self, Service},
    root, say,
};

/// What the demo may be told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Leave the market up.
    pub(crate) keep: bool,
    /// Build and run the optimised binary.
    pub(crate) release: bool,
    /// Stop a market that was left up, instead of running one.
    pub(crate) stop: bool,
}

/// A provider of the demo.
struct Seller {
    name: &'static str,
    about: &'static str,
    region: &'static str,
    /// Per cent of the reference's price table.
    price: u32,
    cpu_milli: u64,
    memory: &'static str,
    persistent: &'static str,
}

/// The three differ in price, attributes and capacity. `attic` is the cheapest and too small.
const SELLERS: [Seller; 3] = [
    Seller {
        name: "harbor",
        about: "2 cores, 4 GiB, disks that last",
        region: "eu-west",
        price: 100,
        cpu_milli: 2_000,
        memory: "4Gi",
        persistent: "8Gi",
    },
    Seller {
        name: "quarry",
        about: "2 cores, 2 GiB, disks that last, dearer",
        region: "us-east",
        price: 180,
        cpu_milli: 2_000,
        memory: "2Gi",
        persistent: "4Gi",
    },
    Seller {
        name: "attic",
        about: "a tenth of a core, no disks",
        region: "eu-west",
        price: 40,
        cpu_milli: 100,
        memory: "1Gi",
        persistent: "0",
    },
];

const TENANT: &str = "tenant";
const CHAIN_ID: &str = "haggle-demo";

/// A market that is up.
struct Market {
    haggle: PathBuf,
    home: PathBuf,
    rpc: String,
    sellers: Vec<Joined>,
    /// The node, then the providers.
    services: Vec<Service>,
}

/// A provider that is up.
struct Joined {
    name: &'static str,
    address: String,
    ingress: SocketAddr,
}

/// What one deployment took.
struct Deal {
    times: Vec<String>,
}

/// Runs the demo.
pub(crate) fn run(options: Options) -> Result<()> {
    let begun = Instant::now();
    proc::catch_signals()?;
    let target = root().join("target");
    if options.stop {
        return stop_kept(&target);
    }
    if !kept(&target).is_empty() {
        bail!("the market of an earlier demo is still up; `cargo xtask demo --stop` ends it");
    }
    title("Set-up");
    let haggle = binary(options, &target)?;
    let mut engine = docker::ensure(&target, &mut |text| say(&format!("  {text}")))?;
    let outcome = prepare(&haggle, &target, &engine, begun)
        .and_then(|(made, home)| play(options, &haggle, &home, &engine).map(|it| (made, it)));
    match outcome {
        Ok((_, Some(market))) => {
            engine.keep();
            leave(market)
        }
        Ok((made, None)) => {
            made.remove_made(&engine)?;
            engine.stop()?;
            say("  the machine is as it was before");
            Ok(())
        }
        Err(error) => {
            if let Err(second) = engine.stop() {
                say(&format!("  {second:#}"));
            }
            Err(error)
        }
    }
}

/// Builds the binary, unless one was named.
fn binary(options: Options, target: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("HAGGLE_BIN") {
        return Ok(path.into());
    }
    say("  building haggle (minutes the first time, seconds later)");
    let mut args = vec!["build", "--quiet", "--package", "cli"];
    if options.release {
        args.push("--release");
    }
    crate::cargo(&args)?;
    proc::interrupted()?;
    Ok(target.join(if options.release { "release" } else { "debug" }).join("haggle"))
}

/// Images and an empty folder.
fn prepare(
    haggle: &Path,
    target: &Path,
    engine: &DockerHost,
    begun: Instant,
) -> Result<(Images, PathBuf)> {
    say(&format!("  binary  {}", haggle.display()));
    say(&format!("  engine  {}", engine.endpoint()));
    let made = images::ensure(engine, target, &mut |text| say(&format!("  {text}")))?;
    let home = target.join("demo");
    if home.exists() {
        fs::remove_dir_all(&home).context("remove the folder of the last demo")?;
    }
    fs::create_dir_all(&home)?;
    say(&format!("  ready after {}", seconds(begun.elapsed())));
    proc::interrupted()?;
    Ok((made, home))
}

/// The whole play. Gives the market back when it shall stay up.
fn play(
    options: Options,
    haggle: &Path,
    home: &Path,
    engine: &DockerHost,
) -> Result<Option<Market>> {
    let begun = Instant::now();
    let mut market = Market {
        haggle: haggle.to_owned(),
        home: home.to_owned(),
        rpc: String::new(),
        sellers: Vec::new(),
        services: Vec::new(),
    };
    let outcome = market.open(engine).and_then(|()| market.trade(begun));
    if options.keep && outcome.is_ok() {
        return Ok(Some(market));
    }
    if outcome.is_err() && proc::interrupted().is_ok() {
        for service in &market.services {
            say(&format!("--- the end of {}:\n{}", service.log().display(), service.tail()));
        }
    }
    title("Clean-up");
    let cleaned = market.close(engine);
    outcome.and(cleaned).map(|()| None)
}

impl Market {
    /// Starts the chain and the providers.
    fn open(&mut self, engine: &DockerHost) -> Result<()> {
        title("A chain with one validator");
        let names = SELLERS.iter().map(|it| it.name).chain([TENANT]);
        let mut init = self.haggle(&["node", "init", "--chain-id", CHAIN_ID]);
        for name in names {
            init.args(["--account", name]);
        }
        let any = "127.0.0.1:0";
        let listen = ["--rpc-listen", any, "--rest-listen", any, "--grpc-listen", any];
        init.args(["--json"]).args(listen);
        proc::output("haggle node init", &mut init)?;
        let mut start = self.haggle(&["node", "start", "--json"]);
        start.args(listen);
        let mut node = Service::start("the node", start, self.home.join("log/node.log"))?;
        let log = node.log().to_owned();
        let endpoints =
            node.wait_for("endpoints", Duration::from_secs(60), || first_json(&log, "rpc"))?;
        self.rpc = text(&endpoints, "rpc");
        self.services.push(node);
        self.wait_for_height(2)?;
        say(&format!("  chain id {CHAIN_ID}, RPC {}, a block per second", self.rpc));

        title("Three providers");
        for seller in &SELLERS {
            self.join(seller, engine)?;
        }
        Ok(())
    }

    fn join(&mut self, seller: &Seller, engine: &DockerHost) -> Result<()> {
        let (gateway, grpc, ingress) = (free_port()?, free_port()?, free_port()?);
        let folder = self.home.join(seller.name);
        fs::create_dir_all(&folder)?;
        let file = folder.join("provider.toml");
        fs::write(&file, seller.config(&self.rpc, [gateway, grpc, ingress], &folder))?;
        let mut command = self.haggle(&["provider", "run", "--json", "--docker"]);
        command.arg(engine.endpoint()).arg("--config").arg(&file);
        command.env("HAGGLE_LOG", "provider=info,backend=warn");
        let log = self.home.join(format!("log/{}.log", seller.name));
        let mut service = Service::start(seller.name, command, log)?;
        let log = service.log().to_owned();
        let ready = service
            .wait_for("provider", Duration::from_secs(60), || first_json(&log, "provider"))?;
        say(&format!(
            "  {:<8} {:>3} % of the usual price, {:<8} {}",
            seller.name, seller.price, seller.region, seller.about
        ));
        say(&format!("  {:<8} {}", "", text(&ready, "provider")));
        self.services.push(service);
        self.sellers.push(Joined {
            name: seller.name,
            address: text(&ready, "provider"),
            ingress: SocketAddr::from((Ipv4Addr::LOCALHOST, ingress)),
        });
        Ok(())
    }

    fn trade(&mut self, begun: Instant) -> Result<()> {
        let web = self.deal("examples/web.yaml", "hello.localhost", &["Hello from the market"])?;
        let pages = ["viewed 1 times", "viewed 2 times"];
        let stack = self.deal("examples/stack.yaml", "stack.localhost", &pages)?;
        title("Measured");
        for (name, deal) in [("web.yaml", &web), ("stack.yaml", &stack)] {
            for line in &deal.times {
                say(&format!("  {name:<11} {line}"));
            }
        }
        say(&format!("  {:<11} whole             {}", "market", seconds(begun.elapsed())));
        Ok(())
    }

    /// One deployment from its SDL file to its settlement.
    fn deal(&mut self, file: &str, host: &str, pages: &[&str]) -> Result<Deal> {
        title(&format!("The tenant deploys {file}"));
        let logs: Vec<u64> = self.services.iter().map(|it| size(it.log())).collect();
        let path = root().join(file);
        let mut command = self.tenant(&["deploy"]);
        command.arg(&path).args(["--deposit", &deposit(&path)?]);
        let told = proc::echo("haggle deploy", &mut command)?;
        let times = told
            .lines()
            .filter(|it| {
                ["SDL to", "bid to", "lease to", "whole"].iter().any(|start| it.starts_with(start))
            })
            .map(str::to_owned)
            .collect();
        let listed = self.json(&["deployments", "--state", "active"])?;
        let dseq = newest(&listed).context("the deployment is not listed")?;
        for (service, from) in self.services.iter().zip(&logs).skip(1) {
            for line in new_lines(service.log(), *from).filter(|it| it.contains("declin")) {
                say(&format!("  {} stays out: {}", service.name(), plain(&line)));
            }
        }

        title(&format!("GET http://{host}/ through the provider's ingress"));
        let lease = self.json(&["leases", &dseq])?;
        let winner = self
            .sellers
            .iter()
            .find(|it| lease.to_string().contains(&it.address))
            .context("the lease is not listed")?;
        say(&format!("  {} runs it, its ingress is {}", winner.name, winner.ingress));
        for page in pages {
            let answer = get(winner.ingress, host)?;
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
            if !body.contains(page) {
                bail!("the page does not say {page:?}:\n{answer}");
            }
            for line in body.lines() {
                say(&format!("  | {line}"));
            }
        }

        if let Some((external, port)) = self.forwarded(&dseq)? {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let answer = get(address, "localhost")?;
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
            say(&format!("  the global port {external} is port {port} of the provider's host"));
            say(&format!("  | {body}"));
        }

        title("Logs");
        let lines = self.follow_logs(&dseq)?;
        for line in lines.lines().take(8) {
            say(&format!("  {line}"));
        }

        title("Some blocks pass; the provider withdraws what it has earned");
        self.wait_for_withdrawal(&dseq)?;

        title("The tenant closes the deployment");
        let settled = proc::echo("haggle close", &mut self.tenant(&["close", &dseq]))?;
        if !settled.contains("adds up") {
            bail!("the settlement does not say that it adds up");
        }
        Ok(Deal { times })
    }
}

impl Market {
    /// Streams the logs for a moment, as `haggle logs --follow` shows them.
    fn follow_logs(&self, dseq: &str) -> Result<String> {
        let log = self.home.join("log/follow.log");
        let command = self.tenant(&["logs", dseq, "--follow", "--tail", "20"]);
        let mut service = Service::start("haggle logs", command, log.clone())?;
        service.wait_for("log line", Duration::from_secs(20), || {
            fs::read_to_string(&log).ok().filter(|it| it.lines().count() > 0)
        })?;
        thread::sleep(Duration::from_millis(500));
        service.stop();
        Ok(fs::read_to_string(&log)?)
    }

    /// A global port of the deployment, and where the provider's host forwards it.
    fn forwarded(&self, dseq: &str) -> Result<Option<(u64, u16)>> {
        let status = self.json(&["status", dseq])?;
        Ok(find(&status, "externalPort").and_then(|entry| {
            let number = |key: &str| entry.get(key).and_then(Value::as_u64);
            let host = number("externalPort").and_then(|it| u16::try_from(it).ok())?;
            Some((number("port")?, host))
        }))
    }

    /// Waits until the chain says that the provider of this deployment has withdrawn.
    fn wait_for_withdrawal(&mut self, dseq: &str) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(45);
        loop {
            let lease = self.json(&["leases", dseq])?;
            if let Some(amount) = withdrawn(&lease) {
                say(&format!("  withdrawn so far: {amount}"));
                return Ok(());
            }
            if Instant::now() > end {
                bail!("the provider has withdrawn nothing:\n{lease:#}");
            }
            proc::interrupted()?;
            thread::sleep(Duration::from_millis(500));
        }
    }

    fn wait_for_height(&mut self, height: u64) -> Result<()> {
        let address = self.rpc.trim_start_matches("http://").parse()?;
        let node = self.services.first_mut().context("no node")?;
        node.wait_for("block", Duration::from_secs(60), || {
            let answer = http(address, "localhost", "/status").ok()?;
            let body = answer.split_once("\r\n\r\n")?.1;
            let status: Value = serde_json::from_str(body).ok()?;
            let reached = status.pointer("/result/sync_info/latest_block_height")?;
            (reached.as_str()?.parse::<u64>().ok()? >= height).then_some(())
        })
    }

    /// `haggle` with the demo's folder.
    fn haggle(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.haggle);
        command.arg("--home").arg(&self.home).args(args);
        command
    }

    /// `haggle` as the tenant.
    fn tenant(&self, args: &[&str]) -> Command {
        let mut command = self.haggle(&["--node", &self.rpc, "--from", TENANT]);
        command.args(args);
        command
    }

    fn json(&self, args: &[&str]) -> Result<Value> {
        let told = proc::output(args.first().unwrap_or(&""), self.tenant(args).arg("--json"))?;
        serde_json::from_str(&told).with_context(|| format!("read the answer of {args:?}"))
    }

    /// Closes what is open, stops everything and looks whether anything is left.
    fn close(mut self, engine: &DockerHost) -> Result<()> {
        if let Ok(listed) = self.json(&["deployments", "--state", "active"])
            && let Some(dseq) = newest(&listed)
        {
            // After a failure or Ctrl-C: let the provider take the containers down.
            let _ = proc::output("haggle close", &mut self.tenant(&["close", &dseq]));
        }
        // The providers take their leases down; what they have not managed in time is removed below.
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end && self.sellers.iter().any(|it| it.holds(engine)) {
            thread::sleep(Duration::from_millis(100));
        }
        while let Some(mut service) = self.services.pop() {
            service.stop();
        }
        let mut left = 0;
        for seller in &self.sellers {
            left += engine.remove_owner(&seller.owner())?;
        }
        match left {
            0 => say("  no container, volume or network is left; every process has ended"),
            many => say(&format!(
                "  removed {many} containers, volumes and networks; every process has ended"
            )),
        }
        Ok(())
    }
}

impl Seller {
    /// The provider's configuration file.
    fn config(&self, rpc: &str, ports: [u16; 3], folder: &Path) -> String {
        let [gateway, grpc, ingress] = ports;
        let per = |reference: f64| format!("{:.6}", reference * f64::from(self.price) / 100.0);
        let mut prices = String::new();
        for denom in ["uact", "uakt", "uusdc"] {
            prices.push_str(&format!(
                "[prices.{denom}]\ncpu = \"{}\"\nmemory = \"{}\"\nendpoint = \"{}\"\n\
                 [prices.{denom}.storage]\nephemeral = \"{}\"\nbeta2 = \"{}\"\n",
                per(0.04),
                per(0.016),
                per(1.0),
                per(0.0016),
                per(0.0032)
            ));
        }
        let disks = match self.persistent {
            "0" => "",
            _ => {
                "\"capabilities/storage/1/class\" = \"beta2\"\n\
                 \"capabilities/storage/1/persistent\" = \"true\"\n"
            }
        };
        format!(
            "state_dir = \"{}\"\nhost_uri = \"https://localhost:{gateway}\"\n\n\
             [chain]\nrpc = \"{rpc}\"\nchain_id = \"{CHAIN_ID}\"\nkey = \"{}\"\n\n\
             [attributes]\nregion = \"{}\"\nhost = \"{}\"\n{disks}\n\
             [capacity]\ncpu_milli = {}\nmemory = \"{}\"\nephemeral_storage = \"8Gi\"\n\
             persistent_storage = \"{}\"\n\n\
             [gateway]\nlisten = \"127.0.0.1:{gateway}\"\n\
             grpc_listen = \"127.0.0.1:{grpc}\"\n\n\
             [ingress]\nlisten = \"127.0.0.1:{ingress}\"\n\n\
             [timers]\nwithdrawal_period = \"5s\"\nfunds_interval = \"2s\"\n\
             reconcile_period = \"1s\"\nmonitor_healthcheck_period = \"2s\"\n\
             inventory_period = \"2s\"\nresync_period = \"10s\"\nblock_time = \"1s\"\n\n{prices}",
            folder.join("state").display(),
            self.name,
            self.region,
            self.name,
            self.cpu_milli,
            self.memory,
            self.persistent,
        )
    }
}

/// Leaves the market up and says what to try.
fn leave(market: Market) -> Result<()> {
    title("The market stays up");
    let prefix = format!(
        "{} --home {} --node {} --from {TENANT}",
        market.haggle.display(),
        market.home.display(),
        market.rpc
    );
    let file = market.home.join(KEPT);
    let mut kept = String::new();
    for service in market.services {
        kept.push_str(&format!("{} {}\n", service.leave(), market.haggle.display()));
    }
    for seller in market.sellers {
        kept.push_str(&format!("owner {}\n", seller.owner()));
    }
    fs::write(file, kept)?;
    say("  Three commands to try next:");
    say(&format!("    {prefix} deploy examples/web.yaml"));
    say(&format!("    {prefix} status"));
    say(&format!("    {prefix} query market orders"));
    say("  `cargo xtask demo --stop` ends it all.");
    Ok(())
}

/// The file of a market that stays up: process ids with their program, and owners of workloads.
const KEPT: &str = "kept";

/// Processes of a market that was left up and still runs.
fn kept(target: &Path) -> Vec<u32> {
    let text = fs::read_to_string(target.join("demo").join(KEPT)).unwrap_or_default();
    let lines = text.lines().filter_map(|it| it.split_once(' '));
    lines.filter_map(|(id, program)| proc::runs(id.parse().ok()?, program)).collect()
}

/// Ends a market that was left up and removes what it had running.
fn stop_kept(target: &Path) -> Result<()> {
    let running = kept(target);
    let file = target.join("demo").join(KEPT);
    if !file.exists() {
        say("no market was left up");
        return Ok(());
    }
    for id in running.iter().rev() {
        proc::end(*id);
    }
    let mut engine = docker::ensure(target, &mut |text| say(text))?;
    let text = fs::read_to_string(&file)?;
    for owner in text.lines().filter_map(|it| it.strip_prefix("owner ")) {
        engine.remove_owner(owner)?;
    }
    fs::remove_file(&file)?;
    engine.end_kept()?;
    say(&format!("stopped {} processes and removed their containers", running.len()));
    Ok(())
}

impl Joined {
    /// Whether anything of this provider is on the engine.
    fn holds(&self, engine: &DockerHost) -> bool {
        engine.count_owner(&self.owner()).is_ok_and(|it| it > 0)
    }

    /// How this provider's things are labelled on the engine.
    fn owner(&self) -> String {
        format!("{CHAIN_ID}/{}", self.address)
    }
}

/// Five coins of the denomination in which the file is priced.
fn deposit(file: &Path) -> Result<String> {
    let sdl = fs::read_to_string(file)?;
    let denom = sdl.lines().find_map(|it| it.trim().strip_prefix("denom: ")).context("no denom")?;
    Ok(format!("5000000{denom}"))
}

/// The highest number in a list of deployments.
fn newest(listed: &Value) -> Option<String> {
    let mut found = Vec::new();
    collect(listed, "dseq", &mut found);
    found.iter().filter_map(|it| it.parse::<u64>().ok()).max().map(|it| it.to_string())
}

/// What the payments of a lease have withdrawn, when that is above zero.
fn withdrawn(lease: &Value) -> Option<String> {
    let coin = find(lease, "withdrawn")?.get("withdrawn")?;
    let (amount, denom) = (text(coin, "amount"), text(coin, "denom"));
    (!amount.trim_matches(|it| it == '0' || it == '.').is_empty())
        .then(|| format!("{amount} {denom}"))
}

/// The first object, at any depth, that has this key.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) if map.contains_key(key) => Some(value),
        Value::Object(map) => map.values().find_map(|it| find(it, key)),
        Value::Array(items) => items.iter().find_map(|it| find(it, key)),
        _ => None,
    }
}

fn collect(value: &Value, key: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == key => out.push(text.clone()),
                    Value::Number(number) if name == key => out.push(number.to_string()),
                    other => collect(other, key, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, key, out)),
        _ => {}
    }
}

/// A GET by host name, again until the page is there.
fn get(address: SocketAddr, host: &str) -> Result<String> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match http(address, host, "/") {
            Ok(answer) if answer.starts_with("HTTP/1.1 200") => return Ok(answer),
            other if Instant::now() > end => bail!("no page from http://{host}/: {other:?}"),
            _ => {}
        }
        proc::interrupted()?;
        thread::sleep(Duration::from_millis(200));
    }
}

fn http(address: SocketAddr, host: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A port that was free a moment ago; providers register theirs before they listen.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The first line of a log that is a JSON object with this key.
fn first_json(log: &Path, key: &str) -> Option<Value> {
    let text = fs::read_to_string(log).ok()?;
    let objects = text.lines().filter(|it| it.starts_with('{'));
    objects.filter_map(|it| serde_json::from_str::<Value>(it).ok()).find(|it| it.get(key).is_some())
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

fn new_lines(path: &Path, from: u64) -> impl Iterator<Item = String> {
    let text = fs::read(path).unwrap_or_default();
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let new = String::from_utf8_lossy(text.get(start..).unwrap_or_default()).into_owned();
    new.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// A log line without colours, time and level.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => while chars.next().is_some_and(|it| it != 'm') {},
            other => out.push(other),
        }
    }
    out.split_once("provider")
        .map_or(out.clone(), |(_, rest)| rest.trim_start_matches("::").to_owned())
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn title(text: &str) {
    say("");
    say(&format!("== {text}"));
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
