//! A stream in virtual time: order, windows, stalls and ends.

use super::*;

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
