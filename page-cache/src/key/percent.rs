//! Percent-encoding (RFC 3986, section 2.1) without allocation.

/// Upper-case digits, as Python's `urllib.parse.quote()` writes them.
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// `%XX` of a byte, in upper case.
pub(crate) fn escape(byte: u8) -> [u8; 3] {
    let digit = |nibble: u8| UPPER_HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    [b'%', digit(byte >> 4), digit(byte & 0x0f)]
}

/// The byte that a `%XX` at the start of `text` stands for, in either case of hex digits.
pub(crate) fn unescape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The decoded bytes of a text, as `urllib.parse.unquote_to_bytes()`: a `%` that does not
/// begin a valid escape stands for itself.
pub(crate) struct Unquote<'a>(&'a [u8]);

impl<'a> Unquote<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self(text)
    }
}

impl Iterator for Unquote<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        if first == b'%' {
            if let Some(byte) = unescape(self.0) {
                self.0 = self.0.get(3..).unwrap_or_default();
                return Some(byte);
            }
        }
        self.0 = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_upper_case() {
        assert_eq!(escape(0x00), *b"%00");
        assert_eq!(escape(0xaf), *b"%AF");
    }

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=u8::MAX {
            assert_eq!(unescape(&escape(byte)), Some(byte));
        }
    }

    #[test]
    fn only_whole_escapes_are_decoded() {
        for (text, decoded) in [
            (&b"%41b%c3%A9"[..], &b"Ab\xc3\xa9"[..]),
            (b"%", b"%"),
            (b"%4", b"%4"),
            (b"%zz%2%41", b"%zz%2A"),
            (b"%2541", b"%41"),
            (b"%%41", b"%A"),
            (b"", b""),
        ] {
            assert_eq!(Unquote::new(text).collect::<Vec<u8>>(), decoded);
        }
    }
}
