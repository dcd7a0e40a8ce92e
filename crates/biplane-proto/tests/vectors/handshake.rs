//! `handshake.txt`: digests of descriptions, and contexts of the exporter.

use biplane_proto::{Accepting, digest};
use biplane_wire::{Answer, Description, Hello};
use ring::digest::{SHA256, digest as sha256};

use crate::files::vectors;

#[test]
fn digests_are_the_ones_in_the_file() {
    for vector in vectors("handshake.txt") {
        let bytes = vector.bytes("description");
        let description = Description::decode(bytes).unwrap();
        assert_eq!(digest(&description), vector.bytes("digest"), "{}", vector.name);
        assert_eq!(sha256(&SHA256, bytes).as_ref(), vector.bytes("digest"), "{}", vector.name);
    }
}

#[test]
fn contexts_are_the_ones_in_the_file() {
    for vector in vectors("handshake.txt") {
        let (hello, welcome) = (vector.bytes("hello"), vector.bytes("welcome"));
        let description = Description::decode(vector.bytes("description")).unwrap();
        let offered = Hello::decode(hello).unwrap();
        let Answer::Welcome(answer) = Answer::decode(welcome).unwrap() else {
            panic!("no welcome")
        };
        let accepting = Accepting::new(&description, &digest(&description), hello.to_vec());
        let welcomed = accepting.unwrap().welcome(&[answer.aead], answer.parameters).unwrap();
        assert_eq!(welcomed.0, welcome, "{}", vector.name);
        assert_eq!(welcomed.1.context, vector.bytes("context"), "{}", vector.name);
        assert_eq!(welcomed.1.peer, offered.parameters, "{}", vector.name);
        let both = [hello, welcome].concat();
        assert_eq!(sha256(&SHA256, &both).as_ref(), vector.bytes("context"), "{}", vector.name);
    }
}
