//! When each line has something to do next.

use std::{collections::BTreeSet, time::Instant};

/// The lines in the order of their next moments. A line stands in it at most once.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    moments: BTreeSet<(Instant, usize)>,
    /// Where each line stands.
    of: Vec<Option<Instant>>,
    /// Lines whose next moment may be another than is known here.
    touched: Vec<usize>,
    /// Kept for its room.
    due: Vec<usize>,
}

impl Agenda {
    /// `line` has something to do at `moment` next, whatever it had before.
    pub(super) fn put(&mut self, line: usize, moment: Option<Instant>) {
        if self.of.len() <= line {
            self.of.resize(line + 1, None);
        }
        let Some(place) = self.of.get_mut(line) else { return };
        if *place == moment {
            return;
        }
        if let Some(before) = core::mem::replace(place, moment) {
            self.moments.remove(&(before, line));
        }
        if let Some(moment) = moment {
            self.moments.insert((moment, line));
        }
    }

    /// When anything happens next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.moments.first().map(|(moment, _)| *moment)
    }

    /// Something was done to `line`, and nobody knows yet what follows.
    pub(super) fn touch(&mut self, line: usize) {
        self.touched.push(line);
    }

    /// A line that was touched, each time it was.
    pub(super) fn pop_touched(&mut self) -> Option<usize> {
        self.touched.pop()
    }

    /// Takes the lines that have something to do by `now` off, in order; see [`Agenda::give_back`].
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = core::mem::take(&mut self.due);
        while let Some((_, line)) = self.moments.first().copied().filter(|(at, _)| *at <= now) {
            self.put(line, None);
            due.push(line);
        }
        due
    }

    /// Keeps the room of a list that is done with.
    pub(super) fn give_back(&mut self, mut due: Vec<usize>) {
        due.clear();
        self.due = due;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn a_line_stands_at_its_latest_moment_alone() {
        let (mut agenda, start) = (Agenda::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        agenda.put(0, Some(at(5)));
        agenda.put(1, Some(at(3)));
        agenda.put(0, Some(at(1)));
        agenda.put(2, Some(at(2)));
        agenda.put(2, None);
        assert_eq!(agenda.next(), Some(at(1)));
        assert_eq!(agenda.take_due(at(4)), [0, 1]);
        assert_eq!(agenda.next(), None);
    }
}
