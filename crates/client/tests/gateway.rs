//! The tenant's side of a gateway against a server with TLS, tokens and streams.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        Path, Query, State,
        ws::{CloseFrame, Message, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use client::{
    LocalSigner, Signer,
    cert::{self, NewCertificate},
    gateway::{Gateway, GatewayError, LogQuery, jwt},
    keys::{PrivateKey, PublicKey},
};
use futures::StreamExt;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use types::wire::akash::market::v1::LeaseId;

#[derive(Clone)]
struct Provider {
    key: PublicKey,
    /// How many offers of a manifest are refused before one is taken.
    refusals: Arc<std::sync::atomic::AtomicUsize>,
    manifests: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Provider {
    fn check(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let value = headers.get("authorization").ok_or(StatusCode::UNAUTHORIZED)?;
        let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let parsed = jwt::Unverified::parse(token).unwrap();
        parsed.verify(&self.key, now.as_secs()).map(drop).map_err(|_| StatusCode::UNAUTHORIZED)
    }
}

async fn manifest(
    State(provider): State<Provider>,
    Path(dseq): Path<u64>,
    headers: HeaderMap,
    body: String,
) -> Response {
    use std::sync::atomic::Ordering;
    if let Err(status) = provider.check(&headers) {
        return (status, r#"{"message":"unauthorized access"}"#).into_response();
    }
    assert_eq!(dseq, 7);
    let left =
        provider.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
    if left.is_ok() {
        return (StatusCode::NOT_FOUND, "no lease for deployment\n").into_response();
    }
    if body.contains("bad") {
        let text = "invalid manifest: zero global services\n";
        return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    provider.manifests.lock().unwrap().push(body);
    StatusCode::OK.into_response()
}

async fn status(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    if let Err(status) = provider.check(&headers) {
        return status.into_response();
    }
    let body = r#"{"services":{"web":{"name":"web","available":1,"total":1,"uris":["a.example.com"],
        "observed_generation":1,"replicas":1,"updated_replicas":1,"ready_replicas":1,
        "available_replicas":1},"db":{"name":"db","available":0,"total":1,"uris":null,
        "observed_generation":1,"replicas":1,"updated_replicas":1,"ready_replicas":0,
        "available_replicas":0}},"forwarded_ports":{"db":[{"host":"p.example.com","port":22,
        "externalPort":31022,"proto":"TCP","name":"db"}]},"ips":null}"#;
    ([("content-type", "application/json")], body).into_response()
}

async fn logs(
    State(provider): State<Provider>,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(status) = provider.check(&headers) {
        return status.into_response();
    }
    upgrade.on_upgrade(move |mut socket| async move {
        if query.get("service").map(String::as_str) == Some("missing") {
            let frame = CloseFrame { code: 4000, reason: "no running pods".into() };
            let _ = socket.send(Message::Close(Some(frame))).await;
            return;
        }
        for line in ["one", "two"] {
            let text = format!("{{\"name\":\"web-1\",\"message\":\"{line}\"}}\n");
            let _ = socket.send(Message::text(text)).await;
        }
        // The reference ends a stream by closing the connection without a word.
    })
}

/// A provider with this certificate.
async fn start(made: &NewCertificate, tenant: PublicKey) -> (SocketAddr, Provider) {
    let provider = Provider { key: tenant, refusals: Arc::default(), manifests: Arc::default() };
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(made.certificate_pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(made.key_pem.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/deployment/{dseq}/manifest", put(manifest))
        .route("/lease/7/1/1/status", get(status))
        .route("/lease/7/1/1/logs", get(logs))
        .route("/status", get(|| async { axum::Json(serde_json::json!({ "ok": true })) }))
        .with_state(provider.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let io = hyper_util::rt::TokioIo::new(stream);
                let service = hyper_util::service::TowerToHyperService::new(router);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, service)
                    .with_upgrades()
                    .await;
            });
        }
    });
    (address, provider)
}

fn account() -> Arc<LocalSigner> {
    Arc::new(LocalSigner::new(PrivateKey::generate()))
}

fn server_certificate(owner: &str) -> NewCertificate {
    cert::generate(owner, &["127.0.0.1".to_owned()], cert::DEFAULT_LIFE).unwrap()
}

fn lease(provider: &str) -> LeaseId {
    LeaseId { dseq: 7, gseq: 1, oseq: 1, provider: provider.to_owned(), ..Default::default() }
}

struct Stage {
    gateway: Gateway,
    provider: Provider,
    lease: LeaseId,
}

async fn stage() -> Stage {
    let (owner, tenant) = (account(), account());
    let made = server_certificate(owner.address());
    let (address, provider) = start(&made, tenant.public_key()).await;
    let pem = made.certificate_pem.clone().into_bytes();
    let uri = format!("https://{address}");
    let gateway = Gateway::new(&uri, owner.address(), &[pem], Some(tenant)).unwrap();
    Stage { gateway, provider, lease: lease(owner.address()) }
}

#[tokio::test]
async fn a_manifest_is_sent_with_a_token_and_again_until_the_lease_is_seen() {
    let stage = stage().await;
    stage.provider.refusals.store(2, std::sync::atomic::Ordering::SeqCst);
    stage.gateway.send_manifest(7, "[]", Duration::from_secs(20)).await.unwrap();
    assert_eq!(*stage.provider.manifests.lock().unwrap(), ["[]"]);
    // A manifest that is wrong stays wrong.
    let error = stage.gateway.send_manifest(7, "bad", Duration::from_secs(20)).await.unwrap_err();
    match &error {
        GatewayError::Refused { status: 422, text, .. } => {
            assert_eq!(text, "invalid manifest: zero global services");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_status_is_read_and_knows_when_everything_runs() {
    let stage = stage().await;
    let mut status = stage.gateway.lease_status(&stage.lease).await.unwrap();
    assert!(!status.is_ready());
    assert_eq!(status.services["web"].uris, ["a.example.com"]);
    assert_eq!(status.forwarded_ports["db"][0].external_port, 31022);
    status.services.get_mut("db").unwrap().available = 1;
    assert!(status.is_ready());
    assert_eq!(stage.gateway.status().await.unwrap()["ok"], true);
}

#[tokio::test]
async fn logs_are_streamed_and_an_error_of_the_provider_ends_them() {
    let stage = stage().await;
    let lines = stage.gateway.logs(&stage.lease, &LogQuery::default()).await.unwrap();
    let lines: Vec<String> = lines.map(|it| it.unwrap().message).collect().await;
    assert_eq!(lines, ["one", "two"]);

    let query = LogQuery { services: vec!["missing".to_owned()], ..Default::default() };
    let mut lines = Box::pin(stage.gateway.logs(&stage.lease, &query).await.unwrap());
    match lines.next().await {
        Some(Err(GatewayError::Closed { code: 4000, text, .. })) => {
            assert_eq!(text, "no running pods");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_of_another_account_is_refused() {
    let (owner, tenant, stranger) = (account(), account(), account());
    let made = server_certificate(owner.address());
    let (address, _) = start(&made, tenant.public_key()).await;
    let pems = [made.certificate_pem.clone().into_bytes()];
    let uri = format!("https://{address}");
    let gateway = Gateway::new(&uri, owner.address(), &pems, Some(stranger)).unwrap();
    let error = gateway.put_manifest(7, "[]").await.unwrap_err();
    assert!(matches!(error, GatewayError::Refused { status: 401, .. }), "{error:?}");
    let error = gateway.logs(&lease(owner.address()), &LogQuery::default()).await.err().unwrap();
    assert!(matches!(error, GatewayError::Refused { status: 401, .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_that_the_chain_does_not_know_is_not_trusted() {
    let owner = account();
    let shown = server_certificate(owner.address());
    let published = server_certificate(owner.address());
    let (address, _) = start(&shown, owner.public_key()).await;
    let uri = format!("https://{address}");
    for known in [vec![published.certificate_pem.into_bytes()], Vec::new()] {
        let gateway = Gateway::new(&uri, owner.address(), &known, None).unwrap();
        let error = gateway.status().await.unwrap_err();
        assert!(matches!(error, GatewayError::Unreachable { .. }), "{error:?}");
        let mut text = String::new();
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(it) = next {
            text.push_str(&it.to_string());
            next = it.source();
        }
        assert!(text.contains("not one that the chain knows"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_in_the_name_of_another_account_is_not_trusted() {
    let (owner, other) = (account(), account());
    let made = server_certificate(other.address());
    let (address, _) = start(&made, owner.public_key()).await;
    let known = [made.certificate_pem.clone().into_bytes()];
    let gateway =
        Gateway::new(&format!("https://{address}"), owner.address(), &known, None).unwrap();
    assert!(gateway.status().await.is_err());
}

#[tokio::test]
async fn an_address_without_tls_is_refused_before_anything_is_sent() {
    let error = Gateway::new("http://127.0.0.1:1", "akash1x", &[], None).err().unwrap();
    assert!(matches!(error, GatewayError::BadUri { .. }), "{error}");
}
