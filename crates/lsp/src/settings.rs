//! What the author may set in the editor, as `initializationOptions` or under `haggle` in the settings.

use sdl::{CheckOptions, Rule};
use serde_json::Value;

/// Reads settings; what is missing or unreadable keeps its default.
pub(crate) fn read(settings: &Value) -> CheckOptions {
    let settings = settings.get("haggle").unwrap_or(settings);
    let default = CheckOptions::default();
    let flag = |name: &str| settings.get(name).and_then(Value::as_bool);
    let rules = |name: &str| -> Vec<Rule> {
        let patterns = settings.get(name).and_then(Value::as_array).into_iter().flatten();
        patterns.filter_map(Value::as_str).flat_map(Rule::matching).collect()
    };
    CheckOptions {
        lints: flag("lints").unwrap_or(default.lints),
        schema: flag("schema").unwrap_or(default.schema),
        monthly_budget: settings
            .get("monthlyBudget")
            .and_then(Value::as_str)
            .and_then(|it| it.parse().ok()),
        allow: rules("allow"),
        deny: rules("deny"),
        ..default
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_read_and_the_rest_is_default() {
        assert_eq!(read(&Value::Null), CheckOptions::default());
        assert_eq!(
            read(&json!({"lints": "x", "monthlyBudget": 7, "other": 1})),
            CheckOptions::default()
        );
        let options = read(&json!({"haggle": {
            "monthlyBudget": "50 usd/month", "schema": false, "deny": ["sdl::key::ignored"],
        }}));
        assert_eq!(options.monthly_budget.map(|it| it.micro_usd_per_month), Some(50_000_000));
        assert!(!options.schema && options.lints);
        assert_eq!(options.deny, [Rule::IgnoredKey]);
    }
}
