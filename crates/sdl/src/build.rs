//! Typed values to groups and manifest (spec `sdl.md` 12).
//!
//! Called by `compile` between `decode` and `check`. Builds whatever refers to things that exist; what does
//! not is reported by `check`. Reports what the reference finds while building: confidential computing,
//! protocols, HTTP options. Knows no limits and no name rules.

mod expose;

use crate::Language;
use crate::ast;
use crate::ast::{Entry, File};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::gosort;
use crate::groups::{GroupSpec, Requirements, ResourceUnit, SignedBy, UnitPrice};
use crate::manifest::{
    Attribute, Cpu, Credentials, Endpoint, Expose, Gpu, Group, Memory, Params, Permissions,
    Quantity, Resources, Service, StorageParams, Tee, Volume,
};
use crate::quantity::Price;
use crate::rules::Rule;
use expose::{endpoints, exposes};
use std::collections::BTreeMap;

/// How many bytes of output are built, roughly.
const MOST_OUTPUT_BYTES: usize = 32 << 20;

/// One service in one placement, with everything it refers to.
pub(crate) struct Pair<'f, 't> {
    pub(crate) service_name: &'f str,
    pub(crate) placement_name: &'f str,
    pub(crate) deployed: &'f ast::Deployed<'t>,
    pub(crate) service: Option<&'f Entry<ast::Service<'t>>>,
    pub(crate) compute: Option<&'f Entry<ast::Compute<'t>>>,
    pub(crate) placement: Option<&'f Entry<ast::Placement<'t>>>,
    /// Something it refers to was already reported.
    pub(crate) is_broken: bool,
}

impl<'f, 't> Pair<'f, 't> {
    pub(crate) fn resources(&self) -> Option<&'f ast::Resources<'t>> {
        self.compute.and_then(|it| it.value.resources.as_ref())
    }

    pub(crate) fn pricing(&self) -> Option<&'f Entry<ast::Pricing<'t>>> {
        let entry = self.placement?.value.pricing.get(&self.deployed.profile.text)?;
        (!entry.value.is_null).then_some(entry)
    }
}

/// All pairs, by service name and then placement name.
pub(crate) fn pairs<'f, 't>(file: &'f File<'t>) -> Vec<Pair<'f, 't>> {
    let mut found = Vec::new();
    for (service_name, entry) in &file.deployment.entries {
        let service = file.services.get(service_name);
        for (placement_name, inner) in &entry.value {
            let deployed = &inner.value;
            let compute = file.compute.get(&deployed.profile.text);
            let placement = file.placement.get(placement_name);
            let is_broken = entry.is_broken
                || inner.is_broken
                || service.is_some_and(|it| it.is_broken)
                || compute.is_some_and(|it| it.is_broken)
                || placement.is_some_and(|it| it.is_broken);
            found.push(Pair {
                service_name,
                placement_name,
                deployed,
                service,
                compute,
                placement,
                is_broken,
            });
        }
    }
    found
}

/// A unit of a group, and what it was made of.
pub(crate) struct BuiltUnit<'f, 't> {
    pub(crate) unit: ResourceUnit,
    pub(crate) resources: &'f ast::Resources<'t>,
    pub(crate) pricing: &'f Entry<ast::Pricing<'t>>,
    pub(crate) count: Span,
    pub(crate) is_broken: bool,
}

/// A group, and what it was made of.
pub(crate) struct BuiltGroup<'f, 't> {
    pub(crate) name: &'f str,
    /// Where the placement is defined.
    pub(crate) span: Span,
    pub(crate) requirements: Requirements,
    pub(crate) units: Vec<BuiltUnit<'f, 't>>,
    pub(crate) services: Vec<BuiltService<'f, 't>>,
    /// A service refers to something that does not exist, so that units are missing.
    pub(crate) is_incomplete: bool,
    tee: Option<(&'f str, Span)>,
    by_profile: BTreeMap<&'f str, usize>,
}

/// A service in a group, and what it was made of.
pub(crate) struct BuiltService<'f, 't> {
    pub(crate) service: Service,
    pub(crate) source: &'f Entry<ast::Service<'t>>,
    /// Where the service is deployed: for names that no definition carries.
    pub(crate) deployed: Span,
    /// For each expose, which entry of the service's `expose` it comes from.
    pub(crate) exposes: Vec<usize>,
}

impl BuiltGroup<'_, '_> {
    /// Splits into what goes on chain and what goes to the provider.
    pub(crate) fn finish(self) -> (GroupSpec, Group) {
        let spec = GroupSpec {
            name: self.name.to_owned(),
            requirements: self.requirements,
            resources: self.units.into_iter().map(|it| it.unit).collect(),
        };
        let services = self.services.into_iter().map(|it| it.service).collect();
        (spec, Group { name: self.name.to_owned(), services: Some(services) })
    }
}

/// Builds all groups, in order of their names.
///
/// A service that refers to something missing is built as far as it goes, so that the rules about the rest
/// of it are applied; the missing part is an error, so nothing of this gets out.
pub(crate) fn build<'f, 't>(
    file: &'f File<'t>,
    pairs: &[Pair<'f, 't>],
    language: Language,
    sink: &mut Sink,
) -> Vec<BuiltGroup<'f, 't>> {
    let numbers = sequence_numbers(file);
    let mut groups: BTreeMap<&str, BuiltGroup<'f, 't>> = BTreeMap::new();
    let mut left = MOST_OUTPUT_BYTES;
    for pair in pairs {
        let Some(source) = pair.service else { continue };
        match left.checked_sub(weight(&source.value, pair.resources())) {
            Some(rest) => left = rest,
            None => {
                let message = "the manifest would be larger than any provider takes";
                sink.push(
                    Diagnostic::new(Rule::AliasExpansion, pair.deployed.span, message)
                        .hint("deploy less in one file"),
                );
                break;
            }
        }
        let group = groups.entry(pair.placement_name).or_insert_with(|| new_group(pair));
        let errors = sink.error_count();
        let tee = source.value.params.as_ref().and_then(|it| it.tee.as_ref());
        if let Some(tee) = tee.filter(|it| !it.is_broken) {
            require_tee(group, tee, pair, sink);
        }
        let (exposes, sources) = exposes(&source.value, &numbers, sink);
        let endpoints = endpoints(&exposes);
        let resources = match (pair.resources(), pair.pricing()) {
            (Some(resources), Some(pricing)) => {
                let is_broken = pair.is_broken || pricing.is_broken || sink.error_count() > errors;
                let part = Part { resources, pricing, endpoints: &endpoints, is_broken };
                let id = add_unit(group, pair, part, language);
                with_endpoints(resources, id, endpoints)
            }
            _ => {
                group.is_incomplete = true;
                Resources::default()
            }
        };
        group.services.push(BuiltService {
            service: service(pair, &source.value, resources, exposes, language),
            source,
            deployed: file
                .deployment
                .get(pair.service_name)
                .map_or(pair.deployed.span, |it| it.name),
            exposes: sources,
        });
    }
    groups.into_values().collect()
}

/// Roughly how many bytes one copy of a service is.
fn weight(service: &ast::Service<'_>, resources: Option<&ast::Resources<'_>>) -> usize {
    let texts = |list: &Option<Vec<ast::Text<'_>>>| -> usize {
        list.as_deref().unwrap_or_default().iter().map(|it| it.text.len() + 8).sum()
    };
    let lists = texts(&service.command) + texts(&service.args) + texts(&service.env);
    let exposes: usize = service
        .expose
        .iter()
        .map(|it| {
            let own: usize = it.http.next_cases.iter().map(|it| it.text.len() + 8).sum();
            let to: usize = it.to.iter().map(|it| it.service.text.len() + it.ip.text.len()).sum();
            (texts(&it.accept) + own + 200).saturating_mul(it.to.len().max(1)) + to
        })
        .fold(0, usize::saturating_add);
    let params = service.params.as_ref().map_or(0, |it| {
        let storage: usize =
            it.storage.iter().map(|(name, it)| name.len() + it.value.mount.text.len() + 48).sum();
        let read = it.permissions.as_deref().unwrap_or_default();
        storage + read.iter().map(|it| it.text.len() + 8).sum::<usize>()
    });
    let credentials = service.credentials.as_ref().map_or(0, |it| {
        [&it.host, &it.email, &it.username, &it.password].iter().map(|it| it.text.len()).sum()
    });
    let gpu = resources.and_then(|it| it.gpu.as_ref()).map_or(0, |it| {
        it.attributes.iter().map(|it| it.key.len() + it.value.len() + 48).sum::<usize>()
    });
    let image = service.image.as_ref().map_or(0, |it| it.text.len());
    let volumes = resources.map_or(0, |it| it.storage.len() * 200);
    [lists, exposes, params, credentials, gpu, image, volumes, 1000]
        .into_iter()
        .fold(0, usize::saturating_add)
}

fn new_group<'f, 't>(pair: &Pair<'f, 't>) -> BuiltGroup<'f, 't> {
    let owned = |list: &Option<Vec<ast::Text<'_>>>| {
        list.as_ref().map(|it| it.iter().map(ast::Text::to_owned_text).collect())
    };
    let requirements = pair.placement.map(|it| Requirements {
        signed_by: SignedBy { all_of: owned(&it.value.all_of), any_of: owned(&it.value.any_of) },
        attributes: it.value.attributes.clone(),
    });
    BuiltGroup {
        name: pair.placement_name,
        span: pair.placement.map_or(pair.deployed.span, |it| it.name),
        requirements: requirements.unwrap_or_default(),
        units: Vec::new(),
        services: Vec::new(),
        is_incomplete: false,
        tee: None,
        by_profile: BTreeMap::new(),
    }
}

/// The number of each leased address (12.1).
fn sequence_numbers<'f>(file: &'f File<'_>) -> BTreeMap<&'f str, u32> {
    let mut uses: Vec<&str> = Vec::new();
    for name in file.deployment.names() {
        let Some(service) = file.services.get(name) else { continue };
        for to in service.value.expose.iter().flat_map(|it| &it.to) {
            if !(to.global && to.ip.is_empty()) {
                uses.push(&to.ip.text);
            }
        }
    }
    uses.sort_unstable();
    uses.into_iter().zip(1..).collect()
}

// Confidential computing (5.3).

fn require_tee<'f, 't>(
    group: &mut BuiltGroup<'f, 't>,
    tee: &'f ast::Text<'t>,
    pair: &Pair<'f, 't>,
    sink: &mut Sink,
) {
    let kind = tee.text.as_ref();
    let error = |message: String, hint: &str, reference: String| {
        Diagnostic::new(Rule::Tee, tee.span, message).hint(hint).reference(reference)
    };
    if !matches!(kind, "cpu" | "cpu-gpu") {
        let hint = match kind.to_ascii_lowercase().as_str() {
            "cpu" => "did you mean `cpu`?",
            "gpu" | "cpu+gpu" | "cpu_gpu" | "gpu-cpu" | "cpu-gpu" => "did you mean `cpu-gpu`?",
            _ => "write `cpu` or `cpu-gpu`",
        };
        sink.push(error(
            format!("`{kind}` is not a kind of confidential computing"),
            hint,
            format!("sdl: unsupported tee type: {kind:?} (allowed: cpu, cpu-gpu)"),
        ));
        return;
    }
    // A profile that is missing is reported as such.
    let gpus = pair.resources().map(|it| it.gpu.as_ref().map_or(0, |it| it.units.value));
    if kind == "cpu-gpu" && gpus == Some(0) && !pair.compute.is_some_and(|it| it.is_broken) {
        sink.push(error(
            format!("`tee: cpu-gpu` needs a GPU, but the profile `{}` has none", pair.deployed.profile.text),
            "write `tee: cpu`, or add a GPU to the profile",
            format!(
                "sdl: tee type requires gpu resources: {kind:?} specified but no gpu resources defined"
            ),
        ));
        return;
    }
    match group.tee {
        Some((other, span)) if other != kind => {
            sink.push(
                error(
                    format!(
                        "the services of the placement `{}` want different kinds of confidential computing",
                        group.name
                    ),
                    "use one kind, or put the services into different placements",
                    format!(
                        "sdl: conflicting tee types in the same placement group: group {:?} has {other:?} and {kind:?}",
                        group.name
                    ),
                )
                .related(span, "the other kind"),
            );
        }
        Some(_) => {}
        None => {
            group.tee = Some((kind, tee.span));
            let list = group.requirements.attributes.get_or_insert_default();
            list.push(Attribute { key: "tee/type".to_owned(), value: kind.to_owned() });
            list.sort_by(|a, b| a.key.cmp(&b.key));
        }
    }
}

// Units and services (12.5, 12.6).

/// What a service adds to its group.
struct Part<'p, 'f, 't> {
    resources: &'f ast::Resources<'t>,
    pricing: &'f Entry<ast::Pricing<'t>>,
    endpoints: &'p [Endpoint],
    is_broken: bool,
}

/// Adds to a group's units, and returns the id of the unit that the service belongs to.
fn add_unit<'f, 't>(
    group: &mut BuiltGroup<'f, 't>,
    pair: &Pair<'f, 't>,
    part: Part<'_, 'f, 't>,
    language: Language,
) -> u32 {
    let profile: &'f str = &pair.deployed.profile.text;
    let count = pair.deployed.count.value;
    let shared = match language {
        Language::V2_0 => None,
        Language::V2_1 => group.by_profile.get(profile).copied(),
    };
    if let Some(built) = shared.and_then(|it| group.units.get_mut(it)) {
        // The reference adds with wrap-around; such a total is refused by its limits in any case.
        built.unit.count = built.unit.count.saturating_add(count);
        built.is_broken |= part.is_broken;
        let list = built.unit.resource.endpoints.get_or_insert_default();
        list.extend_from_slice(part.endpoints);
        gosort::sort(list, |a, b| a.sequence_number < b.sequence_number);
        return built.unit.resource.id;
    }
    let id = u32::try_from(group.units.len() + 1).unwrap_or(u32::MAX);
    group.by_profile.insert(profile, group.units.len());
    let price = &part.pricing.value;
    group.units.push(BuiltUnit {
        unit: ResourceUnit {
            resource: with_endpoints(part.resources, id, part.endpoints.to_vec()),
            count,
            price: UnitPrice { denom: price.denom.to_owned_text(), amount: price.amount.value },
        },
        resources: part.resources,
        pricing: part.pricing,
        count: pair.deployed.count.span,
        is_broken: part.is_broken,
    });
    id
}

fn with_endpoints(resources: &ast::Resources<'_>, id: u32, endpoints: Vec<Endpoint>) -> Resources {
    let gpu = resources.gpu.as_ref();
    Resources {
        id,
        cpu: Some(resources.cpu.as_ref().map_or_else(Cpu::default, |it| Cpu {
            units: Quantity(it.units.value.into()),
            attributes: it.attributes.clone(),
        })),
        memory: Some(Memory {
            size: Quantity(resources.memory.map_or(0, |it| it.value)),
            attributes: Vec::new(),
        }),
        storage: Some(
            resources
                .storage
                .iter()
                .map(|it| Volume {
                    name: it.name.clone().into_owned(),
                    size: Quantity(it.size.value),
                    attributes: it.attributes.clone(),
                })
                .collect(),
        ),
        gpu: Some(Gpu {
            units: Quantity(gpu.map_or(0, |it| it.units.value)),
            attributes: gpu.map(|it| it.attributes.clone()).unwrap_or_default(),
        }),
        endpoints: Some(endpoints),
    }
}

fn service(
    pair: &Pair<'_, '_>,
    source: &ast::Service<'_>,
    resources: Resources,
    expose: Vec<Expose>,
    language: Language,
) -> Service {
    let owned = |list: &Option<Vec<ast::Text<'_>>>| {
        list.as_ref().map(|it| it.iter().map(ast::Text::to_owned_text).collect())
    };
    Service {
        name: pair.service_name.to_owned(),
        image: source.image.as_ref().map(ast::Text::to_owned_text).unwrap_or_default(),
        command: owned(&source.command),
        args: owned(&source.args),
        env: owned(&source.env),
        resources,
        count: pair.deployed.count.value,
        expose: Some(expose),
        params: source.params.as_ref().map(params),
        credentials: source.credentials.as_ref().map(|it| credentials(it, language)),
    }
}

fn params(source: &ast::Params<'_>) -> Params {
    let storage: Vec<_> = source
        .storage
        .iter()
        .map(|(name, it)| StorageParams {
            name: name.clone().into_owned(),
            mount: it.value.mount.to_owned_text(),
            read_only: it.value.read_only.value,
        })
        .collect();
    Params {
        storage: Some(storage).filter(|it| !it.is_empty()),
        credentials: None,
        permissions: source
            .permissions
            .as_ref()
            .map(|it| Permissions { read: it.iter().map(ast::Text::to_owned_text).collect() }),
        tee: source.tee.as_ref().map(|it| Tee { kind: it.to_owned_text(), attestation: true }),
    }
}

/// Version 2.0 drops the mail address, 2.1 trims all four (4.1).
fn credentials(source: &ast::Credentials<'_>, language: Language) -> Credentials {
    let take = |it: &ast::Text<'_>| match language {
        Language::V2_0 => it.to_owned_text(),
        Language::V2_1 => it.text.trim().to_owned(),
    };
    let nothing = ast::Text::default();
    let email = match language {
        Language::V2_0 => &nothing,
        Language::V2_1 => &source.email,
    };
    Credentials {
        host: take(&source.host),
        email: take(email),
        username: take(&source.username),
        password: take(&source.password),
    }
}

/// The most that the units of a group may cost together.
pub(crate) fn total_price<'u>(units: impl IntoIterator<Item = &'u ResourceUnit>) -> Price {
    units
        .into_iter()
        .fold(Price::default(), |sum, unit| sum.plus(unit.price.amount.times(unit.count)))
}
