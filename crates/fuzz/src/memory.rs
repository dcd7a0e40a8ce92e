//! An allocator that knows what each thread holds, and the bounds that targets put on it.

#![expect(unsafe_code, reason = "an allocator is")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize, sign: isize) {
    // A thread that ends has no counters any more, and nobody asks for them.
    let counted = HELD.try_with(|held| {
        held.set(held.get() + sign * bytes.cast_signed());
        PEAK.try_with(|peak| peak.set(peak.get().max(held.get())))
    });
    counted.unwrap_or(Ok(())).unwrap_or_default();
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Bytes that this thread has allocated and not given back.
pub(crate) fn held() -> isize {
    HELD.get()
}

/// Does `act`, which may hold `limit` bytes more than before at any moment.
///
/// # Panics
///
/// If it held more.
pub(crate) fn bounded<T>(limit: usize, act: impl FnOnce() -> T) -> T {
    let before = HELD.get();
    PEAK.set(before);
    let outcome = act();
    let peak = (PEAK.get() - before).unsigned_abs();
    assert!(peak <= limit, "{peak} bytes allocated, {limit} allowed");
    outcome
}

/// Does `act`, whose allocations belong to the test and not to what is tested.
#[cfg(test)]
pub(crate) fn uncounted<T>(act: impl FnOnce() -> T) -> T {
    let before = (HELD.get(), PEAK.get());
    let outcome = act();
    HELD.set(before.0);
    PEAK.set(before.1);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_counts_at_its_peak() {
        let len = bounded(1_000, || vec![0_u8; 1_000].len());
        assert_eq!(len, 1_000);
    }

    #[test]
    #[should_panic(expected = "1000 bytes allocated, 999 allowed")]
    fn one_byte_too_many_is_told() {
        bounded(999, || drop(vec![0_u8; 1_000]));
    }
}
