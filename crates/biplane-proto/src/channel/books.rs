//! What the channels of a session write down together.

use super::{causality::Progress, notices::Notices};

/// What all channels write into when they send.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) progress: Progress,
    pub(crate) notices: Notices,
    pub(super) counts: Counts,
}

/// What happened to messages, for statistics.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) taken: u64,
    pub(super) resent: u64,
    pub(super) escalated: u64,
    pub(super) late: u64,
    pub(super) duplicated: u64,
    pub(super) untaken: u64,
}
