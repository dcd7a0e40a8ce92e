//! Who is to be told what became of which message: once each.
//!
//! A notice is open from the send on. What never leaves is told of at once; what left is
//! `Delivered` when the peer says that its application took it. A reliable message waits for that
//! as long as the session lives. A `sequenced` or `unreliable` one is `Lost` when a packet of it is,
//! or when it arrived and was not taken within [`limits::NOTICE_PATIENCE`]: a peer that dropped it
//! says nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use biplane_wire::{AckRange, ChannelId, Chunk, SequenceNumber};

use super::pop_front_if;
use crate::{Notice, SendError, limits};

/// A message that has a number.
type Key = (ChannelId, SequenceNumber);

/// The notices of a session.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// Messages that have a number.
    open: BTreeMap<Key, Open>,
    /// When those that arrived are given up, soonest first; some were told of meanwhile.
    overdue: VecDeque<(Instant, Key)>,
    told: VecDeque<(u64, Notice)>,
    /// Notices that are open, or that the application has not taken.
    count: usize,
    refused: bool,
    /// How many were ever asked for.
    asked: u64,
}

/// A message whose fate is open.
#[derive(Debug)]
struct Open {
    token: u64,
    way: Way,
}

/// How its fate will be known.
#[derive(Debug)]
enum Way {
    /// It goes until it has come.
    Reliable,
    /// It goes once: so many packets of it are under way, and whether all of it has left.
    Once { packets: u32, whole: bool },
}

impl Notices {
    /// Whether another may be asked for.
    pub(crate) const fn admit(&mut self) -> Result<(), SendError> {
        if self.count < limits::NOTICES {
            return Ok(());
        }
        self.refused = true;
        Err(SendError::QueueFull)
    }

    /// A message with a token was queued.
    pub(crate) const fn on_queued(&mut self) {
        self.count += 1;
        self.asked += 1;
    }

    /// A reliable message with a token has its number.
    pub(super) fn on_numbered(&mut self, key: Key, token: u64) {
        self.open.insert(key, Open { token, way: Way::Reliable });
    }

    /// A message that goes once, or a piece of one, has left. What follows a piece that was lost
    /// changes nothing any more.
    pub(super) fn on_left(&mut self, key: Key, token: u64, piece: Chunk) {
        if piece.first {
            let way = Way::Once { packets: 0, whole: false };
            self.open.insert(key, Open { token, way });
        }
        if let Some(Open { way: Way::Once { packets, whole }, .. }) = self.open.get_mut(&key) {
            *packets += 1;
            *whole |= piece.last;
        }
    }

    /// A packet or record with a message that goes once, or with a piece of one, has arrived.
    pub(super) fn on_arrived(&mut self, now: Instant, key: Key) {
        let Some(Open { way: Way::Once { packets, whole }, .. }) = self.open.get_mut(&key) else {
            return;
        };
        *packets = packets.saturating_sub(1);
        if *whole && *packets == 0 {
            self.overdue.push_back((now + limits::NOTICE_PATIENCE, key));
            if self.overdue.len() > 2 * limits::NOTICES {
                self.overdue.retain(|(_, key)| self.open.contains_key(key));
            }
        }
    }

    /// The application at the peer took these.
    pub(super) fn on_taken(&mut self, id: ChannelId, run: AckRange) {
        let (low, high) = (SequenceNumber(run.low), SequenceNumber(run.high));
        let taken = self.open.range((id, low)..=(id, high));
        for key in taken.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.end(key, Notice::Delivered);
        }
    }

    /// What has a number, and is nothing any more.
    pub(super) fn end(&mut self, key: Key, notice: Notice) {
        if let Some(open) = self.open.remove(&key) {
            self.told.push_back((open.token, notice));
        }
    }

    /// What never left, if it has a token.
    pub(super) fn tell(&mut self, token: Option<u64>, notice: Notice) {
        self.told.extend(token.map(|token| (token, notice)));
    }

    /// The session is over: nothing more will be known of what has a number.
    pub(super) fn close(&mut self) {
        let open = core::mem::take(&mut self.open);
        self.told.extend(open.into_values().map(|open| (open.token, Notice::Lost)));
        self.overdue.clear();
    }

    /// The session is over: nothing more will be known of messages that have not left.
    pub(super) fn lose(&mut self, tokens: impl Iterator<Item = u64>) {
        self.told.extend(tokens.map(|token| (token, Notice::Lost)));
    }

    /// When the next message that arrived is given up.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        while let Some((at, key)) = self.overdue.front() {
            if self.open.contains_key(key) {
                return Some(*at);
            }
            self.overdue.pop_front();
        }
        None
    }

    /// Gives up what has waited long enough for its application.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, key)) = pop_front_if(&mut self.overdue, |(at, _)| *at <= now) {
            self.end(key, Notice::Lost);
        }
    }

    /// Whether there is one to tell, or one that is given up some day.
    pub(super) fn has_news(&self) -> bool {
        !self.told.is_empty() || !self.overdue.is_empty()
    }

    /// Takes the next to tell.
    pub(crate) fn poll(&mut self) -> Option<(u64, Notice)> {
        self.told.pop_front()
    }

    /// The application took a notice.
    pub(crate) const fn on_notice_taken(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Whether one was refused and half of the room is free now; says so once.
    pub(crate) const fn take_writable(&mut self) -> bool {
        self.count <= limits::NOTICES / 2 && core::mem::replace(&mut self.refused, false)
    }

    pub(super) const fn asked(&self) -> u64 {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const ID: ChannelId = ChannelId::new(1).unwrap();
    const FIRST: Chunk = Chunk { first: true, last: false };
    const LAST: Chunk = Chunk { first: false, last: true };

    const fn key(number: u64) -> Key {
        (ID, SequenceNumber(number))
    }

    fn told(notices: &mut Notices) -> Vec<(u64, Notice)> {
        core::iter::from_fn(|| notices.poll()).collect()
    }

    #[test]
    fn what_was_taken_is_told_in_order_and_once() {
        let mut notices = Notices::default();
        for number in 0..4 {
            notices.on_numbered(key(number), 10 + number);
        }
        let other = ChannelId::new(2).unwrap();
        notices.on_numbered((other, SequenceNumber(1)), 99);
        for _ in 0..2 {
            notices.on_taken(ID, AckRange { low: 1, high: 2 });
        }
        assert_eq!(told(&mut notices), [(11, Notice::Delivered), (12, Notice::Delivered)]);
        notices.close();
        let lost = [10, 13, 99].map(|token| (token, Notice::Lost));
        assert_eq!(told(&mut notices), lost);
    }

    #[test]
    fn what_arrived_in_pieces_waits_for_its_application_and_no_longer() {
        let (now, mut notices) = (Instant::now(), Notices::default());
        notices.on_left(key(7), 1, FIRST);
        notices.on_arrived(now, key(7));
        assert_eq!(notices.deadline(), None, "the rest has not left");
        notices.on_left(key(7), 1, LAST);
        notices.on_arrived(now, key(7));
        let at = now + limits::NOTICE_PATIENCE;
        assert_eq!(notices.deadline(), Some(at));
        notices.handle_timeout(at - Duration::from_millis(1));
        assert_eq!(told(&mut notices), []);
        notices.handle_timeout(at);
        assert_eq!(told(&mut notices), [(1, Notice::Lost)]);
        notices.on_taken(ID, AckRange { low: 7, high: 7 });
        assert_eq!(told(&mut notices), [], "it was told of");
    }

    #[test]
    fn what_was_told_of_in_time_leaves_nothing_behind() {
        let (now, mut notices) = (Instant::now(), Notices::default());
        notices.on_left(key(0), 0, Chunk::WHOLE);
        notices.on_arrived(now, key(0));
        for number in 1..10 * limits::NOTICES as u64 {
            notices.on_left(key(number), number, Chunk::WHOLE);
            notices.on_arrived(now, key(number));
            notices.on_taken(ID, AckRange { low: number, high: number });
            assert_eq!(told(&mut notices), [(number, Notice::Delivered)]);
            assert!(notices.overdue.len() <= 2 * limits::NOTICES);
        }
        assert_eq!(notices.deadline(), Some(now + limits::NOTICE_PATIENCE));
    }

    #[test]
    fn what_follows_a_lost_piece_opens_nothing_anew() {
        let (now, mut notices) = (Instant::now(), Notices::default());
        notices.on_left(key(7), 1, FIRST);
        notices.end(key(7), Notice::Lost);
        notices.on_left(key(7), 1, LAST);
        notices.on_arrived(now, key(7));
        notices.close();
        assert_eq!(told(&mut notices), [(1, Notice::Lost)]);
        assert_eq!(notices.deadline(), None);
    }

    #[test]
    fn they_are_bounded_until_the_application_takes_them() {
        let mut notices = Notices::default();
        for _ in 0..limits::NOTICES {
            assert_eq!(notices.admit(), Ok(()));
            notices.on_queued();
        }
        assert_eq!(notices.admit(), Err(SendError::QueueFull));
        assert!(!notices.take_writable());
        for _ in 0..limits::NOTICES / 2 {
            notices.on_notice_taken();
        }
        assert!(notices.take_writable());
        assert!(!notices.take_writable(), "it is said once");
    }
}
