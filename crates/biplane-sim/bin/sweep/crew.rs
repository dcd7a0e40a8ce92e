//! Runs jobs on all cores.

use std::{
    num::NonZero,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// Does every job, on as many threads as there are cores; the results stand in the order of the
/// jobs. `progress` hears of each that is done, on the caller's thread.
pub(crate) fn all<J: Sync, T: Send>(
    jobs: &[J],
    work: impl Fn(&J) -> T + Sync,
    mut progress: impl FnMut(usize),
) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let (results, done) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            let (results, next, work) = (results.clone(), &next, &work);
            // The receiver outlives the scope, so every result is heard.
            scope.spawn(move || {
                take_jobs(jobs, next, |place, job| results.send((place, work(job))).ok())
            });
        }
        drop(results);
        let mut found: Vec<_> = Vec::with_capacity(jobs.len());
        for result in done {
            found.push(result);
            progress(found.len());
        }
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, result)| result).collect()
    })
}

fn take_jobs<J, R>(jobs: &[J], next: &AtomicUsize, work: impl Fn(usize, &J) -> R) {
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = jobs.get(place) else { return };
        work(place, job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_in_its_place() {
        let jobs: Vec<_> = (0..100).collect();
        let mut last = 0;
        let squares = all(&jobs, |job| job * job, |done| last = done);
        assert_eq!(squares, jobs.iter().map(|job| job * job).collect::<Vec<_>>());
        assert_eq!(last, 100);
    }
}
