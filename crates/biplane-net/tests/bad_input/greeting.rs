//! Inputs 33 and 36: who comes to the TCP port and says nothing, nonsense, or goodbye.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use biplane_net::{ConnectError, Step};
use biplane_proto::limits;
use biplane_wire::Aead;
use socket2::SockRef;

use crate::rig::{Peer, Scene, Tls, Victim, begin_connect, eventually, parameters, until};

/// Deadlines of `docs/STATE-MACHINE.md`, and how much a busy machine may add.
const TLS: Duration = Duration::from_secs(5);
const HELLO: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(3);
/// Resources are free again after this.
const SOON: Duration = Duration::from_secs(1);

/// Waits until the other end hangs up, saying `drip` every now and then; how long that took.
fn until_cut(mut stream: TcpStream, drip: &[u8]) -> Duration {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut drip = drip.iter();
    loop {
        match stream.read(&mut [0; 4_096]) {
            Ok(0) => return start.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if let Some(byte) = drip.next() {
                    // The next read tells if it is over.
                    stream.write_all(&[*byte]).ok();
                }
            }
            Err(_) => return start.elapsed(),
        }
        assert!(start.elapsed() < CONNECT + SLACK, "nobody hung up");
    }
}

#[test]
fn bad_input_33_who_says_nothing_or_little_is_cut_at_the_deadline_of_tls() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let hello = Tls::client_hello();
    let cut: Vec<_> = thread::scope(|scope| {
        let silent = (0..20).map(|_| (Peer::dial(scene.address()), &[][..]));
        let slow = (0..20).map(|_| (Peer::dial(scene.address()), &hello[..]));
        let waiting: Vec<_> = silent
            .chain(slow)
            .map(|(stream, drip)| scope.spawn(move || until_cut(stream, drip)))
            .collect();
        // Others come and go on meanwhile.
        scene.go_on();
        let (peer, _slot) = scene.hostile();
        drop(peer);
        waiting.into_iter().map(|waiting| waiting.join().unwrap()).collect()
    });
    for after in cut {
        assert!((TLS - SLACK / 2..TLS + SLACK).contains(&after), "{after:?}");
    }
    watch.left(&[("connection_lost", 1)]);
    watch.connections(&[("timed_out", 40)]);
    assert_eq!(scene.endpoint.stats().sessions.refused, 0);
}

#[test]
fn bad_input_33_who_gives_no_hello_is_cut_at_its_deadline() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let dialing = Peer::dialing(&[Aead::Aes128Gcm], parameters());
    let waiting: Vec<_> = (0..10)
        .map(|index| {
            let mut tls = Tls::connect(Peer::dial(scene.address()));
            // None of it, or all but the last byte.
            let said = if index < 5 { 0 } else { dialing.hello().len() - 1 };
            tls.write_all(&dialing.hello()[..said]).unwrap();
            tls
        })
        .collect();
    let start = Instant::now();
    scene.go_on();
    for tls in waiting {
        until_cut(tls.tcp().try_clone().unwrap(), &[]);
    }
    let after = start.elapsed();
    assert!((HELLO - SOON..HELLO + SLACK).contains(&after), "{after:?}");
    watch.connections(&[("timed_out", 10)]);
    watch.refused(0);
}

#[test]
fn bad_input_33_who_does_not_speak_tls_is_cut_at_once() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let noise: Vec<u8> =
        (0..16 * 1_024_u32).map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()[0]).collect();
    let http = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    let biplane = Peer::dialing(&[Aead::Aes128Gcm], parameters()).hello().to_vec();
    for bytes in
        [http, noise, biplane, vec![0; 64 * 1_024], long_hello(0xffff), long_hello(0xff_ffff)]
    {
        let mut stream = Peer::dial(scene.address());
        // It may be cut before all of it is written.
        stream.write_all(&bytes).ok();
        let after = until_cut(stream, &[]);
        assert!(after < SOON + SLACK, "{after:?}");
    }
    watch.connections(&[("not_biplane", 4), ("too_long", 2)]);
    watch.refused(0);
}

/// A ClientHello that says it is `len` bytes long, in as many records as it takes, to 64 KiB.
fn long_hello(len: u32) -> Vec<u8> {
    let [_, a, b, c] = len.to_be_bytes();
    let mut message = vec![1, a, b, c, 3, 3];
    message.resize(64 * 1_024, 0);
    let record = |piece: &[u8]| {
        let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
        [&[22, 3, 1, high, low][..], piece].concat()
    };
    message.chunks(16 * 1_024).flat_map(record).collect()
}

#[test]
fn bad_input_33_a_thousand_aborted_handshakes_keep_nobody_out() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let hello = Tls::client_hello();
    for index in 0..1_000 {
        let mut stream = Peer::dial(scene.address());
        stream.write_all(&hello[..hello.len() * (index % 5) / 4]).ok();
        if index % 2 == 0 {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    watch.connections(&[("broken", 1_000)]);
    watch.refused(0);
    let (_peer, slot) = scene.hostile();
    slot.with(|_, session| assert!(!session.is_closed()));
}

#[test]
fn bad_input_33_a_server_that_says_nothing_is_given_up_at_the_clients_deadline() {
    let scene = Scene::new(Victim::Client);
    let watch = scene.watch();
    let start = Instant::now();
    let joining = begin_connect(&scene.endpoint, scene.doors.link());
    let _silent = scene.doors.accept_tcp();
    let slow = begin_connect(&scene.endpoint, scene.doors.link());
    let _answerless = scene.doors.accept_tls();
    for (outcome, step) in [(joining, Step::Tls), (slow, Step::Admission)] {
        let error = eventually("an outcome", || outcome.try_recv().ok()).unwrap_err();
        assert_eq!(error.to_string(), format!("no session within 10 s: {step} did not end"));
        assert_eq!(error.step(), Some(step));
    }
    assert!((CONNECT - SOON..CONNECT + SLACK).contains(&start.elapsed()));
    watch.refused(0);
}

#[test]
fn bad_input_33_a_server_that_does_not_speak_tls_is_told_at_once() {
    let scene = Scene::new(Victim::Client);
    let watch = scene.watch();
    for bytes in [b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), vec![0; 1_024], vec![0xff; 1_024]] {
        let joining = begin_connect(&scene.endpoint, scene.doors.link());
        let mut stream = scene.doors.accept_tcp();
        stream.write_all(&bytes).unwrap();
        let outcome = eventually("an outcome", || joining.try_recv().ok());
        assert!(matches!(outcome, Err(ConnectError::NotTls { .. })), "{outcome:?}");
    }
    watch.refused(0);
}

/// How a TCP connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Reset,
    Fin,
    HalfClose,
    CloseNotify,
}

impl End {
    const ALL: [Self; 4] = [Self::Reset, Self::Fin, Self::HalfClose, Self::CloseNotify];

    /// Ends a connection; what must be kept for the end to be no more than that.
    fn act(self, mut tls: Tls) -> Option<Tls> {
        match self {
            Self::Reset => reset(tls.tcp()),
            Self::Fin => {}
            Self::HalfClose => tls.tcp().shutdown(Shutdown::Write).unwrap(),
            Self::CloseNotify => tls.close_notify(),
        }
        matches!(self, Self::HalfClose | Self::CloseNotify).then_some(tls)
    }
}

/// The next close of it is an RST.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Waits until the victim has hung up on one who is still there.
fn is_let_go(kept: Option<Tls>, what: &str) {
    let Some(tls) = kept else { return };
    let after = until_cut(tls.tcp().try_clone().unwrap(), &[]);
    assert!(after < SOON + SLACK, "{what}: {after:?}");
}

#[test]
fn bad_input_36_however_a_session_loses_its_first_connection_it_leaves_within_seconds() {
    for scene in Scene::both() {
        for end in End::ALL {
            let (peer, slot) = scene.hostile();
            let watch = scene.watch();
            let start = Instant::now();
            let kept = end.act(peer.tls);
            until("the session's end", || slot.with(|_, session| session.is_closed()));
            assert!(start.elapsed() < limits::GRACE_UNHEARD + SLACK, "{end:?}");
            let name = slot.with(|_, session| session.close_reason().unwrap().name());
            assert_eq!(name, "connection_lost", "{end:?}");
            is_let_go(kept, &format!("{end:?}"));
            watch.left(&[("connection_lost", 1)]);
            // Who is still there is hung up on after that.
            assert!(start.elapsed() < limits::GRACE_UNHEARD + SOON + SLACK, "{end:?}");
            until("its place to be free", || scene.endpoint.stats().sessions.current == 1);
        }
    }
}

#[test]
fn bad_input_36_a_connection_that_ends_before_its_session_leaves_nothing() {
    let scene = Scene::new(Victim::Server);
    let watch = scene.watch();
    let hello = Tls::client_hello();
    // Before TLS, and within its first flight.
    for said in [0, 1, hello.len() / 2, hello.len()] {
        for end in [End::Reset, End::Fin, End::HalfClose] {
            let mut stream = Peer::dial(scene.address());
            stream.write_all(&hello[..said]).unwrap();
            match end {
                End::Reset => reset(&stream),
                End::HalfClose => {
                    stream.shutdown(Shutdown::Write).unwrap();
                    let after = until_cut(stream, &[]);
                    assert!(after < SOON + SLACK, "{said} bytes: {after:?}");
                }
                End::Fin | End::CloseNotify => {}
            }
        }
    }
    // Before the hello, and within it.
    let dialing = Peer::dialing(&[Aead::Aes128Gcm], parameters());
    for said in [0, 3, dialing.hello().len() - 1] {
        for end in End::ALL {
            let mut tls = Tls::connect(Peer::dial(scene.address()));
            tls.write_all(&dialing.hello()[..said]).unwrap();
            is_let_go(end.act(tls), &format!("{said} bytes of a hello, {end:?}"));
        }
    }
    watch.connections(&[("broken", 4 * 3 + 3 * 4)]);
    watch.refused(0);
}

#[test]
fn bad_input_36_a_client_that_leaves_before_its_welcome_is_a_session_for_a_moment() {
    let scene = Scene::new(Victim::Server);
    let dialing = Peer::dialing(&[Aead::Aes128Gcm], parameters());
    for end in End::ALL {
        let mut tls = Tls::connect(Peer::dial(scene.address()));
        tls.write_all(dialing.hello()).unwrap();
        is_let_go(end.act(tls), &format!("{end:?}"));
        until("nobody but the honest one", || scene.endpoint.stats().sessions.current == 1);
        scene.go_on();
    }
    let stats = scene.endpoint.stats();
    // One that was reset early enough never began.
    let left = stats.sessions.left.get("connection_lost").copied().unwrap_or(0);
    assert_eq!(left, stats.sessions.admitted - 1);
    assert_eq!((stats.sessions.left.len(), stats.panics), (1, 0));
}

#[test]
fn bad_input_36_a_server_that_hangs_up_before_its_welcome_is_told() {
    let scene = Scene::new(Victim::Client);
    let watch = scene.watch();
    for end in End::ALL {
        for after_tls in [false, true] {
            let joining = begin_connect(&scene.endpoint, scene.doors.link());
            let kept = if after_tls {
                (end.act(scene.doors.accept_tls()), None)
            } else {
                let stream = scene.doors.accept_tcp();
                match end {
                    End::Reset => reset(&stream),
                    End::Fin | End::CloseNotify => {}
                    End::HalfClose => stream.shutdown(Shutdown::Write).unwrap(),
                }
                (None, matches!(end, End::HalfClose).then_some(stream))
            };
            let outcome = eventually("an outcome", || joining.try_recv().ok());
            let wanted = if after_tls { Step::Admission } else { Step::Tls };
            let told = match &outcome {
                Err(ConnectError::Broken { step, .. }) => *step == wanted,
                // It came before the client had looked at its connection.
                Err(ConnectError::Unreachable { .. }) => matches!(end, End::Reset) && !after_tls,
                _ => false,
            };
            assert!(told, "{end:?}, after TLS: {after_tls}: {outcome:?}");
            drop(kept);
        }
    }
    until("no session but the honest one", || scene.endpoint.sessions().len() == 1);
    watch.refused(0);
}
