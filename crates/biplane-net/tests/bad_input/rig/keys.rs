//! The key schedule of `docs/PROTOCOL.md`, once more: nothing of it is taken from `biplane-proto`.

use biplane_wire::Aead;
use ring::{
    aead::{AES_128_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf, hmac,
};

/// The key and IV of one direction in one phase, and what the next comes from.
pub(crate) struct Direction {
    secret: Vec<u8>,
    aead: Aead,
    key: LessSafeKey,
    iv: [u8; 12],
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with the prefix `biplane ` and an empty context.
fn expand(secret: &[u8], label: &str, len: usize) -> Vec<u8> {
    let label = format!("biplane {label}");
    let info = [
        &u16::try_from(len).unwrap().to_be_bytes()[..],
        &[u8::try_from(label.len()).unwrap()],
        label.as_bytes(),
        &[0],
    ];
    let mut out = vec![0; len];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret);
    prk.expand(&info, Len(len)).unwrap().fill(&mut out).unwrap();
    out
}

/// What the first resume of a session with this secret is proven by.
pub(crate) fn resume_secret(secret: &[u8; 32]) -> [u8; 32] {
    expand(secret, "resume", 32).try_into().unwrap()
}

/// What a client says to resume a session.
pub(crate) fn proof(
    secret: &[u8; 32],
    binding: &[u8; 32],
    name: &[u8; 16],
    count: u32,
) -> [u8; 32] {
    sign(secret, &[&binding[..], name, &count.to_be_bytes()].concat())
}

/// What a client says to attach a connection.
pub(crate) fn attach_proof(
    secret: &[u8; 32],
    binding: &[u8; 32],
    name: &[u8; 16],
    count: u32,
) -> [u8; 32] {
    sign(secret, &[&binding[..], name, &count.to_be_bytes(), b"attach"].concat())
}

fn sign(secret: &[u8; 32], said: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, said).as_ref().try_into().unwrap()
}

impl Direction {
    /// That of `sender`, `client` or `server`, in phase 0 of a session with this secret.
    pub(crate) fn of(secret: &[u8; 32], sender: &str, aead: Aead) -> Self {
        Self::of_phase(expand(secret, sender, 32), aead)
    }

    /// The same direction in the phase that follows.
    pub(crate) fn next(&self) -> Self {
        Self::of_phase(expand(&self.secret, "next", 32), self.aead)
    }

    fn of_phase(secret: Vec<u8>, aead: Aead) -> Self {
        let (algorithm, len) = match aead {
            Aead::Aes128Gcm => (&AES_128_GCM, 16),
            Aead::ChaCha20Poly1305 => (&CHACHA20_POLY1305, 32),
        };
        let key = UnboundKey::new(algorithm, &expand(&secret, "key", len)).unwrap();
        let iv = expand(&secret, "iv", 12).try_into().unwrap();
        Self { secret, aead, key: LessSafeKey::new(key), iv }
    }

    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        for (place, byte) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
            *place ^= byte;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// A datagram: `head` as it is, and `plaintext` sealed under `number`.
    pub(crate) fn seal(&self, head: [u8; 9], number: u64, plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = plaintext.to_vec();
        self.key
            .seal_in_place_append_tag(self.nonce(number), Aad::from(head), &mut sealed)
            .unwrap();
        [&head[..], &sealed].concat()
    }

    /// What is sealed in `datagram`, if it is `number` of this direction.
    pub(crate) fn open(&self, datagram: &[u8], number: u64) -> Option<Vec<u8>> {
        let (head, sealed) = datagram.split_first_chunk::<9>()?;
        let mut sealed = sealed.to_vec();
        let plaintext =
            self.key.open_in_place(self.nonce(number), Aad::from(*head), &mut sealed).ok()?;
        Some(plaintext.to_vec())
    }
}

/// The page's own example, byte for byte.
#[test]
fn the_second_implementation_seals_what_the_page_shows() {
    const PAGE: &str = include_str!("../../../../../docs/PROTOCOL.md");
    let shown = PAGE.lines().find_map(|line| line.strip_prefix("sealed ")).unwrap();
    let shown: Vec<u8> =
        shown.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let client = Direction::of(&[7; 32], "client", Aead::Aes128Gcm);
    let plaintext = [&[1][..], &[0; 14]].concat();
    assert_eq!(client.seal([0x40, 0, 0, 0, 1, 0, 0, 0, 0], 0, &plaintext), shown);
}
