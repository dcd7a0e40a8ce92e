//! G6, G8, G10, and what G24 asks in virtual time: sessions lose a plane, or both, and go on with new
//! keys.

use anyhow::Result;

use super::super::{Run, Wanted, document, told};
use crate::child::Finished;

/// Threads that seal, and how many packets each of them, in full and in short. In full they exhaust
/// the keys of three sessions.
const THREADS: u64 = 8;
const SEALS: (u64, u64) = (5_000_000, 300_000);
/// Connections over real sockets that are cut after a byte, for G10.
const DRAWS: (u64, u64) = (40, 4);
/// Tests over real sockets that wait for no time-out.
const QUICK_TESTS: &str = "a_connection_that_is_cut_is_replaced no_datagram_is_lost_by_a_resume \
                           tcp_may_be_cut_after_any_byte";
/// Resumes, and as many restarts.
const CYCLES: (u64, u64) = (1_000, 50);

/// G6.
pub(super) fn nonces(run: &mut Run) -> Result<()> {
    let seals = run.form(SEALS.0, SEALS.1);
    let cycles = run.form(CYCLES.0, CYCLES.1);
    let words = format!("nonces --threads {THREADS} --seals {seals} --cycles {cycles}");
    let told = told::sim(run, &words)?;
    for (name, wanted) in [
        ("seals", THREADS * seals),
        ("seals_repeated", 0),
        ("resumes", cycles),
        ("restarts", cycles),
        ("nonces_repeated", 0),
        ("violations", 0),
    ] {
        run.judge_at(&told, name, Wanted::Exactly(wanted.into()));
    }
    let exhausted = document::at(&told, "keys_exhausted");
    run.judge_at(&told, "keys_exhausted_at_limit", Wanted::Exactly(exhausted.clone()));
    if run.form(true, false) {
        run.judge("keys exhausted", Wanted::AtLeast(1.0), exhausted);
    }
    run.judge_at(&told, "nonces", Wanted::AtLeast(4.0 * cycles as f64));
    told::canaries(run, &told, &["recalls"]);
    run.tests("cargo test --release --locked -p biplane-proto --lib keys", 5).map(drop)
}

/// G8.
pub(super) fn outages(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 7] = [
        "session_ended",
        "session_slow_to_heal",
        "session_slow_to_resume",
        "session_outlived",
        "session_half_open",
        "session_never_left",
        "session_never_over",
    ];
    let seeds = run.seeds();
    let told = told::seeds(run, "outages", seeds, &PROMISES, &["sulks", "clings"])?;
    run.judge_at(&told, "slowest_heal", Wanted::AtMost(2.0));
    run.judge_at(&told, "slowest_resume", Wanted::AtMost(5.0));
    run.judge_at(&told, "longest_beyond_grace", Wanted::AtMost(1.0));
    // Most seeds heal once or more, and one in seven ends, at both sides.
    run.judge_at(&told, "heals", Wanted::AtLeast(seeds as f64));
    run.judge_at(&told, "resumes", Wanted::AtLeast(seeds as f64 / 4.0));
    run.judge_at(&told, "ended", Wanted::AtLeast(seeds as f64 / 10.0));
    Ok(())
}

/// G10: in virtual time, and over real sockets.
pub(super) fn kills(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 8] = [
        "session_ended",
        "session_lame",
        "session_slow_to_resume",
        "session_outlived",
        "message_repeated",
        "message_missing",
        "request_unanswered",
        "nonce_repeated",
    ];
    let seeds = run.seeds();
    let told =
        told::seeds(run, "kills", seeds, &PROMISES, &["sulks", "clings", "withholds", "repeats"])?;
    run.judge_at(&told, "slowest_resume", Wanted::AtMost(5.0));
    run.judge_at(&told, "longest_beyond_grace", Wanted::AtMost(1.0));
    // A blow that falls before an earlier loss was noticed and made good adds none.
    run.judge_at(&told, "resumes", Wanted::AtLeast(1.5 * seeds as f64));
    run.judge_at(&told, "ended", Wanted::AtLeast(seeds as f64 / 10.0));
    let draws = run.form(DRAWS.0, DRAWS.1);
    let (tests, least) = run.form(("resume::", 12), (QUICK_TESTS, 3));
    over_sockets(run, (draws, 1_001), tests, least).map(drop)
}

/// Tests of resumes over real sockets, `least` of them, with so many draws from a seed on.
pub(in crate::gate) fn over_sockets(
    run: &mut Run,
    (draws, seed): (u64, u64),
    tests: &str,
    least: u32,
) -> Result<Finished> {
    let line = "cargo test --release --locked -p biplane-net --test net --";
    let drawn = format!("BIPLANE_DRAWS={draws} BIPLANE_SEED={seed}");
    run.tests(&format!("{drawn} {line} {tests} --nocapture"), least)
}

/// Line 2 of issue 6, its part in virtual time: a connection breaks after any byte.
pub(in crate::gate) fn cuts(run: &mut Run) -> Result<()> {
    const PROMISES: [&str; 9] = [
        "message_invented",
        "message_repeated",
        "message_out_of_order",
        "message_missing",
        "request_out_of_turn",
        "request_answered_twice",
        "request_unanswered",
        "request_never_answered",
        "session_ended",
    ];
    let seeds = run.seeds();
    let told = told::seeds(run, "cuts", seeds, &PROMISES, &["withholds", "repeats", "swaps"])?;
    run.judge_at(&told, "resumes", Wanted::AtLeast(seeds as f64));
    Ok(())
}

/// G24, its part in virtual time.
pub(in crate::gate) fn clocks(run: &mut Run) -> Result<()> {
    let seeds = run.form(500, 50);
    let promises = ["panicked", "session_ended", "spins"];
    told::seeds(run, "clocks", seeds, &promises, &["runs"]).map(drop)
}
