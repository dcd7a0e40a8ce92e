//! Profiles by name, in figures, and as text.

use core::time::Duration;
use std::time::Instant;

use super::{named::Name, *};
use crate::{Bottleneck, BottleneckConfig, Loss, Outage};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn profile(text: &str) -> Profile {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn told(text: &str) -> String {
    text.parse::<Profile>().unwrap_err().to_string()
}

/// Delay and jitter in µs, loss in percent, burst, rates down and up in kbit, queue in ms.
type Row = (&'static str, [u64; 2], f64, f64, [u64; 2], u64);

/// As the contract's table has them.
const TABLE: [Row; 8] = [
    ("lan", [200, 50], 0.0, 1.0, [1_000_000, 1_000_000], 50),
    ("fibre", [5_000, 1_000], 0.01, 1.0, [300_000, 100_000], 250),
    ("wifi", [3_000, 4_000], 0.5, 3.0, [60_000, 60_000], 100),
    ("wifi-busy", [8_000, 20_000], 2.0, 5.0, [15_000, 15_000], 300),
    ("4g", [25_000, 8_000], 0.3, 1.0, [20_000, 8_000], 500),
    ("3g", [60_000, 25_000], 1.0, 1.0, [3_000, 1_000], 1_500),
    ("satellite", [300_000, 10_000], 0.5, 1.0, [50_000, 5_000], 600),
    ("awful", [100_000, 80_000], 10.0, 5.0, [1_000, 500], 1_000),
];

#[test]
fn the_named_profiles_have_the_figures_of_the_contract() {
    for (name, [delay, jitter], loss, burst, [down, up], queue) in TABLE {
        let profile = profile(name);
        for (way, rate) in [(&profile.up, up), (&profile.down, down)] {
            assert_eq!(way.delay, Duration::from_micros(delay), "{name}");
            assert_eq!(way.jitter, Duration::from_micros(jitter), "{name}");
            assert!((way.loss * 100.0 - loss).abs() < 1e-9 && way.burst == burst, "{name}");
            let bits = rate * 1_000;
            assert_eq!(way.capacity, Capacity::Rate(bits), "{name}");
            let narrow = way.link().bottleneck.unwrap();
            assert_eq!(narrow.bytes_per_second, bits / 8);
            assert_eq!(narrow.queue_bytes, bits / 8 * queue / 1_000, "{name}");
        }
    }
    let driving = profile("4g-driving");
    assert_eq!((driving.up.delay, driving.up.jitter, driving.up.loss), (ms(30), ms(0), 0.0));
    for link in [driving.link(Direction::Up), driving.link(Direction::Down)] {
        assert!(link.trace.is_some());
        assert_eq!(link.bottleneck.unwrap().queue_bytes, 1_000_000);
    }
}

#[test]
fn every_profile_reads_as_it_is_written() {
    let all = Name::ALL.map(Name::text);
    let more = [
        "delay=40ms,jitter=15ms,loss=5%",
        "4g,loss=2%,up-rate=none",
        "4g-driving,rate=1mbit,queue=64KiB",
        "wifi,down-burst=2.5,down-reorder=1%,reorder-by=7ms,corrupt=0.001,jitter-reorders",
        "block-udp=down,block-tcp,after=5s,for=2s,kill-tcp-every=250ms",
        "lan,rebind-udp-every=5s,rebind-address,mtu=1280,up-duplicate=100%",
        "delay=0s",
    ];
    for text in all.into_iter().chain(more) {
        let read = profile(text);
        assert_eq!(profile(&read.to_string()), read, "{text} became {read}");
    }
    for name in Name::ALL {
        assert_eq!(name.profile().to_string(), name.text());
    }
    assert_eq!(profile("delay=40ms,loss=5%").to_string(), "delay=40ms,loss=5%");
    assert_eq!(profile("4g,up-loss=2%").to_string(), "4g,up-loss=2%");
    assert_eq!(profile("profile=4g,up-loss=2%"), profile("4g,up-loss=2%"));
}

#[test]
fn a_trace_is_written_as_its_file() {
    let file = std::env::temp_dir().join(format!("biplane-trace-{}", std::process::id()));
    std::fs::write(&file, "1\n2\n").unwrap();
    let text = format!("4g,trace-up={}", file.display());
    let read = profile(&text);
    assert_eq!(read.to_string(), text);
    assert_eq!(profile(&text), read);
    std::fs::remove_file(&file).unwrap();
    let error = told(&text);
    assert!(error.starts_with(&format!("trace {}: ", file.display())), "{error}");
}

#[test]
fn what_is_wrong_is_named_in_one_line() {
    let unknown = told("5g");
    for part in ["\"5g\"", "lan, fibre, wifi, wifi-busy, 4g, 4g-driving, 3g", "delay, jitter"] {
        assert!(unknown.contains(part), "{unknown}");
    }
    for (text, part) in [
        ("delay=40", "delay cannot be \"40\": it takes a time up to 60s"),
        ("4g,loss=500%", "loss cannot be \"500%\": it takes a share"),
        ("up-rate=fast", "up-rate cannot be \"fast\": it takes a rate"),
        ("profile=5g", "called \"profile\""),
        ("delay=1ms,4g", "no profile or setting is called \"4g\""),
        ("up-block-udp", "called \"up-block-udp\""),
        ("", "called \"\""),
        ("4g,", "called \"\""),
        ("delay", "delay cannot be \"\""),
        ("block-udp=left", "up, down, both or none"),
        ("kill-tcp-every=0s", "from 10ms"),
    ] {
        let error = told(text);
        assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn every_setting_is_known_in_each_of_its_forms() {
    for setting in Setting::ALL {
        let value = match setting.value {
            Some("D") => "20ms",
            Some("S") => "5%",
            Some("N") => "3",
            Some("R") => "5mbit",
            Some("SIZE") => "64KiB",
            Some("B") => "1280",
            Some("FILE") => continue,
            _ => "",
        };
        let mut profile = Profile::perfect();
        profile.set(setting.name, value).unwrap();
        assert_ne!(profile, Profile::perfect(), "{}", setting.name);
        for prefix in ["up", "down"] {
            let known = profile.set(&format!("{prefix}-{}", setting.name), value).is_ok();
            assert_eq!(known, setting.is_directional, "{prefix}-{}", setting.name);
        }
    }
}

#[test]
fn jitter_lies_on_both_sides_of_the_delay_but_not_below_nothing() {
    let link = profile("delay=25ms,jitter=8ms").link(Direction::Up);
    assert_eq!((link.latency, link.jitter, link.keeps_order), (ms(17), ms(16), true));
    let link = profile("delay=8ms,jitter=20ms,jitter-reorders").link(Direction::Up);
    assert_eq!((link.latency, link.jitter, link.keeps_order), (ms(0), ms(28), false));
}

#[test]
fn the_shortest_queue_has_room_for_a_datagram_behind_a_bulk_stream() {
    let start = Instant::now();
    let narrow = Bottleneck::of(start, &profile("rate=100kbit").link(Direction::Up)).unwrap();
    narrow.pass_stream(start, narrow.stream_room(start));
    assert!(narrow.pass(start, 1_200).is_some());
}

#[test]
fn what_would_do_nothing_is_refused() {
    for (text, idle, missing) in [
        ("for=5s", "for", "block-udp or block-tcp"),
        ("4g,after=5s", "after", "block-udp or block-tcp"),
        ("rebind-address", "rebind-address", "rebind-udp-every"),
        ("burst=3", "burst", "loss"),
        ("4g,loss=0%,burst=3", "burst", "loss"),
        ("queue=64KiB", "queue", "rate"),
        ("rate=1mbit,down-rate=none,down-queue=64KiB", "queue", "rate"),
    ] {
        let error = told(text);
        assert!(error.contains(&format!("{idle} does nothing without {missing}")), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    for text in ["wifi,loss=0%", "4g,rate=none", "4g,burst=3", "up-loss=5%,burst=3"] {
        profile(text);
    }
    profile("down-rate=1mbit,queue=64KiB");
    let set = |text, name, value| Profile::with(text, [(name, value)]).map(|read| read.to_string());
    assert_eq!(set("burst=3", "loss", "5%").unwrap(), "loss=5%,burst=3");
    assert!(set("lan", "burst", "3").is_err());
}

#[test]
fn one_set_serves_datagrams_packets_and_tcp() {
    let profile = profile(
        "delay=40ms,loss=2%,burst=3,rate=8mbit,mtu=1280,block-tcp=up,after=5s,down-delay=10ms",
    );
    let link = profile.link(Direction::Up);
    assert_eq!(link.loss, Loss::Bursts { share: 0.02, mean_length: 3.0 });
    assert_eq!(link.mtu, Some(1_252));
    assert_eq!(profile.up.packets().mtu, Some(1_280));
    assert!(link.outages.is_empty());
    let narrow = BottleneckConfig { bytes_per_second: 1_000_000, queue_bytes: 100_000 };
    assert_eq!(link.bottleneck, Some(narrow));
    let stream = profile.stream(Direction::Up);
    assert_eq!(stream.loss, link.loss);
    assert_eq!((stream.latency, stream.ack_latency), (ms(40), ms(10)));
    assert_eq!(stream.window, 150_000, "50 ms on the way and 100 ms in the queue");
    assert_eq!(stream.outages, [Outage { from: ms(5_000), until: Duration::MAX }]);
    assert!(profile.stream(Direction::Down).outages.is_empty());
}
