//! What the application took of one channel, for the peer's delivery notices.
//!
//! Each number is told until the peer has it: what was in a packet that is lost goes back in here, and
//! what was told over a control connection when that is lost. Of a
//! `sequenced` or `unreliable` channel that leaves many gaps, the oldest runs are forgotten; the
//! peer then says `Lost` of them when its patience is over.

use biplane_wire::{AckRange, ChannelId, SequenceNumber};

use super::Channels;
use crate::{limits, ranges::Ranges};

/// The numbers that were taken and not told.
#[derive(Debug)]
pub(super) struct Report {
    due: Ranges,
    /// Those that were told over the control connection, which may have broken before they came.
    told: Ranges,
    /// Nothing of a reliable channel is forgotten: its gaps are few, since they fill.
    reliable: bool,
}

impl Report {
    pub(super) fn new(reliable: bool) -> Self {
        Self { due: Ranges::default(), told: Ranges::default(), reliable }
    }

    /// The application took a message.
    pub(super) fn on_taken(&mut self, sequence: SequenceNumber) {
        self.tell_again(sequence.0, sequence.0);
    }

    /// These must be told, or told again.
    pub(super) fn tell_again(&mut self, low: u64, high: u64) {
        put(&mut self.due, low, high, self.reliable);
    }

    /// These were told over the control connection. Of a peer that withdraws every other message gaps
    /// stay, so here the oldest runs are forgotten whatever the channel is.
    pub(super) fn on_told(&mut self, low: u64, high: u64) {
        put(&mut self.told, low, high, false);
    }

    /// The control connection is lost.
    pub(super) fn tell_all_again(&mut self) {
        for run in self.told.take_highest(usize::MAX) {
            self.tell_again(run.low, run.high);
        }
    }

    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The runs to tell next, highest first.
    pub(super) fn tell(&mut self, most: usize) -> impl Iterator<Item = AckRange> + Clone + use<> {
        self.due.take_highest(most)
    }
}

fn put(ranges: &mut Ranges, low: u64, high: u64, reliable: bool) {
    ranges.insert(low, high);
    if !reliable && ranges.runs() > limits::TAKEN_RUNS {
        ranges.forget_lowest();
    }
}

/// What the application took, of all channels.
impl Channels {
    /// Whether the peer has not been told all that the application took.
    pub(crate) fn has_taken(&self) -> bool {
        self.reports().any(Report::is_due)
    }

    /// The same of one channel.
    pub(crate) fn owes_taken(&self, id: ChannelId) -> bool {
        let report = self.list.get(id.index()).and_then(|channel| channel.report.as_deref());
        report.is_some_and(Report::is_due)
    }

    /// The control connection is lost, on which this may not have come.
    pub(crate) fn tell_taken_again(&mut self) {
        let reports = self.list.iter_mut().filter_map(|channel| channel.report.as_deref_mut());
        reports.for_each(Report::tell_all_again);
    }

    /// The peer was told this over the control connection.
    pub(crate) fn on_told(&mut self, id: ChannelId, runs: impl Iterator<Item = AckRange>) {
        let channel = self.list.get_mut(id.index());
        if let Some(report) = channel.and_then(|channel| channel.report.as_mut()) {
            runs.for_each(|run| report.on_told(run.low, run.high));
        }
    }

    /// What to tell the peer next, in at most so many runs, highest first.
    pub(crate) fn next_taken(
        &mut self,
        most: usize,
    ) -> Option<(ChannelId, impl Iterator<Item = AckRange> + Clone + use<>)> {
        let mut reports = self.list.iter_mut().filter_map(|channel| {
            let report = channel.report.as_deref_mut().filter(|report| report.is_due())?;
            Some((channel.id, report))
        });
        let (id, report) = reports.next()?;
        Some((id, report.tell(most)))
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.list.iter().filter_map(|channel| channel.report.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_without_end_are_forgotten_where_messages_may_be_lost() {
        for (reliable, runs) in [(false, limits::TAKEN_RUNS), (true, 3 * limits::TAKEN_RUNS)] {
            let mut report = Report::new(reliable);
            for number in 0..3 * limits::TAKEN_RUNS as u64 {
                report.on_taken(SequenceNumber(2 * number));
            }
            assert_eq!(report.due.runs(), runs);
            for run in report.tell(usize::MAX) {
                report.on_told(run.low, run.high);
            }
            assert_eq!(report.told.runs(), limits::TAKEN_RUNS, "those were told");
        }
    }
}
