//! An allocator that knows how many bytes each thread holds, and how often it asked for some.

#![expect(unsafe_code, reason = "an allocator is")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize, sign: isize) {
    // A thread that ends has no counter any more, and nobody asks for it.
    HELD.try_with(|held| held.set(held.get() + sign * bytes.cast_signed())).unwrap_or_default();
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        ASKED.try_with(|asked| asked.set(asked.get() + 1)).unwrap_or_default();
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

/// How often this thread asked for memory.
pub(crate) fn asked() -> u64 {
    ASKED.get()
}
