//! A deployment file as typed values, each with its place in the text.
//!
//! `decode` makes it, `build` and `check` read it. Nothing here knows YAML.

use crate::check::Misspelt;
use crate::diagnostics::Span;
use crate::quantity::Price;
use crate::resources::Attribute;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A text and where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text<'t> {
    pub(crate) text: Cow<'t, str>,
    /// The place of the value; all zero if it is absent.
    pub(crate) span: Span,
    /// It could not be read, which was reported; rules about what it says do not apply.
    pub(crate) is_broken: bool,
}

impl Text<'_> {
    /// What stands for a text that could not be read.
    pub(crate) fn broken(span: Span) -> Self {
        Self { text: Cow::Borrowed(""), span, is_broken: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether the file says nothing here, not even an empty text.
    pub(crate) fn is_absent(&self) -> bool {
        self.span == Span::default() && !self.is_broken
    }

    pub(crate) fn to_owned_text(&self) -> String {
        self.text.clone().into_owned()
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Entries by name, in byte order of the names. The span is that of the name.
pub(crate) type Named<'t, T> = BTreeMap<Cow<'t, str>, Entry<T>>;

/// One named entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: Span,
    /// Something in it was already reported. Rules about sums and about what is missing anywhere leave it
    /// alone; rules about single values go by the values, which stand in harmlessly for what is broken.
    pub(crate) is_broken: bool,
    pub(crate) value: T,
}

/// A section of the file.
#[derive(Clone, Debug)]
pub(crate) struct Section<'t, T> {
    pub(crate) entries: Named<'t, T>,
    /// Something about the section itself was already reported.
    pub(crate) is_broken: bool,
}

impl<T> Default for Section<'_, T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), is_broken: false }
    }
}

impl<T> Section<'_, T> {
    pub(crate) fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.entries.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(AsRef::as_ref)
    }
}

/// The whole file.
#[derive(Clone, Debug, Default)]
pub(crate) struct File<'t> {
    pub(crate) services: Section<'t, Service<'t>>,
    pub(crate) compute: Section<'t, Compute<'t>>,
    pub(crate) placement: Section<'t, Placement<'t>>,
    pub(crate) deployment: Section<'t, Named<'t, Deployed<'t>>>,
    pub(crate) endpoints: Section<'t, Endpoint<'t>>,
    pub(crate) reclamation: Option<Reclamation<'t>>,
    /// Where a missing section would be reported.
    pub(crate) span: Span,
    pub(crate) deployment_span: Option<Span>,
    /// Keys that stand where others were probably meant.
    pub(crate) misspelt: Vec<Misspelt>,
    /// Passwords of registries, which no report shows.
    pub(crate) secrets: Vec<Span>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Service<'t> {
    pub(crate) image: Option<Text<'t>>,
    pub(crate) command: Option<Vec<Text<'t>>>,
    pub(crate) args: Option<Vec<Text<'t>>>,
    pub(crate) env: Option<Vec<Text<'t>>>,
    pub(crate) expose: Vec<Expose<'t>>,
    pub(crate) params: Option<Params<'t>>,
    pub(crate) credentials: Option<Credentials<'t>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Expose<'t> {
    pub(crate) span: Span,
    pub(crate) port: At<u32>,
    pub(crate) external: At<u32>,
    pub(crate) proto: Text<'t>,
    pub(crate) to: Vec<To<'t>>,
    pub(crate) accept: Option<Vec<Text<'t>>>,
    pub(crate) http: HttpOptions<'t>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct To<'t> {
    pub(crate) service: Text<'t>,
    pub(crate) global: bool,
    pub(crate) ip: Text<'t>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HttpOptions<'t> {
    pub(crate) max_body_size: At<u32>,
    pub(crate) read_timeout: At<u32>,
    pub(crate) send_timeout: At<u32>,
    pub(crate) next_tries: At<u32>,
    pub(crate) next_timeout: At<u32>,
    pub(crate) next_cases: Vec<Text<'t>>,
    pub(crate) proxy_buffer_size: At<u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Params<'t> {
    pub(crate) storage: Named<'t, StorageParams<'t>>,
    /// The list of `read`; an absent list is an empty one.
    pub(crate) permissions: Option<Vec<Text<'t>>>,
    pub(crate) tee: Option<Text<'t>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct StorageParams<'t> {
    pub(crate) mount: Text<'t>,
    pub(crate) read_only: At<bool>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials<'t> {
    /// The key `credentials`.
    pub(crate) span: Span,
    pub(crate) host: Text<'t>,
    pub(crate) email: Text<'t>,
    pub(crate) username: Text<'t>,
    pub(crate) password: Text<'t>,
}

/// A compute profile; `None` if it has no `resources`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compute<'t> {
    pub(crate) resources: Option<Resources<'t>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Resources<'t> {
    pub(crate) span: Span,
    pub(crate) cpu: Option<Cpu>,
    /// Bytes.
    pub(crate) memory: Option<At<u64>>,
    pub(crate) gpu: Option<Gpu>,
    /// Sorted as spec `sdl.md` 12.2 says.
    pub(crate) storage: Vec<Volume<'t>>,
    /// Some volume could not be read, so that not all names are known.
    pub(crate) is_storage_broken: bool,
}

impl Resources<'_> {
    /// What stands in for resources that could not be read: something that no rule minds.
    pub(crate) fn unreadable(span: Span) -> Self {
        let size = At { value: 1 << 30, span };
        Self {
            span,
            cpu: Some(Cpu::unreadable(span)),
            memory: Some(size),
            gpu: None,
            storage: vec![Volume { span, name: "default".into(), size, ..Volume::default() }],
            is_storage_broken: true,
        }
    }
}

impl Cpu {
    /// What stands in for a processor that could not be read.
    pub(crate) fn unreadable(span: Span) -> Self {
        Self { units: At { value: 1000, span }, attributes: Vec::new() }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Cpu {
    /// Milli-CPU.
    pub(crate) units: At<u32>,
    pub(crate) attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Gpu {
    pub(crate) units: At<u64>,
    pub(crate) attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Volume<'t> {
    pub(crate) span: Span,
    pub(crate) name: Cow<'t, str>,
    /// Bytes.
    pub(crate) size: At<u64>,
    pub(crate) attributes: Vec<Attribute>,
}

impl Volume<'_> {
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|it| it.key == key).map(|it| it.value.as_str())
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.attribute("persistent") == Some("true")
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Placement<'t> {
    /// Sorted by key; `None` when there are none.
    pub(crate) attributes: Option<Vec<Attribute>>,
    pub(crate) all_of: Option<Vec<Text<'t>>>,
    pub(crate) any_of: Option<Vec<Text<'t>>>,
    pub(crate) pricing: Named<'t, Pricing<'t>>,
    /// The section of prices could not be read.
    pub(crate) is_pricing_broken: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pricing<'t> {
    pub(crate) denom: Text<'t>,
    pub(crate) amount: At<Price>,
    /// Stands in the file without a value: as good as absent where it is used.
    pub(crate) is_null: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Deployed<'t> {
    pub(crate) span: Span,
    pub(crate) profile: Text<'t>,
    pub(crate) count: At<u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint<'t> {
    pub(crate) kind: Text<'t>,
}

/// The window as written; checked with the other semantic rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reclamation<'t> {
    pub(crate) min_window: Text<'t>,
}
