//! `keys.txt`: secrets, keys, IVs and nonces of the first phases of both directions.

use crate::{
    files::vectors,
    schedule::{nonce, phase},
};

#[test]
fn the_schedule_is_the_one_in_the_file() {
    for vector in vectors("keys.txt") {
        let sender = if vector.says("client") { "client" } else { "server" };
        let phase = phase(vector.bytes("session"), sender, vector.number("step"));
        assert_eq!(phase.secret, vector.bytes("secret"), "{}", vector.name);
        assert_eq!(phase.aes_key, vector.bytes("aes-key"), "{}", vector.name);
        assert_eq!(phase.chacha_key, vector.bytes("chacha-key"), "{}", vector.name);
        assert_eq!(phase.iv, vector.bytes("iv"), "{}", vector.name);
        let nonce = nonce(&phase.iv, vector.number("number"));
        assert_eq!(nonce, vector.bytes("nonce"), "{}", vector.name);
    }
}

/// A circle of four phases, and one more of each, for the circle closes in name alone.
#[test]
fn both_directions_and_every_phase_have_their_vector() {
    let vectors = vectors("keys.txt");
    for sender in ["client", "server"] {
        let of_sender = vectors.iter().filter(|vector| vector.says(sender));
        let steps: Vec<u64> = of_sender.map(|vector| vector.number("step")).collect();
        assert_eq!(steps, [0, 1, 2, 3, 4]);
    }
}
