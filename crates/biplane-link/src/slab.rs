//! Places for things that come and go, found again by number.

/// A store of at most so many things. A number is used again once its thing is gone; the count in
/// [`Place`] tells the two apart.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
    cap: usize,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    uses: u32,
    thing: Option<T>,
}

/// Where a thing is, or was.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) index: usize,
    uses: u32,
}

impl<T> Slab<T> {
    pub(crate) const fn new(cap: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), cap, len: 0 }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len >= self.cap
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Where the next thing will be put.
    pub(crate) fn vacancy(&self) -> Place {
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        Place { index, uses: self.slots.get(index).map_or(0, |slot| slot.uses) }
    }

    /// Puts a thing into the place that [`Slab::vacancy`] named.
    pub(crate) fn insert(&mut self, thing: T) -> Place {
        let place = self.vacancy();
        if self.free.pop().is_none() {
            self.slots.push(Slot { uses: 0, thing: None });
        }
        if let Some(slot) = self.slots.get_mut(place.index) {
            slot.thing = Some(thing);
        }
        self.len += 1;
        place
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let slot = self.slots.get_mut(place.index).filter(|slot| slot.uses == place.uses)?;
        slot.thing.as_mut()
    }

    /// The place of what has that index now.
    pub(crate) fn place(&self, index: usize) -> Option<Place> {
        let slot = self.slots.get(index).filter(|slot| slot.thing.is_some())?;
        Some(Place { index, uses: slot.uses })
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        let slot = self.slots.get_mut(place.index).filter(|slot| slot.uses == place.uses)?;
        let thing = slot.thing.take()?;
        slot.uses = slot.uses.wrapping_add(1);
        self.free.push(place.index);
        self.len -= 1;
        Some(thing)
    }

    /// The places of all there are now.
    pub(crate) fn places(&self) -> Vec<Place> {
        (0..self.slots.len()).filter_map(|index| self.place(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_not_found_once_its_thing_is_gone() {
        let mut slab = Slab::new(2);
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert!(slab.is_full());
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!((slab.remove(a), slab.len()), (None, 1));
        let c = slab.insert('c');
        assert_eq!(c.index, a.index);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.get_mut(c), Some(&mut 'c'));
        assert_eq!(slab.places(), [c, b]);
        assert_eq!(slab.place(0), Some(c));
    }
}
