//! Which steps were taken: each told once, in order, to whom it concerns.

use biplane_wire::Description;

use super::{Finding, Outcome, StepReport, Trouble, config::OnStep};
use crate::{ConnectError, Step, engine::Milestone};

/// The steps of one diagnosis so far.
#[derive(Default)]
pub(super) struct Record {
    told: Vec<StepReport>,
    on_step: Option<OnStep>,
}

impl Record {
    pub(super) fn new(on_step: Option<OnStep>) -> Self {
        Self { told: Vec::new(), on_step }
    }

    /// Whether a step was told.
    pub(super) fn has(&self, step: Step) -> bool {
        self.told.iter().any(|report| report.step == step)
    }

    pub(super) fn held(&mut self, finding: Finding) {
        self.tell(finding.step(), Outcome::Held(finding));
    }

    pub(super) fn failed(&mut self, step: Step, trouble: Trouble) {
        self.tell(step, Outcome::Failed(trouble));
    }

    /// A step is told once: what a second dial finds is what the first found.
    fn tell(&mut self, step: Step, outcome: Outcome) {
        if self.has(step) {
            return;
        }
        let report = StepReport { step, outcome };
        if let Some(on_step) = &self.on_step {
            on_step(&report);
        }
        self.told.push(report);
    }

    /// A dial has come this far, to a server with `pin`.
    pub(super) fn passed(&mut self, milestone: Milestone, pin: crate::Pin) {
        match milestone {
            Milestone::Found { addresses } => {
                let addresses = addresses.iter().map(std::net::SocketAddr::ip).collect();
                self.held(Finding::Found { addresses });
            }
            Milestone::Reached { address, rtt } => self.held(Finding::Reached { address, rtt }),
            Milestone::Secured => {
                self.held(Finding::Secured);
                self.held(Finding::Known { pin });
            }
            // What a later dial may tell is not a step that is known here.
            _ => {}
        }
    }

    /// There is no session; what that shows of the steps before the one that failed. Returns what
    /// the server speaks, if that is known.
    pub(super) fn refused(&mut self, error: ConnectError) -> Option<Description> {
        if matches!(error, ConnectError::WrongPin { .. }) {
            self.held(Finding::Secured);
        }
        let there = if let ConnectError::Mismatch { there, .. } = &error {
            Some(Description::clone(there))
        } else {
            None
        };
        self.failed(error.step().unwrap_or(Step::Name), Trouble::Connect(error));
        there
    }

    /// All steps, those that were not taken among them.
    pub(super) fn finish(mut self) -> Vec<StepReport> {
        for step in Step::ALL {
            if !self.has(step) {
                self.told.push(StepReport { step, outcome: Outcome::Skipped });
            }
        }
        self.told.sort_by_key(|report| report.step);
        self.told
    }
}
