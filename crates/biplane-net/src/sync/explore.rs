//! Runs a model in every order in which its threads can go.
//!
//! A model is a test that says what several threads do; loom runs it once for each order of their
//! steps on `sync`'s locks, atomics and lists, and for each value that a load may see under the
//! memory model of C11 (a sequentially consistent access counts as acquire and release, which is
//! less than it promises). It fails if any run panics, or ends in threads that all wait.
//!
//! Beside each stands a canary: the same with one step left out or done in the wrong order, which
//! must fail. `docs/ARCHITECTURE.md` says how to run them.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

pub(crate) use loom::thread::{JoinHandle, yield_now};

/// Steps of one run, at the most.
const STEPS: usize = 20_000;
/// Words of a thread's stack: a session is large.
const STACK: usize = 64 * 1024;

/// Runs `model` in every order.
pub(crate) fn every_order(model: impl Fn() + Send + Sync + 'static) {
    explore(None, model);
}

/// Runs `model` in every order in which threads are held up at most so many times while they could
/// go on. Where a thread must wait, every choice of the next is tried all the same.
pub(crate) fn orders_with(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore(Some(preemptions), model);
}

fn explore(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    // Fewer if the environment says so (`LOOM_MAX_PREEMPTIONS`), for a short form.
    builder.preemption_bound = preemptions.into_iter().chain(builder.preemption_bound).min();
    builder.max_branches = STEPS;
    let counted = Arc::clone(&runs);
    let model = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    builder.check(move || {
        // On a stack of its own, for loom's first is small.
        let model = Arc::clone(&model);
        spawn(move || model()).join().unwrap();
    });
    eprintln!("{} runs", runs.load(Ordering::Relaxed));
}

/// Starts one of the model's threads: three at the most.
pub(crate) fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    loom::thread::Builder::new().stack_size(STACK).spawn(run).unwrap()
}

/// What one thread does.
pub(crate) type Task = Box<dyn FnOnce() + Send>;

/// Runs these threads to their end.
pub(crate) fn together<const N: usize>(threads: [Task; N]) {
    for thread in threads.map(spawn) {
        thread.join().unwrap();
    }
}
