//! zlib streams (RFC 1950), inflated within bounds.

use flate2::{Decompress, FlushDecompress, Status};

use crate::outcome::Failure;

/// First guess of how much a page shrinks; a wrong one only costs a reallocation.
const USUAL_RATIO: usize = 4;

/// Room to make progress in, however short the input.
const LEAST_ROOM: usize = 64;

/// Inflates a whole zlib stream.
///
/// # Errors
/// [`Failure::TooLarge`] over `max_size` bytes, [`Failure::Undecodable`] if the stream is
/// corrupt, cut short or followed by anything, [`Failure::Memory`].
pub(super) fn inflate(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
    let mut zlib = Decompress::new(true);
    let mut out = Vec::new();
    let mut rest = input;
    loop {
        if out.len() == out.capacity() {
            let more = out.len().max(input.len().saturating_mul(USUAL_RATIO)).max(LEAST_ROOM);
            // One byte more than allowed tells "exactly full" from "too large".
            let room = max_size.saturating_add(1).saturating_sub(out.len());
            out.try_reserve_exact(more.min(room)).map_err(|_| Failure::Memory)?;
        }
        let (read, written) = (zlib.total_in(), out.len());
        let status = zlib
            .decompress_vec(rest, &mut out, FlushDecompress::None)
            .map_err(|_| Failure::Undecodable)?;
        if out.len() > max_size {
            return Err(Failure::TooLarge);
        }
        let read = usize::try_from(zlib.total_in() - read).map_err(|_| Failure::Undecodable)?;
        rest = rest.get(read..).unwrap_or_default();
        match status {
            Status::StreamEnd if rest.is_empty() => return Ok(out),
            Status::StreamEnd => return Err(Failure::Undecodable),
            // No progress with room to spare: the stream wants bytes that are not there.
            Status::Ok | Status::BufError => {
                if read == 0 && out.len() == written && out.len() < out.capacity() {
                    return Err(Failure::Undecodable);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// `zlib.compress(b"page")` of Python.
    const PAGE: &[u8] = b"x\x9c+HLO\x05\x00\x04\x1a\x01\x9e";

    #[test]
    fn a_stream_of_python() {
        assert_eq!(inflate(PAGE, 4).unwrap(), b"page");
    }

    #[test]
    fn the_limit_is_exact_and_bounds_the_memory() {
        let page = vec![b'x'; 1_000_000];
        let stream = deflate(&page);
        assert!(stream.len() < 2_000);
        assert_eq!(inflate(&stream, 1_000_000).unwrap(), page);
        assert!(inflate(&stream, 1_000_000).unwrap().capacity() <= 1_000_001);
        assert_eq!(inflate(&stream, 999_999), Err(Failure::TooLarge));
        assert_eq!(inflate(PAGE, 3), Err(Failure::TooLarge));
        assert_eq!(inflate(PAGE, 0), Err(Failure::TooLarge));
        assert_eq!(inflate(&deflate(b""), 0).unwrap(), b"");
        assert_eq!(inflate(&stream, usize::MAX).unwrap().len(), 1_000_000);
    }

    #[test]
    fn what_does_not_compress_inflates_too() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let page: Vec<u8> = (0..100_000).map(|_| random()).collect();
        assert_eq!(inflate(&deflate(&page), page.len()).unwrap(), page);
    }

    #[test]
    fn streams_cut_short_are_undecodable() {
        let stream = deflate(&b"0123456789".repeat(5_000));
        for len in 0..stream.len() {
            assert_eq!(inflate(&stream[..len], 1 << 20), Err(Failure::Undecodable), "{len}");
        }
    }

    #[test]
    fn trailing_bytes_are_undecodable() {
        let stream = [PAGE, b"\0"].concat();
        assert_eq!(inflate(&stream, 100), Err(Failure::Undecodable));
        assert_eq!(inflate(&[PAGE, PAGE].concat(), 100), Err(Failure::Undecodable));
    }

    #[test]
    fn corrupt_streams_are_undecodable() {
        for at in 0..PAGE.len() {
            let mut stream = PAGE.to_vec();
            stream[at] ^= 0x55;
            assert_eq!(inflate(&stream, 100), Err(Failure::Undecodable), "{at}");
        }
        assert_eq!(inflate(b"<html>", 100), Err(Failure::Undecodable));
        // gzip, and a stream that asks for a preset dictionary.
        assert_eq!(
            inflate(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 9),
            Err(Failure::Undecodable)
        );
        assert_eq!(inflate(b"\x78\xbb\0\0\0\x01\x03\0\0\0\0\x01", 9), Err(Failure::Undecodable));
    }
}
