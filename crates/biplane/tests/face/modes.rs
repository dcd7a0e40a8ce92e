//! What a program may say of the planes that its sessions fly on.

use biplane::{
    Channel, ClientConfig, CloseReason, Event, PlaneMode, Planes, Protocol, ServerConfig,
};

use crate::support::{Pair, left};

const COMMANDS: Channel<u32> = Channel::command("commands");
const FRESH: Channel<u32> = Channel::unreliable("fresh");

fn protocol() -> Protocol {
    Protocol::new("modes", 1).channel(COMMANDS).channel(FRESH)
}

fn pair(server: PlaneMode, client: PlaneMode) -> Pair {
    let server = ServerConfig::default().planes(server);
    Pair::with(&protocol(), &protocol(), server, ClientConfig::default().planes(client))
}

/// The planes that were told last.
fn planes(events: &[Event]) -> Option<Planes> {
    events.iter().rev().find_map(|event| match event {
        Event::Planes(_, planes) => Some(*planes),
        _ => None,
    })
}

#[test]
fn everything_rides_tcp_where_either_side_says_so() {
    for (server, client) in
        [(PlaneMode::Auto, PlaneMode::ForceControl), (PlaneMode::ForceControl, PlaneMode::Auto)]
    {
        let mut pair = pair(server, client);
        pair.until(|pair| {
            let both = [planes(&pair.client_events)?, planes(&pair.server_events)?];
            (both == [Planes::ControlOnly; 2]).then_some(())
        });
        pair.client.send(FRESH, &1).unwrap();
        pair.session.send(FRESH, &2).unwrap();
        pair.client.send(COMMANDS, &3).unwrap();
        pair.session.send(COMMANDS, &4).unwrap();
        pair.server.flush();
        assert_eq!(pair.until(|pair| pair.client.recv(FRESH)), 2);
        assert_eq!(pair.until(|pair| pair.session.recv(FRESH)), 1);
        assert_eq!(pair.until(|pair| pair.client.recv(COMMANDS)), 4);
        assert_eq!(pair.until(|pair| pair.session.recv(COMMANDS)), 3);
        let silent = if client == PlaneMode::ForceControl {
            pair.client.stats().bytes_sent
        } else {
            pair.session.stats().bytes_sent
        };
        assert_eq!(silent, 0);
    }
}

#[test]
fn a_session_that_requires_udp_has_it_or_ends_at_both_ends() {
    let mut flying = pair(PlaneMode::Auto, PlaneMode::RequireData);
    flying.until_both_planes();
    assert!(left(&flying.client_events).is_none());

    let mut grounded = pair(PlaneMode::ForceControl, PlaneMode::RequireData);
    assert_eq!(grounded.until_left(), CloseReason::DataPlaneLost);
    let here = grounded.until(|pair| left(&pair.client_events));
    assert_eq!(here, CloseReason::DataPlaneLost);
}
