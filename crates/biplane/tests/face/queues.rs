//! What a send says when it cannot.

use biplane::{Channel, Protocol, SendError};
use serde::{Deserialize, Serialize, Serializer, ser::Error as _};

use crate::support::{Pair, names};

const BULK: Channel<Vec<u8>> = Channel::command("bulk");
const STATE: Channel<Vec<u8>> = Channel::reliable_ordered("state");
const SMALL: Channel<String> = Channel::unreliable("small").max_message(10);
const OTHER: Channel<String> = Channel::unreliable("other");

fn protocol() -> Protocol {
    Protocol::new("queues", 1).channel(BULK).channel(STATE).channel(SMALL)
}

/// Sends until the queue is full; how many went in.
fn fill(pair: &Pair, channel: Channel<Vec<u8>>, size: usize) -> usize {
    let message = vec![7; size];
    for sent in 0..1_000_000 {
        match pair.session.send(channel, &message) {
            Ok(()) => {}
            Err(SendError::QueueFull) => return sent,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the queue has no end");
}

fn writable_comes_once(channel: Channel<Vec<u8>>, size: usize) {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    let sent = fill(&pair, channel, size);
    assert!(sent > 0);
    let mut taken = 0;
    pair.until(|pair| {
        pair.client.drain(channel, |message| {
            assert_eq!(message.len(), size);
            taken += 1;
        });
        (taken == sent).then_some(())
    });
    let writable =
        |pair: &Pair| names(&pair.server_events).iter().filter(|n| **n == "writable").count();
    pair.until(|pair| (writable(pair) > 0).then_some(()));
    pair.session.send(channel, &vec![7; size]).unwrap();
    pair.until(|pair| {
        pair.client.drain(channel, |_| taken += 1);
        (taken == sent + 1).then_some(())
    });
    assert_eq!(writable(&pair), 1);
}

#[test]
fn a_full_command_queue_is_writable_once_when_half_is_free() {
    writable_comes_once(BULK, 60_000);
}

#[test]
fn a_full_data_queue_is_writable_once_when_half_is_free() {
    writable_comes_once(STATE, 1_000);
}

#[test]
fn one_drain_hands_over_all_that_has_arrived_however_much_that_is() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    const MANY: u64 = 10_000;
    for _ in 0..MANY {
        pair.session.send(STATE, &Vec::new()).unwrap();
    }
    pair.until(|pair| (pair.client.session().stats().untaken_messages == MANY).then_some(()));
    let mut taken = 0;
    pair.client.drain(STATE, |_| taken += 1);
    assert_eq!(taken, MANY);
}

#[test]
fn a_message_is_as_long_as_its_channel_allows_and_no_longer() {
    let mut pair = Pair::new(&protocol());
    pair.client.send(SMALL, &"123456789".to_owned()).unwrap();
    let longer = pair.client.send(SMALL, &"1234567890".to_owned());
    assert_eq!(longer, Err(SendError::TooLarge { limit: 10 }));
    let session = pair.session.clone();
    assert_eq!(pair.until(|_| session.recv(SMALL)), "123456789");
}

#[test]
fn the_longest_messages_of_both_planes_arrive() {
    let mut pair = Pair::new(&protocol());
    pair.until_both_planes();
    // Two and three bytes of length stand before the elements.
    let (state, bulk) = (vec![1; 1_167 - 2], vec![2; 262_144 - 3]);
    pair.client.send(STATE, &state).unwrap();
    pair.client.send(BULK, &bulk).unwrap();
    let session = pair.session.clone();
    assert_eq!(pair.until(|_| session.recv(STATE)), state);
    assert_eq!(pair.until(|_| session.recv(BULK)), bulk);
}

#[test]
fn a_channel_that_the_protocol_lacks_sends_and_receives_nothing() {
    let pair = Pair::new(&protocol());
    assert_eq!(pair.client.send(OTHER, &"hi".to_owned()), Err(SendError::NotInProtocol));
    assert_eq!(pair.client.recv(OTHER), None);
    pair.server.drain(OTHER, |_, _| panic!("there is nothing"));
}

#[test]
fn a_session_that_is_over_sends_nothing() {
    let mut pair = Pair::new(&protocol());
    pair.client.close("done").wait();
    pair.until_left();
    for session in [&pair.session, pair.client.session()] {
        assert_eq!(session.send(SMALL, &"hi".to_owned()), Err(SendError::Closed));
    }
}

#[test]
fn a_value_that_refuses_is_unencodable() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("no"))
        }
    }
    const REFUSES: Channel<Refuses> = Channel::unreliable("small");
    let pair = Pair::new(&protocol());
    assert_eq!(pair.client.send(REFUSES, &Refuses), Err(SendError::Unencodable));
}

#[test]
fn what_a_peer_would_not_decode_is_not_sent() {
    #[derive(Deserialize, Serialize)]
    struct Units(Vec<()>);
    const UNITS: Channel<Units> = Channel::reliable_ordered("units");
    let pair = Pair::new(&Protocol::new("queues", 1).channel(UNITS));
    let units = |count| pair.client.send(UNITS, &Units(vec![(); count]));
    assert_eq!(units(0), Ok(()));
    for count in [1, 64, usize::MAX] {
        assert_eq!(units(count), Err(SendError::Unencodable));
    }
    // The session knows nothing of it.
    assert_eq!(units(0), Ok(()));
}
