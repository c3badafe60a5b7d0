//! What the next reply is for.

use super::Queue;
use crate::wire::{Asked, memcached};

/// The keys that one reply answers.
pub struct Keys<'a> {
    pub(super) queue: &'a Queue,
    pub(super) count: usize,
}

impl Asked for Keys<'_> {
    fn len(&self) -> usize {
        self.count
    }

    fn longest(&self) -> usize {
        match (self.count, self.queue.lookups.front()) {
            (1, Some(lookup)) => lookup.key.len,
            _ => memcached::LONGEST_KEY,
        }
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        // Those that were answered are asked for no more: a value that comes twice is a lie.
        let mut lookups = self.queue.lookups.iter().take(self.count);
        lookups.position(|lookup| !lookup.answered && self.queue.key(lookup) == key)
    }
}
