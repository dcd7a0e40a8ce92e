//! Sessions of which a side forgoes UDP, or requires it.

use super::*;
use crate::PlaneMode;

const JOIN: Duration = limits::UDP_JOIN;

impl Pair {
    /// Sides of these modes, the client's first.
    fn of_modes([client, server]: [PlaneMode; 2]) -> Self {
        let now = Instant::now();
        let config = |planes| SessionConfig { planes, ..SessionConfig::default() };
        let client = Side::with(now, Role::Client, true, config(client), configs());
        let server = Side::with(now, Role::Server, true, config(server), configs());
        Self { now, client, server }
    }

    /// Carries records alone; packets are lost on the way, and counted.
    pub(super) fn records_pass(&mut self, time: Duration) -> [usize; 2] {
        self.now += time;
        let now = self.now;
        let mut sent = [0; 2];
        for (side, sent) in [&mut self.client, &mut self.server].into_iter().zip(&mut sent) {
            side.session.handle_timeout(now);
            *sent += side.packets(now).len();
        }
        while Self::pipe(now, &mut self.client.session, &mut self.server.session)
            | Self::pipe(now, &mut self.server.session, &mut self.client.session)
        {}
        sent
    }
}

impl Side {
    fn last_planes(&mut self) -> Option<Planes> {
        self.events().into_iter().rev().find_map(|event| match event {
            Event::Planes(planes) => Some(planes),
            Event::Readable
            | Event::Writable
            | Event::Called(_)
            | Event::Noted(..)
            | Event::Offered(_)
            | Event::Left(_) => None,
        })
    }
}

#[test]
fn a_side_that_forgoes_udp_sends_none_and_everything_rides_tcp() {
    for modes in
        [[PlaneMode::ForceControl, PlaneMode::Auto], [PlaneMode::Auto, PlaneMode::ForceControl]]
    {
        let mut pair = Pair::of_modes(modes);
        for _ in 0..40 {
            pair.now += Duration::from_millis(100);
            for side in [&mut pair.client, &mut pair.server] {
                side.session.handle_timeout(pair.now);
            }
            pair.settle();
        }
        for id in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
            for side in [&mut pair.client, &mut pair.server] {
                side.session.send(pair.now, channel(id), payload("over TCP")).unwrap();
                side.session.flush(pair.now);
            }
        }
        pair.settle();
        let forgoes = modes.map(|mode| mode == PlaneMode::ForceControl);
        for (side, forgoes) in [&mut pair.client, &mut pair.server].into_iter().zip(forgoes) {
            assert_eq!(side.last_planes(), Some(Planes::ControlOnly), "{modes:?}");
            for id in [COMMAND, ORDERED, UNORDERED, SEQUENCED, UNRELIABLE] {
                assert_eq!(side.take(pair.now, id), [payload("over TCP")], "{modes:?}, {id}");
            }
            let stats = side.session.stats();
            assert!(!forgoes || stats.bytes_sent == 0, "{modes:?}: {stats:?}");
        }
    }
}

#[test]
fn a_side_that_forgoes_udp_says_so_at_once() {
    let mut side = Side::with(
        Instant::now(),
        Role::Client,
        true,
        SessionConfig { planes: PlaneMode::ForceControl, ..SessionConfig::default() },
        configs(),
    );
    assert_eq!(side.events(), [Event::Planes(Planes::ControlOnly)]);
    assert_eq!(side.session.planes(), Planes::ControlOnly);
}

#[test]
fn a_side_that_forgoes_udp_says_goodbye_over_tcp_alone() {
    let mut pair = Pair::of_modes([PlaneMode::ForceControl, PlaneMode::Auto]);
    pair.settle();
    pair.client.session.abandon(pair.now);
    assert!(pair.client.packets(pair.now).is_empty());
    pair.settle();
    assert_eq!(pair.server.left(), Some(CloseReason::Dropped));
}

#[test]
fn a_session_that_requires_udp_flies_on_it_and_ends_without_it() {
    let mut pair = Pair::of_modes([PlaneMode::RequireData, PlaneMode::Auto]);
    pair.settle();
    assert_eq!(pair.client.events(), [Event::Planes(Planes::Both)]);
    pair.client.session.send(pair.now, channel(ORDERED), payload("?")).unwrap();
    pair.client.session.flush(pair.now);
    let mut ended = None;
    for _ in 0..200 {
        pair.records_pass(Duration::from_millis(50));
        ended = ended.or_else(|| pair.client.left());
    }
    assert_eq!(ended, Some(CloseReason::DataPlaneLost));
    assert_eq!(pair.server.left(), Some(CloseReason::DataPlaneLost), "it was told");
}

#[test]
fn a_session_that_requires_udp_ends_if_it_does_not_come_up_in_time() {
    for modes in
        [[PlaneMode::RequireData, PlaneMode::Auto], [PlaneMode::Auto, PlaneMode::RequireData]]
    {
        let mut pair = Pair::of_modes(modes);
        pair.records_pass(JOIN - Duration::from_millis(1));
        assert!(pair.client.left().is_none() && pair.server.left().is_none());
        pair.records_pass(Duration::from_millis(1));
        for side in [&mut pair.client, &mut pair.server] {
            assert_eq!(side.left(), Some(CloseReason::DataPlaneLost), "{modes:?}");
        }
    }
}

#[test]
fn a_session_that_requires_udp_ends_with_a_peer_that_forgoes_it() {
    let mut pair = Pair::of_modes([PlaneMode::RequireData, PlaneMode::ForceControl]);
    pair.settle();
    pair.pass(JOIN);
    assert_eq!(pair.client.left(), Some(CloseReason::DataPlaneLost));
    assert_eq!(pair.server.left(), Some(CloseReason::DataPlaneLost));
}

#[test]
fn a_session_that_requires_udp_outlives_its_tcp() {
    let mut pair = Pair::of_modes([PlaneMode::RequireData, PlaneMode::Auto]);
    pair.settle();
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    assert_eq!(pair.client.last_planes(), Some(Planes::DataOnly));
    assert!(!pair.client.session.is_closed());
}

#[test]
fn what_is_said_of_udp_before_a_join_had_its_time_ends_nothing() {
    let mut pair = Pair::of_modes([PlaneMode::RequireData, PlaneMode::Auto]);
    // The server says that it does not send on UDP, which is so, and that it does once it does.
    pair.server.session.report_planes();
    assert!(Pair::pipe(pair.now, &mut pair.server.session, &mut pair.client.session));
    pair.settle();
    assert_eq!(pair.client.last_planes(), Some(Planes::Both));
    pair.pass(2 * JOIN);
    assert!(!pair.client.session.is_closed());
}

#[test]
fn tcp_that_breaks_before_udp_is_up_ends_no_session_that_requires_udp() {
    let mut pair = Pair::of_modes([PlaneMode::RequireData, PlaneMode::Auto]);
    for side in [&mut pair.client, &mut pair.server] {
        side.session.handle_control_lost(pair.now, ControlLoss::Broken);
    }
    assert!(!pair.client.session.is_closed());
    pair.settle();
    assert_eq!(pair.client.last_planes(), Some(Planes::DataOnly));
}
