use super::{Problem, Template};
use crate::quantity::Price;
pub(super) fn price_per_block(_t: &Template) -> Result<Price, Problem> {
    Ok(Price::from_atto(Price::ONE))
}
pub(super) fn render(_t: &Template) -> Result<String, Vec<Problem>> {
    Ok(String::new())
}
