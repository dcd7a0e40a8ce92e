//! Of input 27: a word, forged, that datagrams are too long for the path (RFC 792, RFC 1191).
//!
//! Anybody can write one who knows the two ends of a flow, and the kernel believes it: for minutes it
//! finds the path narrow, down to 552 bytes. Biplane asks the kernel nothing of the kind (RFC 8899,
//! section 4.6.1), so it costs nobody a byte.

use std::net::{SocketAddr, SocketAddrV4, UdpSocket};

use biplane_proto::Planes;
use rustix::net::sockopt::ip_mtu;

use crate::{
    raw::{RawSocket, TooLong, home},
    rig::{ORDERED, Scene, channel, until},
};

pub(crate) const TESTS: &[(&str, fn())] = &[(
    "narrow::bad_input_27_a_forged_word_of_a_narrow_path_shortens_no_packet_and_ends_no_session",
    bad_input_27_a_forged_word_of_a_narrow_path_shortens_no_packet_and_ends_no_session,
)];

/// What the path is said to carry: nothing, the least of IPv4, half a packet of ours, a byte too few.
const SAID: [u16; 4] = [0, 68, 576, 1_199];
/// What a packet seals that is as long as they get, but for what a piece of a message leaves over.
const LONG: usize = 1_200 - 9 - 16 - 10;

/// What the kernel believes that the path to `to` carries.
fn believed(to: SocketAddr) -> u32 {
    let ordinary = UdpSocket::bind("127.0.0.1:0").unwrap();
    ordinary.connect(to).unwrap();
    ip_mtu(&ordinary).unwrap()
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

fn bad_input_27_a_forged_word_of_a_narrow_path_shortens_no_packet_and_ends_no_session() {
    let raw = RawSocket::open().unwrap();
    for scene in Scene::both() {
        let (mut peer, slot) = scene.flying();
        let (watch, before) = (scene.watch(), scene.endpoint.stats().datagrams);
        let ends = [peer.udp.local_addr().unwrap(), home(&scene)];
        for mtu in SAID {
            for to in ends {
                raw.tell(&TooLong { from: v4(scene.address()), to: v4(to), mtu });
            }
            until("the kernel to believe it", || ends.iter().all(|to| believed(*to) < 1_200));
            let long = vec![7; 4_000].into();
            slot.with(|now, session| session.send(now, channel(ORDERED), long)).unwrap();
            slot.queued();
            scene.endpoint.flush();
            until("a packet as long as ever", || match peer.try_receive() {
                Some((number, text)) => {
                    peer.acknowledge(number);
                    text.len() > LONG
                }
                None => false,
            });
            scene.go_on();
        }
        assert_eq!(slot.with(|_, session| session.planes()), Planes::Both, "{:?}", scene.role);
        watch.drops(&[]);
        let after = scene.endpoint.stats().datagrams;
        assert_eq!((after.unsent, after.runs_split), (before.unsent, before.runs_split));
    }
}
