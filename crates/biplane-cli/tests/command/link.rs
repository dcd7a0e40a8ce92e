//! A relay at work, between programs that know nothing of it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Relaying, echo};

#[test]
fn a_plain_program_is_relayed_and_told_of_at_the_end() {
    let relay = Relaying::link(echo(), "--delay 20ms");
    assert!(relay.greeting.starts_with("relays TCP and UDP from 127.0.0.1:"));
    assert!(relay.greeting.contains("delay=20ms") && relay.greeting.contains("modelled"));

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(relay.address).unwrap();
    udp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (began, mut buffer) = (Instant::now(), [0; 100]);
    udp.send(b"ping").unwrap();
    assert_eq!(udp.recv(&mut buffer).unwrap(), 4);
    assert!(began.elapsed() >= Duration::from_millis(40));

    let mut tcp = TcpStream::connect(relay.address).unwrap();
    tcp.write_all(&[7; 100_000]).unwrap();
    tcp.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [7; 100_000]);

    let ended = relay.stop("TERM");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    for way in ["up", "down"] {
        assert_eq!(document[way]["tcp"]["bytes"], 100_000);
        assert_eq!(document[way]["tcp"]["connections"], 1);
        assert_eq!(document[way]["udp"]["received"], 1);
        assert_eq!(document[way]["udp"]["forwarded"], 1);
        for key in ["lost", "duplicated", "reordered", "corrupted", "queue_dropped"] {
            assert_eq!(document[way]["udp"][key], 0, "{key}");
        }
    }
    assert_eq!(document["rebinds"], 0);
    assert!(document["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn who_reads_no_further_ends_nothing() {
    let mut relay = Relaying::link(echo(), "");
    relay.read_no_further();
    let ended = relay.stop("TERM");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn an_interrupt_ends_it_with_its_figures_though_nothing_came() {
    let relay = Relaying::link(echo(), "--profile satellite");
    let ended = relay.stop("INT");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["seconds"], 0.0);
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}
