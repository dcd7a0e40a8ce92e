//! What may be asked of seeds: each question has runs, conditions and canaries of its own.

use core::time::Duration;
use std::time::Instant;

use biplane_sim::{CanaryKind, Conditions, Plan, Trial};

use crate::args::Run;

/// At least so many seeds are run twice, and one of so many.
const REPLAYS: u64 = 5;
const ONE_IN: u64 = 10;
/// A canary's run is shorter: it strikes in its second second.
const CANARY_RUN: Duration = Duration::from_secs(15);

/// What is asked of every seed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Question {
    /// Is every promise kept?
    Sweep,
    /// Is every run the same again, however many receivers there are?
    Replicas,
    /// Is a datagram that comes again ever taken in?
    Replays,
    /// Does anything happen where a counter could wrap?
    Wraps,
    /// Does a session survive outages shorter than its grace, and end with longer ones?
    Outages,
    /// Does a session survive the loss of its control connection?
    Kills,
    /// Does it matter after which byte a control connection breaks?
    Cuts,
    /// Does a session follow a client whose address changes, and nobody who forges one?
    Moves,
    /// Does a session find out how long datagrams may be, and that they may not any more?
    Mtu,
    /// Does a session survive clocks that falter and machines that stand still?
    Clocks,
}

/// Why a run is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To judge the seed.
    Judge,
    /// To see that it replays: it stands right behind the run that it must equal.
    Replay,
    /// To see that a planted fault is found.
    Canary(CanaryKind),
    /// To see that what is found by running a seed twice is: the same again, behind it.
    Echo(CanaryKind),
    /// To see that there is nothing to find where none is planted.
    Control,
}

/// A run to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) seed: u64,
    pub(crate) purpose: Purpose,
    pub(crate) receivers: usize,
}

impl Question {
    /// The one that is asked by this word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "sweep" => Self::Sweep,
            "replicas" => Self::Replicas,
            "replays" => Self::Replays,
            "wraps" => Self::Wraps,
            "outages" => Self::Outages,
            "kills" => Self::Kills,
            "cuts" => Self::Cuts,
            "moves" => Self::Moves,
            "mtu" => Self::Mtu,
            "clocks" => Self::Clocks,
            _ => return None,
        })
    }

    /// The word that asks it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::Replicas => "replicas",
            Self::Replays => "replays",
            Self::Wraps => "wraps",
            Self::Outages => "outages",
            Self::Kills => "kills",
            Self::Cuts => "cuts",
            Self::Moves => "moves",
            Self::Mtu => "mtu",
            Self::Clocks => "clocks",
        }
    }

    /// The faults that are planted.
    pub(crate) const fn canaries(self) -> &'static [CanaryKind] {
        use CanaryKind::{
            Boasts, Clings, Forgets, Gushes, Hastens, Hushes, Lingers, Repeats, Runs, Stalls,
            Stays, Sulks, Swallows, Swaps, Trusts, Vouches, Wavers, Withholds,
        };
        match self {
            Self::Sweep => {
                &[Withholds, Swaps, Repeats, Lingers, Stalls, Swallows, Hastens, Boasts, Hushes]
            }
            Self::Replicas => &[Wavers],
            Self::Replays => &[Forgets],
            Self::Wraps => &[Withholds, Repeats, Stalls],
            Self::Outages => &[Sulks, Clings],
            Self::Kills => &[Sulks, Clings, Withholds, Repeats],
            Self::Cuts => &[Withholds, Repeats, Swaps],
            Self::Moves => &[Gushes, Stays, Trusts],
            Self::Mtu => &[Vouches],
            Self::Clocks => &[Runs],
        }
    }
}

impl Run {
    /// Every run that answers it.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let receivers = self.receivers.unwrap_or(1);
        let of_first = |purpose| Job { seed: self.first, purpose, receivers };
        let mut jobs = vec![of_first(Purpose::Control)];
        for canary in self.question.canaries() {
            jobs.push(of_first(Purpose::Canary(*canary)));
            if *canary == CanaryKind::Wavers {
                jobs.push(of_first(Purpose::Echo(*canary)));
            }
        }
        for place in 0..self.seeds {
            for receivers in self.crews() {
                let job = Job { seed: self.first + place, purpose: Purpose::Judge, receivers };
                jobs.push(job);
                if self.replays(place) {
                    jobs.push(Job { purpose: Purpose::Replay, ..job });
                }
            }
        }
        jobs
    }

    fn crews(&self) -> Vec<usize> {
        match (self.receivers, self.question) {
            (Some(receivers), _) => vec![receivers],
            (None, Question::Replicas) => vec![1, 2, 4],
            (None, _) => vec![1],
        }
    }

    fn replays(&self, place: u64) -> bool {
        match self.question {
            Question::Sweep => place < REPLAYS || place.is_multiple_of(ONE_IN),
            Question::Replicas => true,
            Question::Replays
            | Question::Wraps
            | Question::Outages
            | Question::Kills
            | Question::Cuts
            | Question::Moves
            | Question::Mtu
            | Question::Clocks => false,
        }
    }

    /// What a job's run is like.
    pub(crate) fn plan(&self, start: Instant, job: Job) -> (Conditions, Plan) {
        let canary = match job.purpose {
            Purpose::Judge | Purpose::Replay | Purpose::Control => None,
            Purpose::Canary(kind) | Purpose::Echo(kind) => Some(kind),
        };
        let is_short = !matches!(job.purpose, Purpose::Judge | Purpose::Replay);
        let length = if is_short { CANARY_RUN } else { Plan::default().length };
        let (conditions, length) = self.conditions(start, job, length);
        (conditions, Plan { canary, length, ..Plan::default() })
    }

    /// The conditions of a job's run, and for how long its applications send: `length` where the
    /// question does not say otherwise.
    pub(crate) fn conditions(
        &self,
        start: Instant,
        job: Job,
        length: Duration,
    ) -> (Conditions, Duration) {
        let Job { seed, receivers, .. } = job;
        let drawn = || Conditions::draw(seed, length);
        let (conditions, length) = match self.question {
            Question::Sweep => swept(job, length),
            Question::Replicas => (drawn(), length),
            Question::Replays => (drawn().replayed(seed), length),
            Question::Wraps => (drawn().beside_a_wrap(seed), length),
            Question::Outages => survived(job, Conditions::of_outages),
            Question::Kills => survived(job, Conditions::of_kills),
            Question::Cuts => cut(start, seed),
            Question::Moves => moved(job),
            Question::Mtu => first(job, Conditions::of_mtu, Conditions::narrows),
            Question::Clocks => Conditions::of_clocks(seed),
        };
        let conditions = conditions.received_by(receivers);
        match self.loss {
            Some(share) => (conditions.losing(share), length),
            None => (conditions, length),
        }
    }
}

/// Connections that break after a byte of what they would carry, which a run without shows.
fn cut(start: Instant, seed: u64) -> (Conditions, Duration) {
    let (whole, length) = Conditions::uncut(seed);
    let plan = Plan { length, ..Plan::default() };
    let carried = Trial::new(start, seed, whole, plan).run().figures.control;
    Conditions::of_cuts(seed, carried)
}

/// What `draw` makes of a job's seed; where a fault is planted, of the first seed from there on in
/// whose conditions it `shows`.
fn first(
    job: Job,
    draw: impl Fn(u64) -> (Conditions, Duration),
    shows: impl Fn(&Conditions) -> bool,
) -> (Conditions, Duration) {
    if matches!(job.purpose, Purpose::Judge | Purpose::Replay) {
        return draw(job.seed);
    }
    let mut seeds = (job.seed..).map(&draw);
    seeds.find(|(conditions, _)| shows(conditions)).unwrap_or_else(|| draw(job.seed))
}

/// A planted fault that swallows shows where there is something to drop, the others wherever.
fn swept(job: Job, length: Duration) -> (Conditions, Duration) {
    let swallows = job.purpose == Purpose::Canary(CanaryKind::Swallows);
    let draw = |seed| (Conditions::draw(seed, length), length);
    first(job, draw, |conditions| !swallows || conditions.corrupts())
}

/// A planted fault shows in a run that nothing else ends, and in which TCP is lost; one that clings,
/// where nothing can survive.
fn survived(job: Job, draw: fn(u64) -> (Conditions, Duration)) -> (Conditions, Duration) {
    let clings = job.purpose == Purpose::Canary(CanaryKind::Clings);
    first(job, draw, |conditions| {
        let is_doomed = conditions.is_doomed();
        if clings { is_doomed } else { !is_doomed && conditions.loses_control() }
    })
}

/// A planted fault that trusts shows where somebody forges, the others where a client moves and
/// nothing else happens.
fn moved(job: Job) -> (Conditions, Duration) {
    let trusts = job.purpose == Purpose::Canary(CanaryKind::Trusts);
    first(job, Conditions::of_moves, |conditions| {
        if trusts { conditions.is_forged() } else { conditions.only_moves() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_run_once_and_at_least_five_twice() {
        for (seeds, replays) in [(1, 1), (5, 5), (8, 5), (50, 9)] {
            let run = Run { seeds, first: 100, ..Run::of(Question::Sweep) };
            let jobs = run.jobs();
            let of = |purpose| jobs.iter().filter(|job| job.purpose == purpose).count();
            assert_eq!(of(Purpose::Judge) as u64, seeds);
            assert_eq!(of(Purpose::Replay), replays, "{seeds} seeds");
            assert_eq!(of(Purpose::Control), 1);
            let mut canaries = CanaryKind::OF_MESSAGES.iter().chain(&CanaryKind::OF_OPTIONS);
            assert!(canaries.all(|kind| of(Purpose::Canary(*kind)) == 1));
            assert!(jobs.iter().all(|job| (100..100 + seeds).contains(&job.seed)));
        }
    }

    #[test]
    fn replicas_are_run_twice_with_each_number_of_receivers() {
        let jobs = Run { seeds: 3, ..Run::of(Question::Replicas) }.jobs();
        let pairs: Vec<_> =
            jobs.windows(2).filter(|pair| pair[1].purpose == Purpose::Replay).collect();
        assert_eq!(pairs.len(), 9);
        for pair in pairs {
            assert_eq!((pair[0].seed, pair[0].receivers), (pair[1].seed, pair[1].receivers));
        }
        assert!([1, 2, 4].iter().all(|crew| jobs.iter().any(|job| job.receivers == *crew)));
    }

    #[test]
    fn each_question_has_its_word_and_a_canary() {
        for question in [
            Question::Sweep,
            Question::Replicas,
            Question::Replays,
            Question::Wraps,
            Question::Outages,
            Question::Kills,
            Question::Cuts,
            Question::Moves,
            Question::Mtu,
            Question::Clocks,
        ] {
            assert_eq!(Question::named(question.word()), Some(question));
            assert!(!question.canaries().is_empty());
        }
    }
}
