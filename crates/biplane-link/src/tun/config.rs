//! What the TUN form is told beside what every relay is told.

use std::process::Command;

use super::keeper::keeper_command;

/// How the namespaces are made, and how TCP behaves in them.
#[derive(Debug)]
pub struct TunConfig {
    pub(super) keeper: Command,
    pub(super) congestion: Option<String>,
}

impl TunConfig {
    /// This executable makes the namespaces, and TCP is as the system has it.
    #[must_use]
    pub fn new() -> Self {
        Self { keeper: keeper_command(), congestion: None }
    }

    /// What makes the namespaces: an executable whose `main` begins with
    /// [`keeper_main`](super::keeper_main), and whose first argument is
    /// [`KEEPER_ARGUMENT`](super::KEEPER_ARGUMENT). Default: this one, run again.
    #[must_use]
    pub fn keeper(self, keeper: Command) -> Self {
        Self { keeper, ..self }
    }

    /// TCP's congestion control on the link, `reno` or `cubic` say. Default: the system's, which
    /// decides more than anything else what loss does to a connection: `bbr` hardly minds it.
    #[must_use]
    pub fn congestion(self, name: &str) -> Self {
        Self { congestion: Some(name.to_owned()), ..self }
    }
}

impl Default for TunConfig {
    fn default() -> Self {
        Self::new()
    }
}
