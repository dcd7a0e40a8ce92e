//! What follows from what was found: sound or not, what to be told of, how many workers to run.

use super::{Examination, matrix::Cell};

/// What a socket did that a perfect one would not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Symptom {
    /// A datagram held bytes that nobody sent together. No UDP may do that.
    Torn,
    /// A datagram was read twice though it was sent once. On one machine no UDP should.
    Duplicated,
    /// A datagram did not come. UDP may do that, and Biplane repairs what has to come.
    Lost,
    /// A reader took a datagram after a later one that it had taken itself. UDP may do that.
    Reordered,
}

impl Symptom {
    /// Whether parallel calls on the socket cannot be trusted.
    #[must_use]
    pub const fn is_unsound(self) -> bool {
        matches!(self, Self::Torn | Self::Duplicated)
    }
}

/// What is known of parallel calls on one socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Soundness {
    /// In every run datagrams came, none of them torn and none twice.
    Sound,
    /// One was torn or came twice: the calls cannot be trusted.
    Unsound,
    /// Neither was seen, but not every run was made, or one in which nothing came.
    NotShown,
}

/// How many workers an endpoint on this system should have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workers {
    /// Threads that receive.
    pub receivers: usize,
    /// Threads that send.
    pub senders: usize,
    /// Why so many.
    pub reason: Reason,
}

/// Why so many workers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// Parallel calls are not sound here: one thread a direction.
    Unsound,
    /// The smallest number that comes within a tenth of the fastest.
    Enough {
        /// Datagrams a second with them.
        per_second: f64,
        /// Datagrams a second of the fastest with no more workers than cores.
        fastest: f64,
    },
    /// The matrix was not measured, or not in whole.
    Unmeasured,
}

/// What comes so close to the fastest is as good: below that, figures of one run differ by chance.
const AS_GOOD: f64 = 0.9;

pub(super) fn symptoms(examination: &Examination) -> Vec<Symptom> {
    let found = examination.totals();
    [
        (Symptom::Torn, found.torn),
        (Symptom::Duplicated, found.duplicated),
        (Symptom::Lost, found.lost),
        (Symptom::Reordered, found.reordered_within_reader),
    ]
    .into_iter()
    .filter_map(|(symptom, count)| (count > 0).then_some(symptom))
    .collect()
}

pub(super) fn soundness(examination: &Examination) -> Soundness {
    let is_unsound = symptoms(examination).into_iter().any(Symptom::is_unsound);
    // The matrix is what comes last.
    let is_whole = examination.is_complete && !examination.matrix.is_empty();
    match (is_unsound, is_whole && examination.silent_cells() == 0) {
        (true, _) => Soundness::Unsound,
        (false, true) => Soundness::Sound,
        (false, false) => Soundness::NotShown,
    }
}

/// Workers for a machine of so many `cores`.
pub(super) fn workers(examination: &Examination, cores: usize) -> Workers {
    let alone = |reason| Workers { receivers: 1, senders: 1, reason };
    match soundness(examination) {
        Soundness::Sound => {}
        Soundness::Unsound => return alone(Reason::Unsound),
        Soundness::NotShown => return alone(Reason::Unmeasured),
    }
    // One socket is what an endpoint has; more workers than cores only take turns.
    let fits = |cell: &&Cell| !cell.reuseport && cell.receivers + cell.senders <= cores.max(2);
    let cells = || examination.matrix.iter().filter(fits);
    let fastest = cells().map(|cell| cell.datagrams_per_second).fold(0.0, f64::max);
    let good = cells().filter(|cell| cell.datagrams_per_second >= AS_GOOD * fastest);
    // Among as many threads, rather more that send: receivers beyond the first mostly sleep.
    let fewest = good.min_by_key(|cell| (cell.receivers + cell.senders, cell.receivers));
    fewest.map_or_else(
        || alone(Reason::Unmeasured),
        |cell| Workers {
            receivers: cell.receivers,
            senders: cell.senders,
            reason: Reason::Enough { per_second: cell.datagrams_per_second, fastest },
        },
    )
}

#[cfg(test)]
mod tests {
    use super::{super::matrix::Counts, *};

    fn cell(receivers: usize, senders: usize, per_second: f64) -> Cell {
        Cell {
            receivers,
            senders,
            reuseport: false,
            datagrams_per_second: per_second,
            cpu_ns_per_datagram: None,
            shares: vec![1; receivers],
            kernel_dropped: None,
            counts: Counts { sent: 10, delivered_once: 10, ..Counts::default() },
        }
    }

    fn examined(cells: &[(usize, usize, f64)]) -> Examination {
        let matrix = cells.iter().map(|(r, s, rate)| cell(*r, *s, *rate)).collect();
        Examination { matrix, is_complete: true, ..Examination::default() }
    }

    fn chosen(cells: &[(usize, usize, f64)], cores: usize) -> (usize, usize) {
        let Workers { receivers, senders, .. } = workers(&examined(cells), cores);
        (receivers, senders)
    }

    #[test]
    fn the_fewest_workers_that_are_fast_enough_are_chosen() {
        let cells = [(1, 1, 100.0), (1, 2, 109.0), (2, 2, 111.0)];
        assert_eq!(chosen(&cells, 8), (1, 1));
        let cells = [(1, 1, 100.0), (1, 2, 170.0), (2, 1, 110.0), (2, 2, 180.0)];
        assert_eq!(chosen(&cells, 8), (1, 2));
    }

    #[test]
    fn no_more_workers_are_chosen_than_there_are_cores() {
        let cells = [(1, 1, 100.0), (2, 2, 300.0), (4, 4, 600.0)];
        assert_eq!(chosen(&cells, 1), (1, 1));
        assert_eq!(chosen(&cells, 2), (1, 1));
        assert_eq!(chosen(&cells, 4), (2, 2));
        assert_eq!(chosen(&cells, 8), (4, 4));
    }

    #[test]
    fn where_parallel_calls_are_unsound_one_thread_a_direction_is_chosen() {
        for (symptom, counts) in [
            (Symptom::Torn, Counts { torn: 1, ..Counts::default() }),
            (Symptom::Duplicated, Counts { duplicated: 1, ..Counts::default() }),
        ] {
            let mut examination = examined(&[(1, 1, 100.0), (2, 2, 300.0)]);
            examination.matrix[1].counts = counts;
            assert_eq!(symptoms(&examination), [symptom]);
            assert_eq!(examination.soundness(), Soundness::Unsound);
            let alone = Workers { receivers: 1, senders: 1, reason: Reason::Unsound };
            assert_eq!(workers(&examination, 8), alone);
        }
    }

    #[test]
    fn what_was_not_seen_is_not_sound() {
        let whole = examined(&[(1, 1, 100.0), (2, 2, 300.0)]);
        assert_eq!(whole.soundness(), Soundness::Sound);
        let mut silent = whole.clone();
        silent.matrix[1].counts = Counts { sent: 10, lost: 10, ..Counts::default() };
        let unfinished = Examination { is_complete: false, ..whole };
        let alone = Workers { receivers: 1, senders: 1, reason: Reason::Unmeasured };
        for examination in [silent, unfinished, Examination::default()] {
            assert_eq!(examination.soundness(), Soundness::NotShown);
            assert!(!examination.is_sound());
            assert_eq!(workers(&examination, 8), alone);
        }
    }

    #[test]
    fn what_udp_may_do_is_told_and_is_sound() {
        let mut examination = examined(&[(1, 1, 100.0)]);
        examination.matrix[0].counts =
            Counts { delivered_once: 9, lost: 1, reordered_within_reader: 1, ..Counts::default() };
        assert_eq!(symptoms(&examination), [Symptom::Lost, Symptom::Reordered]);
        assert!(examination.is_sound());
    }
}
