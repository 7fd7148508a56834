//! The certificates that an account publishes on the chain: a provider's for its gateway, a
//! tenant's for talking to gateways by mTLS.
//!
//! Called by the provider and the command line. Pure but for the randomness of a new key.
//! Source: provider.md 4.1 and 7.4; chain.md 14. Unlike the reference's, the key may make digital
//! signatures and there is no critical name constraint, so that strict TLS stacks accept it too.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use types::wire::akash::cert::v1::MsgCreateCertificate;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    gateway::Identity,
};

/// How long a certificate is valid unless said otherwise.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// A new certificate with its key. The key is wiped on drop.
pub struct NewCertificate {
    /// The account in its names.
    pub owner: String,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The public key, PEM of the kind that the chain wants.
    pub public_key_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: Zeroizing<String>,
    /// The serial number, base 10.
    pub serial: String,
}

impl NewCertificate {
    /// The message that publishes it.
    pub fn message(&self) -> MsgCreateCertificate {
        MsgCreateCertificate {
            owner: self.owner.clone(),
            cert: self.certificate_pem.clone().into_bytes(),
            pubkey: self.public_key_pem.clone().into_bytes(),
        }
    }
}

/// Makes a self-signed certificate of `owner`: for a server when `names` (host names and IP
/// addresses) is not empty, for a client always.
pub fn generate(owner: &str, names: &[String], life: Duration) -> Result<NewCertificate> {
    let fail = |detail: rcgen::Error| Error::Invalid {
        what: "make a certificate".to_owned(),
        detail: detail.to_string(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // The reference takes the time in nanoseconds as the serial number, too.
    let serial = now.as_nanos();
    let mut serial_bytes = serial.to_be_bytes().to_vec();
    serial_bytes.drain(..serial_bytes.iter().take_while(|it| **it == 0).count());

    let mut params = CertificateParams::new(names.to_vec()).map_err(fail)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, owner);
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 23, 133, 2, 6]), "v0.0.1");
    params.serial_number = Some(SerialNumber::from_slice(&serial_bytes));
    // Clocks of other machines may be a little behind ours.
    let start = time::OffsetDateTime::now_utc() - time::Duration::minutes(10);
    params.not_before = start;
    params.not_after = start + life;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::DataEncipherment,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if !names.is_empty() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(fail)?;
    let certificate = params.self_signed(&key).map_err(fail)?;
    let public_key_pem = key.public_key_pem().replace("PUBLIC KEY", "EC PUBLIC KEY");
    Ok(NewCertificate {
        owner: owner.to_owned(),
        certificate_pem: certificate.pem(),
        public_key_pem,
        key_pem: Zeroizing::new(key.serialize_pem()),
        serial: serial.to_string(),
    })
}

/// A client certificate from PEM texts.
pub fn identity(certificate_pem: &str, key_pem: &str) -> Result<Identity> {
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let fail = |detail: rustls_pki_types::pem::Error| Error::Invalid {
        what: "read the certificate".to_owned(),
        detail: detail.to_string(),
    };
    Ok(Identity {
        certificate: CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(fail)?,
        key: PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(fail)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "akash19rl4cm2hmr8afy4kldpxz3fka4jguq0a3mq6x0";

    #[test]
    fn a_certificate_names_its_owner_as_subject_and_issuer_and_has_the_serial_it_says() {
        let names = ["provider.example.com".to_owned(), "127.0.0.1".to_owned()];
        let made = generate(OWNER, &names, DEFAULT_LIFE).unwrap();
        let der = identity(&made.certificate_pem, &made.key_pem).unwrap().certificate;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        for name in [parsed.subject(), parsed.issuer()] {
            let texts: Vec<_> = name.iter_common_name().map(|it| it.as_str().unwrap()).collect();
            assert_eq!(texts, [OWNER]);
        }
        assert_eq!(parsed.tbs_certificate.serial.to_string(), made.serial);
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && usage.server_auth);
        assert!(parsed.validity().is_valid());
        parsed.verify_signature(None).unwrap();
    }

    #[test]
    fn a_public_key_has_the_pem_label_that_the_chain_wants() {
        let made = generate(OWNER, &[], DEFAULT_LIFE).unwrap();
        assert!(made.public_key_pem.starts_with("-----BEGIN EC PUBLIC KEY-----"));
        assert!(made.public_key_pem.trim_end().ends_with("-----END EC PUBLIC KEY-----"));
    }
}
