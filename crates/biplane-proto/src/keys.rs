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

mod proof;

use std::collections::VecDeque;

use biplane_wire::{Aead, Header, KeyPhase, PacketNumber, ReceiveId, limits as wire};
use ring::{
    aead::{AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};

pub(crate) use self::proof::Proofs;
use crate::{OpenError, Role, SealError, SessionStats, limits};

/// The keys of one control connection: 0 is the one of the join, and every resume has a greater
/// one. Local to a side: the peer may count otherwise.
///
/// Two are heard at a time at the most, and of those one is even and one odd.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyEpoch(pub u32);

/// One receive key: immutable, usable by any number of threads.
pub struct Opener(Key);

/// One send key: immutable, usable by any thread that holds a [`SealJob`].
pub struct Sealer {
    epoch: KeyEpoch,
    phase: KeyPhase,
    key: Key,
}

/// The right to seal one packet, once.
#[derive(Debug)]
#[must_use = "a job that is dropped burns its packet number"]
pub struct SealJob {
    number: PacketNumber,
    epoch: KeyEpoch,
    phase: KeyPhase,
}

/// A key that the caller must put in place, or take away, before it lets go of the session.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyChange {
    /// Packets of this epoch and phase are opened with it.
    InstallOpener(KeyEpoch, KeyPhase, Opener),
    /// Packets of this epoch and phase are dropped.
    DiscardOpener(KeyEpoch, KeyPhase),
    /// Packets of this epoch are dropped, and its receive id is free for others.
    DiscardEpoch(KeyEpoch),
    /// Jobs of this epoch and phase are sealed with it.
    InstallSealer(KeyEpoch, KeyPhase, Sealer),
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
    /// [`SealError`] if the job is of another key or the buffer no packet; the number is burnt.
    #[expect(clippy::needless_pass_by_value, reason = "sealing uses the job up")]
    pub fn seal(&self, job: SealJob, packet: &mut [u8]) -> Result<(), SealError> {
        let SealJob { number, epoch, phase } = job;
        if (epoch, phase) != (self.epoch, self.phase) {
            return Err(SealError::OtherKey);
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
        f.debug_struct("Sealer")
            .field("epoch", &self.epoch)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl SealJob {
    /// The packet's number.
    #[must_use]
    pub const fn number(&self) -> PacketNumber {
        self.number
    }

    /// The epoch of the key it must be sealed with.
    #[must_use]
    pub const fn epoch(&self) -> KeyEpoch {
        self.epoch
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
///
/// A resume begins another epoch. The client sends under it at once; the server when the client has
/// been heard under it, which shows that it has the keys. Until then, and for a while after, what
/// comes under the epoch before is opened too.
#[derive(Debug)]
pub(crate) struct Keys {
    role: Role,
    next: PacketNumber,
    send: SendKey,
    /// Of the newest epoch, while the peer has not been heard under it.
    pending: Option<SendKey>,
    receive: ReceiveKey,
    /// Of the epoch before.
    before: Option<ReceiveKey>,
    /// Packets after which a send key is left.
    limit: u64,
    updates: Updates,
    changes: VecDeque<KeyChange>,
    pub(crate) proofs: Proofs,
}

/// Key updates, over all epochs.
#[derive(Debug, Default)]
struct Updates {
    sent: u64,
    received: u64,
}

/// A send key, and under which receive id the peer knows it.
#[derive(Debug)]
struct SendKey {
    epoch: KeyEpoch,
    aead: Aead,
    peer: ReceiveId,
    secret: DirectionSecret,
    phase: KeyPhase,
    sealed: u64,
    /// The first packet under it.
    first: PacketNumber,
    /// The peer has acknowledged a packet under it.
    confirmed: bool,
}

/// The current receive key of an epoch, and the secret of the next.
#[derive(Debug)]
struct ReceiveKey {
    epoch: KeyEpoch,
    aead: Aead,
    phase: KeyPhase,
    next: DirectionSecret,
    /// A packet under it has come.
    heard: bool,
}

/// What begins an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fresh<'a> {
    pub(crate) aead: Aead,
    /// From the exporter of the connection.
    pub(crate) secret: &'a [u8; 32],
    /// What the peer wants to see in packets.
    pub(crate) peer: ReceiveId,
}

impl Fresh<'_> {
    /// The first keys of `epoch`: what this side seals with, and what it opens with.
    fn keys(
        self,
        role: Role,
        epoch: KeyEpoch,
        changes: &mut VecDeque<KeyChange>,
    ) -> (SendKey, ReceiveKey) {
        let up = DirectionSecret::of_session(self.secret, "client");
        let down = DirectionSecret::of_session(self.secret, "server");
        let (send, receive) = match role {
            Role::Client => (up, down),
            Role::Server => (down, up),
        };
        let receive = ReceiveKey::new(epoch, self.aead, &receive, changes);
        (SendKey::new(epoch, self.aead, self.peer, send, changes), receive)
    }
}

impl Keys {
    /// Keys of a session whose first packet is `first`, and which leaves a send key after `limit`
    /// packets.
    pub(crate) fn new(role: Role, fresh: Fresh<'_>, first: PacketNumber, limit: u64) -> Self {
        let mut changes = VecDeque::new();
        let (send, receive) = fresh.keys(role, KeyEpoch(0), &mut changes);
        let send = SendKey { first, confirmed: true, ..send };
        Self {
            role,
            next: first,
            send,
            pending: None,
            receive: ReceiveKey { heard: true, ..receive },
            before: None,
            limit: limit.min(limits::KEY_PACKETS),
            updates: Updates::default(),
            changes,
            proofs: Proofs::new(fresh.secret),
        }
    }

    /// Begins another epoch, and says which. One that the peer was not heard under gives way, else
    /// the one before.
    pub(crate) fn resume(&mut self, fresh: Fresh<'_>) -> KeyEpoch {
        let last = self.receive.epoch.0;
        let (epoch, former) = if self.receive.heard {
            (KeyEpoch(last.wrapping_add(1)), self.before.take().map(|key| key.epoch))
        } else {
            (KeyEpoch(last.wrapping_add(2)), Some(self.receive.epoch))
        };
        self.changes.extend(former.map(KeyChange::DiscardEpoch));
        self.proofs.advance(fresh.secret);
        let (send, receive) = fresh.keys(self.role, epoch, &mut self.changes);
        let newest = core::mem::replace(&mut self.receive, receive);
        if newest.heard {
            self.before = Some(newest);
        }
        self.pending = Some(send);
        if self.role == Role::Client {
            self.send_under_newest();
        }
        epoch
    }

    fn send_under_newest(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.send = SendKey { first: self.next, ..pending };
        }
    }

    /// What comes under the epoch before is dropped from now on.
    pub(crate) fn discard_before(&mut self) {
        let before = self.before.take();
        self.changes.extend(before.map(|key| KeyChange::DiscardEpoch(key.epoch)));
    }

    /// What the caller must install or discard.
    pub(crate) fn poll_change(&mut self) -> Option<KeyChange> {
        let change = self.changes.pop_front();
        if change.is_none() {
            // Room for keys is dear, and seldom needed again.
            self.changes = VecDeque::new();
        }
        change
    }

    /// Under which receive id the peer takes what is sealed now.
    pub(crate) const fn peer(&self) -> ReceiveId {
        self.send.peer
    }

    /// Whether the key may seal no more.
    pub(crate) const fn exhausted(&self) -> bool {
        self.send.sealed >= limits::KEY_PACKETS_MAX || self.next.0 >= PacketNumber::MAX.0
    }

    /// Takes the next number; `None` if the key is exhausted. Changes must be drained before the
    /// job is sealed.
    pub(crate) fn take_job(&mut self) -> Option<SealJob> {
        if self.send.sealed >= self.limit && self.send.confirmed {
            self.send.update(self.next, &mut self.changes);
            self.updates.sent += 1;
        }
        if self.exhausted() {
            return None;
        }
        let number = self.next;
        self.next = number.next();
        self.send.sealed += 1;
        Some(SealJob { number, epoch: self.send.epoch, phase: self.send.phase })
    }

    /// Burns the next number: no packet has it. The last one is for a packet.
    pub(crate) fn skip(&mut self) -> bool {
        let is_spare = self.next.next() < PacketNumber::MAX;
        if is_spare {
            self.next = self.next.next();
        }
        is_spare
    }

    /// The peer speaks on the newest control connection.
    pub(crate) const fn on_control_heard(&mut self) {
        self.proofs.confirm();
    }

    /// The peer has acknowledged packets up to `largest`.
    pub(crate) fn on_ack(&mut self, largest: PacketNumber) {
        self.send.confirmed |= largest >= self.send.first;
    }

    /// A packet was opened: the peer may have moved on. Returns whether it is the first under the
    /// newest epoch, which leaves the one before without a use before long.
    pub(crate) fn on_opened(&mut self, epoch: KeyEpoch, phase: KeyPhase) -> bool {
        let first = epoch == self.receive.epoch && !self.receive.heard;
        if first {
            self.receive.heard = true;
            self.send_under_newest();
        }
        let mut known = core::iter::once(&mut self.receive).chain(&mut self.before);
        if let Some(key) = known.find(|key| key.epoch == epoch)
            && phase == key.phase.next()
        {
            key.update(&mut self.changes);
            self.updates.received += 1;
        }
        first
    }

    pub(crate) const fn report(&self, stats: &mut SessionStats) {
        stats.key_updates_sent = self.updates.sent;
        stats.key_updates_received = self.updates.received;
    }
}

impl SendKey {
    fn new(
        epoch: KeyEpoch,
        aead: Aead,
        peer: ReceiveId,
        secret: DirectionSecret,
        changes: &mut VecDeque<KeyChange>,
    ) -> Self {
        let key = Self {
            epoch,
            aead,
            peer,
            secret,
            phase: KeyPhase::FIRST,
            sealed: 0,
            first: PacketNumber(0),
            confirmed: false,
        };
        key.install(changes);
        key
    }

    fn update(&mut self, next: PacketNumber, changes: &mut VecDeque<KeyChange>) {
        self.secret = self.secret.next();
        self.phase = self.phase.next();
        self.sealed = 0;
        self.first = next;
        self.confirmed = false;
        self.install(changes);
    }

    fn install(&self, changes: &mut VecDeque<KeyChange>) {
        let (epoch, phase) = (self.epoch, self.phase);
        let sealer = self.secret.key(self.aead).map(|key| Sealer { epoch, phase, key });
        changes.extend(sealer.map(|sealer| KeyChange::InstallSealer(epoch, phase, sealer)));
    }
}

impl ReceiveKey {
    fn new(
        epoch: KeyEpoch,
        aead: Aead,
        secret: &DirectionSecret,
        changes: &mut VecDeque<KeyChange>,
    ) -> Self {
        let (phase, next) = (KeyPhase::FIRST, secret.next());
        let opener = secret.key(aead);
        changes.extend(opener.map(|key| KeyChange::InstallOpener(epoch, phase, Opener(key))));
        let key = Self { epoch, aead, phase, next, heard: false };
        key.install_next(changes);
        key
    }

    fn update(&mut self, changes: &mut VecDeque<KeyChange>) {
        self.phase = self.phase.next();
        self.next = self.next.next();
        // Three follow each other round a circle of four: the fourth is the one before the last.
        changes.push_back(KeyChange::DiscardOpener(self.epoch, self.phase.next().next()));
        self.install_next(changes);
    }

    fn install_next(&self, changes: &mut VecDeque<KeyChange>) {
        let (epoch, phase) = (self.epoch, self.phase.next());
        let opener = self.next.key(self.aead);
        changes.extend(opener.map(|key| KeyChange::InstallOpener(epoch, phase, Opener(key))));
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
