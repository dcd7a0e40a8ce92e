//! Whether a session whose application wants ten times what the link carries is honest about it:
//! what is urgent is not late for it, what is reliable is refused or arrives, and what is dropped is
//! the oldest, and counted.

mod load;
mod run;

use core::{fmt, time::Duration};
use std::{collections::BTreeMap, time::Instant};

use self::run::{Figures, PROMISES, Planted};
use crate::{args::Overload, crew, json::Object};

/// The faults that are planted, and the promises of which each must break one.
const CANARIES: [(Planted, &str, &[&str]); 2] = [
    (Planted::Inverts, "inverts", &["urgent_late", "urgent_missing"]),
    (Planted::Withholds, "withholds", &["reliable_missing"]),
];

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    asked: Overload,
    seeds: Vec<(u64, Figures)>,
    /// Each planted fault, and whether it was found.
    canaries: Vec<(&'static str, bool)>,
    took: Duration,
}

/// Runs the seeds.
pub(crate) fn look(start: Instant, asked: &Overload) -> Found {
    let planted = CANARIES.map(|(planted, ..)| (asked.first, Some(planted)));
    let honest = (asked.first..).take(usize::try_from(asked.seeds).unwrap_or(usize::MAX));
    let jobs: Vec<_> = honest.map(|seed| (seed, None)).chain(planted).collect();
    let time = Duration::from_secs(asked.load);
    let mut done =
        crew::all(&jobs, |(seed, planted)| run::run(start, *seed, time, *planted), |_| {});
    let of_canaries = done.split_off(jobs.len() - CANARIES.len());
    let caught = CANARIES.iter().zip(of_canaries);
    Found {
        asked: *asked,
        canaries: caught
            .map(|((_, name, promises), figures)| {
                (*name, figures.broken.iter().any(|broken| promises.contains(broken)))
            })
            .collect(),
        seeds: (asked.first..).zip(done).collect(),
        took: start.elapsed(),
    }
}

impl Found {
    /// Whether every promise was kept, and the runs would have shown it if not.
    pub(crate) fn holds(&self) -> bool {
        self.violations() == 0 && self.canaries.iter().all(|(_, caught)| *caught)
    }

    fn violations(&self) -> usize {
        self.seeds.iter().map(|(_, figures)| figures.broken.len()).sum()
    }

    fn total(&self, of: impl Fn(&Figures) -> u64) -> u64 {
        self.seeds.iter().map(|(_, figures)| of(figures)).sum()
    }

    /// The worst of a figure.
    fn most(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        self.seeds.iter().map(|(_, figures)| of(figures)).fold(0.0, f64::max)
    }

    pub(crate) fn to_json(&self) -> String {
        let mut broken: BTreeMap<_, u64> = PROMISES.iter().map(|name| (*name, 0)).collect();
        for name in self.seeds.iter().flat_map(|(_, figures)| &figures.broken) {
            *broken.entry(name).or_default() += 1;
        }
        let broken = broken.iter().fold(Object::new(), |all, (name, count)| all.value(name, count));
        let canaries = self
            .canaries
            .iter()
            .map(|(name, caught)| Object::new().text("name", name).value("caught", caught).end());
        let failures = self.seeds.iter().filter(|(_, figures)| !figures.broken.is_empty());
        let failures = failures.map(|(seed, figures)| {
            let what = format!("{}: {figures}", figures.broken.join(", "));
            Object::new().value("seed", seed).text("what", &what).end()
        });
        Object::new()
            .text("question", "overload")
            .value("seeds", &self.seeds.len())
            .value("violations", &self.violations())
            .value("broken", &broken.end())
            .list("canaries", canaries)
            .value("load_seconds", &self.asked.load)
            .value("refused", &self.total(|figures| figures.refused))
            .value("overflowed", &self.total(|figures| figures.overflowed))
            .value("expired", &self.total(|figures| figures.expired))
            .value("arrived", &self.total(|figures| figures.arrived))
            .value("urgent_slower", &self.most(Figures::slower))
            .value("recovery_ms", &(self.most(|it| it.recovery.as_secs_f64()) * 1_000.0))
            .value("seconds", &self.took.as_secs_f64())
            .list("failures", failures)
            .end()
            + "\n"
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refused, overflowed, expired, arrived, idle, loaded, recovery, .. } = self;
        write!(f, "urgent within {loaded:.1?}, idle {idle:.1?}; {arrived} arrived, ")?;
        write!(f, "{refused} refused, {overflowed} overflowed, {expired} expired; ")?;
        write!(f, "empty {recovery:.1?} after")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (seed, figures) in &self.seeds {
            writeln!(f, "seed {seed}: {figures} {}", figures.broken.join(", "))?;
        }
        writeln!(f, "{} violations in {:.1} s", self.violations(), self.took.as_secs_f64())?;
        self.canaries.iter().try_for_each(|(name, caught)| {
            let found = if *caught { "caught" } else { "NOT caught" };
            writeln!(f, "canary that {name}: {found}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overloaded_session_is_honest_and_one_that_is_not_is_found_out() {
        let found = look(Instant::now(), &Overload { seeds: 1, first: 1, load: 4, json: false });
        assert!(found.holds(), "{found}");
        let json = found.to_json();
        assert!(json.starts_with(r#"{"question":"overload","seeds":1,"violations":0,"#), "{json}");
    }
}
