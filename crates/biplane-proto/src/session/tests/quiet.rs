//! Sessions in which nobody says anything: who speaks, and when.

use super::*;

/// What was said unasked, the client first.
#[derive(Debug, Default)]
struct Said {
    udp: [Vec<Instant>; 2],
    control: [Vec<Instant>; 2],
}

impl Pair {
    /// Lets both sides be quiet for `time`, as their timers want.
    fn be_quiet(&mut self, time: Duration) -> Said {
        let until = self.now + time;
        let mut said = Said::default();
        while let Some(next) = self.next_timeout().filter(|at| *at <= until) {
            self.now = next;
            for (which, side) in [&mut self.client, &mut self.server].into_iter().enumerate() {
                side.session.handle_timeout(next);
                said.udp[which].extend(side.session.wants_transmit(next).then_some(next));
                said.control[which].extend(side.session.control.notes.ping.then_some(next));
            }
            self.settle();
        }
        self.now = until;
        said
    }

    fn next_timeout(&self) -> Option<Instant> {
        let next = |side: &Side| side.session.poll_timeout().map(|(at, _)| at);
        next(&self.client).into_iter().chain(next(&self.server)).min()
    }
}

#[test]
fn quiet_sessions_of_one_owner_speak_at_the_same_times() {
    let epoch = Instant::now();
    let mut all = Vec::new();
    for offset in [3, 20, 41].map(Duration::from_millis) {
        let mut pair = Pair::new();
        pair.now = epoch + offset;
        pair.client.session = pair.client.session.in_step_with(epoch);
        pair.server.session.facts.keep_alive = limits::KEEP_ALIVE_SERVER;
        pair.settle();
        let Said { udp: [udp, _], control: [control, _] } = pair.be_quiet(Duration::from_secs(60));
        for mut times in [udp, control] {
            times.retain(|at| *at > epoch + Duration::from_secs(10));
            for between in times.windows(2).map(|pair| pair[1] - pair[0]) {
                assert!(between <= limits::KEEP_ALIVE, "{between:?}");
                assert!(between >= limits::KEEP_ALIVE - limits::KEEP_ALIVE_STEP, "{between:?}");
            }
            all.push(times);
        }
    }
    let step = |at: &Instant| (*at - epoch).as_micros() % limits::KEEP_ALIVE_STEP.as_micros();
    assert_eq!(all.iter().flatten().map(step).max(), Some(0), "whole steps since the epoch");
    assert!(all[0].len() >= 16, "{} times in 50 s", all[0].len());
    assert!(all.iter().all(|times| *times == all[0]));
}

#[test]
fn a_server_that_waits_longer_only_answers() {
    let mut pair = Pair::joined();
    pair.server.session.facts.keep_alive = limits::KEEP_ALIVE_SERVER;
    pair.be_quiet(Duration::from_secs(10));
    let said = pair.be_quiet(Duration::from_secs(60));
    for [client, server] in [said.udp, said.control] {
        assert!(client.len() >= 20, "{client:?}");
        assert_eq!(server, []);
    }
}

#[test]
fn neither_side_keeps_the_memory_of_long_commands_while_both_are_quiet() {
    let mut pair = Pair::joined();
    pair.server.session.facts.keep_alive = limits::KEEP_ALIVE_SERVER;
    let now = pair.now;
    for side in [&mut pair.client, &mut pair.server] {
        let long = Content::Borrowed(&[7; 9_000]);
        side.session.enqueue(now, channel(COMMAND), long, SendOptions::default()).unwrap();
    }
    pair.settle();
    pair.pass(Duration::from_secs(1));
    for side in [&mut pair.client, &mut pair.server] {
        assert_eq!(side.take(now, COMMAND).len(), 1);
        assert!(side.session.control.outbox.store().has_spares(), "the next command may need it");
    }
    pair.be_quiet(Duration::from_secs(20));
    assert!(!pair.client.session.control.outbox.store().has_spares());
    assert!(!pair.server.session.control.outbox.store().has_spares());
}
