//! The methods of services by the message they take, compiled once from the registry.

use std::{collections::BTreeMap, sync::OnceLock};

use types::registry::{Method, registry};

/// A method and whether its service takes transactions' messages.
pub(crate) struct Taker {
    pub(crate) method: &'static Method,
    pub(crate) is_msg: bool,
}

/// The methods that take the message of this full name.
pub(crate) fn takers(input: &str) -> &'static [Taker] {
    static TAKERS: OnceLock<BTreeMap<&'static str, Vec<Taker>>> = OnceLock::new();
    let takers = TAKERS.get_or_init(|| {
        let mut takers: BTreeMap<&'static str, Vec<Taker>> = BTreeMap::new();
        for service in registry().services() {
            for method in &service.methods {
                let input = registry().message(method.input).full_name.as_str();
                takers.entry(input).or_default().push(Taker { method, is_msg: service.is_msg });
            }
        }
        takers
    });
    takers.get(input).map_or(&[], Vec::as_slice)
}

/// Whether a service takes this message as a transaction's.
pub(crate) fn is_msg(full_name: &str) -> bool {
    takers(full_name).iter().any(|it| it.is_msg)
}

/// The full name of a method's reply.
pub(crate) fn reply_of(method: &Method) -> &'static str {
    &registry().message(method.output).full_name
}
