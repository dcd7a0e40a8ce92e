//! Flow control of reliable channels: the receiver says how many bytes it has room for.
//!
//! Grants count from the beginning of the session, so that one lost or repeated does no harm. A
//! message starts only when credit for all of it is held.

use super::cost;

/// What the peer has room for, and how much of that is used.
#[derive(Debug)]
pub(super) struct CreditHeld {
    granted: u64,
    used: u64,
}

/// What this side has room for.
#[derive(Debug)]
pub(super) struct CreditGiven {
    window: u64,
    /// What the peer was told or is about to be.
    granted: u64,
    /// What has arrived.
    used: u64,
    /// What the application has taken.
    returned: u64,
    due: bool,
}

/// The credit of a reliable channel, and what it is granted at the start: what the parameters say,
/// and never less than two of its longest messages. In bytes of cost, [`crate::limits::MESSAGE_COST`] a
/// message beside its own.
#[must_use]
pub fn credit_window(granted: u64, longest: usize) -> u64 {
    granted.max(2 * cost(longest) as u64)
}

impl CreditHeld {
    pub(super) fn new(granted: u64, longest: usize) -> Self {
        Self { granted: credit_window(granted, longest), used: 0 }
    }

    pub(super) const fn count_from(&mut self, used: u64) {
        self.granted += used;
        self.used += used;
    }

    pub(super) const fn covers(&self, cost: usize) -> bool {
        self.granted - self.used >= cost as u64
    }

    /// Takes `cost` bytes of credit; `false` if there is less.
    pub(super) const fn take(&mut self, cost: usize) -> bool {
        let covered = self.covers(cost);
        if covered {
            self.used += cost as u64;
        }
        covered
    }

    /// The peer's newest grant; an older one that comes late changes nothing.
    pub(super) fn raise(&mut self, granted: u64) {
        self.granted = self.granted.max(granted);
    }
}

impl CreditGiven {
    pub(super) fn new(granted: u64, longest: usize) -> Self {
        let window = credit_window(granted, longest);
        Self { window, granted: window, used: 0, returned: 0, due: false }
    }

    pub(super) const fn count_from(&mut self, used: u64) {
        self.granted += used;
        self.used += used;
        self.returned += used;
    }

    /// A message of `cost` bytes has arrived; `false` if that is more than was granted.
    pub(super) const fn use_up(&mut self, cost: usize) -> bool {
        self.used = self.used.saturating_add(cost as u64);
        self.used <= self.granted
    }

    /// The application has taken a message. A grant is told once it is worth a frame.
    pub(super) const fn give_back(&mut self, cost: usize) {
        self.returned += cost as u64;
        if self.returned + self.window - self.granted >= self.window / 4 {
            self.granted = self.returned + self.window;
            self.due = true;
        }
    }

    /// What has arrived and was not taken.
    pub(super) const fn untaken(&self) -> u64 {
        self.used - self.returned
    }

    pub(super) const fn is_due(&self) -> bool {
        self.due
    }

    /// The grant to tell the peer.
    pub(super) const fn tell(&mut self) -> u64 {
        self.due = false;
        self.granted
    }

    pub(super) const fn tell_again(&mut self) {
        self.due = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_held_for_all_of_a_message_or_it_waits() {
        let mut held = CreditHeld::new(1_000, 100);
        assert!(held.take(1_000));
        assert!(!held.take(1));
        held.raise(900);
        assert!(!held.take(1), "an old grant takes nothing back and gives nothing");
        held.raise(1_001);
        assert!(held.take(1));
    }

    #[test]
    fn the_window_holds_two_of_the_longest_messages() {
        let mut held = CreditHeld::new(0, 5_000);
        assert!(held.take(cost(5_000)));
        assert!(held.take(cost(5_000)));
        assert!(!held.take(1));
    }

    #[test]
    fn a_grant_is_told_when_a_quarter_of_the_window_is_free_again() {
        let mut given = CreditGiven::new(1_000, 100);
        assert!(given.use_up(900));
        given.give_back(200);
        assert!(!given.is_due());
        given.give_back(100);
        assert!(given.is_due());
        assert_eq!(given.tell(), 1_300);
        assert!(!given.is_due());
    }

    #[test]
    fn more_than_was_granted_is_seen() {
        let mut given = CreditGiven::new(1_000, 100);
        assert!(given.use_up(1_000));
        assert!(!given.use_up(1));
    }
}
