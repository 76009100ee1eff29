//! An allocator that counts the memory in use, and refuses more than any reader may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Allocations beyond this fail and end the program, since a machine that swaps makes no progress.
const HARD_LIMIT: usize = 2 << 30;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

pub struct Counting;

impl Counting {
    fn grow(size: usize) -> bool {
        LARGEST.fetch_max(size, Relaxed);
        let live = LIVE.fetch_add(size, Relaxed).saturating_add(size);
        PEAK.fetch_max(live, Relaxed);
        if live <= HARD_LIMIT {
            return true;
        }
        LIVE.fetch_sub(size, Relaxed);
        false
    }
}

// SAFETY: every call is forwarded to the system's allocator or fails, as the contract allows.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !Counting::grow(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !Counting::grow(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from the system's allocator with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !Counting::grow(size - layout.size()) {
            return std::ptr::null_mut();
        }
        LIVE.fetch_sub(layout.size().saturating_sub(size), Relaxed);
        LARGEST.fetch_max(size, Relaxed);
        // SAFETY: the pointer came from the system's allocator with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The memory that one call took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The most bytes in use at a time, beyond those before.
    pub peak: usize,
    /// The bytes of the largest single allocation.
    pub largest: usize,
}

/// Runs `body` and counts its memory, of all threads: nothing else may run meanwhile.
pub fn measure<T>(body: impl FnOnce() -> T) -> (T, Memory) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    LARGEST.store(0, Relaxed);
    let result = body();
    (result, Memory { peak: PEAK.load(Relaxed).saturating_sub(before), largest: LARGEST.load(Relaxed) })
}
