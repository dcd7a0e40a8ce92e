//! The first flight of a control connection.

use biplane_wire::{DecodeError, Hello, Parameters, limits};

use crate::{labels, memory};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Attach",
    "Join",
    "NotBiplane",
    "NotCanonical UDP port",
    "NotCanonical ack delay",
    "NotCanonical control window",
    "NotCanonical credit",
    "NotCanonical datagram",
    "NotCanonical idle timeout",
    "NotCanonical keep-alive",
    "NotCanonical parameter",
    "NotCanonical parameter id",
    "NotCanonical parameters",
    "OutOfRange UDP port",
    "OutOfRange ack delay",
    "OutOfRange control window",
    "OutOfRange datagram",
    "OutOfRange idle timeout",
    "OutOfRange keep-alive",
    "OutOfRange purpose",
    "OutOfRange receive id",
    "OutOfRange version",
    "Resume",
    "TooLong credentials",
    "TooLong handshake",
    "TooLong parameter",
    "Trailing",
    "Truncated",
];

/// What small lists may take beside the bytes that came.
const SLACK: usize = 1_024;

/// Reads `data` as a hello.
pub fn hello(data: &[u8]) {
    let len = memory::bounded(0, || Hello::len_of(data));
    check_len(data, len, Hello::len_of);
    match memory::bounded(2 * data.len() + SLACK, || Hello::decode(data)) {
        Ok(hello) => {
            labels::note(|| format!("{:?}", hello.purpose));
            assert_eq!(len, Ok(Some(data.len())));
            assert!(data.len() <= 6 + limits::HELLO);
            assert!(hello.lowest_version <= hello.highest_version);
            check_parameters(&hello.parameters);
            assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }
        Err(error) => labels::refused(error),
    }
}

/// Asserts that the length of a block is told by its head, as soon as that is whole.
pub(super) fn check_len(
    data: &[u8],
    len: Result<Option<usize>, DecodeError>,
    len_of: impl Fn(&[u8]) -> Result<Option<usize>, DecodeError>,
) {
    for end in 0..data.len().min(6) {
        let early = len_of(&data[..end]);
        assert!(early == Ok(None) || early == len, "{early:?} of {end} bytes");
    }
    assert_eq!(len_of(&data[..data.len().min(6)]), len);
}

/// Asserts the ranges that the documentation of each parameter names.
pub(super) fn check_parameters(parameters: &Parameters) {
    assert!((1_200..=65_507).contains(&parameters.max_datagram));
    assert!(parameters.reliable_ack_delay_ms <= 1_000);
    assert!(parameters.unreliable_ack_delay_ms <= 1_000);
    assert!((1_000..=25_000).contains(&parameters.keep_alive_ms));
    assert!((3_000..=600_000).contains(&parameters.idle_timeout_ms));
    assert!(parameters.credentials.len() <= limits::CREDENTIALS);
    assert_ne!(parameters.udp_port, Some(0));
}
