//! What auditors vouch for about providers (chain.md 13). Anyone may be an auditor, of anyone.
//!
//! Calls: nothing. Called by: market. Owns: store `audit`, attribute lists under 01.

use ledger::{
    Ctx, Invariant, Map, Module, Prefixed, Result, Routes, Sdk, View, errors, paginate,
    paginate_all,
};
use types::{
    Address,
    wire::akash::{
        audit::v1::{
            AuditedAttributesStore, AuditedProvider, EventTrustedAuditorCreated,
            EventTrustedAuditorDeleted, GenesisState, MsgDeleteProviderAttributes,
            MsgSignProviderAttributes, QueryAllProvidersAttributesRequest,
            QueryAuditorAttributesRequest, QueryProviderAttributesRequest,
            QueryProviderAuditorRequest, QueryProvidersResponse,
        },
        base::attributes::v1::Attribute,
    },
};

pub struct Audit;

impl Module for Audit {
    const NAME: &'static str = "audit";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("audited attributes are sorted by key", records_are_sorted)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_sign, sign).msg_checked(check_delete, delete);
        r.query(all).query(of_provider).query(of_provider_by_auditor).query(of_auditor);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for it in genesis.providers {
            let parse = |text: &str, what: &str| -> Result<Address> {
                let why = format_args!("audited attributes: invalid {what} address");
                text.parse().map_err(|_| Sdk::InvalidAddress.wrap(why))
            };
            let id = key(&parse(&it.owner, "owner")?, &parse(&it.auditor, "auditor")?);
            // Unchecked, as an auditor's message is: what was signed must come back.
            merge(cx, &id, it.attributes)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let providers = RECORDS.iter(view).map(|it| it.map(|(id, found)| show(&id, found)));
        Ok(GenesisState { providers: providers.collect::<Result<_>>()? })
    }
}

/// Provider, then auditor.
type Id = (Prefixed, Prefixed);

const RECORDS: Map<Id, AuditedAttributesStore> = Map::new(Audit::NAME, &[0x01]);

fn key(owner: &Address, auditor: &Address) -> Id {
    (Prefixed(owner.as_bytes().to_vec()), Prefixed(auditor.as_bytes().to_vec()))
}

fn show((owner, auditor): &Id, found: AuditedAttributesStore) -> AuditedProvider {
    let text = |it: &Prefixed| Address::new(it.0.clone()).map(|it| it.to_string());
    AuditedProvider {
        owner: text(owner).unwrap_or_default(),
        auditor: text(auditor).unwrap_or_default(),
        attributes: found.attributes,
    }
}

// Messages.

fn check_sign(msg: &MsgSignProviderAttributes) -> Result {
    ids(&msg.owner, &msg.auditor).map(drop)
}

fn check_delete(msg: &MsgDeleteProviderAttributes) -> Result {
    ids(&msg.owner, &msg.auditor).map(drop)
}

fn ids(owner: &str, auditor: &str) -> Result<Id> {
    let parse = |text: &str, what: &str| -> Result<Address> {
        let why = format_args!("MsgCreate: Invalid {what} Address");
        text.parse().map_err(|_| Sdk::InvalidAddress.wrap(why))
    };
    Ok(key(&parse(owner, "Owner")?, &parse(auditor, "Auditor")?))
}

fn sign(cx: &mut Ctx, msg: MsgSignProviderAttributes) -> Result {
    let id = ids(&msg.owner, &msg.auditor)?;
    merge(cx, &id, msg.attributes)?;
    cx.emit(EventTrustedAuditorCreated { owner: msg.owner, auditor: msg.auditor });
    Ok(())
}

/// New values win over a record's old ones; a first list is kept as it comes. Sorted by key.
fn merge(cx: &mut Ctx, id: &Id, new: Vec<Attribute>) -> Result {
    let mut attributes = match RECORDS.get(cx, id)? {
        None => new,
        Some(old) => {
            let mut attributes = old.attributes;
            for it in new {
                match attributes.iter_mut().find(|kept| kept.key == it.key) {
                    Some(kept) => kept.value = it.value,
                    None => attributes.push(it),
                }
            }
            attributes
        }
    };
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    RECORDS.set(cx, id, &AuditedAttributesStore { attributes })
}

fn delete(cx: &mut Ctx, msg: MsgDeleteProviderAttributes) -> Result {
    let id = ids(&msg.owner, &msg.auditor)?;
    let mut left = RECORDS.get(cx, &id)?.ok_or(Error::ProviderNotFound)?.attributes;
    for key in &msg.keys {
        let Some(at) = left.iter().position(|it| it.key == *key) else {
            return Err(Error::AttributeNotFound.wrap(format_args!(
                "trying to delete non-existing attribute {key:?} for auditor/provider \"{}/{}\"",
                msg.auditor, msg.owner
            )));
        };
        left.remove(at);
    }
    if msg.keys.is_empty() || left.is_empty() {
        RECORDS.del(cx, &id)?;
    } else {
        left.sort_by(|a, b| a.key.cmp(&b.key));
        RECORDS.set(cx, &id, &AuditedAttributesStore { attributes: left })?;
    }
    cx.emit(EventTrustedAuditorDeleted { owner: msg.owner, auditor: msg.auditor });
    Ok(())
}

// Calls open to other modules.

/// Everything auditors signed for a provider: auditor and attributes.
pub fn records_of(view: &View, owner: &Address) -> Result<Vec<(String, Vec<Attribute>)>> {
    let walk = RECORDS.walk().under(&Prefixed(owner.as_bytes().to_vec()));
    walk.iter(view)
        .map(|it| {
            let (id, found) = it?;
            let found = show(&id, found);
            Ok((found.auditor, found.attributes))
        })
        .collect()
}

// Queries.

fn parse(text: &str) -> Result<Address> {
    text.parse().map_err(|_| Error::InvalidAddress.into())
}

fn all(view: &View, request: QueryAllProvidersAttributesRequest) -> Result<QueryProvidersResponse> {
    let (providers, page) =
        paginate_all(view, RECORDS.walk(), request.pagination, |id, it| Ok(show(&id, it)))?;
    Ok(QueryProvidersResponse { providers, pagination: Some(page) })
}

/// Not paged.
fn of_provider(
    view: &View,
    request: QueryProviderAttributesRequest,
) -> Result<QueryProvidersResponse> {
    let owner = parse(&request.owner)?;
    let walk = RECORDS.walk().under(&Prefixed(owner.as_bytes().to_vec()));
    let providers: Vec<_> =
        walk.iter(view).map(|it| it.map(|(id, found)| show(&id, found))).collect::<Result<_>>()?;
    if providers.is_empty() {
        return Err(Error::ProviderNotFound.into());
    }
    Ok(QueryProvidersResponse { providers, pagination: None })
}

fn of_provider_by_auditor(
    view: &View,
    request: QueryProviderAuditorRequest,
) -> Result<QueryProvidersResponse> {
    let auditor = parse(&request.auditor)?;
    let id = key(&parse(&request.owner)?, &auditor);
    let found = RECORDS.get(view, &id)?.ok_or(Error::ProviderNotFound)?;
    Ok(QueryProvidersResponse { providers: vec![show(&id, found)], pagination: None })
}

fn of_auditor(
    view: &View,
    request: QueryAuditorAttributesRequest,
) -> Result<QueryProvidersResponse> {
    // The reference answers for all auditors whoever is asked for (D-28); here only an auditor that
    // is left out means all.
    let auditor = match request.auditor.as_str() {
        "" => None,
        text => Some(Prefixed(parse(text)?.as_bytes().to_vec())),
    };
    let (providers, page) = paginate(view, RECORDS.walk(), request.pagination, |id, it| {
        Ok(auditor.as_ref().is_none_or(|auditor| id.1 == *auditor).then(|| show(&id, it)))
    })?;
    Ok(QueryProvidersResponse { providers, pagination: Some(page) })
}

fn records_are_sorted(view: &View) -> Result {
    for row in RECORDS.iter(view) {
        let (id, found) = row?;
        let sorted = found.attributes.is_sorted_by(|a, b| a.key <= b.key);
        ledger::holds!(sorted, "the record at {id:?} is not sorted")?;
    }
    Ok(())
}

errors! { Audit;
    1 ProviderNotFound "invalid provider: address not found" => NotFound,
    2 InvalidAddress "invalid address" => InvalidArgument,
    3 AttributeNotFound "attribute not found" => NotFound,
}
