//! Keys whose values proved too large: asking again would only move the bytes once more.

use std::collections::HashMap;

/// How long a key is remembered, in milliseconds.
pub const REMEMBERED_MS: u64 = 10_000;

/// How many keys are remembered at most; the oldest gives way.
pub const REMEMBERED_KEYS: usize = 1024;

/// The keys of one store that proved too large a moment ago, as received or as decoded.
///
/// Keys are held as their XXH3-128 digests: a key has up to 64 KiB, and should two ever
/// collide, a page comes from the application for ten seconds.
#[derive(Debug, Default)]
pub struct Oversize {
    keys: HashMap<u128, Entry>,
}

/// What has more bytes than wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// The value as the store has it: nobody with the same limit can take it.
    Stored,
    /// What this reader makes of the value: another one may read it in another way.
    DecodedBy(u64),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    limit: usize,
    until_ms: u64,
}

impl Oversize {
    /// Nothing remembered, nothing allocated.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers for [`REMEMBERED_MS`] that the value of `key` has, in a form, more than `limit`
    /// bytes.
    /// What was known of the key before is forgotten: the value may have changed. Without
    /// memory nothing is remembered.
    pub fn remember(&mut self, key: &[u8], form: Form, limit: usize, now_ms: u64) {
        let digest = digest(key, form);
        if !self.keys.contains_key(&digest) {
            self.make_room(now_ms);
            if self.keys.try_reserve(1).is_err() {
                return;
            }
        }
        let until_ms = now_ms.saturating_add(REMEMBERED_MS);
        self.keys.insert(digest, Entry { limit, until_ms });
    }

    /// Whether the value of `key` is known to have more than `limit` bytes, as it is stored or as
    /// `reader` decodes it.
    pub fn is_too_large(&self, key: &[u8], reader: u64, limit: usize, now_ms: u64) -> bool {
        if self.keys.is_empty() {
            return false;
        }
        let known = |entry: &Entry| now_ms < entry.until_ms && entry.limit >= limit;
        let forms = [Form::Stored, Form::DecodedBy(reader)];
        forms.iter().any(|&form| self.keys.get(&digest(key, form)).is_some_and(known))
    }

    /// How many keys are remembered, expired ones included.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.keys.len() < REMEMBERED_KEYS {
            return;
        }
        self.keys.retain(|_, entry| now_ms < entry.until_ms);
        if self.keys.len() < REMEMBERED_KEYS {
            return;
        }
        let oldest = self.keys.iter().min_by_key(|(_, entry)| entry.until_ms);
        if let Some(oldest) = oldest.map(|(&digest, _)| digest) {
            self.keys.remove(&oldest);
        }
    }
}

fn digest(key: &[u8], form: Form) -> u128 {
    match form {
        Form::Stored => twox_hash::XxHash3_128::oneshot(key),
        Form::DecodedBy(reader) => twox_hash::XxHash3_128::oneshot_with_seed(!reader, key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_remembered_for_ten_seconds() {
        let mut oversize = Oversize::new();
        oversize.remember(b"k", Form::Stored, 100, 5_000);
        assert!(oversize.is_too_large(b"k", 7, 100, 5_000));
        assert!(oversize.is_too_large(b"k", 7, 100, 14_999));
        assert!(!oversize.is_too_large(b"k", 7, 100, 15_000));
        assert!(!oversize.is_too_large(b"other", 7, 100, 5_000));
    }

    #[test]
    fn a_location_with_a_higher_limit_asks_again() {
        let mut oversize = Oversize::new();
        oversize.remember(b"k", Form::Stored, 100, 0);
        assert!(oversize.is_too_large(b"k", 7, 99, 1));
        assert!(!oversize.is_too_large(b"k", 7, 101, 1));
    }

    #[test]
    fn the_newest_observation_counts() {
        let mut oversize = Oversize::new();
        oversize.remember(b"k", Form::Stored, 100, 0);
        oversize.remember(b"k", Form::Stored, 10, 5_000);
        assert!(!oversize.is_too_large(b"k", 7, 100, 5_001));
        assert!(oversize.is_too_large(b"k", 7, 10, 14_999));
        assert_eq!(oversize.len(), 1);
    }

    #[test]
    fn the_oldest_of_1024_gives_way() {
        let mut oversize = Oversize::new();
        for (now_ms, n) in (0_u64..).zip(0..REMEMBERED_KEYS) {
            oversize.remember(&n.to_be_bytes(), Form::Stored, 1, now_ms);
        }
        oversize.remember(b"one more", Form::Stored, 1, 2_000);
        assert_eq!(oversize.len(), REMEMBERED_KEYS);
        assert!(!oversize.is_too_large(&0_usize.to_be_bytes(), 7, 1, 2_000));
        assert!(oversize.is_too_large(&1_usize.to_be_bytes(), 7, 1, 2_000));
        assert!(oversize.is_too_large(b"one more", 7, 1, 2_000));
    }

    #[test]
    fn the_expired_give_way_together() {
        let mut oversize = Oversize::new();
        for n in 0..REMEMBERED_KEYS {
            oversize.remember(&n.to_be_bytes(), Form::Stored, 1, 0);
        }
        oversize.remember(b"later", Form::Stored, 1, 20_000);
        assert_eq!(oversize.len(), 1);
        assert!(oversize.is_too_large(b"later", 7, 1, 20_000));
    }

    #[test]
    fn what_is_too_large_when_decoded_is_so_for_whoever_decodes_it() {
        let mut oversize = Oversize::new();
        oversize.remember(b"k", Form::DecodedBy(1), 100, 0);
        assert!(oversize.is_too_large(b"k", 1, 100, 9_999));
        assert!(!oversize.is_too_large(b"k", 1, 100, 10_000));
        assert!(!oversize.is_too_large(b"k", 1, 101, 1), "a higher limit");
        assert!(!oversize.is_too_large(b"k", 2, 100, 1), "another reader");
        assert!(!oversize.is_too_large(b"other", 1, 100, 1));
        oversize.remember(b"k", Form::Stored, 100, 0);
        assert!(oversize.is_too_large(b"k", 2, 100, 1));
        assert_eq!(oversize.len(), 2);
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let mut oversize = Oversize::new();
        oversize.remember(b"k", Form::Stored, 1, u64::MAX);
        assert!(!oversize.is_too_large(b"k", 7, 1, u64::MAX));
        assert!(!oversize.is_empty());
    }
}
