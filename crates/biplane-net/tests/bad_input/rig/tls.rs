//! Blocking TLS for a peer that trusts everybody.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use ring::digest::{SHA256, digest};
use rustls::{
    ClientConnection, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
    version::TLS13,
};

use crate::trusting::client_config;

/// One side of a connection.
pub(crate) enum Tls {
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Tls {
    /// Connects over `tcp`, whoever is there.
    pub(crate) fn connect(tcp: TcpStream) -> Self {
        let name = ServerName::try_from("biplane").unwrap();
        let connection = ClientConnection::new(Arc::new(client_config()), name).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        Self::Client(Box::new(stream))
    }

    /// Accepts over `tcp`.
    pub(crate) fn accept(tcp: TcpStream, config: Arc<ServerConfig>) -> Self {
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        Self::Server(Box::new(stream))
    }

    /// The first flight of a client, as bytes.
    pub(crate) fn client_hello() -> Vec<u8> {
        let name = ServerName::try_from("biplane").unwrap();
        let mut connection = ClientConnection::new(Arc::new(client_config()), name).unwrap();
        let mut bytes = Vec::new();
        connection.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// The secret of a session.
    pub(crate) fn secret(&self, context: &[u8; 32]) -> [u8; 32] {
        let label = b"EXPORTER-biplane-1";
        let secret = match self {
            Self::Client(stream) => {
                stream.conn.export_keying_material([0; 32], label, Some(context))
            }
            Self::Server(stream) => {
                stream.conn.export_keying_material([0; 32], label, Some(context))
            }
        };
        secret.unwrap()
    }

    /// What the proof of a resume is bound to.
    pub(crate) fn binding(&self) -> [u8; 32] {
        self.exported(b"EXPORTER-biplane-1-resume")
    }

    /// The same of an attach.
    pub(crate) fn attach_binding(&self) -> [u8; 32] {
        self.exported(b"EXPORTER-biplane-1-attach")
    }

    fn exported(&self, label: &[u8]) -> [u8; 32] {
        let binding = match self {
            Self::Client(stream) => stream.conn.export_keying_material([0; 32], label, None),
            Self::Server(stream) => stream.conn.export_keying_material([0; 32], label, None),
        };
        binding.unwrap()
    }

    /// Says goodbye in TLS, and in TLS alone.
    pub(crate) fn close_notify(&mut self) {
        match self {
            Self::Client(stream) => stream.conn.send_close_notify(),
            Self::Server(stream) => stream.conn.send_close_notify(),
        }
        self.flush().unwrap();
    }

    /// The socket below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }
}

impl Read for Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}

/// A server's configuration, and the digest of its key.
pub(crate) fn server_config() -> (Arc<ServerConfig>, [u8; 32]) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["biplane".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().der().clone();
    let pin = digest(&SHA256, &key.subject_public_key_info()).as_ref().try_into().unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"biplane/1".to_vec()];
    (Arc::new(config), pin)
}
