//! From a seed to a run and its verdict.
//!
//! A seed decides the wires, the traffic and everything else of a [`Trial`]: some virtual seconds
//! of faults under load, then none until all that is owed has come, then a close. Its [`Outcome`]
//! says what was broken, and by its transcript whether a second run was the same.

mod conditions;
mod outcome;
mod strikes;
mod traffic;
mod trial;

pub use conditions::{Conditions, Wraps};
pub use outcome::{Datagrams, Drain, Figures, Outcome};
pub use strikes::{Blow, Strike};
pub use traffic::{Lengths, Rhythm, Traffic, Work};
pub use trial::{Narrows, OrdealFigures, Pause, Plan, Trial};
