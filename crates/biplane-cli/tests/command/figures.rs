//! The relay does what it was told: what one side's sockets sent against what the other's received.

use serde_json::Value;

use crate::program::{document, shared};

fn measured(flags: &str) -> Value {
    let _machine = shared();
    document(&format!("measure-link {flags}"))
}

fn figure(document: &Value, path: &str) -> f64 {
    document.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}: {document}"))
}

fn count(document: &Value, path: &str) -> u64 {
    document.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path}: {document}"))
}

#[test]
fn a_delay_is_within_a_millisecond_or_five_percent() {
    for (profile, wanted, slack) in [("delay=5ms", 5.0, 1.0), ("delay=40ms", 40.0, 2.0)] {
        let measured = measured(&format!("--profile {profile} --per-second 200 --seconds 2"));
        let delay = figure(&measured, "/udp/delay_ms/p50");
        assert!((delay - wanted).abs() <= slack, "{profile}: {measured}");
        assert!(figure(&measured, "/udp/delay_ms/min") >= wanted, "early: {measured}");
        assert_eq!(count(&measured, "/udp/sent"), count(&measured, "/udp/received"));
    }
}

#[test]
fn jitter_strays_to_both_sides_around_the_delay_and_keeps_order() {
    let measured = measured("--profile delay=30ms,jitter=10ms --per-second 500 --seconds 8");
    let median = figure(&measured, "/udp/delay_ms/p50");
    assert!((median - 30.0).abs() <= 2.0, "{measured}");
    let (min, max) =
        (figure(&measured, "/udp/delay_ms/min"), figure(&measured, "/udp/delay_ms/p99"));
    assert!((20.0..23.0).contains(&min) && (37.0..60.0).contains(&max), "{measured}");
    assert_eq!(count(&measured, "/udp/reordered"), 0);
}

#[test]
fn a_rate_is_within_five_percent_for_datagrams_and_for_tcp() {
    let udp = measured("--profile rate=8mbit --size 1000 --per-second 2000 --seconds 3");
    let rate = figure(&udp, "/udp/bits_per_second");
    assert!((rate / 8e6 - 1.0).abs() <= 0.05, "{udp}");
    assert!(count(&udp, "/link/up/udp/queue_dropped") > 1_000, "{udp}");
    let tcp = measured("--tcp --profile rate=8mbit,delay=10ms --seconds 3");
    let rate = figure(&tcp, "/tcp/bits_per_second");
    assert!((rate / 8e6 - 1.0).abs() <= 0.05, "{tcp}");
    assert_eq!(count(&tcp, "/tcp/sent"), count(&tcp, "/tcp/received"));
}

#[test]
fn loss_is_within_three_standard_errors_of_what_was_asked_and_all_of_it_is_the_models() {
    for seed in 1..=3 {
        let flags = format!("--profile loss=5% --per-second 10000 --seconds 2 --seed {seed}");
        let measured = measured(&flags);
        let (sent, received) = (count(&measured, "/udp/sent"), count(&measured, "/udp/received"));
        let lost = (sent - received) as f64;
        let (sent, share) = (sent as f64, 0.05);
        let error = (sent * share * (1.0 - share)).sqrt();
        assert!((lost - sent * share).abs() <= 3.0 * error, "seed {seed}: {measured}");
        assert_eq!(lost, figure(&measured, "/link/up/udp/lost"), "{measured}");
    }
}

#[test]
fn what_is_counted_is_what_the_far_end_sees() {
    let profile = "duplicate=3%,reorder=2%,loss=3%,burst=4,delay=5ms";
    let first = measured(&format!("--profile {profile} --per-second 3000 --seconds 2"));
    for name in ["duplicated", "reordered"] {
        let seen = count(&first, &format!("/udp/{name}"));
        assert_eq!(seen, count(&first, &format!("/link/up/udp/{name}")), "{name}: {first}");
        assert!(seen > 50, "{name}: {first}");
    }
    let second = measured("--profile corrupt=2% --per-second 3000 --seconds 2");
    let seen = count(&second, "/udp/corrupted");
    assert_eq!(seen, count(&second, "/link/up/udp/corrupted"), "{second}");
    assert!((60..180).contains(&seen), "{second}");
    assert_eq!(count(&second, "/udp/received") + seen, count(&second, "/udp/sent"));
}

#[test]
fn tcp_keeps_every_byte_through_loss_and_is_slowed_by_it() {
    let measured = measured("--tcp --profile delay=10ms,loss=2% --seconds 2");
    assert_eq!(count(&measured, "/tcp/sent"), count(&measured, "/tcp/received"));
    assert!(count(&measured, "/link/up/tcp/stalls") > 10, "{measured}");
}
