//! Reports of the contract, judged: what is enough, and what is not.

use serde_json::json;

use super::super::super::Figure;
use super::*;

fn judged(judge: impl FnOnce(&mut Run)) -> Vec<bool> {
    let mut run = Run::new(false, 0, deadline_in(Duration::from_secs(20)));
    judge(&mut run);
    run.into_parts().0.iter().map(Figure::is_met).collect()
}

fn bots() -> Value {
    json!({
        "joined": 1000, "joined_after_ms": 10_000, "disconnected": 0,
        "inputs": {"sent": 1000, "applied": 999}, "commands": {"lost": 0},
    })
}

fn server() -> Value {
    json!({
        "datagrams": {
            "received": 12, "delivered": 10, "dropped": {"malformed": 2}, "kernel_dropped": 0,
        },
        "rss_bytes": {"peak": 249_000_000}, "panics": 0,
    })
}

#[test]
fn a_thousand_bots_are_judged_by_nine_figures() {
    let verdict = |bots: &Value, server: &Value| judged(|run| judge(run, "x", 1000, bots, server));
    assert_eq!(verdict(&json!({}), &json!({})), [false; 9]);
    let (mut bots, mut server) = (bots(), server());
    assert_eq!(verdict(&bots, &server), [true; 9]);
    bots["joined_after_ms"] = json!(10_001);
    bots["inputs"]["applied"] = json!(998);
    server["rss_bytes"]["peak"] = json!(250_000_001);
    let expected = [true, false, true, false, true, true, true, false, true];
    assert_eq!(verdict(&bots, &server), expected);
}

#[test]
fn every_worker_is_shown_and_must_have_worked() {
    let worker = |datagrams| json!({"datagrams": datagrams, "batches": 5, "wakeups": 3});
    let server = json!({"receivers": [worker(9), worker(0)], "senders": [worker(9)]});
    let got = judged(|run| judge_workers(run, "x", &server, 2));
    assert_eq!(got, [true, true, true, true, false, true, true, false, true, true, true]);
}

#[test]
fn killed_bots_leave_in_time_and_their_memory_is_used_again() {
    let mut server = json!({
        "sessions": {"left": {"connection_lost": 990, "timed_out": 10, "closed": 1000}},
        "rss_bytes": {"peak": 105},
        "timeline": [
            {"t": 5.0, "sessions": 1000, "rss_peak_bytes": 90},
            {"t": 6.0, "sessions": 1000, "rss_peak_bytes": 100},
            {"t": 7.0, "sessions": 10, "rss_peak_bytes": 100},
            {"t": 46.0, "sessions": 0, "rss_peak_bytes": 100},
            {"t": 60.0, "sessions": 1000, "rss_peak_bytes": 105},
        ],
    });
    assert_eq!(judged(|run| judge_departure(run, &server, 1000)), [true; 3]);
    server["sessions"]["left"]["timed_out"] = json!(9);
    server["rss_bytes"]["peak"] = json!(106);
    server["timeline"][3]["t"] = json!(51.5);
    assert_eq!(judged(|run| judge_departure(run, &server, 1000)), [false; 3]);
}

#[test]
fn bots_of_a_killed_server_know_it_and_say_so_by_their_status() {
    let told = json!({
        "disconnected": 1000,
        "timeline": [{"t": 5, "lost": 0}, {"t": 6, "lost": 700}, {"t": 7, "lost": 1000}],
    });
    let bots = |status| Finished {
        exit: Exit::Status(status),
        stdout: told.to_string(),
        stderr: String::new(),
    };
    assert_eq!(judged(|run| judge_loss(run, &bots(1), 1000).unwrap()), [true; 3]);
    assert_eq!(judged(|run| judge_loss(run, &bots(0), 999).unwrap()), [false; 3]);
}
