//! Events: typed ones by proto name (chain.md 1.4), plain ones by type and attributes.

use prost::{Message, Name};
use types::wire::tendermint::abci::{Event, EventAttribute};

use crate::{Ctx, halt};

/// A plain event.
pub fn event<'a>(kind: &str, attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Event {
    Event {
        r#type: kind.to_owned(),
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
    }
}

pub(crate) fn attribute(key: &str, value: &str) -> EventAttribute {
    EventAttribute { key: key.to_owned(), value: value.to_owned(), index: true }
}

/// A typed event: one attribute per field, sorted by name, each value the field's compact JSON.
pub fn typed<E: Message + Name>(event: &E) -> Event {
    let attributes = types::json::event_attributes(event)
        .unwrap_or_else(|error| halt(format!("event {} has no JSON: {error}", E::full_name())));
    let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    Event { r#type: E::full_name(), attributes }
}

impl Ctx {
    /// Emits a typed event, named and printed as its message.
    pub fn emit<E: Message + Name>(&mut self, event: E) {
        let event = typed(&event);
        self.push_event(event);
    }

    /// Emits a plain event, as the stock modules do.
    pub fn emit_plain<'a>(
        &mut self,
        kind: &str,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        self.push_event(event(kind, attributes));
    }
}
