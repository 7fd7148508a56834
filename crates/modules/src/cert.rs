//! The certificates by which tenants and providers know each other's TLS (chain.md 14).
//!
//! Calls: nothing. Called by: nobody; providers and tenants query it. Owns: store `cert`,
//! certificates under 11 by state, owner and serial number.

use ledger::{
    Ctx, Fault, Invariant, Key, Map, Module, Prefixed, Result, Routes, Sdk, View, errors,
};
use types::{
    Address,
    wire::akash::cert::v1::{
        Certificate, CertificateResponse, GenesisCertificate, GenesisState, Id,
        MsgCreateCertificate, MsgRevokeCertificate, QueryCertificatesRequest,
        QueryCertificatesResponse, State,
    },
};
use x509_parser::{
    oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256},
    pem::{Pem, parse_x509_pem},
    prelude::FromDer,
    verify::verify_signature,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

use crate::paging;

pub struct Cert;

impl Module for Cert {
    const NAME: &'static str = "cert";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("a certificate is in exactly one state", one_state_each)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_create, create).msg_checked(check_revoke, revoke);
        r.query(certificates);
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for it in genesis.certificates {
            let owner: Address =
                it.owner.parse().map_err(|_| Fault::from(Error::InvalidAddress))?;
            let state = State::try_from(it.certificate.state).unwrap_or_default();
            if state == State::Invalid {
                return Err(Error::InvalidState.into());
            }
            let serial = verify(&owner, &it.certificate.cert, &it.certificate.pubkey)?;
            if find(cx, &owner, &serial)?.is_some() {
                return Err(Error::CertificateExists.wrap(owner));
            }
            CERTIFICATES.set(cx, &key(state, &owner, &serial), &it.certificate)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let rows = CERTIFICATES.iter(view).map(|it| {
            let ((_, owner, _), certificate) = it?;
            let owner = Address::new(owner.0).map(|it| it.to_string()).unwrap_or_default();
            Ok(GenesisCertificate { owner, certificate })
        });
        Ok(GenesisState { certificates: rows.collect::<Result<_>>()? })
    }
}

/// State, owner, serial number as its shortest big-endian bytes (none for zero).
type Place = (u8, Prefixed, Prefixed);

const ROOT: &[u8] = &[0x11];
const CERTIFICATES: Map<Place, Certificate> = Map::new(Cert::NAME, ROOT);
/// A serial number has at most so many bytes.
const MAX_SERIAL_BYTES: usize = 40;
const STATES: [State; 2] = [State::Valid, State::Revoked];

fn byte(state: State) -> u8 {
    match state {
        State::Invalid => 0,
        State::Valid => 1,
        State::Revoked => 2,
    }
}

fn key(state: State, owner: &Address, serial: &Serial) -> Place {
    (byte(state), Prefixed(owner.as_bytes().to_vec()), Prefixed(serial.0.clone()))
}

fn find(view: &View, owner: &Address, serial: &Serial) -> Result<Option<Certificate>> {
    for state in STATES {
        if let Some(found) = CERTIFICATES.get(view, &key(state, owner, serial))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A serial number: its shortest big-endian bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Serial(Vec<u8>);

impl Serial {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let start = bytes.iter().position(|it| *it != 0).unwrap_or(bytes.len());
        let bytes = bytes.get(start..).unwrap_or_default().to_vec();
        if bytes.len() > MAX_SERIAL_BYTES {
            return Err(Sdk::UnknownAddress.wrap(format_args!(
                "serial length should be max {MAX_SERIAL_BYTES} bytes, got {}",
                bytes.len()
            )));
        }
        Ok(Self(bytes))
    }

    /// Reads base 10. A sign is passed over, whichever it is.
    fn parse(text: &str) -> Result<Self> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        // log10(256) is above 2.4: more digits than this cannot fit.
        if digits.is_empty() || digits.len() > 3 * MAX_SERIAL_BYTES {
            return Err(Error::InvalidSerialNumber.into());
        }
        let mut bytes = vec![0u8; 2 * MAX_SERIAL_BYTES];
        for digit in digits.chars() {
            let digit = digit.to_digit(10).ok_or(Error::InvalidSerialNumber)?;
            let mut carry = digit;
            for byte in bytes.iter_mut().rev() {
                let value = u32::from(*byte) * 10 + carry;
                *byte = u8::try_from(value % 256).unwrap_or_default();
                carry = value / 256;
            }
        }
        Self::from_bytes(&bytes)
    }

    /// Writes base 10.
    fn text(&self) -> String {
        let mut digits: Vec<u32> = vec![0];
        for byte in &self.0 {
            let mut carry = u32::from(*byte);
            for digit in &mut digits {
                let value = *digit * 256 + carry;
                *digit = value % 10;
                carry = value / 10;
            }
            while carry > 0 {
                digits.push(carry % 10);
                carry /= 10;
            }
        }
        digits.iter().rev().filter_map(|it| char::from_digit(*it, 10)).collect()
    }
}

// Messages.

fn check_create(msg: &MsgCreateCertificate) -> Result {
    verify(&owner_of(&msg.owner, "MsgCreateCertificate")?, &msg.cert, &msg.pubkey).map(drop)
}

fn owner_of(text: &str, message: &str) -> Result<Address> {
    text.parse().map_err(|_| {
        Sdk::InvalidAddress.wrap("Invalid Owner Address: invalid address").context(message)
    })
}

fn create(cx: &mut Ctx, msg: MsgCreateCertificate) -> Result {
    let owner = owner_of(&msg.owner, "MsgCreateCertificate")?;
    let serial = verify(&owner, &msg.cert, &msg.pubkey)?;
    if find(cx, &owner, &serial)?.is_some() {
        return Err(Error::CertificateExists.into());
    }
    let certificate =
        Certificate { state: State::Valid.into(), cert: msg.cert, pubkey: msg.pubkey };
    CERTIFICATES.set(cx, &key(State::Valid, &owner, &serial), &certificate)
}

fn check_revoke(msg: &MsgRevokeCertificate) -> Result {
    id_of(&msg.id).map(drop)
}

fn id_of(id: &Id) -> Result<(Address, Serial)> {
    Ok((owner_of(&id.owner, "MsgRevoke")?, Serial::parse(&id.serial)?))
}

/// A revoked serial number never comes back.
fn revoke(cx: &mut Ctx, msg: MsgRevokeCertificate) -> Result {
    let (owner, serial) = id_of(&msg.id)?;
    let mut certificate = find(cx, &owner, &serial)?.ok_or(Error::CertificateNotFound)?;
    if certificate.state == i32::from(State::Revoked) {
        return Err(Error::CertificateAlreadyRevoked.into());
    }
    CERTIFICATES.del(cx, &key(State::Valid, &owner, &serial))?;
    certificate.state = State::Revoked.into();
    CERTIFICATES.set(cx, &key(State::Revoked, &owner, &serial), &certificate)
}

/// Checks that the certificate is the owner's and signed by the public key; both are PEM. Dates,
/// key usage and issuer are not looked at. Returns the serial number.
fn verify(owner: &Address, cert: &[u8], pubkey: &[u8]) -> Result<Serial> {
    let bad_key = |why: &str| Error::InvalidPubkeyValue.wrap(why);
    let bad_cert = |why: &str| Error::InvalidCertificateValue.wrap(why);

    let block = single_pem(pubkey).ok_or(Error::InvalidPubkeyValue)?;
    if block.label != "EC PUBLIC KEY" {
        return Err(bad_key("invalid pem block type"));
    }
    let key = match SubjectPublicKeyInfo::from_der(&block.contents) {
        Ok(([], key)) => key,
        _ => return Err(bad_key("not a public key")),
    };
    if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return Err(bad_key("invalid public key type"));
    }

    let block = single_pem(cert).ok_or(Error::InvalidCertificateValue)?;
    if block.label != "CERTIFICATE" {
        return Err(bad_cert("invalid pem block type"));
    }
    let parsed = block.parse_x509().map_err(|_| bad_cert("malformed certificate"))?;
    // Whatever algorithm the certificate names, the hash is SHA-256.
    let algorithm = AlgorithmIdentifier::new(OID_SIG_ECDSA_WITH_SHA256, None);
    let signed = parsed.tbs_certificate.as_ref();
    if verify_signature(&key, &algorithm, &parsed.signature_value, signed).is_err() {
        return Err(bad_cert("invalid certificate signature"));
    }
    let name = parsed.subject().iter_common_name().last().and_then(|it| it.as_str().ok());
    let named: Address =
        name.unwrap_or_default().parse().map_err(|it| Error::InvalidCertificateValue.wrap(it))?;
    if named != *owner {
        return Err(bad_cert("CommonName does not match owner"));
    }
    Serial::from_bytes(parsed.raw_serial())
}

/// The one PEM block of a text that holds nothing behind it.
fn single_pem(text: &[u8]) -> Option<Pem> {
    match parse_x509_pem(text) {
        Ok(([], pem)) => Some(pem),
        _ => None,
    }
}

// Queries.

fn certificates(
    view: &View,
    request: QueryCertificatesRequest,
) -> Result<QueryCertificatesResponse> {
    let filter = request.filter;
    let all = STATES.map(byte);
    let states = paging::states(&all, &filter.state, |it| State::from_str_name(it).map(i32::from))?;
    let mut under = Vec::new();
    if !filter.owner.is_empty() {
        let owner: Address = filter.owner.parse().map_err(|it| Fault::internal(format!("{it}")))?;
        Prefixed(owner.into_bytes()).write(&mut under);
        if !filter.serial.is_empty() {
            Prefixed(Serial::parse(&filter.serial)?.0).write(&mut under);
        }
    }
    let internal = |fault: Fault| Fault::internal(fault.grpc().1);
    let (certificates, page) = paging::by_prefix(
        view,
        (ROOT, &CERTIFICATES),
        states,
        request.pagination,
        |state| [&[state], under.as_slice()].concat(),
        internal,
        |(_, _, serial), certificate| CertificateResponse {
            certificate,
            serial: Serial(serial.0).text(),
        },
    )
    .map_err(internal)?;
    Ok(QueryCertificatesResponse { certificates, pagination: Some(page) })
}

fn one_state_each(view: &View) -> Result {
    for row in CERTIFICATES.iter(view) {
        let ((state, owner, serial), certificate) = row?;
        ledger::holds!(i32::from(state) == certificate.state, "{owner:?} is in another state")?;
        let other = if state == byte(State::Valid) { State::Revoked } else { State::Valid };
        let twice = CERTIFICATES.has(view, &(byte(other), owner, serial))?;
        ledger::holds!(!twice, "a certificate is in two states")?;
    }
    Ok(())
}

errors! { Cert;
    1 CertificateNotFound "certificate not found" => NotFound,
    2 InvalidAddress "invalid address" => InvalidArgument,
    3 CertificateExists "certificate exists" => AlreadyExists,
    4 CertificateAlreadyRevoked "certificate already revoked" => FailedPrecondition,
    5 InvalidSerialNumber "invalid serial number" => InvalidArgument,
    6 InvalidCertificateValue "invalid certificate value" => InvalidArgument,
    7 InvalidPubkeyValue "invalid pubkey value" => InvalidArgument,
    8 InvalidState "invalid state" => InvalidArgument,
    9 InvalidKeySize "invalid key size" => InvalidArgument,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_keep_their_value() {
        let check = |text: &str, bytes: &[u8]| {
            let serial = Serial::parse(text).unwrap();
            assert_eq!(serial.0, bytes, "{text}");
            assert_eq!(serial.text(), text);
        };
        check("0", &[]);
        check("11", &[11]);
        check("256", &[1, 0]);
        check("18446744073709551616", &[1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let most = Serial(vec![0xff; MAX_SERIAL_BYTES]);
        assert_eq!(Serial::parse(&most.text()).unwrap(), most);
        assert_eq!(Serial::from_bytes(&[0, 0, 7]).unwrap().0, [7]);
        for same in ["+011", "-11"] {
            assert_eq!(Serial::parse(same).unwrap().0, [11], "{same}");
        }
    }

    #[test]
    fn what_is_no_serial_number() {
        for text in ["", "-", "x", "--1", "1.5", "0x10", "1_0"] {
            assert_eq!(Serial::parse(text).unwrap_err().code(), 5, "{text:?}");
        }
        assert_eq!(Serial::from_bytes(&[1; 41]).unwrap_err().codespace(), "sdk");
    }
}
