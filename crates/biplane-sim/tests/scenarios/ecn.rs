//! A path that marks congestion is answered without a loss; one that takes the marks off, or drops
//! what is marked, is marked no more, and everything goes on.

use biplane_proto::{Congestion, PathStats};
use biplane_sim::{BottleneckConfig, ClientConfig, LinkConfig, LinkStats, MarkPolicy, WiresConfig};

use crate::tools::*;

/// 2 Mbit/s and 40 ms: 10 kB are under way where nothing waits.
const BYTES_PER_SECOND: u64 = 250_000;
const LEN: usize = 1_100;

/// A session that goes by loss where nothing is marked.
fn joined(seed: u64, policy: MarkPolicy) -> Scene {
    let narrow = BottleneckConfig { bytes_per_second: BYTES_PER_SECOND, queue_bytes: 64_000 };
    let link = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::clean(ms(20)) };
    let mut config = ClientConfig::new(WiresConfig::of(link));
    config.session.congestion = Congestion::NewReno;
    let mut scene = Scene::dialing(seed, config);
    scene.impair(|wires| wires.up.treat_marks(policy));
    assert!(scene.join());
    scene
}

/// The client sends as much as it may for so many seconds; how many bytes a second arrive.
fn bulk(scene: &mut Scene, time: u64) -> u64 {
    let unordered = channel("unordered");
    let (end, mut index, mut taken) = (scene.now() + seconds(time), 0, 0);
    while scene.now() < end {
        while scene.send(CLIENT, unordered, message(index, LEN)).is_ok() {
            index += 1;
        }
        scene.flush(CLIENT);
        scene.run_for(ms(10));
        while scene.take(SERVER, unordered).is_some() {
            taken += LEN as u64;
        }
    }
    taken / time
}

fn path(scene: &Scene) -> PathStats {
    scene.session(CLIENT).stats().path
}

fn link(scene: &mut Scene) -> LinkStats {
    scene.impair(|wires| wires.up.stats()).unwrap()
}

#[test]
fn with_marks_the_window_gives_way_before_anything_is_lost() {
    let mut scene = joined(1, MarkPolicy::Above(10_000));
    let rate = bulk(&mut scene, 20);
    let (link, path) = (link(&mut scene), path(&scene));
    assert_eq!((link.queue_dropped, scene.session(CLIENT).stats().packets_lost), (0, 0));
    assert!(path.carries_marks && path.congestion_marks > 10, "{path:?}");
    assert!(path.congestion_marks <= link.marked, "{path:?} {link:?}");
    assert!(rate > BYTES_PER_SECOND * 8 / 10, "{rate} bytes a second");
    let rtt = scene.session(CLIENT).stats().rtt;
    assert!(rtt < ms(200), "the queue is short: {rtt:?}");
    // Without, it is the loss that tells.
    let mut scene = joined(1, MarkPolicy::Carry);
    bulk(&mut scene, 20);
    assert!(self::link(&mut scene).queue_dropped > 0);
}

#[test]
fn where_the_marks_are_taken_off_nothing_is_marked_any_more_and_all_goes_on() {
    let mut scene = joined(2, MarkPolicy::Bleach);
    let rate = bulk(&mut scene, 10);
    let told = path(&scene);
    assert!(!told.carries_marks && told.marked <= 10, "{told:?}");
    assert!(rate > BYTES_PER_SECOND * 7 / 10, "{rate} bytes a second");
    // Or from some time on.
    let mut scene = joined(3, MarkPolicy::Carry);
    bulk(&mut scene, 2);
    assert!(path(&scene).carries_marks);
    scene.impair(|wires| wires.up.treat_marks(MarkPolicy::Bleach));
    bulk(&mut scene, 2);
    let told = path(&scene);
    assert!(!told.carries_marks, "{told:?}");
    bulk(&mut scene, 2);
    assert_eq!(path(&scene).marked, told.marked);
}

#[test]
fn where_what_is_marked_is_dropped_it_is_marked_no_more_and_all_arrives() {
    let mut scene = joined(4, MarkPolicy::Drop);
    let rate = bulk(&mut scene, 10);
    let told = path(&scene);
    assert!(!told.carries_marks && told.marked <= 10, "{told:?}");
    assert!(rate > BYTES_PER_SECOND * 7 / 10, "{rate} bytes a second");
    // Or from some time on: three stalls, and then as before.
    let mut scene = joined(5, MarkPolicy::Carry);
    bulk(&mut scene, 2);
    assert!(path(&scene).carries_marks);
    scene.impair(|wires| wires.up.treat_marks(MarkPolicy::Drop));
    bulk(&mut scene, 3);
    assert!(!path(&scene).carries_marks);
    let rate = bulk(&mut scene, 5);
    assert!(rate > BYTES_PER_SECOND * 7 / 10, "{rate} bytes a second");
}

#[test]
fn a_quiet_session_whose_marks_are_dropped_loses_no_message() {
    let mut scene = joined(6, MarkPolicy::Drop);
    let ordered = channel("ordered");
    for index in 0..20 {
        scene.say(CLIENT, ordered, message(index, 100));
        let heard = scene.hear(SERVER, ordered, seconds(1));
        assert_eq!(messages(heard), [message(index, 100)]);
    }
    assert!(path(&scene).marked <= 10, "{:?}", path(&scene));
}
