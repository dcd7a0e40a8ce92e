//! Places in the table: as many as there may be, each one's own, and free again.

use super::*;
use crate::{
    slot::hub,
    sync::explore::{Task, every_order, orders_with, together},
};

impl SlotTable {
    /// A place with this id.
    pub(crate) fn reserve_as(self: &Arc<Self>, id: ReceiveId) -> Reservation {
        reserve(self, [id.0]).unwrap()
    }
}

/// Reserves with ids that are drawn in this order.
fn reserve<const N: usize>(table: &Arc<SlotTable>, draws: [u32; N]) -> Option<Reservation> {
    let mut draws = draws.into_iter();
    table.reserve_of(|| draws.next()).ok()
}

/// Three join at once as `reserve` does, all drawing 7, then 8, then 9.
fn clash(reserve: fn(&Arc<SlotTable>) -> Reservation) {
    every_order(move || {
        let table = Arc::new(SlotTable::new(3));
        let held = Arc::new(std::sync::Mutex::new(Vec::new()));
        let join = || -> Task {
            let (table, held) = (Arc::clone(&table), Arc::clone(&held));
            Box::new(move || {
                let reservation = reserve(&table);
                held.lock().unwrap().push(reservation);
            })
        };
        let all = [join(), join(), join()];
        together(all);
        let mut ids: Vec<_> = held.lock().unwrap().iter().map(|one| one.receive_id().0).collect();
        ids.sort_unstable();
        assert_eq!(ids, [7, 8, 9], "ids given");
        assert!(table.is_full());
        held.lock().unwrap().clear();
        assert_eq!(read(&table.routes).len(), 0);
    });
}

#[test]
fn ids_are_given_once_while_they_route() {
    clash(|table| reserve(table, [7, 8, 9]).unwrap());
}

#[test]
#[should_panic(expected = "ids given")]
fn canary_an_id_that_is_looked_up_before_the_lock() {
    clash(|table| {
        let free = |id: &u32| !read(&table.routes).contains_key(&ReceiveId(*id));
        let receive_id = ReceiveId([7, 8, 9].into_iter().find(free).unwrap());
        write(&table.routes).insert(receive_id, Route::Reserved);
        lock(&table.members).joining += 1;
        Reservation { table: Arc::clone(table), receive_id, joins: true }
    });
}

/// Three look for the one place as `reserve` does, and let go of it.
fn crowd(reserve: fn(&Arc<SlotTable>, u32) -> Option<Reservation>) {
    orders_with(3, move || {
        let table = Arc::new(SlotTable::new(1));
        let join = |id| -> Task {
            let table = Arc::clone(&table);
            Box::new(move || {
                let reservation = reserve(&table, id);
                assert!(lock(&table.members).count() <= 1, "more than there may be");
                assert!(table.get(ReceiveId(id)).is_none(), "a reservation routes nothing");
                drop(reservation);
            })
        };
        let all = [join(7), join(8), join(9)];
        together(all);
        assert!(!table.is_full());
    });
}

#[test]
fn there_are_never_more_than_there_may_be_and_a_dropped_place_is_free() {
    crowd(|table, id| reserve(table, [id]));
}

#[test]
#[should_panic(expected = "more than there may be")]
fn canary_room_that_is_looked_for_before_the_lock() {
    crowd(|table, id| {
        let receive_id = ReceiveId(id);
        (!table.is_full()).then(|| {
            write(&table.routes).insert(receive_id, Route::Reserved);
            lock(&table.members).joining += 1;
            Reservation { table: Arc::clone(table), receive_id, joins: true }
        })
    });
}

/// A session takes its place as `fill` does, and ends as soon as somebody finds it: a packet, or
/// the application.
fn found_and_ended(fill: fn(Reservation, Arc<Slot>)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let table = Arc::new(SlotTable::new(1));
        let slot = Slot::modelled(7, &hub);
        let reservation = reserve(&table, [7]).unwrap();
        let [by_id, by_name] = [(); 2].map(|()| Arc::clone(&table));
        let all: [Task; 3] = [
            Box::new(move || fill(reservation, slot)),
            Box::new(move || {
                by_id.get(ReceiveId(7)).inspect(|(slot, _)| by_id.remove(slot));
            }),
            Box::new(move || by_name.snapshot().iter().for_each(|slot| by_name.remove(slot))),
        ];
        together(all);
        let left: Vec<_> = table.snapshot().to_vec();
        let routed = table.get(ReceiveId(7));
        assert_eq!(left.len(), usize::from(routed.is_some()), "half of it is left");
        left.iter().for_each(|slot| table.remove(slot));
        assert!(!table.is_full(), "its place is lost");
        assert_eq!(table.len(), 0);
    });
}

#[test]
fn a_session_that_ends_as_soon_as_it_is_found_frees_its_place() {
    found_and_ended(Reservation::fill);
}

#[test]
#[should_panic(expected = "half of it is left")]
fn canary_a_place_that_is_filled_in_two_steps() {
    found_and_ended(|mut reservation, slot| {
        reservation.joins = false;
        let Reservation { table, receive_id, .. } = &reservation;
        let (epoch, mut routes) = (KeyEpoch(0), Routes::default());
        routes.even = Some((epoch, *receive_id));
        let member = Member { slot: Arc::clone(&slot), routes };
        let mut members = lock(&table.members);
        members.joining -= 1;
        members.by_id.insert(slot.id(), member);
        drop(members);
        write(&table.routes).insert(*receive_id, Route::Slot(slot, epoch));
    });
}

/// A session is resumed as `route` does while it ends, and while somebody looks for its packets.
fn resumed_and_ended(route: fn(Reservation, &Arc<Slot>, KeyEpoch)) {
    orders_with(3, move || {
        let (hub, _outlets) = hub(1);
        let table = Arc::new(SlotTable::new(1));
        let slot = Slot::modelled(7, &hub);
        reserve(&table, [7]).unwrap().fill(Arc::clone(&slot));
        let another = table.reserve_another_of(|| Some(8)).unwrap();
        let [ends, looks] = [(); 2].map(|()| (Arc::clone(&table), Arc::clone(&slot)));
        let all: [Task; 3] = [
            Box::new(move || route(another, &slot, KeyEpoch(1))),
            Box::new(move || ends.0.remove(&ends.1)),
            Box::new(move || {
                let found = looks.0.get(ReceiveId(8));
                assert!(found.is_none_or(|(_, epoch)| epoch == KeyEpoch(1)));
            }),
        ];
        together(all);
        assert!(read(&table.routes).is_empty(), "an id is lost");
        assert!(!table.is_full());
    });
}

#[test]
fn a_session_that_ends_while_it_is_resumed_leaves_no_receive_id_behind() {
    resumed_and_ended(Reservation::route);
}

#[test]
#[should_panic(expected = "an id is lost")]
fn canary_an_id_for_a_session_whose_place_is_not_looked_at() {
    resumed_and_ended(|reservation, slot, epoch| {
        let is_there = lock(&reservation.table.members).by_id.contains_key(&slot.id());
        if is_there {
            let route = Route::Slot(Arc::clone(slot), epoch);
            write(&reservation.table.routes).insert(reservation.receive_id, route);
            let mut members = lock(&reservation.table.members);
            if let Some(member) = members.by_id.get_mut(&slot.id()) {
                *member.routes.place(epoch) = Some((epoch, reservation.receive_id));
            }
        }
    });
}
