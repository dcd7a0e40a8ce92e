//! What sessions do over a network, one behaviour a file, in virtual time.
//!
//! Every scenario also checks that the core kept its contract with the shell and that every datagram
//! is accounted for; a failure names its seed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a scenario that cannot go on has failed; not every helper is a test function"
)]

mod backlog;
mod canaries;
mod close;
mod commands;
mod corruption;
mod credit;
mod crowd;
mod cuts;
mod duplicates;
mod ecn;
mod first_window;
mod grace;
mod half_open;
mod joining;
mod joining_tunnel;
mod keep_alive;
mod key_update;
mod late_hello;
mod lifetime;
mod long_messages;
mod lost_message;
mod moving;
mod mtu;
mod number_wrap;
mod ordered;
mod overload;
mod priority;
mod reordering;
mod replicas;
mod requests;
mod restart;
mod resume;
mod resume_keys;
mod sequenced;
mod silence;
mod slow_reader;
mod small_sweep;
mod tcp_loss;
mod tools;
mod tunnel;
mod udp_blocked;
mod udp_outage;
