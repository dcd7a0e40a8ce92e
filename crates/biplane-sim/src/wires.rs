//! The four directions between a client and the server.

use core::time::Duration;
use std::time::Instant;

use crate::{Bottleneck, Link, LinkConfig, Rng, Stream, StreamConfig};

/// What the four directions do.
#[derive(Clone, Debug, PartialEq)]
pub struct WiresConfig {
    /// Datagrams to the server.
    pub up: LinkConfig,
    /// Datagrams to the client.
    pub down: LinkConfig,
    /// Control bytes to the server.
    pub control_up: StreamConfig,
    /// Control bytes to the client.
    pub control_down: StreamConfig,
}

/// What is under way between a client and the server.
#[derive(Debug)]
pub struct Wires {
    /// Datagrams to the server.
    pub up: Link,
    /// Datagrams to the client.
    pub down: Link,
    /// Control bytes to the server.
    pub control_up: Stream,
    /// Control bytes to the client.
    pub control_down: Stream,
}

/// The narrowest places of one machine's way to the world, one a direction, which everything it
/// sends and receives must pass: datagrams and control bytes of all its clients.
///
/// A handle: clones are the same places.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    up: Option<Bottleneck>,
    down: Option<Bottleneck>,
}

impl Access {
    /// That of a machine whose links are as `config` says, of a run that begins at `start`.
    #[must_use]
    pub fn new(start: Instant, config: &WiresConfig) -> Self {
        let [up, down] = [&config.up, &config.down].map(|link| Bottleneck::of(start, link));
        Self { up, down }
    }
}

impl WiresConfig {
    /// Four directions without a fault, each of this latency.
    #[must_use]
    pub fn clean(latency: Duration) -> Self {
        Self::of(LinkConfig::clean(latency))
    }

    /// Datagrams meet `link` both ways; control bytes its latency alone.
    #[must_use]
    pub fn of(link: LinkConfig) -> Self {
        let control = StreamConfig::clean(link.latency);
        Self { up: link.clone(), down: link, control_up: control.clone(), control_down: control }
    }

    /// A round trip of the control connection when nothing stalls.
    #[must_use]
    pub fn control_rtt(&self) -> Duration {
        self.control_up.latency + self.control_down.latency
    }

    /// A round trip of the UDP path when nothing jitters.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.up.latency + self.down.latency
    }
}

impl Wires {
    /// Four idle directions of a run that begins at `start`.
    #[must_use]
    pub fn new(start: Instant, config: WiresConfig, rng: &mut Rng) -> Self {
        Self {
            up: Link::new(start, config.up, rng.fork()),
            down: Link::new(start, config.down, rng.fork()),
            control_up: Stream::new(start, config.control_up, rng.fork()),
            control_down: Stream::new(start, config.control_down, rng.fork()),
        }
    }

    /// Four idle directions behind the narrowest places of a machine, instead of their own.
    #[must_use]
    pub fn behind(start: Instant, config: WiresConfig, access: &Access, rng: &mut Rng) -> Self {
        let Access { up, down } = access.clone();
        let WiresConfig { up: link_up, down: link_down, control_up, control_down } = config;
        Self {
            up: Link::behind(start, link_up, rng.fork(), up.clone()),
            down: Link::behind(start, link_down, rng.fork(), down.clone()),
            control_up: Stream::behind(start, control_up, rng.fork(), up),
            control_down: Stream::behind(start, control_down, rng.fork(), down),
        }
    }

    /// Ends every fault; what is under way arrives as it was to.
    pub fn calm(&mut self, now: Instant) {
        for link in [&mut self.up, &mut self.down] {
            link.reconfigure(now, link.config().calmed());
            link.mend();
        }
        for stream in [&mut self.control_up, &mut self.control_down] {
            stream.reconfigure(stream.config().calmed());
            stream.release(now);
        }
    }

    /// Lets no datagram in, either way.
    pub fn cut_data(&mut self) {
        self.up.cut();
        self.down.cut();
    }

    /// Lets datagrams in again, both ways.
    pub fn mend_data(&mut self) {
        self.up.mend();
        self.down.mend();
    }

    /// Lets no control byte through, either way, until [`Stream::release`].
    pub fn hold_control(&mut self) {
        self.control_up.hold();
        self.control_down.hold();
    }

    /// Breaks the control connection; both ends learn of it one latency from now.
    pub fn kill_control(&mut self, now: Instant) {
        self.control_up.kill(now);
        self.control_down.kill(now);
    }
}
