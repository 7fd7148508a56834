//! Finds the differences and says what each asks for.

use super::{Change, Changes, Consequence, Effect, mask, services};
use crate::explain::words;
use crate::groups::{GroupSpec, ResourceUnit};
use crate::manifest::Group;
use crate::{Compiled, Language};
use std::collections::{BTreeMap, BTreeSet};

/// Where differences are collected.
#[derive(Default)]
pub(super) struct List(pub(super) Vec<Change>);

impl List {
    pub(super) fn push(
        &mut self,
        path: impl Into<String>,
        (old, new): (Option<String>, Option<String>),
        consequence: Consequence,
        effects: &[Effect],
        why: impl Into<String>,
    ) {
        let (path, why) = (path.into(), why.into());
        self.0.push(Change { path, old, new, consequence, effects: effects.to_vec(), why });
    }

    fn has(&self, consequence: Consequence) -> bool {
        self.0.iter().any(|it| it.consequence == consequence)
    }
}

/// One group in both files.
pub(super) struct Both<'a> {
    pub(super) name: &'a str,
    pub(super) old_spec: &'a GroupSpec,
    pub(super) new_spec: &'a GroupSpec,
    pub(super) old: &'a Group,
    pub(super) new: &'a Group,
}

pub(super) fn diff(old: &Compiled, new: &Compiled) -> Changes {
    let mut list = List::default();
    groups(old, new, &mut list);
    if old.reclamation_ns != new.reclamation_ns {
        let window = |ns: Option<i64>| {
            ns.map(|it| words::duration_ms(u128::try_from(it).unwrap_or_default() / 1_000_000))
        };
        list.push(
            "reclamation.min_window",
            (window(old.reclamation_ns), window(new.reclamation_ns)),
            Consequence::NewDeployment,
            &[],
            "The notice that a provider must give is part of the order and fixed with it.",
        );
    }
    if old.language != new.language {
        let name = |it: Language| match it {
            Language::V2_0 => Some("2.0".to_owned()),
            Language::V2_1 => Some("2.1".to_owned()),
        };
        list.push(
            "version",
            (name(old.language), name(new.language)),
            Consequence::Nothing,
            &[],
            "The version itself is sent nowhere; what its rules change is listed by itself.",
        );
    }
    verify(old, new, &mut list);
    finish(old, new, list)
}

fn groups(old: &Compiled, new: &Compiled, list: &mut List) {
    fn by_name(it: &Compiled) -> BTreeMap<&str, &GroupSpec> {
        it.group_specs().iter().map(|it| (it.name.as_str(), it)).collect()
    }
    let (olds, news) = (by_name(old), by_name(new));
    let names: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
    for name in names {
        let path = format!("profiles.placement.{name}");
        match (olds.get(name), news.get(name)) {
            (Some(spec), None) => {
                let effects = if persists(spec) { &[Effect::DataLoss][..] } else { &[] };
                list.push(
                    path,
                    (Some(of_services(old, name)), None),
                    Consequence::NewDeployment,
                    effects,
                    "The groups of a deployment, and their names, are fixed when it is created.",
                );
            }
            (None, Some(_)) => list.push(
                path,
                (None, Some(of_services(new, name))),
                Consequence::NewDeployment,
                &[],
                "The groups of a deployment, and their names, are fixed when it is created.",
            ),
            (Some(old_spec), Some(new_spec)) => {
                if let (Some(old), Some(new)) = (old.manifest.group(name), new.manifest.group(name))
                {
                    let both = Both { name, old_spec, new_spec, old, new };
                    requirements(&both, list);
                    services::compare(&both, list);
                    prices(&both, list);
                }
            }
            (None, None) => {}
        }
    }
}

fn of_services(compiled: &Compiled, group: &str) -> String {
    let services = compiled.manifest.group(group).map(|it| it.services()).unwrap_or_default();
    let names: Vec<&str> = services.iter().map(|it| it.name.as_str()).collect();
    format!("a group of {}", words::list(&names, "and"))
}

fn persists(spec: &GroupSpec) -> bool {
    spec.resources.iter().any(|it| it.resource.volumes().iter().any(|it| it.is_persistent()))
}

fn requirements(both: &Both<'_>, list: &mut List) {
    const WHY: &str = "What a provider must be is part of the order and fixed with it; an update leaves it as it is.";
    fn attributes(spec: &GroupSpec) -> BTreeMap<&str, &str> {
        // What confidential computing adds is told with its service.
        let all = spec.requirements.attributes.iter().flatten();
        all.filter(|it| it.key != "tee/type")
            .map(|it| (it.key.as_str(), it.value.as_str()))
            .collect()
    }
    let (olds, news) = (attributes(both.old_spec), attributes(both.new_spec));
    let keys: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
    for key in keys {
        let pair =
            (olds.get(key).map(|it| (*it).to_owned()), news.get(key).map(|it| (*it).to_owned()));
        if pair.0 != pair.1 {
            let path = format!("profiles.placement.{}.attributes.{key}", both.name);
            list.push(path, pair, Consequence::NewDeployment, &[], WHY);
        }
    }
    let (old, new) = (&both.old_spec.requirements.signed_by, &both.new_spec.requirements.signed_by);
    for (key, old, new) in
        [("allOf", &old.all_of, &new.all_of), ("anyOf", &old.any_of, &new.any_of)]
    {
        // Absent and empty ask for the same.
        let text = |it: &Option<Vec<String>>| {
            it.as_ref().filter(|it| !it.is_empty()).map(|it| it.join(", "))
        };
        let pair = (text(old), text(new));
        if pair.0 != pair.1 {
            let path = format!("profiles.placement.{}.signedBy.{key}", both.name);
            list.push(path, pair, Consequence::NewDeployment, &[], WHY);
        }
    }
}

/// Prices, told once for each pair of units that a service moved between.
fn prices(both: &Both<'_>, list: &mut List) {
    let mut told: BTreeSet<(u32, u32)> = BTreeSet::new();
    for new in both.new.services() {
        let Some(old) = both.old.services().iter().find(|it| it.name == new.name) else { continue };
        let pair = (old.resources.id, new.resources.id);
        let units = (unit(both.old_spec, pair.0), unit(both.new_spec, pair.1));
        let (Some(old_unit), Some(new_unit)) = units else { continue };
        if old_unit.price == new_unit.price || !told.insert(pair) {
            continue;
        }
        let sharing: Vec<&str> = both
            .new
            .services()
            .iter()
            .filter(|it| it.resources.id == pair.1)
            .map(|it| it.name.as_str())
            .collect();
        let text = |it: &ResourceUnit| {
            let amount = crate::explain::cost::trimmed(&it.price.amount.to_string());
            format!(
                "{amount} {} per block for a replica of {}",
                it.price.denom,
                words::list(&sharing, "and")
            )
        };
        list.push(
            format!("profiles.placement.{}.pricing", both.name),
            (Some(text(old_unit)), Some(text(new_unit))),
            Consequence::NewDeployment,
            &[],
            "The highest price is part of the order; what runs goes on at the price of its lease.",
        );
    }
}

pub(super) fn unit(spec: &GroupSpec, id: u32) -> Option<&ResourceUnit> {
    spec.resources.iter().find(|it| it.resource.id == id)
}

/// The provider's own check has the last word: nothing that it refuses may be called an update, and no change of the
/// hash may go unmentioned.
fn verify(old: &Compiled, new: &Compiled, list: &mut List) {
    if !list.has(Consequence::NewDeployment)
        && let Err(error) = new.manifest.check_against(&old.groups)
    {
        list.push(
            "profiles",
            (None, None),
            Consequence::NewDeployment,
            &[],
            format!("A provider would refuse the manifest for the groups on chain: {error}."),
        );
    }
    let is_told = list.has(Consequence::ManifestUpdate) || list.has(Consequence::NewDeployment);
    if !is_told && old.version() != new.version() {
        list.push(
            "services",
            (None, None),
            Consequence::ManifestUpdate,
            &[],
            "Something is written differently that means the same, such as an empty list instead of none. It \
             changes the hash, and the provider takes only the manifest whose hash is on chain.",
        );
    }
}

fn finish(old: &Compiled, new: &Compiled, list: List) -> Changes {
    let mut changes = list.0;
    changes.sort_by_key(|it| std::cmp::Reverse(it.consequence));
    let verdict = changes.iter().map(|it| it.consequence).max().unwrap_or(Consequence::Nothing);
    let restarted: BTreeSet<&str> = changes
        .iter()
        .filter(|it| it.effects.contains(&Effect::Restart))
        .filter_map(|it| it.path.strip_prefix("services.")?.split('.').next())
        .collect();
    let restarted: Vec<String> = restarted.iter().map(|it| format!("`{it}`")).collect();
    let count = |wanted: Consequence| -> u128 {
        let count = changes.iter().filter(|it| it.consequence == wanted).count();
        u128::try_from(count).unwrap_or_default()
    };
    let mut kept: Vec<String> = Vec::new();
    for service in old.manifest.groups().iter().flat_map(|it| it.services()) {
        for volume in service.resources.volumes().iter().filter(|it| it.is_persistent()) {
            kept.push(format!("`{}` of `{}`", volume.name, service.name));
        }
    }
    let mut steps = Vec::new();
    let summary = match verdict {
        Consequence::Nothing => {
            "Nothing changes: both files order and run the same. The difference, if any, is in the writing.".to_owned()
        }
        Consequence::ManifestUpdate => {
            steps.push("Put the new hash on chain with MsgUpdateDeployment.".to_owned());
            steps.push("Send the new manifest to the provider of each lease.".to_owned());
            let restarts = match restarted.as_slice() {
                [] => "No container restarts.".to_owned(),
                names => format!(
                    "{} {} wrote outside of persistent volumes is lost.",
                    words::list(names, "and"),
                    if names.len() == 1 { "restarts; what it" } else { "restart; what they" }
                ),
            };
            format!("An update is enough: the lease, its price and its addresses stay. {restarts}")
        }
        Consequence::NewDeployment => {
            if !kept.is_empty() {
                steps.push(format!(
                    "Copy out what you need: closing deletes {}.",
                    words::list(&kept, "and")
                ));
            }
            steps.push("Deploy the new file and wait until it runs.".to_owned());
            steps.push("Point DNS and clients at the new addresses.".to_owned());
            steps.push("Close the old deployment; what is left of its deposit comes back.".to_owned());
            let forcing = words::plural(count(Consequence::NewDeployment), "change");
            let updates = count(Consequence::ManifestUpdate);
            let rest = match updates {
                0 => String::new(),
                more => {
                    let are = if more == 1 { "is" } else { "are" };
                    format!(" The other {} {are} possible as an update.", words::plural(more, "change"))
                }
            };
            format!(
                "A new deployment is needed: {forcing} cannot be made while it runs, because what was ordered is \
                 fixed on chain.{rest}"
            )
        }
    };
    Changes {
        verdict,
        summary,
        old_version: old.version_hex(),
        new_version: new.version_hex(),
        changes,
        steps,
    }
}

/// A command line, or that the image decides.
pub(super) fn command(list: Option<&Vec<String>>) -> Option<String> {
    list.map(|it| if it.is_empty() { "[]".to_owned() } else { mask::command_line(it) })
}
