//! CUBIC: RFC 9438. Growth follows the clock and not the round trips, so that a long path recovers
//! as soon as a short one.
//!
//! Beyond its plateau it takes all that section 4.4 lets it take, half a window a round trip, for
//! as long as round trips show no queue. After a time of random loss the plateau says nothing about
//! the path, and the curve alone would need ten seconds to carry two megabytes over 350 ms.

use core::time::Duration;
use std::time::Instant;

use super::{Acked, Controller, Growth, Loss, Window};

/// A window that climbs back to where the last loss was, rests there, and probes beyond.
#[derive(Debug)]
pub(in super::super) struct Cubic {
    window: Window,
    climb: Climb,
    /// Parts of a byte that growth still owes.
    owed: f64,
    /// What the latest recovery period put an end to.
    before: Climb,
}

/// A climb, which goes on where it was if the loss that ended it was none (section 4.9).
#[derive(Clone, Copy, Debug, Default)]
struct Climb {
    /// Where the last loss was, in datagrams.
    plateau: f64,
    /// Since when the window has been growing towards it.
    since: Option<Instant>,
    /// How long it takes to get there, in seconds.
    k: f64,
    /// What NewReno would have by now, in datagrams.
    friendly: f64,
    /// The window before the last cut, in datagrams.
    prior: f64,
}

impl Cubic {
    /// Datagrams per second³ (section 5).
    const C: f64 = 0.4;
    /// What a loss leaves.
    const BETA: f64 = 0.7;

    pub(in super::super) fn new(datagram: u64) -> Self {
        let window = Window::new(datagram);
        let before = Climb::default();
        Self { window, climb: before, owed: 0.0, before }
    }

    /// One that has come to a window of `bytes` and avoids congestion.
    pub(super) fn at(datagram: u64, bytes: u64) -> Self {
        let mut cubic = Self::new(datagram);
        cubic.window.bytes = bytes;
        cubic.window.threshold = bytes;
        cubic
    }

    fn datagrams(&self) -> f64 {
        self.window.bytes as f64 / self.window.datagram as f64
    }

    /// The window `elapsed` after growth began (section 4.2).
    fn curve(&self, elapsed: Duration) -> f64 {
        Self::C * (elapsed.as_secs_f64() - self.climb.k).powi(3) + self.climb.plateau
    }

    fn begin(&mut self, now: Instant) -> Instant {
        if let Some(since) = self.climb.since {
            return since;
        }
        self.climb.friendly = self.datagrams();
        if self.climb.plateau < self.climb.friendly {
            self.climb.plateau = self.climb.friendly;
        }
        // From where growth begins, which slow start may have brought up to the plateau already.
        self.climb.k = ((self.climb.plateau - self.climb.friendly) / Self::C).cbrt();
        self.climb.since = Some(now);
        now
    }

    fn avoid(&mut self, acked: Acked) {
        let since = self.begin(acked.now);
        let now = self.datagrams();
        let bytes = acked.bytes as f64;
        let share = bytes / self.window.bytes as f64;
        // Section 4.3: at least what NewReno would take. As little was cut, it climbs slower, up to
        // where NewReno would have been cut as well.
        let gentle = 3.0 * (1.0 - Self::BETA) / (1.0 + Self::BETA);
        let alpha = if self.climb.friendly < self.climb.prior { gentle } else { 1.0 };
        self.climb.friendly += alpha * share;
        let elapsed = acked.now.saturating_duration_since(since) + acked.rtt;
        let most = 1.5 * now;
        let has_room = !acked.queued && now > self.climb.plateau;
        let curve = if has_room { most } else { self.curve(elapsed).clamp(now, most) };
        let target = curve.max(self.climb.friendly);
        self.owed += (target - now) * share * self.window.datagram as f64;
        self.grow();
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is owed is never negative and at most half a window"
    )]
    fn grow(&mut self) {
        let whole = self.owed.max(0.0).floor();
        self.owed -= whole;
        self.window.bytes += whole as u64;
    }
}

impl Controller for Cubic {
    fn window(&self) -> u64 {
        self.window.bytes
    }

    fn on_ack(&mut self, acked: Acked) {
        if self.window.on_ack(acked) == Growth::Avoidance {
            self.avoid(acked);
        }
    }

    fn on_congestion(&mut self, loss: Loss) {
        let (before, climb) = (self.datagrams(), self.climb);
        if self.window.on_congestion(loss) {
            self.before = climb;
            self.climb.prior = before;
            // Section 4.7: where the window was losing ground already, leave more to newcomers.
            let losing = before < self.climb.plateau;
            self.climb.plateau = if losing { before * (1.0 + Self::BETA) / 2.0 } else { before };
        }
        self.climb.since = None;
    }

    fn set_datagram(&mut self, bytes: u64) {
        self.window.datagram = bytes;
    }

    fn on_spurious(&mut self, since: Instant) {
        if self.window.on_spurious(since) {
            self.climb = self.before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{acked, lost},
        *,
    };

    /// The window after so many seconds of full use at 100 ms a round trip.
    fn after(cubic: &mut Cubic, start: Instant, seconds: u32) -> u64 {
        after_rounds(cubic, start, seconds * 10, Duration::from_millis(100))
    }

    fn after_rounds(cubic: &mut Cubic, start: Instant, rounds: u32, long: Duration) -> u64 {
        for round in 1..=rounds {
            let sent_at = start + long * round;
            cubic.on_ack(acked(cubic.window(), sent_at));
        }
        cubic.window() / 1_200
    }

    fn at_loss() -> (Instant, Cubic) {
        let start = Instant::now();
        let mut cubic = Cubic::new(1_200);
        cubic.on_ack(acked(108_000, start));
        cubic.on_congestion(lost(start, start, false));
        assert_eq!(cubic.window(), 84_000);
        (start, cubic)
    }

    #[test]
    fn climbs_back_to_where_the_loss_was_and_beyond() {
        // K is the cube root of 100 · 0.3 / 0.4: 4.2 s.
        let (start, mut cubic) = at_loss();
        let there = after(&mut cubic, start, 4);
        assert!((97..=101).contains(&there), "{there} datagrams after 4 s");
        let (start, mut cubic) = at_loss();
        let beyond = after(&mut cubic, start, 9);
        assert!(beyond > 130, "{beyond} datagrams after 9 s");
    }

    #[test]
    fn what_slow_start_won_back_is_not_waited_for_once_more() {
        // Losses at a small window: doubling leads back to the initial window, beyond the plateau.
        let start = Instant::now();
        let mut cubic = Cubic::new(1_200);
        cubic.on_congestion(lost(start, start, false));
        cubic.on_ack(acked(3_600, start + Duration::from_millis(1)));
        assert_eq!(cubic.window(), 12_000);
        // 10 + 0.4 · 3.6³ since the first ack, where a datagram a round trip would make 18.
        let there = after_rounds(&mut cubic, start, 8, Duration::from_millis(500));
        assert!((26..=30).contains(&there), "{there} datagrams after 4 s");
    }

    #[test]
    fn beyond_the_plateau_a_path_without_a_queue_is_filled_round_by_round() {
        let (start, mut cubic) = at_loss();
        let round = |cubic: &mut Cubic, second, queued| {
            let sent_at = start + Duration::from_secs(second);
            let before = cubic.window();
            cubic.on_ack(Acked { queued, ..acked(before, sent_at) });
            cubic.window() as f64 / before as f64
        };
        assert!(round(&mut cubic, 1, false) < 1.2, "the plateau is where the loss was");
        while cubic.datagrams() <= 100.0 {
            round(&mut cubic, 6, true);
        }
        assert!(round(&mut cubic, 6, true) < 1.2, "a queue shows");
        assert!(round(&mut cubic, 6, false) > 1.49, "none shows");
    }

    #[test]
    fn on_a_short_path_it_climbs_as_newreno_once_it_is_where_the_cut_was() {
        let start = Instant::now();
        let mut cubic = Cubic::at(1_200, 24_000);
        cubic.on_congestion(lost(start, start, false));
        let mut rounds = (1_u32..).map(|round| {
            let sent_at = start + Duration::from_millis(10) * round;
            cubic.on_ack(Acked { queued: true, ..acked(cubic.window(), sent_at) });
            cubic.datagrams()
        });
        // Six datagrams, at 0.53 a round and then at one.
        let back = 1 + rounds.by_ref().take_while(|window| *window < 20.0).count();
        assert!((11..=13).contains(&back), "back after {back} rounds");
        let beyond = rounds.take_while(|window| *window < 26.0).count();
        assert!((5..=7).contains(&beyond), "beyond after {beyond} rounds");
    }

    #[test]
    fn a_climb_goes_on_where_a_loss_that_was_none_interrupted_it() {
        let ((start, mut cubic), (_, mut other)) = (at_loss(), at_loss());
        other.before = cubic.before;
        for climber in [&mut cubic, &mut other] {
            after(climber, start, 3);
        }
        let later = start + Duration::from_secs(3);
        other.on_congestion(lost(later, later, false));
        other.on_spurious(later);
        assert_eq!(other.window(), cubic.window());
        let [one, same] = [&mut cubic, &mut other].map(|climber| after(climber, later, 3));
        assert!(one > 100 && one.abs_diff(same) <= 1, "{one} and {same} datagrams");
    }

    #[test]
    fn a_second_loss_below_the_plateau_lowers_it() {
        let (start, mut cubic) = at_loss();
        let later = start + Duration::from_millis(200);
        cubic.on_congestion(lost(later, later, false));
        assert!((cubic.climb.plateau - 70.0 * 0.85).abs() < 1e-9);
    }
}
