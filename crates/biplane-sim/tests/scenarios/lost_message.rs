//! A reliable message that is lost comes again, as soon as its loss can be known.

use biplane_sim::Fault;

use crate::tools::*;

#[test]
fn with_nothing_behind_it_it_comes_after_one_probe_time_out() {
    for name in ["ordered", "unordered"] {
        let mut scene = Scene::clean(1);
        scene.impair(|wires| wires.up.script([Fault::Lose]));
        scene.say(CLIENT, channel(name), message(0, 100));
        let heard = scene.hear(SERVER, channel(name), seconds(1));
        // 40 ms of RTT, first sample, so 20 ms of variation: 40 + 4 × 20, and 20 for the peer's ack
        // delay; then one trip.
        assert_eq!(heard, [(ms(40 + 80 + 20 + 20), message(0, 100))], "{name}");
        let stats = scene.session(CLIENT).stats();
        assert_eq!(stats.delivery.resent, 1);
    }
}

#[test]
fn with_another_behind_it_it_comes_when_that_is_acknowledged() {
    let mut scene = Scene::clean(2);
    let unordered = channel("unordered");
    scene.impair(|wires| wires.up.script([Fault::Lose]));
    scene.say(CLIENT, unordered, message(0, 100));
    scene.run_for(ms(1));
    scene.say(CLIENT, unordered, message(1, 100));
    let heard = scene.hear(SERVER, unordered, seconds(1));
    // The second's ack makes a sample of 60 ms, 20 of them the peer's delay; the first is lost 9/8 of
    // that after it left, which was 1 ms before this began to listen.
    let again = ms(60) * 9 / 8 + ms(20) - ms(1);
    assert_eq!(heard, [(ms(20), message(1, 100)), (again, message(0, 100))]);
    assert_eq!(scene.session(CLIENT).stats().packets_lost, 1);
}

#[test]
fn a_lost_ack_makes_a_copy_and_not_a_second_message() {
    let mut scene = Scene::clean(3);
    let ordered = channel("ordered");
    scene.impair(|wires| wires.down.script([Fault::Lose]));
    scene.say(CLIENT, ordered, message(0, 100));
    assert_eq!(scene.hear(SERVER, ordered, seconds(1)), [(ms(20), message(0, 100))]);
    assert_eq!(scene.session(SERVER).stats().messages_duplicated, 1);
}

#[test]
fn it_comes_however_often_it_is_lost() {
    let mut scene = Scene::clean(4);
    let ordered = channel("ordered");
    scene.impair(|wires| wires.up.script([Fault::Lose; 5]));
    scene.say(CLIENT, ordered, message(0, 100));
    let heard = scene.hear(SERVER, ordered, seconds(5));
    assert_eq!(heard.len(), 1);
    assert!(heard[0].0 < seconds(2), "{:?}", heard[0].0);
}
