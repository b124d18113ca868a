//! The allocator of a node with a count of the bytes that are held, which runs only while it is asked for.
//!
//! Counting costs more than allocating does; switched off it is one load and a branch that is always predicted, so that times are
//! those of the bare allocator.

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed},
};

use mimalloc::MiMalloc;

#[global_allocator]
static COUNTING: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static HELD: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: every call is passed on as it came; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { MiMalloc.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        unsafe { MiMalloc.realloc(memory, layout, size) }
    }
}

fn count(bytes: isize) {
    if ON.load(Relaxed) {
        HELD.fetch_add(bytes, Relaxed);
    }
}

/// What `make` made, and the bytes that it asked for and did not give back.
pub(crate) fn bytes_held<T>(make: impl FnOnce() -> T) -> (T, isize) {
    HELD.store(0, Relaxed);
    ON.store(true, Relaxed);
    let made = make();
    ON.store(false, Relaxed);
    (made, HELD.load(Relaxed))
}
