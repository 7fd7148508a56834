//! One way to make HTTP and TLS clients: rustls over ring, without a process-wide default.

use std::sync::Arc;

/// The cryptography of every TLS connection of this crate.
pub(crate) fn crypto() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificates of the public authorities.
pub(crate) fn public_roots() -> rustls::RootCertStore {
    rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

/// TLS that trusts the public authorities.
pub(crate) fn public_tls() -> Arc<rustls::ClientConfig> {
    let config = rustls::ClientConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12]);
    let config = match config {
        Ok(config) => config,
        Err(error) => unreachable!("ring speaks TLS 1.2 and 1.3: {error}"),
    };
    Arc::new(config.with_root_certificates(public_roots()).with_no_client_auth())
}

/// An HTTP client that trusts the public authorities.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    builder_with(&public_tls())
}

/// An HTTP client with its own trust.
pub(crate) fn builder_with(tls: &rustls::ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("haggle/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls.clone())
}
