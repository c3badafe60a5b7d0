//! What is read of the pickle: lengths, strings, numbers, lines.

use super::super::NAME_MAX;
use super::super::tree::{Span, Value};
use super::{Go, Machine, wrong};

impl<'a> Machine<'a> {
    #[inline]
    pub(super) fn byte(&mut self) -> Go<u8> {
        let Some(&byte) = self.bytes.get(self.at) else { return wrong("truncated") };
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Go<(Span, &'a [u8])> {
        let bytes = self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end));
        let Some(bytes) = bytes else { return wrong("truncated") };
        // In range: the whole pickle is.
        let span = Span { at: self.at as u32, len: len as u32 };
        self.at += len;
        Ok((span, bytes))
    }

    /// A little-endian number of `width` bytes, at most 8.
    #[inline]
    pub(super) fn length(&mut self, width: usize) -> Go<usize> {
        if width == 1 {
            return Ok(usize::from(self.byte()?));
        }
        let (_, digits) = self.take(width)?;
        let length = digits.iter().rev().fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit));
        usize::try_from(length).or_else(|_| wrong("truncated"))
    }

    #[inline]
    pub(super) fn text(&mut self, width: usize) -> Go {
        let len = self.length(width)?;
        let (span, bytes) = self.take(len)?;
        if bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
            return self.push(Value::Str(span));
        }
        // Python lets surrogates pass here; no header and no name has any.
        if is_utf8_with_surrogates(bytes) {
            return self.push(Value::Opaque);
        }
        wrong("string is not UTF-8")
    }

    /// A value of that many bytes, of no interest.
    pub(super) fn opaque(&mut self, len: usize) -> Go {
        self.take(len)?;
        self.push(Value::Opaque)
    }

    pub(super) fn binary(&mut self, width: usize) -> Go {
        let len = self.length(width)?;
        let (span, _) = self.take(len)?;
        self.push(Value::Bytes(span))
    }

    pub(super) fn unsigned(&mut self, width: usize) -> Go {
        let number = self.length(width)?;
        self.push(i32::try_from(number).map_or(Value::Opaque, Value::Int))
    }

    /// A little-endian number in two's complement; of no bytes, zero.
    pub(super) fn signed(&mut self, width: usize) -> Go {
        let (_, digits) = self.take(width)?;
        let Some(&highest) = digits.last() else { return self.push(Value::Int(0)) };
        if width > 4 {
            return self.push(Value::Opaque);
        }
        let sign = if highest & 0x80 == 0 { 0 } else { -1 };
        let number = digits.iter().rev().fold(sign, |sum, &digit| sum << 8 | i32::from(digit));
        self.push(Value::Int(number))
    }

    /// A line of a GLOBAL, without its end.
    pub(super) fn line(&mut self) -> Go<Span> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(NAME_MAX).position(|&byte| byte == b'\n');
        let Some(end) = end else { return wrong("unfinished name") };
        let (span, _) = self.take(end)?;
        self.at += 1;
        Ok(span)
    }
}

/// Whether bytes are UTF-8 but for surrogates, each encoded by itself (Python's
/// `surrogatepass`).
fn is_utf8_with_surrogates(mut bytes: &[u8]) -> bool {
    while let Err(error) = std::str::from_utf8(bytes) {
        let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
        match rest {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
    true
}
