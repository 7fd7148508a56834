use super::Explanation;
pub(super) fn render(it: &Explanation, _width: usize) -> String {
    it.summary.clone()
}
