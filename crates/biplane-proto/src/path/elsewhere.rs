//! Another address, from which the newest packet came: the peer may have moved there.
//!
//! Nothing goes there but a question, and what the peer asks there, and no more bytes than came from
//! there. The question is asked at once, but never within a second of the one before, so that who
//! changes its address with each packet, or copies packets under another's, makes little traffic.
//! Its answer counts for as long as a question to a path that nothing is known of may take, and from
//! that very address alone; each second until then it is asked again, since it or its answer may be
//! lost. Until then everything else goes where it went.

use core::time::Duration;
use std::time::Instant;

use biplane_wire::limits as wire;

use super::Path;
use crate::limits;

/// Whether the peer may have moved, and when it was last asked.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// By itself, since few peers ever move.
    candidate: Option<Box<Candidate>>,
    /// When the latest question to any such address left.
    asked_at: Option<Instant>,
}

/// An address that the newest packet came from.
#[derive(Debug)]
struct Candidate {
    path: Path,
    /// Bytes that came from there and were not spent yet.
    budget: usize,
    /// When it may be asked, again or for the first time.
    due: Instant,
    question: Option<Question>,
    /// What the peer asks back there.
    response: Option<[u8; 8]>,
}

/// What was asked, and until when its answer counts.
#[derive(Clone, Copy, Debug)]
struct Question {
    data: [u8; 8],
    /// When it was asked, if it was asked once.
    asked_once: Option<Instant>,
    until: Instant,
}

impl Elsewhere {
    /// Notes a packet of `len` bytes from an address that is not the session's.
    pub(super) fn on_packet(&mut self, now: Instant, path: Path, len: usize, newest: bool) {
        self.forget_unanswered(now);
        match &mut self.candidate {
            Some(known) if known.path.remote == path.remote => {
                known.path.local = path.local.or(known.path.local);
                known.budget = known.budget.saturating_add(len);
            }
            _ if newest => {
                self.candidate = Some(Box::new(Candidate::new(path, len, self.may_ask(now))));
            }
            _ => {}
        }
    }

    /// The newest packet came from where the session's always did.
    pub(super) fn give_up(&mut self) {
        self.candidate = None;
    }

    /// The peer asks for `data` back, in a packet by `path`.
    pub(super) fn handle_challenge(&mut self, path: Path, data: [u8; 8]) {
        if let Some(candidate) = self.candidate_at(path) {
            candidate.response = Some(data);
        }
    }

    /// The peer sent `data` back, in a packet by `path`. If it is the answer, nobody is a candidate
    /// any more: returns where the peer is, and the round trip, where it is known which of the
    /// questions was answered (RFC 6298, section 3).
    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        path: Path,
        data: [u8; 8],
    ) -> Option<(Path, Option<Duration>)> {
        self.forget_unanswered(now);
        let candidate = self.candidate_at(path)?;
        let question = candidate.question.filter(|question| question.data == data)?;
        let proven = candidate.path;
        self.candidate = None;
        Some((proven, question.asked_once.map(|at| now.saturating_duration_since(at))))
    }

    /// Whether a packet should leave for there now.
    pub(super) fn due(&self, now: Instant) -> bool {
        self.paying().is_some_and(|it| it.asks(now) || it.response.is_some())
    }

    /// When it may be asked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.paying().filter(|it| it.asks(it.due)).map(|it| it.due)
    }

    /// Where it is, and the largest packet that may go there.
    pub(super) fn path(&self) -> Option<(Path, usize)> {
        let candidate = self.candidate.as_ref()?;
        Some((candidate.path, candidate.budget.min(limits::DATAGRAM_SIZE)))
    }

    /// Asks, if it is time: for `data`, whose answer counts for so long, or again for what was asked
    /// before.
    pub(super) fn ask(&mut self, now: Instant, data: [u8; 8], valid: Duration) -> Option<[u8; 8]> {
        let candidate = self.candidate.as_deref_mut().filter(|candidate| candidate.asks(now))?;
        let question = match candidate.question {
            Some(before) => Question { asked_once: None, ..before },
            None => Question { data, asked_once: Some(now), until: now + valid },
        };
        candidate.question = Some(question);
        candidate.due = now + limits::MOVE_INTERVAL;
        self.asked_at = Some(now);
        Some(question.data)
    }

    /// What the peer asks back there.
    pub(super) fn response(&self) -> Option<[u8; 8]> {
        self.candidate.as_ref()?.response
    }

    pub(super) fn on_response_written(&mut self) {
        if let Some(candidate) = &mut self.candidate {
            candidate.response = None;
        }
    }

    /// Pays for a packet that leaves for `path`; whether it goes there.
    pub(super) fn on_sent(&mut self, path: Path, len: usize) -> bool {
        let candidate = self.candidate_at(path);
        let goes_there = candidate.is_some();
        if let Some(candidate) = candidate {
            candidate.budget = candidate.budget.saturating_sub(len);
        }
        goes_there
    }

    fn candidate_at(&mut self, path: Path) -> Option<&mut Candidate> {
        self.candidate.as_deref_mut().filter(|candidate| candidate.path.remote == path.remote)
    }

    fn paying(&self) -> Option<&Candidate> {
        self.candidate.as_deref().filter(|candidate| candidate.budget >= wire::PACKET_MIN)
    }

    fn may_ask(&self, now: Instant) -> Instant {
        let damped = self.asked_at.map(|at| at + limits::MOVE_INTERVAL);
        damped.map_or(now, |at| at.max(now))
    }

    /// No answer came in time; a later packet from there begins anew.
    fn forget_unanswered(&mut self, now: Instant) {
        let question = self.candidate.as_ref().and_then(|candidate| candidate.question);
        if question.is_some_and(|question| question.until <= now) {
            self.candidate = None;
        }
    }
}

impl Candidate {
    const fn new(path: Path, budget: usize, due: Instant) -> Self {
        Self { path, budget, due, question: None, response: None }
    }

    fn asks(&self, now: Instant) -> bool {
        self.due <= now && self.question.is_none_or(|question| now < question.until)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    const VALID: Duration = Duration::from_millis(600);

    fn path(port: u16) -> Path {
        Path { remote: SocketAddr::from(([127, 0, 0, 1], port)), local: None }
    }

    fn ask(elsewhere: &mut Elsewhere, now: Instant, data: u8) -> bool {
        elsewhere.due(now) && elsewhere.ask(now, [data; 8], VALID).is_some()
    }

    #[test]
    fn the_answer_counts_from_the_address_that_was_asked_alone() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        elsewhere.on_packet(now, path(2), 40, true);
        assert!(ask(&mut elsewhere, now, 7));
        let later = now + Duration::from_millis(30);
        assert_eq!(elsewhere.handle_response(later, path(3), [7; 8]), None);
        assert_eq!(elsewhere.handle_response(later, path(2), [8; 8]), None);
        let proven = Some((path(2), Some(Duration::from_millis(30))));
        assert_eq!(elsewhere.handle_response(later, path(2), [7; 8]), proven);
        assert_eq!(elsewhere.handle_response(later, path(2), [7; 8]), None, "once");
    }

    #[test]
    fn the_same_is_asked_again_each_second_for_as_long_as_its_answer_counts() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        let valid = Duration::from_millis(2_500);
        elsewhere.on_packet(now, path(2), 200, true);
        for (data, seconds) in (7..).zip(0..3) {
            let at = now + limits::MOVE_INTERVAL * seconds;
            assert_eq!(elsewhere.deadline(), Some(at));
            assert_eq!(elsewhere.ask(at, [data; 8], valid), Some([7; 8]), "{seconds} s");
            assert_eq!(elsewhere.ask(at, [data; 8], valid), None);
        }
        assert_eq!(elsewhere.deadline(), None, "the next would come too late");
        assert!(!elsewhere.due(now + limits::MOVE_INTERVAL * 3));
        let proven = elsewhere.handle_response(now + valid / 2, path(2), [7; 8]);
        assert_eq!(proven, Some((path(2), None)), "which was answered is not known");
    }

    #[test]
    fn an_answer_that_comes_too_late_proves_nothing_and_the_next_packet_asks_anew() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        elsewhere.on_packet(now, path(2), 40, true);
        assert!(ask(&mut elsewhere, now, 7));
        assert_eq!(elsewhere.handle_response(now + VALID, path(2), [7; 8]), None);
        let later = now + limits::MOVE_INTERVAL;
        elsewhere.on_packet(later, path(2), 40, true);
        assert!(ask(&mut elsewhere, later, 8));
    }

    #[test]
    fn whoever_comes_within_a_second_of_a_question_waits_for_its_own() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        elsewhere.on_packet(now, path(2), 40, true);
        assert!(ask(&mut elsewhere, now, 7));
        for port in 3..20 {
            let at = now + Duration::from_millis(u64::from(port) * 10);
            elsewhere.on_packet(at, path(port), 40, true);
            assert!(!ask(&mut elsewhere, at, 8), "port {port}");
        }
        let due = now + limits::MOVE_INTERVAL;
        assert_eq!(elsewhere.deadline(), Some(due));
        assert!(ask(&mut elsewhere, due, 9));
        assert_eq!(elsewhere.path().map(|(path, _)| path), Some(path(19)));
    }

    #[test]
    fn what_came_from_there_pays_for_what_goes_there() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        elsewhere.on_packet(now, path(2), 40, true);
        elsewhere.handle_challenge(path(2), [1; 8]);
        assert!(ask(&mut elsewhere, now, 7));
        assert!(elsewhere.on_sent(path(2), 40));
        assert!(!elsewhere.due(now), "the response waits until it is paid for");
        elsewhere.on_packet(now, path(2), 40, false);
        assert!(elsewhere.due(now));
        assert_eq!(elsewhere.path(), Some((path(2), 40)));
    }

    #[test]
    fn the_peer_is_where_its_newest_packet_came_from() {
        let (now, mut elsewhere) = (Instant::now(), Elsewhere::default());
        elsewhere.on_packet(now, path(2), 40, false);
        assert!(elsewhere.path().is_none(), "an old packet moves nothing");
        elsewhere.on_packet(now, path(2), 40, true);
        assert!(ask(&mut elsewhere, now, 7));
        elsewhere.give_up();
        assert_eq!(elsewhere.handle_response(now, path(2), [7; 8]), None);
    }
}
