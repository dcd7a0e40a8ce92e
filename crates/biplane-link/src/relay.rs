//! What a program starts, reads and stops.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    RelayConfig, RelayError, RelayStats, engine::Engine, limits, poller::Poller, sockets::Ports,
};

/// A relay at work, on a thread of its own. Dropped, it stops.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    waker: Arc<polling::Poller>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

/// What a relay and its thread both see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    stats: Mutex<RelayStats>,
    stopping: AtomicBool,
}

impl Relay {
    /// TCP connections that it carries at a time; another is reset.
    pub const CONNECTIONS: usize = limits::CONNECTIONS;

    /// Starts to relay.
    ///
    /// The target must accept a TCP connection now, unless the relay is
    /// [`udp_only`](RelayConfig::udp_only): one that refuses is as unreachable as one that is silent.
    ///
    /// # Errors
    ///
    /// [`RelayError`] if a port is taken, the target cannot be reached within 3 s, or another address
    /// is asked for towards a target to which there is only one.
    pub fn start(config: &RelayConfig) -> Result<Self, RelayError> {
        let ports = Self::prepare(config)?;
        let address = ports.udp.local_addr().map_err(RelayError::Poller)?;
        let poller = Poller::new().map_err(RelayError::Poller)?;
        let (shared, waker) = (Arc::<Shared>::default(), poller.waker());
        let engine = Engine::new(config, ports, poller, Arc::clone(&shared));
        let engine = engine.map_err(RelayError::Poller)?;
        Self::launch(address, waker, shared, move || engine.run())
    }

    /// Takes the ports, once the target is known to be there.
    pub(crate) fn prepare(config: &RelayConfig) -> Result<Ports, RelayError> {
        if config.profile.schedule.rebind_address && !is_loopback_v4(config.to) {
            return Err(RelayError::OneAddress { to: config.to });
        }
        let ports = Ports::open(config)?;
        if config.tcp {
            TcpStream::connect_timeout(&config.to, limits::PROBE)
                .map_err(|why| RelayError::Unreachable { to: config.to, why })?;
        }
        Ok(ports)
    }

    /// Runs what relays on a thread of its own; `waker` ends its waits.
    pub(crate) fn launch(
        address: SocketAddr,
        waker: Arc<polling::Poller>,
        shared: Arc<Shared>,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<Self, RelayError> {
        let thread = thread::Builder::new().name("biplane-link".to_owned());
        let thread = thread.spawn(run).map_err(RelayError::Poller)?;
        Ok(Self { shared, waker, address, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has carried so far.
    #[must_use]
    pub fn stats(&self) -> RelayStats {
        self.shared.stats()
    }

    /// Whether it is at work: only its system can end it before it is stopped.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it, with all its connections; returns what it has carried.
    #[must_use]
    pub fn stop(mut self) -> RelayStats {
        self.end();
        self.shared.stats()
    }

    fn end(&mut self) {
        self.shared.stop();
        // A wait that cannot be ended ends by itself at the next heartbeat.
        drop(self.waker.notify());
        if let Some(thread) = self.thread.take() {
            // Its panic was told where it happened.
            drop(thread.join());
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Tells the thread to end, once it looks.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, stats: RelayStats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(crate) fn stats(&self) -> RelayStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_loopback_v4(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(v4) if v4.is_loopback())
}
