//! An endpoint of clients: one socket that many of them share.

use core::fmt::{self, Display};
use std::{net::SocketAddr, sync::Arc};

use crate::{
    BindError, Client, ClientConfig, ConnectError, EndpointStats, Pending, Protocol, SocketError,
    client::{Arrival, prepare},
    engine::{self, Engine},
    router::{Route, Router},
};

/// A UDP socket that the clients of one process share.
///
/// For a client that is alone, [`Client::connect`] is simpler. Dropping it closes their sessions at
/// once; the last handle, or client, that goes waits for their last words to leave, 0.1 s at the most.
/// [`Endpoint::close`] says goodbye for all of them.
pub struct Endpoint {
    engine: Arc<dyn Engine>,
    router: Arc<Router>,
}

impl Endpoint {
    /// Opens a socket on `address`, such as `0.0.0.0:0` or `[::]:0`; port 0 takes one that is free.
    ///
    /// # Errors
    ///
    /// [`BindError::Socket`] if the address cannot be used.
    pub fn bind(address: &str) -> Result<Self, BindError> {
        let engine = engine::bind(address)?;
        let router = Router::start(engine.signals()).map_err(SocketError::Workers)?;
        Ok(Self { engine, router })
    }

    /// An endpoint of a simulated world.
    #[cfg(feature = "sim")]
    pub(crate) fn of(engine: Arc<dyn Engine>) -> Self {
        let router = Router::by_hand(engine.signals());
        Self { engine, router }
    }

    /// Joins a server; as [`Client::connect`]. The client is told of its own session alone.
    pub fn connect(
        &self,
        link: impl Display,
        protocol: &Protocol,
    ) -> Pending<Result<Client, ConnectError>> {
        self.connect_with(link, protocol, ClientConfig::default())
    }

    /// Joins a server with settings of one's own; as [`Client::connect`].
    pub fn connect_with(
        &self,
        link: impl Display,
        protocol: &Protocol,
        config: ClientConfig,
    ) -> Pending<Result<Client, ConnectError>> {
        let (dial, table) = match prepare(&link, protocol, config) {
            Ok(prepared) => prepared,
            Err(error) => return Pending::at_once(|| Err(error)),
        };
        let (sender, receiver) = flume::bounded(1);
        let router = Arc::clone(&self.router);
        self.engine.connect(
            dial,
            Box::new(move |outcome| {
                let arrival = outcome.map(|peer| {
                    let route = Route::open(router, Arc::clone(&peer));
                    Arrival::new(peer, Some(route))
                });
                // Given up meanwhile: the arrival closes the session when it is dropped.
                drop(sender.send(arrival));
            }),
        );
        let engine = Arc::clone(&self.engine);
        Pending::new(receiver, move |arrival| Client::arrive(arrival, engine, table))
    }

    /// Lets what all its clients have queued leave now.
    pub fn flush(&self) {
        self.engine.flush();
    }

    /// Closes every session as [`crate::Session::close`] does: what is queued on any channel still
    /// leaves, for 1 s at the most, and open requests and transfers end at once. The servers get
    /// the words. The value is there when they know, or at the deadline of 2 s.
    pub fn close(&self, text: &str) -> Pending<()> {
        let (sender, receiver) = flume::bounded(1);
        let done = Box::new(move || {
            sender.send(()).ok();
        });
        self.engine.close(text, done);
        Pending::new(receiver, |_| ())
    }

    /// The socket's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.engine.local_addr()
    }

    /// Its figures.
    #[must_use]
    pub fn stats(&self) -> EndpointStats {
        self.engine.stats()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // Its clients hold the socket too, and live on without a session.
        self.engine.abandon();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("local_addr", &self.local_addr()).finish_non_exhaustive()
    }
}
