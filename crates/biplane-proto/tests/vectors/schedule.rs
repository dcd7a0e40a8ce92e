//! Section "Keys" of `docs/PROTOCOL.md`, a second time.

use ring::aead;

/// Everything of one direction in one phase, counted from the start of the session.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) secret: Vec<u8>,
    pub(crate) aes_key: Vec<u8>,
    pub(crate) chacha_key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
}

/// RFC 2104 over SHA-256.
pub(crate) fn hmac(secret: &[u8], said: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, said).as_ref().to_vec()
}

/// RFC 5869, section 2.3: T(1) = HMAC(secret, info ‖ 1), T(n) = HMAC(secret, T(n − 1) ‖ info ‖ n).
fn hkdf_expand(secret: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), Vec::new());
    for round in 1_u8.. {
        if out.len() >= len {
            break;
        }
        last = hmac(secret, &[&last, info, &[round]].concat());
        out.extend_from_slice(&last);
    }
    out.truncate(len);
    out
}

/// RFC 8446, section 7.1, with another prefix and an empty context.
pub(crate) fn expand_label(secret: &[u8], label: &str, len: usize) -> Vec<u8> {
    let label = format!("biplane {label}");
    let mut info = u16::try_from(len).unwrap().to_be_bytes().to_vec();
    info.push(u8::try_from(label.len()).unwrap());
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    hkdf_expand(secret, &info, len)
}

/// The phase that is `steps` after the first, of what `sender` sends.
pub(crate) fn phase(session: &[u8], sender: &str, steps: u64) -> Phase {
    let mut secret = expand_label(session, sender, 32);
    for _ in 0..steps {
        secret = expand_label(&secret, "next", 32);
    }
    let aes_key = expand_label(&secret, "key", 16);
    let chacha_key = expand_label(&secret, "key", 32);
    let iv = expand_label(&secret, "iv", 12);
    Phase { secret, aes_key, chacha_key, iv }
}

/// The nonce of packet `number`.
pub(crate) fn nonce(iv: &[u8], number: u64) -> Vec<u8> {
    let number = number.to_be_bytes();
    let mut nonce = iv.to_vec();
    for place in 0..8 {
        nonce[4 + place] ^= number[place];
    }
    nonce
}

/// `head ‖ frames` as a packet.
pub(crate) fn seal(phase: &Phase, chacha: bool, number: u64, packet: (&[u8], &[u8])) -> Vec<u8> {
    let (head, frames) = packet;
    let (algorithm, key) = if chacha {
        (&aead::CHACHA20_POLY1305, &phase.chacha_key)
    } else {
        (&aead::AES_128_GCM, &phase.aes_key)
    };
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).unwrap());
    let nonce = nonce(&phase.iv, number).try_into().unwrap();
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let mut sealed = frames.to_vec();
    key.seal_in_place_append_tag(nonce, aead::Aad::from(head), &mut sealed).unwrap();
    [head, &sealed].concat()
}

/// RFC 5869, appendix A.1: the one thing here that others have worked out.
#[test]
fn hkdf_of_rfc_5869() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    };
    let prk = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let okm =
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    assert_eq!(hkdf_expand(&prk, &hex("f0f1f2f3f4f5f6f7f8f9"), 42), hex(okm));
}
