//! Slots with their sessions in them, for the models of this crate; what they publish.

use biplane_proto::{Arrival, DropReason, Path};
use biplane_wire::{Frame, KeyPhase};

use super::{
    tests::{about, remote, session},
    *,
};
use crate::{
    announcements::Announcements,
    hub::Sizes,
    sync::explore::{Task, orders_with, together},
};

/// An endpoint's middle without its socket, and where its application takes from.
pub(crate) fn hub(senders: usize) -> (Arc<Hub>, Announcements) {
    let sizes =
        Sizes { receivers: 2, senders, sessions: 4, threading: crate::Threading::Dedicated };
    Hub::new(
        clock::now(),
        remote(),
        sizes,
        biplane_proto::SessionConfig::default(),
        PacketNumber(0),
    )
}

impl Slot {
    /// A client's slot of `hub` with this number for its id; its session has
    /// nothing to do, and its keys are in place.
    pub(crate) fn modelled(number: u32, hub: &Arc<Hub>) -> Arc<Self> {
        let epoch = hub.work().epoch();
        let slot = Self::new(about(epoch, number), session(epoch.0), hub);
        slot.open_path();
        slot
    }

    /// Its endpoint and itself.
    pub(crate) fn around(&self) -> Option<(Arc<Hub>, Arc<Self>)> {
        self.hub.upgrade().zip(self.me.upgrade())
    }

    /// Marks it as one that will be flushed; whether it was none.
    pub(crate) fn claim_dirty(&self) -> bool {
        self.flags.dirty.enter()
    }

    /// Has the session's UDP path answered, and lets leave what that brings about.
    fn open_path(&self) {
        let now = clock::now();
        let mut answered = false;
        let ((), aftermath) = self.enter(now, |session| {
            let mut packet = Vec::new();
            while session.poll_packet(now, &mut packet).is_some() {
                let frames = packet.get(biplane_wire::Header::LEN..).unwrap_or_default();
                let challenge = biplane_wire::Frames::new(frames).find_map(|frame| match frame {
                    Ok(Frame::PathChallenge(data)) => Some(data),
                    _ => None,
                });
                packet.clear();
                if let Some(data) = challenge.filter(|_| !mem::replace(&mut answered, true)) {
                    let mut response = Vec::new();
                    Frame::PathResponse(data).encode(&mut response);
                    session.handle_packet(now, &arrival(0), &response).unwrap();
                }
            }
        });
        assert!(answered, "its first packet asks");
        drop(aftermath);
    }

    /// Takes in a packet of this number that says nothing but that it wants an answer.
    fn hear(&self, number: u64) -> Result<(), DropReason> {
        self.hear_in(KeyPhase::FIRST, number)
    }

    fn hear_in(&self, phase: KeyPhase, number: u64) -> Result<(), DropReason> {
        let mut ping = Vec::new();
        Frame::Ping.encode(&mut ping);
        let now = clock::now();
        let (outcome, aftermath) = self.enter(now, |session| {
            session.handle_packet(now, &Arrival { phase, ..arrival(number) }, &ping)
        });
        drop(aftermath);
        outcome
    }

    /// Ends its session, as a peer that is gone does; what is to be done about it.
    pub(crate) fn end(&self) -> Aftermath {
        let now = clock::now();
        let ((), aftermath) = self.enter(now, |session| {
            session.close(now, "bye");
            session.handle_control_lost(now, biplane_proto::ControlLoss::Broken);
            // The peer is told.
            let mut packet = Vec::new();
            while session.poll_packet(now, &mut packet).is_some() {
                packet.clear();
            }
        });
        assert!(aftermath.over);
        aftermath
    }
}

fn arrival(number: u64) -> Arrival {
    Arrival {
        received_at: clock::now(),
        path: Path { remote: remote(), local: None },
        number: PacketNumber(number),
        epoch: JOINED,
        phase: KeyPhase::FIRST,
        ecn: None,
    }
}

/// Of a session that was not resumed.
const JOINED: KeyEpoch = KeyEpoch(0);

/// Beyond every replay window from the first packets.
const FAR: u64 = 1_000_000;

/// Two receivers commit packets far apart as `hear` does; one peeks at the floor meanwhile.
fn floor_and_largest(hear: fn(&Slot, u64)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        let commit = |number| -> Task {
            let slot = Arc::clone(&slot);
            Box::new(move || hear(&slot, number))
        };
        let (one, other) = (commit(FAR), commit(2 * FAR));
        let peeker = Arc::clone(&slot);
        let peek: Task = Box::new(move || {
            let (floor, largest) = (peeker.floor(), peeker.largest());
            if let Some(below) = floor.0.checked_sub(1) {
                assert!(peeker.hear(below).is_err(), "what the peek refuses is taken in");
            }
            assert!(peeker.floor() >= floor, "the floor sank");
            assert!(peeker.largest() >= largest, "the largest sank");
        });
        together([one, other, peek]);
        assert_eq!(slot.largest(), PacketNumber(2 * FAR), "the largest is not the last word");
    });
}

#[test]
fn floor_and_largest_never_sink_and_the_peek_refuses_nothing_that_would_be_taken() {
    floor_and_largest(|slot, number| slot.hear(number).unwrap_or_default());
}

#[test]
#[should_panic(expected = "the largest is not the last word")]
fn canary_what_is_published_when_the_lock_is_free_again() {
    floor_and_largest(|slot, number| {
        let now = clock::now();
        let mut session = lock(&slot.session);
        session.handle_packet(now, &arrival(number), &[1]).unwrap_or_default();
        let (largest, floor) = (session.largest_received(), session.floor());
        drop(session);
        slot.published.largest.store(largest.0, Ordering::Release);
        slot.published.floor.store(floor.0, Ordering::Release);
    });
}

#[test]
#[should_panic(expected = "what the peek refuses is taken in")]
fn canary_a_floor_that_is_published_before_its_packet_is_in() {
    floor_and_largest(|slot, number| {
        slot.published.floor.store(number, Ordering::Release);
        slot.hear(number).unwrap_or_default();
    });
}

/// The peer's first packet of its next phase is taken in as `hear` does while two look for keys.
fn key_update(hear: fn(&Slot, KeyPhase)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        let next = KeyPhase::FIRST.next();
        let moves_on = Arc::clone(&slot);
        let commit: Task = Box::new(move || {
            hear(&moves_on, next);
            assert!(
                moves_on.keys().opener(JOINED, next.next()).is_some(),
                "no key for the phase after"
            );
        });
        let look = || -> Task {
            let slot = Arc::clone(&slot);
            Box::new(move || {
                assert!(
                    slot.keys().opener(JOINED, KeyPhase::FIRST).is_some(),
                    "for what is under way"
                );
                assert!(slot.keys().opener(JOINED, next).is_some(), "for what comes");
                assert!(
                    slot.keys().sealer(JOINED, KeyPhase::FIRST).is_some(),
                    "for what was filled"
                );
            })
        };
        let (one, other) = (look(), look());
        together([commit, one, other]);
    });
}

#[test]
fn while_the_peer_moves_on_every_phase_that_may_come_has_its_key() {
    key_update(|slot, next| slot.hear_in(next, 1).unwrap());
}

#[test]
#[should_panic(expected = "no key for the phase after")]
fn canary_keys_that_do_not_follow_their_session() {
    key_update(|slot, phase| {
        let arrival = Arrival { phase, ..arrival(1) };
        lock(&slot.session).handle_packet(clock::now(), &arrival, &[1]).unwrap();
    });
}

/// One brings events, the application takes them as `take` does until the session has left.
fn ready(take: fn(&Slot) -> bool) {
    orders_with(3, move || {
        let (hub, outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        let (closer, ender) = (Arc::clone(&slot), Arc::clone(&slot));
        let close: Task = Box::new(move || closer.introduce());
        let end: Task = Box::new(move || ender.follow(ender.end()));
        let application: Task = Box::new(move || {
            let mut left = false;
            while !left {
                let announced = outlets.ready.recv().unwrap();
                assert!(outlets.ready.len() == 0, "it stands there twice");
                left = take(&announced);
            }
        });
        together([close, end, application]);
        drop(slot);
    });
}

/// Messages come one after the other as `hear` brings them; the application reads when it is told
/// of the session, and again when it is told that it can.
fn readable(hear: fn(&Arc<Slot>, u64)) {
    orders_with(3, move || {
        let (hub, outlets) = hub(1);
        let slot = Slot::modelled(1, &hub);
        let receiver = Arc::clone(&slot);
        let receive: Task = Box::new(move || (1..=2).for_each(|number| hear(&receiver, number)));
        let application: Task = Box::new(move || {
            let mut newest = 0;
            let mut read = |slot: &Slot| {
                if slot.readable() != 0 {
                    slot.take(ChannelId::new(0).unwrap(), 2, &mut |content| {
                        newest = content.as_slice().first().copied().unwrap();
                    });
                }
                newest
            };
            loop {
                let announced = outlets.ready.recv().unwrap();
                announced.clear_ready();
                let mut got = read(&announced);
                while announced.poll_event().is_some() {
                    got = read(&announced);
                }
                if got == 2 {
                    break;
                }
            }
        });
        together([receive, application]);
        drop(slot);
    });
}

/// A packet of this number with a message that says so.
fn message(number: u64) -> Vec<u8> {
    let payload = [u8::try_from(number).unwrap()];
    let sequence = Some(u32::try_from(number).unwrap());
    let channel = ChannelId::new(0).unwrap();
    let (after, clock, delimited) = (None, None, true);
    let message =
        biplane_wire::Message { channel, sequence, after, clock, delimited, payload: &payload };
    let mut bytes = Vec::new();
    Frame::Message(message).encode(&mut bytes);
    bytes
}

#[test]
fn an_application_that_takes_without_the_lock_misses_no_message() {
    readable(|slot, number| {
        let now = clock::now();
        let (outcome, aftermath) = slot
            .enter(now, |session| session.handle_packet(now, &arrival(number), &message(number)));
        outcome.unwrap();
        slot.follow(aftermath);
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_what_was_taken_meanwhile_counts_for_what_came_meanwhile() {
    readable(|slot, number| {
        let now = clock::now();
        let (news, aftermath) = slot.enter(now, |session| {
            session.handle_packet(now, &arrival(number), &message(number)).unwrap();
            // After the last look at the lock's contents: whoever took it has not seen this one.
            slot.published.news.hand_on(session);
            session.has_event()
        });
        let aftermath = Aftermath { news, ..aftermath };
        slot.follow(aftermath);
    });
}

/// Takes every event; whether the last one was among them.
fn take_events(slot: &Slot) -> bool {
    let (left, aftermath) = slot.enter(clock::now(), |session| {
        core::iter::from_fn(|| session.poll_event()).any(|event| matches!(event, Event::Left(_)))
    });
    drop(aftermath);
    left
}

#[test]
fn an_application_hears_of_every_event() {
    ready(|slot| {
        slot.clear_ready();
        take_events(slot)
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn canary_an_application_that_takes_first() {
    ready(|slot| {
        let left = take_events(slot);
        slot.clear_ready();
        left
    });
}
