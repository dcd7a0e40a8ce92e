//! A key and a certificate of the run, for the systems that speak TLS.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use biplane_load::Tuning;
use rcgen::CertifiedKey;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    version::TLS13,
};

/// What the certificate names.
pub(super) const NAME: &str = "localhost";
const PROTOCOL: &[u8] = b"biplane-bench";

/// AES-256-GCM is what rustls likes best; AES-128-GCM, which the others use, costs less.
fn provider(tuning: Tuning) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if tuning == Tuning::Tuned {
        provider.cipher_suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    }
    Arc::new(provider)
}

/// A server's side with a new certificate, and that certificate as a word.
pub(super) fn server(tuning: Tuning) -> Result<(ServerConfig, String)> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).context("a certificate")?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let word = BASE64.encode(cert.der());
    let mut config = ServerConfig::builder_with_provider(provider(tuning))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok((config, word))
}

/// The side of a client that trusts this certificate alone.
pub(super) fn client(tuning: Tuning, word: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(BASE64.decode(word)?))?;
    let mut config = ClientConfig::builder_with_provider(provider(tuning))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}
