//! The tenant's side of a provider's gateway: manifest, status, logs and events over TLS, with a
//! token that the wallet signs.
//!
//! Called by the command line and by end-to-end tests; calls the provider. Source: provider.md 4.
//! It knows nothing of the chain but what [`Gateway::connect`] asks: where the provider listens and
//! which certificates it published.

pub mod jwt;
mod tls;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{Stream, StreamExt};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_tungstenite::{
    Connector,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest},
};
use types::wire::akash::market::v1::LeaseId;

pub use self::tls::Identity;
use crate::{
    chain::Chain,
    error::{Cause, Error},
    keys::Signer,
};

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause between two offers of a manifest to a provider that has not seen the lease yet.
const MANIFEST_PAUSE: Duration = Duration::from_millis(500);

/// A conversation with a provider that failed.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The provider is not registered.
    #[error("there is no provider {0} on the chain")]
    NoProvider(String),
    /// The address that the provider registered cannot be used.
    #[error("the provider {provider} registered the address `{uri}`: {detail}")]
    BadUri {
        /// The provider.
        provider: String,
        /// What it registered.
        uri: String,
        /// Why it cannot be used.
        detail: String,
    },
    /// Nobody answered, or TLS failed.
    #[error("could not {what}: the provider at {uri} does not answer")]
    Unreachable {
        /// What was attempted.
        what: String,
        /// Where.
        uri: String,
        /// What the transport said.
        #[source]
        source: Cause,
    },
    /// The provider answered with an error.
    #[error("could not {what}: the provider answered {status}: {text}")]
    Refused {
        /// What was attempted.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// A stream ended with an error of the provider.
    #[error("could not {what}: the provider closed the stream: {text} ({code})")]
    Closed {
        /// What was attempted.
        what: String,
        /// The WebSocket close code.
        code: u16,
        /// Its words.
        text: String,
    },
    /// An answer that is not what the protocol says.
    #[error("could not {what}: the provider gave an answer that is not understood: {detail}")]
    BadAnswer {
        /// What was attempted.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The TLS settings cannot be used.
    #[error("could not prepare TLS")]
    Tls(#[source] rustls::Error),
}

impl GatewayError {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            GatewayError::NoProvider(_) => "see `haggle query provider providers`".to_owned(),
            GatewayError::BadUri { .. } | GatewayError::BadAnswer { .. } => {
                "the provider is set up wrongly; choose another one".to_owned()
            }
            GatewayError::Unreachable { .. } => {
                "try again; if the provider stays away, close the deployment and choose another"
                    .to_owned()
            }
            GatewayError::Refused { status: 401, .. } => {
                "only the owner of the lease may ask; check --from".to_owned()
            }
            GatewayError::Refused { status: 404, .. } => {
                "check the lease with `haggle leases`; the manifest may not have been sent"
                    .to_owned()
            }
            GatewayError::Closed { code: 4001, .. } => {
                "check the lease with `haggle leases`".to_owned()
            }
            GatewayError::Closed { code: 4000 | 4002, .. } => {
                "the service may be starting still; look at `haggle status DSEQ`".to_owned()
            }
            _ => return None,
        })
    }
}

type Result<T, E = GatewayError> = std::result::Result<T, E>;

/// What runs for a lease (provider.md 4.11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaseStatus {
    /// By service name.
    #[serde(deserialize_with = "null_as_default")]
    pub services: BTreeMap<String, ServiceStatus>,
    /// Global ports other than 80, by service name.
    #[serde(deserialize_with = "null_as_default")]
    pub forwarded_ports: BTreeMap<String, Vec<ForwardedPort>>,
    /// Leased addresses, by service name.
    #[serde(deserialize_with = "null_as_default")]
    pub ips: BTreeMap<String, Vec<LeasedIp>>,
}

impl LeaseStatus {
    /// Whether every replica of every service is there.
    pub fn is_ready(&self) -> bool {
        !self.services.is_empty()
            && self.services.values().all(|it| it.total > 0 && it.available >= it.total)
    }
}

/// What runs of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceStatus {
    /// The service.
    pub name: String,
    /// Replicas that answer.
    pub available: u32,
    /// Replicas wanted.
    pub total: u32,
    /// Host names that lead to it.
    #[serde(deserialize_with = "null_as_default")]
    pub uris: Vec<String>,
    /// How often its specification changed.
    pub observed_generation: i64,
    /// Replicas that exist.
    pub replicas: i32,
    /// Replicas of the latest specification.
    pub updated_replicas: i32,
    /// Replicas that are ready.
    pub ready_replicas: i32,
    /// Replicas that stayed ready.
    pub available_replicas: i32,
}

/// A port of the provider that leads into a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardedPort {
    /// The provider's public name; empty when it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The port in the container.
    pub port: u16,
    /// The port at the provider.
    pub external_port: u16,
    /// `TCP` or `UDP`.
    pub proto: String,
    /// The service.
    pub name: String,
}

/// A leased address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LeasedIp {
    /// The port in the container.
    pub port: u16,
    /// The port at the address.
    pub external_port: u16,
    /// `TCP` or `UDP`.
    pub protocol: String,
    /// The address.
    #[serde(rename = "IP")]
    pub ip: String,
}

/// One line that a service wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    /// The replica; the service is the part before the first `-`.
    pub name: String,
    /// The line.
    pub message: String,
}

/// Something that happened to a lease's workload (provider.md 4.14).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LeaseEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub note: String,
    /// What it happened to.
    pub object: EventObject,
}

/// What an event happened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventObject {
    /// Such as `Pod`.
    pub kind: String,
    /// The lease's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Why a provider did not bid on an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decline {
    /// `owner/dseq/gseq/oseq`.
    pub order: String,
    /// One word, such as `cpu` or `price`.
    pub dimension: String,
    /// A sentence.
    pub reason: String,
}

/// Which log lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Services; all when empty.
    pub services: Vec<String>,
    /// Keep waiting for new lines.
    pub follow: bool,
    /// Only so many of the old lines; all for `None`.
    pub tail: Option<u64>,
}

/// A provider's gateway, and the account that talks to it. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    uri: String,
    provider: String,
    http: reqwest::Client,
    tls: Arc<ClientConfig>,
    signer: Option<Arc<dyn Signer>>,
}

impl Gateway {
    /// Looks up where the provider listens and which certificates it published.
    pub async fn connect(
        chain: &Chain,
        provider: &str,
        signer: Option<Arc<dyn Signer>>,
    ) -> Result<Gateway, Error> {
        let found = chain.provider(provider).await?;
        let found = found.ok_or_else(|| GatewayError::NoProvider(provider.to_owned()))?;
        let certificates = chain.certificates(provider, "valid").await?;
        let pems: Vec<Vec<u8>> = certificates.into_iter().map(|it| it.certificate.cert).collect();
        Ok(Gateway::new(&found.host_uri, provider, &pems, signer)?)
    }

    /// A gateway at `uri` with these certificates (PEM). Nothing is sent yet.
    pub fn new(
        uri: &str,
        provider: &str,
        certificates: &[Vec<u8>],
        signer: Option<Arc<dyn Signer>>,
    ) -> Result<Gateway> {
        Gateway::with_identity(uri, provider, certificates, signer, None)
    }

    /// As [`Gateway::new`], with a client certificate (mTLS). Give a signer or an identity, not
    /// both: a provider refuses two credentials at once.
    pub fn with_identity(
        uri: &str,
        provider: &str,
        certificates: &[Vec<u8>],
        signer: Option<Arc<dyn Signer>>,
        identity: Option<Identity>,
    ) -> Result<Gateway> {
        let bad = |detail: String| GatewayError::BadUri {
            provider: provider.to_owned(),
            uri: uri.to_owned(),
            detail,
        };
        let parsed = reqwest::Url::parse(uri).map_err(|it| bad(it.to_string()))?;
        if parsed.scheme() != "https" {
            return Err(bad("it is not https".to_owned()));
        }
        let tls = tls::config(provider, certificates, identity).map_err(GatewayError::Tls)?;
        let http = crate::http::builder_with(&tls)
            .timeout(CALL_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .http1_only()
            .build()
            .map_err(|it| bad(it.to_string()))?;
        Ok(Gateway {
            uri: uri.trim_end_matches('/').to_owned(),
            provider: provider.to_owned(),
            http,
            tls,
            signer,
        })
    }

    /// Where it listens.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Whose it is.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// What the provider says about itself, to everyone (provider.md 3.12).
    pub async fn status(&self) -> Result<serde_json::Value> {
        self.get("read the provider's status", "/status", false).await
    }

    /// Why the provider did not bid on the orders of a deployment, as far as it tells. Providers of
    /// other makes do not have this call and answer 404.
    pub async fn declines(&self, owner: &str, dseq: u64) -> Result<Vec<Decline>> {
        #[derive(Deserialize)]
        struct Answer {
            declines: Vec<Decline>,
        }
        let path = format!("/declines?order={owner}/{dseq}");
        let answer: Answer = self.get("ask why there is no bid", &path, false).await?;
        Ok(answer.declines)
    }

    /// Sends a manifest (JSON text, provider.md 4.9) once.
    pub async fn put_manifest(&self, dseq: u64, manifest: &str) -> Result<()> {
        let what = "send the manifest";
        let path = format!("/deployment/{dseq}/manifest");
        let request = self
            .request(reqwest::Method::PUT, &path, true)
            .header("content-type", "application/json")
            .body(manifest.to_owned());
        self.answer(what, request).await.map(drop)
    }

    /// Sends a manifest; a provider that has not seen the lease or the new hash yet is asked again
    /// until `limit` has passed.
    pub async fn send_manifest(&self, dseq: u64, manifest: &str, limit: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let error = match self.put_manifest(dseq, manifest).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let may_pass = match &error {
                GatewayError::Unreachable { .. } => true,
                GatewayError::Refused { status, text, .. } => {
                    *status == 503
                        || text.contains("no lease for deployment")
                        || text.contains("manifest version validation failed")
                        || text.contains("Deployment not found")
                }
                _ => false,
            };
            if !may_pass || start.elapsed() >= limit {
                return Err(error);
            }
            tracing::debug!(%error, dseq, "manifest not taken yet, sending it again");
            tokio::time::sleep(MANIFEST_PAUSE).await;
        }
    }

    /// The manifest that the provider holds for a lease.
    pub async fn get_manifest(&self, lease: &LeaseId) -> Result<serde_json::Value> {
        self.get("read the manifest", &lease_path(lease, "manifest"), true).await
    }

    /// What runs for a lease.
    pub async fn lease_status(&self, lease: &LeaseId) -> Result<LeaseStatus> {
        self.get("read the status of the lease", &lease_path(lease, "status"), true).await
    }

    /// What runs of one service of a lease.
    pub async fn service_status(&self, lease: &LeaseId, service: &str) -> Result<ServiceStatus> {
        let path = lease_path(lease, &format!("service/{service}/status"));
        self.get("read the status of the service", &path, true).await
    }

    /// Lines that the services of a lease wrote. The stream ends where the provider ends it.
    pub async fn logs(
        &self,
        lease: &LeaseId,
        query: &LogQuery,
    ) -> Result<impl Stream<Item = Result<LogLine>> + Send + use<>> {
        self.stream("read the logs", lease, "logs", query).await
    }

    /// Events of a lease's workload.
    pub async fn events(
        &self,
        lease: &LeaseId,
        query: &LogQuery,
    ) -> Result<impl Stream<Item = Result<LeaseEvent>> + Send + use<>> {
        self.stream("read the events", lease, "kubeevents", query).await
    }

    async fn stream<T>(
        &self,
        what: &'static str,
        lease: &LeaseId,
        leaf: &str,
        query: &LogQuery,
    ) -> Result<impl Stream<Item = Result<T>> + Send + use<T>>
    where
        T: for<'de> Deserialize<'de> + Send + 'static,
    {
        let mut address = format!(
            "{}{}?follow={}",
            self.uri.replacen("https", "wss", 1),
            lease_path(lease, leaf),
            query.follow
        );
        if !query.services.is_empty() {
            address.push_str("&service=");
            address.push_str(&query.services.join(","));
        }
        if let Some(tail) = query.tail {
            address.push_str(&format!("&tail={tail}"));
        }
        let unreachable = |source: Cause| GatewayError::Unreachable {
            what: what.to_owned(),
            uri: self.uri.clone(),
            source,
        };
        let mut request = address.into_client_request().map_err(|it| unreachable(Box::new(it)))?;
        if let Some(token) = self.token()
            && let Ok(value) = http::HeaderValue::from_str(&format!("Bearer {token}"))
        {
            request.headers_mut().insert(http::header::AUTHORIZATION, value);
        }
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        let opened =
            tokio_tungstenite::connect_async_tls_with_config(request, None, true, Some(connector));
        let (socket, _) = match opened.await {
            Ok(it) => it,
            Err(WsError::Http(answer)) => {
                let status = answer.status().as_u16();
                let body = answer.body().clone().unwrap_or_default();
                let text = tidy(&String::from_utf8_lossy(&body));
                return Err(GatewayError::Refused { what: what.to_owned(), status, text });
            }
            Err(error) => return Err(unreachable(Box::new(error))),
        };
        let lines = socket.map(move |message| match message {
            Ok(Message::Text(text)) => match serde_json::from_str(text.trim_end()) {
                Ok(line) => Some(Ok(line)),
                Err(error) => Some(Err(GatewayError::BadAnswer {
                    what: what.to_owned(),
                    detail: error.to_string(),
                })),
            },
            Ok(Message::Close(Some(frame))) if u16::from(frame.code) >= 4000 => {
                let text = if frame.reason.is_empty() { "no reason" } else { &frame.reason };
                Some(Err(GatewayError::Closed {
                    what: what.to_owned(),
                    code: frame.code.into(),
                    text: text.to_owned(),
                }))
            }
            // A provider may end a stream by just closing the connection; that is no error.
            _ => None,
        });
        Ok(lines.filter_map(std::future::ready))
    }

    fn token(&self) -> Option<String> {
        let signer = self.signer.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // Clocks differ by a second or two, and `nbf` has no leeway at the provider.
        Some(jwt::mint(signer.as_ref(), now.saturating_sub(5)))
    }

    fn request(
        &self,
        method: reqwest::Method,
        path: &str,
        signed: bool,
    ) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.uri));
        match self.token().filter(|_| signed) {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        what: &str,
        path: &str,
        signed: bool,
    ) -> Result<T> {
        let body = self.answer(what, self.request(reqwest::Method::GET, path, signed)).await?;
        serde_json::from_slice(&body)
            .map_err(|it| GatewayError::BadAnswer { what: what.to_owned(), detail: it.to_string() })
    }

    async fn answer(&self, what: &str, request: reqwest::RequestBuilder) -> Result<bytes::Bytes> {
        let unreachable = |source: reqwest::Error| GatewayError::Unreachable {
            what: what.to_owned(),
            uri: self.uri.clone(),
            source: source.into(),
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(GatewayError::Refused {
            what: what.to_owned(),
            status: status.as_u16(),
            text: tidy(&String::from_utf8_lossy(&body)),
        })
    }
}

fn lease_path(lease: &LeaseId, leaf: &str) -> String {
    format!("/lease/{}/{}/{}/{leaf}", lease.dseq, lease.gseq, lease.oseq)
}

/// A provider's words: the message out of JSON, one line, without control characters.
fn tidy(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|it| it.get("message")).and_then(|it| it.as_str());
    let message = message.unwrap_or(text).trim();
    let clean: String =
        message.chars().map(|it| if it.is_control() { ' ' } else { it }).take(500).collect();
    if clean.is_empty() { "no reason given".to_owned() } else { clean }
}

fn null_as_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
