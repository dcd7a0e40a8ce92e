//! A kernel that hands over what no datagram is: input 3, as far as the socket's trait goes.

use core::time::Duration;
use std::{collections::VecDeque, net::SocketAddr, sync::Mutex};

use biplane_proto::{
    Agreement, ChannelConfig, KeyChange, Role, Sealer, Session, SessionConfig, Setup,
};
use biplane_wire::{Aead, ChannelKind, PacketNumber, Parameters};

use super::*;
use crate::{announcements::Announcements, hub::Sizes, slot::About, socket::Run};

/// What lies in one slot, and what the kernel says of it.
struct Handed {
    bytes: Vec<u8>,
    len: usize,
    stride: usize,
}

/// Hands over its plan, nothing by default, and takes whatever is sent.
#[derive(Debug, Default)]
pub(crate) struct Planned(Mutex<VecDeque<socket::Arrival>>, Mutex<VecDeque<Vec<u8>>>);

impl Planned {
    fn handing(plan: impl IntoIterator<Item = Handed>) -> Self {
        let mut all = Self::default();
        for Handed { bytes, len, stride } in plan {
            let (from, to) = (peer(), Some(own().ip()));
            let age = Duration::ZERO;
            let arrival = socket::Arrival { from, to, len, stride, age, ecn: None };
            all.0.get_mut().unwrap().push_back(arrival);
            all.1.get_mut().unwrap().push_back(bytes);
        }
        all
    }
}

impl DatagramSocket for Planned {
    fn recv(&self, buffers: &mut ReceiveBuffers) -> io::Result<()> {
        let (room, arrivals) = buffers.vacate();
        let (mut plan, mut bytes) = (self.0.lock().unwrap(), self.1.lock().unwrap());
        for slot in room {
            let Some(arrival) = plan.pop_front() else { break };
            let bytes = bytes.pop_front().unwrap();
            slot[..bytes.len()].copy_from_slice(&bytes);
            arrivals.push(arrival);
        }
        Ok(())
    }

    fn send(&self, _: Run<'_>) -> io::Result<()> {
        Ok(())
    }

    fn max_segments(&self) -> usize {
        1
    }

    fn renew(&self) {}

    fn wait_writable(&self, _: Duration) -> bool {
        true
    }
}

fn own() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7_000))
}

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7_001))
}

/// One side of a session whose server calls it `id`.
fn session(now: Instant, role: Role, id: ReceiveId) -> Session {
    let (server, client) = (Parameters::new(id), Parameters::new(ReceiveId(2)));
    let (local, theirs, remote) =
        if role == Role::Client { (client, server, Some(own())) } else { (server, client, None) };
    let agreement = Agreement { context: [0; 32], aead: Aead::Aes128Gcm, local, peer: theirs };
    let channel = ChannelConfig::new(ChannelKind::Sequenced, 100);
    let setup = Setup {
        role,
        agreement,
        secret: [1; 32],
        channels: vec![channel],
        requests: 0,
        config: SessionConfig::default(),
        seed: [2; 32],
        first_packet: PacketNumber(0),
        remote,
        handshake_rtt: Duration::from_millis(1),
    };
    Session::new(now, setup)
}

/// A hub with one session, and the session's receive id.
fn hub(now: Instant) -> (Arc<Hub>, Announcements, Arc<Slot>, ReceiveId) {
    let sizes =
        Sizes { receivers: 1, senders: 1, sessions: 4, threading: crate::Threading::Dedicated };
    let config = SessionConfig::default();
    let (hub, outlets) = Hub::new(now, own(), sizes, config, PacketNumber(0));
    let place = hub.slots().reserve().unwrap();
    let about = About {
        id: hub.slots().number(),
        name: None,
        remote: peer(),
        protocol: 0,
        app: None,
        epoch: hub.work().epoch(),
    };
    let receive_id = place.receive_id();
    let slot = Slot::new(about, session(now, Role::Server, receive_id), &hub);
    slot.begin(now, place);
    (hub, outlets, slot, receive_id)
}

/// The first packet of the session's client, sealed.
fn first_packet(now: Instant, id: ReceiveId) -> Vec<u8> {
    let mut client = session(now, Role::Client, id);
    let sealer = |change| {
        if let KeyChange::InstallSealer(_, _, sealer) = change { Some(sealer) } else { None }
    };
    let sealer: Sealer =
        core::iter::from_fn(|| client.poll_key()).find_map(sealer).expect("a key to send with");
    let mut packet = Vec::new();
    let transmit = client.poll_packet(now, &mut packet).expect("a first packet");
    sealer.seal(transmit.job, &mut packet).unwrap();
    packet
}

#[test]
fn bad_input_03_what_the_socket_cut_is_dropped_unparsed_and_what_stands_beside_it_is_taken() {
    let now = Instant::now();
    let (hub, _outlets, slot, receive_id) = hub(now);
    let good = first_packet(now, receive_id);
    let whole = |stride| {
        // What was cut begins like a packet whose seal would hold.
        let mut bytes = good.clone();
        bytes.resize(limits::RECEIVE_SLOT, 0);
        Handed { bytes, len: limits::RECEIVE_SLOT, stride }
    };
    let plan = [
        whole(limits::RECEIVE_SLOT),
        // The kernel says that each datagram is longer than all of them.
        whole(usize::MAX),
        whole(limits::DATAGRAM + 1),
        Handed { bytes: good.clone(), len: good.len(), stride: 0 },
        Handed { bytes: good.clone(), len: good.len(), stride: good.len() },
    ];
    let socket = Arc::new(Planned::handing(plan));
    let mut receiver = Receiver::new(0, socket, Arc::clone(&hub), 8);
    while receiver.duty_cycle(now).unwrap().more {}
    let datagrams = hub.counters().read().datagrams;
    // Of the run, the last is short enough to be looked at, and no packet.
    let run = limits::RECEIVE_SLOT.div_ceil(limits::DATAGRAM + 1) as u64;
    assert_eq!(datagrams.received, 2 + run + 2);
    assert_eq!(datagrams.delivered, 1);
    assert_eq!(datagrams.drops.count(DropReason::Oversize), 2 + run - 1);
    assert_eq!(datagrams.drops.count(DropReason::Malformed), 1);
    assert_eq!(datagrams.drops.count(DropReason::Empty), 1);
    assert_eq!(datagrams.drops.total(), datagrams.received - 1);
    assert_eq!(slot.with(|_, session| session.stats().packets_received), 1);
}
