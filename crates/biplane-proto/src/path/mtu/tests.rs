//! Paths that carry so much and no more, and what is found of them.

use core::time::Duration;

use super::*;

/// A round trip.
const RTT: Duration = Duration::from_millis(40);

/// A search on a path that carries datagrams of `carries` bytes.
struct Search {
    now: Instant,
    mtu: Mtu,
    carries: usize,
    asked: Vec<usize>,
}

impl Search {
    fn new(ceiling: usize, carries: usize) -> Self {
        let now = Instant::now();
        let mut mtu = Mtu::new(now, ceiling);
        mtu.want();
        Self { now, mtu, carries, asked: Vec::new() }
    }

    /// Asks, with the answer a round trip later, until there is nothing to ask.
    fn run(&mut self) -> usize {
        while let Some(probe) = self.mtu.take(self.now) {
            assert_eq!(self.mtu.take(self.now), None, "one at a time");
            self.asked.push(probe.size());
            self.now += RTT;
            if probe.size() <= self.carries {
                self.mtu.on_acked(self.now, probe);
            } else {
                self.mtu.on_lost(self.now, probe);
            }
        }
        self.mtu.size()
    }

    /// A round: long packets of these lengths were sent a round trip ago.
    fn round(&mut self, arrived: Option<usize>, lost: Option<usize>) {
        let at = self.now;
        self.now += RTT;
        let witness = |len| Witness { len, at };
        let long = LongPackets { arrived: arrived.map(witness), lost: lost.map(witness) };
        self.mtu.on_long(self.now, long);
    }
}

#[test]
fn a_path_that_carries_the_longest_is_asked_once() {
    let mut search = Search::new(1_452, 9_000);
    assert_eq!(search.run(), 1_452);
    assert_eq!(search.asked, [1_452]);
    search.mtu.want();
    search.now += 2 * limits::MTU_RAISE;
    assert_eq!(search.mtu.take(search.now), None, "there is nothing longer");
}

#[test]
fn what_a_path_carries_is_found_to_a_few_bytes_and_never_more() {
    for ceiling in [1_200, 1_204, 1_232, 1_452, 8_972] {
        for carries in (1_200..1_500).chain([4_000, 8_971, 8_972, 65_507]) {
            let mut search = Search::new(ceiling, carries);
            let (size, true_one) = (search.run(), carries.min(ceiling));
            assert!(size <= true_one, "{size} of {carries}");
            assert!(true_one - size < limits::MTU_STEP, "{size} of {carries}");
            assert!(search.asked.len() <= 3 * 12, "{:?}", search.asked);
        }
    }
}

#[test]
fn a_length_is_asked_three_times_before_it_is_given_up() {
    let mut search = Search::new(1_452, 1_252);
    assert_eq!(search.run(), 1_251);
    assert_eq!(search.asked[..3], [1_452; 3]);
    assert_eq!(search.asked.iter().filter(|asked| **asked == 1_231).count(), 1);
}

#[test]
fn nothing_is_asked_before_messages_fill_a_packet() {
    let now = Instant::now();
    let mut mtu = Mtu::new(now, 1_452);
    assert_eq!(mtu.due(now + Duration::from_secs(3_600)), None);
    mtu.want();
    assert_eq!(mtu.due(now), Some(1_452));
}

#[test]
fn after_ten_minutes_a_path_may_carry_more() {
    let mut search = Search::new(1_452, 1_252);
    search.run();
    search.asked.clear();
    search.carries = 1_452;
    search.mtu.want();
    assert_eq!(search.run(), 1_251, "not at once");
    search.now += limits::MTU_RAISE;
    assert_eq!(search.run(), 1_452);
    assert_eq!(search.asked, [1_452]);
}

#[test]
fn a_probe_that_was_taken_for_lost_counts_when_its_ack_comes() {
    let mut search = Search::new(1_452, 1_452);
    let (now, mtu) = (search.now, &mut search.mtu);
    let mut probes = Vec::new();
    for _ in 0..limits::MTU_PROBES {
        let probe = mtu.take(now).unwrap();
        mtu.on_lost(now, probe);
        probes.push(probe);
    }
    let next = mtu.take(now).unwrap();
    assert!(next.size() < 1_452);
    mtu.on_acked(now, probes[0]);
    assert_eq!(mtu.size(), 1_452);
    mtu.on_lost(now, next);
    assert_eq!((mtu.size(), mtu.due(now)), (1_452, None), "nothing is left to ask");
}

#[test]
fn on_another_host_nothing_is_known_and_what_becomes_of_old_probes_says_nothing() {
    let mut search = Search::new(1_452, 1_452);
    let old = search.mtu.take(search.now).unwrap();
    search.mtu.forget(search.now);
    search.mtu.on_acked(search.now, old);
    assert_eq!(search.mtu.size(), 1_200);
    search.mtu.on_lost(search.now, old);
    assert_eq!(search.run(), 1_452);
    assert_eq!(search.asked, [1_452]);
    search.mtu.forget(search.now);
    assert_eq!((search.mtu.size(), search.mtu.falls()), (1_200, 0), "and it is no narrow path");
}

#[test]
fn three_rounds_without_a_long_packet_are_a_path_that_carries_less() {
    let mut search = Search::new(1_452, 1_452);
    search.run();
    search.carries = 1_252;
    for _ in 0..2 {
        search.round(None, Some(1_400));
        assert_eq!(search.mtu.size(), 1_452);
    }
    search.round(None, Some(1_400));
    assert_eq!((search.mtu.size(), search.mtu.falls()), (1_200, 1));
    assert_eq!(search.run(), 1_251, "and the search begins anew");
}

#[test]
fn losses_between_long_packets_that_arrive_are_losses() {
    let mut search = Search::new(1_452, 1_452);
    search.run();
    for _ in 0..100 {
        search.round(None, Some(1_400));
        search.round(None, Some(1_300));
        search.round(Some(1_400), None);
        search.round(Some(1_452), Some(1_452));
    }
    assert_eq!((search.mtu.size(), search.mtu.falls()), (1_452, 0));
}

#[test]
fn shorter_ones_that_arrive_do_not_speak_for_longer_ones() {
    let mut search = Search::new(1_452, 1_452);
    search.run();
    for _ in 0..limits::MTU_ROUNDS {
        search.round(Some(1_240), Some(1_400));
        search.round(Some(1_240), None);
    }
    assert_eq!(search.mtu.falls(), 1);
}

#[test]
fn losses_that_were_under_way_together_count_once() {
    let mut search = Search::new(1_452, 1_452);
    search.run();
    let lost = Some(Witness { len: 1_452, at: search.now });
    for _ in 0..10 {
        search.now += Duration::from_millis(1);
        search.mtu.on_long(search.now, LongPackets { arrived: None, lost });
    }
    assert_eq!(search.mtu.falls(), 0);
}

#[test]
fn a_path_that_falls_twice_within_a_minute_is_left_alone_until_that_is_over() {
    let mut search = Search::new(1_452, 1_452);
    for fall in 1..=2 {
        search.run();
        assert_eq!(search.mtu.size(), 1_452);
        (0..limits::MTU_ROUNDS).for_each(|_| search.round(None, Some(1_452)));
        assert_eq!(search.mtu.falls(), fall);
    }
    search.mtu.want();
    assert_eq!(search.run(), 1_200);
    search.now += limits::MTU_COOLDOWN;
    assert_eq!(search.run(), 1_452);
}

#[test]
fn what_the_interface_does_not_carry_is_not_asked_again() {
    let mut search = Search::new(1_452, 1_452);
    let mut refused = Vec::new();
    while let Some(probe) = search.mtu.take(search.now) {
        if probe.size() > 1_252 {
            refused.push(probe.size());
            search.mtu.on_too_big(search.now, probe.size());
            // The loss detector finds it lost later.
            search.mtu.on_lost(search.now, probe);
        } else {
            search.mtu.on_acked(search.now, probe);
        }
    }
    assert_eq!(search.mtu.size(), 1_251);
    refused.dedup();
    assert!(refused.len() <= 4, "each once: {refused:?}");
}

#[test]
fn an_interface_that_comes_to_carry_less_shortens_datagrams_at_once() {
    let mut search = Search::new(1_452, 1_452);
    search.run();
    search.mtu.on_too_big(search.now, 1_452);
    assert_eq!(search.mtu.size(), 1_200);
    search.carries = 1_252;
    search.mtu.want();
    assert_eq!(search.run(), 1_251);
    assert!(!search.asked[1..].contains(&1_452), "{:?}", search.asked);
    search.mtu.on_too_big(search.now, 1_200);
    assert_eq!(search.mtu.size(), 1_251, "every path carries 1,200");
}
