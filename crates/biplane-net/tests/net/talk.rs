//! A talk over a session's control plane: commands, requests and replies both ways, of which every
//! one must arrive once, in order, whatever becomes of TCP.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use biplane_net::Slot;
use biplane_proto::{CloseReason, Event, Reply};
use bytes::Bytes;

use crate::{
    patience::until,
    support::{CHAT, channel_id},
};

/// Commands, and requests, of a side that the other may not have heard.
const AHEAD: usize = 8;
/// A request waits longer than any of these tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// What two sides say to each other, and what they hear.
pub(crate) struct Talk {
    sides: [Speaker; 2],
}

/// What may be planted in a talk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Twice,
    Swapped,
}

struct Speaker {
    slot: Arc<Slot>,
    said: usize,
    asked: usize,
    heard: Vec<Bytes>,
    called: Vec<Bytes>,
    /// Which question, and its answer.
    answered: Arc<Mutex<Vec<(usize, Bytes)>>>,
    left: Option<CloseReason>,
}

/// What is said the n-th time: of many lengths, some longer than a record.
fn words(what: &str, number: usize, most: usize) -> Bytes {
    let len = 20 + number * 997 % most;
    let mut words = format!("{what} {number} ").into_bytes();
    words.resize(len.max(words.len()), b'.');
    words.into()
}

fn command(number: usize) -> Bytes {
    words("command", number, 300)
}

fn question(number: usize) -> Bytes {
    words("question", number, if number % 10 == 9 { 20_000 } else { 200 })
}

impl Talk {
    pub(crate) fn between(here: &Arc<Slot>, there: &Arc<Slot>) -> Self {
        Self { sides: [here, there].map(|slot| Speaker::new(Arc::clone(slot))) }
    }

    /// Says what may be said, and waits for nothing.
    pub(crate) fn begin(&mut self) {
        for _ in 0..AHEAD {
            self.say();
        }
    }

    /// Goes on until it is so.
    pub(crate) fn go_on_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        until("a talk to go on", || {
            self.say();
            self.listen();
            is_so(self)
        });
    }

    /// One side hears its last command twice, or its last two in the wrong order.
    pub(crate) fn plant(&mut self, fault: Fault) {
        let heard = &mut self.sides[1].heard;
        let last = heard.len() - 1;
        match fault {
            Fault::Twice => heard.push(heard[last].clone()),
            Fault::Swapped => heard.swap(last - 1, last),
        }
    }

    /// Commands that both have heard.
    pub(crate) fn heard(&self) -> usize {
        self.sides.iter().map(|side| side.heard.len()).min().unwrap()
    }

    /// Why it ended for either side, if it did.
    pub(crate) fn left(&self) -> [Option<&CloseReason>; 2] {
        self.sides.each_ref().map(|side| side.left.as_ref())
    }

    /// Says no more, and waits until everything is heard and answered; checks that it was once, and
    /// in order.
    pub(crate) fn ends(mut self) {
        until("a talk to end", || {
            self.listen();
            assert_eq!(self.left(), [None, None]);
            let [here, there] = &self.sides;
            here.has_ended(there) && there.has_ended(here)
        });
        let [here, there] = &self.sides;
        for (one, other) in [(here, there), (there, here)] {
            assert_eq!(other.heard, (0..one.said).map(command).collect::<Vec<_>>());
            assert_eq!(other.called, (0..one.asked).map(question).collect::<Vec<_>>());
            let mut answered = one.answered.lock().unwrap().clone();
            answered.sort_by_key(|(number, _)| *number);
            let expected = (0..one.asked).map(|number| (number, question(number)));
            assert_eq!(answered, expected.collect::<Vec<_>>());
        }
    }

    fn say(&mut self) {
        let [here, there] = &mut self.sides;
        here.say(there.heard.len());
        there.say(here.heard.len());
    }

    pub(crate) fn listen(&mut self) {
        self.sides.iter_mut().for_each(Speaker::listen);
    }
}

impl Speaker {
    fn new(slot: Arc<Slot>) -> Self {
        Self {
            slot,
            said: 0,
            asked: 0,
            heard: Vec::new(),
            called: Vec::new(),
            answered: Arc::default(),
            left: None,
        }
    }

    /// One command and one question, unless the other is far behind.
    fn say(&mut self, heard: usize) {
        if self.left.is_some() {
            return;
        }
        if self.said < heard + AHEAD {
            let command = command(self.said);
            let sent = self.slot.with(|now, session| session.send(now, channel_id(CHAT), command));
            self.said += usize::from(sent.is_ok());
        }
        if self.asked < self.answered.lock().unwrap().len() + AHEAD {
            self.ask();
        }
    }

    fn ask(&mut self) {
        let number = self.asked;
        let asked =
            self.slot.with(|now, session| session.request(now, 0, question(number), DEADLINE));
        let Ok(id) = asked else { return };
        self.asked += 1;
        let answered = Arc::clone(&self.answered);
        let note = move |outcome: Result<Bytes, _>| {
            // None comes to a session that ends, which whoever talks finds out otherwise.
            if let Ok(answer) = outcome {
                answered.lock().unwrap().push((number, answer));
            }
        };
        self.slot.on_answer(id, Box::new(note));
    }

    fn listen(&mut self) {
        let Self { slot, heard, called, left, .. } = self;
        slot.with(|now, session| {
            heard.extend(core::iter::from_fn(|| session.take(now, channel_id(CHAT))));
            while let Some(event) = session.poll_event() {
                match event {
                    Event::Called(call) => {
                        called.push(call.payload.clone());
                        // Refused only by a session that is over.
                        session.reply(now, call.id, Reply::Answer(call.payload)).ok();
                    }
                    Event::Left(reason) => *left = Some(reason),
                    _ => {}
                }
            }
        });
    }

    fn has_ended(&self, other: &Self) -> bool {
        other.heard.len() >= self.said && self.answered.lock().unwrap().len() >= self.asked
    }
}
