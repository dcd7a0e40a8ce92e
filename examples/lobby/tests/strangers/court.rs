//! The scene of every test: a server, somebody honest on it, and what the server tells at its end.

use std::{
    env, fs,
    io::{ErrorKind, Read, Write},
    iter,
    net::{TcpStream, UdpSocket},
    path::PathBuf,
    process,
};

use biplane::{Client, Event, Link};
use serde_json::Value;

use crate::{
    child::{PATIENCE, Server, eventually},
    protocol::{CHAT, Line},
    witness::Witness,
};

/// A folder for a server's identity, gone with this value.
#[derive(Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// A folder that no other test uses.
    pub(crate) fn new() -> Self {
        Self(env::temp_dir().join(format!("lobby-{}-{:x}", process::id(), fastrand::u64(..))))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // It may never have been made.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Lets `misdeed` happen while somebody plays, who must not notice; returns what the server tells.
pub(crate) fn while_somebody_plays(misdeed: impl FnOnce(&Server, &Link)) -> Value {
    let server = Server::start();
    let link = server.link();
    let witness = Witness::play(&link);
    misdeed(&server, &link);
    witness.assert_that_nothing_happened();
    let report = server.stop();
    assert_eq!(report["panics"], 0, "{report:#}");
    assert_accounted(&report["datagrams"]);
    report
}

/// A number of a report.
pub(crate) fn counted(counts: &Value, reason: &str) -> u64 {
    counts[reason].as_u64().unwrap()
}

/// A socket that reaches the server's UDP port.
pub(crate) fn udp_to(link: &Link) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", link.port)).unwrap();
    socket
}

/// Says `words` over TCP and hears the server out until it hangs up.
pub(crate) fn tcp_says(link: &Link, words: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", link.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may hang up before it has heard all of it.
    stream.write_all(words).ok();
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it must hang up: {error}");
    }
    assert!(heard.len() < 1024, "strangers are told little");
}

/// Says as many lines as it can until its session is over, and is told why.
pub(crate) fn talk_until_let_go(talker: &Client) {
    let mut number = 0;
    let reason = eventually("the talker's end", || {
        let line = |number| Line { number, by: String::new(), text: "hm".to_owned() };
        while talker.send(CHAT, &line(number + 1)).is_ok() {
            number += 1;
        }
        talker.flush();
        iter::from_fn(|| talker.recv(CHAT)).for_each(drop);
        talker.events().find_map(|event| match event {
            Event::Left(_, reason) => Some(reason.to_string()),
            _ => None,
        })
    });
    assert!(reason.contains("you talk too much"), "{reason}");
}

/// Every datagram was delivered, or dropped for a reason.
fn assert_accounted(datagrams: &Value) {
    let dropped = datagrams["dropped"].as_object().unwrap();
    let dropped: u64 = dropped.values().filter_map(Value::as_u64).sum();
    let accounted = counted(datagrams, "delivered") + dropped;
    assert_eq!(counted(datagrams, "received"), accounted, "{datagrams:#}");
}
