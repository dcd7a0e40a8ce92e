//! One server with many clients: each gets its own, and one that suffers suffers alone.

use biplane_proto::Planes;
use biplane_sim::{
    ClientConfig, Conditions, LinkConfig, Loss, Plan, Protocol, Side, Trial, WiresConfig, World,
    index_of,
};

use crate::tools::*;

const CLIENTS: usize = 20;

#[test]
fn twenty_clients_keep_every_promise() {
    let client = |n: u64| {
        let link = LinkConfig {
            jitter: ms(n),
            loss: Loss::Independent { share: 0.005 * n as f64 },
            ..LinkConfig::clean(ms(5 * n))
        };
        ClientConfig::new(WiresConfig::of(link))
    };
    let mut conditions = Conditions::of(WiresConfig::clean(ms(20)));
    conditions.clients = (0..CLIENTS as u64).map(client).collect();
    let plan = Plan { length: seconds(5), ..Plan::default() };
    let outcome = Trial::new(*START, 1, conditions, plan).run();
    let breaches: Vec<_> = outcome.breaches.iter().map(ToString::to_string).collect();
    assert!(outcome.is_clean(), "seed 1: {breaches:#?}");
    assert!(outcome.figures.messages() > 15_000, "{}", outcome.figures);
}

#[test]
fn a_client_whose_network_dies_does_not_disturb_the_others() {
    let mut world = World::new(*START, 2, Protocol::of_every_kind());
    for _ in 0..CLIENTS {
        world.connect(ClientConfig::new(WiresConfig::clean(ms(20))));
    }
    world.run_for(seconds(2));
    let wires = world.wires_mut(0).unwrap();
    wires.cut_data();
    wires.hold_control();
    let (mut came, unreliable) = ([0; CLIENTS], channel("unreliable"));
    // Ten seconds of silence, and the grace.
    for index in 0..1_300 {
        for client in 0..CLIENTS {
            world.send(Side::Server(client), unreliable, message(index, 200).0).ok();
            world.flush(Side::Server(client));
        }
        world.run_for(ms(33));
        for (client, came) in came.iter_mut().enumerate() {
            for (_, message) in world.take_all(Side::Client(client)) {
                assert_eq!(index_of(&message), Some(*came), "seed 2, client {client}");
                *came += 1;
            }
        }
    }
    assert_eq!(came[0], 0);
    assert!(came[1..].iter().all(|came| *came >= 1_299), "seed 2: {came:?}");
    for side in world.sides().filter(|side| side.client() != 0) {
        let planes = world.session(side).map(biplane_proto::Session::planes);
        assert_eq!(planes, Some(Planes::Both), "seed 2, {side}");
    }
    assert!(world.session(Side::Server(0)).unwrap().is_over(), "seed 2");
    assert!(world.breaches().is_empty(), "{:?}", world.breaches());
}
