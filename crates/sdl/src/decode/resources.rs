//! `resources` of a compute profile (spec `sdl.md` 6).

use super::Decoder;
use crate::ast::{At, Cpu, Gpu, Resources, Text, Volume};
use crate::diagnostics::{Diagnostic, Span};
use crate::names;
use crate::quantity::{self, QuantityError};
use crate::resources::Attribute;
use crate::rules::Rule;
use crate::yaml::{Kind, NodeId};
use std::borrow::Cow;

/// Up to here the reference sorts volumes in the way that is written down in spec 12.2.
const MOST_VOLUMES: usize = 20;

/// Storage classes that a volume may name.
const CLASSES: [&str; 5] = ["default", "beta1", "beta2", "beta3", "ram"];

impl<'t> Decoder<'t, '_, '_> {
    pub(super) fn resources(&mut self, id: NodeId) -> Option<Resources<'t>> {
        let [cpu, memory, storage, gpu] =
            self.fields(id, "`resources`", ["cpu", "memory", "storage", "gpu"])?;
        let cpu = self.present(cpu).map(|it| self.cpu(it));
        let memory = self.present(memory).map(|it| {
            let [size] = self.fields(it, "`memory`", ["size"]).unwrap_or_default();
            self.size(size, "the memory's size", self.span(it))
        });
        Some(Resources {
            span: self.span(id),
            cpu,
            memory,
            gpu: self.present(gpu).map(|it| self.gpu(it)),
            storage: self.present(storage).map(|it| self.storage(it)).unwrap_or_default(),
        })
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
        let Some(Text { text, span }) = self.literal(id) else {
            return At { value: T::default(), span: around };
        };
        match parse(&text) {
            Ok(value) => At { value, span },
            Err(error) => {
                let mut diagnostic = quantity_error(what, &text, span, &error);
                if let Some(found) = id.map(|it| self.describe(it))
                    && found != "a single value"
                {
                    diagnostic.message = format!("{what} must be a single value, not {found}");
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
            return Cpu { units: At { value: 1000, span: self.span(id) }, attributes: Vec::new() };
        };
        let around = self.span(id);
        let units = self.quantity(units, "the number of cores", around, 1000, quantity::cpu);
        let mut list: Vec<Attribute> = Vec::new();
        let pairs = self.present(attributes).map(|it| self.loose_pairs(it)).unwrap_or_default();
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
        let around = self.span(id);
        if !matches!(tree.get(id).kind, Kind::Mapping(_)) {
            self.wrong_type(id, "`gpu`", "a mapping");
            return Gpu::default();
        }
        let mut units = At { value: 0, span: around };
        let mut attributes = None;
        for (key, value) in self.loose_pairs(id) {
            match tree.get(key).literal() {
                "units" => {
                    let what = "the number of GPUs";
                    units = self.quantity(Some(value), what, around, 0, quantity::uint);
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
            let span = self.span(id);
            self.report(
                Diagnostic::new(Rule::Gpu, span, "the GPU's vendor is missing")
                    .hint("write `vendor: {nvidia: }` for any model")
                    .reference("sdl: invalid GPU attributes. at least one vendor must be set"),
            );
            return Vec::new();
        };
        let Some([nvidia]) = self.fields(vendor, "`vendor`", ["nvidia"]) else { return Vec::new() };
        let models = self.list(nvidia, "`nvidia`", Self::gpu_model).unwrap_or_default();
        let mut keys: Vec<(String, Span)> = models;
        if keys.is_empty() {
            keys.push(("vendor/nvidia/model/*".to_owned(), self.span(vendor)));
        }
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        let mut before: Option<&(String, Span)> = None;
        for key in &keys {
            let invalid = |message: String, hint: &str, reference: &str| {
                Diagnostic::new(Rule::Gpu, key.1, message)
                    .hint(hint)
                    .reference(format!("sdl: invalid GPU attributes: {reference}"))
            };
            if !names::is_attribute_key(&key.0) {
                self.sink.push(invalid(
                    format!("`{}` is not an attribute key", key.0),
                    "use letters, digits, `-`, `_` and `.` in a model; `*` only alone",
                    "attribute key does not match regexp",
                ));
            } else if before.is_some_and(|it| it.0 == key.0) {
                self.sink.push(invalid(
                    format!("the GPU `{}` stands twice", key.0),
                    "remove one of the two",
                    "attributes cannot have duplicate keys",
                ));
            }
            before = Some(key);
        }
        keys.into_iter().map(|(key, _)| Attribute { key, value: "true".to_owned() }).collect()
    }

    fn gpu_model(&mut self, id: NodeId) -> Option<(String, Span)> {
        let [model, ram, interface] =
            self.fields(id, "a GPU model", ["model", "ram", "interface"])?;
        let model = self.text(model, "`model`");
        let mut key = format!("vendor/nvidia/model/{}", model.text);
        let around = self.span(id);
        if self.present(ram).is_some() {
            let ram = self.quantity(ram, "the GPU's memory", around, 0, quantity::gpu_ram);
            key.push_str(&format!("/ram/{}Gi", ram.value >> 30));
        }
        if let Some(interface) = self.literal(interface) {
            if !matches!(interface.text.as_ref(), "pcie" | "sxm") {
                let text = &interface.text;
                self.report(
                    Diagnostic::new(
                        Rule::Gpu,
                        interface.span,
                        format!("`{text}` is not an interface of a GPU"),
                    )
                    .hint("write `pcie` or `sxm`")
                    .reference(format!("sdl: invalid GPU interface {text}. expected \"pcie|sxm\"")),
                );
            }
            key.push_str("/interface/");
            key.push_str(&interface.text);
        }
        Some((key, around))
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
                    let span = self.span(id);
                    let message = format!("a profile with {} volumes", items.len());
                    self.report(Diagnostic::new(Rule::TooManyVolumes, span, message).hint(
                        format!("use at most {MOST_VOLUMES}; most providers refuse more than 4"),
                    ));
                    return vec![Volume { span, ..Volume::default() }];
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
        let span = self.span(id);
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
        Volume { span, name: name.text, size, attributes }
    }

    fn storage_attributes(&mut self, id: NodeId) -> Vec<Attribute> {
        let Some(entries) = self.entries(id, "the volume's `attributes`") else {
            return Vec::new();
        };
        let mut persistent = None;
        let mut class = None;
        for (key, value) in entries {
            match key.text.as_ref() {
                "persistent" => persistent = Some(self.attribute_text(value)),
                "class" => class = Some(self.attribute_text(value)),
                name => {
                    let message = format!("`{name}` is not an attribute of a volume");
                    self.report(
                        Diagnostic::new(Rule::StorageAttribute, key.span, message)
                            .hint("the attributes are `persistent` and `class`")
                            .reference(format!("sdl: unsupported storage attribute: {name}")),
                    );
                }
            }
        }
        let around = self.span(id);
        let wanted = persistent.unwrap_or(Text { text: Cow::Borrowed("false"), span: around });
        let class_text = class.as_ref().map_or("", |it| it.text.as_ref());
        let mut out = Vec::with_capacity(2);
        let class = match class_text {
            "" if wanted.text == "true" => Some(Cow::Borrowed("default")),
            "ram" if wanted.text != "false" => {
                self.report(
                    Diagnostic::new(
                        Rule::StorageAttribute,
                        wanted.span,
                        "a volume in memory (`class: ram`) cannot be persistent",
                    )
                    .hint("write `persistent: false`")
                    .reference("sdl: ram storage class cannot be persistent"),
                );
                class.map(|it| it.text)
            }
            "" | "ram" => class.map(|it| it.text),
            _ if wanted.text == "false" => {
                let span = class.as_ref().map_or(around, |it| it.span);
                self.report(
                    Diagnostic::new(
                        Rule::StorageAttribute,
                        span,
                        "a volume that is not persistent takes no class",
                    )
                    .hint("write `persistent: true`, or remove `class`")
                    .reference("sdl: ephemeral storage should not set attribute class"),
                );
                class.map(|it| it.text)
            }
            other => {
                if !CLASSES.contains(&other) {
                    let span = class.as_ref().map_or(around, |it| it.span);
                    let message = format!("`{other}` is not a storage class");
                    let hint = match crate::suggest::nearest(other, CLASSES) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the classes are {}", CLASSES.join(", ")),
                    };
                    self.report(
                        Diagnostic::new(Rule::StorageAttribute, span, message)
                            .hint(hint)
                            .reference("sdl: invalid value for attribute class"),
                    );
                }
                class.map(|it| it.text)
            }
        };
        let flag = match wanted.text.as_ref() {
            "true" | "on" | "yes" => "true",
            "false" | "off" | "no" => "false",
            other => {
                let message = format!("`persistent` must be true or false; found `{other}`");
                self.report(
                    Diagnostic::new(Rule::StorageAttribute, wanted.span, message)
                        .hint("write `true` or `false`")
                        .reference(
                            "sdl: invalid value for attribute \"persistent\". expected bool",
                        ),
                );
                "false"
            }
        };
        if let Some(class) = class {
            if class.is_empty() {
                let span = around;
                self.report(
                    Diagnostic::new(Rule::StorageAttribute, span, "the storage class is empty")
                        .hint(format!("the classes are {}", CLASSES.join(", ")))
                        .reference("sdl: invalid value for attribute class"),
                );
            }
            out.push(Attribute { key: "class".to_owned(), value: class.into_owned() });
        }
        out.push(Attribute { key: "persistent".to_owned(), value: flag.to_owned() });
        out
    }

    /// The text of an attribute; a null one is empty.
    fn attribute_text(&mut self, id: NodeId) -> Text<'t> {
        let mut text = self.text(Some(id), "the value of an attribute");
        text.span = self.span(id);
        text
    }
}

fn quantity_error(what: &str, text: &str, span: Span, error: &QuantityError) -> Diagnostic {
    let hint = match error {
        QuantityError::Negative => "write a positive number".to_owned(),
        QuantityError::TooLarge => "write a smaller number".to_owned(),
        _ if what.contains("cores") => "write cores like `0.5`, or thousandths like `500m`".into(),
        _ if what.contains("GPUs") => "write a whole number like `1`".to_owned(),
        _ => size_hint(text),
    };
    let message = match error {
        QuantityError::Negative => format!("{what} is negative: `{text}`"),
        QuantityError::TooLarge | QuantityError::FloatRange(_) | QuantityError::UintRange(_) => {
            format!("{what} is too large: `{text}`")
        }
        _ if text.is_empty() => format!("{what} is empty"),
        _ => format!("{what} cannot be read: `{text}`"),
    };
    Diagnostic::new(Rule::Quantity, span, message).hint(hint).reference(error.reference())
}

/// What a size with a wrong suffix probably means.
fn size_hint(text: &str) -> String {
    let number_end = text.trim_end_matches(|it: char| it.is_ascii_alphabetic()).len();
    let (number, suffix) = text.split_at(number_end);
    let number = number.trim();
    let meant = match suffix.to_ascii_lowercase().as_str() {
        "k" | "kb" => "k",
        "m" | "mb" => "M",
        "g" | "gb" => "G",
        "t" | "tb" => "T",
        "ki" | "kib" => "Ki",
        "mi" | "mib" => "Mi",
        "gi" | "gib" => "Gi",
        "ti" | "tib" => "Ti",
        "b" => "",
        _ => "Gi",
    };
    match number.parse::<f64>() {
        Ok(_) => {
            format!("did you mean `{number}{meant}`? The suffixes are {}", quantity::SIZE_SUFFIXES)
        }
        Err(_) => {
            format!("write a size like `512Mi`; the suffixes are {}", quantity::SIZE_SUFFIXES)
        }
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
