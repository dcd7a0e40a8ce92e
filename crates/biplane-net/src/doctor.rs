//! Is parallel send and receive on one UDP socket sound on this system, and what does it cost?
//!
//! POSIX promises that a socket may be used by several threads, and of datagrams little more. So
//! [`examine`] asks the system at hand, by the same sockets and calls that an endpoint's workers use.
//! What it finds is plain figures; words and tables are others' affair.
//!
//! | module | asks |
//! |---|---|
//! | `matrix` | receivers × senders: once, whole, in order, how fast, how dear |
//! | `offload` | runs of datagrams in one call |
//! | `buffers` | room for what waits, and the count of what had none |
//! | `reach` | multicast and broadcast |
//! | `timing` | timers, and threads that wake |
//! | `verdict` | what follows |
//! | `flow`, `wires` | one run of datagrams, and its sockets |
//! | `stamp`, `ledger` | what a datagram holds, and what became of each |
//! | `shim` | faults on purpose, to show that they are found |

mod buffers;
mod flow;
mod ledger;
mod matrix;
mod offload;
mod reach;
mod shim;
mod stamp;
mod timing;
mod verdict;
mod wires;

use core::{fmt, ops::ControlFlow, time::Duration};
use std::{
    io,
    sync::{Arc, atomic::AtomicU64},
    thread,
};

pub use buffers::{Buffer, Buffers, DropCounter};
pub use matrix::{Cell, Counts};
pub use offload::Offload;
pub use reach::{Reach, Trial};
pub use shim::Trick;
pub use timing::{Quantiles, Timing};
pub use verdict::{Reason, Soundness, Symptom, Workers};

use matrix::Pace;
use reach::Interface;
use wires::Fault;

/// What is examined.
#[derive(Clone, Debug, Default)]
pub struct DoctorConfig {
    /// Shorter runs: 7 s instead of 40 s. Default: no.
    pub quick: bool,
    /// Interfaces, beside loopback, on which multicast and broadcast are tried. Nothing is sent to
    /// any other. Default: none.
    pub interfaces: Vec<String>,
    /// A fault that the sockets play once in 10,000 datagrams, to show that it is found. Default:
    /// none.
    pub trick: Option<Trick>,
}

/// How far the examination is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps that are done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
    /// The one that begins.
    pub step: Step,
}

/// One step of the examination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Socket buffers, and the kernel's count of drops.
    Buffers,
    /// Multicast and broadcast.
    Reach,
    /// Timers and wake-ups.
    Timing,
    /// Segmentation offload.
    Offload,
    /// So many receivers with so many senders.
    Matrix {
        /// Threads that receive.
        receivers: usize,
        /// Threads that send.
        senders: usize,
        /// Whether each receiver has a socket of its own.
        reuseport: bool,
    },
}

/// What was found. A part that was not examined is empty.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Whether every step was done.
    pub is_complete: bool,
    /// Room for what waits.
    pub buffers: Option<Buffers>,
    /// Loopback first, then the interfaces that were named.
    pub reach: Vec<Reach>,
    /// Timers and wake-ups.
    pub timing: Timing,
    /// Runs of datagrams in one call.
    pub offload: Option<Offload>,
    /// Receivers × senders on one socket, then, where the system has it, with `SO_REUSEPORT`.
    pub matrix: Vec<Cell>,
}

/// Why there was no examination.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoctorError {
    /// An interface cannot be had.
    #[error("no interface `{name}`: {source}")]
    Interface {
        /// As it was named.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system refused a socket or a thread.
    #[error("cannot examine {step}: {source}")]
    Refused {
        /// What was to be examined.
        step: Step,
        /// What the system says.
        source: io::Error,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffers => f.write_str("socket buffers"),
            Self::Reach => f.write_str("multicast and broadcast"),
            Self::Timing => f.write_str("timers and wake-ups"),
            Self::Offload => f.write_str("segmentation offload"),
            Self::Matrix { receivers, senders, reuseport } => {
                let sockets = if *reuseport { ", SO_REUSEPORT" } else { "" };
                write!(f, "{receivers} receiving × {senders} sending{sockets}")
            }
        }
    }
}

impl Examination {
    /// What became of all datagrams.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let runs = self.offload.iter().map(|offload| &offload.counts);
        let all = self.matrix.iter().map(|cell| &cell.counts).chain(runs);
        all.fold(Counts::default(), |sum, one| sum.and(one))
    }

    /// What the sockets did that perfect ones would not.
    #[must_use]
    pub fn symptoms(&self) -> Vec<Symptom> {
        verdict::symptoms(self)
    }

    /// What is known of parallel calls.
    #[must_use]
    pub fn soundness(&self) -> Soundness {
        verdict::soundness(self)
    }

    /// Whether parallel calls can be trusted: every run was made, datagrams came in each, none was
    /// torn, and none came twice.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.soundness() == Soundness::Sound
    }

    /// How many of the matrix's cells no datagram came in.
    #[must_use]
    pub fn silent_cells(&self) -> usize {
        self.matrix.iter().filter(|cell| cell.counts.delivered_once == 0).count()
    }

    /// How many workers to run here.
    #[must_use]
    pub fn workers(&self) -> Workers {
        verdict::workers(self, thread::available_parallelism().map_or(1, usize::from))
    }
}

/// Examines this system. `progress` is called before each step, the longest of which takes 3 s, and
/// may end the examination there; what is known by then is returned.
///
/// # Errors
///
/// [`DoctorError`] if an interface is not there or the system refuses sockets or threads.
pub fn examine(
    config: &DoctorConfig,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Examination, DoctorError> {
    let doctor = Doctor {
        interfaces: Interface::all(&config.interfaces)?,
        fault: config.trick.map(|trick| Fault { trick, tally: Arc::new(AtomicU64::new(0)) }),
        quick: config.quick,
    };
    let (steps, mut found) = (steps(), Examination::default());
    for (done, step) in steps.iter().copied().enumerate() {
        if progress(Progress { done, of: steps.len(), step }).is_break() {
            return Ok(found);
        }
        let run = u32::try_from(done).unwrap_or(u32::MAX);
        doctor
            .take(step, run, &mut found)
            .map_err(|source| DoctorError::Refused { step, source })?;
    }
    found.is_complete = true;
    Ok(found)
}

fn steps() -> Vec<Step> {
    let mut steps = vec![Step::Buffers, Step::Reach, Step::Timing, Step::Offload];
    for reuseport in [false, true] {
        // `SO_REUSEPORT` is only told apart from one socket where datagrams are shared out.
        if reuseport && !cfg!(target_os = "linux") {
            break;
        }
        for receivers in matrix::COUNTS {
            steps.extend(matrix::COUNTS.map(|senders| Step::Matrix {
                receivers,
                senders,
                reuseport,
            }));
        }
    }
    steps
}

/// An examination under way.
struct Doctor {
    interfaces: Vec<Interface>,
    fault: Option<Fault>,
    quick: bool,
}

impl Doctor {
    fn take(&self, step: Step, run: u32, found: &mut Examination) -> io::Result<()> {
        let with = (run, self.fault.as_ref());
        match step {
            Step::Buffers => found.buffers = Some(buffers::examine()?),
            Step::Reach => {
                found.reach = self.interfaces.iter().map(Interface::examine).collect();
            }
            Step::Timing => found.timing = timing::examine(self.either(1_000, 250))?,
            Step::Offload => {
                let pace = self.pace(1_000, 250);
                found.offload = Some(offload::examine(pace, run, self.fault.as_ref())?);
            }
            Step::Matrix { receivers, senders, reuseport } => {
                // The cell that is compared with others' figures is measured longest.
                let pace = match (receivers, senders, reuseport) {
                    (1, 1, false) => self.pace(2_500, 1_000),
                    _ => self.pace(1_500, 200),
                };
                found.matrix.push(matrix::cell((receivers, senders, reuseport), pace, with)?);
            }
        }
        Ok(())
    }

    fn pace(&self, full_ms: u64, quick_ms: u64) -> Pace {
        Pace {
            warm_up: Duration::from_millis(self.either(200, 50)),
            measured: Duration::from_millis(self.either(full_ms, quick_ms)),
        }
    }

    const fn either<T: Copy>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

#[cfg(test)]
mod tests;
