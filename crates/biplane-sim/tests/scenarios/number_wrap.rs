//! Packet numbers that pass a wrap of what travels of them.

use biplane_proto::Planes;
use biplane_sim::{ClientConfig, EndConfig, LinkConfig, Pair, WiresConfig};
use biplane_wire::PacketNumber;

use crate::tools::*;

#[test]
fn a_session_does_not_notice_a_wrap_of_its_packet_numbers() {
    for bits in [8, 16, 31, 32, 48] {
        let end =
            EndConfig { first_packet: PacketNumber((1 << bits) - 20), ..EndConfig::default() };
        let link = LinkConfig { jitter: ms(10), keeps_order: false, ..LinkConfig::clean(ms(20)) };
        let config =
            ClientConfig { client: end, server: end, ..ClientConfig::new(WiresConfig::of(link)) };
        let mut scene = Scene::dialing(bits, config);
        scene.run_for(seconds(1));
        for index in 0..100 {
            Pair::SIDES.iter().for_each(|side| {
                scene.say(*side, channel("ordered"), message(index, 50));
            });
            scene.run_for(ms(20));
        }
        for side in Pair::SIDES {
            assert_eq!(scene.planes(side), Some(Planes::Both), "2^{bits}, {side}");
            let heard = scene.hear(side, channel("ordered"), seconds(1));
            assert_eq!(heard.len(), 100, "2^{bits}, {side}");
        }
        assert_eq!(scene.server_tally().drops.total(), 0, "2^{bits}");
    }
}
