//! The targets, one a file: what runs one input, and what its corpus must lead to.

pub(crate) mod ack;
pub(crate) mod answer;
pub(crate) mod bulk;
pub(crate) mod control;
pub(crate) mod description;
pub(crate) mod frames;
pub(crate) mod handshake;
pub(crate) mod header;
pub(crate) mod hello;
pub(crate) mod message;
pub(crate) mod packets;
pub(crate) mod pair;
pub(crate) mod reassembly;
pub(crate) mod record;
pub(crate) mod resume;
