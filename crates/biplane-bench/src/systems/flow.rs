//! A reliable flow as fast as it goes: it keeps its order, and the session outlives it.

use std::time::{Duration, Instant};

use biplane_load::{Class, Heard, Means, Side, System, Tuning};

const PATIENCE: Duration = Duration::from_secs(20);

/// How many messages of which length: both more than any system keeps queued.
const FLOWS: [(u64, usize); 2] = [(20_000, 64), (150, 16 * 1024)];

/// Every message arrives, once and in order, with either tuning, and the sender is refused now and
/// then: what it may queue is bounded.
pub(super) fn is_carried_by(system: &dyn System) {
    for tuning in [Tuning::Documented, Tuning::Tuned] {
        for (count, length) in FLOWS {
            let longest = system.longest(Class::Reliable).unwrap();
            let mut flow = Flow::open(system, tuning, length.min(longest));
            flow.carry(count);
            assert!(flow.refusals > 0, "{count} messages of {length} bytes were all queued");
        }
    }
}

struct Flow {
    server: Box<dyn Side>,
    clients: Box<dyn Side>,
    message: Vec<u8>,
    sent: u64,
    came: u64,
    refusals: u64,
}

impl Flow {
    fn open(system: &dyn System, tuning: Tuning, longest: usize) -> Self {
        let means = Means {
            tuning,
            clients: 1,
            longest,
            is_paced: false,
            receivers: 0,
            senders: 0,
            threads: None,
            keep_alive: None,
        };
        let served = system.serve(&means).unwrap();
        let mut clients = system.join(&means, &served.address).unwrap();
        let mut server = served.side;
        let deadline = Instant::now() + PATIENCE;
        let mut joined = 0;
        while joined < 2 {
            assert!(Instant::now() < deadline, "nobody joined");
            let mut hear = |heard: Heard<'_>| joined += usize::from(heard == Heard::Joined(0));
            server.turn(Duration::ZERO, &mut hear).unwrap();
            clients.turn(Duration::ZERO, &mut hear).unwrap();
        }
        Self { server, clients, message: vec![0; longest], sent: 0, came: 0, refusals: 0 }
    }

    fn carry(&mut self, count: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.came < count {
            assert!(Instant::now() < deadline, "{} of {} came", self.came, self.sent);
            self.send(count);
            self.clients.flush().unwrap();
            self.turn();
        }
    }

    /// Sends until refused.
    fn send(&mut self, count: u64) {
        while self.sent < count {
            self.message[..8].copy_from_slice(&self.sent.to_le_bytes());
            if !self.clients.send(0, Class::Reliable, &self.message).unwrap() {
                self.refusals += 1;
                return;
            }
            self.sent += 1;
        }
    }

    fn turn(&mut self) {
        let came = &mut self.came;
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Message(_, message) => {
                assert_eq!(message[..8], came.to_le_bytes(), "out of order");
                *came += 1;
            }
            Heard::Joined(_) | Heard::Left(_) => panic!("{heard:?}"),
        };
        self.server.turn(Duration::ZERO, &mut hear).unwrap();
        self.clients.turn(Duration::ZERO, &mut hear).unwrap();
    }
}
