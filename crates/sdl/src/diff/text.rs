use super::Changes;
pub(super) fn render(it: &Changes, _width: usize) -> String {
    it.summary.clone()
}
