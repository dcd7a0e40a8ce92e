//! An application's protocol, as both sides compare it.

use biplane_wire::{Description, limits};

use crate::{duo, labels, memory};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "Application differs",
    "Channel differs",
    "NotCanonical channels",
    "NotCanonical largest message",
    "NotCanonical names",
    "NotCanonical requests",
    "NotText name",
    "OutOfRange channel kind",
    "OutOfRange name",
    "OutOfRange notify",
    "Request differs",
    "TooLong channels",
    "TooLong description",
    "TooLong largest message",
    "TooLong name",
    "TooLong requests",
    "Trailing",
    "Truncated",
    "read",
];

/// What the two lists may take while they grow: each at most three times its full length.
pub(super) const SLACK: usize = 3 * (limits::CHANNELS * 40 + limits::REQUESTS * 24) + 1_024;

/// Reads `data` as a description, and compares it with another.
pub fn description(data: &[u8]) {
    match memory::bounded(2 * data.len() + SLACK, || Description::decode(data)) {
        Ok(description) => {
            labels::note(|| "read".into());
            assert_eq!(description.encode(), data);
            assert!(description.channels.len() <= limits::CHANNELS);
            assert!(description.requests.len() <= limits::REQUESTS);
            assert_eq!(description.differences(&description), []);
            check_differences(&description);
        }
        Err(error) => labels::refused(error),
    }
}

/// Asserts that both sides tell as many differences, and none if they are equal.
fn check_differences(there: &Description) {
    let here = duo::description();
    let (one, two) = (here.differences(there), there.differences(&here));
    assert_eq!(one.len(), two.len());
    assert_eq!(one.is_empty(), here == *there);
    for difference in &one {
        labels::note(|| format!("{} differs", labels::first_word(difference)));
        assert!(!difference.to_string().is_empty());
    }
}
