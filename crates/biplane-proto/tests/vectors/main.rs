//! Wire stability: golden vectors of the key schedule, of sealed packets and of the handshake, and
//! how peers of other versions are told.
//!
//! What stands in the files is worked out a second time, from `docs/PROTOCOL.md` alone; only HMAC,
//! SHA-256 and the two AEADs themselves are the same library's.

#![cfg(test)]

mod files;
mod handshake;
mod keys;
mod packets;
mod resume;
mod schedule;
mod session;
mod versions;
