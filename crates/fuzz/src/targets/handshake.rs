//! Both sides of the handshake, each against anything.

use biplane_proto::{Accepting, HelloError, JoinError, digest};
use biplane_wire::{Aead, Answer, Parameters, ReceiveId};

use crate::{duo, labels};

/// What the corpus leads to.
#[cfg(test)]
pub(crate) const REACHES: &[&str] = &[
    "accept: garbled",
    "accept: mismatch",
    "accept: no AEAD",
    "accept: unsupported",
    "accept: welcome",
    "dial: Garbled",
    "dial: Mismatch",
    "dial: Refused",
    "dial: Unsupported",
    "dial: welcome",
    "told nothing",
    "told of differences",
    "told of no difference",
];

/// Hands `data` to a server as a hello, to a client as an answer, and to a server as what a client
/// writes after a mismatch.
pub fn handshake(data: &[u8]) {
    accept(data);
    dial(data);
    match HelloError::differences(&duo::description(), data) {
        Ok(differences) => labels::note(|| {
            if differences.is_empty() { "told of no difference" } else { "told of differences" }
                .into()
        }),
        Err(_) => labels::note(|| "told nothing".into()),
    }
}

fn accept(hello: &[u8]) {
    let here = duo::description();
    match Accepting::new(&here, &digest(&here), hello.to_vec()) {
        Ok(accepting) => welcome(accepting),
        Err(HelloError::Garbled(_)) => labels::note(|| "accept: garbled".into()),
        Err(HelloError::Unsupported { answer }) => {
            labels::note(|| "accept: unsupported".into());
            let told = duo::dialing().handle_answer(&answer);
            assert_eq!(told, Err(JoinError::Unsupported { lowest: 1, highest: 1 }));
        }
        Err(HelloError::Mismatch { answer }) => {
            labels::note(|| "accept: mismatch".into());
            let told = duo::dialing().handle_answer(&answer);
            let there = Box::new(here.clone());
            assert_eq!(told, Err(JoinError::Mismatch { differences: Vec::new(), there }));
        }
        Err(HelloError::NoSession { answer }) => {
            labels::note(|| "accept: no session".into());
            let told = duo::dialing().handle_answer(&answer);
            let gone = Accepting::NO_SUCH_SESSION;
            assert!(matches!(told, Err(JoinError::Refused { code, .. }) if code == gone));
        }
        Err(other) => panic!("no other error is known here: {other:?}"),
    }
}

fn welcome(accepting: Accepting) {
    let credentials = accepting.credentials().to_vec();
    let aeads = [Aead::ChaCha20Poly1305];
    match accepting.welcome(&aeads, Parameters::new(ReceiveId(2))) {
        Ok((answer, agreement)) => {
            labels::note(|| "accept: welcome".into());
            assert!(matches!(Answer::decode(&answer), Ok(Answer::Welcome(_))));
            assert_eq!(agreement.aead, Aead::ChaCha20Poly1305);
            assert_eq!(agreement.peer.credentials, credentials);
        }
        Err(refusal) => {
            labels::note(|| "accept: no AEAD".into());
            assert!(matches!(Answer::decode(&refusal), Ok(Answer::Refused { code: 0, .. })));
        }
    }
}

fn dial(answer: &[u8]) {
    match duo::dialing().handle_answer(answer) {
        Ok(agreement) => {
            labels::note(|| "dial: welcome".into());
            assert_eq!(agreement.local, duo::parameters(1));
        }
        Err(error) => {
            labels::note(|| format!("dial: {}", labels::first_word(&error)));
            assert!(!error.to_string().is_empty());
        }
    }
}
