//! Values that a client library of Django's caches has compressed.
//!
//! memcached clients mark a zlib value by a flag. django-redis's compressors leave no mark:
//! their formats are told by their first bytes, and no pickle begins like any of them.
//! What comes out is bounded, and so is what a decoder needs meanwhile.

use std::io::{ErrorKind, Read};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use lzma_rust2::{Action, Status, XzStream};
use ruzstd::decoding::StreamingDecoder;

use super::Body;
use super::inflate::inflate;
use crate::outcome::Failure;

/// First guess of how much a page shrinks; a wrong one only costs a reallocation.
const USUAL_RATIO: usize = 4;
/// What every zstd decoder should bear (RFC 8878, section 3.1.1.1.2), and more than Python's
/// default levels ask for.
const ZSTD_WINDOW_MAX: u64 = 8 << 20;
/// In KiB: the dictionary of xz's highest preset, and the decoder's own needs. The decoder
/// takes of it only what it has put out.
const XZ_MEMORY_MAX: u32 = (64 << 10) + 1024;

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

    /// The value itself; what is not compressed is not copied.
    ///
    /// # Errors
    /// [`Failure::TooLarge`] over `max_size` bytes, [`Failure::Undecodable`] if it is
    /// corrupt, cut short or followed by anything, [`Failure::Memory`].
    pub(super) fn decode(self, value: Body, max_size: usize) -> Result<Body, Failure> {
        let bytes = match self {
            Self::Plain => return Ok(value),
            Self::Zlib => inflate(&value, max_size)?,
            Self::Gzip => gunzip(&value, max_size)?,
            Self::Xz => unxz(&value, max_size)?,
            Self::Zstd => unzstd(&value, max_size)?,
            Self::Lz4 => unlz4(&value, max_size)?,
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

fn unlz4(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
    // The decoder takes a frame without its end for a whole one.
    let checksum = if input.get(4).is_some_and(|flags| flags & 0x04 != 0) { 4 } else { 0 };
    let end = input.len().saturating_sub(checksum);
    if !input.get(..end).is_some_and(|frame| frame.ends_with(&[0; 4])) {
        return Err(Failure::Undecodable);
    }
    let mut decoder = FrameDecoder::new(input);
    let out = read_all(&mut decoder, input.len(), max_size)?;
    whole(out, decoder.get_ref())
}

fn unzstd(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
    let window = zstd_window(input).ok_or(Failure::Undecodable)?;
    if window > ZSTD_WINDOW_MAX.max(u64::try_from(max_size).unwrap_or(u64::MAX)) {
        return Err(Failure::TooLarge);
    }
    let mut rest = input;
    let mut decoder = StreamingDecoder::new(&mut rest).map_err(|_| Failure::Undecodable)?;
    let out = read_all(&mut decoder, input.len(), max_size)?;
    let frame = decoder.into_frame_decoder();
    if frame
        .get_checksum_from_data()
        .is_some_and(|sum| Some(sum) != frame.get_calculated_checksum())
    {
        return Err(Failure::Undecodable);
    }
    whole(out, rest)
}

/// How much of its output a zstd decoder has to keep, by the frame's header, in bytes.
fn zstd_window(input: &[u8]) -> Option<u64> {
    let (&descriptor, rest) = input.get(4..)?.split_first()?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let (width, offset) = match descriptor >> 6 {
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let digits = rest.get(*dictionary..)?.get(..width)?;
    let size = digits.iter().rev().fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit));
    size.checked_add(offset)
}

fn unxz(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
    let mut stream = XzStream::new_mem_limit(false, XZ_MEMORY_MAX);
    let mut out = Vec::new();
    let mut rest = input;
    let mut written = 0;
    loop {
        if written == out.len() {
            let more = written.max(input.len().saturating_mul(USUAL_RATIO));
            // One byte more than allowed tells "exactly full" from "too large".
            let more = more.min(max_size.saturating_add(1).saturating_sub(written));
            out.try_reserve_exact(more).map_err(|_| Failure::Memory)?;
            out.resize(written.saturating_add(more), 0);
        }
        let room = out.get_mut(written..).unwrap_or_default();
        let step = stream.process(rest, room, Action::Finish).map_err(|_| Failure::Undecodable)?;
        written += step.bytes_produced;
        rest = rest.get(step.bytes_consumed..).unwrap_or_default();
        if written > max_size {
            return Err(Failure::TooLarge);
        }
        if step.status == Status::StreamEnd {
            out.truncate(written);
            return whole(out, rest);
        }
        // No progress with room to spare: the stream wants bytes that are not there.
        if step.bytes_consumed == 0 && step.bytes_produced == 0 && written < out.len() {
            return Err(Failure::Undecodable);
        }
    }
}
