//! The sessions of an endpoint: by receive id for its receivers, by the name that a client resumes
//! one by, and in order of their ids for the application.
//!
//! Receive ids and names are random, so the tables' keys are picked by nobody outside; their hash is
//! keyed all the same (std's `RandomState`).
//!
//! A resume changes the tables under its session's lock, so nobody who holds one of theirs asks for
//! a session's.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use biplane_proto::KeyEpoch;
use biplane_wire::ReceiveId;
use ring::rand::{SecureRandom, SystemRandom};

use crate::{
    locks::{lock, read, write},
    slot::{SessionId, Slot},
    sync::{Mutex, RwLock},
};

/// What a server calls a session towards its client, who resumes it by that.
pub(crate) type SessionName = [u8; 16];

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
    /// Packets are of this epoch of the session's keys.
    Slot(Arc<Slot>, KeyEpoch),
}

#[derive(Debug, Default)]
struct Members {
    by_id: BTreeMap<SessionId, Member>,
    by_name: HashMap<SessionName, Arc<Slot>>,
    /// Places taken by sessions on their way.
    joining: usize,
    /// The same as the application sees it; made anew when somebody looks after a change.
    snapshot: Option<Arc<[Arc<Slot>]>>,
    numbered: u64,
}

#[derive(Debug)]
struct Member {
    slot: Arc<Slot>,
    routes: Routes,
}

/// The receive ids of a session, of its even and of its odd epoch; see [`crate::slot::Keys`].
#[derive(Debug, Default)]
struct Routes {
    even: Option<(KeyEpoch, ReceiveId)>,
    odd: Option<(KeyEpoch, ReceiveId)>,
}

/// A receive id for a session that is on its way, or for one that is resumed; a place too for one on
/// its way. Free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    table: Arc<SlotTable>,
    receive_id: ReceiveId,
    /// It counts as a session.
    joins: bool,
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
        lock(&self.members).count() >= self.limit
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        lock(&self.members).by_id.len()
    }

    /// The session that packets with `receive_id` belong to, and the epoch of their keys.
    pub(crate) fn get(&self, receive_id: ReceiveId) -> Option<(Arc<Slot>, KeyEpoch)> {
        match read(&self.routes).get(&receive_id)? {
            Route::Slot(slot, epoch) => Some((Arc::clone(slot), *epoch)),
            Route::Reserved => None,
        }
    }

    /// The session that a client resumes by `name`.
    pub(crate) fn find(&self, name: &SessionName) -> Option<Arc<Slot>> {
        lock(&self.members).by_name.get(name).cloned()
    }

    /// A place for a session, and its receive id.
    pub(crate) fn reserve(self: &Arc<Self>) -> Result<Reservation, NoPlace> {
        self.reserve_of(draw)
    }

    fn reserve_of(
        self: &Arc<Self>,
        draw: impl FnMut() -> Option<u32>,
    ) -> Result<Reservation, NoPlace> {
        let mut members = lock(&self.members);
        if members.count() >= self.limit {
            return Err(NoPlace::Full);
        }
        let receive_id = self.draw_id(draw)?;
        members.joining += 1;
        Ok(Reservation { table: Arc::clone(self), receive_id, joins: true })
    }

    /// Another receive id for a session that has its place.
    pub(crate) fn reserve_another(self: &Arc<Self>) -> Result<Reservation, NoPlace> {
        self.reserve_another_of(draw)
    }

    fn reserve_another_of(
        self: &Arc<Self>,
        draw: impl FnMut() -> Option<u32>,
    ) -> Result<Reservation, NoPlace> {
        let receive_id = self.draw_id(draw)?;
        Ok(Reservation { table: Arc::clone(self), receive_id, joins: false })
    }

    /// Gives out an id that nobody has.
    fn draw_id(&self, mut draw: impl FnMut() -> Option<u32>) -> Result<ReceiveId, NoPlace> {
        let mut routes = write(&self.routes);
        loop {
            let receive_id = ReceiveId(draw().ok_or(NoPlace::NoRandomness)?);
            if let Entry::Vacant(place) = routes.entry(receive_id) {
                place.insert(Route::Reserved);
                return Ok(receive_id);
            }
        }
    }

    /// An id that no session had.
    pub(crate) fn number(&self) -> SessionId {
        let mut members = lock(&self.members);
        members.numbered += 1;
        SessionId::new(members.numbered)
    }

    /// Frees the receive id of an epoch that is over.
    pub(crate) fn discard(&self, slot: &Slot, epoch: KeyEpoch) {
        let mut members = lock(&self.members);
        let Some(member) = members.by_id.get_mut(&slot.id()) else { return };
        let place = member.routes.place(epoch);
        if let Some((_, receive_id)) = place.take_if(|(of, _)| *of == epoch) {
            write(&self.routes).remove(&receive_id);
        }
    }

    /// Frees the place of a session that is over, its receive ids and its name.
    pub(crate) fn remove(&self, slot: &Slot) {
        let mut members = lock(&self.members);
        let Some(member) = members.by_id.remove(&slot.id()) else { return };
        members.snapshot = None;
        if let Some(name) = slot.name() {
            members.by_name.remove(name);
        }
        let mut routes = write(&self.routes);
        for (_, receive_id) in member.routes.all() {
            routes.remove(&receive_id);
        }
    }

    /// Every session, in order of its id.
    pub(crate) fn snapshot(&self) -> Arc<[Arc<Slot>]> {
        let mut members = lock(&self.members);
        let Members { by_id, snapshot, .. } = &mut *members;
        let slots = || by_id.values().map(|member| Arc::clone(&member.slot)).collect();
        Arc::clone(snapshot.get_or_insert_with(slots))
    }
}

impl Members {
    /// How many sessions there are, those on their way included.
    fn count(&self) -> usize {
        self.by_id.len() + self.joining
    }
}

impl Routes {
    /// Where the id of `epoch` stands.
    const fn place(&mut self, epoch: KeyEpoch) -> &mut Option<(KeyEpoch, ReceiveId)> {
        if epoch.0 & 1 == 0 { &mut self.even } else { &mut self.odd }
    }

    fn all(self) -> impl Iterator<Item = (KeyEpoch, ReceiveId)> {
        self.even.into_iter().chain(self.odd)
    }
}

impl Reservation {
    /// What the peer is told.
    pub(crate) const fn receive_id(&self) -> ReceiveId {
        self.receive_id
    }

    /// Puts the session in its place. Its keys are there already: packets may come from now on.
    ///
    /// Who finds it may end it at once, so nobody removes it before it is in all tables.
    pub(crate) fn fill(mut self, slot: Arc<Slot>) {
        let table = Arc::clone(&self.table);
        let mut members = lock(&table.members);
        members.joining -= usize::from(core::mem::take(&mut self.joins));
        members.snapshot = None;
        if let Some(name) = slot.name() {
            members.by_name.insert(*name, Arc::clone(&slot));
        }
        let epoch = KeyEpoch::default();
        let mut routes = Routes::default();
        *routes.place(epoch) = Some((epoch, self.receive_id));
        members.by_id.insert(slot.id(), Member { slot: Arc::clone(&slot), routes });
        write(&table.routes).insert(self.receive_id, Route::Slot(slot, epoch));
    }

    /// Has packets under it be those of `epoch` of a session that has its place; nobody's, if the
    /// session has lost it. What came under the epoch before the last does so no more.
    pub(crate) fn route(self, slot: &Arc<Slot>, epoch: KeyEpoch) {
        let mut members = lock(&self.table.members);
        let Some(member) = members.by_id.get_mut(&slot.id()) else { return };
        let former = member.routes.place(epoch).replace((epoch, self.receive_id));
        let mut routes = write(&self.table.routes);
        routes.insert(self.receive_id, Route::Slot(Arc::clone(slot), epoch));
        if let Some((_, receive_id)) = former {
            routes.remove(&receive_id);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.joins {
            lock(&self.table.members).joining -= 1;
        }
        let mut routes = write(&self.table.routes);
        if matches!(routes.get(&self.receive_id), Some(Route::Reserved)) {
            routes.remove(&self.receive_id);
        }
    }
}

fn draw() -> Option<u32> {
    random().map(u32::from_ne_bytes)
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
    fn ids_of_sessions_are_never_given_twice() {
        let table = table(1);
        assert!(table.number() < table.number());
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

    #[test]
    fn the_limit_counts_sessions_and_those_on_their_way_and_no_receive_ids() {
        let table = table(1);
        table.reserve().unwrap().fill(slot());
        assert!(table.is_full());
        let another = table.reserve_another().unwrap();
        assert_eq!(table.reserve().unwrap_err(), NoPlace::Full);
        another.route(&table.snapshot()[0], KeyEpoch(1));
        table.remove(&Arc::clone(&table.snapshot()[0]));
        assert!(!table.is_full());
    }

    /// A session under one id, and the ids that it is given when it is resumed.
    fn resumed(epochs: &[u32]) -> (Arc<SlotTable>, Arc<Slot>, Vec<ReceiveId>) {
        let (table, slot) = (table(1), slot());
        let first = table.reserve().unwrap();
        let mut ids = vec![first.receive_id()];
        first.fill(Arc::clone(&slot));
        for epoch in epochs {
            let another = table.reserve_another().unwrap();
            ids.push(another.receive_id());
            another.route(&slot, KeyEpoch(*epoch));
        }
        (table, slot, ids)
    }

    fn epochs(table: &SlotTable, ids: &[ReceiveId]) -> Vec<Option<u32>> {
        ids.iter().map(|id| table.get(*id).map(|(_, epoch)| epoch.0)).collect()
    }

    #[test]
    fn a_session_is_found_under_two_ids_until_the_epoch_of_one_is_over() {
        let (table, slot, ids) = resumed(&[1]);
        assert_eq!(epochs(&table, &ids), [Some(0), Some(1)]);
        table.discard(&slot, KeyEpoch(0));
        table.discard(&slot, KeyEpoch(3));
        assert_eq!(epochs(&table, &ids), [None, Some(1)]);
    }

    #[test]
    fn a_third_id_takes_the_place_of_the_one_whose_keys_it_replaces() {
        let (table, slot, ids) = resumed(&[1, 3]);
        assert_eq!(epochs(&table, &ids), [Some(0), None, Some(3)]);
        table.discard(&slot, KeyEpoch(1));
        assert_eq!(epochs(&table, &ids), [Some(0), None, Some(3)], "too late to matter");
    }

    #[test]
    fn a_session_that_is_over_has_no_id_left_and_gets_none() {
        let (table, slot, ids) = resumed(&[1]);
        let another = table.reserve_another().unwrap();
        table.remove(&slot);
        let late = another.receive_id();
        another.route(&slot, KeyEpoch(2));
        assert_eq!(epochs(&table, &ids), [None, None]);
        assert!(table.get(late).is_none() && read(&table.routes).is_empty());
    }

    #[test]
    fn a_session_is_found_by_its_name_for_as_long_as_it_has_its_place() {
        let (table, name) = (table(1), [7; 16]);
        let slot = Slot::named(Epoch(std::time::Instant::now()), name);
        assert!(table.find(&name).is_none());
        table.reserve().unwrap().fill(Arc::clone(&slot));
        assert!(table.find(&name).is_some_and(|found| Arc::ptr_eq(&found, &slot)));
        assert!(table.find(&[8; 16]).is_none());
        table.remove(&slot);
        assert!(table.find(&name).is_none());
    }
}
