//! What the two halves agree on.

use biplane::{Channel, Protocol, Request};
use serde::{Deserialize, Serialize};

/// Lines of talk, on the control plane: each arrives, in order.
pub const LINES: Channel<String> = Channel::command("lines");
/// Numbered waves of a hand, on the data plane: one may be lost, none is seen after a later one.
pub const WAVES: Channel<u32> = Channel::sequenced("waves");

/// Asks to be let in by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Knock {
    pub name: String,
}

impl Request for Knock {
    const NAME: &'static str = "knock";
    type Reply = String;
}

pub fn protocol() -> Protocol {
    Protocol::new("hello", 1).channel(LINES).channel(WAVES).request::<Knock>()
}
