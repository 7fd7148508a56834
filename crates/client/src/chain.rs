//! A connection to a chain, and queries of its state.
//!
//! Called by everything above; calls [`crate::rpc`] or gRPC. A query is a path, a request message
//! and a response message: a new query of a module needs no new line here. The wrappers at the end
//! are the questions that the market asks all day.

use std::sync::Arc;

use prost::Message;
use types::wire::cosmos::base::query::v1beta1::{PageRequest, PageResponse};

use crate::{
    error::{Error, Result},
    rpc::{Answer, Rpc, Status},
};

/// Where a node listens.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The CometBFT RPC address, such as `http://127.0.0.1:26657`.
    pub rpc: String,
    /// The gRPC address, such as `http://127.0.0.1:9090`. Without one, queries go through RPC.
    pub grpc: Option<String>,
    /// The chain that must be served there; any when `None`.
    pub chain_id: Option<String>,
}

impl Endpoints {
    /// Everything through one RPC address.
    pub fn rpc(url: impl Into<String>) -> Endpoints {
        Endpoints { rpc: url.into(), grpc: None, chain_id: None }
    }
}

/// A chain, seen through one node. Cheap to clone.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

struct Inner {
    rpc: Rpc,
    grpc: Option<(String, tonic::transport::Channel)>,
    chain_id: String,
}

/// The most bytes that one gRPC answer may have.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// How many pages a walk may take before it is given up as endless.
const MAX_PAGES: usize = 10_000;

impl Chain {
    /// Connects: asks the node for its status and compares the chain id.
    pub async fn connect(endpoints: &Endpoints) -> Result<Chain> {
        let rpc = Rpc::new(&endpoints.rpc)?;
        let status = rpc.status().await?;
        if let Some(expected) = &endpoints.chain_id
            && *expected != status.chain_id
        {
            return Err(Error::WrongChain {
                url: rpc.url().to_owned(),
                expected: expected.clone(),
                actual: status.chain_id,
            });
        }
        let grpc = match &endpoints.grpc {
            None => None,
            Some(url) => {
                let endpoint = tonic::transport::Endpoint::from_shared(url.clone())
                    .map_err(|it| Error::BadUrl { url: url.clone(), detail: it.to_string() })?
                    .connect_timeout(std::time::Duration::from_secs(5))
                    .timeout(std::time::Duration::from_secs(15));
                Some((url.clone(), endpoint.connect_lazy()))
            }
        };
        Ok(Chain { inner: Arc::new(Inner { rpc, grpc, chain_id: status.chain_id }) })
    }

    /// The id of the chain.
    pub fn chain_id(&self) -> &str {
        &self.inner.chain_id
    }

    /// The RPC connection below.
    pub fn rpc(&self) -> &Rpc {
        &self.inner.rpc
    }

    pub(crate) fn has_grpc(&self) -> bool {
        self.inner.grpc.is_some()
    }

    pub(crate) fn bad_answer(&self, what: &str, detail: impl ToString) -> Error {
        Error::BadAnswer {
            what: what.to_owned(),
            url: self.inner.rpc.url().to_owned(),
            detail: detail.to_string(),
        }
    }

    /// What the node says about itself.
    pub async fn status(&self) -> Result<Status> {
        self.inner.rpc.status().await
    }

    /// Asks a query by its path (`/akash.market.v1beta5.Query/Orders`) at the latest height.
    pub async fn query<Q, R>(&self, path: &str, request: &Q) -> Result<R>
    where
        Q: Message,
        R: Message + Default,
    {
        let answer = self.query_raw(path, request.encode_to_vec(), 0).await?;
        R::decode(answer.value.as_slice()).map_err(|it| Error::BadAnswer {
            what: what_of(path),
            url: self.inner.rpc.url().to_owned(),
            detail: it.to_string(),
        })
    }

    /// Asks a query in encoded form; `height` 0 is the latest.
    pub async fn query_raw(&self, path: &str, request: Vec<u8>, height: u64) -> Result<Answer> {
        let what = what_of(path);
        match &self.inner.grpc {
            None => self.inner.rpc.abci_query(&what, path, &request, height).await,
            Some((url, channel)) => {
                grpc_unary(&what, url, channel.clone(), path, request, height).await
            }
        }
    }

    /// Walks a paginated query to its end and collects what `take` finds in each page.
    pub async fn query_all<Q, R, T>(
        &self,
        path: &str,
        mut request: impl FnMut(PageRequest) -> Q,
        mut take: impl FnMut(R) -> (Vec<T>, Option<PageResponse>),
    ) -> Result<Vec<T>>
    where
        Q: Message,
        R: Message + Default,
    {
        let mut found = Vec::new();
        let mut page = PageRequest { limit: 100, ..Default::default() };
        for _ in 0..MAX_PAGES {
            let answer: R = self.query(path, &request(page.clone())).await?;
            let (items, next) = take(answer);
            found.extend(items);
            match next {
                Some(next) if !next.next_key.is_empty() => page.key = next.next_key,
                _ => return Ok(found),
            }
        }
        Err(Error::BadAnswer {
            what: what_of(path),
            url: self.inner.rpc.url().to_owned(),
            detail: format!("more than {MAX_PAGES} pages"),
        })
    }
}

/// `/akash.market.v1beta5.Query/Orders` as a verb phrase.
fn what_of(path: &str) -> String {
    format!("query {}", path.trim_start_matches('/'))
}

async fn grpc_unary(
    what: &str,
    url: &str,
    channel: tonic::transport::Channel,
    path: &str,
    request: Vec<u8>,
    height: u64,
) -> Result<Answer> {
    let invalid = |detail: String| Error::Invalid { what: what.to_owned(), detail };
    let unreachable = |source: crate::error::Cause| Error::Unreachable {
        what: what.to_owned(),
        url: url.to_owned(),
        source,
    };
    let path = http::uri::PathAndQuery::try_from(path).map_err(|it| invalid(it.to_string()))?;
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
    client.ready().await.map_err(|it| unreachable(it.into()))?;
    let mut request = tonic::Request::new(request);
    if height > 0 {
        request.metadata_mut().insert("x-cosmos-block-height", height.into());
    }
    match client.unary(request, path, crate::codec::Raw).await {
        Ok(answer) => {
            let height = answer.metadata().get("x-cosmos-block-height");
            let height = height.and_then(|it| it.to_str().ok()).and_then(|it| it.parse().ok());
            Ok(Answer { value: answer.into_inner(), height: height.unwrap_or_default() })
        }
        Err(status) if status.code() == tonic::Code::Unavailable => Err(unreachable(status.into())),
        Err(status) => {
            let (codespace, code) = code_of(&status);
            let log = status.message().to_owned();
            Err(Error::Query { what: what.to_owned(), codespace, code, log })
        }
    }
}

/// The module's error number: from the text where the node wrote it there, else from the kind.
fn code_of(status: &tonic::Status) -> (String, u32) {
    let words: Vec<&str> = status.message().split_whitespace().take(5).collect();
    if let ["codespace", space, "code", number, ..] = words.as_slice()
        && let Ok(code) = number.trim_end_matches(':').parse()
    {
        return ((*space).to_owned(), code);
    }
    let code = match status.code() {
        tonic::Code::NotFound => 22,
        tonic::Code::InvalidArgument | tonic::Code::FailedPrecondition => 18,
        tonic::Code::Unauthenticated => 4,
        _ => 6,
    };
    ("sdk".to_owned(), code)
}
