//! Two sessions, two applications, and a network that does as it likes.
//!
//! ```text
//! { | step 1 | what it needs … | } …
//! ```
//!
//! As long as no packet is changed on its way, nobody breaks a rule, and what is reliable comes
//! once, in order, and in the end.

use std::{collections::VecDeque, time::Duration};

use biplane_proto::CloseReason;
use bytes::Bytes;

use crate::{
    duo::{COMMAND, Duo, ORDERED, Packet, SEQUENCED, UNORDERED},
    labels,
    script::Script,
};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "AckOfUnsent",
    "CreditOverrun",
    "MessageTooLong",
    "NotCanonical ack ranges",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotText close text",
    "OutOfRange ack delay",
    "OutOfRange channel",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "Reserved",
    "SequenceRange",
    "TakenUnsent",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooLong message",
    "TooLong taken ranges",
    "TotalChanged",
    "Truncated",
    "UnknownChannel",
    "UnknownType",
    "WrongFrame",
    "answer Closed",
    "answer Refused",
    "answer TimedOut",
    "answer Unanswered",
    "answered",
    "came to rest",
    "dropped: closed",
    "dropped: replayed",
    "ended",
    "left: accused",
    "left: closed",
    "left: closed_here",
    "left: connection_lost",
    "left: dropped",
    "left: timed_out",
    "notice Delivered",
    "notice Expired",
    "notice Lost",
    "notice Superseded",
    "taken of 0",
    "taken of 1",
    "taken of 2",
    "taken of 3",
    "taken of 4",
];

/// No message is longer: some go in pieces, and none takes long.
const LONGEST: usize = 8_000;
/// Rounds of 20 ms after which everything must have come.
const PATIENCE: usize = 3_000;
/// Packets under way in one direction; the network drops what is more.
const LINK: usize = 512;

/// One direction.
#[derive(Debug, Default)]
struct Line {
    packets: VecDeque<Packet>,
    control: Vec<u8>,
}

/// What an application sent and what the other took, by channel.
#[derive(Debug, Default)]
struct Traffic {
    sent: [u32; 5],
    taken: [Vec<u32>; 5],
}

#[derive(Debug)]
struct Scene {
    duo: Duo,
    /// By who sends.
    lines: [Line; 2],
    traffic: [Traffic; 2],
    /// A packet was changed on its way.
    tampered: bool,
}

/// Runs `data` as what happens to two sessions.
pub fn pair(data: &[u8]) {
    let mut scene = Scene {
        duo: Duo::new(),
        lines: Default::default(),
        traffic: Default::default(),
        tampered: false,
    };
    let mut script = Script(data);
    scene.pump();
    while let Some(step) = script.next() {
        scene.step(usize::from(step & 1), step >> 1, &mut script);
        scene.pump();
    }
    if !scene.tampered {
        scene.come_to_rest();
    }
    scene.duo.finish();
}

impl Scene {
    fn step(&mut self, side: usize, step: u8, script: &mut Script<'_>) {
        let now = self.duo.now;
        match step % 16 {
            0 | 1 => self.send(side, script.byte() % 5, script.number()),
            2 | 3 => self.deliver(side, script.byte()),
            4 => self.drop_one(side, script.byte()),
            5 => self.duplicate(side, script.byte()),
            6 => self.deliver_control(side, script.number().into()),
            7 => self.duo.wait(Duration::from_millis(u64::from(script.byte()) * 10)),
            8 => self.take(side),
            9 => self.ask(side, script.byte()),
            10 => self.duo.sides[side].reply(now),
            11 => self.tamper(side, script),
            12 => self.duo.sides[side].session.flush(now),
            13 => self.settle(),
            14 => self.end(side, script.byte()),
            _ => self.lines[side].packets.clear(),
        }
    }

    /// Puts what both sessions give out on their lines.
    fn pump(&mut self) {
        for side in [0, 1] {
            let (packets, control) = self.duo.drain(side);
            let line = &mut self.lines[side];
            line.packets.extend(packets);
            line.packets.truncate(LINK);
            line.control.extend(control);
        }
        if !self.tampered {
            self.check_peace();
        }
    }

    fn check_peace(&self) {
        for side in &self.duo.sides {
            let quarrel =
                matches!(side.left, Some(CloseReason::Violation(_) | CloseReason::Accused { .. }));
            assert!(!quarrel, "{:?} between honest sides", side.left);
        }
    }

    fn send(&mut self, side: usize, channel: u8, len: u16) {
        let traffic = &mut self.traffic[side];
        let count = &mut traffic.sent[usize::from(channel)];
        let mut payload = count.to_be_bytes().to_vec();
        payload.resize(payload.len() + usize::from(len) % LONGEST, channel);
        let asks = len & 1 == 1;
        let sent = self.duo.sides[side].send(self.duo.now, channel, payload.into(), asks);
        *count += u32::from(sent.is_ok());
    }

    fn take(&mut self, side: usize) {
        for id in 0..5 {
            for message in self.duo.sides[side].take(self.duo.now, id) {
                self.on_taken(1 - side, id, &message);
            }
        }
    }

    /// Asserts what the channel promises of a message that `from` sent.
    fn on_taken(&mut self, from: usize, id: u8, message: &Bytes) {
        if self.tampered {
            return;
        }
        labels::note(|| format!("taken of {id}"));
        let count = u32::from_be_bytes([message[0], message[1], message[2], message[3]]);
        assert_eq!(message[4..], vec![id; message.len() - 4]);
        let Traffic { sent, taken } = &mut self.traffic[from];
        let taken = &mut taken[usize::from(id)];
        assert!(count < sent[usize::from(id)]);
        match id {
            COMMAND | ORDERED => assert_eq!(taken.last().map_or(0, |last| last + 1), count),
            UNORDERED => assert!(!taken.contains(&count)),
            SEQUENCED => assert!(taken.last().is_none_or(|last| *last < count)),
            _ => {}
        }
        taken.push(count);
    }

    fn deliver(&mut self, side: usize, index: u8) {
        let packets = &mut self.lines[side].packets;
        if let Some(packet) = packets.remove(usize::from(index) % packets.len().max(1)) {
            self.hear(1 - side, &packet);
        }
    }

    /// Duplicates, late packets and those after the end are dropped, as they should be.
    fn hear(&mut self, side: usize, packet: &Packet) {
        if let Err(reason) = self.duo.sides[side].hear(self.duo.now, packet) {
            labels::note(|| format!("dropped: {}", reason.name()));
        }
    }

    fn drop_one(&mut self, side: usize, index: u8) {
        let packets = &mut self.lines[side].packets;
        packets.remove(usize::from(index) % packets.len().max(1));
    }

    fn duplicate(&mut self, side: usize, index: u8) {
        let packets = &self.lines[side].packets;
        if let Some(packet) = packets.get(usize::from(index) % packets.len().max(1)).cloned() {
            self.hear(1 - side, &packet);
        }
    }

    fn deliver_control(&mut self, side: usize, len: usize) {
        let control = &mut self.lines[side].control;
        let bytes: Vec<u8> = control.drain(..len.min(control.len())).collect();
        self.duo.sides[1 - side].hear_control(self.duo.now, &bytes);
    }

    fn ask(&mut self, side: usize, kind: u8) {
        let payload = Bytes::from(vec![kind; usize::from(kind) * 100]);
        let deadline = Duration::from_secs(1);
        // A full queue or a session that is over refuses; both are its right.
        self.duo.sides[side].session.request(self.duo.now, kind % 3, payload, deadline).ok();
    }

    fn tamper(&mut self, side: usize, script: &mut Script<'_>) {
        let (index, place, bits) = (script.byte(), script.number(), script.byte());
        let packets = &mut self.lines[side].packets;
        let index = usize::from(index) % packets.len().max(1);
        let Some(packet) = packets.get_mut(index) else { return };
        let len = packet.plaintext.len();
        packet.plaintext[usize::from(place) % len] ^= bits;
        self.tampered = true;
    }

    fn end(&mut self, side: usize, how: u8) {
        let now = self.duo.now;
        match how % 3 {
            0 => self.duo.sides[side].session.close(now, "enough"),
            1 => self.duo.sides[side].session.abandon(now),
            _ => self.duo.sides[side].lose_control(now),
        }
    }

    /// Delivers everything, once each way, 20 ms later.
    fn settle(&mut self) {
        self.duo.wait(Duration::from_millis(20));
        for side in [0, 1] {
            while !self.lines[side].packets.is_empty() {
                self.deliver(side, 0);
            }
            self.deliver_control(side, usize::MAX);
        }
    }

    /// On a network that works again, whatever is reliable comes.
    fn come_to_rest(&mut self) {
        for _ in 0..PATIENCE {
            if self.is_complete() {
                return;
            }
            for side in [0, 1] {
                self.take(side);
                self.duo.sides[side].session.flush(self.duo.now);
            }
            self.pump();
            self.settle();
            self.pump();
        }
        panic!("messages are missing: {:?}", self.traffic);
    }

    /// Whether either side has left, or all that is reliable has been taken.
    fn is_complete(&self) -> bool {
        let ended = self.duo.sides.iter().any(|side| side.left.is_some());
        let come = self.traffic.iter().all(|Traffic { sent, taken }| {
            [COMMAND, ORDERED, UNORDERED]
                .map(usize::from)
                .into_iter()
                .all(|id| taken[id].len() == usize::try_from(sent[id]).unwrap_or(usize::MAX))
        });
        labels::note(|| if ended { "ended" } else { "came to rest" }.into());
        ended || come
    }
}
