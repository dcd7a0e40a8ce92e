//! A stream in virtual time: order, windows, stalls and ends.

use super::*;
use crate::{BottleneckConfig, LinkConfig};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn stream(config: StreamConfig) -> (Instant, Stream) {
    let start = Instant::now();
    (start, Stream::new(start, config, Rng::new(5)))
}

/// Reads until nothing is under way; returns the bytes, when the last came, and whether it ended.
fn read(stream: &mut Stream) -> (Vec<u8>, Option<Instant>, bool) {
    let (mut bytes, mut last) = (Vec::new(), None);
    while let Some(at) = stream.next_arrival() {
        assert!(last.is_none_or(|last| last <= at), "time went back");
        last = Some(at);
        match stream.pop(at).unwrap() {
            Inflow::Bytes(more) => bytes.extend(more),
            Inflow::End => return (bytes, last, true),
        }
    }
    (bytes, last, false)
}

#[test]
fn bytes_arrive_in_order_however_they_stall() {
    let stalling = StreamConfig {
        stalls: 0.3,
        stall: ms(300),
        window: 1 << 20,
        ..StreamConfig::clean(ms(40))
    };
    let (start, mut stream) = stream(stalling);
    let all: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    for (n, part) in (0..).zip(all.chunks(9_999)) {
        stream.write(start + ms(n), part);
    }
    stream.finish(start + ms(100));
    let (bytes, last, ended) = read(&mut stream);
    assert!(bytes == all && ended);
    assert!(last.unwrap() > start + ms(200), "nothing stalled");
}

#[test]
fn the_window_closes_and_opens_a_round_trip_later() {
    let (start, mut stream) = stream(StreamConfig { window: 1_000, ..StreamConfig::clean(ms(40)) });
    assert_eq!(stream.room(start), 1_000);
    stream.write(start, &[0; 1_000]);
    assert_eq!(stream.room(start + ms(79)), 0);
    assert_eq!(stream.next_room(), Some(start + ms(80)));
    assert_eq!(stream.room(start + ms(80)), 1_000);
}

#[test]
fn a_held_stream_fills_its_window_and_goes_on_when_released() {
    let (start, mut stream) = stream(StreamConfig { window: 1_000, ..StreamConfig::clean(ms(40)) });
    stream.write(start, &[1]);
    stream.hold();
    stream.write(start, &[2; 999]);
    assert_eq!(read(&mut stream).0, [1]);
    assert_eq!(stream.room(start + ms(5_000)), 1, "only what went before is acknowledged");
    stream.release(start + ms(5_000));
    let (bytes, last, _) = read(&mut stream);
    assert_eq!((bytes, last), (vec![2; 999], Some(start + ms(5_040))));
}

#[test]
fn a_kill_loses_what_is_under_way() {
    let (start, mut stream) = stream(StreamConfig::clean(ms(40)));
    stream.write(start, &[1; 10]);
    stream.kill(start + ms(10));
    assert_eq!(read(&mut stream), (vec![], Some(start + ms(50)), true));
    stream.write(start + ms(60), &[2]);
    assert_eq!(read(&mut stream), (vec![], None, false));
}

#[test]
fn what_is_written_in_an_outage_arrives_after_it() {
    let outages = vec![Outage { from: ms(100), until: ms(3_000) }];
    let (start, mut stream) = stream(StreamConfig { outages, ..StreamConfig::clean(ms(40)) });
    stream.write(start + ms(99), &[1]);
    stream.write(start + ms(100), &[2]);
    assert_eq!(stream.next_arrival(), Some(start + ms(139)));
    let (bytes, last, _) = read(&mut stream);
    assert_eq!(bytes, [1, 2]);
    let last = last.unwrap() - start;
    assert!((ms(3_040)..=ms(3_240)).contains(&last), "{last:?}");
}

#[test]
fn loss_delays_what_follows_and_takes_nothing() {
    let lossy = StreamConfig {
        loss: Loss::Independent { share: 0.02 },
        window: 1 << 20,
        ..StreamConfig::clean(ms(40))
    };
    let (start, mut stream) = stream(lossy);
    let all: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    stream.write(start, &all);
    let (bytes, last, _) = read(&mut stream);
    assert!(bytes == all);
    assert!(stream.hold_ups() > 3);
    assert!(last.unwrap() >= start + ms(40 + 80), "a repair takes a round trip");
}

#[test]
fn a_stream_behind_a_bottleneck_is_as_fast_as_that_and_loses_nothing() {
    let start = Instant::now();
    let narrow = BottleneckConfig { bytes_per_second: 1_000_000, queue_bytes: 40_000 };
    let config = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::default() };
    let bottleneck = Bottleneck::of(start, &config);
    let wide = StreamConfig { window: 1 << 20, ..StreamConfig::clean(ms(10)) };
    let mut stream = Stream::behind(start, wide, Rng::new(5), bottleneck);
    let (mut now, mut written, mut got, mut last) = (start, 0, 0, start);
    while got < 500_000 {
        let room = stream.room(now).min(500_000 - written);
        stream.write(now, &vec![7; room]);
        written += room;
        while let Some(Inflow::Bytes(bytes)) = stream.pop(now) {
            got += bytes.len();
            last = now;
        }
        let moments = [stream.next_arrival(), stream.next_room().filter(|_| written < 500_000)];
        now = moments.into_iter().flatten().min().unwrap_or(now).max(now + Duration::from_nanos(1));
    }
    let took = last - start;
    assert!((ms(509)..=ms(511)).contains(&took), "500 ms at the rate, 10 on the way: {took:?}");
}

#[test]
fn jitter_wanders_and_keeps_order() {
    let jittery = StreamConfig { jitter: ms(20), ..StreamConfig::clean(ms(10)) };
    let (start, mut stream) = stream(jittery);
    let mut delays = Vec::new();
    for n in 0..200 {
        let now = start + ms(10 * n);
        stream.write(now, &[0]);
        let at = stream.next_arrival().unwrap();
        while stream.pop(at).is_some() {}
        delays.push(at - now);
    }
    assert!(delays.iter().all(|delay| (ms(10)..=ms(30)).contains(delay)), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay < ms(15)) && delays.iter().any(|d| *d > ms(25)));
}

#[test]
fn an_outage_without_end_lets_nothing_through() {
    let outages = vec![Outage { from: ms(0), until: Duration::MAX }];
    let (start, mut stream) = stream(StreamConfig { outages, ..StreamConfig::clean(ms(40)) });
    stream.write(start, &[1]);
    assert_eq!((stream.next_arrival(), stream.next_room()), (None, None));
    assert_eq!(stream.knock(start), None);
    assert!(stream.is_cut_off());
}

#[test]
fn what_opens_a_connection_stands_in_the_queue() {
    let start = Instant::now();
    let narrow = BottleneckConfig { bytes_per_second: 1_000_000, queue_bytes: 40_000 };
    let config = LinkConfig { bottleneck: Some(narrow), ..LinkConfig::default() };
    let bottleneck = Bottleneck::of(start, &config);
    assert!(bottleneck.iter().all(|narrow| narrow.pass(start, 30_000).is_some()));
    let mut stream = Stream::behind(start, StreamConfig::clean(ms(10)), Rng::new(5), bottleneck);
    let arrives = start + ms(30) + Duration::from_micros(40) + ms(10);
    assert_eq!(stream.knock(start), Some(arrives));
}

#[test]
fn what_is_taken_is_under_way_no_more() {
    let (start, mut stream) = stream(StreamConfig::clean(ms(40)));
    stream.write(start, &[1; 100]);
    assert_eq!(stream.under_way(), 100);
    read(&mut stream);
    assert_eq!(stream.under_way(), 0);
    stream.write(start + ms(50), &[1; 10]);
    stream.kill(start + ms(60));
    assert_eq!(stream.under_way(), 0);
}

#[test]
fn a_stream_breaks_after_the_byte_that_was_named() {
    for after in 1..=100 {
        let (start, mut stream) = stream(StreamConfig::clean(ms(40)));
        stream.write(start, &[0; 7]);
        assert_eq!(read(&mut stream).0.len(), 7, "what has come before counts for nothing");
        stream.break_after(after);
        let all: Vec<u8> = (0..100).collect();
        stream.write(start + ms(50), &all);
        let (mut bytes, mut broke) = (Vec::new(), None);
        while let Some(at) = stream.next_arrival() {
            let Some(Inflow::Bytes(more)) = stream.pop(at) else { break };
            bytes.extend(more);
            if stream.breaks() {
                stream.kill(at);
                broke = Some(at);
            }
        }
        let wanted = usize::try_from(after).unwrap();
        assert_eq!(bytes, all[..wanted], "nothing behind it comes");
        assert!(broke.is_some() && !stream.breaks(), "told once");
    }
}

#[test]
fn a_stream_that_was_forgotten_fills_its_window_and_never_ends() {
    let (start, mut stream) = stream(StreamConfig { window: 100, ..StreamConfig::clean(ms(40)) });
    stream.write(start, &[1; 40]);
    stream.strand();
    stream.write(start + ms(10), &[2; 60]);
    stream.finish(start + ms(20));
    stream.kill(start + ms(30));
    stream.release(start + ms(40));
    assert_eq!((stream.next_arrival(), stream.room(start + ms(5_000))), (None, 0));
    assert!(!stream.is_open());
}
