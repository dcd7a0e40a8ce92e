//! The answer to a hello.

use biplane_wire::{Answer, limits};

use super::hello::{check_len, check_parameters};
use crate::{labels, memory};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Mismatch",
    "NotBiplane",
    "NotCanonical UDP port",
    "NotCanonical ack delay",
    "NotCanonical channels",
    "NotCanonical control window",
    "NotCanonical credit",
    "NotCanonical datagram",
    "NotCanonical idle timeout",
    "NotCanonical keep-alive",
    "NotCanonical largest message",
    "NotCanonical names",
    "NotCanonical parameter",
    "NotCanonical parameter id",
    "NotCanonical parameters",
    "NotCanonical requests",
    "NotCanonical retry after",
    "NotText name",
    "NotText refusal",
    "OutOfRange AEAD",
    "OutOfRange UDP port",
    "OutOfRange ack delay",
    "OutOfRange channel kind",
    "OutOfRange control window",
    "OutOfRange datagram",
    "OutOfRange idle timeout",
    "OutOfRange keep-alive",
    "OutOfRange name",
    "OutOfRange notify",
    "OutOfRange receive id",
    "OutOfRange retry after",
    "OutOfRange version",
    "Refused",
    "TooLong channels",
    "TooLong credentials",
    "TooLong handshake",
    "TooLong largest message",
    "TooLong name",
    "TooLong parameter",
    "TooLong refusal",
    "TooLong requests",
    "Trailing",
    "Truncated",
    "UnknownType",
    "Unsupported",
    "Welcome",
];

/// Reads `data` as an answer.
pub fn answer(data: &[u8]) {
    let len = memory::bounded(0, || Answer::len_of(data));
    check_len(data, len, Answer::len_of);
    let room = 2 * data.len() + super::description::SLACK;
    match memory::bounded(room, || Answer::decode(data)) {
        Ok(answer) => {
            labels::note(|| labels::first_word(&answer));
            assert_eq!(len, Ok(Some(data.len())));
            check(&answer, data);
        }
        Err(error) => labels::refused(error),
    }
}

fn check(answer: &Answer, data: &[u8]) {
    let again = answer.encode();
    match answer {
        // Unknown parameters are skipped, and those left out come back with their defaults.
        Answer::Welcome(welcome) => {
            check_parameters(&welcome.parameters);
            assert_eq!(Answer::decode(&again).as_ref(), Ok(answer));
        }
        Answer::Refused { text, .. } => {
            assert!(text.len() <= limits::TEXT);
            assert_eq!(again, data);
        }
        Answer::Mismatch(_) | Answer::Unsupported { .. } => assert_eq!(again, data),
    }
}
