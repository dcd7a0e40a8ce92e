//! What sealing and opening a packet of full size costs here, in words or as JSON.

use std::time::Instant;

use biplane_proto::limits;
use biplane_sim::SealCost;
use biplane_wire::Aead;

use crate::json::Object;

const ALGORITHMS: [(Aead, &str); 2] =
    [(Aead::Aes128Gcm, "aes_128_gcm"), (Aead::ChaCha20Poly1305, "chacha20_poly1305")];

/// The cost of each algorithm.
#[derive(Debug)]
pub(crate) struct Costs(Vec<(&'static str, SealCost)>);

/// Measures both algorithms.
pub(crate) fn measure() -> Costs {
    let cost = |aead| SealCost::measure(aead, limits::DATAGRAM_SIZE, Instant::now);
    Costs(ALGORITHMS.iter().map(|(aead, name)| (*name, cost(*aead))).collect())
}

impl Costs {
    pub(crate) fn told(&self, json: bool) -> String {
        if json { self.to_json() } else { self.to_text() }
    }

    fn to_json(&self) -> String {
        let all = self.0.iter().fold(Object::new(), |all, (name, cost)| {
            let of_one = Object::new()
                .value("seal_ns", &cost.seal.as_nanos())
                .value("open_ns", &cost.open.as_nanos())
                .value("opened", &cost.opened);
            all.value(name, &of_one.end())
        });
        let packets = self.0.iter().map(|(_, cost)| cost.packets).min().unwrap_or_default();
        let document = Object::new().value("bytes", &limits::DATAGRAM_SIZE);
        document.value("packets", &packets).value("aead", &all.end()).end() + "\n"
    }

    fn to_text(&self) -> String {
        let line = |(name, SealCost { seal, open, size, .. }): &(_, _)| {
            format!("{name}: {seal:?} to seal {size} bytes, {open:?} to open\n")
        };
        self.0.iter().map(line).collect()
    }
}
