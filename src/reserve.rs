//! The allocator: malloc(), and a reserve for when that has nothing left.
//!
//! What may be large is asked for with `try_reserve`, and its want is a failure like any other.
//! Small things (a box, a name, a line for the log) are allocated all over Rust without asking,
//! and want of them ends the process. They come from the reserve then, while nginx runs into its
//! own shortage and closes connections. A worker that lives on its reserve looks nothing up.
//!
//! The end of the reserve still is the end of the worker, and so is want of a piece above
//! [`BLOCK`] that was not asked for with `try_reserve`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::hint::black_box;
use std::ptr;

use page_cache::reserve::Blocks;

/// The size of a block, in bytes: no small thing is larger.
const BLOCK: usize = 1024;
/// What malloc() aligns to; nothing small wants more.
const ALIGN: usize = 16;
/// A block each of their bits.
const WORDS: usize = 16;
const COUNT: usize = Blocks::<WORDS>::COUNT;

/// 1 MiB that costs nothing before it is used: untouched pages of .bss have no memory.
#[repr(C, align(16))]
struct Arena(UnsafeCell<[[u8; BLOCK]; COUNT]>);

// SAFETY: only its address is shared; each block belongs to whoever `BLOCKS` has given it to.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([[0; BLOCK]; COUNT]));
static BLOCKS: Blocks<WORDS> = Blocks::new();

#[global_allocator]
static ALLOCATOR: Reserve = Reserve;

struct Reserve;

/// Whether nothing should be begun that allocates: half of the reserve is in use, and malloc()
/// still refuses. (What stays in the reserve when the shortage is over does no harm.)
#[inline]
pub fn is_short() -> bool {
    BLOCKS.used() > COUNT / 2 && !has_malloc_recovered()
}

#[cold]
fn has_malloc_recovered() -> bool {
    let Ok(layout) = Layout::from_size_align(4 * BLOCK, ALIGN) else { return false };
    // SAFETY: the layout is not empty, and what was allocated is freed with the same one.
    unsafe {
        // Hidden from the optimizer, which may remove a malloc() that is freed unused.
        let probe = black_box(System.alloc(layout));
        if probe.is_null() {
            return false;
        }
        System.dealloc(probe, layout);
    }
    true
}

fn fits(size: usize, align: usize) -> bool {
    size <= BLOCK && align <= ALIGN
}

/// A block of the reserve, or null.
#[cold]
fn take(size: usize, align: usize) -> *mut u8 {
    let block = if fits(size, align) { BLOCKS.take() } else { None };
    match block {
        // An address in the arena: the index is below COUNT.
        Some(index) => ARENA.0.get().cast::<u8>().wrapping_add(index * BLOCK),
        None => ptr::null_mut(),
    }
}

/// The index of the block at `p`, if it is one of the reserve.
#[inline]
fn index_of(p: *mut u8) -> Option<usize> {
    let offset = (p as usize).wrapping_sub(ARENA.0.get() as usize);
    (offset < BLOCK * COUNT).then_some(offset / BLOCK)
}

// SAFETY: System keeps the contract; a block is aligned to ALIGN and as large as `fits` demands,
// belongs to one owner until it is given back, and is told from malloc()'s by its address.
unsafe impl GlobalAlloc for Reserve {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller vouches for the layout.
        let found = unsafe { System.alloc(layout) };
        if found.is_null() { take(layout.size(), layout.align()) } else { found }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller vouches for the layout.
        let mut found = unsafe { System.alloc_zeroed(layout) };
        if found.is_null() {
            found = take(layout.size(), layout.align());
            if !found.is_null() {
                // SAFETY: the block is at least that large; others have used it before.
                unsafe { ptr::write_bytes(found, 0, layout.size()) };
            }
        }
        found
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        match index_of(p) {
            Some(index) => BLOCKS.give(index),
            // SAFETY: it is System's, and the caller vouches for the layout.
            None => unsafe { System.dealloc(p, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if index_of(p).is_none() {
            // SAFETY: it is System's, and the caller vouches for layout and size.
            let found = unsafe { System.realloc(p, layout, new_size) };
            if !found.is_null() {
                return found;
            }
        }
        // SAFETY: as above; `p` is still what it was.
        unsafe { self.move_to(p, layout, new_size) }
    }
}

impl Reserve {
    /// Out of the reserve when it gets too large for that, into it when System has no more.
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`.
    #[cold]
    unsafe fn move_to(&self, p: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if index_of(p).is_some() && fits(new_size, layout.align()) {
            return p;
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: the new size is not zero (the caller's duty); both are as large as what is copied,
        // and they do not overlap, being two allocations.
        unsafe {
            let found = self.alloc(new_layout);
            if !found.is_null() {
                ptr::copy_nonoverlapping(p, found, layout.size().min(new_size));
                self.dealloc(p, layout);
            }
            found
        }
    }
}
