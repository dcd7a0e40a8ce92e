//! The frames of a packet.

use biplane_wire::Frames;

use crate::{labels, memory, wires};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "NotCanonical ECN count",
    "NotCanonical ack delay",
    "NotCanonical ack ranges",
    "NotCanonical close text",
    "NotCanonical credit",
    "NotCanonical fragment offset",
    "NotCanonical fragment total",
    "NotCanonical message",
    "NotCanonical padding",
    "NotCanonical taken ranges",
    "NotText close text",
    "OutOfRange ack delay",
    "OutOfRange ack ranges",
    "OutOfRange channel",
    "OutOfRange close code",
    "OutOfRange fragment",
    "OutOfRange fragment offset",
    "OutOfRange taken ranges",
    "TooLong ack ranges",
    "TooLong close text",
    "TooLong fragment total",
    "TooLong message",
    "TooLong taken ranges",
    "Truncated",
    "UnknownType",
    "ack",
    "ack with ECN",
    "challenge",
    "close Application",
    "close Dropped",
    "close Limit",
    "close NoData",
    "close TimedOut",
    "close Violation",
    "credit",
    "fragment",
    "fragment after",
    "fragment after clock",
    "fragment clock",
    "fragment length",
    "fragment length after",
    "fragment length after clock",
    "fragment length clock",
    "message",
    "message after",
    "message after clock",
    "message clock",
    "message length",
    "message length after",
    "message length after clock",
    "message length clock",
    "message length sequence",
    "message length sequence after",
    "message length sequence after clock",
    "message length sequence clock",
    "message sequence",
    "message sequence after",
    "message sequence after clock",
    "message sequence clock",
    "padding",
    "ping",
    "response",
    "taken",
];

/// Reads `data` as the plaintext of a packet.
pub fn frames(data: &[u8]) {
    memory::bounded(0, || Frames::new(data).for_each(drop));
    let error = wires::check_frames(data, |frame| labels::note(|| wires::name(&frame)));
    if let Some(error) = error {
        labels::refused(error);
    }
}
