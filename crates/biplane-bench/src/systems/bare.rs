//! The least that a sealed datagram costs: as `raw_gso_coalesced`, each datagram sealed with
//! AES-128-GCM under a counter, and nothing else. No acks, no replay window, no congestion control.
//!
//! The key is a secret of the run: the server draws it, and the clients have it with the address.
//! So this is a ceiling for what can be had, and no protocol.

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use biplane_load::{Class, Means, Served, Side, System};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

use super::udp::{self, Datagrams, Packing, Seal};

const KEY: usize = 16;
const COUNTER: usize = 8;
const TAG: usize = 16;

#[derive(Debug)]
pub(crate) struct Bare;

/// Which of the two sends: both count from nothing under one key, so their nonces must differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Server = 0,
    Client = 1,
}

/// One process's key and the number of its next datagram, which travels before it.
#[derive(Debug)]
struct Sealed {
    key: LessSafeKey,
    role: Role,
    next: u64,
}

impl Sealed {
    fn new(key: &[u8], role: Role) -> Result<Self> {
        let key = UnboundKey::new(&AES_128_GCM, key).ok().context("a key of 16 bytes")?;
        Ok(Self { key: LessSafeKey::new(key), role, next: 0 })
    }
}

fn nonce(role: Role, counter: [u8; COUNTER]) -> Nonce {
    let mut nonce = [0; 12];
    nonce[0] = role as u8;
    nonce[4..].copy_from_slice(&counter);
    Nonce::assume_unique_for_key(nonce)
}

impl Seal for Sealed {
    const HEAD: usize = COUNTER;
    const TAIL: usize = TAG;

    fn seal(&mut self, bytes: &mut Vec<u8>, begin: usize) {
        let counter = self.next.to_be_bytes();
        self.next += 1;
        let (head, messages) = bytes[begin..].split_at_mut(COUNTER);
        head.copy_from_slice(&counter);
        let (nonce, aad) = (nonce(self.role, counter), Aad::from(counter));
        let tag = self.key.seal_in_place_separate_tag(nonce, aad, messages);
        // It refuses only what is longer than 64 GiB; without a tag the datagram opens nowhere.
        bytes.extend_from_slice(tag.as_ref().map_or(&[0; TAG], AsRef::as_ref));
    }

    fn open<'a>(&mut self, datagram: &'a mut [u8]) -> Option<&'a [u8]> {
        let (&mut counter, sealed) = datagram.split_first_chunk_mut()?;
        let from = if self.role == Role::Server { Role::Client } else { Role::Server };
        let opened = self.key.open_in_place(nonce(from, counter), Aad::from(counter), sealed);
        opened.ok().map(|messages| &*messages)
    }
}

impl System for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn version(&self) -> String {
        format!(
            "quinn-udp {}, ring {}",
            super::versions::of("quinn-udp"),
            super::versions::of("ring")
        )
    }

    fn is_encrypted(&self) -> bool {
        true
    }

    fn settings(&self, means: &Means) -> String {
        let buffers = udp::settings(means.tuning);
        format!("as raw_gso_coalesced, sealed with AES-128-GCM; no acks; {buffers}")
    }

    fn longest(&self, class: Class) -> Option<usize> {
        (class == Class::Unreliable).then_some(udp::LONGEST)
    }

    fn serve(&self, means: &Means) -> Result<Served> {
        let mut key = [0; KEY];
        SystemRandom::new().fill(&mut key).ok().context("random bytes")?;
        let seal = Sealed::new(&key, Role::Server)?;
        let (side, address) = Datagrams::serve(means, Packing::CoalescedRuns, seal)?;
        let address = format!("{address} {}", BASE64.encode(key));
        Ok(Served { side: Box::new(side), address })
    }

    fn join(&self, means: &Means, address: &str) -> Result<Box<dyn Side>> {
        let (address, key) = address.split_once(' ').context("an address and a key")?;
        let seal = Sealed::new(&BASE64.decode(key)?, Role::Client)?;
        Ok(Box::new(Datagrams::join(means, Packing::CoalescedRuns, seal, address)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_every_system_must() {
        crate::systems::conformance::is_kept_by(&Bare);
    }

    #[test]
    fn a_datagram_opens_at_the_other_side_only_and_only_whole() {
        let sealed = |role| Sealed::new(&[7; KEY], role).unwrap();
        let (mut client, mut server) = (sealed(Role::Client), sealed(Role::Server));
        let mut datagram = [&[0; COUNTER][..], b"hello"].concat();
        client.seal(&mut datagram, 0);
        assert_eq!(server.open(&mut datagram.clone()), Some(&b"hello"[..]));
        assert_eq!(client.open(&mut datagram.clone()), None);
        datagram[COUNTER] ^= 1;
        assert_eq!(server.open(&mut datagram), None);
    }
}
