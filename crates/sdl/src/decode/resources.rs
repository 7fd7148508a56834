//! `resources` of a compute profile (spec `sdl.md` 6).

use super::Decoder;
use super::quantities::{model_hint, quantity_error, sentence};
use crate::ast::{At, Cpu, Gpu, Resources, Text, Volume};
use crate::diagnostics::{Diagnostic, Span};
use crate::names;
use crate::quantity::{self, QuantityError};
use crate::resources::Attribute;
use crate::rules::Rule;
use crate::suggest;
use crate::yaml::{Kind, NodeId};
use std::borrow::Cow;

/// Up to here the reference sorts volumes in the way that is written down in spec 12.2.
const MOST_VOLUMES: usize = 20;

/// Storage classes that a volume may name.
const CLASSES: [&str; 5] = ["default", "beta1", "beta2", "beta3", "ram"];

impl<'t> Decoder<'t, '_, '_> {
    /// The span is that of the key.
    pub(super) fn resources(&mut self, span: Span, id: NodeId) -> Resources<'t> {
        let keys = ["cpu", "memory", "storage", "gpu"];
        let Some([cpu, memory, storage, gpu]) = self.fields(id, "`resources`", keys) else {
            return Resources::unreadable(self.tight(id));
        };
        let cpu = self.present(cpu).map(|it| self.cpu(it));
        let memory = self.present(memory).map(|it| match self.fields(it, "`memory`", ["size"]) {
            Some([size]) => self.size(size, "the memory's size", self.tight(it)),
            None => At { value: 1 << 30, span: self.tight(it) },
        });
        let gpu = self.present(gpu).map(|it| self.gpu(it));
        let errors = self.sink.error_count();
        let storage = self.present(storage).map(|it| self.storage(it)).unwrap_or_default();
        let is_storage_broken = self.sink.error_count() > errors;
        Resources { span, cpu, memory, gpu, storage, is_storage_broken }
    }

    /// A quantity, replaced by `fallback` if it cannot be read; absent is zero.
    fn quantity<T: Default>(
        &mut self,
        id: Option<NodeId>,
        what: &str,
        around: Span,
        fallback: T,
        parse: impl FnOnce(&str) -> Result<T, QuantityError>,
    ) -> At<T> {
        let Some(Text { text, span, .. }) = self.literal(id) else {
            return At { value: T::default(), span: around };
        };
        match parse(&text) {
            Ok(value) => At { value, span },
            Err(error) => {
                let mut diagnostic = quantity_error(what, &text, span, &error);
                if let Some(found) = id.filter(|it| self.describe(*it) != "a single value") {
                    let kind = self.describe(found);
                    diagnostic.message = format!("{what} must be a single value, not {kind}");
                    diagnostic.span = self.tight(found);
                }
                self.report(diagnostic);
                At { value: fallback, span }
            }
        }
    }

    fn size(&mut self, id: Option<NodeId>, what: &str, around: Span) -> At<u64> {
        self.quantity(id, what, around, 1 << 30, quantity::bytes)
    }

    fn cpu(&mut self, id: NodeId) -> Cpu {
        let Some([units, attributes]) = self.fields(id, "`cpu`", ["units", "attributes"]) else {
            return Cpu::unreadable(self.tight(id));
        };
        let around = self.tight(id);
        let units = self.quantity(units, "the number of cores", around, 1000, quantity::cpu);
        let mut list: Vec<Attribute> = Vec::new();
        let attributes = self.present(attributes);
        // The reference reads a list as keys and values in turn: an empty one says nothing.
        if let Some(id) = attributes
            && matches!(&self.tree.get(id).kind, Kind::Sequence(list) if !list.is_empty())
        {
            self.wrong_type(id, "the CPU's `attributes`", "a mapping");
        }
        let pairs = attributes.map(|it| self.loose_pairs(it)).unwrap_or_default();
        for (key, value) in pairs {
            let span = self.span(key);
            let name = self.tree.get(key).literal();
            if name != "arch" {
                let reference = format!("unsupported cpu attribute \"{name}\"");
                let message = format!("`{name}` is not an attribute of a CPU");
                self.report(
                    Diagnostic::new(Rule::CpuAttribute, span, message)
                        .hint("the only one is `arch`")
                        .reference(reference),
                );
            } else if !list.is_empty() {
                self.report(
                    Diagnostic::new(Rule::AttributeKey, span, "`arch` stands twice")
                        .hint("remove one of the two")
                        .reference("attributes cannot have duplicate keys"),
                );
            } else {
                let value = self.text(Some(value), "`arch`").to_owned_text();
                list.push(Attribute { key: name.to_owned(), value });
            }
        }
        Cpu { units, attributes: list }
    }

    // GPUs (6.2).

    fn gpu(&mut self, id: NodeId) -> Gpu {
        let tree = self.tree;
        let around = self.tight(id);
        match &tree.get(id).kind {
            Kind::Sequence(list) if !list.is_empty() => {
                self.wrong_type(id, "`gpu`", "a mapping");
                return Gpu { units: At { value: 1, span: around }, attributes: Vec::new() };
            }
            // The reference finds no keys in it, and so no GPU.
            Kind::Scalar { .. } | Kind::Sequence(_) => {
                let message = "`gpu` is not a mapping: no GPU is ordered";
                self.report(
                    Diagnostic::new(Rule::IgnoredKey, around, message)
                        .hint("write `gpu: {units: 1, attributes: {vendor: {nvidia: }}}`"),
                );
            }
            _ => {}
        }
        let mut units = At { value: 0, span: around };
        let mut attributes = None;
        for (key, value) in self.loose_pairs(id) {
            match tree.get(key).literal() {
                "units" => {
                    let what = "the number of GPUs";
                    units = self.quantity(Some(value), what, around, 1, quantity::uint);
                }
                "attributes" => attributes = self.present(Some(value)),
                name => {
                    let span = self.span(key);
                    let reference = format!("sdl: unsupported field ({name}) for GPU resource");
                    self.unknown(span, name, "`gpu`", &["units", "attributes"], reference);
                }
            }
        }
        let list = attributes.map(|it| self.gpu_attributes(it));
        if units.value > 0 && list.is_none() {
            self.report(
                Diagnostic::new(Rule::Gpu, units.span, "the kind of GPU is missing")
                    .hint("write `attributes: {vendor: {nvidia: }}` for any, or list the models")
                    .reference("sdl: GPU attributes must be present if units > 0"),
            );
        }
        Gpu { units, attributes: list.unwrap_or_default() }
    }

    fn gpu_attributes(&mut self, id: NodeId) -> Vec<Attribute> {
        let tree = self.tree;
        let mut vendor = None;
        for (key, value) in self.loose_pairs(id) {
            match tree.get(key).literal() {
                "vendor" => vendor = self.present(Some(value)),
                name => {
                    let span = self.span(key);
                    let reference = format!("sdl: unsupported attribute ({name}) for GPU resource");
                    self.unknown(span, name, "the GPU's `attributes`", &["vendor"], reference);
                }
            }
        }
        let Some(vendor) = vendor else {
            let span = self.tight(id);
            self.report(
                Diagnostic::new(Rule::Gpu, span, "the GPU's vendor is missing")
                    .hint("write `vendor: {nvidia: [{model: t4}]}`, or `vendor: {nvidia: }` for any model")
                    .reference("sdl: invalid GPU attributes. at least one vendor must be set"),
            );
            return Vec::new();
        };
        let Some([nvidia]) = self.fields(vendor, "`vendor`", ["nvidia"]) else { return Vec::new() };
        let models = self.list(nvidia, "`nvidia`", Self::gpu_model).unwrap_or_default();
        let mut keys: Vec<(String, Span)> = models;
        if keys.is_empty() {
            keys.push(("vendor/nvidia/model/*".to_owned(), self.tight(vendor)));
        }
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let mut before: Option<&(String, Span)> = None;
        for key in &keys {
            let invalid = |message: String, hint: String, reference: &str| {
                Diagnostic::new(Rule::Gpu, key.1, message)
                    .hint(hint)
                    .reference(format!("sdl: invalid GPU attributes: {reference}"))
            };
            let rest = key.0.strip_prefix("vendor/nvidia/model/").unwrap_or_default();
            let model = rest.split(['/']).next().unwrap_or_default();
            if !names::is_attribute_key(&key.0) {
                self.sink.push(invalid(
                    format!("`{rest}` cannot stand for a model of GPU"),
                    model_hint(model, rest),
                    "attribute key does not match regexp",
                ));
            } else if let Some(first) = before.filter(|it| it.0 == key.0) {
                self.sink.push(
                    invalid(
                        format!("the GPU `{rest}` stands twice"),
                        "remove one of the two".to_owned(),
                        "attributes cannot have duplicate keys",
                    )
                    .related(first.1, "first here"),
                );
            }
            before = Some(key);
        }
        // What was refused here is not looked at again.
        keys.dedup_by(|a, b| a.0 == b.0);
        keys.into_iter()
            .filter(|it| names::is_attribute_key(&it.0))
            .map(|(key, _)| Attribute { key, value: "true".to_owned() })
            .collect()
    }

    fn gpu_model(&mut self, id: NodeId) -> Option<(String, Span)> {
        let [model, ram, interface] =
            self.fields(id, "a GPU model", ["model", "ram", "interface"])?;
        let model = self.text(model, "`model`");
        let around = if model.is_absent() { self.tight(id) } else { model.span };
        let errors = self.sink.error_count();
        let mut key = format!("vendor/nvidia/model/{}", model.text);
        if self.present(ram).is_some() {
            let ram = self.quantity(ram, "the GPU's memory", around, 0, quantity::gpu_ram);
            key.push_str(&format!("/ram/{}Gi", ram.value >> 30));
        }
        if let Some(interface) = self.literal(interface) {
            let text = interface.text.as_ref();
            if !matches!(text, "pcie" | "sxm") {
                let lower = text.to_ascii_lowercase();
                let hint = match () {
                    () if lower.starts_with("sxm") => "did you mean `sxm`?",
                    () if lower.starts_with("pci") => "did you mean `pcie`?",
                    () => "write `pcie` or `sxm`, or leave it out for either",
                };
                let message = format!("`{text}` is not an interface of a GPU");
                self.report(
                    Diagnostic::new(Rule::Gpu, interface.span, message).hint(hint).reference(
                        format!("sdl: invalid GPU interface {text}. expected \"pcie|sxm\""),
                    ),
                );
            }
            key.push_str("/interface/");
            key.push_str(text);
        }
        // A key made of something broken is not looked at again.
        let is_broken = model.is_broken || self.sink.error_count() > errors;
        (!is_broken).then_some((key, around))
    }

    // Storage (6.1).

    fn storage(&mut self, id: NodeId) -> Vec<Volume<'t>> {
        let tree = self.tree;
        match &tree.get(id).kind {
            Kind::Mapping(_) => {
                let mut volume = self.volume(id);
                volume.name = Cow::Borrowed("default");
                vec![volume]
            }
            Kind::Sequence(items) => {
                if items.len() > MOST_VOLUMES {
                    let span = self.tight(id);
                    let message = format!("a profile with {} volumes", items.len());
                    self.report(Diagnostic::new(Rule::TooManyVolumes, span, message).hint(
                        format!("use at most {MOST_VOLUMES}; most providers refuse more than 4"),
                    ));
                    let size = At { value: 1 << 30, span };
                    return vec![Volume { span, size, ..Volume::default() }];
                }
                let mut volumes: Vec<Volume<'t>> = Vec::with_capacity(items.len());
                for item in items {
                    let mut volume = match self.present(Some(*item)) {
                        Some(item) => self.volume(item),
                        None => Volume { span: self.span(*item), ..Volume::default() },
                    };
                    if volume.name.is_empty() {
                        volume.name = Cow::Borrowed("default");
                    }
                    if let Some(twin) = volumes.iter().find(|it| it.name == volume.name) {
                        let message = format!("two volumes are named `{}`", volume.name);
                        let diagnostic = Diagnostic::new(
                            Rule::DuplicateVolume,
                            volume.span,
                            message,
                        )
                        .hint("give each a `name` of its own; a volume without one is `default`")
                        .related(twin.span, "the other")
                        .reference("sdl: duplicated volume name");
                        self.report(diagnostic);
                    }
                    volumes.push(volume);
                }
                sort_volumes(&mut volumes);
                volumes
            }
            _ => Vec::new(),
        }
    }

    fn volume(&mut self, id: NodeId) -> Volume<'t> {
        let span = self.tight(id);
        let Some([name, size, attributes]) =
            self.fields(id, "a volume", ["name", "size", "attributes"])
        else {
            let size = At { value: 1 << 30, span };
            return Volume { span, size, ..Volume::default() };
        };
        let name = self.text(name, "the volume's `name`");
        let size = self.size(size, "the volume's size", span);
        let attributes =
            self.present(attributes).map(|it| self.storage_attributes(it)).unwrap_or_default();
        // A volume is best shown by its name.
        let span = if name.is_absent() { span } else { name.span };
        Volume { span, name: name.text, size, attributes }
    }

    fn storage_attributes(&mut self, id: NodeId) -> Vec<Attribute> {
        let Some(entries) = self.entries(id, "the volume's `attributes`") else {
            return Vec::new();
        };
        let around = self.tight(id);
        let mut persistent = Text { text: Cow::Borrowed("false"), span: around, is_broken: false };
        let mut class: Option<Text<'t>> = None;
        for (key, value) in entries {
            match key.text.as_ref() {
                "persistent" => persistent = self.attribute_text(value),
                "class" => class = Some(self.attribute_text(value)),
                name => {
                    let message = format!("`{name}` is not an attribute of a volume");
                    let hint = match suggest::nearest(name, ["persistent", "class"]) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "the attributes are `persistent` and `class`".to_owned(),
                    };
                    self.report(
                        Diagnostic::new(Rule::StorageAttribute, key.span, message)
                            .hint(hint)
                            .reference(format!("sdl: unsupported storage attribute: {name}")),
                    );
                }
            }
        }
        if persistent.is_broken || class.as_ref().is_some_and(|it| it.is_broken) {
            return Vec::new();
        }
        let written = class.as_ref().map_or("", |it| it.text.as_ref());
        if written == "ram" && persistent.text != "false" {
            // Whatever else is wrong with the flag, it has to go.
            self.report(
                Diagnostic::new(
                    Rule::StorageAttribute,
                    persistent.span,
                    "a volume in memory (`class: ram`) cannot be persistent",
                )
                .hint("write `persistent: false`")
                .reference("sdl: ram storage class cannot be persistent"),
            );
        } else if !matches!(written, "" | "ram") && persistent.text == "false" {
            let span = class.as_ref().map_or(around, |it| it.span);
            let message =
                format!("a volume of class `{written}` is persistent, and this one is not");
            self.report(
                Diagnostic::new(Rule::StorageAttribute, span, message)
                    .hint("write `persistent: true` beside it, or remove `class`")
                    .reference("sdl: ephemeral storage should not set attribute class"),
            );
        } else {
            self.persistent_flag(&persistent);
            self.storage_class(class.as_ref(), persistent.text == "true", around);
        }
        let is_persistent = matches!(persistent.text.as_ref(), "true" | "on" | "yes");
        let class = match class {
            None => (persistent.text == "true").then_some(Cow::Borrowed("default")),
            Some(it) if it.is_empty() && persistent.text == "true" => {
                Some(Cow::Borrowed("default"))
            }
            Some(it) => Some(it.text),
        };
        let mut out = Vec::with_capacity(2);
        if let Some(class) = class {
            out.push(Attribute { key: "class".to_owned(), value: class.into_owned() });
        }
        let flag = if is_persistent { "true" } else { "false" };
        out.push(Attribute { key: "persistent".to_owned(), value: flag.to_owned() });
        out
    }

    fn persistent_flag(&mut self, flag: &Text<'t>) {
        let text = flag.text.as_ref();
        if matches!(text, "true" | "on" | "yes" | "false" | "off" | "no") {
            return;
        }
        let lower = text.to_ascii_lowercase();
        let (message, hint) = match lower.as_str() {
            "" => ("`persistent` is empty".to_owned(), "write `true` or `false`".to_owned()),
            "true" | "false" | "on" | "off" | "yes" | "no" => (
                format!("`persistent` is written in lower case, not `{text}`"),
                format!("write `{lower}`"),
            ),
            _ => (
                format!("`persistent` must be true or false; found `{text}`"),
                "write `true` or `false`".to_owned(),
            ),
        };
        self.report(
            Diagnostic::new(Rule::StorageAttribute, flag.span, message)
                .hint(hint)
                .reference("sdl: invalid value for attribute \"persistent\". expected bool"),
        );
    }

    fn storage_class(&mut self, class: Option<&Text<'t>>, is_persistent: bool, around: Span) {
        let Some(class) = class else { return };
        let text = class.text.as_ref();
        if CLASSES.contains(&text) || (text.is_empty() && is_persistent) {
            return;
        }
        let span = if class.is_absent() { around } else { class.span };
        let classes = format!("the classes are {}", CLASSES.join(", "));
        let (message, hint) = match text.to_ascii_lowercase().as_str() {
            "" => ("the storage class is empty".to_owned(), classes),
            "hdd" => (format!("`{text}` is not a storage class"), "disks are `beta1`".to_owned()),
            "ssd" => (
                format!("`{text}` is not a storage class"),
                "solid-state disks are `beta2`".to_owned(),
            ),
            "nvme" => {
                (format!("`{text}` is not a storage class"), "NVMe disks are `beta3`".to_owned())
            }
            _ => {
                let hint = match suggest::nearest(text, CLASSES) {
                    Some(near) => format!("did you mean `{near}`? {}", sentence(&classes)),
                    None => classes,
                };
                (format!("`{text}` is not a storage class"), hint)
            }
        };
        self.report(
            Diagnostic::new(Rule::StorageAttribute, span, message)
                .hint(hint)
                .reference("sdl: invalid value for attribute class"),
        );
    }

    /// The text of an attribute; a null one is empty.
    fn attribute_text(&mut self, id: NodeId) -> Text<'t> {
        let mut text = self.text(Some(id), "the value of an attribute");
        text.span = self.span(id);
        text
    }
}

/// The order of volumes (12.2): an insertion sort by a comparison that is no order.
fn sort_volumes(volumes: &mut [Volume<'_>]) {
    for end in 1..volumes.len() {
        let mut at = end;
        while at > 0 {
            let (Some(left), Some(right)) = (volumes.get(at - 1), volumes.get(at)) else { break };
            if !sorts_before(right, left) {
                break;
            }
            volumes.swap(at - 1, at);
            at -= 1;
        }
    }
}

fn sorts_before(a: &Volume<'_>, b: &Volume<'_>) -> bool {
    if a.size.value != b.size.value {
        return a.size.value < b.size.value;
    }
    let (left, right) = (a.attribute("persistent"), b.attribute("persistent"));
    match (left, right) {
        (None, Some(_)) => return true,
        (Some(_), None) => return false,
        (Some(left), Some(right)) if left < right => return true,
        _ => {}
    }
    if left != Some("true") {
        true
    } else if right != Some("true") {
        false
    } else {
        a.name < b.name
    }
}
