//! Between the two devices: every packet read from one goes through a link and out of the other.
//!
//! Each protocol has a link of its own in each direction, so that it can be blocked and counted
//! alone; the two of one direction stand behind one bottleneck. That of UDP draws as the port form's
//! does.

use std::{
    fs::File,
    io::{self, Read, Write},
    iter,
    time::Instant,
};

use biplane_sim::{Bottleneck, Direction, Link, LinkConfig, LinkStats, Profile, Rng};

use super::packet::{self, Protocol};

/// Packets read from a device, or written to it, before others have their turn: sockets hold little
/// more.
const TURN: usize = 64;
/// The longest packet there is: RFC 791, section 3.1.
const LONGEST: usize = 65_535;

/// Both directions, and the devices at their ends.
#[derive(Debug)]
pub(super) struct Wire {
    near: File,
    far: File,
    up: Way,
    down: Way,
    packet: Box<[u8; LONGEST]>,
    /// Read and not yet sent.
    batch: Vec<Vec<u8>>,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Way {
    udp: Link,
    tcp: Link,
    /// Datagrams that the kernel did not take off the link, unaltered as they were.
    refused: u64,
}

impl Wire {
    /// One between these devices, which must not wait, whose run begins at `start`.
    pub(super) fn new(devices: [File; 2], start: Instant, profile: &Profile, seed: u64) -> Self {
        let [near, far] = devices;
        let [up, down] = ways(start, profile, seed);
        Self { near, far, up, down, packet: Box::new([0; LONGEST]), batch: Vec::new() }
    }

    /// Begins the run anew at `start`, with nothing under way.
    pub(super) fn restart(&mut self, start: Instant, profile: &Profile, seed: u64) {
        [self.up, self.down] = ways(start, profile, seed);
    }

    /// Reads what the near side's device holds. It is to be sent at once.
    pub(super) fn read_near(&mut self) -> io::Result<()> {
        read(&self.near, &mut *self.packet, &mut self.batch)
    }

    /// Reads what the far side's device holds, likewise.
    pub(super) fn read_far(&mut self) -> io::Result<()> {
        read(&self.far, &mut *self.packet, &mut self.batch)
    }

    /// Sends on their way, at `now`, the packets that were read, which are all older: so none is
    /// early.
    pub(super) fn send(&mut self, now: Instant, direction: Direction) {
        let way = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        for packet in self.batch.drain(..) {
            way.send(now, packet);
        }
    }

    /// Hands over the packets that have arrived by `now`.
    pub(super) fn deliver(&mut self, now: Instant) {
        self.up.deliver(now, &self.far);
        self.down.deliver(now, &self.near);
    }

    /// What became of datagrams in one direction, and how many are on their way.
    pub(super) fn udp(&self, direction: Direction) -> (LinkStats, usize) {
        let way = match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        };
        let mut stats = way.udp.stats();
        stats.queue_dropped += way.refused;
        (stats, way.udp.under_way())
    }

    /// When the next packet arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        let ways = [&self.up, &self.down].into_iter();
        ways.flat_map(|way| [way.tcp.next_arrival(), way.udp.next_arrival()]).flatten().min()
    }
}

/// The ways up and down.
fn ways(start: Instant, profile: &Profile, seed: u64) -> [Way; 2] {
    let mut rng = Rng::new(seed);
    let [udp_up, udp_down, tcp_up, tcp_down] = [(); 4].map(|()| rng.fork());
    [
        Way::new(start, profile, Direction::Up, [udp_up, tcp_up]),
        Way::new(start, profile, Direction::Down, [udp_down, tcp_down]),
    ]
}

impl Way {
    /// One of a run that begins at `start`; UDP and TCP have a generator each.
    fn new(start: Instant, profile: &Profile, direction: Direction, rngs: [Rng; 2]) -> Self {
        let [udp, tcp] = rngs;
        let packets = profile.way(direction).packets();
        let bottleneck = Bottleneck::of(start, &packets);
        let link = |outages, rng| {
            let config = LinkConfig { outages, ..packets.clone() };
            Link::behind(start, config, rng, bottleneck.clone())
        };
        Self {
            udp: link(profile.link(direction).outages, udp),
            tcp: link(profile.stream(direction).outages, tcp),
            refused: 0,
        }
    }

    fn send(&mut self, now: Instant, packet: Vec<u8>) {
        match packet::protocol(&packet) {
            Some(Protocol::Tcp) => self.tcp.send(now, packet),
            Some(Protocol::Udp) => self.udp.send(now, packet),
            None => {}
        }
    }

    fn deliver(&mut self, now: Instant, mut device: &File) {
        for link in [&mut self.udp, &mut self.tcp] {
            for arrival in iter::from_fn(|| link.pop(now)).take(TURN) {
                // Of a packet that was altered, the kernel may not even find the version.
                if device.write(&arrival.bytes).is_err() && !arrival.altered {
                    self.refused +=
                        u64::from(packet::protocol(&arrival.bytes) == Some(Protocol::Udp));
                }
            }
        }
    }
}

/// Appends to `batch` what `device` holds; `packet` is room for one.
fn read(mut device: &File, packet: &mut [u8], batch: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for _ in 0..TURN {
        match device.read(packet) {
            Ok(len) => batch.extend(packet.get(..len).map(<[u8]>::to_vec)),
            Err(error) if is_for_later(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
