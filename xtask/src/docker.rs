//! A Docker Engine for the demo and the tests: the one that is reachable, or one of our own.
//!
//! Called by `demo` and `test`. Where no engine answers and the user is root on Debian or Ubuntu, `docker.io` is
//! installed and a `dockerd` is started with socket, data, state and pid file of its own under `target/docker`;
//! the system's engine is never touched. What that engine left in the firewall goes with it.
//!
//! Plain HTTP over the socket, no client library: this runs before anything else is built.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::{fs::MetadataExt, net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Paths of Unix sockets end here, the terminating zero included; containerd appends some of its own.
const SOCKET_PATH_MAX: usize = 60;
/// How long our own engine may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// An engine that answers.
pub(crate) struct DockerHost {
    endpoint: String,
    own: Option<Own>,
}

/// Our own engine.
struct Own {
    dir: PathBuf,
    run: PathBuf,
    /// Stopped by [`DockerHost::stop`], at the latest when dropped.
    armed: bool,
}

/// Finds an engine, or makes one. `target` is the build directory, `progress` is told each step in a sentence.
///
/// # Errors
/// When there is none and none can be made: says what to install.
pub(crate) fn ensure(target: &Path, progress: &mut dyn FnMut(&str)) -> Result<DockerHost> {
    let mut refusals = Vec::new();
    let asked = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let usual = "unix:///var/run/docker.sock".to_owned();
    for endpoint in asked.iter().chain(asked.is_none().then_some(&usual)) {
        let host = DockerHost { endpoint: endpoint.clone(), own: None };
        match host.ping() {
            Ok(version) => {
                progress(&format!("using the Docker Engine {version} at {endpoint}"));
                return Ok(host);
            }
            Err(error) => refusals.push(format!("{endpoint}: {error:#}")),
        }
    }
    if let Some(endpoint) = asked {
        bail!(
            "DOCKER_HOST is {endpoint}, but no Docker Engine answers there ({}); start it, or unset DOCKER_HOST",
            refusals.join("; ")
        );
    }
    let own = Own::under(target);
    let mut host = DockerHost { endpoint: own.endpoint(), own: Some(own) };
    if let Ok(version) = host.ping() {
        if let Some(own) = &mut host.own {
            own.armed = !own.kept().exists();
        }
        progress(&format!("using our own Docker Engine {version}, still up from before"));
        return Ok(host);
    }
    let dockerd = find("dockerd");
    if !is_root() {
        bail!("{}", advice(&refusals, dockerd.is_some()));
    }
    if dockerd.is_none() {
        if !is_debian() || find("apt-get").is_none() {
            bail!("{}", advice(&refusals, false));
        }
        progress("no Docker Engine answers: installing the package docker.io with apt-get");
        install(&["docker.io"])?;
    }
    progress(&format!(
        "starting a Docker Engine of our own under {}; the system's is left alone",
        host.own.as_ref().map_or(target, |own| &own.dir).display()
    ));
    host.start()?;
    // Nobody can be using what an engine that was down still has of leases.
    let left = host.remove_labelled("haggle.provider")?;
    if left > 0 {
        progress(&format!("removed {left} things that an earlier run left behind"));
    }
    let version = host.ping()?;
    progress(&format!("Docker Engine {version} answers at {}", host.endpoint));
    Ok(host)
}

fn advice(refusals: &[String], installed: bool) -> String {
    let tried = refusals.join("; ");
    if tried.contains("ermission denied") {
        return format!(
            "there is a Docker Engine, but this user may not use it ({tried}); \
             try `sudo usermod -aG docker $USER` and log in again, or run this as root"
        );
    }
    let hint = if installed {
        "start it, for example with `sudo systemctl start docker`, or run this as root"
    } else {
        "install one: `sudo apt-get install docker.io` on Debian or Ubuntu, \
         elsewhere see https://docs.docker.com/engine/install/"
    };
    format!("no Docker Engine answers ({tried}); {hint}")
}

/// Installs Debian packages, fetching the lists first when they are missing or outdated.
///
/// # Errors
/// The last lines of what `apt-get` said.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let attempt = || {
        Command::new("apt-get")
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .context("apt-get does not start")
    };
    if attempt()?.status.success() {
        return Ok(());
    }
    update()?;
    let second = attempt()?;
    if !second.status.success() {
        bail!("apt-get install {} failed: {}", packages.join(" "), tail(&second.stderr));
    }
    Ok(())
}

/// Fetches the lists of packages.
///
/// # Errors
/// The last lines of what `apt-get` said.
pub(crate) fn update() -> Result<()> {
    let done = Command::new("apt-get").arg("update").stdin(Stdio::null()).output()?;
    if !done.status.success() {
        bail!("apt-get update failed: {}", tail(&done.stderr));
    }
    Ok(())
}

impl DockerHost {
    /// `unix:///path` or `tcp://host:port`: what the provider's `--docker-host` and `DOCKER_HOST` take.
    #[must_use]
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether this is our own engine, so that what is on it is ours to keep or drop.
    #[must_use]
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Leaves our own engine running when this is dropped, and for later runs too, until it is ended by hand.
    pub(crate) fn keep(&mut self) {
        if let Some(own) = &mut self.own {
            own.armed = false;
            // Without the mark a later run would end the engine; that is all.
            let _ = fs::write(own.kept(), "");
        }
    }

    /// Ends our own engine and takes back what it did to the firewall. Nothing happens to somebody else's.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub(crate) fn stop(&mut self) -> Result<()> {
        match self.own.take() {
            Some(own) if own.armed => own.stop(),
            _ => Ok(()),
        }
    }

    /// Ends our own engine also when an earlier run left it up. Nothing happens to somebody else's.
    ///
    /// # Errors
    /// When it does not end in time; it is killed then.
    pub(crate) fn end_kept(&mut self) -> Result<()> {
        match self.own.take() {
            Some(own) => {
                let _ = fs::remove_file(own.kept());
                own.stop()
            }
            None => Ok(()),
        }
    }

    /// Version of the engine.
    ///
    /// # Errors
    /// When nothing answers.
    pub(crate) fn ping(&self) -> Result<String> {
        let (status, body) = self.call("GET", "/version", None, Duration::from_secs(5))?;
        if status != 200 {
            bail!("it answers with HTTP status {status}");
        }
        let version: serde_json::Value = serde_json::from_slice(&body)?;
        Ok(version["Version"].as_str().unwrap_or("of unknown version").to_owned())
    }

    /// One request to the engine: status and body. `silence` bounds the wait for each piece of the answer.
    ///
    /// # Errors
    /// When the engine cannot be reached or falls silent.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Path>,
        silence: Duration,
    ) -> Result<(u16, Vec<u8>)> {
        let mut stream = self.open(silence)?;
        let length = match body {
            Some(file) => fs::metadata(file)?.len(),
            None => 0,
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
             Content-Type: application/x-tar\r\nContent-Length: {length}\r\n\r\n"
        )?;
        if let Some(file) = body {
            std::io::copy(&mut fs::File::open(file)?, &mut stream)?;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).context("the engine fell silent")?;
        parse(&answer)
    }

    /// Removes every container, network and volume of a provider, by its owner label: what is left when a provider
    /// could not clean up itself. Says how many there were.
    ///
    /// # Errors
    /// When the engine does not answer; what cannot be removed is left.
    pub(crate) fn remove_owner(&self, owner: &str) -> Result<usize> {
        self.remove_labelled(&format!("haggle.provider={owner}"))
    }

    /// How many containers, networks and volumes of a provider there are.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(crate) fn count_owner(&self, owner: &str) -> Result<usize> {
        Ok(self.labelled(&format!("haggle.provider={owner}"))?.len())
    }

    fn remove_labelled(&self, label: &str) -> Result<usize> {
        let mut gone = 0;
        for path in self.labelled(label)? {
            let (status, _) = self.call("DELETE", &path, None, PATIENCE)?;
            gone += usize::from(status < 300);
        }
        Ok(gone)
    }

    /// The paths at which everything with this label can be deleted, containers first.
    fn labelled(&self, label: &str) -> Result<Vec<String>> {
        let filters = crate::images::encode(&format!("{{\"label\":[\"{label}\"]}}"));
        let mut paths = Vec::new();
        for (kind, list, options) in [
            ("containers", format!("/containers/json?all=1&filters={filters}"), "?force=1&v=1"),
            ("networks", format!("/networks?filters={filters}"), ""),
            ("volumes", format!("/volumes?filters={filters}"), "?force=1"),
        ] {
            let (_, body) = self.call("GET", &list, None, PATIENCE)?;
            let found: serde_json::Value = serde_json::from_slice(&body)?;
            let all = found.as_array().or_else(|| found["Volumes"].as_array());
            for object in all.into_iter().flatten() {
                if let Some(id) = object["Id"].as_str().or_else(|| object["Name"].as_str()) {
                    paths.push(format!("/{kind}/{id}{options}"));
                }
            }
        }
        Ok(paths)
    }

    fn open(&self, silence: Duration) -> Result<Box<dyn Wire>> {
        if let Some(path) = self.endpoint.strip_prefix("unix://") {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(silence))?;
            return Ok(Box::new(stream));
        }
        let address =
            self.endpoint.strip_prefix("tcp://").or(self.endpoint.strip_prefix("http://"));
        let address = address.context("it is neither unix:// nor tcp://")?;
        let stream = TcpStream::connect(address.trim_end_matches('/'))?;
        stream.set_read_timeout(Some(silence))?;
        Ok(Box::new(stream))
    }

    fn start(&self) -> Result<()> {
        let own = self.own.as_ref().context("not our own engine")?;
        fs::create_dir_all(&own.dir)?;
        fs::create_dir_all(&own.run)?;
        let pid_file = own.pid_file();
        // One that was told to end may still be ending its containers.
        let begun = Instant::now();
        while let Some(pid) = own.pid().filter(|pid| !is_zombie(*pid)) {
            if self.ping().is_ok() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("our own dockerd, process {pid}, neither answers nor ends");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // Left by an engine that was killed; a new one would refuse to start.
        let _ = fs::remove_file(&pid_file);
        let _ = fs::remove_file(own.kept());
        for (file, program) in
            [("firewall.before", "iptables-save"), ("firewall6.before", "ip6tables-save")]
        {
            let (path, now) = (own.dir.join(file), rules(program));
            // Chains without an engine are what ours left when it was ended by hand: what was before them counts.
            if !path.exists() || !now.contains("DOCKER") || own.others_run() {
                fs::write(path, now)?;
            }
        }
        let log = fs::File::create(own.dir.join("dockerd.log"))?;
        let dockerd = find("dockerd").context("docker.io is installed, but there is no dockerd")?;
        let mut child = Command::new(dockerd)
            .arg("--host")
            .arg(&self.endpoint)
            .arg("--data-root")
            .arg(own.dir.join("data"))
            .arg("--exec-root")
            .arg(own.run.join("exec"))
            .arg("--pidfile")
            .arg(&pid_file)
            .args(["--bridge", "none", "--group", "root"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: Ctrl-C in the terminal must not end it before its containers.
            .process_group(0)
            .spawn()
            .context("dockerd does not start")?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.ping().is_ok() {
                return Ok(());
            }
            if let Some(status) = child.try_wait()? {
                bail!("dockerd ended with {status}: {}", own.log_tail());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // Ours, and by its id.
        let _ = child.kill();
        bail!("dockerd does not answer after {} s: {}", PATIENCE.as_secs(), own.log_tail())
    }
}

impl Own {
    fn under(target: &Path) -> Self {
        let dir = target.join("docker");
        let short = dir.as_os_str().len() <= SOCKET_PATH_MAX;
        let run = if short { dir.clone() } else { short_dir(&dir) };
        Self { dir, run, armed: true }
    }

    fn endpoint(&self) -> String {
        format!("unix://{}", self.run.join("docker.sock").display())
    }

    fn pid_file(&self) -> PathBuf {
        self.run.join("dockerd.pid")
    }

    /// Process id of our engine, if it runs: the pid file may be older than the machine's start.
    fn pid(&self) -> Option<u32> {
        let pid_file = self.pid_file();
        let pid: u32 = fs::read_to_string(&pid_file).ok()?.trim().parse().ok()?;
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).into_owned();
        let mut words = words.split('\0');
        words.any(|word| Path::new(word) == pid_file).then_some(pid)
    }

    /// Marks an engine that shall stay.
    fn kept(&self) -> PathBuf {
        self.dir.join("kept")
    }

    /// Whether another engine runs on this machine, whose rules are not ours to take away.
    fn others_run(&self) -> bool {
        let own = self.pid();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
        let mut engines = pids.filter(|pid| is_engine(*pid));
        engines.any(|pid| Some(pid) != own)
    }

    fn log_tail(&self) -> String {
        tail(&fs::read(self.dir.join("dockerd.log")).unwrap_or_default())
    }

    fn stop(mut self) -> Result<()> {
        self.armed = false;
        self.end()
    }

    fn end(&self) -> Result<()> {
        let mut late = false;
        if let Some(pid) = self.pid() {
            signal(pid, "TERM")?;
            let begun = Instant::now();
            // It takes its pid file away some time before it ends.
            while is_engine(pid) {
                if begun.elapsed() > PATIENCE {
                    late = true;
                    signal(pid, "KILL")?;
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.unmount();
        if !self.others_run() {
            self.clean_firewall("iptables", "firewall.before");
            self.clean_firewall("ip6tables", "firewall6.before");
            self.clean_bridges();
        }
        let _ = fs::remove_file(self.run.join("docker.sock"));
        if self.run != self.dir {
            let _ = fs::remove_dir_all(&self.run);
        }
        if late {
            bail!("our own dockerd did not end after {} s and was killed", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Takes the engine's chains out again. Called when no other engine runs.
    fn clean_firewall(&self, program: &str, before: &str) {
        let Ok(mut before) = fs::read_to_string(self.dir.join(before)) else { return };
        let now = rules(&format!("{program}-save"));
        let shared = before.contains("DOCKER");
        if shared {
            // Another engine ran when ours came, and has ended since. It makes its chains again when it starts;
            // only what a user wrote into the one for users would be lost.
            if now.lines().any(is_users) {
                return;
            }
            before.clear();
        }
        let mut table = String::new();
        let mut chains = Vec::new();
        let run = |words: &[&str]| {
            // What is gone already is fine.
            let _ = Command::new(program).args(words).stderr(Stdio::null()).status();
        };
        for line in now.lines() {
            if let Some(name) = line.strip_prefix('*') {
                name.clone_into(&mut table);
            } else if let Some(chain) = line.strip_prefix(':') {
                let name = chain.split(' ').next().unwrap_or_default().to_owned();
                if name.starts_with("DOCKER") || name.starts_with("HAGGLE-") {
                    chains.push((table.clone(), name));
                }
            } else if line.starts_with("-A ") && !before.contains(line) && is_ours(line) {
                let mut words = vec!["-t", table.as_str(), "-D"];
                words.extend(line.split(' ').skip(1));
                run(&words);
            }
        }
        for action in ["-F", "-X"] {
            for (table, chain) in &chains {
                run(&["-t", table, action, chain]);
            }
        }
        if !shared {
            run(&["-P", "FORWARD", &forward_policy(&before)]);
        }
    }

    /// What an engine mounts over its folders and may leave: nobody could delete `target` otherwise.
    fn unmount(&self) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let paths = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let inside = |path: &&str| {
            Path::new(path).starts_with(&self.dir) || Path::new(path).starts_with(&self.run)
        };
        // The last one mounted lies on top.
        let paths: Vec<&str> = paths.filter(inside).collect();
        for path in paths.into_iter().rev() {
            let _ = Command::new("umount").arg(path).stderr(Stdio::null()).status();
        }
    }

    /// Bridges of leases that an engine left when it was killed; they are named like no other interface.
    fn clean_bridges(&self) {
        for entry in fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_bridge(&name) {
                let _ = Command::new("ip").args(["link", "delete", &name]).status();
            }
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.armed {
            // Best effort on the way out of a failure; `stop` reports.
            let _ = self.end();
        }
    }
}

/// Whether a firewall rule is one that an engine makes: it names one of its chains, or a bridge of a lease.
fn is_ours(rule: &str) -> bool {
    rule.contains("DOCKER") || rule.contains(" HAGGLE-") || rule.split(' ').any(is_bridge)
}

/// Whether a firewall rule is one that a user wrote into the engine's chain for users.
fn is_users(rule: &str) -> bool {
    rule.starts_with("-A DOCKER-USER")
        && rule != "-A DOCKER-USER -j RETURN"
        && !rule.contains("HAGGLE")
}

/// Whether this is the name of a lease's bridge.
fn is_bridge(name: &str) -> bool {
    name.len() == 14
        && name.starts_with("hg")
        && name[2..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the saved rules do with packets that are passed on; a kernel without rules accepts them.
fn forward_policy(saved: &str) -> String {
    let filter = saved.split("*filter").nth(1).unwrap_or_default();
    let policy = filter.lines().find_map(|line| line.strip_prefix(":FORWARD "));
    policy.and_then(|it| it.split(' ').next()).unwrap_or("ACCEPT").to_owned()
}

/// A short directory for sockets, since the project may lie deep.
fn short_dir(dir: &Path) -> PathBuf {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    dir.hash(&mut hasher);
    std::env::temp_dir().join(format!("haggle-{:x}", hasher.finish()))
}

trait Wire: Read + Write {}
impl Wire for UnixStream {}
impl Wire for TcpStream {}

/// Status and body of an HTTP answer, chunked or not.
fn parse(answer: &[u8]) -> Result<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").context("no HTTP answer")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.context("no HTTP status")?;
    let mut rest = &answer[end + 4..];
    if !head.contains("transfer-encoding: chunked") {
        return Ok((status, rest.to_vec()));
    }
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|it| it == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..line]);
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        let from = line + 2;
        if size == 0 || rest.len() < from + size {
            break;
        }
        body.extend_from_slice(&rest[from..from + size]);
        rest = rest.get(from + size + 2..).unwrap_or_default();
    }
    Ok((status, body))
}

fn rules(program: &str) -> String {
    let out = Command::new(program).stdin(Stdio::null()).stderr(Stdio::null()).output();
    out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default()
}

fn signal(pid: u32, name: &str) -> Result<()> {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status()?;
    if !sent.success() {
        bail!("cannot send {name} to process {pid}");
    }
    Ok(())
}

/// Whether a process is an engine that runs.
fn is_engine(pid: u32) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim() == "dockerd" && !is_zombie(pid)
}

/// Ended, but its parent (this process) has not asked yet.
fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// Where a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut all = std::env::split_paths(&path).chain(more).map(|dir| dir.join(program));
    all.find(|path| fs::metadata(path).is_ok_and(|it| it.is_file() && it.mode() & 0o111 != 0))
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

/// Debian, Ubuntu, or something that calls itself alike.
pub(crate) fn is_debian() -> bool {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let mut lines = text.lines().filter(|it| it.starts_with("ID=") || it.starts_with("ID_LIKE="));
    lines.any(|line| line.contains("debian") || line.contains("ubuntu"))
}

fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(parse(plain).ok(), Some((200, b"hi".to_vec())));
        let chunked =
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).ok(), Some((404, b"abcd".to_vec())));
        assert!(parse(b"nonsense").is_err());
    }

    #[test]
    fn only_rules_of_an_engine_are_taken_back() {
        assert!(is_ours("-A FORWARD -j DOCKER-USER"));
        assert!(is_ours("-A FORWARD -i hg9b6aaa350a22 -o hg9b6aaa350a22 -j ACCEPT"));
        assert!(!is_ours("-A INPUT -i eth0 -j ACCEPT"));
        assert!(!is_ours("-A FORWARD -i hg-mine -j ACCEPT"));
        assert!(is_users("-A DOCKER-USER -s 10.0.0.0/8 -j DROP"));
        assert!(!is_users("-A DOCKER-USER -j RETURN"));
        let saved = "*nat\n:FORWARD DROP [0:0]\nCOMMIT\n*filter\n:FORWARD ACCEPT [1:2]\n";
        assert_eq!(forward_policy(saved), "ACCEPT");
        assert_eq!(forward_policy("*filter\n:FORWARD DROP [1:2]\n"), "DROP");
        assert_eq!(forward_policy(""), "ACCEPT");
    }
}
