use super::{Cost, Explanation, Options, Totals};
use crate::Compiled;
pub(super) fn explain(compiled: &Compiled, options: &Options) -> Explanation {
    let price = compiled.max_prices().into_iter().next();
    Explanation {
        summary: String::new(),
        language: String::new(),
        version: compiled.version_hex(),
        groups: Vec::new(),
        total: Totals::default(),
        cost: price.map(|it| Cost::new(it.amount, &it.denom, options)),
        deposit: None,
        reclamation: None,
        lifetime: Vec::new(),
        obstacles: Vec::new(),
        unknowns: Vec::new(),
    }
}
