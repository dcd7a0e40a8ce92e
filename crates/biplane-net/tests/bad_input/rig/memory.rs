//! What this process asks of its allocator, and who does: nobody may reserve by a length that is
//! only claimed.

use core::cell::Cell;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Half of the longest message that any frame may claim; nobody has a reason for more at once.
const REASON: usize = 8 * 1_024 * 1_024;

static LARGEST: AtomicUsize = AtomicUsize::new(0);
static TAKEN_BY_OTHERS: AtomicUsize = AtomicUsize::new(0);
static GIVEN_BACK_BY_OTHERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is the test's own, and not a victim's.
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
    static TAKEN_HERE: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which keeps account.
struct Watched;

#[global_allocator]
static WATCHED: Watched = Watched;

/// A block of `size` bytes takes `more` bytes than before.
fn takes(size: usize, more: usize) {
    LARGEST.fetch_max(size, Relaxed);
    TAKEN_HERE.set(TAKEN_HERE.get() + more);
    if !IS_OWN.get() {
        TAKEN_BY_OTHERS.fetch_add(more, Relaxed);
    }
}

fn gives_back(bytes: usize) {
    if !IS_OWN.get() {
        GIVEN_BACK_BY_OTHERS.fetch_add(bytes, Relaxed);
    }
}

#[expect(unsafe_code, reason = "an allocator is one by unsafe functions alone")]
// SAFETY: every call is the system allocator's, with the caller's own arguments.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        takes(layout.size(), layout.size());
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        takes(layout.size(), layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        takes(size, size.saturating_sub(layout.size()));
        gives_back(layout.size().saturating_sub(size));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        gives_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Fails if anybody has asked for more at once than there is a reason for: in this process, so far,
/// whichever test it was.
pub(crate) fn nobody_reserved_by_a_claim() {
    let largest = LARGEST.load(Relaxed);
    assert!(largest <= REASON, "{largest} bytes at once");
}

/// This thread is the test's: what it takes is nobody else's.
pub(crate) fn this_thread_is_the_tests_own() {
    IS_OWN.set(true);
}

/// Bytes that this thread has taken so far.
pub(crate) fn taken_here() -> usize {
    TAKEN_HERE.get()
}

/// Bytes that all threads but the test's own have taken so far. Meaningful in a process that runs
/// one test.
pub(crate) fn taken_by_others() -> usize {
    TAKEN_BY_OTHERS.load(Relaxed)
}

/// Bytes that they have taken and not given back.
pub(crate) fn held_by_others() -> usize {
    TAKEN_BY_OTHERS.load(Relaxed).saturating_sub(GIVEN_BACK_BY_OTHERS.load(Relaxed))
}
