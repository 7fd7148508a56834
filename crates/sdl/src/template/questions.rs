use super::{Answers, Problem, Question, Template};
pub(super) const SIZES: &[(&str, &str)] = &[("small", "0.5 CPU")];
pub(super) fn all(_answers: &Answers) -> Vec<Question> {
    Vec::new()
}
pub(super) fn check(_q: &Question, _answer: &str) -> Result<(), String> {
    Ok(())
}
pub(super) fn template(answers: &Answers) -> Result<Template, Vec<Problem>> {
    Ok(Template::new(answers.get("image").map_or("nginx:1.27", |it| it)))
}
