//! How long a diagnosis takes, what it speaks, and who is told.

use core::{fmt, time::Duration};
use std::sync::Arc;

use biplane_wire::limits;

use super::StepReport;

/// Runs with each step, on the diagnosis' thread.
pub(super) type OnStep = Arc<dyn Fn(&StepReport) + Send + Sync>;

/// Settings of a diagnosis.
#[derive(Clone)]
pub struct DiagnosisConfig {
    pub(super) credentials: Vec<u8>,
    pub(super) lasting: Duration,
    pub(super) adopts: bool,
    pub(super) on_step: Option<OnStep>,
}

impl Default for DiagnosisConfig {
    fn default() -> Self {
        Self { credentials: Vec::new(), lasting: limits::DIAGNOSIS, adopts: false, on_step: None }
    }
}

impl DiagnosisConfig {
    /// What the server's admission shall see; at most 4,096 bytes. Default: none.
    #[must_use]
    pub fn credentials(mut self, credentials: impl Into<Vec<u8>>) -> Self {
        self.credentials = credentials.into();
        self
    }

    /// How long the path is sounded, once admitted. 1 to 60 s, default 5 s.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        let (least, most) = limits::DIAGNOSIS_RANGE;
        self.lasting = time.clamp(least, most);
        self
    }

    /// Speaks whatever the server speaks, where that is another protocol than one's own. Messages
    /// are thrown away unread all the same. Default: another protocol is a step that failed.
    #[must_use]
    pub const fn any_protocol(mut self) -> Self {
        self.adopts = true;
        self
    }

    /// Tells `each` of every step as soon as it held or failed, in order, on the diagnosis' own
    /// thread. What is skipped is not told. Default: nobody.
    #[must_use]
    pub fn on_step(mut self, each: impl Fn(&StepReport) + Send + Sync + 'static) -> Self {
        self.on_step = Some(Arc::new(each));
        self
    }
}

impl fmt::Debug for DiagnosisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiagnosisConfig")
            .field("lasting", &self.lasting)
            .field("any_protocol", &self.adopts)
            .finish_non_exhaustive()
    }
}
