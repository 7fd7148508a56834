//! TLS of the gateway: the certificate that the chain knows, TLS 1.3 alone, and client certificates
//! that the chain knows (spec `provider.md` 4.1, 4.2).
//!
//! Called by: `gateway`. Calls: the chain, for certificates of tenants.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use tokio::runtime::{Handle, RuntimeFlavor};
use types::Address;
use x509_parser::certificate::X509Certificate;

use crate::{chain::Chain, register::Identity};

/// What the chain said about a certificate is believed for so long; then a revocation shows.
const CACHE: Duration = Duration::from_secs(60);
/// At most so many answers are kept.
const CACHE_MOST: usize = 4096;
/// The chain is not waited for longer.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// Server settings; `alpn` as the listener offers it.
pub(crate) fn server(
    identity: &Identity,
    chain: Arc<dyn Chain>,
    alpn: &[&[u8]],
) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(OnChain {
        chain,
        runtime: Handle::current(),
        provider: Arc::clone(&provider),
        known: Mutex::default(),
    });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())?;
    config.alpn_protocols = alpn.iter().map(|it| it.to_vec()).collect();
    Ok(config)
}

/// The account that a certificate names as its subject and its issuer.
pub(crate) fn owner(certificate: &CertificateDer<'_>) -> Option<Address> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    owner_of(&parsed)
}

fn owner_of(parsed: &X509Certificate<'_>) -> Option<Address> {
    let name = |it: &x509_parser::x509::X509Name<'_>| {
        it.iter_common_name().next().and_then(|it| it.as_str().ok()).map(str::to_owned)
    };
    let subject = name(parsed.subject())?;
    (name(parsed.issuer())? == subject).then(|| subject.parse().ok()).flatten()
}

/// Accepts a client certificate when the chain holds the same one, valid.
struct OnChain {
    chain: Arc<dyn Chain>,
    runtime: Handle,
    provider: Arc<CryptoProvider>,
    known: Mutex<BTreeMap<Vec<u8>, Instant>>,
}

impl std::fmt::Debug for OnChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnChain")
    }
}

impl OnChain {
    fn check(&self, presented: &CertificateDer<'_>, now: UnixTime) -> Option<()> {
        let (_, parsed) = x509_parser::parse_x509_certificate(presented).ok()?;
        let owner = owner_of(&parsed)?;
        let now = i64::try_from(now.as_secs()).ok()?;
        let validity = parsed.validity();
        let in_time =
            validity.not_before.timestamp() <= now && now <= validity.not_after.timestamp();
        let usage = parsed.extended_key_usage().ok()?;
        let for_clients = usage.is_none_or(|it| it.value.any || it.value.client_auth);
        if !in_time || !for_clients {
            return None;
        }
        if self.known.lock().get(presented.as_ref()).is_some_and(|it| it.elapsed() < CACHE) {
            return Some(());
        }
        let serial = parsed.tbs_certificate.serial.to_string();
        // Verifiers are called from within the runtime and cannot wait by themselves.
        if self.runtime.runtime_flavor() == RuntimeFlavor::CurrentThread {
            tracing::error!("client certificates need a runtime with several threads");
            return None;
        }
        let lookup = tokio::time::timeout(LOOKUP_LIMIT, self.chain.certificates(&owner));
        let found = tokio::task::block_in_place(|| self.runtime.block_on(lookup)).ok()?.ok()?;
        let same = found
            .iter()
            .filter(|it| it.serial == serial)
            .any(|it| CertificateDer::from_pem_slice(&it.cert).is_ok_and(|it| it == *presented));
        if !same {
            return None;
        }
        let mut known = self.known.lock();
        if known.len() >= CACHE_MOST {
            known.clear();
        }
        known.insert(presented.to_vec(), Instant::now());
        Some(())
    }
}

impl ClientCertVerifier for OnChain {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let alone = intermediates.is_empty();
        match alone.then(|| self.check(presented, now)).flatten() {
            Some(()) => Ok(ClientCertVerified::assertion()),
            // Whatever is wrong: the reference answers with the alert "bad certificate".
            None => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
