//! What every system must do before a figure of it means anything.

use std::time::{Duration, Instant};

use biplane_load::{Class, Heard, Means, Side, System, Tuning};

const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 3;

/// What paced work of so many clients is opened with.
pub(super) fn means(tuning: Tuning, clients: usize) -> Means {
    Means {
        tuning,
        clients,
        longest: 16 * 1024,
        is_paced: true,
        receivers: 0,
        senders: 0,
        threads: None,
        keep_alive: None,
    }
}

/// Both sides of a system in one thread, and what they heard.
struct Both {
    server: Box<dyn Side>,
    clients: Box<dyn Side>,
}

impl Both {
    fn open(system: &dyn System, tuning: Tuning) -> Self {
        let means = means(tuning, CLIENTS);
        let served = system.serve(&means).unwrap();
        let clients = system.join(&means, &served.address).unwrap();
        let mut both = Self { server: served.side, clients };
        let (mut at_server, mut at_clients) = (0, 0);
        both.until(|on_server, heard| {
            let joined = matches!(heard, Heard::Joined(_));
            *(if on_server { &mut at_server } else { &mut at_clients }) += usize::from(joined);
            (at_server, at_clients) == (CLIENTS, CLIENTS)
        });
        both
    }

    /// Turns both until what is heard says that it is enough.
    fn until(&mut self, mut enough: impl FnMut(bool, Heard<'_>) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut done = false;
        while !done {
            assert!(Instant::now() < deadline, "what was expected did not come");
            let wait = Duration::from_millis(1);
            self.server.turn(wait, &mut |heard| done |= enough(true, heard)).unwrap();
            self.clients.turn(wait, &mut |heard| done |= enough(false, heard)).unwrap();
        }
    }

    fn send(&mut self, to: usize, class: Class, message: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        while !self.clients.send(to, class, message).unwrap() {
            assert!(Instant::now() < deadline, "there was never room");
            self.clients.turn(Duration::ZERO, &mut |_| ()).unwrap();
            self.server.turn(Duration::ZERO, &mut |_| ()).unwrap();
        }
    }
}

/// Everything joins, each from a moment of its own, and messages of every class that the system
/// carries pass both ways, whole, and from whom they came.
pub(super) fn is_kept_by(system: &dyn System) {
    for tuning in [Tuning::Documented, Tuning::Tuned] {
        let mut both = Both::open(system, tuning);
        let begun: Vec<_> = (0..CLIENTS).map(|peer| both.clients.begun_after(peer)).collect();
        assert!(begun.is_sorted() && begun[0] > Duration::ZERO, "{begun:?}");
        for class in [Class::Unreliable, Class::Reliable, Class::Command] {
            let Some(longest) = system.longest(class) else { continue };
            for length in [8, 64, 600, longest.min(16 * 1024)] {
                echoes(&mut both, class, length);
            }
        }
    }
}

fn echoes(both: &mut Both, class: Class, length: usize) {
    for client in 0..CLIENTS {
        let byte = u8::try_from(client).unwrap();
        both.send(client, class, &vec![byte; length]);
    }
    both.clients.flush().unwrap();
    let mut came = Vec::new();
    both.until(|on_server, heard| {
        if let (true, Heard::Message(from, message)) = (on_server, heard) {
            came.push((from, message.to_vec()));
        }
        came.len() == CLIENTS
    });
    for (from, message) in &came {
        assert!(both.server.send(*from, class, message).unwrap());
    }
    both.server.flush().unwrap();
    let mut back = [false; CLIENTS];
    both.until(|on_server, heard| {
        if let (false, Heard::Message(client, message)) = (on_server, heard) {
            let byte = u8::try_from(client).unwrap();
            assert_eq!(message, vec![byte; length], "client {client} got another's message");
            back[client] = true;
        }
        back == [true; CLIENTS]
    });
}
