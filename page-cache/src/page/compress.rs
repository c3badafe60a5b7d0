//! Values that a client library of Django's caches has compressed.
//!
//! memcached clients mark a zlib value by a flag. django-redis's compressors leave no mark:
//! their formats are told by their first bytes, and no pickle begins like any of them.
//! What comes out is bounded, and so is what a decoder needs meanwhile.
//!
//! xz, Zstandard and LZ4 are cargo features, `xz`, `zstd` and `lz4`. Without one its values are
//! known by their first bytes all the same, so that the log can say why they are not read.

#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zstd")]
mod zstd;

use std::io::{ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::Body;
use super::inflate::inflate;
use crate::outcome::Failure;

/// First guess of how much a page shrinks; a wrong one only costs a reallocation.
const USUAL_RATIO: usize = 4;

/// How a value is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    /// Not at all.
    Plain,
    /// zlib (RFC 1950)
    Zlib,
    /// gzip (RFC 1952), one member.
    Gzip,
    /// xz, one stream.
    Xz,
    /// Zstandard (RFC 8878), one frame.
    Zstd,
    /// LZ4's frame format, one frame.
    Lz4,
}

impl Encoding {
    /// What the first bytes of a value say.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            // Method 8, and a header that is a multiple of 31.
            [method, flags, ..]
                if method & 0x8f == 0x08 && u16::from_be_bytes([*method, *flags]) % 31 == 0 =>
            {
                Self::Zlib
            }
            _ => Self::Plain,
        }
    }

    /// For the log, if this build does not read it.
    pub(super) fn left_out(self) -> Option<&'static str> {
        match self {
            Self::Lz4 if !cfg!(feature = "lz4") => {
                Some("compressed with LZ4, and this build has the cargo feature lz4 left out")
            }
            Self::Xz if !cfg!(feature = "xz") => {
                Some("compressed with xz, and this build has the cargo feature xz left out")
            }
            Self::Zstd if !cfg!(feature = "zstd") => Some(
                "compressed with Zstandard, and this build has the cargo feature zstd left out",
            ),
            _ => None,
        }
    }

    /// The value itself; what is not compressed is not copied.
    ///
    /// # Errors
    /// [`Failure::TooLarge`] over `max_size` bytes, [`Failure::Undecodable`] if it is
    /// corrupt, cut short or followed by anything, or [left out](Self::left_out), [`Failure::Memory`].
    pub(super) fn decode(self, value: Body, max_size: usize) -> Result<Body, Failure> {
        let bytes = match self {
            Self::Plain => return Ok(value),
            Self::Zlib => inflate(&value, max_size)?,
            Self::Gzip => gunzip(&value, max_size)?,
            #[cfg(feature = "xz")]
            Self::Xz => xz::decode(&value, max_size)?,
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::decode(&value, max_size)?,
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4::decode(&value, max_size)?,
            #[cfg(not(all(feature = "lz4", feature = "xz", feature = "zstd")))]
            _ => return Err(Failure::Undecodable),
        };
        Ok(Body::inflated(bytes))
    }
}

/// All that a reader gives, if it is at most `max_size` bytes.
fn read_all(reader: impl Read, len: usize, max_size: usize) -> Result<Vec<u8>, Failure> {
    // One byte more than allowed tells "exactly full" from "too large".
    let room = max_size.saturating_add(1);
    let mut out = Vec::new();
    out.try_reserve_exact(len.saturating_mul(USUAL_RATIO).min(room))
        .map_err(|_| Failure::Memory)?;
    let limit = u64::try_from(room).unwrap_or(u64::MAX);
    reader.take(limit).read_to_end(&mut out).map_err(|error| match error.kind() {
        ErrorKind::OutOfMemory => Failure::Memory,
        _ => Failure::Undecodable,
    })?;
    if out.len() > max_size {
        return Err(Failure::TooLarge);
    }
    Ok(out)
}

/// `out`, if nothing follows what it was made of.
fn whole(out: Vec<u8>, rest: &[u8]) -> Result<Vec<u8>, Failure> {
    if rest.is_empty() { Ok(out) } else { Err(Failure::Undecodable) }
}

fn gunzip(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
    let mut decoder = GzDecoder::new(input);
    let out = read_all(&mut decoder, input.len(), max_size)?;
    whole(out, decoder.get_ref())
}
