//! xz, one stream.

use lzma_rust2::{Action, Status, XzStream};

use super::{USUAL_RATIO, whole};
use crate::outcome::Failure;

/// In KiB: the dictionary of xz's highest preset, and the decoder's own needs. The decoder
/// takes of it only what it has put out.
const XZ_MEMORY_MAX: u32 = (64 << 10) + 1024;

pub(super) fn decode(input: &[u8], max_size: usize) -> Result<Vec<u8>, Failure> {
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
