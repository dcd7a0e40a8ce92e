//! Clients that speak something else than the lobby does: by another description, or by the same
//! description with other bytes.

use std::time::Duration;

use biplane::{Channel, Client, CloseReason, Event, Link, Payload, Protocol, Request};
use serde::{Deserialize, Serialize};

use crate::{child::eventually, protocol};

/// The same names, kinds and lengths as the lobby's: the digest cannot tell.
const CHAT: Channel<Payload> = Channel::command("chat");
const INPUTS: Channel<Payload> = Channel::sequenced("inputs");
const SNAPSHOTS: Channel<Payload> =
    Channel::unreliable("snapshots").lifetime(Duration::from_millis(100));

const ROOM: Channel<Payload> = Channel::command("room");

/// A length of a name that no message can hold.
const NONSENSE: &[u8] = &[0xff; 9];

/// Asks to be introduced, in bytes that are no introduction.
#[derive(Debug, Serialize, Deserialize)]
struct Garble([u8; 9]);

impl Request for Garble {
    const NAME: &'static str = "introduce";
    type Reply = ();
}

/// A client that the lobby takes for one of its own.
#[derive(Debug)]
pub(crate) struct Imposter {
    client: Client,
}

/// The lobby's protocol, were its inputs another kind of channel.
pub(crate) fn other_protocol() -> Protocol {
    with_requests(Protocol::new("lobby", 2))
        .channel(CHAT)
        .channel(ROOM)
        .channel(Channel::<Payload>::unreliable("inputs"))
        .channel(SNAPSHOTS)
        .request::<protocol::Introduce>()
}

fn with_requests(protocol: Protocol) -> Protocol {
    protocol
        .request::<protocol::List>()
        .request::<protocol::Create>()
        .request::<protocol::Join>()
        .request::<protocol::QuickMatch>()
        .request::<protocol::Who>()
        .request::<protocol::Ready>()
        .request::<protocol::Leave>()
        .request::<protocol::Ledger>()
}

impl Imposter {
    /// Joins.
    pub(crate) fn join(link: &Link) -> Self {
        let protocol = with_requests(Protocol::new("lobby", 2))
            .channel(CHAT)
            .channel(ROOM)
            .channel(INPUTS)
            .channel(SNAPSHOTS)
            .request::<Garble>();
        Self { client: Client::connect(link, &protocol).wait().unwrap() }
    }

    /// A line of chat that is none.
    pub(crate) fn send_undecodable_chat(&self) {
        self.client.send(CHAT, &NONSENSE.into()).unwrap();
        self.client.flush();
    }

    /// Inputs and a snapshot that are none.
    pub(crate) fn send_undecodable_data(&self) {
        self.client.send(INPUTS, &NONSENSE.into()).unwrap();
        self.client.send(SNAPSHOTS, &NONSENSE.into()).unwrap();
        self.client.flush();
    }

    /// A request that is none.
    pub(crate) fn ask_undecodable(&self) {
        let answer = self.client.request(&Garble([0xff; 9])).wait();
        assert!(answer.is_err(), "{answer:?}");
    }

    /// Its session ends, and it is told why.
    pub(crate) fn assert_that_it_is_accused(&self) {
        let reason = eventually("the imposter's end", || {
            self.client.events().find_map(|event| match event {
                Event::Left(_, reason) => Some(reason),
                _ => None,
            })
        });
        assert!(matches!(reason, CloseReason::Accused { .. }), "{reason}");
    }

    /// Its session goes on: a question is answered.
    pub(crate) fn assert_that_it_is_served(&self) {
        let rooms = self.client.request(&protocol::List).wait().unwrap();
        assert!(!rooms.is_empty());
    }
}
