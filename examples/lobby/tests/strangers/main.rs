//! What strangers and clumsy clients do to a running lobby: each gets one clear line or one named
//! counter, and somebody honest plays on through all of it.
//!
//! The server is the real program in a process of its own. Nothing here sleeps and hopes: what must
//! happen is waited for, with a deadline.

// Helpers of tests are tests: what may panic there may panic here.
#[cfg(test)]
mod child;
#[cfg(test)]
mod court;
#[cfg(test)]
mod imposter;
#[expect(dead_code, reason = "the tests speak a part of the game's protocol")]
#[path = "../../src/protocol.rs"]
mod protocol;
#[cfg(test)]
mod witness;

use biplane::{Client, ConnectError, Identity};

use crate::{
    child::{Program, Server},
    court::{Home, counted, talk_until_let_go, tcp_says, udp_to, while_somebody_plays},
    imposter::Imposter,
    witness::Witness,
};

#[test]
fn a_wrong_pin_is_one_line_that_names_both_pins() {
    let report = while_somebody_plays(|_, link| {
        let mut wrong = link.clone();
        wrong.pin = Identity::generate().unwrap().pin();
        let bots = Program::run(&["bots", "--join", &wrong.to_string(), "--count", "2"]);
        assert_eq!(bots.status, Some(2), "{}", bots.stderr);
        let [line] = bots.lines()[..] else { panic!("one line: {}", bots.stderr) };
        assert!(line.contains(&wrong.pin.to_string()), "{line}");
        assert!(line.contains(&link.pin.to_string()), "{line}");
    });
    assert_eq!(report["sessions"]["admitted"], 1);
}

#[test]
fn another_protocol_is_explained_by_name_on_both_sides() {
    let report = while_somebody_plays(|server, link| {
        let outcome = Client::connect(link, &imposter::other_protocol()).wait();
        let error = outcome.expect_err("it speaks another protocol");
        assert!(matches!(error, ConnectError::Mismatch { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("inputs") && words.contains("unreliable"), "{words}");
        server.wait_for_line(|line| line.contains("inputs") && line.contains("unreliable"));
    });
    assert_eq!(report["sessions"]["refused"], 1);
}

#[test]
fn a_port_that_is_taken_is_one_line() {
    while_somebody_plays(|_, link| {
        let address = format!("127.0.0.1:{}", link.port);
        let second = Program::run(&["serve", "--listen", &address]);
        assert_eq!(second.status, Some(2), "{}", second.stderr);
        assert_eq!(second.lines().len(), 1, "{}", second.stderr);
        assert!(second.stderr.contains(&address), "{}", second.stderr);
    });
}

#[test]
fn killed_clients_are_counted_and_nobody_else_notices() {
    let report = while_somebody_plays(|server, link| {
        let link = link.to_string();
        let bots = Program::start(&["bots", "--join", &link, "--count", "5", "--for", "5m"]);
        server.wait_for_lines(1 + 5, |line| line.contains("joined"));
        drop(bots);
        // Each session waits for its grace: the client might come back over another connection.
        server.wait_for_lines(5, |line| line.contains("left"));
    });
    assert_eq!(report["sessions"]["left"]["timed_out"], 5, "{report:#}");
}

#[test]
fn http_on_both_ports_is_hung_up_on_or_counted() {
    let report = while_somebody_plays(|_, link| {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
        tcp_says(link, request);
        udp_to(link).send(request).unwrap();
    });
    assert_eq!(report["datagrams"]["dropped"]["malformed"], 1, "{report:#}");
    assert_eq!(report["sessions"]["admitted"], 1);
}

#[test]
fn random_bytes_on_both_ports_are_hung_up_on_or_counted() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut noise = |length| (0..length).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let report = while_somebody_plays(|_, link| {
        let socket = udp_to(link);
        for length in 1..=500 {
            socket.send(&noise(length)).unwrap();
        }
        for length in [1, 5, 100, 20_000] {
            tcp_says(link, &noise(length));
        }
    });
    let dropped = &report["datagrams"]["dropped"];
    let (malformed, unknown) = (counted(dropped, "malformed"), counted(dropped, "unknown_session"));
    assert_eq!(malformed + unknown, 500, "{dropped:#}");
    assert!(malformed > 0 && unknown > 0, "{dropped:#}");
}

#[test]
fn an_empty_datagram_is_counted_as_what_it_is() {
    let report = while_somebody_plays(|_, link| {
        let socket = udp_to(link);
        for _ in 0..10 {
            socket.send(&[]).unwrap();
        }
    });
    assert_eq!(report["datagrams"]["dropped"]["empty"], 10, "{report:#}");
}

#[test]
fn an_undecodable_command_ends_its_session_as_a_violation() {
    let report = while_somebody_plays(|_, link| {
        let imposter = Imposter::join(link);
        imposter.send_undecodable_chat();
        imposter.assert_that_it_is_accused();
    });
    assert_eq!(report["sessions"]["left"]["violation"], 1, "{report:#}");
}

#[test]
fn an_undecodable_request_ends_its_session_as_a_violation() {
    let report = while_somebody_plays(|_, link| {
        let imposter = Imposter::join(link);
        imposter.ask_undecodable();
        imposter.assert_that_it_is_accused();
    });
    assert_eq!(report["sessions"]["left"]["violation"], 1, "{report:#}");
}

#[test]
fn undecodable_messages_on_data_channels_are_skipped_and_the_session_goes_on() {
    let report = while_somebody_plays(|_, link| {
        let imposter = Imposter::join(link);
        for _ in 0..200 {
            imposter.send_undecodable_data();
        }
        imposter.assert_that_it_is_served();
    });
    assert_eq!(report["sessions"]["left"]["violation"], 0, "{report:#}");
    assert_eq!(report["sessions"]["left"]["dropped"], 1, "{report:#}");
}

#[test]
fn a_client_that_talks_without_end_is_let_go() {
    let report = while_somebody_plays(|server, link| {
        let talker = Witness::sit_down(link);
        server.wait_for_lines(2, |line| line.contains("joined"));
        talk_until_let_go(&talker);
    });
    assert_eq!(report["sessions"]["left"]["closed_here"], 1, "{report:#}");
}

#[test]
fn clients_that_never_read_again_are_let_go_in_time() {
    let report = while_somebody_plays(|server, link| {
        let link = link.to_string();
        let bots = Program::start(&["bots", "--join", &link, "--count", "3", "--for", "5m"]);
        server.wait_for_lines(1 + 3, |line| line.contains("joined"));
        bots.pause();
        server.wait_for_lines(3, |line| line.contains("left"));
    });
    let left = &report["sessions"]["left"];
    assert_eq!(counted(left, "timed_out") + counted(left, "too_slow"), 3, "{left:#}");
}

#[test]
fn bots_come_back_to_a_server_that_was_killed() {
    let home = Home::new();
    let server = Server::start_at("127.0.0.1:0", &home);
    let link = server.link().to_string();
    let address = format!("127.0.0.1:{}", server.link().port);
    let bots = Program::start(&["bots", "--join", &link, "--count", "10", "--for", "5m", "--json"]);
    // By their own word: the server knows of a session before its client does.
    bots.wait_for_lines(1, |line| line.starts_with("joined: 10 "));
    drop(server);

    let server = Server::start_at(&address, &home);
    assert_eq!(server.link().to_string(), link, "the identity was kept");
    bots.wait_for_lines(1, |line| line.starts_with("back: 10 "));
    let bots = bots.stop();
    assert_eq!(bots.status, Some(1), "{}", bots.stderr);
    let report = bots.document();
    assert_eq!((&report["disconnected"], &report["rejoined"]), (&10.into(), &10.into()));
    server.stop();
}
