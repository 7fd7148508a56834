//! The Docker backend keeps the contract, on the engine that is reachable; and its own promises: names, ports,
//! limits and walls.
//!
//! The engine is the one of `DOCKER_HOST` or `/var/run/docker.sock`. Where there is none, each test says so and
//! returns. The image is made of the programs of this machine, so no registry is needed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod contract;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use backend::{
    Backend, Error, Expose, Input, Output, ReplicaState, Resources, Service, Status, Stdio, Volume,
    VolumeClass, Workload,
    docker::{Config, Docker},
};
use bollard::query_parameters as query;
use contract::{eventually, exec};
use futures::StreamExt;
use tokio::sync::{OnceCell, mpsc};
use types::ids::LeaseId;

const IMAGE: &str = "haggle-contract:1";
/// Told to a copy of this test program inside a container: answer on that port.
const PROBE: &str = "HAGGLE_PROBE_PORT";

/// Not a test of its own: inside a container of the other tests this is a server that answers `hello` to whoever
/// connects, and passes on what the address in `HAGGLE_PROBE_ASK` says.
#[test]
fn probe() {
    let Ok(port) = std::env::var(PROBE) else { return };
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port.parse().unwrap())).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let answer = match std::env::var("HAGGLE_PROBE_ASK") {
            Ok(address) => format!("{address} says {}", ask(&address)),
            Err(_) => "hello".to_owned(),
        };
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// What the address answers, or how it does not.
fn ask(address: &str) -> String {
    use std::net::ToSocketAddrs;
    let Some(to) = address.to_socket_addrs().ok().and_then(|mut all| all.next()) else {
        return "no such name".to_owned();
    };
    let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_secs(2)) else {
        return "no answer".to_owned();
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        Ok(_) => text,
        Err(_) => "silence".to_owned(),
    }
}

fn config(owner: &str) -> Config {
    let run = std::process::id();
    Config {
        storage: BTreeMap::from([("beta2".to_owned(), 1 << 30)]),
        port_range: 31_000..=31_999,
        stop_timeout: Duration::from_secs(1),
        settle: Duration::from_millis(500),
        pull_timeout: Duration::from_secs(60),
        ..Config::new(format!("test-{owner}-{run}"))
    }
}

/// The engine with the test image on it, or `None` where there is no engine.
async fn engine(owner: &str) -> Option<Docker> {
    static IMAGED: OnceCell<()> = OnceCell::const_new();
    match Docker::connect(config(owner)).await {
        Ok(docker) => {
            sweep(docker.endpoint()).await;
            IMAGED.get_or_init(|| make_image(docker.endpoint().to_owned())).await;
            Some(docker)
        }
        Err(Error::Unreachable { endpoint, cause }) => {
            println!("skipped: no docker engine at {endpoint}: {cause}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Removes what a failed run of these tests left behind: owners end with the id of their process.
async fn sweep(endpoint: &str) {
    let raw = bollard::Docker::connect_with_host(endpoint).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    let volumes = raw.list_volumes(None::<query::ListVolumesOptions>).await.unwrap();
    let owners = volumes.volumes.unwrap_or_default().into_iter();
    let owners: BTreeSet<String> =
        owners.filter_map(|volume| volume.labels.get("haggle.provider").cloned()).collect();
    for owner in owners {
        let Some((_, run)) = owner.strip_prefix("test-").and_then(|it| it.rsplit_once('-')) else {
            continue;
        };
        if run.parse::<u32>().is_ok() && !Path::new(&format!("/proc/{run}")).exists() {
            let stale = Docker::connect(Config { owner, ..config("stale") }).await.unwrap();
            // Two tests may sweep at once.
            let _ = stale.purge().await;
        }
    }
}

/// An image of this machine's own programs and of this test program.
async fn make_image(endpoint: String) {
    let dir = tempfile::tempdir().unwrap();
    let mut files = BTreeSet::new();
    let this = std::env::current_exe().unwrap();
    for name in
        ["sh", "echo", "cat", "sleep", "printenv", "true", "false", "hostname", "stty", "id"]
    {
        let found = ["/bin", "/usr/bin"].map(|dir| format!("{dir}/{name}"));
        let path = found.into_iter().find(|path| Path::new(path).exists()).expect(name);
        files.insert(path);
    }
    let copy = dir.path().join("probe");
    std::fs::copy(&this, &copy).unwrap();
    let mut needed = files.clone();
    needed.insert(copy.to_str().unwrap().to_owned());
    for file in &needed {
        let out = Command::new("ldd").arg(file).output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        files.extend(text.split_whitespace().filter(|w| w.starts_with('/')).map(str::to_owned));
    }
    let tar = dir.path().join("image.tar");
    let made = Command::new("tar")
        .arg("-chf")
        .arg(&tar)
        .args(["-C", "/"])
        .args(files.iter().map(|path| path.trim_start_matches('/')))
        .arg("-C")
        .arg(dir.path())
        .arg("probe")
        .status()
        .unwrap();
    assert!(made.success());
    let docker = bollard::Docker::connect_with_host(&endpoint).unwrap();
    let (repo, tag) = IMAGE.split_once(':').unwrap();
    let options = query::CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(repo)
        .tag(tag)
        .changes(vec!["LABEL haggle.test=contract".to_owned()])
        .build();
    let body = bollard::body_full(std::fs::read(&tar).unwrap().into());
    let mut steps = docker.create_image(Some(options), Some(body), None);
    while let Some(step) = steps.next().await {
        step.unwrap();
    }
    // Images of earlier runs, whose name this one took over.
    let filters = std::collections::HashMap::from([
        ("dangling", vec!["true"]),
        ("label", vec!["haggle.test=contract"]),
    ]);
    let options = query::PruneImagesOptionsBuilder::default().filters(&filters).build();
    docker.prune_images(Some(options)).await.unwrap();
}

struct OnDocker;

#[async_trait]
impl contract::Bed for OnDocker {
    async fn open(&self, owner: &str) -> Arc<dyn Backend> {
        Arc::new(Docker::connect(config(owner)).await.unwrap())
    }
    fn image(&self) -> String {
        IMAGE.to_owned()
    }
    fn missing_image(&self) -> String {
        "localhost:1/nobody/nothing:0".to_owned()
    }
    fn class(&self) -> String {
        "beta2".to_owned()
    }
    async fn lose(&self, lease: &LeaseId, service: &str, index: u32) {
        let docker = Docker::connect(config("contract")).await.unwrap();
        let status = docker.status(lease).await.unwrap().unwrap();
        let at = usize::try_from(index).unwrap();
        let id = status.services[service].replicas[at].id.clone();
        let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
        let options = query::RemoveContainerOptionsBuilder::default().force(true).build();
        raw.remove_container(&id, Some(options)).await.unwrap();
    }
}

#[tokio::test]
async fn docker_keeps_the_contract() {
    if engine("contract").await.is_some() {
        contract::suite(&OnDocker).await;
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named() {
    let mut config = config("nowhere");
    config.endpoint = Some("unix:///nowhere/docker.sock".to_owned());
    let Err(error) = Docker::connect(config).await else { panic!("connected to nothing") };
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("unix:///nowhere/docker.sock"), "{error}");
}

fn service(name: &str, command: &[&str], env: &[&str]) -> Service {
    Service {
        name: name.to_owned(),
        image: IMAGE.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        env: env.iter().map(|entry| (*entry).to_owned()).collect(),
        resources: Resources { cpu_milli: 200, memory_bytes: 64 << 20, ..Resources::default() },
        count: 1,
        ..Service::default()
    }
}

/// A service that runs [`probe`].
fn server(name: &str, env: &[&str]) -> Service {
    let mut it = service(name, &["/probe", "--exact", "probe", "--nocapture"], env);
    it.env.push(format!("{PROBE}=8080"));
    it
}

fn one(services: impl Into<Vec<Service>>) -> Workload {
    Workload { generation: 1, services: services.into(), ..Workload::default() }
}

async fn up(docker: &Docker, lease: &LeaseId, want: &Workload) -> Status {
    docker.apply(lease, want).await.unwrap();
    eventually("ready", || async { docker.status(lease).await.unwrap().filter(Status::is_ready) })
        .await
}

/// What a server at that address answers once it listens.
async fn answer(ip: IpAddr, port: u16) -> String {
    eventually("an answer", || async {
        let text = ask(&format!("{ip}:{port}"));
        (text != "no answer" && !text.is_empty()).then_some(text)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_a_lease_meet_by_name_and_other_leases_do_not() {
    let Some(docker) = engine("meet").await else { return };
    let (mine, other) = (contract::lease(101), contract::lease(102));
    let mut web = server("web", &["HAGGLE_PROBE_ASK=db:8080"]);
    web.exposes.push(Expose { port: 8080, external_port: 80, global: true, ..Expose::default() });
    let mut db = server("db", &[]);
    db.exposes.push(Expose { port: 8080, ..Expose::default() });
    let status = up(&docker, &mine, &one([web.clone(), db])).await;
    let target = &status.services["web"].targets[0];
    assert!(target.http);
    assert_eq!(answer(target.ip, target.port).await, "db:8080 says hello");
    let db = &status.services["db"].targets[0];
    // Another lease neither resolves the name nor reaches the address.
    let address = format!("HAGGLE_PROBE_ASK={}:{}", db.ip, db.port);
    let mut stranger = server("stranger", &[&address]);
    stranger.exposes = web.exposes.clone();
    let status = up(&docker, &other, &one([web, stranger])).await;
    let by_name = &status.services["web"].targets[0];
    assert!(answer(by_name.ip, by_name.port).await.contains("no such name"));
    let by_address = &status.services["stranger"].targets[0];
    assert!(answer(by_address.ip, by_address.port).await.contains("no answer"));
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_inside_the_lease_at_the_port_it_is_exposed_as() {
    let Some(docker) = engine("as").await else { return };
    if !["nsenter", "iptables"].iter().all(|it| Command::new(it).arg("--version").output().is_ok())
    {
        println!("skipped: no nsenter or iptables");
        return;
    }
    let lease = contract::lease(110);
    let mut web = server("web", &["HAGGLE_PROBE_ASK=db:5000"]);
    web.exposes.push(Expose { port: 8080, ..Expose::default() });
    let mut db = server("db", &[]);
    db.exposes.push(Expose { port: 8080, external_port: 5000, ..Expose::default() });
    let status = up(&docker, &lease, &one([web, db])).await;
    let target = status.services["web"].targets[0].clone();
    let hello = || async {
        let text = ask(&format!("{}:{}", target.ip, target.port));
        (text == "db:5000 says hello").then_some(())
    };
    eventually("an answer at the outer port", hello).await;
    // A restart makes a new name space; the redirection comes back.
    let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    let id = &status.services["db"].replicas[0].id;
    raw.restart_container(id, Some(query::RestartContainerOptionsBuilder::default().t(1).build()))
        .await
        .unwrap();
    eventually("an answer after a restart", hello).await;
    docker.purge().await.unwrap();
}

/// A registry that knows one tenant; ends when dropped.
struct Registry {
    child: std::process::Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// `None` where Debian's `docker-registry` is not installed.
    async fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let path = |name: &str| dir.path().join(name);
        // `tenant`, `secret`
        let known = "tenant:$2y$05$4tN16fA4NjOAMp6ZS4SgsetOZc.MWr1HUC3Jeuax1gcrsavYVgiVm";
        std::fs::write(path("htpasswd"), known).unwrap();
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n\
             auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            path("data").display(),
            path("htpasswd").display()
        );
        std::fs::write(path("config.yml"), config).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(path("config.yml"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .ok()?;
        let registry = Self { child, address, _dir: dir };
        eventually("the registry listens", || async {
            TcpStream::connect(&registry.address).ok().map(drop)
        })
        .await;
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_image_serves_only_who_has_its_password() {
    let Some(docker) = engine("private").await else { return };
    let Some(registry) = Registry::start().await else {
        println!("skipped: no docker-registry (Debian package of that name)");
        return;
    };
    let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    let (repo, tag) = (format!("{}/private", registry.address), "1");
    let image = format!("{repo}:{tag}");
    let options = query::TagImageOptionsBuilder::default().repo(&repo).tag(tag).build();
    raw.tag_image(IMAGE, Some(options)).await.unwrap();
    let known = bollard::auth::DockerCredentials {
        username: Some("tenant".to_owned()),
        password: Some("secret".to_owned()),
        ..bollard::auth::DockerCredentials::default()
    };
    let options = query::PushImageOptionsBuilder::default().tag(tag).build();
    let mut steps = raw.push_image(&repo, Some(options), Some(known));
    while let Some(step) = steps.next().await {
        step.unwrap();
    }
    raw.remove_image(&image, None::<query::RemoveImageOptions>, None).await.unwrap();
    let credentials = |password: &str| {
        Some(backend::Credentials {
            host: registry.address.clone(),
            username: "tenant".to_owned(),
            password: password.to_owned(),
            ..backend::Credentials::default()
        })
    };
    let (mine, other) = (contract::lease(111), contract::lease(112));
    let mut web = service("web", &["sleep", "100000"], &[]);
    web.image.clone_from(&image);
    let refused = |applied| assert!(matches!(applied, Err(Error::Image { .. })), "{applied:?}");
    refused(docker.apply(&mine, &one([web.clone()])).await);
    web.credentials = credentials("wrong");
    refused(docker.apply(&mine, &one([web.clone()])).await);
    web.credentials = credentials("secret");
    let want = one([web.clone()]);
    let status = up(&docker, &mine, &want).await;
    docker.apply(&mine, &want).await.unwrap();
    assert_eq!(docker.status(&mine).await.unwrap(), Some(status));
    let found = docker.list().await.unwrap();
    let recorded = found.iter().find(|it| it.lease == mine).unwrap().workload.clone().unwrap();
    assert_eq!(recorded.services[0].credentials, None, "secrets are not recorded");
    // It is on the engine now, and still not for somebody without the password.
    web.credentials = None;
    refused(docker.apply(&other, &one([web])).await);
    docker.purge().await.unwrap();
    assert!(raw.inspect_image(&image).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_port_answers_on_the_host_and_avoids_taken_ones() {
    let Some(docker) = engine("ports").await else { return };
    // The first port of the range is taken by somebody who is no container.
    let _squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, 31_000));
    let lease = contract::lease(103);
    let mut web = server("web", &[]);
    web.exposes.push(Expose { port: 8080, global: true, ..Expose::default() });
    let status = up(&docker, &lease, &one([web])).await;
    let port = &status.services["web"].forwarded_ports[0];
    assert_eq!(port.port, 8080);
    assert!((31_001..=31_999).contains(&port.external_port), "{port:?}");
    assert_eq!(answer(IpAddr::V4(Ipv4Addr::LOCALHOST), port.external_port).await, "hello");
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_does_not_reach_services_of_the_host() {
    let Some(docker) = engine("host").await else { return };
    if let Err(cause) = backend::docker::firewall::raise() {
        println!("skipped: no firewall without root and iptables: {cause}");
        return;
    }
    let lease = contract::lease(108);
    let mut idle = service("idle", &["sleep", "100000"], &[]);
    idle.exposes.push(Expose { port: 1, ..Expose::default() });
    let status = up(&docker, &lease, &one([idle.clone()])).await;
    let IpAddr::V4(ip) = status.services["idle"].targets[0].ip else { panic!("no IPv4 address") };
    let [a, b, c, _] = ip.octets();
    let gateway = Ipv4Addr::new(a, b, c, 1);
    let listener = TcpListener::bind((gateway, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // Whoever leaves early is fine.
            let _ = stream.unwrap().write_all(b"secret");
        }
    });
    assert_eq!(ask(&format!("{gateway}:{port}")), "secret", "the host itself reaches it");
    let mut nosy = server("nosy", &[&format!("HAGGLE_PROBE_ASK={gateway}:{port}")]);
    nosy.exposes.push(Expose { port: 8080, ..Expose::default() });
    let status = up(&docker, &lease, &one([idle, nosy])).await;
    let target = &status.services["nosy"].targets[0];
    let text = answer(target.ip, target.port).await;
    assert!(text.ends_with("says no answer"), "{text}");
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_outgrows_its_disk_is_thrown_away() {
    if engine("disk").await.is_none() {
        return;
    }
    let measured = Config { measure_every: Duration::from_millis(300), ..config("disk") };
    let docker = Docker::connect(measured).await.unwrap();
    let lease = contract::lease(109);
    let mut web = service("web", &["sleep", "100000"], &[]);
    web.resources.volumes.push(Volume {
        name: "default".to_owned(),
        bytes: 1 << 20,
        class: VolumeClass::Ephemeral,
        ..Volume::default()
    });
    let status = up(&docker, &lease, &one([web.clone()])).await;
    let id = status.services["web"].replicas[0].id.clone();
    let mut changes = docker.changes();
    // A small file is fine, also over several measurements.
    let script = |size: &str| format!("x=0123456789abcdef; {size} echo $x$x$x$x > /file");
    exec(&docker, &lease, "web", &["sh", "-c", &script("")], None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(docker.status(&lease).await.unwrap().unwrap(), status);
    let double = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do x=$x$x; done;";
    exec(&docker, &lease, "web", &["sh", "-c", &script(double)], None).await.unwrap();
    let note = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let change = changes.next().await.unwrap();
            if change.note.contains("Evicted") {
                return change.note;
            }
        }
    });
    assert!(note.await.unwrap().contains("1048576"));
    let fresh = up(&docker, &lease, &one([web])).await;
    assert_ne!(fresh.services["web"].replicas[0].id, id);
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_lives_within_its_limits_and_walls() {
    let Some(docker) = engine("walls").await else { return };
    let lease = contract::lease(104);
    let mut web = service("web", &["sleep", "100000"], &[]);
    web.resources.volumes.push(Volume {
        name: "shm".to_owned(),
        bytes: 8 << 20,
        class: VolumeClass::Ram,
        mount: Some("/dev/shm".to_owned()),
        read_only: false,
    });
    let status = up(&docker, &lease, &one([web])).await;
    let id = &status.services["web"].replicas[0].id;
    let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    let host = raw.inspect_container(id, None).await.unwrap().host_config.unwrap();
    assert_eq!(host.nano_cpus, Some(200_000_000));
    assert_eq!(host.memory, Some(72 << 20), "memory and its ram volume");
    assert_eq!(host.memory_swap, host.memory);
    assert_eq!(host.shm_size, Some(8 << 20));
    assert_eq!(host.pids_limit, Some(512));
    assert_eq!(host.privileged, Some(false));
    let script = "cat /proc/self/status";
    let (_, text, _) = exec(&docker, &lease, "web", &["sh", "-c", script], None).await.unwrap();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp:"), "2");
    let capabilities = u64::from_str_radix(&field("CapBnd"), 16).unwrap();
    // CAP_NET_RAW, CAP_SYS_ADMIN, CAP_MKNOD, CAP_NET_ADMIN are gone; CAP_CHOWN and CAP_SETUID are there.
    for gone in [13, 21, 27, 12] {
        assert_eq!(capabilities >> gone & 1, 0, "capability {gone}");
    }
    assert_eq!((capabilities & 1, capabilities >> 7 & 1), (1, 1));
    // More memory than it has ends the process, not the engine.
    let hog = "x=x; while true; do x=$x$x; done";
    let (code, ..) = exec(&docker, &lease, "web", &["sh", "-c", hog], None).await.unwrap();
    assert_ne!(code, 0);
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_does_not_stay_up_is_taken_back() {
    let Some(docker) = engine("rollback").await else { return };
    let lease = contract::lease(105);
    let volume = Volume {
        name: "data".to_owned(),
        bytes: 1 << 20,
        class: VolumeClass::Persistent("beta2".to_owned()),
        mount: Some("/data".to_owned()),
        read_only: false,
    };
    for volumes in [vec![], vec![volume]] {
        let mut web = service("web", &["sleep", "100000"], &[]);
        web.resources.volumes = volumes;
        let before = up(&docker, &lease, &one([web.clone()])).await;
        let mut bad = web.clone();
        bad.command = ["sh", "-c", "exit 7"].map(str::to_owned).to_vec();
        let failed = docker.apply(&lease, &one([bad])).await.unwrap_err();
        assert!(failed.to_string().contains("code 7"), "{failed}");
        let after = docker.status(&lease).await.unwrap().unwrap();
        let (old, new) = (&before.services["web"], &after.services["web"]);
        assert_eq!(old.replicas[0].id, new.replicas[0].id);
        assert_eq!(new.replicas[0].state, ReplicaState::Running);
        assert_eq!((new.available, new.updated), (1, 0));
        docker.remove(&lease).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_has_a_size_and_ends_with_its_user() {
    let Some(docker) = engine("terminal").await else { return };
    let lease = contract::lease(106);
    up(&docker, &lease, &one([service("web", &["sleep", "100000"], &[])])).await;
    let shell = || backend::Command {
        service: "web".to_owned(),
        argv: vec!["sh".to_owned()],
        tty: true,
        ..backend::Command::default()
    };
    let (write, input) = mpsc::channel(4);
    let (output, mut read) = mpsc::channel(16);
    let session = tokio::spawn({
        let (docker, lease) = (docker.clone(), lease.clone());
        async move { docker.exec(&lease, shell(), Stdio { input: Some(input), output }).await }
    });
    write.send(Input::Resize { width: 132, height: 50 }).await.unwrap();
    write.send(Input::Data("stty size; exit 5\n".into())).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = read.recv().await {
        match piece {
            Output::Stdout(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Output::Stderr(_) => panic!("a terminal has one output"),
        }
    }
    assert!(text.contains("50 132"), "{text}");
    assert_eq!(session.await.unwrap().unwrap().code, 5);
    // A user who leaves takes the command along.
    let (output, read) = mpsc::channel(16);
    let mut long = shell();
    long.argv = ["sleep", "54321"].map(str::to_owned).to_vec();
    long.tty = false;
    let session = tokio::spawn({
        let (docker, lease) = (docker.clone(), lease.clone());
        async move { docker.exec(&lease, long, Stdio { input: None, output }).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(read);
    session.await.unwrap().unwrap();
    let id = docker.status(&lease).await.unwrap().unwrap().services["web"].replicas[0].id.clone();
    let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    eventually("the command is gone", || async {
        let top = raw.top_processes(&id, None::<query::TopOptions>).await.unwrap();
        let lines = top.processes.unwrap_or_default().concat().join(" ");
        (!lines.contains("54321")).then_some(())
    })
    .await;
    docker.purge().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_half_done_converges_or_goes() {
    let Some(docker) = engine("crash").await else { return };
    let lease = contract::lease(107);
    let want = one([service("web", &["sleep", "100000"], &[])]);
    let status = up(&docker, &lease, &want).await;
    let raw = bollard::Docker::connect_with_host(docker.endpoint()).unwrap();
    let raw = raw.negotiate_version().await.unwrap();
    // Stopped by hand: started again, the same container.
    let id = status.services["web"].replicas[0].id.clone();
    raw.stop_container(&id, Some(query::StopContainerOptionsBuilder::default().t(0).build()))
        .await
        .unwrap();
    let again = up(&docker, &lease, &want).await;
    assert_eq!(again.services["web"].replicas[0].id, id);
    // The record lost: the lease is still found, and still removed whole.
    let records = raw
        .list_volumes(Some(
            query::ListVolumesOptionsBuilder::default()
                .filters(&std::collections::HashMap::from([(
                    "label",
                    vec!["haggle.kind=record".to_owned(), {
                        format!("haggle.provider={}", config("crash").owner)
                    }],
                )]))
                .build(),
        ))
        .await
        .unwrap();
    let volumes = records.volumes.unwrap();
    assert_eq!(volumes.len(), 1, "one record per lease");
    raw.remove_volume(&volumes[0].name, None::<query::RemoveVolumeOptions>).await.unwrap();
    let found = docker.list().await.unwrap();
    assert_eq!((found.len(), found[0].workload.as_ref()), (1, None));
    docker.remove(&lease).await.unwrap();
    assert_eq!(docker.list().await.unwrap(), []);
    assert!(raw.inspect_container(&id, None).await.is_err());
}
