//! How much a player may say: what its room hears, what it does not, and when it is let go.
//!
//! A room of talkers must not fill the queue of a member who hears nothing for a while: with fifteen
//! who talk as much as they may, 30 s of a lost TCP connection are 4,080 lines, and the queue holds
//! 4,096.

use std::time::{Duration, Instant};

/// From one line to the next in the long run: faster than anybody types.
const LINE_EVERY: Duration = Duration::from_millis(125);
/// Lines at once of who was silent before: half a minute of a bot's, which a connection that was
/// replaced may bring together.
const BURST: u32 = 32;
/// Lines in a row that nobody heard, after which the talker is let go: no person, and no bot of ours.
const UNHEARD_MAX: u32 = 512;

/// What one player has said of late.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Talk {
    /// When all that was heard would have been said at the pace of the long run.
    even_at: Option<Instant>,
    /// Lines since the last that was heard.
    unheard: u32,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The room hears it.
    Heard,
    /// The room does not.
    Unheard,
    /// The room does not, and who said it is let go.
    TooMuch,
}

impl Talk {
    /// Nothing said yet.
    pub(crate) const EMPTY: Self = Self { even_at: None, unheard: 0 };

    /// The player says another line.
    pub(crate) fn say(&mut self, now: Instant) -> Verdict {
        let even_at = self.even_at.map_or(now, |at| at.max(now)) + LINE_EVERY;
        if even_at <= now + LINE_EVERY * BURST {
            *self = Self { even_at: Some(even_at), unheard: 0 };
            return Verdict::Heard;
        }
        self.unheard = self.unheard.saturating_add(1);
        if self.unheard > UNHEARD_MAX { Verdict::TooMuch } else { Verdict::Unheard }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(talk: &mut Talk, now: Instant, count: u32) -> Vec<Verdict> {
        (0..count).map(|_| talk.say(now)).collect()
    }

    #[test]
    fn a_burst_is_heard_and_what_is_beyond_it_is_not() {
        let (mut talk, now) = (Talk::default(), Instant::now());
        let said = verdicts(&mut talk, now, BURST + 1);
        assert_eq!(said.iter().filter(|verdict| **verdict == Verdict::Heard).count(), 32);
        assert_eq!(said.last(), Some(&Verdict::Unheard));
        assert_eq!(talk.say(now + LINE_EVERY), Verdict::Heard, "one is made up for");
    }

    #[test]
    fn who_keeps_the_pace_is_always_heard() {
        let (mut talk, start) = (Talk::default(), Instant::now());
        verdicts(&mut talk, start, BURST);
        assert!((1..1000).all(|line| talk.say(start + LINE_EVERY * line) == Verdict::Heard));
    }

    #[test]
    fn who_talks_a_little_too_fast_is_heard_at_the_pace_and_stays() {
        let (mut talk, start) = (Talk::default(), Instant::now());
        let minute = (0..6000).map(|line| talk.say(start + Duration::from_millis(10) * line));
        let said: Vec<Verdict> = minute.collect();
        let heard = said.iter().filter(|verdict| **verdict == Verdict::Heard).count();
        assert!((480..=480 + 32).contains(&heard), "{heard}");
        assert!(!said.contains(&Verdict::TooMuch));
    }

    #[test]
    fn who_goes_far_beyond_is_let_go() {
        let (mut talk, now) = (Talk::default(), Instant::now());
        let most = verdicts(&mut talk, now, BURST + UNHEARD_MAX);
        assert_eq!(most.last(), Some(&Verdict::Unheard));
        assert_eq!(talk.say(now), Verdict::TooMuch);
    }
}
