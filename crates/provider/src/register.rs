//! What must be on chain before a provider can work: its record, and the certificate of its gateway
//! (spec `provider.md` 7.3, 7.4).
//!
//! Called by: [`crate::run`] at start.

use std::{collections::BTreeSet, sync::Arc};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use types::wire::akash::{
    cert::v1::MsgCreateCertificate,
    provider::v1beta4::{Info, MsgCreateProvider, MsgUpdateProvider},
};

use crate::{
    chain::{self, Msg},
    config::attribute_list,
    service::{Service, unix_now},
    store,
};

/// A certificate that ends sooner than this is replaced, in seconds.
const RENEW_BEFORE_SECONDS: i64 = 24 * 3600;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {what}: {source}")]
    Chain { what: &'static str, source: chain::Error },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cannot make the gateway's certificate: {0}")]
    Make(String),
}

fn told(what: &'static str) -> impl FnOnce(chain::Error) -> Error {
    move |source| Error::Chain { what, source }
}

/// Certificate and key of the gateway.
pub(crate) struct Identity {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
}

impl Service {
    /// Creates the provider's record, or updates it where it differs from the configuration.
    pub(crate) async fn register(self: &Arc<Self>) -> Result<(), Error> {
        let attributes = attribute_list(&self.config.attributes);
        let owner = self.address.to_string();
        let host_uri = self.config.host_uri.clone();
        let info = Info {
            email: self.config.info.email.clone(),
            website: self.config.info.website.clone(),
        };
        let record = self.chain.provider().await.map_err(told("read our own provider record"))?;
        match record {
            None => {
                let message =
                    MsgCreateProvider { owner, host_uri, attributes: attributes.clone(), info };
                let sent = self.send_patiently(vec![Msg::CreateProvider(message)]).await;
                sent.map_err(told("register the provider"))?;
                tracing::info!(address = %self.address, "provider registered");
            }
            Some(it) => {
                let pairs = |list: &[types::wire::akash::base::attributes::v1::Attribute]| {
                    let pairs = list.iter().map(|it| (it.key.clone(), it.value.clone()));
                    pairs.collect::<BTreeSet<_>>()
                };
                let same = it.host_uri == host_uri
                    && pairs(&it.attributes) == pairs(&attributes)
                    && it.info == info;
                if !same {
                    let message =
                        MsgUpdateProvider { owner, host_uri, attributes: attributes.clone(), info };
                    let sent = self.send_patiently(vec![Msg::UpdateProvider(message)]).await;
                    sent.map_err(told("update the provider record"))?;
                    tracing::info!(address = %self.address, "provider record updated");
                }
            }
        }
        self.state().attributes = attributes;
        Ok(())
    }

    /// The gateway's certificate: the one that was kept if it is good, else a new one; on chain in
    /// the end.
    pub(crate) async fn certificate(self: &Arc<Self>) -> Result<Identity, Error> {
        let address = self.address.to_string();
        let published = self.chain.certificates(&self.address).await;
        let published = published.map_err(told("read our certificates"))?;
        if let Some(pem) = self.store.certificate(&address)?
            && let Some((identity, cert_pem)) = read(&pem)
            && is_good(&identity.certificate)
        {
            let on_chain = published.iter().any(|it| {
                CertificateDer::from_pem_slice(&it.cert).is_ok_and(|it| it == identity.certificate)
            });
            if on_chain {
                return Ok(identity);
            }
            if let Some(message) = message(&address, &identity, cert_pem) {
                match self.send_patiently(vec![Msg::CreateCertificate(message)]).await {
                    Ok(()) => return Ok(identity),
                    // Its serial is used up, for it was revoked: make another.
                    Err(chain::Error::Refused { codespace, .. }) if codespace == "cert" => {}
                    Err(source) => {
                        return Err(Error::Chain { what: "publish the certificate", source });
                    }
                }
            }
        }
        let made = client::cert::generate(&address, &self.names(), client::cert::DEFAULT_LIFE)
            .map_err(|it| Error::Make(it.to_string()))?;
        let pem = format!("{}{}", made.certificate_pem, made.key_pem.as_str());
        self.store.put_certificate(&address, &pem)?;
        let sent = self.send_patiently(vec![Msg::CreateCertificate(made.message())]).await;
        sent.map_err(told("publish the certificate"))?;
        tracing::info!(serial = %made.serial, "certificate published");
        let unreadable = || Error::Make("it cannot be read back".to_owned());
        Ok(read(&pem).ok_or_else(unreadable)?.0)
    }

    /// Names that the gateway answers to.
    fn names(&self) -> Vec<String> {
        let authority = self.config.host_uri.trim_start_matches("https://");
        let host = authority.rsplit_once(':').map_or(authority, |it| it.0);
        let mut names = vec![host.trim_matches(['[', ']']).to_owned()];
        for more in [self.config.public_hostname.as_str(), "localhost"] {
            if !more.is_empty() && !names.iter().any(|it| it == more) {
                names.push(more.to_owned());
            }
        }
        names
    }
}

/// Certificate and key from one PEM text, and the PEM of the certificate alone.
fn read(pem: &str) -> Option<(Identity, String)> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    let end = "-----END CERTIFICATE-----\n";
    let cert_pem = pem.split_inclusive(end).next()?.to_owned();
    Some((Identity { certificate, key }, cert_pem))
}

fn is_good(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return false };
    parsed.validity().not_after.timestamp() > unix_now() + RENEW_BEFORE_SECONDS
}

/// The message that publishes a certificate that was kept.
fn message(owner: &str, identity: &Identity, cert_pem: String) -> Option<MsgCreateCertificate> {
    use base64::Engine as _;
    let (_, parsed) = x509_parser::parse_x509_certificate(&identity.certificate).ok()?;
    let text = base64::engine::general_purpose::STANDARD.encode(parsed.public_key().raw);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    let pubkey = format!(
        "-----BEGIN EC PUBLIC KEY-----\n{}\n-----END EC PUBLIC KEY-----\n",
        lines.join("\n")
    );
    Some(MsgCreateCertificate {
        owner: owner.to_owned(),
        cert: cert_pem.into_bytes(),
        pubkey: pubkey.into_bytes(),
    })
}
