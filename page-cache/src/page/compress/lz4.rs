//! LZ4's frame format, one frame.

use lz4_flex::frame::FrameDecoder;

use super::{read_all, whole};
use crate::outcome::Failure;

pub(super) fn decode(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
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
