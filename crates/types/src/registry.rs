//! What the descriptors say, compiled once into tables that are cheap to walk.
//!
//! Called by `json`, `amino` and the RPC gateway. Knows messages, enums, services, HTTP rules,
//! signer fields and the resolution of `Any`; holds no state but the tables. A new message, query
//! or service costs nothing here: everything comes from [`crate::DESCRIPTORS`].

use std::{collections::BTreeMap, sync::OnceLock};

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor,
    Kind as ProtoKind, MessageDescriptor, OneofDescriptor, Value,
};

/// Place of a message in [`Registry::messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageIndex(usize);

/// Place of an enum in [`Registry::enums`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnumIndex(usize);

/// What one value of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(EnumIndex),
    Message(MessageIndex),
}

/// What the text or bytes of a field mean in the Go node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custom {
    None,
    /// `math.Int`: base-10 text.
    Int,
    /// `math.LegacyDec`: base-10 text of the number times 10^18.
    Dec,
    /// Bytes that are JSON and are printed as they are.
    InlineJson,
    /// Bytes printed in upper-case hex.
    Hex,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    One,
    Many,
    Map,
}

/// One field, with the options that shape its JSON forms.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub json_name: String,
    pub number: u32,
    pub kind: Kind,
    pub repeat: Repeat,
    /// False when the Go node holds the value itself: it is then always encoded and printed.
    pub nullable: bool,
    /// Whether Go holds a `time.Time` or `time.Duration`, whose zero is year 1.
    pub std_time: bool,
    pub custom: Custom,
    /// `cosmos_proto.scalar` says `cosmos.Int`.
    pub scalar_int: bool,
    /// `cosmos_proto.scalar` says that the text is a validator operator's address.
    pub operator: bool,
    /// Place of the oneof in [`Message::oneofs`].
    pub oneof: Option<usize>,
    pub dont_omitempty: bool,
    pub amino_name: Option<String>,
    pub amino_encoding: Option<String>,
    pub amino_oneof_name: Option<String>,
    /// The kind of message that an `Any` here holds.
    pub accepts: Option<String>,
}

/// Messages whose JSON is not an object of their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    None,
    Any,
    Timestamp,
    Duration,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub full_name: String,
    pub special: Special,
    /// In order of declaration.
    pub fields: Vec<Field>,
    pub oneofs: Vec<String>,
    pub amino_name: Option<String>,
    pub amino_encoding: Option<String>,
    /// Names in the `cosmos.msg.v1.signer` option.
    pub signers: Vec<String>,
    /// The kinds of message that it is.
    pub implements: Vec<String>,
    by_number: BTreeMap<u32, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Message {
    /// The field of this number, and its place.
    #[must_use]
    pub fn field(&self, number: u32) -> Option<(usize, &Field)> {
        let at = *self.by_number.get(&number)?;
        Some((at, self.fields.get(at)?))
    }

    /// The field of this proto name or lower camel case name, and its place.
    #[must_use]
    pub fn field_by_name(&self, name: &str) -> Option<(usize, &Field)> {
        let at = *self.by_name.get(name)?;
        Some((at, self.fields.get(at)?))
    }
}

/// One enum: names by number and numbers by name.
#[derive(Clone, Debug, Default)]
pub struct Enum {
    pub full_name: String,
    names: BTreeMap<i32, String>,
    numbers: BTreeMap<String, i32>,
}

impl Enum {
    #[must_use]
    pub fn name(&self, number: i32) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }

    #[must_use]
    pub fn number(&self, name: &str) -> Option<i32> {
        self.numbers.get(name).copied()
    }

    /// Names in order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.names.values().map(String::as_str)
    }
}

/// One HTTP rule of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// `GET`, `POST`, ...
    pub verb: &'static str,
    /// The path template, as in the option.
    pub template: String,
    /// The field that the body fills: empty for none, `*` for the whole message.
    pub body: String,
}

/// One method of a service.
#[derive(Clone, Debug)]
pub struct Method {
    /// `/package.Service/Method`.
    pub path: String,
    pub service: String,
    pub name: String,
    pub input: MessageIndex,
    pub output: MessageIndex,
    pub client_streaming: bool,
    pub server_streaming: bool,
    /// The rule of the option, then its additional bindings.
    pub http: Vec<HttpRule>,
}

/// One service, with its methods in order of declaration.
#[derive(Clone, Debug)]
pub struct Service {
    pub full_name: String,
    /// A `Msg` service: its methods are transactions, not calls.
    pub is_msg: bool,
    pub methods: Vec<Method>,
}

/// The compiled tables.
#[derive(Debug)]
pub struct Registry {
    pool: DescriptorPool,
    messages: Vec<Message>,
    enums: Vec<Enum>,
    services: Vec<Service>,
    message_by_name: BTreeMap<String, MessageIndex>,
    enum_by_name: BTreeMap<String, EnumIndex>,
    method_by_path: BTreeMap<String, (usize, usize)>,
}

/// The tables of everything under `proto/`.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        // The set is written by our own build; a broken one shows in the first test that runs.
        let pool = DescriptorPool::decode(crate::DESCRIPTORS).unwrap_or_default();
        compile(pool)
    })
}

impl Registry {
    #[must_use]
    pub const fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The place of a message by its full name, without a leading slash.
    #[must_use]
    pub fn index(&self, full_name: &str) -> Option<MessageIndex> {
        self.message_by_name.get(full_name).copied()
    }

    /// The message of a place.
    #[must_use]
    pub fn message(&self, index: MessageIndex) -> &Message {
        &self.messages[index.0]
    }

    #[must_use]
    pub fn message_by_name(&self, full_name: &str) -> Option<&Message> {
        self.index(full_name).map(|it| self.message(it))
    }

    /// The message that the type URL of an `Any` names: `/` and a full name, no host part.
    #[must_use]
    pub fn resolve(&self, type_url: &str) -> Option<MessageIndex> {
        self.index(type_url.strip_prefix('/')?)
    }

    /// The enum of a place.
    #[must_use]
    pub fn enumeration(&self, index: EnumIndex) -> &Enum {
        &self.enums[index.0]
    }

    #[must_use]
    pub fn enum_by_name(&self, full_name: &str) -> Option<&Enum> {
        self.enum_by_name.get(full_name).map(|it| self.enumeration(*it))
    }

    /// The method at `/package.Service/Method`.
    #[must_use]
    pub fn method(&self, path: &str) -> Option<&Method> {
        let (service, method) = *self.method_by_path.get(path)?;
        self.services.get(service)?.methods.get(method)
    }

    /// The transaction messages: type URLs of the inputs of all `Msg` services.
    pub fn transaction_types(&self) -> impl Iterator<Item = String> + '_ {
        self.services
            .iter()
            .filter(|it| it.is_msg)
            .flat_map(|it| &it.methods)
            .map(|it| format!("/{}", self.message(it.input).full_name))
    }
}

/// The options we read, looked up once.
struct Options<'a> {
    pool: &'a DescriptorPool,
    known: BTreeMap<&'static str, ExtensionDescriptor>,
}

impl<'a> Options<'a> {
    const NAMES: [&'static str; 15] = [
        "gogoproto.nullable",
        "gogoproto.customtype",
        "gogoproto.stdtime",
        "gogoproto.stdduration",
        "cosmos_proto.scalar",
        "cosmos_proto.accepts_interface",
        "cosmos_proto.implements_interface",
        "cosmos.msg.v1.signer",
        "cosmos.msg.v1.service",
        "amino.name",
        "amino.message_encoding",
        "amino.encoding",
        "amino.field_name",
        "amino.dont_omitempty",
        "amino.oneof_name",
    ];

    fn new(pool: &'a DescriptorPool) -> Self {
        let known = Self::NAMES
            .into_iter()
            .filter_map(|name| Some((name, pool.get_extension_by_name(name)?)))
            .collect();
        Self { pool, known }
    }

    fn get(&self, options: &DynamicMessage, name: &str) -> Option<Value> {
        let extension = self.known.get(name)?;
        options.has_extension(extension).then(|| options.get_extension(extension).into_owned())
    }

    fn text(&self, options: &DynamicMessage, name: &str) -> Option<String> {
        self.get(options, name).and_then(|it| it.as_str().map(str::to_owned))
    }

    fn flag(&self, options: &DynamicMessage, name: &str) -> Option<bool> {
        self.get(options, name).and_then(|it| it.as_bool())
    }
}

fn compile(pool: DescriptorPool) -> Registry {
    let options = Options::new(&pool);
    let message_by_name: BTreeMap<_, _> = pool
        .all_messages()
        .enumerate()
        .map(|(at, it)| (it.full_name().to_owned(), MessageIndex(at)))
        .collect();
    let enum_by_name: BTreeMap<_, _> = pool
        .all_enums()
        .enumerate()
        .map(|(at, it)| (it.full_name().to_owned(), EnumIndex(at)))
        .collect();
    let places = Places { messages: &message_by_name, enums: &enum_by_name };
    let messages = pool.all_messages().map(|it| message(&it, &options, &places)).collect();
    let enums = pool.all_enums().map(|it| enumeration(&it)).collect();
    let services: Vec<_> = pool.services().map(|it| service(&it, &options, &places)).collect();
    let mut method_by_path = BTreeMap::new();
    for (at, service) in services.iter().enumerate() {
        for (place, method) in service.methods.iter().enumerate() {
            method_by_path.insert(method.path.clone(), (at, place));
        }
    }
    drop(options);
    Registry { messages, enums, services, message_by_name, enum_by_name, method_by_path, pool }
}

struct Places<'a> {
    messages: &'a BTreeMap<String, MessageIndex>,
    enums: &'a BTreeMap<String, EnumIndex>,
}

impl Places<'_> {
    fn message(&self, name: &str) -> MessageIndex {
        self.messages.get(name).copied().unwrap_or(MessageIndex(0))
    }

    fn enumeration(&self, name: &str) -> EnumIndex {
        self.enums.get(name).copied().unwrap_or(EnumIndex(0))
    }
}

fn message(of: &MessageDescriptor, options: &Options<'_>, places: &Places<'_>) -> Message {
    let own = of.options();
    let real = |it: &OneofDescriptor| !it.is_synthetic();
    let oneofs: Vec<_> = of.oneofs().filter(real).map(|it| it.name().to_owned()).collect();
    let fields: Vec<_> = of.fields().map(|it| field(&it, &oneofs, options, places)).collect();
    let mut by_name = BTreeMap::new();
    for (at, field) in fields.iter().enumerate() {
        by_name.insert(field.json_name.clone(), at);
    }
    for (at, field) in fields.iter().enumerate() {
        by_name.insert(field.name.clone(), at);
    }
    let texts = |name| {
        let list = options.get(&own, name);
        let list = list.as_ref().and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    Message {
        full_name: of.full_name().to_owned(),
        special: match of.full_name() {
            "google.protobuf.Any" => Special::Any,
            "google.protobuf.Timestamp" => Special::Timestamp,
            "google.protobuf.Duration" => Special::Duration,
            _ => Special::None,
        },
        by_number: fields.iter().enumerate().map(|(at, it)| (it.number, at)).collect(),
        by_name,
        fields,
        oneofs,
        amino_name: options.text(&own, "amino.name"),
        amino_encoding: options.text(&own, "amino.message_encoding"),
        signers: texts("cosmos.msg.v1.signer"),
        implements: texts("cosmos_proto.implements_interface"),
    }
}

fn field(
    of: &FieldDescriptor,
    oneofs: &[String],
    options: &Options<'_>,
    places: &Places<'_>,
) -> Field {
    let own = of.options();
    let text = |name| options.text(&own, name);
    let flag = |name| options.flag(&own, name);
    let amino_encoding = text("amino.encoding");
    let custom = match text("gogoproto.customtype").unwrap_or_default() {
        it if it.ends_with("Dec") => Custom::Dec,
        it if it.ends_with(".Int") => Custom::Int,
        _ if amino_encoding.as_deref() == Some("inline_json") => Custom::InlineJson,
        _ if of.full_name() == GENESIS_TXS_FIELD => Custom::InlineJson,
        _ if of.full_name() == HEX_FIELD => Custom::Hex,
        _ => Custom::None,
    };
    let oneof = of
        .containing_oneof()
        .filter(|it| !it.is_synthetic())
        .and_then(|it| oneofs.iter().position(|name| name == it.name()));
    Field {
        name: of.name().to_owned(),
        json_name: of.json_name().to_owned(),
        number: of.number(),
        kind: kind(&of.kind(), places),
        repeat: match of.cardinality() {
            Cardinality::Repeated if of.is_map() => Repeat::Map,
            Cardinality::Repeated => Repeat::Many,
            _ => Repeat::One,
        },
        nullable: flag("gogoproto.nullable") != Some(false),
        std_time: flag("gogoproto.stdtime") == Some(true)
            || flag("gogoproto.stdduration") == Some(true),
        custom,
        scalar_int: text("cosmos_proto.scalar").as_deref() == Some("cosmos.Int"),
        operator: text("cosmos_proto.scalar").as_deref() == Some("cosmos.ValidatorAddressString"),
        oneof,
        dont_omitempty: flag("amino.dont_omitempty") == Some(true),
        amino_name: text("amino.field_name"),
        amino_encoding,
        amino_oneof_name: text("amino.oneof_name"),
        accepts: text("cosmos_proto.accepts_interface"),
    }
}

/// Transactions of genesis: Go holds raw JSON there, which no option of the field says.
const GENESIS_TXS_FIELD: &str = "cosmos.genutil.v1beta1.GenesisState.gen_txs";

/// The one hash that the reference prints in hex even in proto JSON (cosmos.md 3.5).
const HEX_FIELD: &str = "ibc.lightclients.tendermint.v1.ConsensusState.next_validators_hash";

fn kind(of: &ProtoKind, places: &Places<'_>) -> Kind {
    match of {
        ProtoKind::Bool => Kind::Bool,
        ProtoKind::Int32 => Kind::Int32,
        ProtoKind::Int64 => Kind::Int64,
        ProtoKind::Uint32 => Kind::Uint32,
        ProtoKind::Uint64 => Kind::Uint64,
        ProtoKind::Sint32 => Kind::Sint32,
        ProtoKind::Sint64 => Kind::Sint64,
        ProtoKind::Fixed32 => Kind::Fixed32,
        ProtoKind::Fixed64 => Kind::Fixed64,
        ProtoKind::Sfixed32 => Kind::Sfixed32,
        ProtoKind::Sfixed64 => Kind::Sfixed64,
        ProtoKind::Float => Kind::Float,
        ProtoKind::Double => Kind::Double,
        ProtoKind::String => Kind::String,
        ProtoKind::Bytes => Kind::Bytes,
        ProtoKind::Enum(it) => Kind::Enum(places.enumeration(it.full_name())),
        ProtoKind::Message(it) => Kind::Message(places.message(it.full_name())),
    }
}

fn enumeration(of: &prost_reflect::EnumDescriptor) -> Enum {
    // The Go type prints shorter names than its proto declares (cosmos.md 3.5).
    let shown = |name: &str| -> String {
        if of.full_name() != "cosmwasm.wasm.v1.AccessType" {
            return name.to_owned();
        }
        let short = name.strip_prefix("ACCESS_TYPE_").unwrap_or(name);
        short
            .split('_')
            .map(|word| {
                let (head, tail) = word.split_at(word.len().min(1));
                format!("{head}{}", tail.to_ascii_lowercase())
            })
            .collect()
    };
    let mut it = Enum { full_name: of.full_name().to_owned(), ..Enum::default() };
    for value in of.values() {
        let name = shown(value.name());
        // With aliases the first name of a number is the one that is printed.
        it.names.entry(value.number()).or_insert_with(|| name.clone());
        it.numbers.insert(value.name().to_owned(), value.number());
        it.numbers.insert(name, value.number());
    }
    it
}

fn service(
    of: &prost_reflect::ServiceDescriptor,
    options: &Options<'_>,
    places: &Places<'_>,
) -> Service {
    let http = options.pool.get_extension_by_name("google.api.http");
    let methods = of.methods().map(|it| Method {
        path: format!("/{}/{}", of.full_name(), it.name()),
        service: of.full_name().to_owned(),
        name: it.name().to_owned(),
        input: places.message(it.input().full_name()),
        output: places.message(it.output().full_name()),
        client_streaming: it.is_client_streaming(),
        server_streaming: it.is_server_streaming(),
        http: http.as_ref().map(|http| http_rules(&it.options(), http)).unwrap_or_default(),
    });
    Service {
        full_name: of.full_name().to_owned(),
        is_msg: options.flag(&of.options(), "cosmos.msg.v1.service") == Some(true)
            || of.name() == "Msg",
        methods: methods.collect(),
    }
}

fn http_rules(options: &DynamicMessage, http: &ExtensionDescriptor) -> Vec<HttpRule> {
    let mut rules = Vec::new();
    if options.has_extension(http)
        && let Some(rule) = options.get_extension(http).as_message()
    {
        http_rule(rule, &mut rules);
    }
    rules
}

fn http_rule(rule: &DynamicMessage, into: &mut Vec<HttpRule>) {
    let text = |name: &str| -> String {
        rule.get_field_by_name(name)
            .and_then(|it| it.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    const VERBS: [(&str, &str); 5] = [
        ("get", "GET"),
        ("put", "PUT"),
        ("post", "POST"),
        ("delete", "DELETE"),
        ("patch", "PATCH"),
    ];
    for (field, verb) in VERBS {
        let template = text(field);
        if !template.is_empty() {
            into.push(HttpRule { verb, template, body: text("body") });
        }
    }
    let more = rule.get_field_by_name("additional_bindings");
    for binding in more.iter().flat_map(|it| it.as_list()).flatten() {
        if let Some(rule) = binding.as_message() {
            http_rule(rule, into);
        }
    }
}
