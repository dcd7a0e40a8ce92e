//! What came of the soundings, and what that says of the path.

use core::time::Duration;

use biplane_proto::{CloseReason, SoundingCounts, SoundingReport};
use biplane_wire::limits;

use super::{Direction, Finding, Loss, Record, RoundTrips, Trouble};
use crate::Step;

/// A datagram of the server's at least as long counts as one of 1,200 bytes: a short answer before
/// it may have used up as much of what the server may send.
const LONG: usize = limits::DATAGRAM_SIZE - limits::PACKET_MIN;

/// What a flight has shown.
pub(super) struct Evidence<'a> {
    pub(super) report: SoundingReport,
    pub(super) round_trips: &'a [Duration],
    /// Packets of the server's that should have come, and those that did.
    pub(super) heard: (u64, u64),
    /// The longest datagram that this side came to send, in bytes.
    pub(super) datagram_size: u64,
    pub(super) ended: Option<&'a CloseReason>,
}

/// The figures of a flight.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) round_trips: Option<RoundTrips>,
    pub(super) jitter: Option<Duration>,
    pub(super) loss: Option<Loss>,
    pub(super) mtu: Option<usize>,
}

impl Evidence<'_> {
    /// Tells the steps that certainly hold.
    pub(super) fn tell(&self, record: &mut Record) {
        let holds = [
            (self.arrived() > 0, Finding::Arrives),
            (self.comes_back(), Finding::Returns),
            (self.cut().is_none(), Finding::Passes { bytes: limits::DATAGRAM_SIZE }),
        ];
        for (_, finding) in holds.into_iter().take_while(|(holds, _)| *holds) {
            record.held(finding);
        }
    }

    /// Judges every step of the path that was not told yet.
    pub(super) fn judge(&self, record: &mut Record) -> Figures {
        self.tell(record);
        for (step, trouble) in self.troubles() {
            if !record.has(step) {
                record.failed(step, trouble);
                // Short datagrams that pass can be measured.
                if step != Step::PathMtu || self.ended.is_some() {
                    return Figures::default();
                }
            }
        }
        self.measure(record)
    }

    /// What is wrong with each step of the path, unless it was told to hold.
    fn troubles(&self) -> [(Step, Trouble); 3] {
        let SoundingReport { short, full, .. } = self.report;
        let (sent, arrived) = (short.sent + full.sent, self.arrived());
        let direction = self.cut().unwrap_or(Direction::Down);
        [
            (Step::UdpUp, Trouble::Unheard { sent }),
            (Step::UdpDown, Trouble::Unanswered { arrived }),
            (Step::PathMtu, Trouble::TooLong { bytes: limits::DATAGRAM_SIZE, direction }),
        ]
        .map(|(step, trouble)| (step, self.ending().unwrap_or(trouble)))
    }

    fn ending(&self) -> Option<Trouble> {
        self.ended.cloned().map(Trouble::Ended)
    }

    /// RTT, jitter and loss of a path that carries datagrams both ways.
    fn measure(&self, record: &mut Record) -> Figures {
        let loss = self.loss();
        let figures = Figures {
            round_trips: round_trips(self.round_trips),
            jitter: jitter(self.round_trips),
            loss: Some(loss),
            mtu: if self.cut().is_none() { usize::try_from(self.datagram_size).ok() } else { None },
        };
        if let Some(trouble) = self.ending() {
            record.failed(Step::Rtt, trouble);
            return figures;
        }
        match figures.round_trips {
            Some(found) => record.held(Finding::RoundTrips(found)),
            None => record.failed(Step::Rtt, Trouble::Unmeasured),
        }
        if let Some(jitter) = figures.jitter {
            record.held(Finding::Jitter(jitter));
        }
        if is_bearable(loss) {
            record.held(Finding::Lost(loss));
        } else {
            record.failed(Step::Loss, Trouble::Lossy(loss));
        }
        figures
    }

    /// Soundings that arrived at the server, as far as one knows here.
    const fn arrived(&self) -> u64 {
        let SoundingReport { short, full, .. } = self.report;
        let (acked, answered) = (short.acked + full.acked, short.answered + full.answered);
        if acked > answered { acked } else { answered }
    }

    const fn comes_back(&self) -> bool {
        self.report.longest_received > 0
    }

    /// The direction that long datagrams do not pass.
    const fn cut(&self) -> Option<Direction> {
        let SoundingReport { full, longest_received, .. } = self.report;
        if full.acked == 0 && full.answered == 0 {
            Some(Direction::Up)
        } else if longest_received < LONG {
            Some(Direction::Down)
        } else {
            None
        }
    }

    fn loss(&self) -> Loss {
        let SoundingReport { short, full, .. } = self.report;
        let mut counts = (short.sent, short.acked);
        // Long ones that cannot pass say nothing of how many are lost.
        if self.cut() != Some(Direction::Up) {
            let SoundingCounts { sent, acked, .. } = full;
            counts = (counts.0 + sent, counts.1 + acked);
        }
        Loss { up: missing(counts), down: self.loss_down() }
    }

    /// A number may be missing since the server skipped it, and a response since the next question
    /// came before it left: what is lost shows in both.
    fn loss_down(&self) -> f64 {
        let SoundingReport { short, full, .. } = self.report;
        // The server's own long ones say nothing either, whichever way is cut.
        if self.cut().is_some() {
            return unanswered(&[short]);
        }
        unanswered(&[short, full]).min(missing(self.heard))
    }
}

/// The share of the responses that were owed, as far as one knows here, that did not come.
fn unanswered(counts: &[SoundingCounts]) -> f64 {
    let owed = counts.iter().map(|counts| counts.owed.max(counts.answered)).sum();
    missing((owed, counts.iter().map(|counts| counts.answered).sum()))
}

fn is_bearable(loss: Loss) -> bool {
    let most = f64::from(u8::try_from(limits::LOSS_BEARABLE).unwrap_or(u8::MAX)) / 100.0;
    loss.up <= most && loss.down <= most
}

/// The share of what should have come that did not.
fn missing((of, came): (u64, u64)) -> f64 {
    let count = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if of == 0 { 0.0 } else { count(of.saturating_sub(came)) / count(of) }
}

fn round_trips(times: &[Duration]) -> Option<RoundTrips> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied()
    };
    Some(RoundTrips { p50: at(50)?, p99: at(99)?, count: sorted.len() })
}

/// The mean difference between neighbours (after RFC 3550, section 6.4.1, without its smoothing).
fn jitter(times: &[Duration]) -> Option<Duration> {
    let differences = times.iter().zip(times.iter().skip(1)).map(|(one, next)| one.abs_diff(*next));
    let count = u32::try_from(times.len().checked_sub(1)?).ok()?;
    differences.sum::<Duration>().checked_div(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Outcome;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn evidence<'a>(report: SoundingReport, round_trips: &'a [Duration]) -> Evidence<'a> {
        Evidence { report, round_trips, heard: (100, 100), datagram_size: 1_400, ended: None }
    }

    /// Of 180 short and 60 full soundings, so many were acked; and the longest that came.
    fn report(short: u64, full: u64, longest: usize) -> SoundingReport {
        let mut report = SoundingReport::default();
        (report.short.sent, report.short.acked) = (180, short);
        (report.full.sent, report.full.acked) = (60, full);
        (report.short.asked, report.short.owed) = (60, short.min(60));
        (report.full.asked, report.full.owed) = (60, full);
        report.short.answered = if longest > 0 { report.short.owed } else { 0 };
        report.full.answered = if longest >= LONG { full } else { 0 };
        report.longest_received = longest;
        report
    }

    /// What was told of each step from UDP up on.
    fn judged(evidence: &Evidence<'_>) -> (Vec<Option<bool>>, Option<String>) {
        let mut record = Record::default();
        evidence.judge(&mut record);
        let steps = record.finish();
        let udp = steps.into_iter().skip_while(|report| report.step < Step::UdpUp);
        let mut first = None;
        let held = udp.map(|report| {
            if let Outcome::Failed(trouble) = &report.outcome {
                first.get_or_insert_with(|| trouble.to_string());
            }
            report.outcome.held()
        });
        (held.collect(), first)
    }

    #[test]
    fn each_way_in_which_a_path_fails_is_told_from_the_others() {
        let times = [ms(20), ms(21)];
        let (yes, no, nothing) = (Some(true), Some(false), None);
        for (report, held, words) in [
            (report(180, 60, 1_200), [yes; 6], ""),
            (report(0, 0, 0), [no, nothing, nothing, nothing, nothing, nothing], "none of 240"),
            (report(180, 60, 0), [yes, no, nothing, nothing, nothing, nothing], "none came back"),
            (report(180, 0, 100), [yes, yes, no, yes, yes, yes], "do not pass up"),
            (report(180, 60, 600), [yes, yes, no, yes, yes, yes], "do not pass down"),
            (report(150, 50, 1_200), [yes, yes, yes, yes, yes, no], "16.7 % up, 0.0 % down"),
        ] {
            let (got, trouble) = judged(&evidence(report, &times));
            assert_eq!(got, held, "{report:?}");
            assert!(trouble.unwrap_or_default().contains(words), "{words}");
        }
    }

    #[test]
    fn long_datagrams_that_cannot_pass_are_not_taken_for_loss() {
        let times = [ms(1)];
        let loss = |report| Evidence { heard: (100, 80), ..evidence(report, &times) }.loss();
        for cut in [report(180, 0, 100), report(180, 60, 600)] {
            assert_eq!((loss(cut).up, loss(cut).down), (0.0, 0.0), "{cut:?}");
        }
    }

    #[test]
    fn what_is_lost_on_the_way_down_shows_in_numbers_and_in_responses() {
        let mut report = report(180, 60, 1_200);
        let down = |heard, report| Evidence { heard, ..evidence(report, &[ms(1)]) }.loss().down;
        assert_eq!(down((100, 99), report), 0.0, "a number that was skipped");
        (report.short.answered, report.full.answered) = (45, 45);
        assert_eq!(down((100, 100), report), 0.0, "questions that came two at a time");
        assert_eq!(down((100, 80), report), 0.2);
        assert_eq!(down((100, 60), report), 0.25);
    }

    #[test]
    fn an_answer_that_a_little_less_could_pay_for_is_long_enough() {
        let held = |longest| judged(&evidence(report(180, 60, longest), &[ms(1), ms(1)])).0;
        assert_eq!(held(1_160)[2], Some(true));
        assert_eq!(held(1_159)[2], Some(false));
    }

    #[test]
    fn a_session_that_ends_fails_the_step_that_was_next() {
        let ended = CloseReason::TimedOut;
        let times = [ms(1)];
        let evidence = Evidence { ended: Some(&ended), ..evidence(report(180, 60, 1_200), &times) };
        let (held, trouble) = judged(&evidence);
        assert_eq!(held, [Some(true), Some(true), Some(true), Some(false), None, None]);
        assert!(trouble.unwrap().starts_with("the session ended"));
    }

    #[test]
    fn figures_are_those_of_the_samples() {
        let times: Vec<_> = (1..=100).map(ms).collect();
        let found = round_trips(&times).unwrap();
        assert_eq!((found.p50, found.p99, found.count), (ms(50), ms(99), 100));
        assert_eq!(jitter(&times), Some(ms(1)));
        assert_eq!((round_trips(&[]), jitter(&[ms(7)])), (None, None));
        assert_eq!(round_trips(&[ms(7)]).unwrap().p99, ms(7));
    }
}
