//! A QUIC program, which is nothing of ours, works through the relay.

use std::{net::UdpSocket, sync::Arc, time::Duration};

use biplane_link::{Relay, RelayConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version::TLS13,
};

use crate::tools::any_port;

const NAME: &str = "server.test";
const ALPN: &[u8] = b"echo";

#[test]
fn quic_carries_a_megabyte_each_way_through_loss_and_a_port_that_changes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (server, certificate) = server();
        let target = server.local_addr().unwrap();
        let profile = "delay=10ms,jitter=2ms,loss=1%,duplicate=1%,rebind-udp-every=500ms";
        let config = RelayConfig::new(any_port(), target).profile(profile.parse().unwrap());
        let relay = Relay::start(&config.udp_only()).unwrap();
        let served = tokio::spawn(async move {
            let connection = server.accept().await.unwrap().await.unwrap();
            let (mut send, mut receive) = connection.accept_bi().await.unwrap();
            let question = receive.read_to_end(1 << 20).await.unwrap();
            send.write_all(&question).await.unwrap();
            send.finish().unwrap();
            connection.closed().await;
        });
        let asked = async {
            let connection = connect(&relay, certificate).await;
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            let question: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
            send.write_all(&question).await.unwrap();
            send.finish().unwrap();
            assert!(receive.read_to_end(1 << 20).await.unwrap() == question);
            connection.close(0_u8.into(), b"done");
        };
        tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap();
        served.await.unwrap();
        let stats = relay.stop();
        assert!(stats.up.udp.lost > 0 && stats.down.udp.lost > 0, "{stats:?}");
        assert!(stats.rebinds > 0, "{stats:?}");
        assert!(stats.up.udp.adds_up() && stats.down.udp.adds_up(), "{stats:?}");
    });
}

fn server() -> (Endpoint, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(ring);
    let tls = tls.with_protocol_versions(&[&TLS13]).unwrap().with_no_client_auth();
    let mut tls = tls.with_single_cert(vec![certificate.clone()], key).unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicServerConfig::try_from(tls).unwrap();
    let config = ServerConfig::with_crypto(Arc::new(crypto));
    (endpoint(Some(config)), certificate)
}

async fn connect(relay: &Relay, certificate: CertificateDer<'static>) -> Connection {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring);
    let tls = tls.with_protocol_versions(&[&TLS13]).unwrap().with_root_certificates(roots);
    let mut tls = tls.with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    let client = endpoint(None);
    let config = ClientConfig::new(Arc::new(crypto));
    client.connect_with(config, relay.address(), NAME).unwrap().await.unwrap()
}

fn endpoint(server: Option<ServerConfig>) -> Endpoint {
    let socket = UdpSocket::bind(any_port()).unwrap();
    Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(TokioRuntime)).unwrap()
}
