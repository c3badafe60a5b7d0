//! The pickle of a single bytes or str object: found, not interpreted.
//!
//! Opcodes are Python's (`Lib/pickle.py`, `Lib/pickletools.py`). Protocols 2 to 5 begin
//! with PROTO; 0 and 1 do not, and memcached clients of Python 2 wrote them.

use std::ops::Range;

const PROTO: u8 = 0x80;
const FRAME: u8 = 0x95;
const MEMOIZE: u8 = 0x94;
const BINPUT: u8 = b'q';
const LONG_BINPUT: u8 = b'r';
const STOP: u8 = b'.';
const SHORT_BINBYTES: u8 = b'C';
const BINBYTES: u8 = b'B';
const BINBYTES8: u8 = 0x8e;
const SHORT_BINSTRING: u8 = b'U';
const BINSTRING: u8 = b'T';
const SHORT_BINUNICODE: u8 = 0x8c;
const BINUNICODE: u8 = b'X';
const BINUNICODE8: u8 = 0x8d;

/// The newest protocol.
const HIGHEST_PROTOCOL: u8 = 5;

/// Whether a value without flags begins as a pickle does: PROTO 2 to 5.
pub(super) fn looks_pickled(bytes: &[u8]) -> bool {
    matches!(bytes, [PROTO, 2..=HIGHEST_PROTOCOL, ..])
}

/// Where the object lies, if `bytes` are the pickle of exactly one bytes object or of one
/// str without surrogates.
pub(super) fn only_object(bytes: &[u8]) -> Option<Range<usize>> {
    let mut reader = Reader { bytes, at: 0 };
    if bytes.first() == Some(&PROTO) {
        reader.take(1)?;
        if reader.byte()? > HIGHEST_PROTOCOL {
            return None;
        }
    }
    let mut object = None;
    loop {
        match reader.byte()? {
            // Only a hint how much to read ahead: large bodies lie outside of frames.
            FRAME => reader.take(8).map(drop)?,
            MEMOIZE if object.is_some() => {}
            BINPUT if object.is_some() => reader.take(1).map(drop)?,
            LONG_BINPUT if object.is_some() => reader.take(4).map(drop)?,
            STOP => return object.filter(|_| reader.at == bytes.len()),
            opcode if object.is_none() => object = Some(reader.object(opcode)?),
            _ => return None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Option<Range<usize>> {
        let range = self.at..self.at.checked_add(len)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn byte(&mut self) -> Option<u8> {
        let range = self.take(1)?;
        self.bytes.get(range.start).copied()
    }

    /// A little-endian length of `width` bytes, at most 8.
    fn length(&mut self, width: usize) -> Option<usize> {
        let range = self.take(width)?;
        let digits = self.bytes.get(range)?.iter().rev();
        let length = digits.fold(0_u64, |length, &digit| length << 8 | u64::from(digit));
        usize::try_from(length).ok()
    }

    fn object(&mut self, opcode: u8) -> Option<Range<usize>> {
        let width = match opcode {
            SHORT_BINBYTES | SHORT_BINSTRING | SHORT_BINUNICODE => 1,
            BINBYTES | BINSTRING | BINUNICODE => 4,
            BINBYTES8 | BINUNICODE8 => 8,
            _ => return None,
        };
        let length = self.length(width)?;
        // BINSTRING's length is signed.
        if opcode == BINSTRING && i32::try_from(length).is_err() {
            return None;
        }
        let range = self.take(length)?;
        if matches!(opcode, SHORT_BINUNICODE | BINUNICODE | BINUNICODE8) {
            // Surrogates, which Python lets pass here, no client could read.
            std::str::from_utf8(self.bytes.get(range.clone())?).ok()?;
        }
        Some(range)
    }
}
