//! What one session flies on, as it is told: the worse of its two directions.

use biplane::Planes;

/// The planes of a session, now and at their worst of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flight {
    /// `None` until both directions are known.
    now: Option<Planes>,
    /// The worst since it was asked for.
    worst: Option<Planes>,
    /// Whether it has flown on both.
    has_risen: bool,
    /// How often TCP had been replaced when the worst was asked for.
    resumes: u64,
}

impl Flight {
    /// It is told so; whether that is a change, and not its first rise to both planes.
    pub(super) fn changes_to(&mut self, planes: Planes) -> bool {
        let rises = planes == Planes::Both && !self.has_risen;
        self.has_risen |= rises;
        let before = self.worst.or(self.now);
        self.now = Some(planes);
        self.worst = Some(before.map_or(planes, |before| worse(before, planes)));
        !rises
    }

    /// The planes now, once it was told.
    pub(super) const fn planes(&self) -> Option<Planes> {
        self.now
    }

    /// The worst since this was asked last; `now` is what it flies on, and `resumes` how often TCP has
    /// been replaced. Of several changes between two looks the last alone is told, so one that was
    /// replaced at once shows by that count.
    pub(super) fn take_worst(&mut self, now: Planes, resumes: u64) -> Planes {
        let worst = self.worst.take().map_or(now, |worst| worse(worst, now));
        let was_replaced = resumes > std::mem::replace(&mut self.resumes, resumes);
        if was_replaced { worse(worst, now.worse(Planes::DataOnly)) } else { worst }
    }
}

/// Neither plane is worse than UDP alone, that worse than TCP alone, and that worse than both.
fn worse(one: Planes, other: Planes) -> Planes {
    let rank = |planes| match planes {
        Planes::Both => 3,
        Planes::ControlOnly => 2,
        Planes::DataOnly => 1,
        _ => 0,
    };
    if rank(one) <= rank(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rise_is_no_change_and_what_nobody_was_told_no_fall() {
        let mut flight = Flight::default();
        assert_eq!(flight.planes(), None);
        assert!(!flight.changes_to(Planes::Both));
        assert_eq!(flight.take_worst(Planes::Both, 0), Planes::Both);
        let mut late = Flight::default();
        assert!(late.changes_to(Planes::ControlOnly));
        assert!(!late.changes_to(Planes::Both));
        assert_eq!(late.take_worst(Planes::Both, 0), Planes::ControlOnly);
    }

    #[test]
    fn a_fall_shorter_than_a_second_is_seen_once() {
        let mut flight = Flight::default();
        flight.changes_to(Planes::Both);
        flight.take_worst(Planes::Both, 0);
        assert!(flight.changes_to(Planes::DataOnly) && flight.changes_to(Planes::Both));
        assert_eq!(flight.planes(), Some(Planes::Both));
        assert_eq!(flight.take_worst(Planes::Both, 0), Planes::DataOnly);
        assert_eq!(flight.take_worst(Planes::Both, 0), Planes::Both);
    }

    #[test]
    fn the_worst_is_told_whatever_came_after_it() {
        let mut flight = Flight::default();
        for planes in [Planes::Both, Planes::DataOnly, Planes::Lost, Planes::ControlOnly] {
            flight.changes_to(planes);
        }
        assert_eq!(flight.take_worst(Planes::ControlOnly, 0), Planes::Lost);
        assert_eq!(flight.take_worst(Planes::ControlOnly, 0), Planes::ControlOnly);
    }

    #[test]
    fn tcp_that_was_replaced_between_two_looks_was_gone() {
        let mut flight = Flight::default();
        flight.changes_to(Planes::Both);
        assert_eq!(flight.take_worst(Planes::Both, 1), Planes::DataOnly);
        assert_eq!(flight.take_worst(Planes::Both, 1), Planes::Both);
        flight.changes_to(Planes::ControlOnly);
        flight.take_worst(Planes::ControlOnly, 1);
        assert_eq!(flight.take_worst(Planes::ControlOnly, 2), Planes::Lost);
    }
}
