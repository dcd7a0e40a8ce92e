//! The four directions between a client and the server.
//!
//! Of the control plane there may be more than one connection: the current one, those before it of
//! which an end does not know yet that they are over, and one that is being opened. What is done to
//! the network is done to all of them.

mod opening;

use core::time::Duration;
use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use crate::{Bottleneck, Direction, Link, LinkConfig, Rng, Stream, StreamConfig};
pub(crate) use opening::{Opening, Progress};

/// So many connections before the current one are remembered; what comes of an older one is nothing.
const FORMER: usize = 4;

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
    /// Datagrams to the server, each with the address that it comes from.
    pub up: Link<SocketAddr>,
    /// Datagrams to the client, each with the address that it goes to.
    pub down: Link<SocketAddr>,
    /// Control bytes to the server.
    pub control_up: Stream,
    /// Control bytes to the client.
    pub control_down: Stream,
    /// Which connection `control_up` and `control_down` are; the join's is 0.
    pub(crate) number: u32,
    former: VecDeque<Former>,
    opening: Option<Opening>,
}

/// A connection before the current one.
#[derive(Debug)]
struct Former {
    number: u32,
    up: Stream,
    down: Stream,
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

    /// The narrowest place in a direction, if there is one.
    #[must_use]
    pub const fn bottleneck(&self, direction: Direction) -> Option<&Bottleneck> {
        match direction {
            Direction::Up => self.up.as_ref(),
            Direction::Down => self.down.as_ref(),
        }
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
            up: Link::tagged(start, config.up, rng.fork()),
            down: Link::tagged(start, config.down, rng.fork()),
            control_up: Stream::new(start, config.control_up, rng.fork()),
            control_down: Stream::new(start, config.control_down, rng.fork()),
            number: 0,
            former: VecDeque::new(),
            opening: None,
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
            number: 0,
            former: VecDeque::new(),
            opening: None,
        }
    }

    /// Ends every fault; what is under way arrives as it was to.
    pub fn calm(&mut self, now: Instant) {
        for link in [&mut self.up, &mut self.down] {
            link.reconfigure(now, link.config().calmed());
            link.mend();
        }
        for stream in self.streams() {
            stream.reconfigure(stream.config().calmed());
            stream.release(now);
        }
    }

    /// Lets datagrams of at most so many bytes pass from now on, both ways.
    pub fn narrow(&mut self, now: Instant, carries: usize) {
        for link in [&mut self.up, &mut self.down] {
            let config = LinkConfig { mtu: Some(carries), ..link.config().clone() };
            link.reconfigure(now, config);
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

    /// Lets no control byte through, either way, until [`Wires::release_control`]; nor does a
    /// connection come up.
    pub fn hold_control(&mut self) {
        self.streams().for_each(Stream::hold);
    }

    /// The same in one direction alone.
    pub fn hold_control_in(&mut self, direction: Direction) {
        self.current_mut(direction).hold();
        for former in &mut self.former {
            former.toward(direction).hold();
        }
    }

    /// Lets control bytes through again; what waited sets out now.
    pub fn release_control(&mut self, now: Instant) {
        self.streams().for_each(|stream| stream.release(now));
    }

    /// Breaks every control connection; both ends learn of it one latency from now.
    pub fn kill_control(&mut self, now: Instant) {
        self.streams().for_each(|stream| stream.kill(now));
        self.fail_opening(now);
    }

    /// Ends every control connection in order, as a proxy does that goes away: both ends get what is
    /// under way, and then FIN.
    pub fn finish_control(&mut self, now: Instant) {
        self.streams().for_each(|stream| stream.finish(now));
        self.fail_opening(now);
    }

    fn fail_opening(&mut self, now: Instant) {
        let latency = self.control_down.config().latency;
        if let Some(opening) = &mut self.opening {
            opening.fail(now + latency);
        }
    }

    /// Somebody on the path forgets the control connection: nothing comes through on it ever again,
    /// and neither end learns of it. A new one would.
    pub fn strand_control(&mut self) {
        self.control_up.strand();
        self.control_down.strand();
    }

    /// Whether a control connection could come up at `now`.
    #[must_use]
    pub fn control_is_possible(&self, now: Instant) -> bool {
        !self.control_up.is_blocked(now) && !self.control_down.is_blocked(now)
    }

    fn streams(&mut self) -> impl Iterator<Item = &mut Stream> {
        let former = self.former.iter_mut().flat_map(|former| [&mut former.up, &mut former.down]);
        [&mut self.control_up, &mut self.control_down].into_iter().chain(former)
    }
}

/// Connections beside the current one.
impl Wires {
    /// Begins to open a connection beside the others.
    pub(crate) fn open(&mut self, now: Instant, rng: &mut Rng) {
        let (up, down) =
            (self.control_up.another(rng.fork()), self.control_down.another(rng.fork()));
        self.opening = Some(Opening::new(now, up, down));
    }

    /// Gives up the connection that is being opened.
    pub(crate) fn cancel(&mut self) {
        self.opening = None;
    }

    /// When the connection that is being opened has a segment under way.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        self.opening.as_ref().map(Opening::due)
    }

    /// Goes on with the connection that is being opened. Once it is open, it is the current one.
    pub(crate) fn go_on_opening(&mut self, now: Instant) -> Progress {
        let blocked = [self.control_up.is_blocked(now), self.control_down.is_blocked(now)];
        let Some(opening) = &mut self.opening else { return Progress::Failed };
        let progress = opening.go_on(now, blocked);
        match (progress, self.opening.take()) {
            (Progress::Open, Some(opening)) => self.take_over(opening),
            (Progress::Waits, opening) => self.opening = opening,
            _ => {}
        }
        progress
    }

    fn take_over(&mut self, opening: Opening) {
        let (mut up, mut down) = opening.into_streams();
        for (new, old) in [(&mut up, &self.control_up), (&mut down, &self.control_down)] {
            new.stand_as(old);
        }
        let (up, down) = (
            core::mem::replace(&mut self.control_up, up),
            core::mem::replace(&mut self.control_down, down),
        );
        self.former.push_back(Former { number: self.number, up, down });
        if self.former.len() > FORMER {
            self.former.pop_front();
        }
        self.number += 1;
    }

    /// Forgets every connection before the current one but this.
    pub(crate) fn keep_former(&mut self, is_used: impl Fn(u32) -> bool) {
        self.former.retain(|former| is_used(former.number));
    }

    /// Every connection by its number, the oldest first.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.former.iter().map(|former| former.number).chain([self.number]).collect()
    }

    /// The direction of a connection in which bytes go so; `None` if nobody uses it any more.
    pub(crate) fn control(&mut self, number: u32, direction: Direction) -> Option<&mut Stream> {
        if number == self.number {
            return Some(self.current_mut(direction));
        }
        let former = self.former.iter_mut().find(|former| former.number == number)?;
        Some(former.toward(direction))
    }

    /// What an end sends on: datagrams, and the control bytes of this connection.
    pub(crate) fn out(
        &mut self,
        number: u32,
        direction: Direction,
    ) -> (&mut Link<SocketAddr>, Option<&mut Stream>) {
        let former = self.former.iter_mut().find(|former| former.number == number);
        let former = former.map(|former| former.toward(direction));
        let (link, current) = match direction {
            Direction::Up => (&mut self.up, &mut self.control_up),
            Direction::Down => (&mut self.down, &mut self.control_down),
        };
        (link, if number == self.number { Some(current) } else { former })
    }

    /// Breaks one connection.
    pub(crate) fn kill_connection(&mut self, now: Instant, number: u32) {
        for direction in Direction::ALL {
            if let Some(stream) = self.control(number, direction) {
                stream.kill(now);
            }
        }
    }

    /// When anything arrives that way on any connection.
    pub(crate) fn next_control(&self, direction: Direction) -> Option<Instant> {
        let former = self.former.iter().map(|former| former.of(direction));
        former.chain([self.current(direction)]).filter_map(Stream::next_arrival).min()
    }

    /// When there is room again for what an end writes to a connection.
    pub(crate) fn next_room(&self, number: u32, direction: Direction) -> Option<Instant> {
        let stream = if number == self.number {
            self.current(direction)
        } else {
            self.former.iter().find(|former| former.number == number)?.of(direction)
        };
        stream.next_room()
    }

    /// That direction of the current connection.
    const fn current(&self, direction: Direction) -> &Stream {
        match direction {
            Direction::Up => &self.control_up,
            Direction::Down => &self.control_down,
        }
    }

    /// The same, to do something to it.
    const fn current_mut(&mut self, direction: Direction) -> &mut Stream {
        match direction {
            Direction::Up => &mut self.control_up,
            Direction::Down => &mut self.control_down,
        }
    }
}

impl Former {
    const fn of(&self, direction: Direction) -> &Stream {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    const fn toward(&mut self, direction: Direction) -> &mut Stream {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}
