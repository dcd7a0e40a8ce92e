//! What scenarios share.

use core::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};
use std::{sync::LazyLock, thread, time::Instant};

use biplane_proto::{Event, Planes, SendError, Session};
use biplane_sim::{
    ClientConfig, LinkConfig, Pair, Protocol, Rng, Side, WiresConfig, World, index_of, stamp,
};
use biplane_wire::ChannelId;
use bytes::Bytes;

pub(crate) const CLIENT: Side = Pair::CLIENT;
pub(crate) const SERVER: Side = Pair::SERVER;

/// The start of every run: the one time that the clock is read.
pub(crate) static START: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A channel of [`Protocol::of_every_kind`].
pub(crate) fn channel(name: &str) -> ChannelId {
    Protocol::of_every_kind().channel(name).expect(name)
}

/// A message that shows itself by its index and length alone.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Message(pub(crate) Bytes);

/// Message `index`, `len` bytes long.
pub(crate) fn message(index: u64, len: usize) -> Message {
    Message(stamp(index, len, &mut Rng::new(index)))
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {:?} of {} bytes", index_of(&self.0), self.0.len())
    }
}

/// A pair that names its seed when its test fails, and is judged when it ends.
pub(crate) struct Scene {
    seed: u64,
    pair: Pair,
}

impl Scene {
    /// A client that has just written its hello.
    pub(crate) fn dialing(seed: u64, config: ClientConfig) -> Self {
        Self { seed, pair: Pair::dialing(*START, seed, config) }
    }

    /// A session on both planes, all events of the join taken, over a link that may have faults.
    pub(crate) fn joined(seed: u64, link: LinkConfig) -> Self {
        Self::speaking(seed, Protocol::of_every_kind(), link)
    }

    /// The same for a protocol of the caller's.
    pub(crate) fn speaking(seed: u64, protocol: Protocol, link: LinkConfig) -> Self {
        let config = ClientConfig::new(WiresConfig::of(link));
        let mut scene = Self { seed, pair: Pair::speaking(*START, seed, protocol, config) };
        assert!(scene.join(), "seed {seed}");
        scene.run_for(seconds(1));
        Pair::SIDES.iter().for_each(|side| drop(scene.events(*side)));
        scene
    }

    /// A session over a link with 20 ms one way and no fault.
    pub(crate) fn clean(seed: u64) -> Self {
        Self::joined(seed, LinkConfig::clean(ms(20)))
    }

    /// The same, which lives for `grace` without a control connection.
    pub(crate) fn of_grace(seed: u64, grace: Duration) -> Self {
        let mut config = ClientConfig::new(WiresConfig::clean(ms(20)));
        config.session.grace = grace;
        let mut scene = Self::dialing(seed, config);
        assert!(scene.join(), "seed {seed}");
        scene.run_for(seconds(1));
        Pair::SIDES.iter().for_each(|side| drop(scene.events(*side)));
        scene
    }

    /// Breaks the control connection, and waits until both ends know.
    pub(crate) fn lose_control(&mut self) {
        let now = self.now();
        self.impair(|wires| wires.kill_control(now));
        self.run_for(ms(20));
    }

    /// Goes on until the client's session is on another control connection, for `time` at the most;
    /// how long that took.
    pub(crate) fn resume_within(&mut self, time: Duration) -> Option<Duration> {
        let (began, before) = (self.now(), self.resumes(CLIENT.client()));
        let done = self.run_until(time, |world| world.resumes(CLIENT.client()) > before);
        done.then(|| self.now() - began)
    }

    pub(crate) fn session(&self, side: Side) -> &Session {
        self.pair.session(side).expect("the session has begun")
    }

    pub(crate) fn planes(&self, side: Side) -> Option<Planes> {
        self.pair.session(side).map(Session::planes)
    }

    /// Every event that waits at `side`.
    pub(crate) fn events(&mut self, side: Side) -> Vec<Event> {
        events(&mut self.pair, side)
    }

    pub(crate) fn send(
        &mut self,
        side: Side,
        channel: ChannelId,
        message: Message,
    ) -> Result<(), SendError> {
        self.pair.send(side, channel, message.0)
    }

    pub(crate) fn take(&mut self, side: Side, channel: ChannelId) -> Option<Message> {
        self.pair.take(side, channel).map(Message)
    }

    /// Sends and flushes; the session must take it.
    pub(crate) fn say(&mut self, side: Side, channel: ChannelId, message: Message) {
        assert_eq!(self.send(side, channel, message), Ok(()));
        self.flush(side);
    }

    /// Takes what `side` gets off `channel` in the next `time`, with the time that each took.
    pub(crate) fn hear(
        &mut self,
        side: Side,
        channel: ChannelId,
        time: Duration,
    ) -> Vec<(Duration, Message)> {
        let (began, mut heard) = (self.now(), Vec::new());
        self.run_until(time, |world| {
            while let Some(message) = world.take(side, channel) {
                heard.push((world.now() - began, Message(message)));
            }
            false
        });
        heard
    }

    /// How long it takes until `side` has exactly this event next.
    pub(crate) fn time_to_event(
        &mut self,
        side: Side,
        time: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> Option<Duration> {
        let began = self.now();
        let found = self.run_until(time, |world| events(world, side).iter().any(&wanted));
        found.then(|| self.now() - began)
    }
}

fn events(world: &mut World, side: Side) -> Vec<Event> {
    core::iter::from_fn(|| world.poll_event(side)).collect()
}

/// The messages alone.
pub(crate) fn messages(heard: Vec<(Duration, Message)>) -> Vec<Message> {
    heard.into_iter().map(|(_, message)| message).collect()
}

impl Deref for Scene {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        &self.pair
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Pair {
        &mut self.pair
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the scenario's seed is {}", self.seed);
            return;
        }
        self.pair.check_accounts();
        let breaches: Vec<_> = self.pair.breaches().iter().map(ToString::to_string).collect();
        assert!(breaches.is_empty(), "{breaches:#?}");
    }
}
