//! `profiles` (spec `sdl.md` 6, 7).

use super::Decoder;
use crate::ast::{At, Compute, File, Placement, Pricing, Resources, Text};
use crate::diagnostics::{Diagnostic, Span};
use crate::names;
use crate::quantity::{Price, PriceError};
use crate::resources::Attribute;
use crate::rules::Rule;
use crate::suggest;
use crate::yaml::NodeId;
use std::collections::BTreeMap;

impl<'t> Decoder<'t, '_, '_> {
    pub(super) fn profiles(&mut self, id: Option<NodeId>, file: &mut File<'t>) {
        let Some(id) = self.present(id) else { return };
        let Some([compute, placement]) = self.fields(id, "`profiles`", ["compute", "placement"])
        else {
            file.compute.is_broken = true;
            file.placement.is_broken = true;
            return;
        };
        file.compute = self.section(compute, "`profiles.compute`", |this, _, id| {
            let Some(id) = id else { return Compute::default() };
            let Some([resources]) = this.keyed_fields(id, "a compute profile", ["resources"])
            else {
                return Compute { resources: Some(Resources::unreadable(this.tight(id))) };
            };
            let resources = resources.filter(|it| this.present(Some(it.1)).is_some());
            Compute { resources: resources.map(|(key, id)| this.resources(key, id)) }
        });
        file.placement = self.section(placement, "`profiles.placement`", |this, _, id| {
            id.map(|it| this.placement(it)).unwrap_or_default()
        });
    }

    fn placement(&mut self, id: NodeId) -> Placement<'t> {
        let keys = ["attributes", "signedBy", "pricing"];
        let Some([attributes, signed_by, pricing]) = self.fields(id, "a placement", keys) else {
            return Placement { is_pricing_broken: true, ..Placement::default() };
        };
        let attributes = self.present(attributes).and_then(|it| {
            let named = self.named(it, "`attributes`", |this, _, id| {
                this.text(id, "the value of an attribute")
            })?;
            let list: Vec<_> = named
                .into_iter()
                .map(|(key, entry)| Attribute {
                    key: key.into_owned(),
                    value: entry.value.to_owned_text(),
                })
                .collect();
            Some(list).filter(|it| !it.is_empty())
        });
        let [all_of, any_of] = self
            .present(signed_by)
            .and_then(|it| self.fields(it, "`signedBy`", ["allOf", "anyOf"]))
            .unwrap_or_default();
        let all_of = self.texts(all_of, "`allOf`", "an entry of `allOf`");
        let any_of = self.texts(any_of, "`anyOf`", "an entry of `anyOf`");
        let (pricing, is_pricing_broken) = match self.present(pricing) {
            None => (BTreeMap::new(), false),
            Some(id) => {
                let entries = self.named(id, "`pricing`", |this, key, id| this.price(key.span, id));
                let is_broken = entries.is_none();
                (entries.unwrap_or_default(), is_broken)
            }
        };
        Placement { attributes, all_of, any_of, pricing, is_pricing_broken }
    }

    fn price(&mut self, name: Span, id: Option<NodeId>) -> Pricing<'t> {
        let Some(id) = id else {
            return Pricing { is_null: true, ..unreadable_price(name) };
        };
        let Some([denom, amount]) = self.fields(id, "a price", ["denom", "amount"]) else {
            return unreadable_price(self.tight(id));
        };
        let literal = self.literal(amount);
        let mut denom = self.text(denom, "`denom`");
        let (text, span) = match &literal {
            Some(literal) => (literal.text.as_ref(), literal.span),
            None => ("", name),
        };
        let value = match Price::parse(text) {
            Ok(price) => price,
            Err(error) => {
                let (message, reference, hint) = match error {
                    PriceError::Syntax(_) if literal.is_none() => (
                        "a price needs its `amount`".to_owned(),
                        "decimal string cannot be empty".to_owned(),
                        "write `amount: 100` beside the `denom`".to_owned(),
                    ),
                    PriceError::Syntax(reason) => {
                        (format!("`{text}` is not an amount"), reason.to_owned(), amount_hint(text))
                    }
                    PriceError::Zero => (
                        "a price of zero finds no provider".to_owned(),
                        "invalid coin amount: amount is zero".to_owned(),
                        "write the most you would pay per block for one replica".to_owned(),
                    ),
                    PriceError::Negative => (
                        format!("the price `{text}` is negative"),
                        format!(
                            "invalid: negative value not allowed: amount \"{text}\" is negative"
                        ),
                        "write the most you would pay per block for one replica".to_owned(),
                    ),
                };
                self.report(
                    Diagnostic::new(Rule::Price, span, message).hint(hint).reference(reference),
                );
                Price::from_atto(Price::ONE)
            }
        };
        if !names::is_denom(&denom.text) && !denom.is_broken {
            let (span, message) = match denom.is_empty() {
                true => (name, "a price needs its `denom`".to_owned()),
                false => (denom.span, format!("`{}` is not a denomination", denom.text)),
            };
            self.report(
                Diagnostic::new(Rule::Denom, span, message)
                    .hint(denom_hint(&denom.text))
                    .reference(format!("invalid denom: {}", denom.text)),
            );
            denom.is_broken = true;
        }
        Pricing { denom, amount: At { value, span }, is_null: false }
    }
}

/// What stands in for a price that could not be read.
fn unreadable_price<'t>(span: Span) -> Pricing<'t> {
    let amount = At { value: Price::from_atto(Price::ONE), span };
    Pricing { denom: Text::broken(span), amount, is_null: false }
}

fn amount_hint(text: &str) -> String {
    // `8u` and `100uakt`: the denomination stands where prices had it once.
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    if !unit.is_empty() && Price::parse(digits).is_ok() {
        return format!("write `amount: {digits}`, and the denomination in `denom`");
    }
    let plain: String = text.chars().filter(|it| !matches!(it, ',' | '_' | ' ' | '$')).collect();
    if plain != text && Price::parse(&plain).is_ok() {
        return format!("did you mean `{plain}`? An amount is written without separators");
    }
    if let (Some(fraction), true) = (text.strip_prefix('.'), text.len() > 1) {
        return format!("write a digit before the point: `0.{fraction}`");
    }
    if text.ends_with('.') {
        return format!("write `{}`, without the point", text.trim_end_matches('.'));
    }
    "write digits, with at most 18 more after a point, like `12.5`".to_owned()
}

fn denom_hint(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "act" | "usd" | "usdc" | "$" => "did you mean `uact`, millionths of a dollar's worth?",
        "akt" | "aakt" => "did you mean `uakt`, millionths of an AKT?",
        _ => match suggest::nearest(text, ["uakt", "uact"]) {
            Some("uakt") => "did you mean `uakt`?",
            Some(_) => "did you mean `uact`?",
            None => "write the denomination in which the network is paid, like `uact`",
        },
    }
    .to_owned()
}
