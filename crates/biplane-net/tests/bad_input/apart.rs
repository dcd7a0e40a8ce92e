//! What takes a network of the test's own, in which it is root: interfaces that carry less, sources
//! that are forged.
//!
//! With a `main` of its own: where the system gives no such network the tests are ignored, and the
//! reason is said. Each test runs in a process that is this one once more, in its network.

#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "these are tests, which clippy knows by libtest alone"
    )
)]

#[cfg(target_os = "linux")]
#[path = "../net/interface.rs"]
mod interface;
#[cfg(target_os = "linux")]
mod narrow;
#[cfg(target_os = "linux")]
mod networks;
#[cfg(target_os = "linux")]
#[path = "../patience.rs"]
mod patience;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
#[expect(dead_code, unused_imports, reason = "the other bad inputs need more of it")]
mod rig;
#[cfg(target_os = "linux")]
mod sources;
#[cfg(target_os = "linux")]
#[path = "../net/support.rs"]
#[expect(dead_code, reason = "the other tests of endpoints need more of it")]
mod support;
#[cfg(target_os = "linux")]
#[path = "../trusting.rs"]
mod trusting;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: networks of a test's own take Linux");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use libtest_mimic::{Arguments, Trial};
    use networks::Network;

    let (network, arguments) = (Network::here(), Arguments::from_args());
    let (spares, forbids) = (network.spares(), network.forbids());
    for obstacle in [spares, forbids].into_iter().flatten() {
        println!("skipped: {obstacle}");
    }
    let tests = [(interface::TESTS, spares), (narrow::TESTS, spares), (sources::TESTS, forbids)];
    let trials = tests.into_iter().flat_map(|(tests, obstacle)| {
        tests.iter().map(move |(name, test)| {
            let trial = Trial::test(*name, move || {
                network.run(name, *test);
                Ok(())
            });
            trial.with_ignored_flag(obstacle.is_some())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
