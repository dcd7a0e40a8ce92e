//! One session of a trial, while it runs.

use core::time::Duration;

use biplane_wire::ChannelId;

use super::{Flow, FlowFigures, Spread, bits};
use crate::{Protocol, Rng, Side, World, index_of, stamp};

/// What its applications have done so far.
#[derive(Debug)]
pub(super) struct Running {
    client: usize,
    flow: Flow,
    rng: Rng,
    bulk: ChannelId,
    game: ChannelId,
    /// Bulk messages sent so far.
    sent: u64,
    /// When each game update was sent.
    updates: Vec<Duration>,
    /// Bytes of bulk taken, by when.
    taken: Vec<(Duration, u64)>,
    second: u64,
    /// When game updates were sent, and how long they took.
    delays: Vec<(Duration, Duration)>,
    bursts: Bursts,
}

/// The most packets that left at one moment.
#[derive(Debug, Default)]
struct Bursts {
    sent: u64,
    most: u64,
    rests: bool,
    after_rest: Option<u64>,
}

impl Running {
    pub(super) const GAME: &str = "sequenced";
    const BULK: &str = "unordered";
    const BULK_LEN: usize = 8_000;
    const GAME_LEN: usize = 100;
    const REST: Duration = Duration::from_secs(3);
    const GAME_EVERY: Duration = Duration::from_micros(16_667);

    /// `None` if the protocol lacks a channel that it needs.
    pub(super) fn new(client: usize, flow: Flow, protocol: &Protocol) -> Option<Self> {
        Some(Self {
            client,
            flow,
            rng: Rng::new(u64::try_from(client).unwrap_or(u64::MAX)),
            bulk: protocol.channel(Self::BULK)?,
            game: protocol.channel(Self::GAME)?,
            sent: 0,
            updates: Vec::new(),
            taken: Vec::new(),
            second: 0,
            delays: Vec::new(),
            bursts: Bursts::default(),
        })
    }

    /// Sends what is due; bulk as long as the session has room for it.
    pub(super) fn send(&mut self, world: &mut World) {
        let now = world.elapsed();
        if now < self.flow.begins || now >= self.flow.ends {
            return;
        }
        let side = Side::Client(self.client);
        self.bursts.rests =
            self.flow.rests_at.is_some_and(|at| (at..at + Self::REST).contains(&now));
        if self.flow.game {
            self.update(world, side, now);
        }
        while self.flow.bulk && !self.bursts.rests {
            let message = stamp(self.sent, Self::BULK_LEN, &mut self.rng);
            if world.send(side, self.bulk, message).is_err() {
                break;
            }
            self.sent += 1;
        }
        world.flush(side);
        let sent = world.session(side).map_or(0, |session| session.stats().packets_sent);
        let has_rested = self.flow.rests_at.is_some_and(|at| now >= at + Self::REST);
        self.bursts.note(sent, has_rested);
    }

    fn update(&mut self, world: &mut World, side: Side, now: Duration) {
        let number = self.updates.len();
        let due = self.flow.begins + Self::GAME_EVERY * u32::try_from(number).unwrap_or(u32::MAX);
        if now < due {
            return;
        }
        let message = stamp(number as u64, Self::GAME_LEN, &mut self.rng);
        if world.send(side, self.game, message).is_ok() {
            self.updates.push(now);
        }
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, world: &mut World) {
        let (now, side) = (world.elapsed(), Side::Server(self.client));
        let mut bytes = 0;
        while let Some(message) = world.take(side, self.bulk) {
            bytes += u64::try_from(message.len()).unwrap_or(u64::MAX);
        }
        if bytes > 0 {
            self.taken.push((now, bytes));
            self.second += bytes;
        }
        while let Some(message) = world.take(side, self.game) {
            let number = index_of(&message).and_then(|number| usize::try_from(number).ok());
            if let Some(sent) = number.and_then(|number| self.updates.get(number)) {
                self.delays.push((*sent, now - *sent));
            }
        }
    }

    /// Bytes of bulk since this was asked last.
    pub(super) fn take_second(&mut self) -> u64 {
        core::mem::take(&mut self.second)
    }

    /// What came of it between the two times.
    pub(super) fn figures(self, world: &World, settled: Duration, end: Duration) -> FlowFigures {
        let from = settled.max(self.flow.begins);
        let seconds = end.min(self.flow.ends).saturating_sub(from).as_secs_f64();
        let bytes = self.taken.iter().filter(|(at, _)| *at >= from).map(|(_, bytes)| bytes).sum();
        let stats = world.session(Side::Client(self.client)).map(|session| session.stats());
        let stats = stats.unwrap_or_default();
        let sent = self.updates.iter().filter(|sent| **sent >= from).count() as u64;
        let delays = self.delays.into_iter().filter(|(sent, _)| *sent >= from);
        let delays: Vec<_> = delays.map(|(_, delay)| delay).collect();
        FlowFigures {
            goodput: bits(bytes) / seconds.max(f64::MIN_POSITIVE),
            updates: (sent, delays.len() as u64),
            game: Spread::of(delays),
            burst: self.bursts.most,
            burst_after_rest: self.bursts.after_rest.unwrap_or_default(),
            packets: (stats.packets_sent, stats.packets_lost),
        }
    }
}

impl Bursts {
    fn note(&mut self, sent: u64, has_rested: bool) {
        let burst = sent - self.sent;
        self.most = self.most.max(burst);
        if has_rested {
            self.after_rest.get_or_insert(burst);
        }
        self.sent = sent;
    }
}
