//! Queries of transfers.

use ledger::{Fault, Result, Routes, View, paginate};
use types::wire::{
    cosmos::base::v1beta1::Coin,
    ibc::applications::transfer::v1::{
        Denom, Hop, QueryDenomHashRequest, QueryDenomHashResponse, QueryDenomRequest,
        QueryDenomResponse, QueryDenomsRequest, QueryDenomsResponse, QueryEscrowAddressRequest,
        QueryEscrowAddressResponse, QueryParamsRequest, QueryParamsResponse,
        QueryTotalEscrowForDenomRequest, QueryTotalEscrowForDenomResponse,
    },
};

use super::{DENOMS, ESCROWED, Error, escrow_address, hash};
use crate::ibc;

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(params).query(denoms).query(denom).query(denom_hash).query(escrow).query(total);
}

fn params(view: &View, _: QueryParamsRequest) -> Result<QueryParamsResponse> {
    Ok(QueryParamsResponse { params: Some(super::params(view)?) })
}

fn denoms(view: &View, request: QueryDenomsRequest) -> Result<QueryDenomsResponse> {
    let (denoms, page) =
        paginate(view, DENOMS.walk(), request.pagination, |_, denom| Ok(Some(denom)))?;
    Ok(QueryDenomsResponse { denoms, pagination: Some(page) })
}

/// The bytes of a hash in hex, or what the reference says is wrong with the text.
pub(super) fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for pair in text.as_bytes().chunks(2) {
        let mut byte = 0u8;
        for digit in pair {
            let Some(value) = char::from(*digit).to_digit(16) else {
                return Err(format!("encoding/hex: invalid byte: {}", rune(*digit)));
            };
            byte = byte.wrapping_mul(16) | u8::try_from(value).unwrap_or_default();
        }
        if pair.len() == 1 {
            return Err("encoding/hex: odd length hex string".to_owned());
        }
        bytes.push(byte);
    }
    match bytes.len() {
        0 | 32 => Ok(bytes),
        other => Err(format!("expected size to be 32 bytes, got {other} bytes")),
    }
}

/// A byte as Go shows a character: `U+0074 't'`.
fn rune(byte: u8) -> String {
    let code = format!("U+{byte:04X}");
    match char::from(byte) {
        it if it.is_control() || byte == 0xAD => code,
        it => format!("{code} '{it}'"),
    }
}

fn denom(view: &View, request: QueryDenomRequest) -> Result<QueryDenomResponse> {
    let text = request.hash;
    let hash = unhex(text.strip_prefix("ibc/").unwrap_or(&text)).map_err(|error| {
        Fault::invalid_argument(format!("invalid denom trace hash: , error: {error}"))
    })?;
    let found = DENOMS
        .get(view, &hash)?
        .ok_or_else(|| Fault::not_found(format!("{text}: denomination not found")))?;
    Ok(QueryDenomResponse { denom: Some(found) })
}

/// Pairs of a port and a channel in front of a base.
fn parse(path: &str) -> Denom {
    let mut parts: Vec<&str> = path.split('/').collect();
    let mut trace = Vec::new();
    while let [port_id, channel_id, _, ..] = parts.as_slice() {
        let digits = channel_id.strip_prefix("channel-").unwrap_or_default();
        let is_channel = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        if ibc::check_port_id(port_id).is_err() || !is_channel {
            break;
        }
        let (port_id, channel_id) = ((*port_id).to_owned(), (*channel_id).to_owned());
        trace.push(Hop { port_id, channel_id });
        parts.drain(..2);
    }
    Denom { base: parts.join("/"), trace }
}

fn denom_hash(view: &View, request: QueryDenomHashRequest) -> Result<QueryDenomHashResponse> {
    let path = request.trace;
    let denom = parse(&path);
    if denom.base.trim().is_empty() {
        let fault = Error::InvalidDenom.wrap("base denomination cannot be blank");
        return Err(Fault::invalid_argument(fault.to_string()));
    }
    let hash = hash(&denom);
    if !DENOMS.has(view, &hash.to_vec())? {
        return Err(Fault::not_found(format!("{path}: denomination not found")));
    }
    Ok(QueryDenomHashResponse { hash: hash.iter().map(|it| format!("{it:02X}")).collect() })
}

fn escrow(view: &View, request: QueryEscrowAddressRequest) -> Result<QueryEscrowAddressResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    let malformed = |fault: Fault| Fault::invalid_argument(fault.to_string());
    ibc::check_port_id(port_id).map_err(malformed)?;
    ibc::check_channel_id(channel_id).map_err(malformed)?;
    if ibc::find_channel(view, port_id, channel_id)?.is_none() {
        let text = format!("port ID ({port_id}) channel ID ({channel_id}): channel not found");
        return Err(Fault::not_found(text));
    }
    let escrow_address = escrow_address(port_id, channel_id)?.to_string();
    Ok(QueryEscrowAddressResponse { escrow_address })
}

fn total(
    view: &View,
    request: QueryTotalEscrowForDenomRequest,
) -> Result<QueryTotalEscrowForDenomResponse> {
    let denom = request.denom;
    if types::validate_denom(&denom).is_err() {
        return Err(Fault::invalid_argument(format!("invalid denom: {denom}")));
    }
    let amount = ESCROWED.get(view, &denom)?.unwrap_or_default().to_string();
    Ok(QueryTotalEscrowForDenomResponse { amount: Coin { denom, amount } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_hashes_read_as_the_reference_reads_them() {
        let voucher = parse("transfer/channel-1/uusdc");
        assert_eq!((voucher.base.as_str(), voucher.trace.len()), ("uusdc", 1));
        let hash = hash(&voucher).iter().map(|it| format!("{it:02X}")).collect::<String>();
        assert_eq!(hash, "65D0BEC6DAD96C7F5043D1E54E54B6BB5D5B3AEC3FF6CEBB75B9E059F3580EA3");
        assert_eq!(unhex("test"), Err("encoding/hex: invalid byte: U+0074 't'".to_owned()));
        assert_eq!(unhex("abc"), Err("encoding/hex: odd length hex string".to_owned()));
        assert!(unhex("ab").is_err() && unhex("").is_ok());
        assert_eq!(parse("gamm/pool/1").base, "gamm/pool/1");
    }
}
