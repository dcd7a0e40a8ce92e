//! One channel in one direction: what was sent, what was taken, and whether that was promised.

use std::time::Instant;

use biplane_wire::ChannelKind;
use bytes::Bytes;

use crate::{MessageBreach, index_of};

/// The messages of one channel in one direction, which count from 0.
#[derive(Debug)]
pub(super) struct Ledger {
    kind: ChannelKind,
    /// Whether every message is promised to come.
    owes: bool,
    sent: Vec<Sent>,
    /// All before this one were taken.
    settled: usize,
    /// The next in order.
    next: u64,
    taken: u64,
}

/// A message that the session accepted.
#[derive(Debug)]
struct Sent {
    at: Instant,
    /// `None` once it was taken.
    bytes: Option<Bytes>,
}

impl Ledger {
    pub(super) const fn new(kind: ChannelKind, owes: bool) -> Self {
        Self { kind, owes, sent: Vec::new(), settled: 0, next: 0, taken: 0 }
    }

    pub(super) const fn kind(&self) -> ChannelKind {
        self.kind
    }

    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// The index that the next message to be sent must carry.
    pub(super) const fn next_index(&self) -> u64 {
        self.sent.len() as u64
    }

    pub(super) fn send(&mut self, now: Instant, bytes: Bytes) {
        self.sent.push(Sent { at: now, bytes: Some(bytes) });
    }

    /// Whether message `index` was taken.
    pub(super) fn has_taken(&self, index: u64) -> bool {
        self.get(index).is_some_and(|sent| sent.bytes.is_none())
    }

    /// A message was taken: when it was sent, or which promise that breaks.
    pub(super) fn take(&mut self, bytes: &Bytes) -> Result<Instant, MessageBreach> {
        let index = index_of(bytes).ok_or(MessageBreach::Invented)?;
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let sent = self.sent.get_mut(place).ok_or(MessageBreach::Invented)?;
        let original = sent.bytes.as_ref().ok_or(MessageBreach::Repeated { index })?;
        if original != bytes {
            return Err(MessageBreach::Altered { index });
        }
        sent.bytes = None;
        let at = sent.at;
        self.taken += 1;
        self.check_order(index).map(|()| at)
    }

    fn check_order(&mut self, index: u64) -> Result<(), MessageBreach> {
        let expected = self.next;
        self.next = self.next.max(index + 1);
        let in_order = matches!(self.kind, ChannelKind::Command | ChannelKind::ReliableOrdered);
        // Where messages expire, their turn passes.
        let forwards = self.kind == ChannelKind::Sequenced || in_order && !self.owes;
        if forwards && index < expected {
            Err(MessageBreach::Backwards { index, after: expected - 1 })
        } else if in_order && self.owes && index != expected {
            Err(MessageBreach::OutOfOrder { index, expected })
        } else {
            Ok(())
        }
    }

    /// Of a channel that owes every message, how many were not taken and which is the first of
    /// them; `None` if all were.
    pub(super) fn outstanding(&mut self) -> Option<(u64, u64)> {
        if !self.owes {
            return None;
        }
        let taken = |sent: &Sent| sent.bytes.is_none();
        let settled = self.sent.iter().skip(self.settled).take_while(|sent| taken(sent)).count();
        self.settled += settled;
        let count = self.next_index() - self.taken;
        (count > 0).then_some((count, self.settled as u64))
    }

    /// The messages that were owed and never taken.
    pub(super) fn missing(&self) -> impl Iterator<Item = u64> + '_ {
        let untaken = self.sent.iter().enumerate().filter(|(_, sent)| sent.bytes.is_some());
        untaken.filter(|_| self.owes).map(|(index, _)| index as u64)
    }

    /// How many messages of a reliable channel with a lifetime were never taken: they expired.
    pub(super) fn expired(&self) -> u64 {
        let expires = self.kind.is_reliable() && !self.owes;
        if expires { self.next_index() - self.taken } else { 0 }
    }

    fn get(&self, index: u64) -> Option<&Sent> {
        self.sent.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, stamp};

    /// A channel on which messages 0 to 9 were sent, and those.
    fn sent(kind: ChannelKind) -> (Ledger, Vec<Bytes>) {
        let mut ledger = Ledger::new(kind, kind.is_reliable());
        let mut rng = Rng::new(1);
        let messages: Vec<_> = (0..10).map(|index| stamp(index, 20, &mut rng)).collect();
        messages.iter().for_each(|message| ledger.send(Instant::now(), message.clone()));
        (ledger, messages)
    }

    /// What is wrong when these are taken, one after another.
    fn wrong(kind: ChannelKind, order: &[usize]) -> Vec<MessageBreach> {
        let (mut ledger, messages) = sent(kind);
        let taken = order.iter().map(|index| ledger.take(&messages[*index]));
        taken.filter_map(Result::err).collect()
    }

    const ALL: [ChannelKind; 5] = [
        ChannelKind::Command,
        ChannelKind::ReliableOrdered,
        ChannelKind::ReliableUnordered,
        ChannelKind::Sequenced,
        ChannelKind::Unreliable,
    ];

    #[test]
    fn what_was_sent_may_be_taken_once() {
        for kind in ALL {
            assert_eq!(wrong(kind, &[0, 1, 2]), [], "{kind}");
            assert_eq!(wrong(kind, &[0, 1, 1]), [MessageBreach::Repeated { index: 1 }], "{kind}");
        }
    }

    #[test]
    fn nothing_may_be_invented_or_altered() {
        for kind in ALL {
            let (mut ledger, messages) = sent(kind);
            let mut altered = messages[0].to_vec();
            altered[19] ^= 1;
            assert_eq!(ledger.take(&altered.into()), Err(MessageBreach::Altered { index: 0 }));
            let longer = [&messages[0][..], &[0]].concat();
            assert_eq!(ledger.take(&longer.into()), Err(MessageBreach::Altered { index: 0 }));
            let unsent = stamp(10, 20, &mut Rng::new(2));
            assert_eq!(ledger.take(&unsent), Err(MessageBreach::Invented));
            assert_eq!(ledger.take(&Bytes::from_static(&[1])), Err(MessageBreach::Invented));
        }
    }

    #[test]
    fn each_kind_promises_its_own_order() {
        let swapped = [MessageBreach::OutOfOrder { index: 1, expected: 0 }];
        for kind in [ChannelKind::Command, ChannelKind::ReliableOrdered] {
            assert_eq!(wrong(kind, &[1])[..], swapped);
            assert_eq!(
                wrong(kind, &[0, 2, 3]),
                [MessageBreach::OutOfOrder { index: 2, expected: 1 }],
                "told once"
            );
        }
        assert_eq!(wrong(ChannelKind::Sequenced, &[0, 3, 5]), [], "gaps are allowed");
        assert_eq!(
            wrong(ChannelKind::Sequenced, &[0, 3, 2]),
            [MessageBreach::Backwards { index: 2, after: 3 }]
        );
        assert_eq!(wrong(ChannelKind::ReliableUnordered, &[5, 3, 9, 0]), []);
        assert_eq!(wrong(ChannelKind::Unreliable, &[5, 3, 9, 0]), []);
    }

    #[test]
    fn where_messages_expire_order_has_gaps_and_nothing_is_owed() {
        let (_, messages) = sent(ChannelKind::ReliableOrdered);
        let mut ledger = Ledger::new(ChannelKind::ReliableOrdered, false);
        messages.iter().for_each(|message| ledger.send(Instant::now(), message.clone()));
        let mut take = |index: usize| ledger.take(&messages[index]).map(drop);
        assert_eq!((take(0), take(4)), (Ok(()), Ok(())));
        assert_eq!(take(3), Err(MessageBreach::Backwards { index: 3, after: 4 }));
        assert_eq!(take(4), Err(MessageBreach::Repeated { index: 4 }));
        assert_eq!((ledger.outstanding(), ledger.missing().count()), (None, 0));
        assert_eq!(ledger.expired(), 7);
    }

    #[test]
    fn reliable_kinds_owe_every_message() {
        for kind in ALL {
            let (mut ledger, messages) = sent(kind);
            for index in [0, 1, 3] {
                ledger.take(&messages[index]).ok();
            }
            let owed = kind.is_reliable().then_some((7, 2));
            assert_eq!(ledger.outstanding(), owed, "{kind}");
            let missing: Vec<_> = ledger.missing().collect();
            let owed: &[u64] = if kind.is_reliable() { &[2, 4, 5, 6, 7, 8, 9] } else { &[] };
            assert_eq!(missing, owed, "{kind}");
        }
    }
}
