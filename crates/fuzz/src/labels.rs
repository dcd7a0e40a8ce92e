//! What an input led to, in words: how the replay knows that a corpus is worth something.

use biplane_proto::Violation;
use biplane_wire::DecodeError;

#[cfg(test)]
thread_local! {
    static SEEN: std::cell::RefCell<std::collections::BTreeSet<String>> =
        const { std::cell::RefCell::new(std::collections::BTreeSet::new()) };
}

/// Notes that the input led to what `label` says. Costs nothing while fuzzing.
#[cfg(test)]
pub(crate) fn note(label: impl FnOnce() -> String) {
    crate::memory::uncounted(|| SEEN.with_borrow_mut(|seen| seen.insert(label())));
}

/// Notes that the input led to what `label` says. Costs nothing while fuzzing.
#[cfg(not(test))]
pub(crate) fn note(_: impl FnOnce() -> String) {}

/// What was noted since this was last asked.
#[cfg(test)]
pub(crate) fn take() -> std::collections::BTreeSet<String> {
    SEEN.take()
}

/// Notes why bytes were refused.
pub(crate) fn refused(error: DecodeError) {
    note(|| in_words(error));
}

/// Notes which rule was broken.
pub(crate) fn broken(violation: Violation) {
    note(|| match violation {
        Violation::Decode(error) => in_words(error),
        other => first_word(&other),
    });
}

/// The name of a variant, without what it holds.
pub(crate) fn first_word(value: &impl core::fmt::Debug) -> String {
    let told = format!("{value:?}");
    told.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

/// The field says where in the decoder the bytes were refused.
fn in_words(error: DecodeError) -> String {
    let kind = first_word(&error);
    match error {
        DecodeError::OutOfRange { field }
        | DecodeError::NotCanonical { field }
        | DecodeError::NotText { field }
        | DecodeError::TooLong { field, .. } => format!("{kind} {field}"),
        _ => kind,
    }
}
