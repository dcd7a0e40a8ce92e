//! A closed set of timers, one table, the next deadline with its owner.

use std::time::Instant;

/// What a session may be waiting for. Those that move with packets come first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Timer {
    /// An ack has been held long enough.
    Ack,
    /// Declare packets lost, or probe.
    Loss,
    /// Pacing lets the next packet go.
    Pacing,
    /// What was sent has waited long enough for company.
    Send,
    /// Repeat a path challenge.
    Challenge,
    /// Declare the UDP direction dead.
    UdpDead,
    /// Say on UDP that we are there.
    UdpKeepAlive,
    /// A message has waited so long for an ack that it goes over the control connection too.
    Escalation,
    /// Tell the peer what the application took.
    Taken,
    /// Give up waiting for the first UDP packet to come through.
    Join,
    /// Probe a dead UDP direction.
    Probe,
    /// Say on TCP that we are there.
    ControlKeepAlive,
    /// Give up a silent control connection.
    ControlIdle,
    /// Give up a control connection that takes nothing.
    WriteStall,
    /// Acknowledge control records.
    ControlAck,
    /// A request's reply is overdue.
    Request,
    /// Drop a message that has waited too long: for the commands that it comes after, or to leave.
    Held,
    /// Give up a message that arrived and that the peer's application does not take.
    Notice,
    /// A control connection that takes nothing is to be replaced.
    Replacement,
    /// The session has been without a control connection for as long as it may.
    Grace,
    /// What comes under the keys of the connection before is dropped from here on.
    FormerKeys,
    /// The peer was given time enough to hear of the close.
    Close,
}

impl Timer {
    const ALL: [Self; 22] = [
        Self::Ack,
        Self::Loss,
        Self::Pacing,
        Self::Send,
        Self::Challenge,
        Self::UdpDead,
        Self::UdpKeepAlive,
        Self::Escalation,
        Self::Taken,
        Self::Join,
        Self::Probe,
        Self::ControlKeepAlive,
        Self::ControlIdle,
        Self::WriteStall,
        Self::ControlAck,
        Self::Request,
        Self::Held,
        Self::Notice,
        Self::Replacement,
        Self::Grace,
        Self::FormerKeys,
        Self::Close,
    ];
    /// So many move with packets.
    const OFTEN: usize = 9;
}

/// The deadlines of every [`Timer`] that is armed.
///
/// Those that packets move stand by themselves, so that a packet touches no more memory than theirs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Timers {
    often: Table<{ Timer::OFTEN }>,
    seldom: Table<{ Timer::ALL.len() - Timer::OFTEN }>,
}

/// The deadlines of so many timers in a row.
#[derive(Clone, Debug, PartialEq)]
struct Table<const N: usize> {
    deadlines: [Option<Instant>; N],
    /// The earliest, which is asked for after every input; where it is stale, nothing is earlier.
    next: Option<(Instant, Timer)>,
    is_stale: bool,
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self { deadlines: [None; N], next: None, is_stale: false }
    }
}

impl<const N: usize> Table<N> {
    /// Sets the deadline of `timer`, which stands at `place`.
    fn set(&mut self, place: usize, timer: Timer, deadline: Option<Instant>) {
        let Some(known) = self.deadlines.get_mut(place) else { return };
        if *known == deadline {
            return;
        }
        *known = deadline;
        let is_sooner = |at| self.next.is_none_or(|(next, first)| (at, timer) < (next, first));
        if let Some(at) = deadline.filter(|at| is_sooner(*at)) {
            (self.next, self.is_stale) = (Some((at, timer)), false);
        } else if self.next.is_some_and(|(_, first)| first == timer) {
            // All others are later still. Many are moved after one input: the earliest is looked for
            // once for all of them.
            self.is_stale = true;
        }
    }

    fn get(&self, place: usize) -> Option<Instant> {
        self.deadlines.get(place).copied().flatten()
    }

    /// The earliest of these deadlines, which are those of `timers`; among equals the first.
    fn next(&self, timers: &[Timer]) -> Option<(Instant, Timer)> {
        if !self.is_stale {
            return self.next;
        }
        let mut earliest: Option<(Instant, Timer)> = None;
        for (deadline, timer) in self.deadlines.iter().zip(timers) {
            if let Some(at) = *deadline
                && earliest.is_none_or(|(first, _)| at < first)
            {
                earliest = Some((at, *timer));
            }
        }
        earliest
    }

    fn refresh(&mut self, timers: &[Timer]) {
        if self.is_stale {
            self.next = self.next(timers);
            self.is_stale = false;
        }
    }
}

impl Timers {
    /// Arms `timer`, or moves it.
    pub(crate) fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.set(timer, Some(deadline));
    }

    /// Arms `timer` unless it runs already; returns whether it did not.
    pub(crate) fn arm_once(&mut self, timer: Timer, deadline: Instant) -> bool {
        let is_first = self.deadline(timer).is_none();
        if is_first {
            self.arm(timer, deadline);
        }
        is_first
    }

    /// Arms `timer` unless it runs out by `deadline` already.
    pub(crate) fn arm_by(&mut self, timer: Timer, deadline: Instant) {
        if self.deadline(timer).is_none_or(|at| at > deadline) {
            self.arm(timer, deadline);
        }
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    /// Arms `timer` for `deadline`, or disarms it.
    pub(crate) fn set(&mut self, timer: Timer, deadline: Option<Instant>) {
        let place = timer as usize;
        match place.checked_sub(Timer::OFTEN) {
            None => self.often.set(place, timer, deadline),
            Some(place) => self.seldom.set(place, timer, deadline),
        }
    }

    #[inline]
    pub(crate) fn deadline(&self, timer: Timer) -> Option<Instant> {
        let place = timer as usize;
        match place.checked_sub(Timer::OFTEN) {
            None => self.often.get(place),
            Some(place) => self.seldom.get(place),
        }
    }

    /// Finds the earliest again, once all that follows from an input is armed.
    pub(crate) fn refresh(&mut self) {
        let (often, seldom) = Timer::ALL.split_at(Timer::OFTEN);
        self.often.refresh(often);
        self.seldom.refresh(seldom);
    }

    /// The earliest deadline and whose it is, so that a busy loop can be explained.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        let (often, seldom) = Timer::ALL.split_at(Timer::OFTEN);
        self.often.next(often).into_iter().chain(self.seldom.next(seldom)).min()
    }

    /// Takes one expired timer; call until `None`.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Timer> {
        let (deadline, timer) = self.next()?;
        if deadline > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }

    /// Disarms every timer but `kept`.
    pub(crate) fn keep_only(&mut self, kept: Timer) {
        let deadline = self.deadline(kept);
        *self = Self::default();
        self.set(kept, deadline);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_is_the_earliest_whatever_was_set(
            steps in prop::collection::vec(
                (0..Timer::ALL.len(), prop::option::of(0_u64..20), prop::bool::ANY),
                1..80,
            ),
        ) {
            let (start, mut timers) = (Instant::now(), Timers::default());
            for (timer, after, refreshes) in steps {
                let deadline = after.map(|after| start + Duration::from_millis(after));
                timers.set(Timer::ALL[timer], deadline);
                let armed = |one| Some((timers.deadline(one)?, one));
                let earliest = Timer::ALL.into_iter().filter_map(armed).min();
                prop_assert_eq!(timers.next(), earliest);
                if refreshes {
                    timers.refresh();
                    prop_assert_eq!(timers.next(), earliest);
                }
            }
        }
    }

    #[test]
    fn timers_expire_in_order_and_once() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.arm(Timer::Loss, start + Duration::from_millis(2));
        timers.arm(Timer::Ack, start + Duration::from_millis(1));
        assert_eq!(timers.pop_expired(start), None);
        let later = start + Duration::from_millis(5);
        assert_eq!(timers.pop_expired(later), Some(Timer::Ack));
        assert_eq!(timers.pop_expired(later), Some(Timer::Loss));
        assert_eq!(timers.pop_expired(later), None);
    }
}
