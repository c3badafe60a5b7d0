//! UTF-8 (RFC 3629) checked a byte at a time, so that decoded bytes need no buffer.

/// A character that is being read.
#[derive(Default)]
pub(crate) struct Utf8 {
    character: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Takes the next byte; false if no UTF-8 text goes on like this.
    pub(crate) fn accept(&mut self, byte: u8) -> bool {
        if self.len == 0 && byte.is_ascii() {
            return true;
        }
        let Some(slot) = self.character.get_mut(self.len) else { return false };
        *slot = byte;
        self.len += 1;
        match std::str::from_utf8(self.character.get(..self.len).unwrap_or_default()) {
            Ok(_) => {
                self.len = 0;
                true
            }
            // No error length: more bytes could still make it a character.
            Err(error) => error.error_len().is_none(),
        }
    }

    /// Whether the text may end here.
    pub(crate) fn is_complete(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_utf8(bytes: &[u8]) -> bool {
        let mut utf8 = Utf8::default();
        bytes.iter().all(|&byte| utf8.accept(byte)) && utf8.is_complete()
    }

    #[test]
    fn agrees_with_the_standard_library_on_every_three_bytes() {
        // One byte of each class of RFC 3629's table, and its neighbours.
        let bytes = [
            0x00, 0x2f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
            0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    for text in [&[a, b, c][..], &[a, b, c, 0x80], &[b'a', a, b, c, b'z']] {
                        assert_eq!(is_utf8(text), std::str::from_utf8(text).is_ok(), "{text:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn reads_one_character_after_another() {
        assert!(is_utf8("aé你😀é/./".as_bytes()));
        assert!(is_utf8(b""));
    }
}
