//! zlib streams (RFC 1950), inflated within bounds.

use flate2::{Decompress, FlushDecompress, Status};

use crate::outcome::Failure;

/// First guess of how much a page shrinks; a wrong one only costs a reallocation.
const USUAL_RATIO: usize = 4;

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
            let more = out.len().max(input.len().saturating_mul(USUAL_RATIO));
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
