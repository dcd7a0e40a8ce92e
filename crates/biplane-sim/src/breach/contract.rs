//! What may be wrong between a session and the shell that drives it.

use core::fmt;

use biplane_proto::{DropReason, Timer};

/// A rule of the core's contract that was not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ContractBreach {
    /// A datagram that the network had altered was taken in.
    AlteredAccepted,
    /// A datagram that had been taken in was taken in once more.
    ReplayTaken,
    /// A new datagram within the window was refused as one that had come before, or as too old.
    FalselyRefused(DropReason),
    /// Received datagrams are neither delivered nor dropped, or both.
    Unaccounted {
        /// Received.
        received: u64,
        /// Taken in by a session.
        delivered: u64,
        /// Dropped with a reason.
        dropped: u64,
    },
    /// The session counts other packets than it took in.
    Miscounted {
        /// What it says.
        says: u64,
        /// What it took in.
        took: u64,
    },
    /// The session counts other drops than it was told of and made.
    DropsMiscounted {
        /// Of this kind.
        reason: DropReason,
        /// What it says.
        says: u64,
        /// What there were.
        were: u64,
    },
    /// Time does not go on: the session asks to be woken at once, again and again.
    Spins(Option<Timer>),
    /// So many packets at one moment that they would never end.
    Floods,
    /// A packet of a forbidden length, or not of the length it says.
    PacketLength {
        /// How many bytes were appended.
        appended: usize,
        /// How many it says.
        says: usize,
    },
    /// A packet that could not be sealed.
    Unsealable,
    /// A packet sealed with a key and a nonce that were used before.
    NonceRepeated,
    /// A packet to an address where nobody is.
    Misaddressed,
    /// More bytes to an address that was not proven than came from there.
    Amplified {
        /// So many went there.
        sent: u64,
        /// So many had come.
        received: u64,
    },
    /// More than a short question a second to an address that somebody else had forged.
    Pestered {
        /// The length of the packet that was too much.
        len: usize,
    },
    /// It says that it has something to send, and gives nothing.
    NothingToSend,
    /// It says that a channel can be read, and gives nothing.
    NothingToRead,
}

impl ContractBreach {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AlteredAccepted => "altered_accepted",
            Self::ReplayTaken => "replay_taken",
            Self::FalselyRefused(_) => "falsely_refused",
            Self::Unaccounted { .. } => "unaccounted",
            Self::Miscounted { .. } => "miscounted",
            Self::DropsMiscounted { .. } => "drops_miscounted",
            Self::Spins(_) => "spins",
            Self::Floods => "floods",
            Self::PacketLength { .. } => "packet_length",
            Self::Unsealable => "unsealable",
            Self::NonceRepeated => "nonce_repeated",
            Self::Misaddressed => "misaddressed",
            Self::Amplified { .. } => "amplified",
            Self::Pestered { .. } => "pestered",
            Self::NothingToSend => "nothing_to_send",
            Self::NothingToRead => "nothing_to_read",
        }
    }
}

impl fmt::Display for ContractBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReplayTaken => f.write_str("a datagram was taken in a second time"),
            Self::FalselyRefused(reason) => {
                write!(f, "a new datagram within the window was refused: {}", reason.name())
            }
            Self::AlteredAccepted => f.write_str("an altered datagram was taken in"),
            Self::Unaccounted { received, delivered, dropped } => {
                write!(f, "{received} datagrams received, {delivered} delivered, {dropped} dropped")
            }
            Self::Miscounted { says, took } => {
                write!(f, "the session counts {says} packets and took in {took}")
            }
            Self::DropsMiscounted { reason, says, were } => {
                let reason = reason.name();
                write!(f, "the session counts {says} drops as {reason}, and there were {were}")
            }
            Self::Spins(Some(timer)) => write!(f, "time stands still at timer {timer:?}"),
            Self::Spins(None) => f.write_str("time stands still"),
            Self::Floods => f.write_str("packets without end at one moment"),
            Self::PacketLength { appended, says } => {
                write!(f, "a packet of {appended} bytes that says {says}")
            }
            Self::Unsealable => f.write_str("a packet cannot be sealed"),
            Self::NonceRepeated => f.write_str("a key and a nonce were used a second time"),
            Self::Misaddressed => f.write_str("a packet to an address where nobody is"),
            Self::Amplified { sent, received } => {
                write!(f, "{sent} bytes to an unproven address of which {received} came")
            }
            Self::Pestered { len } => {
                write!(f, "{len} bytes to a forged address, beyond a short question a second")
            }
            Self::NothingToSend => f.write_str("wants to send, and gives nothing"),
            Self::NothingToRead => f.write_str("readable, and gives nothing"),
        }
    }
}
