//! Slots without an endpoint around them.

use core::time::Duration;

use biplane_proto::{Agreement, ChannelConfig, Role, SessionConfig, Setup};
use biplane_wire::{Aead, ChannelKind, KeyPhase, Parameters, ReceiveId};

use super::*;

impl Slot {
    /// A client's slot that belongs to no endpoint.
    pub(crate) fn bare(epoch: Epoch) -> Arc<Self> {
        Self::assemble(about(epoch, 17), session(epoch.0), Weak::new())
    }

    /// The same, by a name.
    pub(crate) fn named(epoch: Epoch, name: SessionName) -> Arc<Self> {
        let about = About { name: Some(name), ..about(epoch, 17) };
        Self::assemble(about, session(epoch.0), Weak::new())
    }
}

/// With this number for its id.
pub(super) fn about(epoch: Epoch, number: u32) -> About {
    About {
        id: SessionId::new(number.into()),
        name: None,
        remote: remote(),
        protocol: 0,
        app: None,
        epoch,
    }
}

pub(super) fn remote() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

pub(super) fn session(now: Instant) -> Session {
    let agreement = Agreement {
        context: [0; 32],
        aead: Aead::Aes128Gcm,
        local: Parameters::new(ReceiveId(1)),
        peer: Parameters::new(ReceiveId(2)),
    };
    let channel = ChannelConfig::new(ChannelKind::Sequenced, 100);
    Session::new(
        now,
        Setup {
            role: Role::Client,
            agreement,
            secret: [1; 32],
            channels: vec![channel],
            requests: 1,
            config: SessionConfig::default(),
            seed: [2; 32],
            first_packet: PacketNumber(0),
            remote: Some(remote()),
            handshake_rtt: Duration::from_millis(1),
        },
    )
}

/// Of a session that was not resumed.
const JOINED: KeyEpoch = KeyEpoch(0);

fn bare() -> (Arc<Slot>, Instant) {
    let now = Instant::now();
    (Slot::bare(Epoch(now)), now)
}

#[test]
fn keys_are_in_place_when_the_lock_is_free_again() {
    let (slot, now) = bare();
    assert!(slot.keys().opener(JOINED, KeyPhase::FIRST).is_none());
    let ((), aftermath) = slot.enter(now, |_| ());
    slot.follow(aftermath);
    assert!(slot.keys().opener(JOINED, KeyPhase::FIRST).is_some());
    assert!(slot.keys().sealer(JOINED, KeyPhase::FIRST).is_some());
    let next = KeyPhase::FIRST.next();
    assert!(slot.keys().opener(JOINED, next).is_some(), "the peer may move on at any time");
    assert!(slot.keys().sealer(JOINED, next).is_none());
    assert!(slot.keys().opener(JOINED, next.next()).is_none());
}

#[test]
fn a_new_client_wants_to_send_and_to_be_looked_at() {
    let (slot, now) = bare();
    let ((), aftermath) = slot.enter(now, |_| ());
    assert!(aftermath.transmit, "its first packet leaves at once");
    assert!(slot.timing().wanted().is_some());
    slot.follow(aftermath);
}

#[test]
fn a_deadline_that_has_passed_is_wanted_no_later_for_who_looks_meanwhile() {
    let (slot, now) = bare();
    let look = |after: u64| {
        let ((), aftermath) = slot.enter(now + Duration::from_secs(after), |_| ());
        slot.follow(aftermath);
        slot.timing().wanted().unwrap()
    };
    let wanted = look(0);
    assert!(wanted < 100_000);
    assert_eq!((look(100), look(101), look(102)), (wanted, wanted, wanted));
    // Its timers acted, and left the deadline as it was.
    slot.timing().act(102_000);
    assert_eq!((look(102), look(103)), (102_001, 102_001));
}

#[test]
fn a_panic_under_the_lock_leaves_a_session_that_can_be_used() {
    let (slot, _) = bare();
    let slot = core::panic::AssertUnwindSafe(&slot);
    let panicked = std::panic::catch_unwind(|| slot.with(|_, _| panic!("an application's")));
    assert!(panicked.is_err());
    assert!(!slot.with(|_, session| session.is_over()));
}

#[test]
fn its_name_says_nothing_but_its_number() {
    let (slot, _) = bare();
    assert_eq!(slot.id().to_string(), "s17");
    assert!(slot.app().is_none());
    assert_eq!(slot.remote(), remote());
}
