//! The sessions of an endpoint: by receive id for its receivers, in order of their names for the
//! application.
//!
//! Receive ids are random, so packets are routed by a table whose keys nobody outside picks; its
//! hash is keyed all the same (std's `RandomState`).

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use biplane_wire::ReceiveId;
use ring::rand::{SecureRandom, SystemRandom};

use crate::{
    locks::{lock, read, write},
    slot::{SessionId, Slot},
    sync::{Mutex, RwLock},
};

/// Every session there is, and those on their way.
#[derive(Debug)]
pub(crate) struct SlotTable {
    limit: usize,
    routes: RwLock<HashMap<ReceiveId, Route>>,
    /// Locked before `routes` by who changes both.
    members: Mutex<Members>,
}

#[derive(Debug)]
enum Route {
    /// The id is given out; its session has no keys yet.
    Reserved,
    Slot(Arc<Slot>),
}

#[derive(Debug, Default)]
struct Members {
    by_id: BTreeMap<SessionId, Arc<Slot>>,
    /// The same as the application sees it; made anew when somebody looks after a change.
    snapshot: Option<Arc<[Arc<Slot>]>>,
    named: u64,
}

/// A receive id and a place for a session that is on its way; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    table: Arc<SlotTable>,
    receive_id: ReceiveId,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoPlace {
    /// As many as there may be.
    Full,
    /// The system gives no random bytes.
    NoRandomness,
}

impl SlotTable {
    /// Room for `limit` sessions, those on their way included.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, routes: RwLock::default(), members: Mutex::default() }
    }

    /// The most sessions there may be.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether there is no place left.
    pub(crate) fn is_full(&self) -> bool {
        read(&self.routes).len() >= self.limit
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.members).by_id.len()
    }

    /// The session that packets with `receive_id` belong to.
    pub(crate) fn get(&self, receive_id: ReceiveId) -> Option<Arc<Slot>> {
        match read(&self.routes).get(&receive_id)? {
            Route::Slot(slot) => Some(Arc::clone(slot)),
            Route::Reserved => None,
        }
    }

    /// A place for a session, and its receive id.
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<Reservation, NoPlace> {
        self.reserve_of(|| random().map(u32::from_ne_bytes))
    }

    fn reserve_of(
        self: &Arc<Self>,
        mut draw: impl FnMut() -> Option<u32>,
    ) -> Result<Reservation, NoPlace> {
        let mut routes = write(&self.routes);
        if routes.len() >= self.limit {
            return Err(NoPlace::Full);
        }
        loop {
            let receive_id = ReceiveId(draw().ok_or(NoPlace::NoRandomness)?);
            if let Entry::Vacant(place) = routes.entry(receive_id) {
                place.insert(Route::Reserved);
                return Ok(Reservation { table: Arc::clone(self), receive_id });
            }
        }
    }

    /// A name that no session had.
    pub(crate) fn name(&self) -> SessionId {
        let mut members = lock(&self.members);
        members.named += 1;
        SessionId::new(members.named)
    }

    /// Frees the place of a session that is over.
    pub(crate) fn remove(&self, slot: &Slot) {
        let mut members = lock(&self.members);
        write(&self.routes).remove(&slot.receive_id());
        members.by_id.remove(&slot.id());
        members.snapshot = None;
    }

    /// Every session, in order of its name.
    pub(crate) fn snapshot(&self) -> Arc<[Arc<Slot>]> {
        let mut members = lock(&self.members);
        let Members { by_id, snapshot, .. } = &mut *members;
        Arc::clone(snapshot.get_or_insert_with(|| by_id.values().cloned().collect()))
    }
}

impl Reservation {
    /// What the peer is told.
    pub(crate) const fn receive_id(&self) -> ReceiveId {
        self.receive_id
    }

    /// Puts the session in its place. Its keys are there already: packets may come from now on.
    ///
    /// Who finds it may end it at once, so nobody removes it before it is in both tables.
    pub(crate) fn fill(self, slot: Arc<Slot>) {
        let mut members = lock(&self.table.members);
        members.by_id.insert(slot.id(), Arc::clone(&slot));
        members.snapshot = None;
        write(&self.table.routes).insert(self.receive_id, Route::Slot(slot));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut routes = write(&self.table.routes);
        if matches!(routes.get(&self.receive_id), Some(Route::Reserved)) {
            routes.remove(&self.receive_id);
        }
    }
}

/// Random bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
#[cfg(biplane_loom)]
mod models;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::wheel::Epoch;

    fn table(limit: usize) -> Arc<SlotTable> {
        Arc::new(SlotTable::new(limit))
    }

    fn slot() -> Arc<Slot> {
        Slot::bare(Epoch(std::time::Instant::now()))
    }

    #[test]
    fn an_id_that_clashes_is_drawn_again() {
        let table = table(10);
        let mut draws = [7, 7, 7, 8].into_iter();
        let first = table.reserve_of(|| draws.next()).unwrap();
        let second = table.reserve_of(|| draws.next()).unwrap();
        assert_eq!((first.receive_id(), second.receive_id()), (ReceiveId(7), ReceiveId(8)));
    }

    #[test]
    fn a_reservation_counts_and_routes_nothing() {
        let table = table(1);
        let reservation = table.reserve().unwrap();
        assert!(table.is_full());
        assert_eq!(table.reserve().unwrap_err(), NoPlace::Full);
        assert!(table.get(reservation.receive_id()).is_none());
        drop(reservation);
        assert!(!table.is_full());
        assert!(table.reserve().is_ok());
    }

    #[test]
    fn no_randomness_is_no_place() {
        assert_eq!(table(1).reserve_of(|| None).unwrap_err(), NoPlace::NoRandomness);
    }

    #[test]
    fn names_are_never_given_twice() {
        let table = table(1);
        assert!(table.name() < table.name());
    }

    #[test]
    fn a_snapshot_is_made_anew_only_after_a_change() {
        let table = table(2);
        let empty = table.snapshot();
        assert!(Arc::ptr_eq(&empty, &table.snapshot()));
        let reservation = table.reserve().unwrap();
        let receive_id = reservation.receive_id();
        reservation.fill(slot());
        assert_eq!(table.snapshot().len(), 1);
        assert!(Arc::ptr_eq(&table.snapshot(), &table.snapshot()));
        assert!(table.get(receive_id).is_some());
        assert_eq!(table.len(), 1);
    }
}
