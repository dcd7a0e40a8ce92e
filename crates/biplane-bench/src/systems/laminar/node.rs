//! A server or a client, and what they tell each other beside the work's messages.
//!
//! | sent as | is |
//! |---|---|
//! | unreliable, unordered | a message of the work |
//! | reliable, ordered | a message of the work |
//! | unreliable, sequenced | a client's hello, and the server's answer |
//! | reliable, unordered | a report of reliable messages received, and whether one is asked for |

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd},
    time::{Duration, Instant},
};

use anyhow::Result;
use biplane_load::{Class, Heard, Peer};
use laminar::{
    Config, ConnectionManager, DeliveryGuarantee, OrderingGuarantee, Packet, SocketEvent,
    VirtualConnection,
};

use super::{super::node::Node, datagrams::Datagrams};

/// How many reliable messages, and how long, a report covers.
const REPORT_AFTER: u64 = 8;
const REPORT_LATEST: Duration = Duration::from_millis(10);

/// How long to wait for a report before asking: what is lost among the 33 newest packets is sent
/// again only once newer ones have been acked. And how often: what asks is in flight itself.
const ASK_AFTER: Duration = Duration::from_millis(100);
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How often a client says hello until it is answered.
const HELLO_EVERY: Duration = Duration::from_millis(100);

/// Reads in one step, so that a step ends.
const READS: usize = 16;

/// One server or one client.
#[derive(Debug)]
pub(super) struct LaminarNode {
    manager: ConnectionManager<Datagrams, VirtualConnection>,
    peers: Vec<Known>,
    numbers: HashMap<SocketAddr, Peer>,
    most_unreported: u64,
    /// A client's.
    server: Option<SocketAddr>,
    said_hello: Option<Instant>,
}

/// A peer that has joined.
#[derive(Debug)]
struct Known {
    address: SocketAddr,
    is_gone: bool,
    sent: u64,
    /// Of what was sent, what the peer has reported.
    reported: u64,
    reported_at: Instant,
    asked_at: Instant,
    received: u64,
    /// Of what was received, what the peer has been told.
    told: u64,
    told_at: Instant,
    is_asked: bool,
}

impl Known {
    fn new(address: SocketAddr, now: Instant) -> Self {
        Self {
            address,
            is_gone: false,
            sent: 0,
            reported: 0,
            reported_at: now,
            asked_at: now,
            received: 0,
            told: 0,
            told_at: now,
            is_asked: false,
        }
    }

    /// The report that is due, if one is.
    fn report(&mut self, now: Instant) -> Option<Packet> {
        if self.told == self.received {
            self.told_at = now;
        }
        if self.sent == self.reported {
            self.reported_at = now;
        }
        let untold = self.received - self.told;
        let asks = now.saturating_duration_since(self.reported_at) >= ASK_AFTER
            && now.saturating_duration_since(self.asked_at) >= ASK_EVERY;
        let is_late = now.saturating_duration_since(self.told_at) >= REPORT_LATEST;
        let is_due = asks || self.is_asked || untold >= REPORT_AFTER || (untold > 0 && is_late);
        if self.is_gone || !is_due {
            return None;
        }
        (self.told, self.told_at, self.is_asked) = (self.received, now, false);
        if asks {
            self.asked_at = now;
        }
        let mut report = self.received.to_le_bytes().to_vec();
        report.push(u8::from(asks));
        Some(Packet::reliable_unordered(self.address, report))
    }

    fn on_report(&mut self, report: &[u8], now: Instant) {
        let Some((count, [asks])) = report.split_first_chunk() else { return };
        let count = u64::from_le_bytes(*count);
        self.is_asked |= *asks != 0;
        if count > self.reported {
            (self.reported, self.reported_at) = (count.min(self.sent), now);
        }
    }
}

impl LaminarNode {
    pub(super) fn new(socket: UdpSocket, config: Config, most_unreported: u64) -> Self {
        Self {
            manager: ConnectionManager::new(Datagrams::new(socket), config),
            peers: Vec::new(),
            numbers: HashMap::new(),
            most_unreported,
            server: None,
            said_hello: None,
        }
    }

    /// The server, made a client of another.
    pub(super) fn client_of(self, server: SocketAddr) -> Self {
        Self { server: Some(server), ..self }
    }

    fn queue(&self, packet: Packet) {
        // The manager has the other end of the queue, so it is there.
        drop(self.manager.event_sender().send(packet));
    }

    /// A client says hello until it is answered.
    fn say_hello(&mut self, now: Instant) {
        let Some(server) = self.server.filter(|_| self.peers.is_empty()) else { return };
        let is_due = |said| now.saturating_duration_since(said) >= HELLO_EVERY;
        if self.said_hello.is_none_or(is_due) {
            self.said_hello = Some(now);
            self.queue(hello(server));
        }
    }

    fn hear_all(&mut self, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) {
        while let Ok(event) = self.manager.event_receiver().try_recv() {
            match event {
                SocketEvent::Packet(packet) => self.hear(&packet, now, hear),
                SocketEvent::Timeout(address) => self.forget(address, hear),
                SocketEvent::Connect(_) | SocketEvent::Disconnect(_) => {}
            }
        }
    }

    fn hear(&mut self, packet: &Packet, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) {
        let kind = (packet.delivery_guarantee(), packet.order_guarantee());
        if let (DeliveryGuarantee::Unreliable, OrderingGuarantee::Sequenced(_)) = kind {
            return self.meet(packet.addr(), now, hear);
        }
        let Some(&number) = self.numbers.get(&packet.addr()) else { return };
        let Some(known) = self.peers.get_mut(number) else { return };
        if kind == (DeliveryGuarantee::Reliable, OrderingGuarantee::None) {
            return known.on_report(packet.payload(), now);
        }
        known.received += u64::from(kind.0 == DeliveryGuarantee::Reliable);
        hear(Heard::Message(number, packet.payload()));
    }

    /// A hello, or its answer. A server answers all, since an answer may have been lost.
    fn meet(&mut self, from: SocketAddr, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) {
        if self.server.is_none() {
            self.queue(hello(from));
        }
        if !self.numbers.contains_key(&from) {
            let number = self.peers.len();
            self.peers.push(Known::new(from, now));
            self.numbers.insert(from, number);
            hear(Heard::Joined(number));
        }
    }

    fn forget(&mut self, address: SocketAddr, hear: &mut dyn FnMut(Heard<'_>)) {
        let Some(number) = self.numbers.remove(&address) else { return };
        if let Some(known) = self.peers.get_mut(number) {
            known.is_gone = true;
        }
        hear(Heard::Left(number));
    }

    /// Queues the reports that are due; whether there were any.
    fn report(&mut self, now: Instant) -> bool {
        let mut any = false;
        for known in &mut self.peers {
            if let Some(report) = known.report(now) {
                any = true;
                drop(self.manager.event_sender().send(report));
            }
        }
        any
    }
}

impl Node for LaminarNode {
    fn socket(&self) -> BorrowedFd<'_> {
        self.manager.socket().as_fd()
    }

    fn step(&mut self, now: Instant, hear: &mut dyn FnMut(Heard<'_>)) -> Result<()> {
        self.say_hello(now);
        for _ in 0..READS {
            self.manager.socket().open();
            self.manager.manual_poll(now);
            let has_more = self.manager.socket().close();
            self.hear_all(now, hear);
            let reports = self.report(now);
            if !has_more {
                if reports {
                    self.manager.manual_poll(now);
                }
                break;
            }
        }
        Ok(())
    }

    fn send(&mut self, to: Peer, class: Class, message: &[u8]) -> Result<bool> {
        let Some(known) = self.peers.get_mut(to).filter(|known| !known.is_gone) else {
            return Ok(false);
        };
        let (address, message) = (known.address, message.to_vec());
        let packet = match class {
            Class::Unreliable => Packet::unreliable(address, message),
            Class::Reliable | Class::Command => {
                if known.sent - known.reported >= self.most_unreported {
                    return Ok(false);
                }
                known.sent += 1;
                Packet::reliable_ordered(address, message, None)
            }
        };
        self.queue(packet);
        Ok(true)
    }

    fn flush(&mut self, now: Instant) -> Result<()> {
        self.manager.manual_poll(now);
        Ok(())
    }
}

/// A client's first word, and the server's answer.
fn hello(to: SocketAddr) -> Packet {
    Packet::unreliable_sequenced(to, vec![0], None)
}
