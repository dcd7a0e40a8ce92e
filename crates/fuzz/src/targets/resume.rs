//! Two sessions whose control connection breaks anywhere, and whoever claims them on another.
//!
//! ```text
//! { | step 1 | what it needs … | } …
//! ```
//!
//! No packet passes, so everything rides TCP. A claim that was changed is refused and changes
//! nothing; whatever breaks, what is reliable comes once, in order, and in the end.

use std::time::Duration;

use biplane_proto::{Accepting, Agreement, Dialing, digest};
use biplane_wire::{Aead, ReceiveId, Resume};

use crate::{
    duo::{self, COMMAND, Duo, ORDERED, UNORDERED, UNRELIABLE},
    labels,
    script::Script,
};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "came to rest",
    "forged",
    "left: closed_here",
    "lost",
    "notice Delivered",
    "notice Lost",
    "resumed",
    "welcomed",
];

/// Rounds after which everything must have come.
const PATIENCE: usize = 2_000;
/// The longest message.
const LONGEST: usize = 20_000;

#[derive(Debug)]
struct Scene {
    duo: Duo,
    /// Control bytes under way, by who wrote them.
    lines: [Vec<u8>; 2],
    /// A welcome that is under way, and what the client asked for.
    welcome: Option<(Dialing, Vec<u8>)>,
    connections: u8,
    sent: [[u32; 5]; 2],
    taken: [[u32; 5]; 2],
}

/// Runs `data` as what happens to two sessions.
pub fn resume(data: &[u8]) {
    let mut scene = Scene {
        duo: Duo::named(),
        lines: Default::default(),
        welcome: None,
        connections: 0,
        sent: Default::default(),
        taken: Default::default(),
    };
    let mut script = Script(data);
    scene.pump();
    // A server waits but 3 s for a client that never spoke.
    scene.deliver(0, usize::MAX);
    while let Some(step) = script.next() {
        scene.step(usize::from(step & 1), step >> 1, &mut script);
        scene.pump();
    }
    scene.come_to_rest();
    scene.duo.finish();
}

impl Scene {
    fn step(&mut self, side: usize, step: u8, script: &mut Script<'_>) {
        match step % 10 {
            0 | 1 => self.send(side, script.byte() % 5, script.number()),
            2 | 3 => self.deliver(side, script.number().into()),
            4 => self.lose(side),
            5 => self.knock(script),
            6 => self.hear_welcome(),
            7 => self.welcome = None,
            8 => self.take(side),
            _ => self.duo.wait(Duration::from_millis(u64::from(script.byte()))),
        }
    }

    /// Puts what both sessions write on their lines. Packets are lost.
    fn pump(&mut self) {
        for side in [0, 1] {
            self.duo.sides[side].session.flush(self.duo.now);
            let (_, control) = self.duo.drain(side);
            self.lines[side].extend(control);
        }
    }

    fn send(&mut self, side: usize, channel: u8, len: u16) {
        let count = &mut self.sent[side][usize::from(channel)];
        let mut payload = count.to_be_bytes().to_vec();
        let longest = if channel == COMMAND { 3_000 } else { LONGEST / 2 };
        payload.resize(payload.len() + usize::from(len) % longest, channel);
        let asks = len & 1 == 1;
        let sent = self.duo.sides[side].send(self.duo.now, channel, payload.into(), asks);
        *count += u32::from(sent.is_ok());
    }

    fn take(&mut self, side: usize) {
        for id in 0..5 {
            for message in self.duo.sides[side].take(self.duo.now, id) {
                let count = u32::from_be_bytes([message[0], message[1], message[2], message[3]]);
                let taken = &mut self.taken[side][usize::from(id)];
                match id {
                    COMMAND | ORDERED | UNORDERED => assert_eq!(*taken, count, "channel {id}"),
                    _ => assert!(*taken <= count, "channel {id}"),
                }
                *taken = count + 1;
            }
        }
    }

    fn deliver(&mut self, from: usize, len: usize) {
        if self.duo.sides[1 - from].session.control_is_lost() {
            // What stands behind a welcome waits with it.
            if self.welcome.is_none() {
                self.lines[from].clear();
            }
            return;
        }
        let line = &mut self.lines[from];
        let bytes: Vec<u8> = line.drain(..len.min(line.len())).collect();
        self.duo.sides[1 - from].hear_control(self.duo.now, &bytes);
    }

    /// One side learns that the connection broke; what was under way to it is gone.
    fn lose(&mut self, side: usize) {
        labels::note(|| "lost".into());
        self.lines[1 - side].clear();
        if side == 0 {
            self.welcome = None;
        }
        self.duo.sides[side].lose_control(self.duo.now);
    }

    /// The client asks for another connection. What it says is changed by `script`, or is not.
    fn knock(&mut self, script: &mut Script<'_>) {
        let (place, bits) = (script.byte(), script.byte());
        self.connections = self.connections.wrapping_add(1);
        let binding = [self.connections; 32];
        let [client, server] = &mut self.duo.sides;
        let id = ReceiveId(100 + u32::from(self.connections));
        let Some(mut said) = client.session.begin_resume(self.duo.now, &binding, id) else {
            return;
        };
        self.lines = Default::default();
        self.welcome = None;
        let forged = bits != 0;
        if forged {
            let Some(Resume { count, proof }) = &mut said.resume else { return };
            match proof.get_mut(usize::from(place)) {
                Some(byte) => *byte ^= bits,
                None => *count = count.wrapping_add(u32::from(bits)),
            }
        }
        let here = duo::description();
        let dialing = Dialing::resume(here.clone(), vec![Aead::Aes128Gcm], said);
        let hello = dialing.hello().to_vec();
        let accepting = Accepting::new(&here, &digest(&here), hello).expect("an honest hello");
        let claim = accepting.claim().expect("a resume");
        let id = ReceiveId(200 + u32::from(self.connections));
        let accepted = server.session.accept_resume(self.duo.now, &claim, &binding, id);
        assert!(!forged || accepted.is_none(), "a forged claim was taken");
        let Some(said) = accepted else {
            labels::note(|| if forged { "forged" } else { "refused" }.into());
            return;
        };
        let welcome = accepting.welcome(&[Aead::Aes128Gcm], said).expect("an AEAD in common");
        let (bytes, agreement): (Vec<u8>, Agreement) = welcome;
        assert!(server.resume(self.duo.now, &agreement));
        labels::note(|| "welcomed".into());
        self.welcome = Some((dialing, bytes));
    }

    fn hear_welcome(&mut self) {
        let Some((dialing, welcome)) = self.welcome.take() else { return };
        let agreement = dialing.handle_answer(&welcome).expect("an honest welcome");
        if self.duo.sides[0].resume(self.duo.now, &agreement) {
            labels::note(|| "resumed".into());
        }
    }

    /// Once connections hold, whatever is reliable comes.
    fn come_to_rest(&mut self) {
        for _ in 0..PATIENCE {
            if self.is_complete() {
                return;
            }
            if self.duo.sides[0].session.control_is_lost() {
                self.knock(&mut Script(&[]));
                self.hear_welcome();
            }
            self.hear_welcome();
            self.pump();
            for side in [0, 1] {
                self.deliver(side, usize::MAX);
                self.take(side);
            }
            if self.duo.sides[1].session.control_is_lost() {
                self.lose(0);
            }
            self.duo.wait(Duration::from_millis(20));
        }
        panic!("messages are missing: {:?} of {:?}", self.taken, self.sent);
    }

    /// Whether either side has left, or all that is reliable has been taken.
    fn is_complete(&self) -> bool {
        let ended = self.duo.sides.iter().any(|side| side.left.is_some());
        let come = self.sent.iter().zip(self.taken.iter().rev()).all(|(sent, taken)| {
            (COMMAND..UNRELIABLE - 1).map(usize::from).all(|id| taken[id] == sent[id])
        });
        labels::note(|| if ended { "ended" } else { "came to rest" }.into());
        ended || come
    }
}
