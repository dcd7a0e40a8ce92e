//! Each step that can fail is made to fail, and named right: by a diagnosis, and where there is no
//! session by an ordinary connect too.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use biplane::{
    Channel, Client, ConnectError, Diagnosis, DiagnosisConfig, Direction, Hello, Identity, Link,
    Outcome, Pin, Planes, Protocol, Server, ServerConfig, Step, Trouble, Verdict,
};
use biplane_link::{Relay, RelayConfig};
use biplane_sim::Profile;
use rustls::{ServerConnection, pki_types::PrivatePkcs8KeyDer};

const LINES: Channel<String> = Channel::command("lines");
const INPUTS: Channel<u32> = Channel::sequenced("inputs");

fn protocol() -> Protocol {
    Protocol::new("arena", 3).channel(LINES).channel(INPUTS)
}

fn server() -> Server {
    Server::bind("127.0.0.1:0", &protocol()).unwrap()
}

fn short() -> DiagnosisConfig {
    DiagnosisConfig::default().lasting(Duration::from_secs(1))
}

fn diagnose(link: impl std::fmt::Display) -> Diagnosis {
    Client::diagnose_with(link, &protocol(), short()).wait()
}

/// What became of each step, as one letter: + held, - failed, . skipped.
fn outline(diagnosis: &Diagnosis) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Held(_) => '+',
        Outcome::Failed(_) => '-',
        _ => '.',
    };
    let steps: Vec<_> = diagnosis.steps.iter().map(|report| report.step).collect();
    assert_eq!(steps, Step::ALL, "each once, in order");
    diagnosis.steps.iter().map(|report| letter(&report.outcome)).collect()
}

/// Diagnosis and connect name the same step, and the diagnosis says why.
fn fails_at(link: impl std::fmt::Display, step: Step, outlined: &str, words: &str) {
    let error = Client::connect(&link, &protocol()).wait().unwrap_err();
    assert_eq!(error.step(), Some(step), "{error}");
    let diagnosis = diagnose(&link);
    assert_eq!(outline(&diagnosis), outlined, "{diagnosis:?}");
    let (failed, trouble) = diagnosis.first_trouble().unwrap();
    assert_eq!(failed, step);
    assert!(trouble.to_string().contains(words), "{trouble}");
    assert!(matches!(trouble, Trouble::Connect(error) if error.step() == Some(step)));
    assert!(diagnosis.planes.is_none() && diagnosis.round_trips.is_none());
}

fn at(port: u16) -> Link {
    Link { host: "127.0.0.1".into(), port, pin: Pin::new([7; 32]) }
}

/// A listener that does `greet` with whoever comes.
fn stranger(greet: impl Fn(std::net::TcpStream) + Send + 'static) -> Link {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = at(listener.local_addr().unwrap().port());
    // It ends with the test's process: nobody can end an accept.
    drop(thread::spawn(move || listener.incoming().flatten().for_each(greet)));
    link
}

/// The link through a relay that does this to what passes.
fn through(server: &Server, profile: &str) -> (Relay, Link) {
    let profile: Profile = profile.parse().unwrap();
    let config = RelayConfig::new("127.0.0.1:0".parse().unwrap(), server.local_addr());
    let relay = Relay::start(&config.profile(profile)).unwrap();
    let port = relay.address().port();
    (relay, Link { port, ..server.link().clone() })
}

#[test]
fn on_a_good_path_every_step_holds_and_is_told_as_it_happens() {
    let server = server();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let config = short().on_step(move |report| {
        heard.lock().unwrap().push((report.step, report.outcome.to_string()));
    });
    let diagnosis = Client::diagnose_with(server.link(), &protocol(), config).wait();
    assert_eq!(outline(&diagnosis), "++++++++++++", "{diagnosis:?}");
    assert!(diagnosis.all_held() && diagnosis.first_trouble().is_none());
    assert_eq!(diagnosis.planes, Some(Planes::Both));
    let loss = diagnosis.loss.unwrap();
    assert_eq!(loss.up, 0.0);
    assert!(loss.down < 0.02, "{loss:?}: more than a skipped number beside a superseded question");
    let round_trips = diagnosis.round_trips.unwrap();
    assert!(round_trips.count >= 10 && round_trips.p50 <= round_trips.p99, "{round_trips:?}");
    assert!(round_trips.p50 < Duration::from_secs(1) && diagnosis.jitter.is_some());
    assert_eq!(diagnosis.protocol.as_ref().unwrap().application, "arena");

    let told = told.lock().unwrap();
    let steps: Vec<_> = told.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, Step::ALL);
    assert_eq!(told[4].1, "speaks `arena` version 3: 2 channels, 0 requests");
    assert_eq!(told[8].1, "datagrams of 1200 bytes pass each way");
}

#[test]
fn a_name_that_does_not_resolve() {
    let link = Link { host: "nowhere.invalid".into(), ..at(7777) };
    fails_at(link, Step::Name, "-...........", "cannot find nowhere.invalid");
}

#[test]
fn a_port_that_refuses_tcp() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = at(port.local_addr().unwrap().port());
    drop(port);
    fails_at(link, Step::Tcp, "+-..........", "connection refused");
}

#[test]
fn a_server_that_does_not_speak_tls() {
    let link = stranger(|mut stream| {
        // It may be gone before it hears all of it.
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        drop(stream.read(&mut [0; 1_024]));
    });
    fails_at(link, Step::Tls, "++-.........", "does not speak TLS");
}

#[test]
fn a_server_that_hangs_up_on_tls() {
    fails_at(stranger(drop), Step::Tls, "++-.........", "broke");
}

#[test]
fn a_tls_server_that_is_none_of_ours() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["web".into()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let link = stranger(move |mut stream| {
        let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        drop(tls.complete_io(&mut stream));
    });
    fails_at(link, Step::Tls, "++-.........", "not a Biplane server");
}

#[test]
fn a_server_with_another_pin() {
    let server = server();
    let pin = Identity::generate().unwrap().pin();
    let link = Link { pin, ..server.link().clone() };
    fails_at(link, Step::Pin, "+++-........", &server.link().pin.to_string());
}

#[test]
fn a_server_that_speaks_another_protocol() {
    let other = Protocol::new("arena", 4).channel(LINES);
    let server = Server::bind("127.0.0.1:0", &other).unwrap();
    fails_at(server.link(), Step::Protocol, "++++-.......", "`arena 3` here and `arena 4` there");
    assert_eq!(diagnose(server.link()).protocol.unwrap().version, 4);
}

#[test]
fn another_protocol_is_adopted_where_that_is_wanted() {
    let other = Protocol::new("arena", 4).channel(LINES).channel(INPUTS);
    let server = Server::bind("127.0.0.1:0", &other).unwrap();
    let diagnosis =
        Client::diagnose_with(server.link(), &protocol(), short().any_protocol()).wait();
    assert_eq!(outline(&diagnosis), "++++++++++++", "{diagnosis:?}");
    assert_eq!(diagnosis.protocol.unwrap().version, 4);
}

#[test]
fn a_server_that_refuses() {
    let config = ServerConfig::default().admission(|hello: Hello| async move {
        match hello.credentials.as_slice() {
            b"ada" => Verdict::admit(),
            _ => Verdict::refuse(403, "not today").retry_after(Duration::from_secs(60)),
        }
    });
    let server = Server::bind_with("127.0.0.1:0", &protocol(), config).unwrap();
    fails_at(server.link(), Step::Admission, "+++++-......", "code 403: not today");
    let diagnosis = diagnose(server.link());
    let Some((_, Trouble::Connect(ConnectError::Refused { retry_after, .. }))) =
        diagnosis.first_trouble()
    else {
        panic!("{diagnosis:?}")
    };
    assert_eq!(*retry_after, Some(Duration::from_secs(60)));
    let known = Client::diagnose_with(server.link(), &protocol(), short().credentials("ada"));
    assert!(known.wait().all_held(), "credentials reach admission");
}

#[test]
fn datagrams_that_do_not_arrive() {
    let server = server();
    let (_relay, link) = through(&server, "block-udp=up");
    let diagnosis = diagnose(link);
    assert_eq!(outline(&diagnosis), "++++++-.....", "{diagnosis:?}");
    let trouble = diagnosis.first_trouble();
    assert!(matches!(trouble, Some((Step::UdpUp, Trouble::Unheard { sent: 10.. }))), "{trouble:?}");
    assert_eq!((diagnosis.planes, diagnosis.loss), (Some(Planes::ControlOnly), None));
}

#[test]
fn datagrams_that_do_not_come_back() {
    let server = server();
    let (_relay, link) = through(&server, "block-udp=down");
    let diagnosis = diagnose(link);
    assert_eq!(outline(&diagnosis), "+++++++-....", "{diagnosis:?}");
    let trouble = diagnosis.first_trouble();
    let told = matches!(trouble, Some((Step::UdpDown, Trouble::Unanswered { arrived: 10.. })));
    assert!(told, "{trouble:?}");
    assert_eq!(diagnosis.planes, Some(Planes::ControlOnly));
}

#[test]
fn datagrams_of_1200_bytes_that_do_not_pass_though_short_ones_do() {
    let server = server();
    for (profile, wanted) in [("mtu=600", Direction::Up), ("down-mtu=600", Direction::Down)] {
        let (_relay, link) = through(&server, profile);
        let diagnosis = diagnose(link);
        assert!(outline(&diagnosis).starts_with("++++++++-++"), "{profile}: {diagnosis:?}");
        let Some((Step::PathMtu, Trouble::TooLong { bytes: 1_200, direction })) =
            diagnosis.first_trouble()
        else {
            panic!("{profile}: {diagnosis:?}")
        };
        assert_eq!(*direction, wanted, "{profile}");
        assert_eq!(diagnosis.planes, Some(Planes::ControlOnly), "{profile}");
    }
}

#[test]
fn how_long_a_datagram_may_be_is_told() {
    let server = server();
    for (profile, carries) in [("mtu=1280", 1_252), ("mtu=1400", 1_372), ("mtu=9000", 1_452)] {
        let (_relay, link) = through(&server, profile);
        let config = DiagnosisConfig::default().lasting(Duration::from_secs(3));
        let diagnosis = Client::diagnose_with(link, &protocol(), config).wait();
        let found = diagnosis.mtu.unwrap();
        assert!((carries - 3..=carries).contains(&found), "{profile}: {found}");
    }
}

#[test]
fn packets_that_are_lost_too_often() {
    let server = server();
    let (_relay, link) = through(&server, "down-loss=40%");
    let config = DiagnosisConfig::default().lasting(Duration::from_secs(3));
    let diagnosis = Client::diagnose_with(link, &protocol(), config).wait();
    assert_eq!(outline(&diagnosis), "+++++++++++-", "{diagnosis:?}");
    let loss = diagnosis.loss.unwrap();
    assert!((0.2..0.6).contains(&loss.down) && loss.up < 0.05, "{loss:?}");
}

#[test]
fn a_server_that_goes_away_meanwhile() {
    let server = server();
    let config = DiagnosisConfig::default().lasting(Duration::from_secs(20));
    let diagnosing = Client::diagnose_with(server.link(), &protocol(), config);
    drop(crate::support::joined(&server));
    server.close("maintenance").wait();
    let diagnosis = diagnosing.wait();
    let (_, trouble) = diagnosis.first_trouble().unwrap();
    assert!(matches!(trouble, Trouble::Ended(_)), "{trouble:?}");
    assert!(trouble.to_string().contains("maintenance"), "{trouble}");
    assert!(!diagnosis.all_held());
}

#[test]
fn what_cannot_be_tried_is_not_blamed_on_the_network() {
    let diagnosis = diagnose("127.0.0.1:7777");
    assert_eq!(outline(&diagnosis), "-...........");
    let (step, trouble) = diagnosis.first_trouble().unwrap();
    assert_eq!(step, Step::Name);
    assert!(matches!(trouble, Trouble::Connect(error) if error.step().is_none()), "{trouble:?}");
}
