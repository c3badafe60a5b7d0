//! Zstandard (RFC 8878), one frame.

use ruzstd::decoding::StreamingDecoder;

use super::{read_all, whole};
use crate::outcome::Failure;

/// What every zstd decoder should bear (RFC 8878, section 3.1.1.1.2), and more than Python's
/// default levels ask for.
const ZSTD_WINDOW_MAX: u64 = 8 << 20;

pub(super) fn decode(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
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
