//! Which blocks of a fixed reserve of memory are in use. The memory itself is the owner's.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// `64 * WORDS` blocks, all of them free at first. Needs no memory but its own.
#[derive(Debug)]
pub struct Blocks<const WORDS: usize> {
    /// A bit for each block: set while it is in use.
    words: [AtomicU64; WORDS],
    used: AtomicUsize,
}

impl<const WORDS: usize> Blocks<WORDS> {
    /// How many blocks there are.
    pub const COUNT: usize = WORDS * 64;

    /// All blocks are free.
    pub const fn new() -> Self {
        Self { words: [const { AtomicU64::new(0) }; WORDS], used: AtomicUsize::new(0) }
    }

    /// The index of a block that is the caller's until he gives it back; `None` if all are
    /// in use.
    pub fn take(&self) -> Option<usize> {
        for (number, word) in self.words.iter().enumerate() {
            let mut seen = word.load(Ordering::Relaxed);
            while seen != u64::MAX {
                let free = seen.trailing_ones();
                let taken = seen | 1 << free;
                // Acquire: what the last user has written there comes before.
                match word.compare_exchange_weak(seen, taken, Ordering::Acquire, Ordering::Relaxed)
                {
                    Ok(_) => {
                        self.used.fetch_add(1, Ordering::Relaxed);
                        return Some(number * 64 + free as usize);
                    }
                    Err(now) => seen = now,
                }
            }
        }
        None
    }

    /// Gives the block with this index back. One that is free already stays free.
    pub fn give(&self, index: usize) {
        let bit = 1 << (index % 64);
        let Some(word) = self.words.get(index / 64) else { return };
        if word.fetch_and(!bit, Ordering::Release) & bit != 0 {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many blocks are in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl<const WORDS: usize> Default for Blocks<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_block_is_given_out_once() {
        let blocks = Blocks::<2>::new();
        let taken: BTreeSet<usize> = std::iter::from_fn(|| blocks.take()).collect();
        assert_eq!(taken, (0..128).collect());
        assert_eq!((Blocks::<2>::COUNT, blocks.used()), (128, 128));
        assert_eq!(blocks.take(), None);
    }

    #[test]
    fn what_is_given_back_is_taken_again() {
        let blocks = Blocks::<2>::new();
        while blocks.take().is_some() {}
        for index in [127, 0, 64, 63] {
            blocks.give(index);
            assert_eq!(blocks.used(), 127, "{index}");
            assert_eq!(blocks.take(), Some(index));
            assert_eq!(blocks.take(), None);
        }
    }

    #[test]
    fn giving_what_is_free_changes_nothing() {
        let blocks = Blocks::<1>::new();
        assert_eq!(blocks.take(), Some(0));
        for index in [1, 63, 64, usize::MAX] {
            blocks.give(index);
            assert_eq!(blocks.used(), 1, "{index}");
        }
        assert_eq!(blocks.take(), Some(1));
    }

    #[test]
    fn threads_never_share_a_block() {
        let blocks = Blocks::<4>::new();
        let owners: Vec<AtomicUsize> = (0..256).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let Some(index) = blocks.take() else { continue };
                        let owner = owners.get(index);
                        assert!(owner.is_some_and(|o| o.fetch_add(1, Ordering::SeqCst) == 0));
                        owner.map(|o| o.fetch_sub(1, Ordering::SeqCst));
                        blocks.give(index);
                    }
                });
            }
        });
        assert_eq!(blocks.used(), 0);
    }
}
