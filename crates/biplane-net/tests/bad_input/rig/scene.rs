//! A victim, an honest session of its, and what its counters say.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use biplane_net::{
    ConnectError, ConnectionStats, Endpoint, EndpointConfig, EndpointStats, Link, ListenConfig,
    Slot,
};
use biplane_proto::{CloseReason, Planes, Violation};
use biplane_wire::CloseCode;
use bytes::Bytes;

use super::{COMMAND, Doors, ORDERED, Peer, channel, config, dial, listen_config};
use crate::patience::{PATIENCE, eventually, until};

/// Whose endpoint is attacked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Victim {
    Server,
    Client,
}

pub(crate) struct Scene {
    pub(crate) role: Victim,
    /// The victim's.
    pub(crate) endpoint: Endpoint,
    pub(crate) doors: Doors,
    pub(crate) home: Endpoint,
    /// The honest session, at the victim's and at home.
    honest: [Arc<Slot>; 2],
    said: AtomicU64,
    /// The number of the first packet of every session.
    first: u64,
}

/// Counters as they were.
pub(crate) struct Watch<'a> {
    scene: &'a Scene,
    before: EndpointStats,
}

impl Victim {
    pub(crate) const BOTH: [Self; 2] = [Self::Server, Self::Client];
}

impl Scene {
    pub(crate) fn both() -> impl Iterator<Item = Self> {
        Victim::BOTH.into_iter().map(Self::new)
    }

    /// Whose sessions end with their control connection.
    pub(crate) fn both_without_grace() -> impl Iterator<Item = Self> {
        let mut config = config();
        config.session.grace = Duration::ZERO;
        Victim::BOTH.into_iter().map(move |role| Self::of(role, Ipv4Addr::LOCALHOST, &config))
    }

    pub(crate) fn new(role: Victim) -> Self {
        Self::of(role, Ipv4Addr::LOCALHOST, &config())
    }

    /// With endpoints that are bound to `ip` and told `config`.
    pub(crate) fn of(role: Victim, ip: Ipv4Addr, config: &EndpointConfig) -> Self {
        let listen = ListenConfig {
            endpoint: config.clone(),
            public_host: Some("127.0.0.1".into()),
            ..listen_config()
        };
        let server = Endpoint::listen(&format!("{ip}:0"), listen).unwrap();
        let client = Endpoint::bind((ip, 0).into(), config.clone()).unwrap();
        let here = connect(&client, server.link().unwrap()).unwrap();
        let there = Arc::clone(server.sessions().last().unwrap());
        let (endpoint, home, honest) = match role {
            Victim::Server => (server, client, [there, here]),
            Victim::Client => (client, server, [here, there]),
        };
        let (doors, said) = (Doors::open(), AtomicU64::new(0));
        let first = config.first_packet.0;
        let scene = Self { role, endpoint, doors, home, honest, said, first };
        let flies = |slot: &Arc<Slot>| slot.with(|_, session| session.planes()) == Planes::Both;
        until("both planes", || scene.honest.iter().all(flies));
        scene.go_on();
        scene
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.endpoint.local_addr().port()))
    }

    /// A hostile peer with a session of the victim's.
    pub(crate) fn hostile(&self) -> (Peer, Arc<Slot>) {
        while let Ok(slot) = self.endpoint.ready().try_recv() {
            slot.clear_ready();
        }
        let (mut peer, slot) = self.joined();
        peer.begin_at(self.first);
        (peer, slot)
    }

    fn joined(&self) -> (Peer, Arc<Slot>) {
        match self.role {
            Victim::Server => {
                let peer = Peer::join(self.address());
                (peer, Arc::clone(self.endpoint.sessions().last().unwrap()))
            }
            Victim::Client => self.joined_by(Doors::welcome),
        }
    }

    /// A session of the victim's with a hostile server, which lets it in like this.
    fn joined_by(&self, welcome: fn(&Doors) -> Peer) -> (Peer, Arc<Slot>) {
        let joining = begin_connect(&self.endpoint, self.doors.link());
        let mut peer = welcome(&self.doors);
        peer.victim = self.address();
        (peer, joining.recv_timeout(PATIENCE).unwrap().unwrap())
    }

    /// A hostile session that flies on both planes and may be resumed.
    pub(crate) fn flying_by_name(&self) -> (Peer, Arc<Slot>) {
        match self.role {
            Victim::Server => self.flying(),
            Victim::Client => self.fly(self.joined_by(Doors::welcome_by_name)),
        }
    }

    /// The same, flying on both planes, and with little room for what it does not read of TCP.
    pub(crate) fn narrow(&self) -> (Peer, Arc<Slot>) {
        self.doors.narrow();
        self.fly(match self.role {
            Victim::Server => {
                let peer = Peer::join_over(Peer::dial_narrow(self.address()));
                (peer, Arc::clone(self.endpoint.sessions().last().unwrap()))
            }
            Victim::Client => self.hostile(),
        })
    }

    /// A hostile session that flies on both planes.
    pub(crate) fn flying(&self) -> (Peer, Arc<Slot>) {
        self.fly(self.hostile())
    }

    fn fly(&self, (mut peer, slot): (Peer, Arc<Slot>)) -> (Peer, Arc<Slot>) {
        if self.role == Victim::Server {
            peer.challenge();
        }
        until("a hostile session on both planes", || {
            let flies = slot.with(|_, session| session.planes()) == Planes::Both;
            if !flies {
                peer.respond();
            }
            flies
        });
        // Whatever the peer has sent up to here has been taken in.
        self.go_on();
        (peer, slot)
    }

    /// The honest session exchanges messages, each way on both planes. The victim has taken in
    /// whatever came before them.
    pub(crate) fn go_on(&self) {
        let text = format!("message {}", self.said.fetch_add(1, Ordering::Relaxed));
        let [at_victim, at_home] = &self.honest;
        for (from, to) in [(at_home, at_victim), (at_victim, at_home)] {
            for index in [COMMAND, ORDERED] {
                let payload = Bytes::from(text.clone());
                from.with(|now, session| session.send(now, channel(index), payload)).unwrap();
                from.queued();
            }
            self.home.flush();
            self.endpoint.flush();
            for index in [COMMAND, ORDERED] {
                let got = eventually("an honest message", || take(to, index));
                assert_eq!(got, text.as_bytes(), "{:?}", self.role);
            }
        }
    }

    /// A socket of nobody's.
    pub(crate) fn stranger(&self) -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").unwrap()
    }

    /// Sends each datagram from `socket`, never more than the victim has room for.
    pub(crate) fn pour(&self, socket: &UdpSocket, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        const BURST: u64 = 64;
        let taken = || self.endpoint.stats().datagrams.drops.total();
        let before = taken();
        let mut sent = 0;
        for datagram in datagrams {
            socket.send_to(&datagram, self.address()).unwrap();
            sent += 1;
            if sent % BURST == 0 {
                until("a burst to be dropped", || taken() - before >= sent - BURST);
            }
        }
    }

    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch { scene: self, before: self.endpoint.stats() }
    }

    /// A hostile session does `act` and ends by `violation`: named, counted, told, and nobody
    /// else's trouble.
    pub(crate) fn is_violation(
        &self,
        what: &str,
        violation: Violation,
        act: impl FnOnce(&mut Peer),
    ) -> Arc<Slot> {
        let (mut peer, slot) = self.hostile();
        let watch = self.watch();
        act(&mut peer);
        let told = peer.last_word();
        assert_eq!(
            told,
            Some((CloseCode::Violation, violation.to_string())),
            "{what}, {:?}",
            self.role
        );
        let reason = slot.with(|_, session| session.close_reason().cloned());
        assert_eq!(reason, Some(CloseReason::Violation(violation)), "{what}, {:?}", self.role);
        drop(peer);
        watch.left(&[("violation", 1)]);
        slot
    }
}

impl Watch<'_> {
    /// Waits until this many datagrams were dropped, and checks that they were for these reasons
    /// alone.
    pub(crate) fn drops(&self, expected: &[(&str, u64)]) {
        let total: u64 = expected.iter().map(|(_, count)| count).sum();
        let dropped = || {
            let drops = self.scene.endpoint.stats().datagrams.drops;
            drops.total() - self.before.datagrams.drops.total()
        };
        until("the drops", || dropped() >= total);
        self.scene.go_on();
        let mut wanted = BTreeMap::new();
        for (name, count) in expected.iter().filter(|(_, count)| *count > 0) {
            *wanted.entry(*name).or_default() += count;
        }
        let before = self.before.datagrams.drops;
        let now = self.scene.endpoint.stats().datagrams.drops;
        let rise: BTreeMap<_, _> = now
            .iter()
            .map(|(reason, count)| (reason.name(), count - before.count(reason)))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(rise, wanted, "{:?}", self.scene.role);
        self.balances();
    }

    /// Waits until this many sessions left, and checks that it was for these reasons alone.
    pub(crate) fn left(&self, expected: &[(&str, u64)]) {
        let total: u64 = expected.iter().map(|(_, count)| count).sum();
        let left = || self.scene.endpoint.stats().sessions.left;
        let before = &self.before.sessions.left;
        let sum = |left: &BTreeMap<&str, u64>| left.values().sum::<u64>();
        until("the sessions' end", || sum(&left()) - sum(before) >= total);
        let rise: BTreeMap<_, _> = left()
            .into_iter()
            .map(|(name, count)| (name, count - before.get(name).copied().unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(rise, expected.iter().copied().collect(), "{:?}", self.scene.role);
        self.scene.go_on();
        self.balances();
    }

    /// Checks that nobody joined meanwhile, and that this many were refused.
    pub(crate) fn refused(&self, expected: u64) {
        self.scene.go_on();
        let (before, now) = (&self.before.sessions, self.scene.endpoint.stats().sessions);
        assert_eq!(now.refused - before.refused, expected, "refused");
        assert_eq!(now.admitted - before.admitted, 0, "admitted");
        assert_eq!(now.left, before.left);
        self.balances();
    }

    /// Waits until this many connections ended before they were a session's, and checks that it was
    /// for these reasons alone.
    pub(crate) fn connections(&self, expected: &[(&str, u64)]) {
        let before = reasons(&self.before.connections);
        let rise = || {
            let now = reasons(&self.scene.endpoint.stats().connections);
            let rise = now.into_iter().zip(before).map(|((name, now), (_, was))| (name, now - was));
            rise.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>()
        };
        let total: u64 = expected.iter().map(|(_, count)| count).sum();
        until("the connections' end", || rise().values().sum::<u64>() >= total);
        self.scene.go_on();
        assert_eq!(rise(), expected.iter().copied().collect());
    }

    fn balances(&self) {
        let stats = self.scene.endpoint.stats();
        let datagrams = &stats.datagrams;
        assert_eq!(datagrams.received, datagrams.delivered + datagrams.drops.total());
        assert_eq!((stats.panics, datagrams.kernel_dropped.unwrap_or(0)), (0, 0));
    }
}

/// Why connections ended that were not a session's yet, by name.
fn reasons(stats: &ConnectionStats) -> [(&'static str, u64); 9] {
    [
        ("timed_out", stats.timed_out),
        ("evicted", stats.evicted),
        ("broken", stats.broken),
        ("too_long", stats.too_long),
        ("not_biplane", stats.not_biplane),
        ("mismatched", stats.mismatched),
        ("resume_refused", stats.resume_refused),
        ("attach_refused", stats.attach_refused),
        ("accept_failures", stats.accept_failures),
    ]
}

/// Dials `link`, and waits for what becomes of it.
pub(crate) fn connect(endpoint: &Endpoint, link: Link) -> Result<Arc<Slot>, ConnectError> {
    begin_connect(endpoint, link).recv_timeout(PATIENCE).expect("the outcome of a connect")
}

/// Dials `link`.
pub(crate) fn begin_connect(
    endpoint: &Endpoint,
    link: Link,
) -> mpsc::Receiver<Result<Arc<Slot>, ConnectError>> {
    let (told, heard) = mpsc::channel();
    // Who does not wait any more need not be told.
    endpoint.connect(dial(link), Box::new(move |outcome| drop(told.send(outcome))));
    heard
}

/// The next message of a channel, if there is one.
pub(crate) fn take(slot: &Slot, index: u8) -> Option<Bytes> {
    slot.with(|now, session| session.take(now, channel(index)))
}

/// Whether nothing has come to `socket`; what came before the victim's last honest message would
/// have been answered by now.
pub(crate) fn is_unanswered(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let heard = socket.recv(&mut [0; 2_048]);
    socket.set_nonblocking(false).unwrap();
    heard.is_err()
}
