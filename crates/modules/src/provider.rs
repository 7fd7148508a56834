//! Who offers resources, where to reach them, and what they say about themselves (chain.md 12).
//!
//! Calls: nothing. Called by: market. Owns: store `provider`, records under 01. That a provider
//! with running leases stays is checked by market, which knows leases: it routes the deletion.

use ledger::{
    Ctx, Invariant, Map, Module, Prefixed, Result, Routes, Sdk, View, errors, paginate_all,
};
use types::{
    Address,
    wire::akash::{
        base::attributes::v1::Attribute,
        provider::v1beta4::{
            EventProviderCreated, EventProviderDeleted, EventProviderUpdated, GenesisState, Info,
            MsgCreateProvider, MsgUpdateProvider, Provider as Record, QueryProviderRequest,
            QueryProviderResponse, QueryProvidersRequest, QueryProvidersResponse,
        },
    },
};

use crate::base::{
    attributes::{self, Keys},
    url::Url,
};

pub struct Provider;

impl Module for Provider {
    const NAME: &'static str = "provider";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("a provider's record is under its own address", records_are_in_place)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_create, create).msg_checked(check_update, update);
        r.query(providers).query(provider);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for record in genesis.providers {
            check(&record, "MsgCreate")?;
            let owner = address(&record.owner)?;
            if RECORDS.has(cx, &key(&owner))? {
                return Err(Error::ProviderExists.wrap(owner));
            }
            RECORDS.set(cx, &key(&owner), &record)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        Ok(GenesisState { providers: RECORDS.values(view).collect::<Result<_>>()? })
    }
}

const PREFIX: u8 = 0x01;
const RECORDS: Map<Prefixed, Record> = Map::new(Provider::NAME, &[PREFIX]);
/// The same records by their whole keys in the store, which are the page keys of the list.
const PAGES: Map<(u8, Prefixed), Record> = Map::new(Provider::NAME, &[]);

fn key(owner: &Address) -> Prefixed {
    Prefixed(owner.as_bytes().to_vec())
}

fn address(text: &str) -> Result<Address> {
    text.parse().map_err(|_| Error::InvalidAddress.into())
}

// Messages.

fn check_create(msg: &MsgCreateProvider) -> Result {
    check(&record_of_create(msg), "MsgCreate")
}

fn check_update(msg: &MsgUpdateProvider) -> Result {
    check(&record_of_update(msg), "MsgUpdate")
}

fn record_of_create(msg: &MsgCreateProvider) -> Record {
    let MsgCreateProvider { owner, host_uri, attributes, info } = msg.clone();
    Record { owner, host_uri, attributes, info }
}

fn record_of_update(msg: &MsgUpdateProvider) -> Record {
    let MsgUpdateProvider { owner, host_uri, attributes, info } = msg.clone();
    Record { owner, host_uri, attributes, info }
}

fn check(record: &Record, message: &str) -> Result {
    check_host(&record.host_uri)?;
    if record.owner.parse::<Address>().is_err() {
        return Err(Sdk::InvalidAddress
            .wrap("Invalid Provider Address: invalid address")
            .context(message));
    }
    attributes::validate(&record.attributes, Keys::Strict)?;
    let Info { website, .. } = &record.info;
    if Url::parse(website).is_err() {
        return Err(Error::InvalidInfoWebsite.into());
    }
    Ok(())
}

/// `https`, a host with or without port, and nothing behind it but a query or a fragment.
fn check_host(uri: &str) -> Result {
    let invalid = |why: String| Err(Error::InvalidHostUri.wrap(why));
    let Ok(url) = Url::parse(uri) else { return Err(Error::InvalidHostUri.into()) };
    if url.scheme.is_empty() {
        let why = format_args!("validating {uri:?} for absolute URI");
        return Err(Error::NotAbsoluteHostUri.wrap(why));
    }
    if url.scheme != "https" {
        return invalid(format!("scheme in {uri:?} should be https"));
    }
    if url.host.is_empty() {
        return invalid(format!("validating {uri:?} for valid host"));
    }
    if !url.path.is_empty() {
        return invalid(format!("path in {uri:?} should be empty"));
    }
    Ok(())
}

fn create(cx: &mut Ctx, msg: MsgCreateProvider) -> Result {
    let owner = address(&msg.owner)?;
    if RECORDS.has(cx, &key(&owner))? {
        return Err(Error::ProviderExists.wrap(format_args!("id: {}", msg.owner)));
    }
    RECORDS.set(cx, &key(&owner), &record_of_create(&msg))?;
    cx.emit(EventProviderCreated { owner: msg.owner });
    Ok(())
}

/// Replaces the whole record, whether or not leases are running.
fn update(cx: &mut Ctx, msg: MsgUpdateProvider) -> Result {
    let owner = address(&msg.owner)?;
    if !RECORDS.has(cx, &key(&owner))? {
        return Err(Error::ProviderNotFound.wrap(format_args!("id: {}", msg.owner)));
    }
    RECORDS.set(cx, &key(&owner), &record_of_update(&msg))?;
    cx.emit(EventProviderUpdated { owner: msg.owner });
    Ok(())
}

// Calls open to other modules.

/// The attributes a provider registered; `None` when it is not registered.
pub fn attributes(view: &View, owner: &Address) -> Result<Option<Vec<Attribute>>> {
    Ok(RECORDS.get(view, &key(owner))?.map(|it| it.attributes))
}

/// Whether an account is a provider.
pub fn is_registered(view: &View, owner: &Address) -> Result<bool> {
    RECORDS.has(view, &key(owner))
}

/// Removes the record. The caller has seen that no lease needs it.
pub fn remove(cx: &mut Ctx, owner: &Address) -> Result {
    RECORDS.del(cx, &key(owner))?;
    cx.emit(EventProviderDeleted { owner: owner.to_string() });
    Ok(())
}

// Queries.

fn providers(view: &View, request: QueryProvidersRequest) -> Result<QueryProvidersResponse> {
    let (providers, page) =
        paginate_all(view, PAGES.walk(), request.pagination, |_, record| Ok(record))
            .map_err(internal)?;
    Ok(QueryProvidersResponse { providers, pagination: Some(page) })
}

/// The reference answers Internal for whatever is wrong with a page of providers.
fn internal(fault: ledger::Fault) -> ledger::Fault {
    ledger::Fault::internal(fault.grpc().1)
}

fn provider(view: &View, request: QueryProviderRequest) -> Result<QueryProviderResponse> {
    let owner = address(&request.owner)?;
    let provider = RECORDS.get(view, &key(&owner))?.ok_or(Error::ProviderNotFound)?;
    Ok(QueryProviderResponse { provider })
}

fn records_are_in_place(view: &View) -> Result {
    for row in RECORDS.iter(view) {
        let (Prefixed(bytes), record) = row?;
        let owner = address(&record.owner)?;
        ledger::holds!(owner.as_bytes() == bytes, "the record of {owner} is elsewhere")?;
    }
    Ok(())
}

errors! { Provider;
    1 InvalidHostUri "invalid provider: invalid host uri" => InvalidArgument,
    2 NotAbsoluteHostUri "invalid provider: not absolute host uri" => InvalidArgument,
    3 ProviderNotFound "invalid provider: address not found" => NotFound,
    4 ProviderExists "invalid provider: already exists" => AlreadyExists,
    5 InvalidAddress "invalid address" => InvalidArgument,
    6 Attributes "attribute specification error" => InvalidArgument,
    7 IncompatibleAttributes "attributes cannot be changed" => FailedPrecondition,
    8 InvalidInfoWebsite "invalid provider: invalid info website" => InvalidArgument,
    9 Internal "internal error" => Internal,
    10 HasLeases "provider has active leases" => FailedPrecondition,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(host_uri: &str) -> Record {
        Record {
            owner: Address::new([1; 20]).unwrap().to_string(),
            host_uri: host_uri.to_owned(),
            attributes: Vec::new(),
            info: Info::default(),
        }
    }

    #[test]
    fn a_host_is_an_https_address_without_a_path() {
        let code = |uri: &str| check(&record(uri), "MsgCreate").err().map(|it| it.code());
        assert_eq!(code("https://p1.example.com:8443"), None);
        assert_eq!(code("https://:8443"), None);
        assert_eq!(code("https://p1.example.com?q=1#f"), None);
        assert_eq!(code("https://a b"), Some(1));
        assert_eq!(code("p1.example.com"), Some(2));
        assert_eq!(code("/x"), Some(2));
        assert_eq!(code(""), Some(2));
        assert_eq!(code("http://p1.example.com"), Some(1));
        assert_eq!(code("https://"), Some(1));
        assert_eq!(code("https://p1.example.com/"), Some(1));
        assert_eq!(code("https://p1.example.com/x"), Some(1));
    }

    #[test]
    fn the_first_failing_check_wins() {
        let mut bad = record("https://p1");
        bad.info.website = ":".to_owned();
        let code = |it: &Record| {
            let fault = check(it, "MsgUpdate").unwrap_err();
            (fault.codespace(), fault.code())
        };
        assert_eq!(code(&bad), ("provider", 8));
        bad.attributes = vec![Attribute { key: "ab*".to_owned(), value: String::new() }];
        assert_eq!(code(&bad), ("akash", 2));
        bad.owner = "x".to_owned();
        assert_eq!(code(&bad), ("sdk", 7));
        bad.host_uri = "x".to_owned();
        assert_eq!(code(&bad), ("provider", 2));
    }
}
