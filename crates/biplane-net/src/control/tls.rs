//! TLS 1.3 as this protocol uses it: ring, no early data, no resumption (a resumed handshake would
//! show no certificate, and the pin is all the trust there is).

use std::sync::{Arc, LazyLock, OnceLock};

use biplane_wire::Aead;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig,
    SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider,
        ring::{
            self,
            cipher_suite::{
                TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
            },
        },
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::NoServerSessionStorage,
    version::TLS13,
};

use super::terms;
use crate::{Identity, Pin};

/// The 1 is the format of the hello.
pub(crate) const ALPN: &[u8] = b"biplane/1";
/// What data-plane keys are exported under.
pub(crate) const EXPORTER: &[u8] = b"EXPORTER-biplane-1";
/// What the proof of a resume is bound to is exported under.
pub(crate) const RESUME_EXPORTER: &[u8] = b"EXPORTER-biplane-1-resume";
/// The same for the proof of an attach.
pub(crate) const ATTACH_EXPORTER: &[u8] = b"EXPORTER-biplane-1-attach";

/// ring, and the same cipher first as on the data plane. AES-128 costs less than AES-256, and its
/// hash is one that processors have instructions for, which is a tenth of a handshake.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let aes = [TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384];
        let chacha = [TLS13_CHACHA20_POLY1305_SHA256];
        let cipher_suites = match terms::aeads()[0] {
            Aead::Aes128Gcm => [&aes[..], &chacha].concat(),
            Aead::ChaCha20Poly1305 => [&chacha[..], &aes].concat(),
        };
        Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() })
    });
    Arc::clone(&PROVIDER)
}

/// How a server with `identity` greets.
pub(crate) fn server(identity: &Identity) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate()], identity.key())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// How a client greets a server that `verifier` shall know.
pub(crate) fn client(verifier: Arc<PinVerifier>) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Knows a server by its public key, and still has it prove that the key is its own.
#[derive(Debug)]
pub(crate) struct PinVerifier {
    expected: Pin,
    got: OnceLock<Pin>,
    provider: Arc<CryptoProvider>,
}

impl PinVerifier {
    pub(crate) fn new(expected: Pin) -> Arc<Self> {
        Arc::new(Self { expected, got: OnceLock::new(), provider: provider() })
    }

    /// The server's pin, if it is another than expected.
    pub(crate) fn other(&self) -> Option<Pin> {
        self.got.get().copied().filter(|got| *got != self.expected)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| CertificateError::BadEncoding)?;
        let pin = Pin::of_spki(&certificate.subject_public_key_info());
        let got = *self.got.get_or_init(|| pin);
        if got == self.expected && pin == got {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 alone is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(verifier: &PinVerifier, identity: &Identity) -> bool {
        let name = ServerName::try_from("biplane").unwrap();
        let now = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        verifier.verify_server_cert(&identity.certificate(), &[], &name, &[], now).is_ok()
    }

    #[test]
    fn the_pinned_server_is_known_whatever_its_certificate_says() {
        let identity = Identity::generate().unwrap();
        let verifier = PinVerifier::new(identity.pin());
        assert!(verify(&verifier, &identity));
        assert_eq!(verifier.other(), None);
    }

    #[test]
    fn another_server_is_not_and_its_pin_is_told() {
        let other = Identity::generate().unwrap();
        let verifier = PinVerifier::new(Pin::new([0; 32]));
        assert!(!verify(&verifier, &other));
        assert_eq!(verifier.other(), Some(other.pin()));
    }

    #[test]
    fn both_configurations_are_tls_1_3_alone_without_resumption() {
        let identity = Identity::generate().unwrap();
        let config = server(&identity).unwrap();
        assert_eq!((config.send_tls13_tickets, config.max_early_data_size), (0, 0));
        assert_eq!(config.alpn_protocols, [ALPN]);
        let config = client(PinVerifier::new(identity.pin())).unwrap();
        assert!(!config.enable_early_data);
        assert_eq!(config.alpn_protocols, [ALPN]);
    }
}
