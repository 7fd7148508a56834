//! The gRPC server: any method the node serves, by path and bytes, and server reflection.
//!
//! Source: cosmos.md 3.1-3.3. Uses tonic's framing with a codec that leaves messages as bytes;
//! there is no generated service here, so a new query needs no line.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes};
use http::{Request, Response};
use tonic::{
    Code, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
    server::{Grpc, StreamingService, UnaryService},
};
use types::registry::registry;

use crate::{
    HEIGHT_HEADER,
    chain::QueryError,
    gateway::height_of,
    reflection::{self, Reflection},
    services::Services,
    status::UNIMPLEMENTED,
};

/// Largest message that is taken, in bytes.
const MAX_RECEIVE_BYTES: usize = 10 * 1024 * 1024;

/// Messages as they come.
#[derive(Clone, Copy, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The gRPC service over one node.
#[derive(Clone)]
pub(crate) struct Server {
    services: Arc<Services>,
    reflection: Arc<Reflection>,
}

impl Server {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        let reflection = Arc::new(Reflection::new(&services));
        Self { services, reflection }
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let mut grpc = Grpc::new(Raw).max_decoding_message_size(MAX_RECEIVE_BYTES);
        if path == reflection::PATH {
            return grpc.streaming(Asking(self.reflection.clone()), request).await;
        }
        grpc.unary(Call { services: self.services.clone(), path }, request).await
    }
}

impl tower::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move { Ok(server.answer(request).await) })
    }
}

impl From<QueryError> for Status {
    fn from(error: QueryError) -> Self {
        let code = i32::try_from(error.grpc_code).map_or(Code::Unknown, Code::from_i32);
        Self::new(code, error.message)
    }
}

/// One unary call.
struct Call {
    services: Arc<Services>,
    path: String,
}

impl Call {
    async fn answer(
        self,
        request: tonic::Request<Bytes>,
    ) -> Result<tonic::Response<Bytes>, Status> {
        if !self.services.serves(&self.path) {
            return Err(unserved(&self.services, &self.path).into());
        }
        let (metadata, _, data) = request.into_parts();
        let height = height_of(&metadata.into_headers())?;
        let answer = self.services.call(&self.path, data, height).await?;
        let mut response = tonic::Response::new(answer.value);
        if answer.height > 0 {
            let height = MetadataValue::from(answer.height);
            response.metadata_mut().insert(HEIGHT_HEADER, height);
        }
        Ok(response)
    }
}

/// What is not served is an unknown method of a service that is, or an unknown service.
pub(crate) fn unserved(services: &Services, path: &str) -> QueryError {
    let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap_or((path, ""));
    let known = registry()
        .services()
        .iter()
        .find(|it| it.full_name == service)
        .is_some_and(|it| it.methods.iter().any(|it| services.serves(&it.path)));
    let text = if known {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    QueryError::new(UNIMPLEMENTED, text)
}

impl UnaryService<Bytes> for Call {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let call = Self { services: self.services.clone(), path: self.path.clone() };
        Box::pin(call.answer(request))
    }
}

/// Reflection: one stream of questions and answers.
struct Asking(Arc<Reflection>);

impl StreamingService<Bytes> for Asking {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn futures::Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future =
        Pin<Box<dyn Future<Output = Result<tonic::Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<tonic::Streaming<Bytes>>) -> Self::Future {
        use futures::StreamExt as _;
        let reflection = self.0.clone();
        let answers = request
            .into_inner()
            .map(move |question| question.and_then(|it| reflection.answer(&it)));
        let answers: Self::ResponseStream = Box::pin(answers);
        Box::pin(async move { Ok(tonic::Response::new(answers)) })
    }
}
