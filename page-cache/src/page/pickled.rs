//! The pickle of a single bytes or str object: found, not interpreted.
//!
//! Opcodes are Python's (`Lib/pickle.py`, `Lib/pickletools.py`). Protocols 2 to 5 begin
//! with PROTO; 0 and 1 do not, and memcached clients of Python 2 wrote them. Protocol 2 has no
//! bytes: Python 3 writes a call that makes them of a text, or of nothing.

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
const GLOBAL: u8 = b'c';
const EMPTY_TUPLE: u8 = b')';
const TUPLE2: u8 = 0x86;
const REDUCE: u8 = b'R';

/// The lines of a GLOBAL.
const ENCODE: &[u8] = b"_codecs\nencode\n";
const NO_BYTES: &[u8] = b"__builtin__\nbytes\n";
/// The encoding by which protocol 2 has bytes, as CPython writes it.
pub(super) const LATIN1: &[u8] = b"latin1";

/// The newest protocol.
const HIGHEST_PROTOCOL: u8 = 5;

/// Whether a value without flags begins as a pickle does: PROTO 2 to 5.
pub(super) fn looks_pickled(bytes: &[u8]) -> bool {
    matches!(bytes, [PROTO, 2..=HIGHEST_PROTOCOL, ..])
}

/// The one object of a pickle: where its bytes lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Object {
    /// As they are.
    Plain(Range<usize>),
    /// As the text that latin-1 makes of them, in UTF-8.
    Latin1(Range<usize>),
}

/// Number of the bytes that are written as a text, see [`latin1_bytes()`].
pub(super) fn latin1_len(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

/// The bytes of which latin-1 makes a text: of each character, in UTF-8, all are below U+0100.
pub(super) fn latin1_bytes(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut high = 0;
    text.iter().filter_map(move |&byte| match byte {
        0xc0.. => {
            high = byte << 6;
            None
        }
        0x80.. => Some(high | byte & 0x3f),
        byte => Some(byte),
    })
}

/// Whether a text in UTF-8 is one that latin-1 can make.
pub(super) fn is_latin1(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && text.iter().all(|&byte| byte <= 0xc3)
}

/// Where the object lies, if `bytes` are the pickle of exactly one bytes object or of one
/// str without surrogates.
pub(super) fn only_object(bytes: &[u8]) -> Option<Object> {
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
            STOP => return object.filter(|_| reader.at == bytes.len()),
            opcode if object.is_some() => reader.memo(opcode)?,
            GLOBAL => object = Some(reader.call()?),
            opcode => object = Some(Object::Plain(reader.object(opcode)?)),
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

    /// An opcode that only remembers the value on the stack.
    fn memo(&mut self, opcode: u8) -> Option<()> {
        let width = match opcode {
            MEMOIZE => 0,
            BINPUT => 1,
            LONG_BINPUT => 4,
            _ => return None,
        };
        self.take(width).map(drop)
    }

    /// Any number of them, and the opcode behind.
    fn opcode(&mut self) -> Option<u8> {
        loop {
            let opcode = self.byte()?;
            if !matches!(opcode, MEMOIZE | BINPUT | LONG_BINPUT) {
                return Some(opcode);
            }
            self.memo(opcode)?;
        }
    }

    fn is_next(&mut self, expected: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    /// What Python 3 makes of bytes for protocol 2, behind its first opcode.
    fn call(&mut self) -> Option<Object> {
        let object = if self.is_next(NO_BYTES) {
            (self.opcode()? == EMPTY_TUPLE).then_some(Object::Plain(self.at..self.at))
        } else if self.is_next(ENCODE) {
            let text = self.opcode().filter(|&opcode| opcode == BINUNICODE)?;
            let text = self.object(text)?;
            let encoding = self.opcode().filter(|&opcode| opcode == BINUNICODE)?;
            let encoding = self.object(encoding)?;
            let encodes =
                self.bytes.get(encoding)? == LATIN1 && is_latin1(self.bytes.get(text.clone())?);
            (encodes && self.opcode()? == TUPLE2).then_some(Object::Latin1(text))
        } else {
            None
        };
        object.filter(|_| self.opcode() == Some(REDUCE))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn found(pickle: &[u8]) -> Option<Vec<u8>> {
        only_object(pickle).map(|object| match object {
            Object::Plain(range) => pickle[range].to_vec(),
            Object::Latin1(range) => {
                let bytes: Vec<u8> = latin1_bytes(&pickle[range.clone()]).collect();
                assert_eq!(latin1_len(&pickle[range]), bytes.len());
                bytes
            }
        })
    }

    /// `pickle.dumps()` of CPython 3.13 and 2.7.
    #[test]
    fn pickles_of_one_object() {
        for (pickle, object) in [
            (&b"\x80\x05\x95\x08\0\0\0\0\0\0\0C\x04page\x94."[..], "page"),
            (b"\x80\x04\x95\x07\0\0\0\0\0\0\0\x8c\x03p\xc3\xa9\x94.", "pé"),
            (b"\x80\x03C\x04pageq\0.", "page"),
            (b"\x80\x03B\x04\0\0\0pager\0\0\0\0.", "page"),
            (b"\x80\x02X\x03\0\0\0p\xc3\xa9q\0.", "pé"),
            (b"\x80\x02U\x04pageq\x01.", "page"),
            (b"\x80\x02T\x04\0\0\0page.", "page"),
            (b"X\x03\0\0\0p\xc3\xa9q\0.", "pé"),
            (b"\x80\x05\x8e\x04\0\0\0\0\0\0\0page\x94.", "page"),
            (b"\x80\x05\x8d\x04\0\0\0\0\0\0\0page\x94.", "page"),
            (b"\x80\x05C\x04page\x95\x01\0\0\0\0\0\0\0.", "page"),
            (b"\x80\x05\x95\x04\0\0\0\0\0\0\0C\0\x94.", ""),
        ] {
            assert_eq!(
                found(pickle),
                Some(object.as_bytes().to_vec()),
                "{}",
                pickle.escape_ascii()
            );
        }
    }

    #[test]
    fn pickles_of_anything_else() {
        for pickle in [
            &b""[..],
            b".",
            b"\x80",
            b"\x80\x05",
            b"\x80\x05.",
            b"\x80\x05N.",
            b"\x80\x05K\x01.",
            b"\x80\x06C\x04page.",
            b"\x80\x05C\x04page",
            b"\x80\x05C\x04pag.",
            b"\x80\x05C\x04page.x",
            b"\x80\x05C\x01aC\x01b.",
            b"\x80\x05\x94C\x01a.",
            b"\x80\x05q\0C\x01a.",
            b"\x80\x05C\x01a\x80\x05.",
            b"\x80\x05]\x94C\x01a\x94a.",
            b"\x80\x05C\x01a\x94\x85\x94.",
            b"\x80\x05\x96\x01\0\0\0\0\0\0\0a\x94.",
            b"\x80\x05\x8c\x03\xed\xa0\x80\x94.",
            b"\x80\x05\x8c\x01\xff.",
            b"\x80\x05\x8e\xff\xff\xff\xff\xff\xff\xff\xffpage.",
            b"\x80\x05\x8e\xfe\xff\xff\xff\xff\xff\xff\x7fpage.",
            b"\x80\x02T\xff\xff\xff\xffpage.",
            b"Vpage\np0\n.",
        ] {
            assert_eq!(found(pickle), None, "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn a_frame_is_a_hint_only() {
        let mut pickle = b"\x80\x05\x95\xff\xff\xff\xff\xff\xff\xff\xffB".to_vec();
        pickle.extend(70_000_u32.to_le_bytes());
        pickle.extend([b'x'; 70_000]);
        pickle.extend(b"\x94.");
        assert_eq!(found(&pickle).unwrap().len(), 70_000);
    }

    #[test]
    fn every_prefix_is_refused() {
        let pickle = b"\x80\x05\x95\x08\0\0\0\0\0\0\0C\x04page\x94.";
        for len in 0..pickle.len() {
            assert_eq!(found(&pickle[..len]), None, "{len}");
        }
    }

    #[test]
    fn only_protocols_2_to_5_are_known_by_sight() {
        for (protocol, looks) in [(0, false), (1, false), (2, true), (5, true), (6, false)] {
            assert_eq!(looks_pickled(&[0x80, protocol]), looks, "{protocol}");
        }
        assert!(!looks_pickled(b"\x80"));
        assert!(!looks_pickled(b"<html>"));
    }
}
