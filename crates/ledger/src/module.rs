//! The contract of a ledger module, and the list that binds modules into a runtime.

use prost::{Message, Name};

use crate::{Ctx, Fault, Result, Routes, View, ante::Admission};

/// One chapter of the ledger. Implementors are unit structs: all state is in the store.
pub trait Module: 'static {
    /// Names the error space, the genesis key and the metric label.
    const NAME: &'static str;
    /// Names the store.
    const STORE: &'static str = Self::NAME;
    /// Facts that hold after every block: a name and a check.
    const INVARIANTS: &'static [Invariant] = &[];
    /// The module's wire `GenesisState`, or `()` for none; in the genesis document it is proto
    /// JSON under `NAME`.
    type Genesis: Message + Name + Default;

    /// The whole public surface, on one screen. gRPC, REST, `abci_query`, the CLI, authz and
    /// governance all enter by this table; none of them has another.
    fn routes(r: &mut Routes<'_>);
    /// The genesis of a chain whose document does not mention the module.
    fn default_genesis() -> Self::Genesis {
        Self::Genesis::default()
    }
    fn init(cx: &mut Ctx, genesis: Self::Genesis) -> Result;
    fn export(view: &View) -> Result<Self::Genesis>;
    /// Before everything else in a block, unmetered, without events.
    fn pre_block(_: &mut Ctx) -> Result {
        Ok(())
    }
    fn begin_block(_: &mut Ctx) -> Result {
        Ok(())
    }
    fn end_block(_: &mut Ctx) -> Result {
        Ok(())
    }
}

/// A fact that holds after every block.
#[derive(Clone, Copy, Debug)]
pub struct Invariant(pub &'static str, pub fn(&View) -> Result);

/// Fails the invariant it stands in unless the condition holds: `holds!(a == b, "a is {a:?}")`.
#[macro_export]
macro_rules! holds {
    ($condition:expr, $($text:tt)+) => {
        if $condition {
            ::std::result::Result::Ok(())
        } else {
            ::std::result::Result::Err($crate::Fault::plain(::std::format!($($text)+)))
        }
    };
}

/// A module as a row of the runtime's table.
#[derive(Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub store: &'static str,
    pub invariants: &'static [Invariant],
    pub routes: fn(&mut Routes<'_>),
    pub init: fn(&mut Ctx, Option<&serde_json::Value>) -> Result,
    pub export: fn(&View) -> Result<serde_json::Value>,
    pub default_genesis: fn() -> Result<serde_json::Value>,
    pub pre_block: fn(&mut Ctx) -> Result,
    pub begin_block: fn(&mut Ctx) -> Result,
    pub end_block: fn(&mut Ctx) -> Result,
}

impl Entry {
    pub const fn of<M: Module>() -> Self {
        Self {
            name: M::NAME,
            store: M::STORE,
            invariants: M::INVARIANTS,
            routes: M::routes,
            init: init::<M>,
            export: |view| to_json(&M::export(view)?),
            default_genesis: || to_json(&M::default_genesis()),
            pre_block: M::pre_block,
            begin_block: M::begin_block,
            end_block: M::end_block,
        }
    }
}

/// Null for a module without genesis, whose `Genesis` is `()`.
fn to_json<M: Message + Name>(message: &M) -> Result<serde_json::Value> {
    if M::full_name() == <()>::full_name() {
        return Ok(serde_json::Value::Null);
    }
    types::json::to_value(message).map_err(|error| Fault::plain(error.to_string()))
}

fn init<M: Module>(cx: &mut Ctx, json: Option<&serde_json::Value>) -> Result {
    let genesis = match json {
        None => M::default_genesis(),
        Some(_) if M::Genesis::full_name() == <()>::full_name() => M::default_genesis(),
        Some(json) => types::json::from_value(json)
            .map_err(|error| Fault::plain(format!("genesis of {}: {error}", M::NAME)))?,
    };
    M::init(cx, genesis).map_err(|it| it.context(format!("genesis of {}", M::NAME)))
}

/// A set of modules, their orders, and the checks that admit a transaction. Made by `runtime!`.
pub trait Runtime: Send + Sync + 'static {
    const MODULES: &'static [Entry];
    /// Module names in order; names of modules that are not in the list are skipped.
    const PRE_BLOCK: &'static [&'static str];
    const GENESIS: &'static [&'static str];
    const BEGIN_BLOCK: &'static [&'static str];
    const END_BLOCK: &'static [&'static str];
    type Ante: Admission;
}

/// Binds modules into a runtime, once:
///
/// ```text
/// ledger::runtime! {
///     /// The market.
///     pub struct Market;
///     modules: auth::Auth, bank::Bank;
///     ante: ante::Ante;
///     pre_block: "upgrade", "auth";
///     genesis: "auth", "bank";
///     begin_block: "auth", "bank";
///     end_block: "bank", "auth";
/// }
/// ```
#[macro_export]
macro_rules! runtime {
    (
        $(#[$doc:meta])* $vis:vis struct $name:ident;
        modules: $($module:ty),+ $(,)?;
        ante: $ante:ty;
        pre_block: $($pre:literal),* $(,)?;
        genesis: $($genesis:literal),+ $(,)?;
        begin_block: $($begin:literal),+ $(,)?;
        end_block: $($end:literal),+ $(,)?;
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        impl $crate::Runtime for $name {
            const MODULES: &'static [$crate::Entry] = &[$( $crate::Entry::of::<$module>() ),+];
            const PRE_BLOCK: &'static [&'static str] = &[$($pre),*];
            const GENESIS: &'static [&'static str] = &[$($genesis),+];
            const BEGIN_BLOCK: &'static [&'static str] = &[$($begin),+];
            const END_BLOCK: &'static [&'static str] = &[$($end),+];
            type Ante = $ante;
        }
    };
}

/// The rows of `order`, which names modules.
pub(crate) fn ordered<R: Runtime>(order: &'static [&'static str]) -> Vec<&'static Entry> {
    order.iter().filter_map(|name| R::MODULES.iter().find(|it| it.name == *name)).collect()
}

/// Names the modules that an order forgets: a mistake that tests look for.
pub fn forgotten<R: Runtime>() -> Vec<(&'static str, &'static str)> {
    let orders =
        [("genesis", R::GENESIS), ("begin_block", R::BEGIN_BLOCK), ("end_block", R::END_BLOCK)];
    let mut missing = Vec::new();
    for module in R::MODULES {
        for (name, order) in orders {
            if !order.contains(&module.name) {
                missing.push((module.name, name));
            }
        }
    }
    missing
}

/// Runs every invariant of every module; returns those that do not hold.
pub fn broken_invariants<R: Runtime>(view: &View) -> Vec<(&'static str, Fault)> {
    R::MODULES
        .iter()
        .flat_map(|module| module.invariants)
        .filter_map(|Invariant(name, check)| Some((*name, check(view).err()?)))
        .collect()
}
