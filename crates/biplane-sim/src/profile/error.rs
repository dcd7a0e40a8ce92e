//! Why a text is not a profile.

use core::{error::Error, fmt};

use super::{named::Name, settings::Setting};
use crate::TraceError;

/// Why a text is not a profile. Written out it is one line that names the part that is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is no profile and no setting of that name.
    Unknown {
        /// What was written.
        name: String,
    },
    /// A value that the setting does not take.
    Value {
        /// The setting.
        setting: String,
        /// What was written.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// A setting that does nothing without another.
    Idle {
        /// What was set.
        setting: &'static str,
        /// What it takes beside.
        missing: &'static str,
    },
    /// A trace that cannot be read.
    Trace(TraceError),
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                let profiles = Name::ALL.map(Name::text).join(", ");
                let settings: Vec<_> = Setting::ALL.iter().map(|setting| setting.name).collect();
                let settings = settings.join(", ");
                write!(
                    f,
                    "no profile or setting is called {name:?}; profiles: {profiles}; \
                     settings: {settings}"
                )
            }
            Self::Value { setting, value, wanted } => {
                write!(f, "{setting} cannot be {value:?}: it takes {wanted}")
            }
            Self::Idle { setting, missing } => {
                write!(f, "{setting} does nothing without {missing}")
            }
            Self::Trace(error) => error.fmt(f),
        }
    }
}

impl Error for ProfileError {}

impl From<TraceError> for ProfileError {
    fn from(error: TraceError) -> Self {
        Self::Trace(error)
    }
}
