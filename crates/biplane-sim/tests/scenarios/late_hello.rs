//! The hello of an attempt that was given up comes out when another has long succeeded.

use biplane_proto::Planes;
use biplane_sim::{LinkConfig, Pair, StreamConfig};

use crate::tools::*;

#[test]
fn it_is_refused_and_disturbs_nobody() {
    // One way takes half a second, so that every step is far from the next.
    let mut scene = Scene::joined(1, LinkConfig::clean(ms(500)));
    let now = scene.now();
    scene.impair(|wires| wires.kill_control(now));
    // The client learns of it after 500 ms and dials 50 ms later at the most; TLS is done after two
    // seconds more. What it then writes goes astray for twenty.
    scene.run_for(ms(2_000));
    scene.impair(|wires| wires.control_up.reconfigure(StreamConfig::clean(seconds(20))));
    scene.run_for(ms(1_000));
    scene.impair(|wires| wires.control_up.reconfigure(StreamConfig::clean(ms(500))));
    assert_eq!(scene.resumes(CLIENT.client()), 0);
    // An attempt is given up after six round trips of a second, and the next takes three.
    assert!(scene.resume_within(seconds(10)).is_some());
    scene.run_for(seconds(30));
    assert_eq!(scene.resumes(CLIENT.client()), 1);
    for side in Pair::SIDES {
        assert_eq!(scene.planes(side), Some(Planes::Both), "{side}");
    }
}
