//! Why one cannot connect, or how well one is connected: step by step.
//!
//! A diagnosis joins as any client does and then sounds the path: packets that ask for their ack,
//! which may come over TCP, and for a response, which comes over UDP alone. So it tells "nothing I
//! send arrives" from "nothing comes back" and from "only short datagrams pass", which to a session
//! are all the same: it flies on TCP.
//!
//! | module | decides |
//! |---|---|
//! | `config` | how long, and who is told |
//! | `joining` | name, TCP, TLS, pin, protocol, admission |
//! | `flight` | what is sent over UDP, when, and what came of it |
//! | `judgement` | what that says of the path |
//! | `record` | which step was told, and in which order |
//! | `finding`, `trouble` | what a step shows when it holds, and when not |

mod config;
mod finding;
mod flight;
mod joining;
mod judgement;
mod record;
mod trouble;

use core::{fmt, time::Duration};
use std::thread;

use biplane_wire::Description;

pub use self::{
    config::DiagnosisConfig,
    finding::{Finding, Loss, RoundTrips},
    trouble::{Direction, Trouble},
};
use self::{flight::Flight, joining::Joining, record::Record};
use crate::{ConnectError, Pending, Planes, Protocol, SocketError, Step};

/// What [`crate::Client::diagnose`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What became of each step: all of [`Step::ALL`], in that order.
    pub steps: Vec<StepReport>,
    /// The planes that worked in both directions at the end; `None` without a session.
    pub planes: Option<Planes>,
    /// Round trips over UDP; `None` if there was none.
    pub round_trips: Option<RoundTrips>,
    /// Mean difference between one round trip and the next; `None` with fewer than two.
    pub jitter: Option<Duration>,
    /// Packets that were lost; `None` unless datagrams passed both ways.
    pub loss: Option<Loss>,
    /// The longest datagram that was found to pass up, in bytes of UDP payload, up to what both sides
    /// allow; `None` unless those of 1,200 bytes passed both ways.
    pub mtu: Option<usize>,
    /// What the server speaks, if it said so.
    pub protocol: Option<Description>,
}

/// What became of one step.
#[derive(Debug)]
#[non_exhaustive]
pub struct StepReport {
    /// Which step.
    pub step: Step,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a step.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It holds, and shows this.
    Held(Finding),
    /// It does not, for this reason.
    Failed(Trouble),
    /// It was not taken, because another failed that it needs.
    Skipped,
}

impl Diagnosis {
    /// Whether every step held.
    #[must_use]
    pub fn all_held(&self) -> bool {
        self.steps.iter().all(|report| report.outcome.held() == Some(true))
    }

    /// The first step that failed, and why.
    #[must_use]
    pub fn first_trouble(&self) -> Option<(Step, &Trouble)> {
        self.steps.iter().find_map(|report| match &report.outcome {
            Outcome::Failed(trouble) => Some((report.step, trouble)),
            Outcome::Held(_) | Outcome::Skipped => None,
        })
    }

    fn of(record: Record) -> Self {
        Self {
            steps: record.finish(),
            planes: None,
            round_trips: None,
            jitter: None,
            loss: None,
            mtu: None,
            protocol: None,
        }
    }

    /// Not one step could be taken.
    fn not_begun(error: ConnectError) -> Self {
        let mut record = Record::default();
        record.failed(Step::Name, Trouble::Connect(error));
        Self::of(record)
    }
}

impl Outcome {
    /// Whether the step holds; `None` if it was not taken.
    #[must_use]
    pub const fn held(&self) -> Option<bool> {
        match self {
            Self::Held(_) => Some(true),
            Self::Failed(_) => Some(false),
            Self::Skipped => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(finding) => write!(f, "{finding}"),
            Self::Failed(trouble) => write!(f, "{trouble}"),
            Self::Skipped => f.write_str("not tried"),
        }
    }
}

/// Begins a diagnosis on a thread of its own, which ends soon after nobody waits for it any more.
pub(crate) fn begin(
    link: String,
    protocol: Protocol,
    config: DiagnosisConfig,
) -> Pending<Diagnosis> {
    let (sender, receiver) = flume::bounded(1);
    let run = move || {
        let diagnosis = diagnose(&link, &protocol, config, &|| sender.is_disconnected());
        // Nobody waits for it any more: then it is nobody's.
        drop(sender.send(diagnosis));
    };
    match thread::Builder::new().name("biplane-diagnosis".to_owned()).spawn(run) {
        // It ends by itself.
        Ok(thread) => drop(thread),
        Err(error) => {
            let error = ConnectError::Socket(SocketError::Workers(error));
            return Pending::at_once(|| Diagnosis::not_begun(error));
        }
    }
    Pending::new(receiver, |found| {
        found.unwrap_or_else(|| Diagnosis::not_begun(ConnectError::Closed))
    })
}

fn diagnose(
    link: &str,
    protocol: &Protocol,
    config: DiagnosisConfig,
    is_given_up: &dyn Fn() -> bool,
) -> Diagnosis {
    let lasting = config.lasting;
    let mut record = Record::new(config.on_step.clone());
    let joined = Joining::prepare(link, protocol, config)
        .and_then(|joining| joining.join(&mut record).map(|joined| (joined, joining)));
    let (joined, joining) = match joined {
        Ok(joined) => joined,
        Err(error) => {
            let protocol = record.refused(error);
            return Diagnosis { protocol, ..Diagnosis::of(record) };
        }
    };
    let mut flight = Flight::new(joined.peer);
    flight.fly(&mut record, lasting, is_given_up);
    let judged = flight.evidence().judge(&mut record);
    let planes = flight.planes();
    joining.leave();
    Diagnosis {
        planes: Some(planes),
        round_trips: judged.round_trips,
        jitter: judged.jitter,
        loss: judged.loss,
        mtu: judged.mtu,
        protocol: Some(joined.description),
        ..Diagnosis::of(record)
    }
}
