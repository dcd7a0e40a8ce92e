//! `biplane probe` against running servers, well and badly connected.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use biplane::{
    Channel, Hello, Identity, Link, Pin, Protocol, Request, Server, ServerConfig, Verdict,
};
use serde_json::Value;

use crate::program::{Ended, Relaying, Running, run};

const LINES: Channel<String> = Channel::command("lines");
const AIM: Channel<u32> = Channel::sequenced("aim");

#[derive(serde::Serialize, serde::Deserialize)]
struct Enter;

impl Request for Enter {
    type Reply = u32;
    const NAME: &'static str = "enter";
}

/// A protocol that the command has never heard of.
fn protocol() -> Protocol {
    Protocol::new("arena", 1).channel(LINES).channel(AIM).request::<Enter>()
}

fn server() -> Server {
    Server::bind("127.0.0.1:0", &protocol()).unwrap()
}

/// Runs a probe of one second to its end.
fn probe(link: &Link, flags: &str) -> Ended {
    run(&format!("probe --join {link} --for 1s {flags}"))
}

/// The document of a probe, and what became of the steps: + held, - failed, . not taken.
fn probed(link: &Link) -> (Value, String, Ended) {
    let ended = probe(link, "--json");
    let document: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let steps = document["steps"].as_array().unwrap().iter();
    let outline = steps.map(|step| match step["ok"].as_bool() {
        Some(true) => '+',
        Some(false) => '-',
        None => '.',
    });
    let outline = outline.collect();
    (document, outline, ended)
}

/// The probe fails at a step, says so to people too, and what to do about it. What comes after
/// `outlined` is not asked.
fn fails_at(link: &Link, outlined: &str, detail: &str, advice: &str) -> Value {
    let (document, outline, ended) = probed(link);
    assert!(outline.starts_with(outlined), "{document}");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let failed = &document["steps"][outlined.find('-').unwrap()];
    assert!(failed["detail"].as_str().unwrap().contains(detail), "{failed}");
    assert!(ended.stderr.contains(advice), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("biplane: did not hold: "), "{last}");
    assert!(last.contains(failed["name"].as_str().unwrap()), "{last}");
    document
}

fn behind(server: &Server, flags: &str) -> (Relaying, Link) {
    let relay = Relaying::link(server.local_addr(), flags);
    let link = Link { port: relay.address.port(), ..server.link().clone() };
    (relay, link)
}

fn at(address: SocketAddr) -> Link {
    Link { host: address.ip().to_string(), port: address.port(), pin: Pin::new([7; 32]) }
}

#[test]
fn a_good_connection_holds_in_every_step_though_the_protocol_is_unknown() {
    let server = server();
    let (document, outline, ended) = probed(server.link());
    assert_eq!(outline, "++++++++++++", "{document}");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let names: Vec<_> =
        document["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    let wanted = [
        "name",
        "TCP",
        "TLS",
        "pin",
        "protocol",
        "admission",
        "UDP up",
        "UDP down",
        "path MTU",
        "RTT",
        "jitter",
        "loss",
    ];
    assert_eq!(names, wanted);
    assert_eq!(document["steps"][4]["detail"], "speaks `arena` version 1: 2 channels, 1 request");
    assert_eq!(document["planes"], "both");
    assert_eq!(
        (&document["loss_percent"]["up"], &document["loss_percent"]["down"]),
        (&0.0.into(), &0.0.into())
    );
    let rtt = |share: &str| document["rtt_ms"][share].as_f64().unwrap();
    assert!(rtt("p50") > 0.0 && rtt("p50") <= rtt("p99"), "{document}");
    assert_eq!(document["mtu"], 1_452);
}

#[test]
fn people_read_one_step_a_line_and_no_colour_in_a_pipe() {
    let server = server();
    let Ended { status, stdout, stderr } = probe(server.link(), "");
    assert!(status.success() && stderr.is_empty(), "{stdout}{stderr}");
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 14, "{stdout}");
    assert!(lines[..12].iter().all(|line| line.starts_with("ok     ")), "{stdout}");
    assert!(lines[8].starts_with("ok     path MTU   datagrams of 1200 bytes"), "{stdout}");
    let last = "a session flies on both planes, in datagrams of up to 1452 bytes";
    assert_eq!(lines[13], last);
    assert!(!stdout.contains('\x1b') && !stdout.contains('✓'), "{stdout}");
}

#[test]
fn a_name_that_does_not_resolve_is_looked_for_no_further() {
    let link = Link { host: "nowhere.invalid".into(), ..at(([127, 0, 0, 1], 7777).into()) };
    let document = fails_at(&link, "-...........", "nowhere.invalid", "cannot find the host");
    assert!(document["planes"].is_null() && document["rtt_ms"]["p50"].is_null(), "{document}");
    assert!(document["steps"][1]["detail"].is_null(), "{document}");
}

#[test]
fn a_port_where_nobody_listens_is_told_from_a_host_that_is_silent() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = at(port.local_addr().unwrap());
    drop(port);
    fails_at(&link, "+-..........", "connection refused", "is the server running");
}

#[test]
fn a_program_that_does_not_speak_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = at(listener.local_addr().unwrap());
    drop(thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // It may be gone before it hears all of it.
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            drop(stream.read(&mut [0; 1_024]));
        }
    }));
    fails_at(&link, "++-.........", "does not speak TLS", "Another program listens");
}

#[test]
fn another_identity_is_told_with_its_pin() {
    let server = server();
    let pin = Identity::generate().unwrap().pin();
    let link = Link { pin, ..server.link().clone() };
    let got = server.link().pin.to_string();
    fails_at(&link, "+++-........", &got, "Get the link anew");
}

#[test]
fn a_refusal_is_told_in_the_servers_words_and_ends_it_politely() {
    let config = ServerConfig::default().admission(|_: Hello| async {
        Verdict::refuse(403, "members only").retry_after(Duration::from_secs(30))
    });
    let server = Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap();
    let document = fails_at(server.link(), "+++++-......", "members only", "tried again in 30 s");
    let detail = document["steps"][4]["detail"].as_str().unwrap();
    assert!(detail.contains("`arena` version 1"), "{detail}");
}

#[test]
fn udp_that_is_blocked_is_told_with_its_direction() {
    let server = server();
    let (_relay, link) = behind(&server, "--block-udp=up");
    let document = fails_at(&link, "++++++-.....", "none of", "open the same port for UDP");
    assert_eq!(document["planes"], "control_only");
    let (_relay, link) = behind(&server, "--block-udp=down");
    fails_at(&link, "+++++++-....", "none came back", "its answers are dropped");
}

#[test]
fn a_tunnel_that_is_too_narrow_is_told_with_its_direction() {
    let server = server();
    let (_relay, link) = behind(&server, "--mtu 600");
    let document = fails_at(&link, "++++++++-++", "1200 bytes do not pass up", "tunnel or VPN");
    assert_eq!(document["planes"], "control_only");
    assert!(document["mtu"].is_null(), "{document}");
    let (_relay, link) = behind(&server, "--down-mtu 600");
    fails_at(&link, "++++++++-++", "1200 bytes do not pass down", "from the server to here");
}

#[test]
fn what_is_no_link_is_told_in_one_line_and_nothing_is_tried() {
    for (arguments, words) in [
        ("probe --join 127.0.0.1:7777", "a link begins with biplane://"),
        (&format!("probe --join {} --for 2m", at(([127, 0, 0, 1], 1).into())), "1s to 60s"),
    ] {
        let Ended { status, stdout, stderr } = run(arguments);
        assert_eq!((status.code(), stdout.as_str()), (Some(2), ""), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn a_signal_ends_it_with_what_is_known() {
    let server = server();
    let ended =
        Running::until(&format!("probe --join {} --for 60s --json", server.link()), "admission")
            .stop("TERM");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["steps"][5]["ok"], true, "{document}");
    assert!(document["planes"].is_null(), "{document}");
    assert!(ended.stderr.ends_with("did not hold: interrupted\n"), "{ended:?}");
}
