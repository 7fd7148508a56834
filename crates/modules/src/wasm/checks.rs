//! Stateless checks of the messages for contracts: the order of the checks is wire format.

use ledger::{Fault, Result, Sdk};
use types::{
    Address, Coins,
    wire::{
        cosmos::base::v1beta1::Coin,
        cosmwasm::wasm::v1::{
            AccessConfig, AccessType, MsgAddCodeUploadParamsAddresses, MsgClearAdmin,
            MsgExecuteContract, MsgInstantiateContract, MsgInstantiateContract2,
            MsgMigrateContract, MsgPinCodes, MsgRemoveCodeUploadParamsAddresses,
            MsgStoreAndInstantiateContract, MsgStoreAndMigrateContract, MsgStoreCode,
            MsgSudoContract, MsgUnpinCodes, MsgUpdateAdmin, MsgUpdateContractLabel,
            MsgUpdateInstantiateConfig, MsgUpdateParams, Params,
        },
    },
};

use super::Error;

const CODE_LEN_MAX: usize = 800 * 1024;
const LABEL_LEN_MAX: usize = 128;
const SALT_LEN_MAX: usize = 64;

fn address(text: &str, what: &str) -> Result {
    match text.parse::<Address>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::from(error).context(what)),
    }
}

fn code_id(id: u64) -> Result {
    if id == 0 { Err(Sdk::InvalidRequest.wrap("code id is required")) } else { Ok(()) }
}

fn code(bytes: &[u8]) -> Result {
    let why = match bytes.len() {
        0 => Fault::from(Error::Empty).context("is required"),
        len if len > CODE_LEN_MAX => {
            Error::Limit.wrap(format!("cannot be longer than {CODE_LEN_MAX} bytes"))
        }
        _ => return Ok(()),
    };
    Err(Sdk::InvalidRequest.wrap(format!("code bytes {why}")))
}

pub(super) fn label(text: &str) -> Result {
    let wrong = match text.len() {
        0 => Error::Empty.wrap("is required"),
        len if len > LABEL_LEN_MAX => {
            Error::Limit.wrap(format!("cannot be longer than {LABEL_LEN_MAX} characters"))
        }
        _ => return Ok(()),
    };
    Err(wrong.context("label"))
}

pub(super) fn salt(bytes: &[u8]) -> Result {
    match bytes.len() {
        0 => Err(Error::Empty.wrap("is required")),
        len if len > SALT_LEN_MAX => {
            Err(Error::Limit.wrap(format!("cannot be longer than {SALT_LEN_MAX} characters")))
        }
        _ => Ok(()),
    }
}

fn funds(list: &[Coin]) -> Result {
    match Coins::from_wire(list) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::from(error).context("funds")),
    }
}

fn admin(text: &str) -> Result {
    if text.is_empty() { Ok(()) } else { address(text, "admin") }
}

fn payload(msg: &[u8]) -> Result {
    if serde_json::from_slice::<serde::de::IgnoredAny>(msg).is_ok() {
        return Ok(());
    }
    Err(Error::Invalid.wrap("payload msg"))
}

fn access(config: &AccessConfig) -> Result {
    match AccessType::try_from(config.permission) {
        Ok(AccessType::Unspecified) => Err(Error::Empty.wrap("type")),
        Ok(AccessType::Nobody | AccessType::Everybody) if !config.addresses.is_empty() => {
            Err(Error::Invalid.wrap("address field with no any of addresses type"))
        }
        Ok(AccessType::Nobody | AccessType::Everybody) => Ok(()),
        Ok(AccessType::AnyOfAddresses) => addresses(&config.addresses),
        Err(_) => Err(Error::Invalid.wrap(format!("unknown type: {:?}", config.permission))),
    }
}

fn permission(config: Option<&AccessConfig>) -> Result {
    config.map_or(Ok(()), access).map_err(|it| it.context("instantiate permission"))
}

fn addresses(list: &[String]) -> Result {
    if list.is_empty() {
        return Err(Error::Empty.wrap("addresses"));
    }
    for (at, it) in list.iter().enumerate() {
        address(it, &format!("address: {it}"))?;
        if list.iter().take(at).any(|other| other == it) {
            return Err(Error::Duplicate.wrap(format!("address: {it}")));
        }
    }
    Ok(())
}

pub(super) fn params(params: &Params) -> Result {
    if params.instantiate_default_permission == i32::from(AccessType::Unspecified) {
        return Err(Error::Empty.wrap("type").context("instantiate default permission"));
    }
    access(&params.code_upload_access).map_err(|it| it.context("upload access"))
}

/// Where a code comes from: all three parts or none.
fn verification(source: &str, builder: &str, code_hash: &[u8]) -> Result {
    if source.is_empty() && builder.is_empty() && code_hash.is_empty() {
        return Ok(());
    }
    let refuse = |why: String| Err(Fault::plain(why).context("code verification info"));
    if source.is_empty() {
        return refuse("source is required".to_owned());
    }
    let has_scheme = source.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|it: char| it.is_ascii_alphabetic())
            && scheme.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
    });
    if !has_scheme && !source.starts_with('/') {
        return refuse(format!("source: parse {source:?}: invalid URI for request"));
    }
    if builder.is_empty() {
        return refuse("builder is required".to_owned());
    }
    if !builder.chars().all(|it| it.is_ascii_alphanumeric() || "._-/:@".contains(it)) {
        return refuse("builder: invalid reference format".to_owned());
    }
    if code_hash.is_empty() {
        return refuse("code hash is required".to_owned());
    }
    Ok(())
}

pub(super) fn store(msg: &MsgStoreCode) -> Result {
    code(&msg.wasm_byte_code)?;
    permission(msg.instantiate_permission.as_ref())
}

pub(super) fn instantiate(msg: &MsgInstantiateContract) -> Result {
    code_id(msg.code_id)?;
    label(&msg.label)?;
    funds(&msg.funds)?;
    admin(&msg.admin)?;
    payload(&msg.msg)
}

pub(super) fn instantiate2(msg: &MsgInstantiateContract2) -> Result {
    code_id(msg.code_id)?;
    label(&msg.label)?;
    funds(&msg.funds)?;
    admin(&msg.admin)?;
    payload(&msg.msg)?;
    salt(&msg.salt).map_err(|it| it.context("salt"))
}

pub(super) fn execute(msg: &MsgExecuteContract) -> Result {
    address(&msg.contract, "contract")?;
    funds(&msg.funds)?;
    payload(&msg.msg)
}

pub(super) fn migrate(msg: &MsgMigrateContract) -> Result {
    code_id(msg.code_id)?;
    address(&msg.contract, "contract")?;
    payload(&msg.msg)
}

pub(super) fn update_admin(msg: &MsgUpdateAdmin) -> Result {
    address(&msg.contract, "contract")?;
    address(&msg.new_admin, "new admin")?;
    if msg.sender.eq_ignore_ascii_case(&msg.new_admin) {
        return Err(Error::Invalid.wrap("new admin is the same as the old"));
    }
    Ok(())
}

pub(super) fn clear_admin(msg: &MsgClearAdmin) -> Result {
    address(&msg.contract, "contract")
}

pub(super) fn update_label(msg: &MsgUpdateContractLabel) -> Result {
    label(&msg.new_label)?;
    address(&msg.contract, "contract")
}

pub(super) fn update_config(msg: &MsgUpdateInstantiateConfig) -> Result {
    code_id(msg.code_id)?;
    if msg.new_instantiate_permission.is_none() {
        return Err(Error::Empty.wrap("instantiate permission"));
    }
    permission(msg.new_instantiate_permission.as_ref())
}

pub(super) fn update(msg: &MsgUpdateParams) -> Result {
    params(&msg.params)
}

pub(super) fn sudo(msg: &MsgSudoContract) -> Result {
    address(&msg.contract, "contract")?;
    payload(&msg.msg)
}

fn code_ids(list: &[u64]) -> Result {
    if list.is_empty() { Err(Sdk::InvalidRequest.wrap("empty code ids")) } else { Ok(()) }
}

pub(super) fn pin(msg: &MsgPinCodes) -> Result {
    code_ids(&msg.code_ids)
}

pub(super) fn unpin(msg: &MsgUnpinCodes) -> Result {
    code_ids(&msg.code_ids)
}

pub(super) fn add_uploaders(msg: &MsgAddCodeUploadParamsAddresses) -> Result {
    addresses(&msg.addresses)
}

pub(super) fn remove_uploaders(msg: &MsgRemoveCodeUploadParamsAddresses) -> Result {
    addresses(&msg.addresses)
}

pub(super) fn store_and_instantiate(msg: &MsgStoreAndInstantiateContract) -> Result {
    label(&msg.label)?;
    funds(&msg.funds)?;
    admin(&msg.admin)?;
    verification(&msg.source, &msg.builder, &msg.code_hash)?;
    code(&msg.wasm_byte_code)?;
    permission(msg.instantiate_permission.as_ref())?;
    payload(&msg.msg)
}

pub(super) fn store_and_migrate(msg: &MsgStoreAndMigrateContract) -> Result {
    address(&msg.contract, "contract")?;
    code(&msg.wasm_byte_code)?;
    permission(msg.instantiate_permission.as_ref())?;
    payload(&msg.msg)
}
