//! The TUN form, between network namespaces of its own.
//!
//! With a `main` of its own, because this executable is the keeper too, and because what is measured
//! must be alone: one test at a time. Where the machine makes no namespaces all tests are ignored,
//! and the reason is said.

#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "these are tests, which clippy knows by libtest alone"
    )
)]

#[cfg(target_os = "linux")]
#[path = "../both.rs"]
mod both;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod flows;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
mod tcp_meets_loss;
#[cfg(target_os = "linux")]
mod tools;

use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("skipped: the TUN form takes Linux");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    if let Some(code) = biplane_link::tun::keeper_main() {
        return code;
    }
    if let Some(code) = ends::victim_main() {
        return code;
    }
    let mut arguments = libtest_mimic::Arguments::from_args();
    arguments.test_threads = Some(1);
    let obstacle = tools::obstacle();
    if let Some(obstacle) = &obstacle {
        println!("skipped: {obstacle}");
    }
    let tests = [figures::TESTS, flows::TESTS, streams::TESTS, tcp_meets_loss::TESTS, ends::TESTS];
    let trials = tests.into_iter().flatten().map(|(name, test)| {
        let trial = libtest_mimic::Trial::test(*name, || {
            test();
            Ok(())
        });
        trial.with_ignored_flag(obstacle.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
