//! A hostile server's doors: TCP with TLS, and what clients must believe to come.

use std::{
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use biplane_net::{Link, Pin};
use rustls::ServerConfig;
use socket2::SockRef;

use super::{PATIENCE, Peer, Tls, peer::NARROW, tls::server_config};

pub(crate) struct Doors {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    link: Link,
}

impl Doors {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (config, pin) = server_config();
        let port = listener.local_addr().unwrap().port();
        let link = Link { host: "127.0.0.1".into(), port, pin: Pin::new(pin) };
        Self { listener, config, link }
    }

    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }

    /// Connections from now on have little room for what is not read.
    pub(crate) fn narrow(&self) {
        SockRef::from(&self.listener).set_recv_buffer_size(NARROW).unwrap();
    }

    /// The next client's connection, before a word was said.
    pub(crate) fn accept_tcp(&self) -> TcpStream {
        let (tcp, _) = self.listener.accept().unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp
    }

    /// The next client's connection, before its hello was read.
    pub(crate) fn accept_tls(&self) -> Tls {
        Tls::accept(self.accept_tcp(), Arc::clone(&self.config))
    }

    /// The next client, welcomed.
    pub(crate) fn welcome(&self) -> Peer {
        Peer::welcome(self.accept_tls(), None)
    }

    /// The next client, welcomed to a session that it may resume.
    pub(crate) fn welcome_by_name(&self) -> Peer {
        Peer::welcome(self.accept_tls(), Some(*b"a hostile server"))
    }
}
