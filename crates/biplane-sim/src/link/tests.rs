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
