//! An oracle that is told of broken promises finds each, and no other.

use biplane_proto::RequestError;

use super::*;
use crate::{Rng, stamp};

const SENDER: Side = Side::Client(0);
const TAKER: Side = Side::Server(0);

struct Stand {
    now: Instant,
    oracle: Oracle,
    ordered: ChannelId,
}

impl Stand {
    fn new() -> Self {
        let (now, protocol) = (Instant::now(), Protocol::of_every_kind());
        let ordered = protocol.channel("ordered").unwrap();
        Self { now, oracle: Oracle::new(9, now, protocol), ordered }
    }

    fn send(&mut self) -> Bytes {
        let index = self.oracle.next_index(SENDER, self.ordered);
        let bytes = stamp(index, 20, &mut Rng::new(index));
        self.oracle.sent(self.now, SENDER, self.ordered, (bytes.clone(), Ok(())));
        bytes
    }

    fn take(&mut self, bytes: &Bytes) {
        self.oracle.event(self.now, TAKER, &Event::Readable);
        self.oracle.taken(self.now, TAKER, self.ordered, bytes);
        self.oracle.drained(self.now, TAKER, true);
    }

    /// What is broken, by the end of the run.
    fn broken(mut self) -> Vec<Broken> {
        self.oracle.finish(self.now);
        self.oracle.breaches().iter().map(|breach| breach.what.clone()).collect()
    }
}

fn left() -> Event {
    Event::Left(CloseReason::TimedOut)
}

#[test]
fn kept_promises_are_no_breach() {
    let mut stand = Stand::new();
    for _ in 0..3 {
        let message = stand.send();
        assert_eq!(stand.oracle.owed(), 1);
        stand.take(&message);
    }
    assert_eq!((stand.oracle.owed(), stand.oracle.taken_of(SENDER, stand.ordered)), (0, 3));
    assert_eq!(stand.broken(), []);
}

#[test]
fn a_breach_says_where() {
    let mut stand = Stand::new();
    let message = stand.send();
    stand.take(&message);
    stand.now += Duration::from_secs(1);
    stand.take(&message);
    assert_eq!(
        stand.oracle.breaches()[0].to_string(),
        "seed 9, 1.000000 s, server of client 0, channel 1 (reliable_ordered): \
         message 0 came twice"
    );
}

#[test]
fn what_is_owed_at_the_end_is_missing_and_before_that_it_is_stuck() {
    let mut stand = Stand::new();
    stand.send();
    stand.oracle.overdue(stand.now, Duration::from_secs(10));
    let waited = Duration::from_secs(10);
    let stuck = MessageBreach::Stuck { count: 1, oldest: 0, waited };
    let missing = MessageBreach::Missing { index: 0 };
    assert_eq!(stand.broken(), [stuck.into(), missing.into()]);
}

#[test]
fn what_expired_on_one_channel_hides_nothing_on_another() {
    let mut stand = Stand::new();
    let mut protocol = Protocol::of_every_kind();
    protocol.configure(|name, channel| {
        channel.lifetime = (name == "ordered").then_some(Duration::from_millis(100));
    });
    let sequenced = protocol.channel("sequenced").unwrap();
    stand.oracle = Oracle::new(9, stand.now, protocol);
    stand.send();
    stand.oracle.expired(stand.now, SENDER, sequenced, 7);
    stand.oracle.expired(stand.now, SENDER, stand.ordered, 1);
    assert_eq!(stand.oracle.breaches(), []);
    stand.send();
    stand.oracle.expired(stand.now, SENDER, stand.ordered, 1);
    let vanished = SessionBreach::Vanished { missing: 2, expired: 1 };
    assert_eq!(stand.oracle.breaches()[0].what, vanished.into());
    assert_eq!(stand.oracle.breaches()[0].channel.unwrap().0, stand.ordered);
}

#[test]
fn after_the_last_event_there_is_nothing() {
    let mut stand = Stand::new();
    stand.oracle.may_leave(TAKER);
    let (one, two) = (stand.send(), stand.send());
    stand.oracle.event(stand.now, TAKER, &left());
    assert!(stand.oracle.has_left(TAKER));
    // What had come by then may be taken then.
    stand.oracle.taken(stand.now, TAKER, stand.ordered, &one);
    stand.now += Duration::from_millis(1);
    stand.oracle.taken(stand.now, TAKER, stand.ordered, &two);
    stand.oracle.event(stand.now, TAKER, &Event::Writable);
    let event = SessionBreach::EventAfterLeft { event: "Writable".to_owned() };
    assert_eq!(stand.broken(), [MessageBreach::AfterLeft.into(), event.into()]);
}

#[test]
fn a_session_may_not_end_by_itself() {
    let mut stand = Stand::new();
    stand.oracle.event(stand.now, TAKER, &left());
    assert_eq!(stand.broken(), [SessionBreach::Ended(CloseReason::TimedOut).into()]);
}

#[test]
fn messages_are_announced() {
    let mut stand = Stand::new();
    let message = stand.send();
    stand.oracle.taken(stand.now, TAKER, stand.ordered, &message);
    stand.oracle.drained(stand.now, TAKER, true);
    assert_eq!(stand.broken(), [SessionBreach::Unannounced.into()]);
}

#[test]
fn a_full_queue_is_said_to_be_free_again_and_no_other_refusal_is_in_order() {
    let refuse = |error: SendError, event: Option<Event>| {
        let mut stand = Stand::new();
        let message = (Bytes::new(), Err(error));
        stand.oracle.sent(stand.now, SENDER, stand.ordered, message);
        event.into_iter().for_each(|event| stand.oracle.event(stand.now, SENDER, &event));
        stand.broken()
    };
    assert_eq!(refuse(SendError::QueueFull, Some(Event::Writable)), []);
    assert_eq!(refuse(SendError::QueueFull, None), [SessionBreach::NeverWritable.into()]);
    let closed = SessionBreach::Refused(SendError::Closed);
    assert_eq!(refuse(SendError::Closed, None), [closed.into()]);
}

#[test]
fn a_request_ends_with_its_answer() {
    let mut stand = Stand::new();
    let ids = [0, 1].map(RequestId);
    for id in ids {
        stand.oracle.asked(SENDER, id, 0, Bytes::new());
    }
    assert_eq!(stand.oracle.owed(), 2);
    let answered = Answered { id: ids[0], outcome: Err(RequestError::TimedOut) };
    stand.oracle.answered(stand.now, SENDER, &answered);
    let unanswered = RequestBreach::Unanswered(ids[0], RequestError::TimedOut);
    let never = RequestBreach::NeverAnswered { count: 1 };
    assert_eq!(stand.broken(), [unanswered.into(), never.into()]);
}

#[test]
fn planes_are_back_and_told_when_all_faults_have_stopped() {
    let recovered = |told: Option<Planes>, is: Planes| {
        let mut stand = Stand::new();
        let event = told.map(Event::Planes);
        event.into_iter().for_each(|event| stand.oracle.event(stand.now, SENDER, &event));
        stand.oracle.recovered(stand.now, SENDER, is);
        stand.broken()
    };
    assert_eq!(recovered(Some(Planes::Both), Planes::Both), []);
    let lame = SessionBreach::Lame(Planes::ControlOnly);
    assert_eq!(recovered(Some(Planes::Both), Planes::ControlOnly), [lame.into()]);
    let told = Some(Planes::ControlOnly);
    let otherwise = SessionBreach::ToldOtherwise { told, is: Planes::Both };
    assert_eq!(recovered(told, Planes::Both), [otherwise.into()]);
}
