//! What is defined in vain: profiles, placements, replicas.

use super::Cx;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::Rule;
use std::collections::BTreeSet;

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    let file = cx.file;
    let mut profiles: BTreeSet<&str> = BTreeSet::new();
    let mut placements: BTreeSet<&str> = BTreeSet::new();
    for pair in cx.pairs {
        profiles.insert(&pair.deployed.profile.text);
        placements.insert(pair.placement_name);
        if pair.deployed.count.value == 0 {
            let count = pair.deployed.count.span;
            let span = if super::is_there(count) { count } else { pair.deployed.span };
            let message = format!("`{}` is deployed with no replica", pair.service_name);
            sink.push(
                Diagnostic::new(Rule::ZeroCount, span, message)
                    .hint("write `count: 1`, or remove the service from `deployment`"),
            );
        }
    }
    let is_deployed = |name: &str| file.deployment.get(name).is_some_and(|it| !it.value.is_empty());
    for (name, entry) in &file.compute.entries {
        // A service that is not deployed was reported; its profile goes with it.
        let goes_with_service = file.services.get(name).is_some() && !is_deployed(name);
        if !profiles.contains(name.as_ref()) && !goes_with_service {
            let message = format!("no service uses the compute profile `{name}`");
            let mut found = Diagnostic::new(Rule::UnusedProfile, entry.name, message);
            found = found
                .hint("remove it, or name it as the `profile` of a service under `deployment`");
            sink.push(found);
        }
    }
    // Suggestions cost time, and nobody reads more of them.
    let mut suggestions = 16_usize;
    for (name, entry) in &file.placement.entries {
        if !placements.contains(name.as_ref()) {
            let message = format!("nothing is deployed to the placement `{name}`");
            sink.push(
                Diagnostic::new(Rule::UnusedPlacement, entry.name, message)
                    .hint("remove it, or name it under a service of `deployment`"),
            );
        }
        for (profile, price) in &entry.value.pricing {
            if file.compute.get(profile).is_none() {
                let message = format!("this price is for `{profile}`, which is no compute profile");
                suggestions = suggestions.saturating_sub(1);
                let known = file.compute.names().take(if suggestions > 0 { 64 } else { 0 });
                let hint = match crate::suggest::nearest(profile, known) {
                    Some(near) if !entry.value.pricing.contains_key(near) => {
                        format!("did you mean `{near}`?")
                    }
                    _ => "remove it".to_owned(),
                };
                sink.push(Diagnostic::new(Rule::UnusedPrice, price.name, message).hint(hint));
            }
        }
    }
}
