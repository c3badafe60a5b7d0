//! Lines and numbers, as both protocols write them.

use memchr::memchr;

use super::Violation;

/// A scanner for one line that arrives in pieces; no byte is looked at twice.
#[derive(Clone, Debug)]
pub struct Lines {
    scanned: usize,
}

impl Lines {
    /// A scanner at the start of a line.
    pub const fn new() -> Self {
        Self { scanned: 0 }
    }

    /// The first line of `input` without its CRLF, once it is complete.
    ///
    /// `input` must begin where it began last time until a line was returned.
    /// `longest` tells from what has been seen of the line how long it may be.
    ///
    /// # Errors
    /// [`Violation::LineTooLong`], or [`Violation::LineEnd`] for a bare LF or CR.
    pub fn next<'a>(
        &mut self,
        input: &'a [u8],
        longest: impl FnOnce(&[u8]) -> usize,
    ) -> Result<Option<&'a [u8]>, Violation> {
        let fresh = input.get(self.scanned..).unwrap_or_default();
        let end = memchr(b'\n', fresh).map(|at| self.scanned + at);
        let line = input.get(..end.unwrap_or(input.len())).unwrap_or_default();
        // Beside its CR.
        if line.len() > longest(line).saturating_add(1) {
            return Err(Violation::LineTooLong);
        }
        if end.is_none() {
            self.scanned = input.len();
            return Ok(None);
        }
        self.scanned = 0;
        let line = line.strip_suffix(b"\r").ok_or(Violation::LineEnd)?;
        if line.contains(&b'\r') {
            return Err(Violation::LineEnd);
        }
        Ok(Some(line))
    }
}

/// An unsigned decimal: digits only, at most 20 of them (the length of `u64::MAX`).
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
