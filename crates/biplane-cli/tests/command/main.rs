//! The command as a user runs it.

mod bad_starts;
mod figures;
mod help;
mod link;
mod program;
