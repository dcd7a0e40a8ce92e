//! Interfaces that carry so much and no more, in a network of the test's own: the kernel refuses
//! longer datagrams, sessions find out how long they may be, and none is cut in pieces below them.

use std::{
    fs,
    net::UdpSocket,
    ops::RangeInclusive,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use biplane_net::{DialConfig, Endpoint, ListenConfig, ProtocolSpec, Slot};
use biplane_wire::ChannelKind;

use crate::support::{
    INPUTS, Pair, channel_id, client, config, connect, everybody, protocol_with, until,
};

pub(crate) const TESTS: &[(&str, fn())] = &[
    (
        "interface::datagrams_fit_their_interface_and_the_kernel_cuts_none",
        datagrams_fit_their_interface_and_the_kernel_cuts_none,
    ),
    (
        "interface::an_interface_that_comes_to_carry_less_costs_a_moment_and_no_message",
        an_interface_that_comes_to_carry_less_costs_a_moment_and_no_message,
    ),
];

/// What each message holds.
const LONG: usize = 50_000;
/// Lengths that are not told apart.
const STEP: usize = 4;

fn carry(mtu: usize) {
    let mut ip = Command::new("ip");
    ip.args(["link", "set", "lo", "mtu", &mtu.to_string()]);
    assert!(ip.status().unwrap().success(), "{mtu}");
}

/// Datagrams that the kernel has cut, and pieces that it made of them, over IPv4 and IPv6.
fn fragments() -> u64 {
    let four = fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut rows = four.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
    let four = names.split(' ').zip(values.split(' '));
    let four = four.filter(|(name, _)| ["FragOKs", "FragCreates"].contains(name));
    let six = fs::read_to_string("/proc/self/net/snmp6").unwrap_or_default();
    let six = six.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let six = six.filter(|(name, _)| ["Ip6FragOKs", "Ip6FragCreates"].contains(name));
    four.chain(six).map(|(_, count)| count.trim().parse::<u64>().unwrap()).sum()
}

/// `inputs` carries long messages, each once.
fn protocol() -> ProtocolSpec {
    let mut protocol = protocol_with(ChannelKind::ReliableOrdered);
    protocol.description.channels[usize::from(INPUTS)].max_message = 60_000;
    protocol.channels[usize::from(INPUTS)].max_message = 60_000;
    protocol
}

/// A session over loopback, of either family.
fn joined(address: &str) -> (Endpoint, Endpoint, Pair) {
    let config = ListenConfig { protocol: protocol(), ..config(everybody()) };
    let server = Endpoint::listen(address, config).unwrap();
    let client = match address.starts_with('[') {
        true => Endpoint::bind("[::1]:0".parse().unwrap(), Default::default()).unwrap(),
        false => client(),
    };
    let here = connect(&client, DialConfig::new(server.link().unwrap(), protocol())).unwrap();
    let there = Arc::clone(server.sessions().last().unwrap());
    (server, client, Pair { here, there })
}

fn size(slot: &Slot) -> usize {
    usize::try_from(slot.with(|_, session| session.stats()).path.datagram_size).unwrap()
}

/// One long message each way, which must come whole.
fn talk(Pair { here, there }: &Pair) {
    let payload = vec![7; LONG];
    for slot in [here, there] {
        let payload = payload.clone().into();
        slot.with(|now, session| session.send(now, channel_id(INPUTS), payload)).unwrap();
        slot.with(|now, session| session.flush(now));
    }
    for slot in [here, there] {
        let mut taken = None;
        until("a long message", || {
            taken = slot.with(|now, session| session.take(now, channel_id(INPUTS)));
            taken.is_some()
        });
        assert_eq!(taken.unwrap(), payload);
    }
}

/// Talks until both sides send datagrams of such a length; how long that took.
fn until_found(pair: &Pair, wanted: RangeInclusive<usize>) -> Duration {
    let began = Instant::now();
    until(&format!("datagrams of {wanted:?} bytes"), || {
        talk(pair);
        let sizes = [size(&pair.here), size(&pair.there)];
        assert!(sizes.iter().all(|size| (1_200..=1_452).contains(size)), "{sizes:?}");
        sizes.iter().all(|size| wanted.contains(size))
    });
    began.elapsed()
}

/// Up to so many bytes, and few less.
fn about(carried: usize) -> RangeInclusive<usize> {
    carried - STEP + 1..=carried
}

fn datagrams_fit_their_interface_and_the_kernel_cuts_none() {
    let before = fragments();
    for (mtu, address, carried) in [
        (9_000, "127.0.0.1:0", 1_452),
        (1_500, "127.0.0.1:0", 1_452),
        (1_400, "127.0.0.1:0", 1_372),
        (1_280, "127.0.0.1:0", 1_252),
        (1_280, "[::1]:0", 1_232),
    ] {
        carry(mtu);
        let (_server, _client, pair) = joined(address);
        until_found(&pair, about(carried));
        eprintln!("figure datagrams over {mtu} at {address}: {}", size(&pair.here));
    }
    assert_eq!(fragments(), before);
    // Or would it say so if it had?
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0; 3_000], "127.0.0.1:9").unwrap();
    assert!(fragments() > before, "the kernel counts what it cuts");
}

fn an_interface_that_comes_to_carry_less_costs_a_moment_and_no_message() {
    carry(1_500);
    let (_server, _client, pair) = joined("127.0.0.1:0");
    until_found(&pair, about(1_452));
    let before = fragments();
    carry(1_280);
    let began = Instant::now();
    talk(&pair);
    let took = began.elapsed();
    until_found(&pair, about(1_252));
    assert_eq!(fragments(), before);
    eprintln!("figure recovery in milliseconds: {}", took.as_millis());
    assert!(took < Duration::from_secs(5), "{took:?}");
}
