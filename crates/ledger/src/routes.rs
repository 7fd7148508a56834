//! The route table: message type URLs and query paths to plain functions.
//!
//! A module lists its handlers; where they are served is read from the descriptors, and a reply
//! type that is not the method's own stops the program at start.

use std::{
    any::{Any as Fact, TypeId},
    collections::BTreeMap,
};

use prost::{Message, Name};
use prost_types::Any;

use types::registry::registry;

use crate::{
    Ctx, Fault, Result, Runtime, Sdk, View,
    schema::{reply_of, takers},
};

/// What a handler takes: a wire message, or its typed twin made during decode.
pub trait Request: Sized + 'static {
    type Wire: Message + Default + Name;

    fn parse(wire: Self::Wire) -> Result<Self>;
}

impl<M: Message + Default + Name + 'static> Request for M {
    type Wire = M;

    fn parse(wire: M) -> Result<M> {
        Ok(wire)
    }
}

type Deliver = Box<dyn Fn(&mut Ctx, &[u8]) -> Result<Vec<u8>> + Send + Sync>;
type Check = Box<dyn Fn(&[u8]) -> Result + Send + Sync>;
type Answer = Box<dyn Fn(&View, &[u8]) -> Result<Vec<u8>> + Send + Sync>;

type Hear = Box<dyn Fn(&mut Ctx, &dyn Fact) -> Result + Send + Sync>;

struct MsgRoute {
    reply_url: String,
    check: Check,
    deliver: Deliver,
}

/// Every route of a runtime. Modules fill it through [`Routes`].
#[derive(Default)]
pub struct Router {
    msgs: BTreeMap<String, MsgRoute>,
    queries: BTreeMap<String, Answer>,
    hooks: BTreeMap<TypeId, Vec<Hear>>,
}

/// The table a module writes its handlers into.
pub struct Routes<'a> {
    pub(crate) router: &'a mut Router,
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M> {
    M::decode(bytes).map_err(|error| Sdk::TxDecode.wrap(error))
}

impl Routes<'_> {
    /// A hook: `handler` runs whenever a module below tells this fact ([`Ctx::tell`]). The fact is a
    /// plain type of the module that tells it, so calls keep going down the list of modules: the
    /// teller knows no listener. Listeners of one fact run in the order of the list, and a fault of
    /// one is the teller's.
    pub fn hook<F: 'static>(&mut self, handler: fn(&mut Ctx, &F) -> Result) -> &mut Self {
        let hear: Hear = Box::new(move |cx, fact| match fact.downcast_ref::<F>() {
            Some(fact) => handler(cx, fact),
            None => Err(Fault::plain("a hook heard a fact of another type")),
        });
        self.router.hooks.entry(TypeId::of::<F>()).or_default().push(hear);
        self
    }

    /// A message's handler. `()` stands for any reply without fields.
    pub fn msg<M: Request, R: Message + Name + 'static>(
        &mut self,
        handler: fn(&mut Ctx, M) -> Result<R>,
    ) -> &mut Self {
        self.msg_checked(|_| Ok(()), handler)
    }

    /// A handler with a stateless check, which runs before admission and again before the handler
    /// (chain.md 1.3).
    pub fn msg_checked<M: Request, R: Message + Name + 'static>(
        &mut self,
        check: fn(&M::Wire) -> Result,
        handler: fn(&mut Ctx, M) -> Result<R>,
    ) -> &mut Self {
        let input = M::Wire::full_name();
        let Some(taker) = takers(&input).iter().find(|it| it.is_msg) else {
            panic!("no Msg service takes {input}");
        };
        let reply = reply_of(taker.method);
        assert_reply::<R>(&input, reply);
        let route = MsgRoute {
            reply_url: format!("/{reply}"),
            check: Box::new(move |bytes| check(&decode::<M::Wire>(bytes)?)),
            deliver: Box::new(move |cx, bytes| {
                let wire = decode::<M::Wire>(bytes)?;
                check(&wire)?;
                Ok(handler(cx, M::parse(wire)?)?.encode_to_vec())
            }),
        };
        let taken = self.router.msgs.insert(format!("/{input}"), route).is_some();
        assert!(!taken, "{input} is routed twice");
        self
    }

    /// A query's handler, found by its request message.
    pub fn query<M: Request, R: Message + Name + 'static>(
        &mut self,
        handler: fn(&View, M) -> Result<R>,
    ) -> &mut Self {
        let input = M::Wire::full_name();
        let mut queries = takers(&input).iter().filter(|it| !it.is_msg);
        let (Some(query), None) = (queries.next(), queries.next()) else {
            panic!("not exactly one query takes {input}: use query_at");
        };
        self.query_at(&query.method.path, handler)
    }

    /// A query's handler at a path, for requests that several methods share.
    pub fn query_at<M: Request, R: Message + Name + 'static>(
        &mut self,
        path: &str,
        handler: fn(&View, M) -> Result<R>,
    ) -> &mut Self {
        let Some(method) = registry().method(path) else { panic!("no method {path}") };
        assert_reply::<R>(path, reply_of(method));
        let answer: Answer = Box::new(move |view, bytes| {
            let wire = M::Wire::decode(bytes)
                .map_err(|error| Fault::invalid_argument(error.to_string()))?;
            Ok(handler(view, M::parse(wire)?)?.encode_to_vec())
        });
        let taken = self.router.queries.insert(path.to_owned(), answer).is_some();
        assert!(!taken, "{path} is routed twice");
        self
    }
}

fn assert_reply<R: Name>(input: &str, output: &str) {
    let reply = R::full_name();
    let empty = <()>::full_name();
    let fieldless = registry().message_by_name(output).is_some_and(|it| it.fields.is_empty());
    assert!(
        reply == output || (reply == empty && fieldless),
        "{input} must be answered by {output}, its handler returns {reply}"
    );
}

impl Router {
    pub fn has_msg(&self, type_url: &str) -> bool {
        self.msgs.contains_key(type_url)
    }

    /// Type URLs of all routed messages.
    pub fn msgs(&self) -> impl Iterator<Item = &str> {
        self.msgs.keys().map(String::as_str)
    }

    /// Paths of all routed queries.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.queries.keys().map(String::as_str)
    }

    /// Runs the stateless check of a message.
    pub fn check(&self, type_url: &str, bytes: &[u8]) -> Result {
        match self.msgs.get(type_url) {
            Some(route) => (route.check)(bytes),
            None => Ok(()),
        }
    }

    /// Runs a message's handler and returns its packed reply.
    pub fn deliver(&self, cx: &mut Ctx, type_url: &str, bytes: &[u8]) -> Result<Any> {
        let route = self.msgs.get(type_url).ok_or_else(|| no_handler(type_url))?;
        let value = (route.deliver)(cx, bytes)?;
        Ok(Any { type_url: route.reply_url.clone(), value })
    }

    /// Runs the hooks of a fact.
    pub(crate) fn tell<F: 'static>(&self, cx: &mut Ctx, fact: &F) -> Result {
        let hooks = self.hooks.get(&TypeId::of::<F>()).map_or(&[][..], Vec::as_slice);
        hooks.iter().try_for_each(|hear| hear(cx, fact))
    }

    /// Answers a query; none when no module serves the path.
    pub fn answer(&self, view: &View, path: &str, bytes: &[u8]) -> Option<Result<Vec<u8>>> {
        self.queries.get(path).map(|answer| answer(view, bytes))
    }
}

/// The routes of all modules.
pub(crate) fn router<R: Runtime>() -> Router {
    let mut router = Router::default();
    for module in R::MODULES {
        (module.routes)(&mut Routes { router: &mut router });
    }
    router
}

pub(crate) fn no_handler(type_url: &str) -> Fault {
    Sdk::UnknownRequest.wrap(format!("no message handler found for {type_url}"))
}
