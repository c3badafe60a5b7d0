//! The wire formats of the stores: how a look-up is asked, how its reply reads.
//!
//! A reply is a line, then perhaps data and a fixed trailer. What differs between
//! the protocols is in [`memcached`] and [`redis`] and works on whole lines;
//! [`Decoder`] does the increments, for both.

mod decoder;
mod line;
pub mod memcached;
pub mod redis;

use thiserror::Error;

pub use decoder::{Decoder, Event};
pub use redis::Handshake;

use crate::outcome::Failure;

/// Which language a store speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protocol {
    /// memcached's text protocol (memcached's doc/protocol.txt).
    Memcached,
    /// RESP, the Redis serialization protocol, version 2.
    Redis,
}

/// The keys that one command asks for: one, or with memcached also several.
pub trait Asked {
    /// How many.
    fn len(&self) -> usize;
    /// The length of the longest, in bytes, or something above it.
    fn longest(&self) -> usize;
    /// Which of them this is, if it is one that has not been answered yet.
    fn find(&self, key: &[u8]) -> Option<usize>;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One key.
impl Asked for [u8] {
    fn len(&self) -> usize {
        1
    }

    fn longest(&self) -> usize {
        <[u8]>::len(self)
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        (self == key).then_some(0)
    }
}

/// Appends the parts, or none of them.
fn append(out: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), Failure> {
    out.try_reserve(parts.iter().map(|part| part.len()).sum()).map_err(|_| Failure::Memory)?;
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// What the first line of a reply says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Head<'a> {
    /// `len` bytes of data follow, and the trailer.
    Value {
        /// The flags that memcached stores beside a value; `None` from Redis.
        flags: Option<u32>,
        /// Length of the data in bytes, as announced.
        len: u64,
    },
    /// There is no such key; after values of a command for several keys: no other of them.
    Absent,
    /// The server answered with an error.
    Refused {
        /// What the look-up failed with.
        why: Failure,
        /// How far the error reaches.
        scope: Scope,
        /// The server's own words: hostile, and perhaps repeating what it was sent.
        text: &'a [u8],
    },
}

/// How far an error reply reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// It says something of this key only: the server is well.
    Key,
    /// The server cannot answer now; replies are still in step.
    Server,
    /// The connection is of no use any more.
    Connection,
}

/// How a server broke its protocol: the connection is out of step and must be closed.
///
/// The messages quote nothing of what was received: out of step, that may be
/// anybody's page.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Violation {
    /// A line did not end where the longest legal one does.
    #[error("a reply line is too long")]
    LineTooLong,
    /// A line ended in a bare LF, or contained a bare CR.
    #[error("a reply line does not end in CRLF")]
    LineEnd,
    /// The line is none that answers a look-up.
    #[error("the reply is not one to a look-up")]
    NotAReply,
    /// memcached returned another key than the one asked for.
    #[error("the reply is for another key")]
    OtherKey,
    /// Flags, a length or a cas unique that is no number or overflows.
    #[error("the reply has a malformed number")]
    Number,
    /// The data is not followed by what must follow it.
    #[error("the data is not followed by its trailer")]
    Trailer,
    /// Bytes came that answer nothing.
    #[error("bytes were received that nobody asked for")]
    Unasked,
    /// AUTH or SELECT was answered with neither `+OK` nor an error.
    #[error("the reply to AUTH or SELECT is neither +OK nor an error")]
    Handshake,
}

impl Protocol {
    /// Whether `key` can be sent at all; any other would break the framing.
    pub fn accepts(self, key: &[u8]) -> bool {
        match self {
            Self::Memcached => memcached::accepts(key),
            Self::Redis => true,
        }
    }

    /// Appends the look-up of `key` to `out`.
    ///
    /// # Errors
    /// [`Failure::Memory`]; some of it may be in `out` then.
    pub fn encode(self, key: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        self.encode_all(std::iter::once(key), out)
    }

    /// Appends the look-up of all `keys` to `out`: memcached gets one command for them,
    /// Redis one each.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_all<'a>(
        self,
        mut keys: impl Iterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match self {
            Self::Memcached => memcached::encode(keys, out),
            Self::Redis => keys.try_for_each(|key| redis::encode(key, out)),
        }
    }

    /// The longest line of a reply in bytes, without its CRLF; `seen` is what has come of
    /// it, and `longest_key` the length of the longest key asked for, in bytes.
    fn longest_line(self, longest_key: usize, seen: &[u8]) -> usize {
        match self {
            Self::Memcached => memcached::longest_line(longest_key, seen),
            Self::Redis => redis::LONGEST_LINE,
        }
    }

    /// Reads a line of a reply, given without its CRLF; and which of the keys a value is of.
    ///
    /// # Errors
    /// A [`Violation`] if it is not a legal reply to a look-up of these keys.
    pub fn head<'a, A: Asked + ?Sized>(
        self,
        line: &'a [u8],
        asked: &A,
    ) -> Result<(Head<'a>, usize), Violation> {
        match self {
            Self::Memcached => memcached::head(line, asked),
            Self::Redis => Ok((redis::head(line)?, 0)),
        }
    }

    /// What follows the data of a value. Where several keys are asked for, the line behind
    /// it is one of its own.
    pub const fn trailer(self, is_one_of_many: bool) -> &'static [u8] {
        match self {
            Self::Memcached if !is_one_of_many => b"\r\nEND\r\n",
            Self::Memcached | Self::Redis => b"\r\n",
        }
    }
}
