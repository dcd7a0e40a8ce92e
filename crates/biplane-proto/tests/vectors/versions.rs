//! Peers of older and newer wire versions are told so, in words.

use biplane_proto::{Accepting, Dialing, HelloError, JoinError, digest};
use biplane_wire::{
    Aead, Answer, DecodeError, Description, Header, Hello, Parameters, ReceiveId, Welcome,
};

fn description() -> Description {
    Description {
        application: "arena".into(),
        version: 1,
        channels: Vec::new(),
        requests: Vec::new(),
    }
}

fn client() -> Dialing {
    Dialing::new(description(), vec![Aead::Aes128Gcm], Parameters::new(ReceiveId(1)))
}

/// What a client of these wire versions says.
fn hello_of(lowest_version: u8, highest_version: u8) -> Vec<u8> {
    let hello = Hello::decode(client().hello()).unwrap();
    Hello { lowest_version, highest_version, ..hello }.encode()
}

/// What a server of these wire versions answers to a client with none of them.
fn answer_of(lowest_version: u8, highest_version: u8) -> Vec<u8> {
    Answer::Unsupported { lowest_version, highest_version }.encode()
}

fn accept(hello: Vec<u8>) -> Result<Accepting, HelloError> {
    Accepting::new(&description(), &digest(&description()), hello)
}

#[test]
fn a_client_of_other_versions_alone_is_told_which_ones_are_spoken() {
    for (lowest, highest) in [(0, 0), (2, 2), (2, 255)] {
        let Err(HelloError::Unsupported { answer }) = accept(hello_of(lowest, highest)) else {
            panic!("versions {lowest} to {highest} were not refused as such")
        };
        // The form of this answer never changes, so that the client can read it, whatever it is.
        assert_eq!(answer, b"BPLN\x00\x03\x03\x01\x01");
    }
}

#[test]
fn a_server_of_other_versions_alone_is_named_with_them() {
    for (lowest, highest) in [(0, 0), (2, 3)] {
        let error = client().handle_answer(&answer_of(lowest, highest)).unwrap_err();
        assert_eq!(error, JoinError::Unsupported { lowest, highest });
        let words = format!("the server speaks wire versions {lowest} to {highest}");
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn a_client_of_more_versions_is_welcomed_to_the_one_in_common() {
    let accepting = accept(hello_of(0, 9)).unwrap();
    let parameters = Parameters::new(ReceiveId(2));
    let (answer, _) = accepting.welcome(&[Aead::Aes128Gcm], parameters).unwrap();
    let Ok(Answer::Welcome(welcome)) = Answer::decode(&answer) else { panic!("no welcome") };
    assert_eq!(welcome.version, Header::VERSION);
}

#[test]
fn a_welcome_to_a_version_that_was_not_offered_is_refused() {
    let parameters = Parameters::new(ReceiveId(2));
    for version in [0, 2] {
        let welcome = Welcome { version, aead: Aead::Aes128Gcm, parameters: parameters.clone() };
        let error = client().handle_answer(&Answer::Welcome(welcome).encode()).unwrap_err();
        assert_eq!(error, JoinError::Garbled(DecodeError::OutOfRange { field: "welcome" }));
    }
}

#[test]
fn a_packet_of_another_version_says_which_one() {
    for version in [0, 2, 3] {
        let mut packet = [0; 40];
        packet[0] = version << 6;
        let error = Header::decode(&packet).unwrap_err();
        assert_eq!(error, DecodeError::UnknownVersion(version));
        assert_eq!(error.to_string(), format!("wire version {version} is not spoken here"));
    }
}
