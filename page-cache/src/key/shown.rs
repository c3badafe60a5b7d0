//! What of a key may stand in a header or a log.

use std::borrow::Cow;

use super::percent::escape;
use crate::outcome::Failure;

/// A key as `$rust_page_cache_key` shows it: control bytes, bytes from 0x7f on, and a blank at
/// either end are `%XX`, so that it is a field value (RFC 9110, section 5.5), which ends no line
/// and which HTTP/2 takes (RFC 9113, section 8.2.1). `%` stays as it is.
///
/// # Errors
/// [`Failure::Memory`]
pub fn shown(key: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    let last = key.len().saturating_sub(1);
    let stays = |(at, &byte): (usize, &u8)| match byte {
        b' ' => at != 0 && at != last,
        byte => (0x21..0x7f).contains(&byte),
    };
    if key.iter().enumerate().all(stays) {
        return Ok(Cow::Borrowed(key));
    }
    let mut out = Vec::new();
    // Fewer bytes than that would do; keys are short.
    out.try_reserve_exact(3 * key.len()).map_err(|_| Failure::Memory)?;
    for (at, byte) in key.iter().enumerate() {
        if stays((at, byte)) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&escape(*byte));
        }
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_stand_in_a_header_stays() {
        for key in ["", "/a?b=c", ":1:views..GET", "100%", "%0d%0A", "a b  c", "~!\"<>\\"] {
            assert!(matches!(shown(key.as_bytes()), Ok(Cow::Borrowed(_))), "{key}");
        }
    }

    #[test]
    fn the_rest_is_escaped() {
        let cases: [(&[u8], &str); 7] = [
            (b"/x\r\nSet-Cookie: a=b", "/x%0D%0ASet-Cookie: a=b"),
            (b"\0\t\x1f\x7f", "%00%09%1F%7F"),
            (b"caf\xc3\xa9\xff", "caf%C3%A9%FF"),
            (b" a b ", "%20a b%20"),
            (b" ", "%20"),
            (b"  ", "%20%20"),
            (b"%\n", "%%0A"),
        ];
        for (key, expected) in cases {
            assert_eq!(shown(key).as_deref(), Ok(expected.as_bytes()), "{expected}");
        }
    }

    #[test]
    fn every_byte_gives_a_field_value() {
        for byte in 0..=u8::MAX {
            for key in [vec![byte], vec![b'a', byte, b'b']] {
                let text = shown(&key).unwrap_or_default();
                assert!(text.iter().all(|byte| (0x20..0x7f).contains(byte)), "{byte}");
                assert_eq!(text.trim_ascii(), &*text, "{byte}");
            }
        }
    }
}
