//! Trust in a provider's gateway: the certificate that the chain knows, or a public authority.
//!
//! Called by [`super::Gateway`]. Source: provider.md 4.1. The certificate on the chain is
//! self-signed, so being signed by it means being it: the bytes are compared, together with the
//! names and the validity.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};

/// A client certificate with its key, for gateways that are talked to by mTLS.
pub struct Identity {
    /// The certificate, DER.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// TLS that trusts `certificates` (PEM, as the chain gives them) of `provider`, or a public
/// authority.
pub(crate) fn config(
    provider: &str,
    certificates: &[Vec<u8>],
    identity: Option<Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let crypto = crate::http::crypto();
    let standard = WebPkiServerVerifier::builder_with_provider(
        Arc::new(crate::http::public_roots()),
        Arc::clone(&crypto),
    )
    .build()
    .map_err(|it| TlsError::General(it.to_string()))?;
    let known = certificates.iter().filter_map(|it| CertificateDer::from_pem_slice(it).ok());
    let verifier = Pinned {
        provider: provider.to_owned(),
        known: known.map(CertificateDer::into_owned).collect(),
        standard,
        crypto: Arc::clone(&crypto),
    };
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(it) => builder.with_client_auth_cert(vec![it.certificate], it.key)?,
    };
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Pinned {
    provider: String,
    known: Vec<CertificateDer<'static>>,
    standard: Arc<WebPkiServerVerifier>,
    crypto: Arc<CryptoProvider>,
}

/// Why a certificate is not the provider's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotPinned(String);

fn refuse(why: impl Into<String>) -> TlsError {
    let why: Arc<dyn std::error::Error + Send + Sync> = Arc::new(NotPinned(why.into()));
    TlsError::InvalidCertificate(CertificateError::Other(OtherError(why)))
}

impl Pinned {
    fn check(&self, presented: &CertificateDer<'_>, now: UnixTime) -> Result<(), TlsError> {
        if !self.known.iter().any(|it| it.as_ref() == presented.as_ref()) {
            return Err(refuse(format!(
                "the certificate is not one that the chain knows for {}",
                self.provider
            )));
        }
        let (_, parsed) = x509_parser::parse_x509_certificate(presented)
            .map_err(|_| TlsError::InvalidCertificate(CertificateError::BadEncoding))?;
        let named = |name: &x509_parser::x509::X509Name<'_>| {
            name.iter_common_name().filter_map(|it| it.as_str().ok()).eq([self.provider.as_str()])
        };
        if !named(parsed.subject()) || !named(parsed.issuer()) {
            return Err(refuse(format!("the certificate does not name {}", self.provider)));
        }
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < parsed.validity().not_before.timestamp() {
            return Err(TlsError::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now > parsed.validity().not_after.timestamp() {
            return Err(TlsError::InvalidCertificate(CertificateError::Expired));
        }
        Ok(())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let standard = self.standard.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if standard.is_ok() {
            return standard;
        }
        if !intermediates.is_empty() {
            return Err(refuse("the provider shows a chain of certificates, not its own"));
        }
        self.check(end_entity, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.crypto.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}
