//! What became of every datagram of one run: came once, twice, never, torn, or out of order.
//!
//! A bit for every number that a sender may use, so the memory of a run is known when it begins. The
//! ledger is shared by the readers; what one reader saw of the order is its own.

use std::sync::atomic::{AtomicU64, Ordering};

use super::stamp::Stamp;

/// One sender's part of the ledger.
#[derive(Debug)]
struct Page {
    /// A bit a number: whether it has come.
    came: Vec<AtomicU64>,
    /// One above the highest number that any reader has seen.
    highest: AtomicU64,
}

/// The ledger of one run.
#[derive(Debug)]
pub(super) struct Ledger {
    run: u32,
    pages: Vec<Page>,
}

/// What one reader found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Findings {
    /// Datagrams that came, and for the first time.
    pub(super) once: u64,
    pub(super) duplicated: u64,
    pub(super) torn: u64,
    /// Those of a number below one that this reader had seen.
    pub(super) behind_here: u64,
    /// Those of a number below one that any reader had seen.
    pub(super) behind_any: u64,
    /// By how many numbers the worst of them was behind.
    pub(super) worst: u64,
}

/// One reader's view.
#[derive(Debug)]
pub(super) struct View<'a> {
    ledger: &'a Ledger,
    /// One above the highest number seen here, for each sender.
    highest: Vec<u64>,
    pub(super) findings: Findings,
}

impl Ledger {
    /// For `senders` that number up to `capacity` datagrams each.
    pub(super) fn new(run: u32, senders: usize, capacity: u64) -> Self {
        let words = usize::try_from(capacity.div_ceil(64)).unwrap_or(usize::MAX);
        let page = || Page {
            came: core::iter::repeat_with(AtomicU64::default).take(words).collect(),
            highest: AtomicU64::new(0),
        };
        Self { run, pages: core::iter::repeat_with(page).take(senders).collect() }
    }

    /// The view of one reader that has seen nothing yet.
    pub(super) fn view(&self) -> View<'_> {
        View { ledger: self, highest: vec![0; self.pages.len()], findings: Findings::default() }
    }
}

impl Page {
    /// Notes that `number` came; whether for the first time, or `None` where there is no such one.
    fn mark(&self, number: u64) -> Option<bool> {
        let word = self.came.get(usize::try_from(number / 64).ok()?)?;
        let bit = 1 << (number % 64);
        Some(word.fetch_or(bit, Ordering::Relaxed) & bit == 0)
    }
}

impl View<'_> {
    /// Takes in one datagram. What has the checksum of another run is nobody's.
    pub(super) fn take(&mut self, datagram: &[u8]) {
        let Some(stamp) = Stamp::read(datagram) else {
            self.findings.torn += 1;
            return;
        };
        if stamp.run == self.ledger.run {
            self.note(stamp);
        }
    }

    fn note(&mut self, stamp: Stamp) {
        let page = self.ledger.pages.get(usize::from(stamp.sender));
        let Some((page, first)) = page.and_then(|page| Some((page, page.mark(stamp.number)?)))
        else {
            self.findings.torn += 1;
            return;
        };
        if !first {
            self.findings.duplicated += 1;
            return;
        }
        self.findings.once += 1;
        let above = stamp.number + 1;
        let any = page.highest.fetch_max(above, Ordering::Relaxed);
        if any > above {
            self.findings.behind_any += 1;
            self.findings.worst = self.findings.worst.max(any - above);
        }
        if let Some(here) = self.highest.get_mut(usize::from(stamp.sender)) {
            self.findings.behind_here += u64::from(*here > above);
            *here = above.max(*here);
        }
    }
}

impl Findings {
    /// Both together.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            once: self.once + other.once,
            duplicated: self.duplicated + other.duplicated,
            torn: self.torn + other.torn,
            behind_here: self.behind_here + other.behind_here,
            behind_any: self.behind_any + other.behind_any,
            worst: self.worst.max(other.worst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(run: u32, sender: u16, number: u64) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        Stamp { run, sender, number }.write(&mut bytes);
        bytes
    }

    fn taken(numbers: &[u64]) -> Findings {
        let ledger = Ledger::new(1, 1, 1_000);
        let mut view = ledger.view();
        for number in numbers {
            view.take(&datagram(1, 0, *number));
        }
        view.findings
    }

    #[test]
    fn what_comes_in_order_and_once_is_nothing_to_tell() {
        assert_eq!(taken(&[0, 1, 2, 5]), Findings { once: 4, ..Findings::default() });
    }

    #[test]
    fn what_comes_twice_is_counted_apart_and_is_not_out_of_order() {
        assert_eq!(taken(&[0, 1, 0]), Findings { once: 2, duplicated: 1, ..Findings::default() });
    }

    #[test]
    fn what_comes_late_is_as_far_behind_as_the_newest_is_ahead() {
        let Findings { behind_here, behind_any, worst, .. } = taken(&[0, 3, 1, 2, 4]);
        assert_eq!((behind_here, behind_any, worst), (2, 2, 2));
    }

    #[test]
    fn order_across_readers_is_told_apart_from_order_within_one() {
        let ledger = Ledger::new(1, 1, 1_000);
        let (mut one, mut other) = (ledger.view(), ledger.view());
        one.take(&datagram(1, 0, 9));
        other.take(&datagram(1, 0, 4));
        assert_eq!(other.findings.behind_here, 0);
        assert_eq!((other.findings.behind_any, other.findings.worst), (1, 5));
    }

    #[test]
    fn a_number_or_a_sender_that_nobody_used_is_torn_and_another_run_is_nobodys() {
        let ledger = Ledger::new(1, 1, 64);
        let mut view = ledger.view();
        view.take(&datagram(1, 0, 64));
        view.take(&datagram(1, 1, 0));
        view.take(b"short");
        assert_eq!(view.findings.torn, 3);
        view.take(&datagram(2, 0, 0));
        view.take(&datagram(1, 0, 63));
        assert_eq!((view.findings.torn, view.findings.once), (3, 1));
    }
}
