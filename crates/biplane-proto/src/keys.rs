//! Which key seals and opens, and that no number is used twice.
//!
//! One secret per TLS connection gives a secret per direction, and each of those the key and IV of
//! its phase and the secret of the next phase, by HKDF-Expand-Label as in TLS 1.3 (RFC 8446,
//! section 7.1). The nonce is the IV with the packet number folded in (RFC 9001, section 5.3); the
//! associated data is the packet's header.
//!
//! [`Opener`] and [`Sealer`] hold one key each, never change, and work without the session's lock.
//! A packet number becomes a nonce once: [`SealJob`] is made by the session alone, is not `Clone`,
//! and [`Sealer::seal`] consumes it. A job that is dropped burns its number.

use std::collections::VecDeque;

use biplane_wire::{Aead, Header, KeyPhase, PacketNumber, limits as wire};
use ring::{
    aead::{AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};

use crate::{OpenError, Role, SealError, SessionStats, limits};

/// One receive key: immutable, usable by any number of threads.
pub struct Opener(Key);

/// One send key: immutable, usable by any thread that holds a [`SealJob`].
pub struct Sealer {
    phase: KeyPhase,
    key: Key,
}

/// The right to seal one packet, once.
#[derive(Debug)]
#[must_use = "a job that is dropped burns its packet number"]
pub struct SealJob {
    number: PacketNumber,
    phase: KeyPhase,
}

/// A key that the caller must put in place, or take away, before it lets go of the session.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyChange {
    /// Packets of this phase are opened with it.
    InstallOpener(KeyPhase, Opener),
    /// Packets of this phase are dropped.
    DiscardOpener(KeyPhase),
    /// Jobs of this phase are sealed with it.
    InstallSealer(KeyPhase, Sealer),
}

struct Key {
    key: LessSafeKey,
    iv: [u8; 12],
}

impl Key {
    fn nonce(&self, number: PacketNumber) -> Nonce {
        let mut nonce = self.iv;
        for (byte, bits) in nonce.iter_mut().skip(4).zip(number.0.to_be_bytes()) {
            *byte ^= bits;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

impl Opener {
    /// Opens in place what follows `header` in its datagram, tag included; returns the frames.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the seal does not hold; `sealed` is garbage then, and there is no second
    /// try.
    pub fn open<'a>(
        &self,
        header: &Header,
        number: PacketNumber,
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], OpenError> {
        let aad = Aad::from(header.encode());
        match self.0.key.open_in_place(self.0.nonce(number), aad, sealed) {
            Ok(plaintext) => Ok(plaintext),
            Err(ring::error::Unspecified) => Err(OpenError),
        }
    }
}

impl Sealer {
    /// Seals `packet` in place: header, frames, and room for the tag at the end.
    ///
    /// # Errors
    ///
    /// [`SealError`] if the job is of another phase or the buffer no packet; the number is burnt.
    #[expect(clippy::needless_pass_by_value, reason = "sealing uses the job up")]
    pub fn seal(&self, job: SealJob, packet: &mut [u8]) -> Result<(), SealError> {
        let SealJob { number, phase } = job;
        if phase != self.phase {
            return Err(SealError::OtherPhase);
        }
        let (header, rest) =
            packet.split_first_chunk_mut::<{ Header::LEN }>().ok_or(SealError::Length)?;
        let (frames, tag) =
            rest.split_last_chunk_mut::<{ wire::TAG }>().ok_or(SealError::Length)?;
        let aad = Aad::from(&*header);
        let sealed = self.key.key.seal_in_place_separate_tag(self.key.nonce(number), aad, frames);
        tag.copy_from_slice(sealed.map_err(|_| SealError::Length)?.as_ref());
        Ok(())
    }
}

impl core::fmt::Debug for Opener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sealer").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl SealJob {
    /// The packet's number.
    #[must_use]
    pub const fn number(&self) -> PacketNumber {
        self.number
    }

    /// The phase of the key it must be sealed with.
    #[must_use]
    pub const fn phase(&self) -> KeyPhase {
        self.phase
    }
}

/// The keys of a session and the numbers of the packets it sends.
///
/// A side moves on to its next send key by itself, and never twice before the peer has acknowledged
/// a packet under the last (RFC 9001, section 6.1). It always holds three receive keys: the one
/// before, the current one and the next, so that no packet of an honest peer comes before its key.
#[derive(Debug)]
pub(crate) struct Keys {
    aead: Aead,
    next: PacketNumber,
    send: SendKey,
    receive: ReceiveKey,
    /// Packets after which a send key is left.
    limit: u64,
    changes: VecDeque<KeyChange>,
}

/// The current send key.
#[derive(Debug)]
struct SendKey {
    secret: DirectionSecret,
    phase: KeyPhase,
    sealed: u64,
    /// The first packet under it.
    first: PacketNumber,
    /// The peer has acknowledged a packet under it.
    confirmed: bool,
    updates: u64,
}

/// The current receive key, and the secret of the next.
#[derive(Debug)]
struct ReceiveKey {
    phase: KeyPhase,
    next: DirectionSecret,
    updates: u64,
}

impl Keys {
    /// Keys of a session whose first packet is `first`, and which leaves a send key after `limit`
    /// packets.
    pub(crate) fn new(
        role: Role,
        aead: Aead,
        secret: &[u8; 32],
        first: PacketNumber,
        limit: u64,
    ) -> Self {
        let up = DirectionSecret::of_session(secret, "client");
        let down = DirectionSecret::of_session(secret, "server");
        let (send, receive) = match role {
            Role::Client => (up, down),
            Role::Server => (down, up),
        };
        let phase = KeyPhase::FIRST;
        let next = receive.next();
        let mut keys = Self {
            aead,
            next: first,
            send: SendKey { secret: send, phase, sealed: 0, first, confirmed: true, updates: 0 },
            receive: ReceiveKey { phase, next, updates: 0 },
            limit: limit.min(limits::KEY_PACKETS),
            changes: VecDeque::new(),
        };
        keys.install_opener(phase, &receive);
        keys.install_next_opener();
        keys.install_sealer();
        keys
    }

    /// What the caller must install or discard.
    pub(crate) fn poll_change(&mut self) -> Option<KeyChange> {
        self.changes.pop_front()
    }

    fn install_opener(&mut self, phase: KeyPhase, secret: &DirectionSecret) {
        let opener = secret.key(self.aead).map(|key| KeyChange::InstallOpener(phase, Opener(key)));
        self.changes.extend(opener);
    }

    fn install_next_opener(&mut self) {
        let next = self.receive.next.key(self.aead);
        let phase = self.receive.phase.next();
        self.changes.extend(next.map(|key| KeyChange::InstallOpener(phase, Opener(key))));
    }

    fn install_sealer(&mut self) {
        let phase = self.send.phase;
        let key = self.send.secret.key(self.aead);
        self.changes.extend(key.map(|key| KeyChange::InstallSealer(phase, Sealer { phase, key })));
    }

    /// Whether the key may seal no more.
    pub(crate) const fn exhausted(&self) -> bool {
        self.send.sealed >= limits::KEY_PACKETS_MAX || self.next.0 >= PacketNumber::MAX.0
    }

    /// Takes the next number; `None` if the key is exhausted. Changes must be drained before the
    /// job is sealed.
    pub(crate) fn take_job(&mut self) -> Option<SealJob> {
        if self.send.sealed >= self.limit && self.send.confirmed {
            self.update_send();
        }
        if self.exhausted() {
            return None;
        }
        let number = self.next;
        self.next = number.next();
        self.send.sealed += 1;
        Some(SealJob { number, phase: self.send.phase })
    }

    fn update_send(&mut self) {
        let SendKey { secret, phase, sealed, first, confirmed, updates } = &mut self.send;
        *secret = secret.next();
        *phase = phase.next();
        *sealed = 0;
        *first = self.next;
        *confirmed = false;
        *updates += 1;
        self.install_sealer();
    }

    /// The peer has acknowledged packets up to `largest`.
    pub(crate) fn on_ack(&mut self, largest: PacketNumber) {
        self.send.confirmed |= largest >= self.send.first;
    }

    /// A packet of `phase` was opened: the peer may have moved on.
    pub(crate) fn on_opened(&mut self, phase: KeyPhase) {
        if phase != self.receive.phase.next() {
            return;
        }
        // Three follow each other round a circle of four: the fourth is the one before the last.
        self.changes.push_back(KeyChange::DiscardOpener(phase.next().next()));
        self.receive.phase = phase;
        self.receive.next = self.receive.next.next();
        self.receive.updates += 1;
        self.install_next_opener();
    }

    pub(crate) const fn report(&self, stats: &mut SessionStats) {
        stats.key_updates_sent = self.send.updates;
        stats.key_updates_received = self.receive.updates;
    }
}

/// The secret of one direction in one phase.
struct DirectionSecret([u8; 32]);

impl core::fmt::Debug for DirectionSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DirectionSecret")
    }
}

impl DirectionSecret {
    fn of_session(secret: &[u8; 32], label: &str) -> Self {
        Self(expand(secret, label))
    }

    /// The secret of the phase that follows.
    fn next(&self) -> Self {
        Self(expand(&self.0, "next"))
    }

    fn key(&self, aead: Aead) -> Option<Key> {
        let iv = expand(&self.0, "iv");
        let key = match aead {
            Aead::Aes128Gcm => unbound::<16>(&AES_128_GCM, &expand(&self.0, "key")),
            Aead::ChaCha20Poly1305 => unbound::<32>(&CHACHA20_POLY1305, &expand(&self.0, "key")),
        };
        Some(Key { key: LessSafeKey::new(key?), iv })
    }
}

fn unbound<const N: usize>(algorithm: &'static Algorithm, key: &[u8; N]) -> Option<UnboundKey> {
    UnboundKey::new(algorithm, key).ok()
}

/// HKDF-Expand-Label with an empty context: `| length 2 | label length 1 | "biplane " label | 0 |`.
fn expand<const N: usize>(secret: &[u8; 32], label: &str) -> [u8; N] {
    struct Len(usize);
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prefix = b"biplane ";
    let [_, label_len] = u16::try_from(prefix.len() + label.len()).unwrap_or(0).to_be_bytes();
    let length = u16::try_from(N).unwrap_or(0).to_be_bytes();
    let info = [&length[..], &[label_len], prefix, label.as_bytes(), &[0]];
    let mut out = [0; N];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    if prk.expand(&info, Len(N)).and_then(|okm| okm.fill(&mut out)).is_err() {
        debug_assert!(false, "HKDF gives up to 8,160 bytes");
    }
    out
}

#[cfg(test)]
mod tests;
