//! Keys, one behind the other.

use std::collections::TryReserveError;

use super::KEPT_BYTES;

/// The keys of the look-ups in a queue, in their order. What leaves is the oldest.
#[derive(Debug, Default)]
pub struct Arena {
    bytes: Vec<u8>,
    /// How many bytes have left the front.
    gone: u64,
}

/// A key in an [`Arena`].
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its place among all bytes that the arena was ever given.
    at: u64,
    pub len: usize,
}

impl Arena {
    pub fn add(&mut self, key: &[u8]) -> Result<Key, TryReserveError> {
        self.bytes.try_reserve(key.len())?;
        let at = self.gone + self.bytes.len() as u64;
        self.bytes.extend_from_slice(key);
        Ok(Key { at, len: key.len() })
    }

    pub fn get(&self, key: Key) -> &[u8] {
        let at = self.before(key);
        self.bytes.get(at..at.saturating_add(key.len)).unwrap_or_default()
    }

    /// Bytes from `oldest` on.
    pub fn in_use(&self, oldest: Option<Key>) -> usize {
        oldest.map_or(0, |oldest| self.bytes.len().saturating_sub(self.before(oldest)))
    }

    fn before(&self, key: Key) -> usize {
        key.at.saturating_sub(self.gone) as usize
    }

    /// What is older than `oldest` is not asked for any more; without one, nothing is.
    pub fn release(&mut self, oldest: Option<Key>) {
        let Some(oldest) = oldest else {
            self.gone += self.bytes.len() as u64;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            return;
        };
        let unused = self.before(oldest).min(self.bytes.len());
        if unused > KEPT_BYTES && unused > self.bytes.len() / 2 {
            self.bytes.drain(..unused);
            self.gone += unused as u64;
        }
    }
}
