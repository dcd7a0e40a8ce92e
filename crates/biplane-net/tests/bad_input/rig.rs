//! A hostile peer and the scene it appears on.
//!
//! The peer speaks TCP, TLS and UDP by itself. It takes the handshake and the frames it does not
//! want to spoil from `biplane-proto` and `biplane-wire`; keys, heads and whatever is spoilt it
//! writes on its own, after `docs/PROTOCOL.md`.

pub(crate) mod alone;
mod doors;
mod keys;
mod memory;
mod peer;
mod protocol;
mod scene;
mod tls;

pub(crate) use alone::alone;
pub(crate) use doors::Doors;
pub(crate) use memory::{
    held_by_others, nobody_reserved_by_a_claim, taken_by_others, taken_here,
    this_thread_is_the_tests_own,
};
pub(crate) use peer::{HEAD, Peer, parameters, read_answer, read_block, read_hello, varint};
pub(crate) use protocol::{
    CHANNELS, COMMAND, ORDERED, SEQUENCED, UNORDERED, UNRELIABLE, channel, config, dial, fragment,
    listen_config, message, protocol,
};
pub(crate) use scene::{Scene, Victim, begin_connect, connect, is_unanswered, take};
pub(crate) use tls::Tls;

pub(crate) use crate::patience::{PATIENCE, eventually, until};
