//! Keys: under which name an application stored the page of a request.
//!
//! [`full_path`] makes of a request-target what Django's `get_full_path()` makes
//! of it; a [`Recipe`] makes a key of that; a [`CacheKey`] is a key that the
//! store can take, checked once.

pub mod django;
pub mod field;
mod full_path;
pub(crate) mod percent;
mod recipe;
mod shown;
pub(crate) mod utf8;
pub mod vary;

use std::fmt;

use smallvec::SmallVec;

use crate::outcome::{Bypass, Failure, Outcome};
use crate::wire::{Protocol, memcached};

pub use full_path::full_path;
pub use recipe::Recipe;
pub use shown::shown;

/// The longest key of memcached, in bytes (`KEY_MAX_LENGTH`, memcached's doc/protocol.txt).
pub const MEMCACHED_KEY_MAX: usize = 250;

/// The longest key that is sent to Redis, in bytes. Redis itself stops at 512 MiB; a
/// request line never gets near this.
pub const REDIS_KEY_MAX: usize = 64 * 1024;

/// Bytes of a key. Those of an ordinary one take no allocation.
pub type KeyBytes = SmallVec<[u8; 128]>;

/// A key that its store can take: nothing has to be escaped or checked again.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct CacheKey(KeyBytes);

/// Why a store cannot take a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IllegalKey {
    /// memcached has no empty key.
    #[error("the key is empty")]
    Empty,
    /// Over the limit of the store.
    #[error("the key has {len} bytes, the store takes {max}")]
    TooLong {
        /// Length of the key in bytes.
        len: usize,
        /// What the store takes, in bytes.
        max: usize,
    },
    /// Blanks and control characters end a key on memcached's wire.
    #[error("the key has the byte 0x{byte:02x} at {at}, which memcached cannot take")]
    Byte {
        /// The offending byte.
        byte: u8,
        /// Its offset.
        at: usize,
    },
}

/// Why there is no key to ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoKey {
    /// The store cannot take it.
    #[error(transparent)]
    Illegal(#[from] IllegalKey),
    /// The recipe has no single key: Django's needs the headers of the request and of
    /// the stored page.
    #[error("the recipe makes its key in two steps")]
    TwoSteps,
    /// No memory for it.
    #[error("no memory for the key")]
    Memory,
}

impl From<NoKey> for Outcome {
    fn from(why: NoKey) -> Self {
        match why {
            NoKey::Illegal(_) | NoKey::TwoSteps => Self::Bypass(Bypass::Key),
            NoKey::Memory => Self::Failure(Failure::Memory),
        }
    }
}

impl CacheKey {
    /// Checks that a store speaking `protocol` can take `bytes` as a key.
    ///
    /// # Errors
    /// memcached: empty, over [`MEMCACHED_KEY_MAX`] bytes, or a byte `<= 0x20` or `0x7f`
    /// (what Django's `memcache_key_warnings()` warns about). Redis: over [`REDIS_KEY_MAX`].
    pub fn new(protocol: Protocol, bytes: impl Into<KeyBytes>) -> Result<Self, IllegalKey> {
        let bytes = bytes.into();
        check_length(protocol, bytes.len())?;
        if protocol == Protocol::Memcached && !memcached::accepts(&bytes) {
            if bytes.is_empty() {
                return Err(IllegalKey::Empty);
            }
            let illegal = |byte: &u8| *byte <= 0x20 || *byte == 0x7f;
            if let Some((at, &byte)) = bytes.iter().enumerate().find(|(_, byte)| illegal(byte)) {
                return Err(IllegalKey::Byte { byte, at });
            }
        }
        Ok(Self(bytes))
    }

    /// The bytes, as they go to the store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A copy, without aborting the process when memory is short.
    ///
    /// # Errors
    /// [`Failure::Memory`].
    pub fn try_clone(&self) -> Result<Self, Failure> {
        let mut bytes = KeyBytes::new();
        bytes.try_reserve_exact(self.0.len()).map_err(|_| Failure::Memory)?;
        bytes.extend_from_slice(&self.0);
        Ok(Self(bytes))
    }
}

/// Whether a store takes keys of so many bytes.
fn check_length(protocol: Protocol, len: usize) -> Result<(), IllegalKey> {
    let max = match protocol {
        Protocol::Memcached => MEMCACHED_KEY_MAX,
        Protocol::Redis => REDIS_KEY_MAX,
    };
    if len > max { Err(IllegalKey::TooLong { len, max }) } else { Ok(()) }
}

impl AsRef<[u8]> for CacheKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey(\"{}\")", self.0.escape_ascii())
    }
}

/// A 128-bit digest in lower-case hex.
pub(crate) fn lower_hex(digest: [u8; 16]) -> [u8; 32] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
    let mut hex = [0; 32];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    hex
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn memcached_takes_1_to_250_bytes() {
        let new = |len| CacheKey::new(Protocol::Memcached, vec![b'k'; len]);
        assert_eq!(new(0), Err(IllegalKey::Empty));
        assert_eq!(new(1).unwrap().as_bytes(), b"k");
        assert_eq!(new(250).unwrap().as_bytes().len(), 250);
        assert_eq!(new(251), Err(IllegalKey::TooLong { len: 251, max: 250 }));
    }

    #[test]
    fn memcached_takes_neither_blanks_nor_controls() {
        for byte in 0..=u8::MAX {
            let key = CacheKey::new(Protocol::Memcached, vec![b'k', byte]);
            if byte <= 0x20 || byte == 0x7f {
                assert_eq!(key, Err(IllegalKey::Byte { byte, at: 1 }));
            } else {
                assert_eq!(key.unwrap().as_bytes(), [b'k', byte]);
            }
        }
    }

    #[test]
    fn redis_takes_any_byte_up_to_64_kib() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(CacheKey::new(Protocol::Redis, all.clone()).unwrap().as_bytes(), all);
        assert!(CacheKey::new(Protocol::Redis, Vec::new()).is_ok());
        assert!(CacheKey::new(Protocol::Redis, vec![0; 65_536]).is_ok());
        let long = CacheKey::new(Protocol::Redis, vec![0; 65_537]);
        assert_eq!(long, Err(IllegalKey::TooLong { len: 65_537, max: 65_536 }));
    }

    #[test]
    fn an_illegal_key_is_a_bypass_and_short_memory_a_failure() {
        let why = NoKey::from(IllegalKey::Empty);
        assert_eq!(Outcome::from(why), Outcome::Bypass(Bypass::Key));
        assert_eq!(Outcome::from(NoKey::TwoSteps), Outcome::Bypass(Bypass::Key));
        assert_eq!(Outcome::from(NoKey::Memory), Outcome::Failure(Failure::Memory));
    }

    #[test]
    fn debug_shows_a_key_on_one_line() {
        let key = CacheKey::new(Protocol::Redis, b"a\r\nb\xff".to_vec()).unwrap();
        assert_eq!(format!("{key:?}"), r#"CacheKey("a\r\nb\xff")"#);
        assert_eq!(key.try_clone().unwrap(), key);
    }
}
