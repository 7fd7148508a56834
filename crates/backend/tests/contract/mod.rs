//! What every machine room promises, written once as functions over `dyn Backend`.
//!
//! A bed offers a backend to try it on; `suite` runs every case on it, each with a lease of its own.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use backend::{
    Backend, Command, Error, Expose, Input, LogQuery, Output, Proto, ReplicaState, Resources,
    Service, Source, Status, Stdio, Volume, VolumeClass, Workload,
};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc;
use types::ids::LeaseId;

pub(crate) const OWNER: &str = "akash1qufa3xzrf34qvwyejkhvnc4psf49fftaw0asmh";
pub(crate) const PROVIDER: &str = "akash1365yvmc4s7awdyj3n2sav7xfx76adc6dnmlx63";

/// A place to try a backend.
#[async_trait]
pub(crate) trait Bed: Send + Sync {
    /// A backend of that owner; a second one of the same owner is what a restarted provider has.
    async fn open(&self, owner: &str) -> Arc<dyn Backend>;
    /// An image with `sh`, `echo`, `cat`, `sleep`, `printenv`, `true`, `false` and `hostname`.
    fn image(&self) -> String;
    /// An image that is neither here nor can be pulled.
    fn missing_image(&self) -> String;
    /// A class of persistent storage.
    fn class(&self) -> String;
    /// Takes a container away behind the backend's back.
    async fn lose(&self, lease: &LeaseId, service: &str, index: u32);
}

pub(crate) async fn suite(bed: &dyn Bed) {
    macro_rules! cases {
        ($($case:ident),* $(,)?) => {
            $(
                println!("contract: {}", stringify!($case).replace('_', " "));
                let room = bed.open("contract").await;
                $case(bed, room.as_ref()).await;
            )*
        };
    }
    cases!(
        an_unknown_lease_is_nothing,
        what_is_wanted_runs_and_applying_it_again_changes_nothing,
        an_update_recreates_only_what_changed,
        host_names_restart_nothing,
        services_that_are_not_wanted_any_more_go,
        a_volume_lives_as_long_as_the_lease,
        tenants_find_their_variables,
        logs_can_be_tailed_filtered_and_followed,
        commands_run_and_say_how_they_ended,
        a_restarted_provider_finds_everything_again,
        owners_do_not_touch_each_other,
        a_forwarded_port_stays_the_same,
        a_missing_image_is_named_and_does_not_stop_its_neighbours,
        a_service_that_ends_is_not_available,
        a_lost_container_comes_back,
        changes_are_hinted,
        the_inventory_knows_what_is_taken,
        contradictions_are_refused,
    );
    let room = bed.open("contract").await;
    assert_eq!(room.list().await.unwrap(), [], "cases clean up");
}

pub(crate) fn lease(dseq: u64) -> LeaseId {
    format!("{OWNER}/{dseq}/1/1/{PROVIDER}").parse().unwrap()
}

fn sh(bed: &dyn Bed, name: &str, script: &str) -> Service {
    Service {
        name: name.to_owned(),
        image: bed.image(),
        command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        resources: Resources { cpu_milli: 100, memory_bytes: 32 << 20, ..Resources::default() },
        count: 1,
        ..Service::default()
    }
}

fn idle(bed: &dyn Bed, name: &str) -> Service {
    sh(bed, name, "sleep 100000")
}

fn workload(services: impl Into<Vec<Service>>) -> Workload {
    Workload {
        generation: 1,
        public_hostname: "provider.test".to_owned(),
        services: services.into(),
    }
}

/// Waits until `probe` says `Some`, for at most twenty seconds.
pub(crate) async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    for _ in 0..200 {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never happened: {what}");
}

async fn ready(room: &dyn Backend, lease: &LeaseId) -> Status {
    eventually("ready", || async { room.status(lease).await.unwrap().filter(Status::is_ready) })
        .await
}

fn ids(status: &Status, service: &str) -> Vec<String> {
    status.services[service].replicas.iter().map(|replica| replica.id.clone()).collect()
}

/// Runs a command; gives its exit code, standard output and standard error.
pub(crate) async fn exec(
    room: &dyn Backend,
    lease: &LeaseId,
    service: &str,
    argv: &[&str],
    input: Option<&str>,
) -> backend::Result<(i64, String, String)> {
    let command = Command {
        service: service.to_owned(),
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        ..Command::default()
    };
    let (output, mut read) = mpsc::channel(16);
    let input = input.map(|text| {
        let (write, input) = mpsc::channel(1);
        write.try_send(Input::Data(Bytes::from(text.to_owned()))).unwrap();
        input
    });
    let gather = async {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(piece) = read.recv().await {
            match piece {
                Output::Stdout(bytes) => out.extend_from_slice(&bytes),
                Output::Stderr(bytes) => err.extend_from_slice(&bytes),
            }
        }
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let run = room.exec(lease, command, Stdio { input, output });
    let (exit, (out, err)) = tokio::join!(run, gather);
    exit.map(|exit| (exit.code, out, err))
}

async fn log_lines(room: &dyn Backend, lease: &LeaseId, query: LogQuery) -> Vec<String> {
    let lines = room.logs(lease, query).await.unwrap();
    lines.map(|line| line.text).collect().await
}

async fn an_unknown_lease_is_nothing(_: &dyn Bed, room: &dyn Backend) {
    let lease = lease(1);
    assert_eq!(room.status(&lease).await.unwrap(), None);
    room.remove(&lease).await.unwrap();
    let logs = room.logs(&lease, LogQuery::default()).await;
    assert!(matches!(logs.err(), Some(Error::NoLease(_))));
    let ran = exec(room, &lease, "web", &["true"], None).await;
    assert!(matches!(ran, Err(Error::NoLease(_))), "{ran:?}");
}

async fn what_is_wanted_runs_and_applying_it_again_changes_nothing(
    bed: &dyn Bed,
    room: &dyn Backend,
) {
    let lease = lease(2);
    let mut web = idle(bed, "web");
    web.count = 2;
    let want = workload([web, idle(bed, "db")]);
    room.apply(&lease, &want).await.unwrap();
    let first = ready(room, &lease).await;
    assert_eq!((first.services["web"].total, first.services["web"].available), (2, 2));
    assert_eq!(first.services["web"].updated, 2);
    assert_eq!(first.services["db"].replicas.len(), 1);
    assert_eq!(first.generation, 1);
    room.apply(&lease, &want).await.unwrap();
    room.apply(&lease, &want).await.unwrap();
    let again = ready(room, &lease).await;
    assert_eq!(first, again);
    room.remove(&lease).await.unwrap();
    assert_eq!(room.status(&lease).await.unwrap(), None);
    room.remove(&lease).await.unwrap();
}

async fn an_update_recreates_only_what_changed(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(3);
    let mut want = workload([idle(bed, "web"), idle(bed, "db")]);
    room.apply(&lease, &want).await.unwrap();
    let before = ready(room, &lease).await;
    want.generation = 2;
    want.services[0].env.push("COLOUR=green".to_owned());
    want.services[1].count = 2;
    room.apply(&lease, &want).await.unwrap();
    let after = ready(room, &lease).await;
    assert_eq!(after.generation, 2);
    assert_eq!(ids(&after, "web").len(), 1);
    assert_ne!(ids(&before, "web"), ids(&after, "web"), "changed, so replaced");
    assert_eq!(ids(&before, "db")[0], ids(&after, "db")[0], "unchanged, so kept");
    assert_eq!(ids(&after, "db").len(), 2);
    let (_, colour, _) = exec(room, &lease, "web", &["printenv", "COLOUR"], None).await.unwrap();
    assert_eq!(colour, "green\n");
    want.services[1].count = 1;
    room.apply(&lease, &want).await.unwrap();
    assert_eq!(ids(&ready(room, &lease).await, "db"), ids(&before, "db"));
    room.remove(&lease).await.unwrap();
}

async fn host_names_restart_nothing(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(4);
    let expose = Expose {
        port: 8080,
        external_port: 80,
        global: true,
        hosts: vec!["one.test".to_owned()],
        ..Expose::default()
    };
    let web = Service { exposes: vec![expose], ..idle(bed, "web") };
    let mut want = workload([web]);
    room.apply(&lease, &want).await.unwrap();
    let before = ready(room, &lease).await;
    assert_eq!(before.services["web"].uris, ["one.test"]);
    assert_eq!(before.services["web"].forwarded_ports, []);
    let target = &before.services["web"].targets[0];
    assert!(target.http);
    assert_eq!((target.port, target.external_port), (8080, 80));
    want.services[0].exposes[0].hosts.push("two.test".to_owned());
    room.apply(&lease, &want).await.unwrap();
    let after = ready(room, &lease).await;
    assert_eq!(after.services["web"].uris, ["one.test", "two.test"]);
    assert_eq!(after.services["web"].targets[0].hosts, ["one.test", "two.test"]);
    assert_eq!(ids(&before, "web"), ids(&after, "web"));
    room.remove(&lease).await.unwrap();
}

async fn services_that_are_not_wanted_any_more_go(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(5);
    room.apply(&lease, &workload([idle(bed, "web"), idle(bed, "db")])).await.unwrap();
    ready(room, &lease).await;
    room.apply(&lease, &workload([idle(bed, "web")])).await.unwrap();
    let status = ready(room, &lease).await;
    assert_eq!(status.services.keys().collect::<Vec<_>>(), ["web"]);
    let ran = exec(room, &lease, "db", &["true"], None).await;
    assert_eq!(ran, Err(Error::NoService("db".to_owned())));
    room.remove(&lease).await.unwrap();
}

async fn a_volume_lives_as_long_as_the_lease(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(6);
    let mut db = idle(bed, "db");
    db.resources.volumes.push(Volume {
        name: "data".to_owned(),
        bytes: 1 << 20,
        class: VolumeClass::Persistent(bed.class()),
        mount: Some("/data".to_owned()),
        read_only: false,
    });
    let mut want = workload([db]);
    let read = || exec(room, &lease, "db", &["cat", "/data/kept"], None);
    room.apply(&lease, &want).await.unwrap();
    ready(room, &lease).await;
    let script = "echo kept > /data/kept; echo gone > /gone";
    let wrote = exec(room, &lease, "db", &["sh", "-c", script], None).await.unwrap();
    assert_eq!(wrote.0, 0, "{wrote:?}");
    want.services[0].env.push("VERSION=2".to_owned());
    room.apply(&lease, &want).await.unwrap();
    ready(room, &lease).await;
    assert_eq!(read().await.unwrap().1, "kept\n", "survives an update");
    assert_eq!(exec(room, &lease, "db", &["cat", "/gone"], None).await.unwrap().0, 1);
    bed.lose(&lease, "db", 0).await;
    room.apply(&lease, &want).await.unwrap();
    ready(room, &lease).await;
    assert_eq!(read().await.unwrap().1, "kept\n", "survives a lost container");
    room.remove(&lease).await.unwrap();
    room.apply(&lease, &want).await.unwrap();
    ready(room, &lease).await;
    assert_eq!(read().await.unwrap().0, 1, "ends with the lease");
    room.remove(&lease).await.unwrap();
}

async fn tenants_find_their_variables(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(7);
    let mut web = idle(bed, "web");
    web.env = ["A=1", "B=$(A)2", "EMPTY", "AKASH_OWNER=mine"].map(str::to_owned).to_vec();
    let mut db = idle(bed, "my-db");
    db.exposes.push(Expose { port: 5432, ..Expose::default() });
    room.apply(&lease, &workload([web, db])).await.unwrap();
    ready(room, &lease).await;
    for (name, value) in [
        ("A", "1"),
        ("B", "12"),
        ("EMPTY", ""),
        ("AKASH_OWNER", "mine"),
        ("AKASH_PROVIDER", PROVIDER),
        ("AKASH_DEPLOYMENT_SEQUENCE", "7"),
        ("AKASH_GROUP_SEQUENCE", "1"),
        ("AKASH_ORDER_SEQUENCE", "1"),
        ("AKASH_CLUSTER_PUBLIC_HOSTNAME", "provider.test"),
        ("MY_DB_SERVICE_HOST", "my-db"),
        ("MY_DB_SERVICE_PORT", "5432"),
    ] {
        let (_, out, _) = exec(room, &lease, "web", &["printenv", name], None).await.unwrap();
        assert_eq!(out, format!("{value}\n"), "{name}");
    }
    let (_, host, _) = exec(room, &lease, "web", &["hostname"], None).await.unwrap();
    assert_eq!(host, "web-0\n");
    room.remove(&lease).await.unwrap();
}

async fn logs_can_be_tailed_filtered_and_followed(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(8);
    let web = sh(bed, "web", "echo one; echo two; echo three; sleep 100000");
    let db = sh(bed, "db", "echo four; sleep 100000");
    room.apply(&lease, &workload([web, db])).await.unwrap();
    ready(room, &lease).await;
    let web_only = LogQuery { services: vec!["web".to_owned()], ..LogQuery::default() };
    eventually("all lines", || async {
        let lines = log_lines(room, &lease, web_only.clone()).await;
        (lines == ["one", "two", "three"]).then_some(())
    })
    .await;
    let tail = LogQuery { tail: Some(2), ..web_only.clone() };
    assert_eq!(log_lines(room, &lease, tail).await, ["two", "three"]);
    eventually("both services", || async {
        let mut all = log_lines(room, &lease, LogQuery::default()).await;
        all.sort();
        (all == ["four", "one", "three", "two"]).then_some(())
    })
    .await;
    let nobody = LogQuery { services: vec!["nobody".to_owned()], ..LogQuery::default() };
    assert!(matches!(room.logs(&lease, nobody).await.err(), Some(Error::NoService(_))));
    let follow = LogQuery { follow: true, tail: Some(0), timestamps: true, ..web_only };
    let mut live = room.logs(&lease, follow).await.unwrap();
    // Lines of the first process's output, written once the reader has surely begun.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for text in ["five", "six"] {
        let script = format!("echo {text} > /proc/1/fd/1");
        let wrote = exec(room, &lease, "web", &["sh", "-c", &script], None).await.unwrap();
        assert_eq!(wrote.0, 0, "{wrote:?}");
        let line = tokio::time::timeout(Duration::from_secs(10), live.next()).await;
        let line = line.expect("in time").expect("a line");
        assert_eq!((line.text.as_str(), line.source), (text, Source::Stdout));
        assert_eq!(line.service, "web");
        assert!(line.replica.starts_with("web-") && line.replica.ends_with("-0"));
        assert!(line.timestamp.is_some_and(|at| at.ends_with('Z')));
    }
    room.remove(&lease).await.unwrap();
}

async fn commands_run_and_say_how_they_ended(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(9);
    room.apply(&lease, &workload([idle(bed, "web")])).await.unwrap();
    ready(room, &lease).await;
    let ran = exec(room, &lease, "web", &["echo", "hello", "there"], None).await;
    assert_eq!(ran, Ok((0, "hello there\n".to_owned(), String::new())));
    let ran = exec(room, &lease, "web", &["sh", "-c", "exit 3"], None).await.unwrap();
    assert_eq!(ran.0, 3);
    let ran = exec(room, &lease, "web", &["cat"], Some("typed")).await;
    assert_eq!(ran, Ok((0, "typed".to_owned(), String::new())));
    let (code, out, err) = exec(room, &lease, "web", &["cat", "/absent"], None).await.unwrap();
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("No such file"), "{err}");
    let ran = exec(room, &lease, "web", &["no-such-program"], None).await;
    assert_eq!(ran, Err(Error::CommandNotFound("no-such-program".to_owned())));
    let ran = exec(room, &lease, "db", &["true"], None).await;
    assert_eq!(ran, Err(Error::NoService("db".to_owned())));
    let command = Command {
        service: "web".to_owned(),
        replica: 1,
        argv: vec!["true".to_owned()],
        tty: false,
    };
    let io = Stdio { input: None, output: mpsc::channel(1).0 };
    let ran = room.exec(&lease, command, io).await;
    assert_eq!(ran, Err(Error::ReplicaOutOfRange { last: 0 }));
    room.remove(&lease).await.unwrap();
}

async fn a_restarted_provider_finds_everything_again(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(10);
    let want = workload([idle(bed, "web")]);
    room.apply(&lease, &want).await.unwrap();
    let before = ready(room, &lease).await;
    let restarted = bed.open("contract").await;
    let found = restarted.list().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].lease, lease);
    assert_eq!(found[0].workload.as_ref(), Some(&want));
    assert_eq!(restarted.status(&lease).await.unwrap(), Some(before.clone()));
    restarted.apply(&lease, &want).await.unwrap();
    assert_eq!(restarted.status(&lease).await.unwrap(), Some(before));
    restarted.remove(&lease).await.unwrap();
    assert_eq!(room.list().await.unwrap(), []);
}

async fn owners_do_not_touch_each_other(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(11);
    let want = workload([idle(bed, "web")]);
    room.apply(&lease, &want).await.unwrap();
    let other = bed.open("somebody-else").await;
    assert_eq!(other.list().await.unwrap(), []);
    assert_eq!(other.status(&lease).await.unwrap(), None);
    other.remove(&lease).await.unwrap();
    let mine = ready(room, &lease).await;
    // Even the same lease id, as two chains may have, is two workloads.
    other.apply(&lease, &want).await.unwrap();
    let theirs = ready(other.as_ref(), &lease).await;
    assert_ne!(ids(&mine, "web"), ids(&theirs, "web"));
    other.remove(&lease).await.unwrap();
    assert_eq!(ready(room, &lease).await, mine);
    room.remove(&lease).await.unwrap();
}

async fn a_forwarded_port_stays_the_same(bed: &dyn Bed, room: &dyn Backend) {
    let (one, two) = (lease(12), lease(13));
    let expose = |proto| Expose { port: 7000, proto, global: true, ..Expose::default() };
    let mut db = idle(bed, "db");
    db.exposes = vec![expose(Proto::Tcp), expose(Proto::Udp)];
    db.exposes.push(Expose { port: 7001, ..Expose::default() });
    let mut want = workload([db]);
    room.apply(&one, &want).await.unwrap();
    room.apply(&two, &want).await.unwrap();
    let ports = |status: &Status| status.services["db"].forwarded_ports.clone();
    let first = ports(&ready(room, &one).await);
    let second = ports(&ready(room, &two).await);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!((first[0].port, first[0].proto), (7000, Proto::Tcp));
    assert_eq!(first[0].host, "provider.test");
    assert_ne!(first[0].external_port, second[0].external_port);
    want.services[0].env.push("VERSION=2".to_owned());
    room.apply(&one, &want).await.unwrap();
    assert_eq!(ports(&ready(room, &one).await), first);
    room.remove(&one).await.unwrap();
    room.remove(&two).await.unwrap();
}

async fn a_missing_image_is_named_and_does_not_stop_its_neighbours(
    bed: &dyn Bed,
    room: &dyn Backend,
) {
    let lease = lease(14);
    let mut bad = idle(bed, "bad");
    bad.image = bed.missing_image();
    let mut want = workload([bad, idle(bed, "good")]);
    let failed = room.apply(&lease, &want).await;
    assert!(
        matches!(&failed, Err(Error::Image { image, .. }) if *image == bed.missing_image()),
        "{failed:?}"
    );
    want.services[0].image = bed.image();
    room.apply(&lease, &want).await.unwrap();
    assert_eq!(ready(room, &lease).await.services["bad"].available, 1);
    // An update to an image that does not exist leaves the old one running.
    let before = ready(room, &lease).await;
    want.services[0].image = bed.missing_image();
    assert!(room.apply(&lease, &want).await.is_err());
    want.services[0].image = bed.image();
    room.apply(&lease, &want).await.unwrap();
    assert_eq!(ids(&ready(room, &lease).await, "bad"), ids(&before, "bad"));
    room.remove(&lease).await.unwrap();
}

async fn a_service_that_ends_is_not_available(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(15);
    let want = workload([sh(bed, "web", "exit 3")]);
    room.apply(&lease, &want).await.unwrap();
    let web = eventually("a restart", || async {
        let status = room.status(&lease).await.unwrap().unwrap();
        let web = status.services["web"].clone();
        let first = &web.replicas[0];
        let ended = first.state != ReplicaState::Running && first.restarts > 0;
        // While the engine starts it again it knows no code for a moment.
        (ended && first.exit_code == Some(3)).then_some(web)
    })
    .await;
    assert_eq!(web.available, 0);
    room.remove(&lease).await.unwrap();
}

async fn a_lost_container_comes_back(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(16);
    let want = workload([idle(bed, "web"), idle(bed, "db")]);
    room.apply(&lease, &want).await.unwrap();
    let before = ready(room, &lease).await;
    bed.lose(&lease, "web", 0).await;
    let status = room.status(&lease).await.unwrap().unwrap();
    assert_eq!((status.services["web"].total, status.services["web"].available), (1, 0));
    room.apply(&lease, &want).await.unwrap();
    let after = ready(room, &lease).await;
    assert_ne!(ids(&before, "web"), ids(&after, "web"));
    assert_eq!(ids(&before, "db"), ids(&after, "db"));
    room.remove(&lease).await.unwrap();
}

async fn changes_are_hinted(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(17);
    let changes = room.changes().filter(|change| std::future::ready(change.lease.dseq == 17));
    let (seen, mut read) = mpsc::channel(64);
    let listener = tokio::spawn(async move {
        let mut changes = changes;
        while let Some(change) = changes.next().await {
            if seen.send(change).await.is_err() {
                return;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.apply(&lease, &workload([idle(bed, "web")])).await.unwrap();
    room.remove(&lease).await.unwrap();
    let mut reasons = Vec::new();
    while !reasons.contains(&"Removed") {
        let change = tokio::time::timeout(Duration::from_secs(10), read.recv()).await;
        reasons.push(change.expect("in time").unwrap().kind.reason());
    }
    assert!(reasons.contains(&"Created") && reasons.contains(&"Started"), "{reasons:?}");
    listener.abort();
}

async fn the_inventory_knows_what_is_taken(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(18);
    let before = room.inventory().await.unwrap();
    let mut db = idle(bed, "db");
    db.count = 2;
    let volume = |name: &str, class| Volume {
        name: name.to_owned(),
        bytes: 1 << 20,
        class,
        mount: Some(format!("/{name}")),
        read_only: false,
    };
    db.resources.volumes = vec![
        volume("data", VolumeClass::Persistent(bed.class())),
        volume("ram", VolumeClass::Ram),
        volume("tmp", VolumeClass::Ephemeral),
    ];
    room.apply(&lease, &workload([db])).await.unwrap();
    let after = room.inventory().await.unwrap();
    let (old, new) = (&before.nodes[0], &after.nodes[0]);
    assert!(new.cpu_milli.allocatable > 0 && new.memory_bytes.allocatable > 0);
    assert_eq!(new.cpu_milli.allocated - old.cpu_milli.allocated, 200);
    assert_eq!(new.memory_bytes.allocated - old.memory_bytes.allocated, 66 << 20);
    assert_eq!(new.ephemeral_bytes.allocated - old.ephemeral_bytes.allocated, 2 << 20);
    let pool = |inventory: &backend::Inventory| {
        inventory.storage.iter().find(|pool| pool.class == bed.class()).unwrap().bytes.allocated
    };
    assert_eq!(pool(&after) - pool(&before), 2 << 20);
    room.remove(&lease).await.unwrap();
    let end = room.inventory().await.unwrap();
    assert_eq!(end.nodes[0].cpu_milli, before.nodes[0].cpu_milli);
    assert_eq!(end.storage, before.storage);
}

async fn contradictions_are_refused(bed: &dyn Bed, room: &dyn Backend) {
    let lease = lease(19);
    let twice = workload([idle(bed, "web"), idle(bed, "web")]);
    assert!(matches!(room.apply(&lease, &twice).await, Err(Error::Invalid(_))));
    let named = workload([idle(bed, "../web")]);
    assert!(matches!(room.apply(&lease, &named).await, Err(Error::Invalid(_))));
    let mut tee = idle(bed, "web");
    tee.params.tee = Some("sev".to_owned());
    assert!(matches!(room.apply(&lease, &workload([tee])).await, Err(Error::Unsupported(_))));
    assert_eq!(room.status(&lease).await.unwrap(), None, "nothing was touched");
}
