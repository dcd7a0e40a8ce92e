//! A link in virtual time: what arrives, when, and what is counted.

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn link(config: LinkConfig) -> (Instant, Link) {
    let start = Instant::now();
    (start, Link::new(start, config, Rng::new(5)))
}

/// Every arrival, as time since the start and bytes.
fn arrivals(start: Instant, link: &mut Link) -> Vec<(Duration, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some(at) = link.next_arrival() {
        assert_eq!(link.pop(at - Duration::from_nanos(1)), None, "early");
        let arrival = link.pop(at).unwrap();
        found.push((at - start, arrival.bytes));
    }
    found
}

#[test]
fn a_clean_link_delays_and_does_nothing_else() {
    let (start, mut link) = link(LinkConfig::clean(ms(40)));
    link.send(start, vec![1]);
    link.send(start + ms(5), vec![2]);
    assert_eq!(arrivals(start, &mut link), [(ms(40), vec![1]), (ms(45), vec![2])]);
    let stats = link.stats();
    assert_eq!((stats.sent, stats.arrived, stats.lost), (2, 2, 0));
}

#[test]
fn scripted_faults_meet_one_datagram_each() {
    let (start, mut link) = link(LinkConfig::clean(ms(10)));
    link.script([Fault::Lose, Fault::None, Fault::Duplicate, Fault::Delay(ms(7)), Fault::Corrupt]);
    for n in 0..5 {
        link.send(start, vec![n; 20]);
    }
    let mut found = arrivals(start, &mut link);
    let altered = found.remove(3);
    assert_eq!(
        found,
        [
            (ms(10), vec![1; 20]),
            (ms(10), vec![2; 20]),
            (ms(10), vec![2; 20]),
            (ms(17), vec![3; 20])
        ]
    );
    assert_eq!(altered.0, ms(10));
    assert_ne!(altered.1, vec![4; 20]);
}

#[test]
fn what_is_sent_is_lost_for_one_reason_or_arrives() {
    let (start, mut link) = link(LinkConfig {
        latency: ms(20),
        jitter: ms(30),
        loss: Loss::Bursts { share: 0.2, mean_length: 4.0 },
        duplication: 0.1,
        reordering: 0.2,
        reorder_by: ms(100),
        corruption: 0.05,
        bottleneck: Some(BottleneckConfig { bytes_per_second: 80_000, queue_bytes: 5_000 }),
        outages: vec![Outage { from: ms(500), until: ms(700) }],
        ..LinkConfig::default()
    });
    for n in 0..2_000_u64 {
        link.send(start + ms(n), vec![0; 120]);
    }
    let arrived = arrivals(start, &mut link).len() as u64;
    let stats = link.stats();
    assert_eq!(arrived, stats.arrived);
    assert_eq!(
        stats.sent + stats.duplicated,
        stats.arrived + stats.lost + stats.blocked + stats.queue_dropped
    );
    assert_eq!(stats.blocked, 200, "one each millisecond of the outage");
    for some in [stats.lost, stats.queue_dropped, stats.duplicated, stats.reordered] {
        assert!(some > 50, "{stats:?}");
    }
}

#[test]
fn jitter_keeps_order_where_it_is_told_to() {
    let jittery = LinkConfig { jitter: ms(50), ..LinkConfig::clean(ms(10)) };
    for (config, ordered) in
        [(jittery.clone(), true), (LinkConfig { keeps_order: false, ..jittery }, false)]
    {
        let (start, mut link) = link(config);
        (0..100).for_each(|n| link.send(start + ms(u64::from(n)), vec![n]));
        let found: Vec<_> = arrivals(start, &mut link).into_iter().map(|(_, b)| b[0]).collect();
        assert_eq!(found.is_sorted(), ordered);
    }
}

#[test]
fn what_is_longer_than_the_mtu_is_dropped_and_counted() {
    let (start, mut link) = link(LinkConfig { mtu: Some(100), ..LinkConfig::clean(ms(1)) });
    for len in [100, 101, 0, 5_000] {
        link.send(start, vec![0; len]);
    }
    let lengths: Vec<_> = arrivals(start, &mut link).into_iter().map(|(_, b)| b.len()).collect();
    assert_eq!(lengths, [100, 0]);
    assert_eq!(link.stats().too_big, 2);
}

#[test]
fn a_tag_comes_out_with_its_datagram_and_its_copy() {
    let start = Instant::now();
    let config = LinkConfig { duplication: 1.0, ..LinkConfig::clean(ms(1)) };
    let mut link = Link::tagged(start, config, Rng::new(5));
    link.send_tagged(start, "a", vec![1]);
    link.send_tagged(start, "b", vec![2]);
    assert_eq!(link.under_way(), 4);
    let all: Vec<_> = core::iter::from_fn(|| link.pop(start + ms(1))).collect();
    let seen: Vec<_> = all.iter().map(|one| (one.tag, one.number, one.bytes[0])).collect();
    assert_eq!(seen, [("a", 0, 1), ("a", 0, 1), ("b", 1, 2), ("b", 1, 2)]);
}

#[test]
fn reordered_counts_those_that_something_sent_later_came_before() {
    let (start, mut link) = link(LinkConfig::clean(ms(10)));
    link.script([Fault::Delay(ms(5)), Fault::None, Fault::Delay(ms(1)), Fault::None]);
    (0..4).for_each(|n| link.send(start, vec![n]));
    let found: Vec<_> = arrivals(start, &mut link).into_iter().map(|(_, b)| b[0]).collect();
    assert_eq!(found, [1, 3, 2, 0]);
    assert_eq!(link.stats().reordered, 2);
}

#[test]
fn two_links_behind_one_bottleneck_share_its_rate() {
    let start = Instant::now();
    let narrow = BottleneckConfig { bytes_per_second: 1_000_000, queue_bytes: 2_000 };
    let config = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::clean(ms(10)) };
    let shared = Bottleneck::of(start, &config);
    let mut links =
        [0, 1].map(|seed| Link::behind(start, config.clone(), Rng::new(seed), shared.clone()));
    links.iter_mut().for_each(|link| link.send(start, vec![0; 1_000]));
    links.iter_mut().for_each(|link| link.send(start, vec![0; 1_000]));
    let [first, second] = links.each_ref().map(Link::next_arrival);
    assert_eq!((first, second), (Some(start + ms(11)), Some(start + ms(12))));
    assert_eq!(links.map(|link| link.stats().queue_dropped), [1, 1]);
}

#[test]
fn a_rate_from_a_trace_holds_datagrams_until_their_chance() {
    let trace = Trace::parse("x", "5\n20\n").unwrap();
    let (start, mut link) = link(LinkConfig { trace: Some(trace), ..LinkConfig::clean(ms(10)) });
    (0..3).for_each(|n| link.send(start, vec![n; 1_500]));
    let found: Vec<_> = arrivals(start, &mut link).into_iter().map(|(at, _)| at).collect();
    assert_eq!(found, [ms(15), ms(30), ms(35)], "it starts again at 20 ms");
}

#[test]
fn a_cut_link_lets_nothing_in_until_it_is_mended() {
    let (start, mut link) = link(LinkConfig::clean(ms(10)));
    link.send(start, vec![1]);
    link.cut();
    link.send(start, vec![2]);
    link.mend();
    link.send(start, vec![3]);
    let found: Vec<_> = arrivals(start, &mut link).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(found, [vec![1], vec![3]]);
}

#[test]
fn corruption_always_alters() {
    let mut rng = Rng::new(0);
    for _ in 0..10_000 {
        let mut bytes = [0x55; 40];
        corrupt(&mut rng, &mut bytes);
        assert_ne!(bytes, [0x55; 40]);
    }
}
