//! The doors: the gateway over real TLS, and the ingress.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use backend::Backend as _;
use futures::{SinkExt as _, StreamExt as _};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::Message;
use types::{ids::LeaseId, wire::akash::market::v1::LeaseClosedReason};

use crate::{
    Handle,
    testing::{
        Job, STRANGER, TENANT, World, account, address_text, eventually, running, signer, token_of,
    },
};

/// Believes every server: what the gateway presents is compared by the tests themselves.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

pub(super) type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A tenant's way to one gateway.
pub(super) struct Door {
    address: SocketAddr,
    pub(super) token: Option<String>,
    pub(super) identity: Option<Identity>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: String,
    pub(super) text: String,
}

impl Door {
    pub(super) fn open(_: &World, handle: &Handle, tenant: u8) -> Door {
        Door { address: handle.gateway, token: Some(token_of(tenant)), identity: None }
    }

    pub(super) fn with_token(&self, token: Option<&str>) -> Door {
        Door { address: self.address, token: token.map(str::to_owned), identity: None }
    }

    pub(super) async fn tls(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone));
        let config = match &self.identity {
            Some((certificate, key)) => {
                config.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> std::io::Result<Answer> {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
        self.exchange(request).await
    }

    /// Asks for a websocket and goes away as soon as the answer is there.
    pub(super) async fn knock(&self, path: &str) -> std::io::Result<Answer> {
        let request = Request::get(path)
            .header("host", "localhost")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        self.exchange(request.body(Full::new(bytes::Bytes::new())).unwrap()).await
    }

    async fn exchange(&self, mut request: Request<Full<bytes::Bytes>>) -> std::io::Result<Answer> {
        if let Some(token) = &self.token {
            let value = http::HeaderValue::from_str(token).unwrap();
            request.headers_mut().insert("authorization", value);
        }
        let stream = self.tls(&[&rustls::version::TLS13]).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.map_err(std::io::Error::other)?;
        connection.abort();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        Ok(Answer { status, kind: kind.unwrap_or_default(), text })
    }

    pub(super) async fn ask(&self, path: &str) -> Answer {
        self.with_bearer().send(Method::GET, path, Vec::new()).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> serde_json::Value {
        let answer = self.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    /// The token as a header, unless it is one already.
    fn with_bearer(&self) -> Door {
        let token = self
            .token
            .as_ref()
            .map(|it| if it.contains(' ') { it.clone() } else { format!("Bearer {it}") });
        let identity = self.identity.as_ref().map(|(it, key)| (it.clone(), key.clone_key()));
        Door { address: self.address, token, identity }
    }

    /// Sends a manifest as a client does: again while there is no lease yet.
    pub(super) async fn accepts(&self, dseq: u64, job: &Job) {
        for _ in 0..100 {
            let (status, text) = put(self, dseq, job.body()).await;
            match status {
                200 => return assert_eq!(text, ""),
                404 => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => panic!("{status}: {text}"),
            }
        }
        panic!("no lease for the manifest");
    }

    pub(super) async fn status_when_ready(&self, lease: &LeaseId) -> serde_json::Value {
        let path = format!("/lease/{}/{}/{}/status", lease.dseq, lease.gseq, lease.oseq);
        for _ in 0..500 {
            let answer = self.ask(&path).await;
            if answer.status == 200 {
                let status: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
                let services = status["services"].as_object().unwrap();
                if services.values().all(|it| it["available"] == it["total"]) {
                    return status;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never ready");
    }

    /// Messages until the server closes, and the close frame.
    pub(super) async fn listen(
        &self,
        path: &str,
        say: Vec<Message>,
    ) -> (Vec<Message>, Option<(u16, String)>) {
        let door = self.with_bearer();
        let stream = door.tls(&[&rustls::version::TLS13]).await.unwrap();
        let mut request = Request::builder()
            .uri(format!("wss://localhost{path}"))
            .header("host", "localhost")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(token) = &door.token {
            request = request.header("authorization", token.as_str());
        }
        let request = request.body(()).unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        for it in say {
            socket.send(it).await.unwrap();
        }
        let mut heard = Vec::new();
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await;
            match next.expect("the server says nothing") {
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|it| (u16::from(it.code), it.reason.to_string()));
                    return (heard, frame);
                }
                Some(Ok(it)) => heard.push(it),
                Some(Err(_)) | None => return (heard, None),
            }
        }
    }
}

pub(super) async fn put(door: &Door, dseq: u64, body: Vec<u8>) -> (u16, String) {
    let path = format!("/deployment/{dseq}/manifest");
    let answer = door.with_bearer().send(Method::PUT, &path, body).await.unwrap();
    (answer.status, answer.text)
}

/// A certificate of an account, and its message for the chain.
pub(super) fn certificate(
    owner: u8,
) -> (Identity, types::wire::akash::cert::v1::MsgCreateCertificate, String) {
    let made =
        client::cert::generate(&address_text(owner), &[], client::cert::DEFAULT_LIFE).unwrap();
    let identity = (
        CertificateDer::from_pem_slice(made.certificate_pem.as_bytes()).unwrap(),
        PrivateKeyDer::from_pem_slice(made.key_pem.as_bytes()).unwrap(),
    );
    (identity, made.message(), made.serial)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_presents_the_certificate_that_the_chain_knows_over_tls_1_3_alone() {
    let world = World::new();
    let handle = world.start().await;
    let door = Door::open(&world, &handle, TENANT);
    let stream = door.tls(&[&rustls::version::TLS13]).await.unwrap();
    let presented = stream.get_ref().1.peer_certificates().unwrap().to_vec();
    let published = world.chain.published().remove(0);
    assert_eq!(presented, [CertificateDer::from_pem_slice(&published.cert).unwrap()]);
    assert!(door.tls(&[&rustls::version::TLS12]).await.is_err());
    let mut plain = TcpStream::connect(handle.gateway).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    plain.shutdown().await.unwrap();
    let mut said = String::new();
    plain.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.0 400 Bad Request"), "{said}");
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_client_deploys_and_reads_through_the_gateway() {
    use client::gateway::{Gateway, LogQuery};
    let world = World::new();
    let handle = world.start().await;
    let job = Job::web();
    let lease = world.lease(TENANT, 7, &job).await;
    let certificates: Vec<Vec<u8>> =
        world.chain.published().into_iter().map(|it| it.cert).collect();
    let uri = format!("https://localhost:{}", handle.gateway.port());
    let provider = handle.address().to_string();
    let open = |certificates: &[Vec<u8>]| {
        Gateway::new(&uri, &provider, certificates, Some(Arc::new(signer(TENANT)))).unwrap()
    };
    let gateway = open(&certificates);
    let text = String::from_utf8(job.body()).unwrap();
    gateway.send_manifest(7, &text, Duration::from_secs(10)).await.unwrap();
    Door::open(&world, &handle, TENANT).status_when_ready(&lease).await;
    let id = types::wire::akash::market::v1::LeaseId::from(&lease);
    assert!(gateway.lease_status(&id).await.unwrap().is_ready());
    let service = gateway.service_status(&id, "web").await.unwrap();
    assert_eq!((service.name.as_str(), service.ready_replicas), ("web", 1));
    let manifest = gateway.get_manifest(&id).await.unwrap();
    assert_eq!(manifest[0]["services"][0]["image"], "nginx:1.27");
    world.room.write_log(&lease, "web", 0, "hello");
    let query = LogQuery { tail: Some(1), ..LogQuery::default() };
    let lines: Vec<_> = gateway.logs(&id, &query).await.unwrap().collect().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].as_ref().unwrap().message, "hello");
    assert_eq!(gateway.declines(&address_text(TENANT), 7).await.unwrap(), []);
    // A gateway whose certificate is not on chain is not talked to.
    assert!(open(&[]).lease_status(&id).await.is_err());
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_count_when_the_chain_holds_them() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    Door::open(&world, &handle, TENANT).accepts(7, &Job::web()).await;
    let path = format!("/lease/{}/1/1/status", lease.dseq);
    let (identity, message, serial) = certificate(TENANT);
    let door = Door { address: handle.gateway, token: None, identity: Some(identity) };
    let refused = door.send(Method::GET, &path, Vec::new()).await;
    assert!(refused.is_err(), "a certificate that is not on chain");
    world.chain.publish(&message, &serial);
    Door::open(&world, &handle, TENANT).status_when_ready(&lease).await;
    let answer = door.send(Method::GET, &path, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let both = Door { token: Some(format!("Bearer {}", token_of(TENANT))), ..door };
    let answer = both.send(Method::GET, "/address", Vec::new()).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("ambiguous authentication"), "{}", answer.text);

    let (identity, message, serial) = certificate(STRANGER);
    world.chain.publish(&message, &serial);
    let other = Door { address: handle.gateway, token: None, identity: Some(identity) };
    let answer = other.send(Method::GET, &path, Vec::new()).await.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (404, ""), "another owner learns nothing");
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_issuer_does_not_get_in_the_way_of_others() {
    let world = World::new();
    let handle = world.start().await;
    let door = Door::open(&world, &handle, TENANT);
    for number in [50, 51, 52] {
        let unknown = door.with_token(Some(&token_of(number)));
        assert_eq!(unknown.ask("/address").await.status, 401);
    }
    assert_eq!(door.ask("/address").await.status, 200);
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn declines_are_there_to_be_read() {
    let world = World::new();
    let handle = world.start().await;
    let mut job = Job::web();
    job.group.resources[0].resource.cpu.as_mut().unwrap().units = crate::quantity::write(64_000);
    let order = world.chain.deploy(TENANT, 7, &job);
    eventually("a decline", || !handle.declines().is_empty()).await;
    let door = Door::open(&world, &handle, TENANT).with_token(None);
    let read = door.get(&format!("/declines?order={order}")).await;
    assert_eq!(read["declines"][0]["dimension"], "cpu");
    assert_eq!(read["declines"][0]["shortfall"], 62_000);
    let owner = account(STRANGER);
    let read = door.get(&format!("/declines?owner={owner}")).await;
    assert_eq!(read["declines"], serde_json::json!([]));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_events_are_streamed() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    let (heard, close) = door.listen("/lease/7/1/1/logs?follow=false", Vec::new()).await;
    assert_eq!((heard.len(), close), (0, Some((4001, String::new()))), "no manifest yet");
    door.accepts(7, &Job::web()).await;
    door.status_when_ready(&lease).await;
    world.room.write_log(&lease, "web", 0, "first");
    world.room.write_log(&lease, "web", 0, "second");
    let (heard, close) = door.listen("/lease/7/1/1/logs?follow=false&tail=1", Vec::new()).await;
    let texts: Vec<String> = heard.iter().map(|it| it.to_text().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with("{\"name\":\"web-") && texts[0].ends_with("\"message\":\"second\"}\n")
    );
    assert_eq!(close.map(|it| it.0), Some(1000));
    let (_, close) = door.listen("/lease/7/1/1/logs?service=nope", Vec::new()).await;
    assert_eq!(close, Some((4000, "no running pods".to_owned())));
    let stranger = door.with_token(Some(&token_of(STRANGER)));
    let (_, close) = stranger.listen("/lease/7/1/1/logs", Vec::new()).await;
    assert_eq!(close.map(|it| it.0), Some(4001));
    let (heard, close) = door.listen("/lease/7/1/1/kubeevents?follow=false", Vec::new()).await;
    assert!(heard.iter().any(|it| it.to_text().unwrap().contains("\"reason\":\"Started\"")));
    assert_eq!(close.map(|it| it.0), Some(1000));
    let answer = door.ask("/lease/7/1/1/logs").await;
    assert_eq!((answer.status, answer.text.as_str()), (400, "Bad Request\n"));
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_logs_hears_new_lines_until_the_provider_stops() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    door.status_when_ready(&lease).await;
    let room = Arc::clone(&world.room);
    let listening = tokio::spawn(async move {
        door.listen("/lease/7/1/1/logs?follow=true&tail=0", Vec::new()).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    room.write_log(&lease, "web", 0, "fresh");
    tokio::time::sleep(Duration::from_millis(300)).await;
    handle.shutdown().await;
    let (heard, _) = listening.await.unwrap();
    assert!(heard.iter().any(|it| it.to_text().is_ok_and(|it| it.contains("fresh"))), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_runs_a_command_and_says_how_it_ended() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    door.status_when_ready(&lease).await;
    let path = |rest: &str| format!("/lease/7/1/1/shell?{rest}&tty=0&podIndex=0");
    let frames = |heard: Vec<Message>| -> Vec<Vec<u8>> {
        let binary = heard.into_iter().filter(Message::is_binary);
        binary.map(|it| it.into_data().to_vec()).collect()
    };
    let run = path("cmd0=echo&cmd1=hello&service=web&stdin=0");
    let (heard, _) = door.listen(&run, Vec::new()).await;
    let heard = frames(heard);
    assert_eq!(heard.first().unwrap(), b"dhello\n", "{heard:?}");
    assert_eq!(heard.last().unwrap(), b"f{\"exit_code\":0}\n");
    let (heard, _) = door.listen(&path("cmd0=echo&service=nope&stdin=0"), Vec::new()).await;
    assert_eq!(
        frames(heard).last().unwrap(),
        b"f{\"exit_code\":0,\"message\":\"kube: no service for that lease\"}\n"
    );
    let (heard, _) = door.listen(&path("cmd0=/nope&service=web&stdin=0"), Vec::new()).await;
    assert_eq!(
        frames(heard).last().unwrap(),
        b"f{\"exit_code\":0,\"message\":\"remote command execute error: command could not be executed because it does not exist\"}\n"
    );
    world.room.crash(&lease, "web", 0, 1);
    let (heard, _) = door.listen(&run, Vec::new()).await;
    let last = frames(heard).pop().unwrap();
    assert_eq!(last, b"f{\"exit_code\":0,\"message\":\"no active replicase for service\"}\n");
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_has_one_owner_and_moves_only_by_its_owner() {
    let world = World::new();
    let handle = world
        .start_with(|it| it.ingress.blocked_hostnames = vec!["blocked.example.org".into()])
        .await;
    let mine = Door::open(&world, &handle, TENANT);
    let theirs = Door::open(&world, &handle, STRANGER);
    let job = Job::at("app.example.com");
    let first = world.lease(TENANT, 7, &job).await;
    let second = world.lease(TENANT, 8, &job).await;
    world.lease(STRANGER, 9, &job).await;
    let blocked = Job::at("blocked.example.org");
    world.lease(STRANGER, 10, &blocked).await;
    mine.accepts(7, &job).await;
    mine.accepts(8, &job).await;
    eventually("the lease is known", || handle.counters().leases == 4).await;
    let (status, text) = put(&theirs, 9, job.body()).await;
    assert_eq!(
        (status, text.as_str()),
        (500, "hostname not allowed: host \"app.example.com\" in use\n")
    );
    let (status, text) = put(&theirs, 10, blocked.body()).await;
    assert_eq!(
        (status, text.as_str()),
        (500, "hostname not allowed: \"blocked.example.org\" is blocked by this provider\n")
    );
    let uris = async |lease: &LeaseId| {
        let status = mine.status_when_ready(lease).await;
        serde_json::from_value::<Vec<String>>(status["services"]["web"]["uris"].clone()).unwrap()
    };
    let has = |uris: Vec<String>| uris.iter().any(|it| it == "app.example.com");
    assert!(has(uris(&first).await) && !has(uris(&second).await), "withheld from the second");
    let migrate = async |door: &Door, dseq: u64, host: &str| {
        let body = serde_json::json!({
            "hostnames_to_migrate": [host], "destination_dseq": dseq, "destination_gseq": 1
        });
        let body = serde_json::to_vec(&body).unwrap();
        let answer =
            door.with_bearer().send(Method::POST, "/hostname/migrate", body).await.unwrap();
        (answer.status, answer.text)
    };
    assert_eq!(
        migrate(&theirs, 8, "app.example.com").await,
        (400, "destination deployment does not exist\n".into())
    );
    assert_eq!(
        migrate(&mine, 8, "zzz.example.org").await,
        (400, "the hostname \"zzz.example.org\" is not used by this deployment\n".into())
    );
    assert_eq!(
        migrate(&mine, 8, "app.example.com").await,
        (200, "{\"transferred\":[\"app.example.com\"]}".into())
    );
    assert!(!has(uris(&first).await) && has(uris(&second).await));
    // It is kept across a restart, and free again when its lease ends.
    drop(handle);
    let handle = world.start().await;
    let mine = Door::open(&world, &handle, TENANT);
    let status = mine.status_when_ready(&second).await;
    assert!(status["services"]["web"]["uris"].to_string().contains("app.example.com"));
    world.chain.close_lease(&second, LeaseClosedReason::LeaseClosedOwner);
    world.chain.close_lease(&first, LeaseClosedReason::LeaseClosedOwner);
    let theirs = Door::open(&world, &handle, STRANGER);
    for _ in 0..200 {
        if put(&theirs, 9, job.body()).await.0 == 200 {
            handle.shutdown().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the name is never free again");
}

/// A web server of one answer, which also upgrades.
async fn web_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    if socket.read(&mut byte).await.unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                if head.contains("upgrade: echo") {
                    let yes = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
                    socket.write_all(yes.as_bytes()).await.unwrap();
                    let (mut from, mut to) = socket.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    return;
                }
                let text = format!("{head}|page");
                let page =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                let _ = socket.write_all(page.as_bytes()).await;
            });
        }
    });
    address
}

async fn ingress(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ingress_leads_a_host_name_to_its_container() {
    let world = World::new();
    let handle = world.start().await;
    let front = handle.ingress.unwrap();
    let get =
        |host: &str| format!("GET /x?y=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let nobody = ingress(front, &get("nobody.example")).await;
    assert!(nobody.starts_with("HTTP/1.1 404") && nobody.contains("nobody.example"), "{nobody}");

    world.room.answer_at("web", web_server().await);
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    let status = door.status_when_ready(&lease).await;
    for host in status["services"]["web"]["uris"].as_array().unwrap() {
        let host = host.as_str().unwrap();
        let page = ingress(front, &get(&format!("{host}:8080"))).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("|page"), "{page}");
        assert!(
            page.contains("get /x?y=1 http/1.1") && page.contains("x-forwarded-for: 127.0.0.1")
        );
        assert!(page.contains(&format!("host: {host}:8080")), "{page}");
    }
    let long = "POST / HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n";
    assert!(ingress(front, long).await.starts_with("HTTP/1.1 413"));

    let mut socket = TcpStream::connect(front).await.unwrap();
    let upgrade =
        "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    socket.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    socket.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");

    world.room.crash(&lease, "web", 0, 1);
    for _ in 0..200 {
        let page = ingress(front, &get("app.example.com")).await;
        if page.starts_with("HTTP/1.1 503") {
            handle.shutdown().await;
            return;
        }
        // The monitor may have healed it meanwhile.
        world.room.crash(&lease, "web", 0, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a service without replicas still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_service_answers_over_grpc() {
    use prost::Message as _;
    use types::wire::akash::provider::v1::Status;
    let world = World::new();
    let handle = world.start().await;
    let door = Door { address: handle.grpc.unwrap(), token: None, identity: None };
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(door.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (method, header) in [("GetStatus", "Bearer x"), ("StreamStatus", "")] {
        let request =
            Request::post(format!("https://localhost/akash.provider.v1.ProviderRPC/{method}"))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("authorization", header)
                .body(Full::new(bytes::Bytes::from_static(&[0; 5])))
                .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let mut body = response.into_body();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let status = Status::decode(&frame[5..]).unwrap();
        let cluster = status.cluster.unwrap().inventory.cluster;
        let cpu = &cluster.nodes[0].resources.cpu.quantity;
        assert_eq!(cpu.allocatable.as_ref().unwrap().string.as_deref(), Some("2"));
        assert_eq!(status.public_hostnames, ["provider.example.com"]);
    }
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_in_time_with_connections_open() {
    let world = World::new();
    let handle = world.start().await;
    let lease = world.lease(TENANT, 7, &Job::web()).await;
    let door = Door::open(&world, &handle, TENANT);
    door.accepts(7, &Job::web()).await;
    door.status_when_ready(&lease).await;
    let _idle = door.tls(&[&rustls::version::TLS13]).await.unwrap();
    let began = std::time::Instant::now();
    handle.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!(running(&world.room).await.contains(&lease));
    assert!(world.room.status(&lease).await.unwrap().is_some());
}
