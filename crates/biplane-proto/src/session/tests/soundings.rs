//! What soundings tell of a path that lets only some packets through.

use super::*;
use crate::{Sounding, SoundingReport};

/// What the path lets through: packets of at most so many bytes, each way.
struct Path {
    up: usize,
    down: usize,
}

/// Joins over `path` and sounds it for five seconds, as a diagnosis does.
fn sounded(path: &Path) -> (Pair, SoundingReport) {
    let mut pair = Pair::new();
    let kinds = [Sounding::Full, Sounding::Plain, Sounding::Short, Sounding::Plain];
    for kind in kinds.into_iter().cycle().take(240) {
        carry(&mut pair, path);
        pair.client.session.sound(pair.now, kind);
        carry(&mut pair, path);
        pair.now += Duration::from_millis(20);
        for side in [&mut pair.client, &mut pair.server] {
            side.session.handle_timeout(pair.now);
        }
    }
    let report = pair.client.session.soundings();
    (pair, report)
}

fn carry(pair: &mut Pair, path: &Path) {
    loop {
        let (now, one, two) = (pair.now, pair.client.address, pair.server.address);
        let up = pair.client.packets(now);
        for packet in up.iter().filter(|packet| packet.len() <= path.up) {
            pair.server.hear(now, one, packet).unwrap();
        }
        let down = pair.server.packets(now);
        for packet in down.iter().filter(|packet| packet.len() <= path.down) {
            pair.client.hear(now, two, packet).unwrap();
        }
        let control = Pair::pipe(now, &mut pair.client.session, &mut pair.server.session)
            | Pair::pipe(now, &mut pair.server.session, &mut pair.client.session);
        if !control && up.is_empty() && down.is_empty() {
            return;
        }
    }
}

/// What the application was told last.
fn planes(side: &mut Side) -> Option<Planes> {
    side.events().into_iter().rev().find_map(|event| match event {
        Event::Planes(planes) => Some(planes),
        Event::Readable
        | Event::Writable
        | Event::Called(_)
        | Event::Noted(..)
        | Event::Offered(_)
        | Event::Left(_) => None,
    })
}

#[test]
fn on_a_good_path_all_arrive_and_are_answered() {
    let (mut pair, report) = sounded(&Path { up: 1_200, down: 1_200 });
    assert_eq!((report.short.sent, report.full.sent), (180, 60));
    assert_eq!((report.short.acked, report.full.acked), (180, 60));
    assert_eq!((report.short.asked, report.full.asked), (60, 60));
    assert_eq!((report.short.answered, report.full.answered), (60, 60));
    assert_eq!(report.longest_received, 1_200);
    assert_eq!(planes(&mut pair.client), Some(Planes::Both));
    assert_eq!(pair.client.session.take_round_trip(), Some(Duration::ZERO));
}

#[test]
fn where_nothing_arrives_nothing_is_acked() {
    let (mut pair, report) = sounded(&Path { up: 0, down: 1_200 });
    assert_eq!((report.short.acked, report.full.acked, report.longest_received), (0, 0, 0));
    assert_eq!(planes(&mut pair.client), Some(Planes::ControlOnly));
}

#[test]
fn where_nothing_comes_back_the_acks_come_over_tcp() {
    let (mut pair, report) = sounded(&Path { up: 1_200, down: 0 });
    assert_eq!((report.short.acked, report.full.acked), (180, 60));
    assert_eq!((report.short.answered, report.full.answered, report.longest_received), (0, 0, 0));
    assert_eq!(planes(&mut pair.client), Some(Planes::ControlOnly));
}

#[test]
fn where_long_packets_do_not_arrive_short_ones_are_answered() {
    let (mut pair, report) = sounded(&Path { up: 600, down: 600 });
    assert_eq!((report.short.acked, report.full.acked), (180, 0));
    assert_eq!((report.short.answered, report.full.answered), (60, 0));
    assert!(report.longest_received <= 600, "{report:?}");
    assert_eq!(planes(&mut pair.client), Some(Planes::ControlOnly), "as without a diagnosis");
}

#[test]
fn where_long_packets_do_not_come_back_the_longest_that_came_says_so() {
    let (mut pair, report) = sounded(&Path { up: 1_200, down: 600 });
    assert_eq!((report.short.acked, report.full.acked), (180, 60));
    assert!(report.short.answered > 0 && report.longest_received <= 600, "{report:?}");
    assert_eq!(planes(&mut pair.client), Some(Planes::ControlOnly), "as without a diagnosis");
}

#[test]
fn a_server_that_is_sounded_sends_no_more_than_it_heard() {
    let mut pair = Pair::new();
    let (now, from) = (pair.now, pair.client.address);
    pair.client.session.sound(now, Sounding::Short);
    let packets = pair.client.packets(now);
    assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [1_200, 40]);
    pair.server.hear(now, from, &packets[1]).unwrap();
    let answers = pair.server.packets(now);
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [40]);
}

#[test]
fn a_session_that_is_over_is_not_sounded() {
    let mut pair = Pair::joined();
    pair.client.session.abandon(pair.now);
    pair.settle();
    pair.client.session.sound(pair.now, Sounding::Full);
    assert!(pair.client.packets(pair.now).is_empty());
    assert_eq!(pair.client.session.soundings().full.sent, 0);
}
