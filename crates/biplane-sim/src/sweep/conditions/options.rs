//! What a seed's applications chose: channels, sessions, and where their numbers begin.

use core::{num::NonZeroU8, time::Duration};

use biplane_proto::{ChannelConfig, SessionConfig, limits};
use biplane_wire::{Aead, ChannelKind, PacketNumber};

use crate::{ClientConfig, EndConfig, Protocol, Rng};

/// The least credit.
const CREDIT: u64 = 16 * 1024;
/// The latest that a session is woken.
const LAG: Duration = Duration::from_millis(20);
/// The least that a channel allows its longest message.
const LONGEST: usize = 1_024;
/// No lifetime is shorter or longer.
const LIFETIMES: (u64, u64) = (50, 10_000);

/// No message escalates sooner or later.
const ESCALATIONS: (u64, u64) = (20, 2_000);

/// The protocol of every kind, each channel with options of its own.
pub(super) fn protocol(rng: &mut Rng) -> Protocol {
    let mut protocol = Protocol::of_every_kind();
    protocol.configure(|_, channel| vary(rng, channel));
    protocol.configure(|_, channel| ask_more(rng, channel));
    protocol.configure(|_, channel| channel.weight = weight(rng));
    protocol
}

/// What was not drawn from the beginning is drawn last, so that seeds keep the rest.
fn ask_more(rng: &mut Rng, channel: &mut ChannelConfig) {
    channel.notify = rng.chance(0.5);
    let escalates = rng.chance(0.3);
    let (least, most) = ESCALATIONS;
    let after = Duration::from_millis(rng.between(least, most));
    let may = matches!(channel.kind, ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered);
    channel.escalate_after = (escalates && may).then_some(after);
}

/// Most channels weigh as much as others; some a little more, few as much as may be.
fn weight(rng: &mut Rng) -> NonZeroU8 {
    let most = if rng.chance(0.1) { 255 } else { 4 };
    let weight = if rng.chance(0.5) { rng.between(1, most) } else { 1 };
    u8::try_from(weight).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MIN)
}

fn vary(rng: &mut Rng, channel: &mut ChannelConfig) {
    if rng.chance(0.25) {
        let longest = usize::try_from(channel.max_message).unwrap_or(LONGEST);
        channel.max_message = u32::try_from(rng.size(LONGEST, longest)).unwrap_or(u32::MAX);
    }
    if rng.chance(0.5) {
        channel.priority = u8::try_from(rng.between(0, 3)).unwrap_or(0);
    }
    if channel.kind != ChannelKind::Command && rng.chance(0.2) {
        let (least, most) = LIFETIMES;
        channel.lifetime = Some(Duration::from_millis(rng.between(least, most)));
    }
}

/// A client behind wires that misbehave for `length`.
pub(super) fn client(rng: &mut Rng, length: Duration) -> ClientConfig {
    let mut aeads = vec![Aead::Aes128Gcm, Aead::ChaCha20Poly1305];
    if rng.chance(0.25) {
        aeads.reverse();
    }
    // Both ends number from the same place: that of the first they expect is that of the first they
    // send.
    let first = first_packet(rng);
    ClientConfig {
        aeads,
        session: SessionConfig {
            max_send_delay: if rng.chance(0.5) {
                Duration::from_millis(1)
            } else {
                rng.duration(Duration::from_millis(20))
            },
            key_packets: if rng.chance(0.25) { rng.between(50, 500) } else { u64::MAX },
            ..SessionConfig::default()
        },
        client: end(rng, first),
        server: end(rng, first),
        ..ClientConfig::new(super::wires(rng, length))
    }
}

fn end(rng: &mut Rng, first_packet: PacketNumber) -> EndConfig {
    EndConfig {
        first_packet,
        initial_credit: if rng.chance(0.25) {
            rng.between(CREDIT, limits::CHANNEL_CREDIT)
        } else {
            limits::CHANNEL_CREDIT
        },
        lag: if rng.chance(0.25) { rng.duration(LAG) } else { Duration::ZERO },
        ..EndConfig::default()
    }
}

/// Packet numbers begin at 0, or shortly before a place where they could wrap.
fn first_packet(rng: &mut Rng) -> PacketNumber {
    let wrap = [8, 16, 31, 32, 48].map(|bits| 1_u64 << bits).get(rng.index(10)).copied();
    PacketNumber(wrap.map_or(0, |wrap| wrap.saturating_sub(rng.between(10, 1_000))))
}
