//! Whether a path carries ECN marks, and what they say (RFC 9000, section 13.4.2; RFC 9002, section
//! 7.1).
//!
//! The first ten packets of a path that want an ack are marked. If the peer's counts then agree with
//! what it acknowledges, all are; if not, or if none of the ten arrives, none is from then on, until
//! the peer is at another host. A path that ceases to let marked packets through shows by this:
//! whatever is sent while a probe is due is not marked, and three times in a row that alone arrived.

use biplane_wire::EcnCounts;

/// What is known of a path.
#[derive(Debug, Default)]
pub(super) struct Marks {
    state: State,
    /// Marked packets sent, on all paths.
    sent: u64,
    /// What the peer had counted by its newest ack.
    counts: EcnCounts,
    trial: Trial,
    /// Marks of congestion that the peer has told of.
    congestion: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// The first packets are marked.
    #[default]
    Testing,
    /// They were, and nothing is known yet.
    Waiting,
    /// The path carries marks.
    Capable,
    /// It does not, or somebody does not count right.
    Failed,
}

/// Marked packets of this path.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    sent: u64,
    lost: u64,
    /// Sent since one was acknowledged, or a probe was due.
    lately: u64,
    /// Times that a probe was due with nothing but those sent before it.
    stalls: u32,
}

impl Marks {
    /// Packets that are marked before anything is known.
    const TRIAL: u64 = 10;
    /// Stalls after which it is the marks that do not arrive.
    const STALLS: u32 = 3;

    /// Whether the next packet is marked, if it wants an ack; `probing` while a probe is due.
    pub(super) const fn marks(&self, probing: bool) -> bool {
        !probing && matches!(self.state, State::Testing | State::Capable)
    }

    /// Whether the path is known to carry marks.
    pub(super) const fn are_carried(&self) -> bool {
        matches!(self.state, State::Capable)
    }

    /// Marked packets sent, and marks of congestion that came back.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.sent, self.congestion)
    }

    /// A marked packet was sent.
    pub(super) fn on_sent(&mut self) {
        self.sent += 1;
        self.trial.sent += 1;
        self.trial.lately += 1;
        if self.state == State::Testing && self.trial.sent >= Self::TRIAL {
            self.state = State::Waiting;
        }
    }

    /// So many marked packets of this path were lost.
    pub(super) fn on_lost(&mut self, packets: u64) {
        self.trial.lost += packets;
        let Trial { sent, lost, .. } = self.trial;
        if self.state == State::Waiting && lost >= sent {
            self.fail("no marked packet arrives");
        }
    }

    /// The first probe is due since something was acknowledged.
    pub(super) fn on_probe(&mut self) {
        if self.trial.lately == 0 || self.state == State::Failed {
            return;
        }
        self.trial.lately = 0;
        self.trial.stalls += 1;
        if self.trial.stalls >= Self::STALLS {
            self.fail("marked packets do not arrive any more");
        }
    }

    /// The peer is at another host's address.
    pub(super) fn on_moved(&mut self) {
        self.state = State::Testing;
        self.trial = Trial::default();
    }

    /// An ack of a larger number than any before told so many marked packets of this path for the
    /// first time, and these counts. Returns whether packets that it acknowledges met congestion.
    pub(super) fn on_ack(&mut self, told: u64, counts: Option<EcnCounts>) -> bool {
        if told > 0 {
            (self.trial.lately, self.trial.stalls) = (0, 0);
        }
        let before = self.counts;
        self.counts = counts.unwrap_or(before);
        if self.state == State::Failed || told == 0 {
            return false;
        }
        let Some(risen) = rise(before, self.counts).filter(|risen| risen.0 + risen.1 >= told)
        else {
            self.fail("marked packets arrive without their marks");
            return false;
        };
        if self.counts.ect0.max(self.counts.ce) > self.sent || self.counts.ect1 > 0 {
            self.fail("more marks arrive than were sent");
            return false;
        }
        self.state = State::Capable;
        self.congestion += risen.1;
        risen.1 > 0
    }

    fn fail(&mut self, why: &'static str) {
        tracing::debug!(why, "packets are not marked any more");
        self.state = State::Failed;
    }
}

/// By how much the counts of ECT(0) and CE have risen, if none has fallen.
fn rise(before: EcnCounts, after: EcnCounts) -> Option<(u64, u64)> {
    after.ect1.checked_sub(before.ect1)?;
    Some((after.ect0.checked_sub(before.ect0)?, after.ce.checked_sub(before.ce)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ect0: u64, ce: u64) -> Option<EcnCounts> {
        Some(EcnCounts { ect0, ect1: 0, ce })
    }

    /// One that has sent its first ten packets.
    fn tried() -> Marks {
        let mut marks = Marks::default();
        for _ in 0..10 {
            assert!(marks.marks(false) && !marks.marks(true));
            marks.on_sent();
        }
        assert!(!marks.marks(false), "nothing is known");
        marks
    }

    #[test]
    fn counts_that_agree_prove_the_path() {
        let mut marks = tried();
        assert!(!marks.on_ack(8, counts(8, 0)));
        assert!(marks.marks(false) && marks.are_carried());
        marks.on_sent();
        assert!(marks.on_ack(2, counts(9, 1)));
        assert!(!marks.on_ack(1, counts(10, 1)), "the same mark");
        assert_eq!(marks.counts(), (11, 1));
    }

    #[test]
    fn counts_that_do_not_agree_end_the_marking() {
        let ect1 = Some(EcnCounts { ect0: 8, ect1: 1, ce: 0 });
        for (what, told) in [
            ("none at all", None),
            ("too few", counts(7, 0)),
            ("more than were sent", counts(11, 0)),
            ("marks of congestion on more than were sent", counts(0, 11)),
            ("another mark", ect1),
            ("the most there can be", counts((1 << 62) - 1, (1 << 62) - 1)),
        ] {
            let mut marks = tried();
            assert!(!marks.on_ack(8, told), "{what}");
            assert!(!marks.marks(false) && !marks.are_carried(), "{what}");
            marks.on_moved();
            assert!(marks.marks(false), "another path");
        }
        let mut marks = tried();
        marks.on_ack(8, counts(8, 0));
        marks.on_ack(1, counts(7, 2));
        assert!(!marks.marks(false), "a count has fallen");
    }

    #[test]
    fn acks_of_packets_without_marks_say_nothing() {
        let mut marks = tried();
        assert!(!marks.on_ack(0, None));
        assert!(!marks.on_ack(0, counts(3, 1)));
        assert!(!marks.are_carried());
        assert!(!marks.on_ack(4, counts(7, 1)));
        assert!(marks.are_carried());
    }

    #[test]
    fn a_path_that_lets_none_of_the_first_ten_through_is_marked_no_more() {
        let mut marks = tried();
        marks.on_lost(9);
        assert_eq!(marks.state, State::Waiting);
        marks.on_lost(1);
        assert_eq!(marks.state, State::Failed);
    }

    #[test]
    fn a_path_that_lets_only_what_is_not_marked_through_is_marked_no_more() {
        let mut marks = tried();
        marks.on_ack(10, counts(10, 0));
        for stall in 0..3 {
            assert!(marks.marks(false), "{stall}");
            marks.on_sent();
            marks.on_probe();
            marks.on_probe();
            assert!(!marks.on_ack(0, counts(10, 0)));
        }
        assert!(!marks.marks(false));
    }

    #[test]
    fn an_outage_is_one_stall() {
        let mut marks = tried();
        marks.on_ack(10, counts(10, 0));
        for _ in 0..10 {
            marks.on_sent();
            marks.on_probe();
            marks.on_sent();
            let told = marks.counts().0;
            marks.on_ack(1, counts(told, 0));
        }
        assert!(marks.marks(false));
    }
}
