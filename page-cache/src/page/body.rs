//! `format=body`: the stored bytes are the body of the response.

use std::rc::Rc;

use super::inflate::inflate;
use super::pickled::{Object, latin1_bytes, latin1_len, looks_pickled, only_object};
use super::{Body, GzipFlag, Page, Refusal};
use crate::outcome::{Failure, Miss};
use crate::pipeline::Value;

/// memcached clients' flag of a pickled value (python-memcached, pylibmc, pymemcache).
const FLAG_PICKLE: u32 = 1;
/// The same clients' flag of a value compressed by zlib.
const FLAG_ZLIB: u32 = 8;
/// pylibmc's and pymemcache's flag of a str.
const FLAG_TEXT: u32 = 16;

/// What a location says about the values it reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyOptions {
    /// The largest body, in bytes (`rust_page_cache_max_size`): bounds what a compressed
    /// value may inflate to.
    pub max_size: usize,
    /// Which values are gzip (`rust_page_cache_gzip_flag`).
    pub gzip_flag: GzipFlag,
}

/// Reads a stored value as a body: status 200, no stored headers.
///
/// A pickle of one bytes or str object is what Django's Redis backends make of a body;
/// memcached clients say by a flag that a value is pickled. Nothing else that a value may
/// begin with is taken for another library's envelope.
///
/// # Errors
/// [`Miss::Flags`] for memcached flags of another meaning, [`Miss::Absent`] for an empty body,
/// [`Miss::Pickled`] for a pickle of anything else, [`Failure::TooLarge`] if it inflates to
/// more than `max_size`, [`Failure::Undecodable`] if it does not inflate, [`Failure::Memory`].
pub fn decode(value: &Rc<Value>, options: &BodyOptions) -> Result<Page, Refusal> {
    let flags = value.flags.unwrap_or(0);
    if foreign_flags(flags, options.gzip_flag) != 0 {
        return Err(Miss::Flags.into());
    }
    let stored = Body::stored(value);
    let marked = flags & options.gzip_flag.bits() != 0;
    let body = if marked { stored } else { opened(stored, value.flags, options.max_size)? };
    if body.is_empty() {
        return Err(Miss::Absent.into());
    }
    if body.len() > options.max_size {
        return Err(Failure::TooLarge.into());
    }
    let gzip = marked || options.gzip_flag == GzipFlag::Magic && body.starts_with(GZIP);
    Ok(Page { status: 200, reason: None, headers: Vec::new(), gzip, body })
}

/// How a gzip stream begins: its mark, and deflate, the only method (RFC 1952, section 2.3.1).
const GZIP: &[u8] = b"\x1f\x8b\x08";

/// What clients of Python put around a body, taken off.
fn opened(mut body: Body, flags: Option<u32>, max_size: usize) -> Result<Body, Refusal> {
    if flags.unwrap_or(0) & FLAG_ZLIB != 0 && !body.is_empty() {
        body = Body::inflated(inflate(&body, max_size)?);
    }
    let pickled = match flags {
        Some(flags) => flags & FLAG_PICKLE != 0,
        None => looks_pickled(&body),
    };
    if !pickled || body.is_empty() {
        return Ok(body);
    }
    match only_object(&body).ok_or(Miss::Pickled)? {
        Object::Plain(range) => Ok(body.part(range)),
        Object::Latin1(range) => {
            let text = body.get(range).unwrap_or_default();
            let len = latin1_len(text);
            if len > max_size {
                return Err(Failure::TooLarge.into());
            }
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
            bytes.extend(latin1_bytes(text));
            Ok(Body::inflated(bytes))
        }
    }
}

/// The bits of memcached's flags that say nothing that is known here: the client that wrote the
/// value has an encoding of its own.
fn foreign_flags(flags: u32, gzip_flag: GzipFlag) -> u32 {
    flags & !(FLAG_PICKLE | FLAG_ZLIB | FLAG_TEXT | gzip_flag.bits())
}

/// What a value's flags may mean, and what to set where it was written, for a log line; `None`
/// if all of them are known.
pub fn flags_hint(flags: u32, gzip_flag: GzipFlag) -> Option<String> {
    // php-memcached has compression from bit 4 on, and the type in four bits below
    // (php_memcached.c); python-memcached, pylibmc and pymemcache have ints and longs.
    const HINTS: [(u32, &str); 4] = [
        (0xe0, "php-memcached compressed it: set Memcached::OPT_COMPRESSION to false there"),
        (
            0x02,
            "Dalli, spymemcached or pecl-memcache compressed it (set compress: false there; where \
                it is gzip, write rust_page_cache_gzip_flag 2), or it is a number",
        ),
        (0x04, "php-memcached serialized it, or it is a number: store a string"),
        (0xff00, "spymemcached or Enyim stored an object: store a string"),
    ];
    let foreign = foreign_flags(flags, gzip_flag);
    let known = HINTS.iter().find(|(bits, _)| foreign & bits != 0).map(|&(_, hint)| hint);
    let hint = known.unwrap_or("store bodies as plain strings");
    (foreign != 0).then(|| format!("{flags} ({foreign} has no meaning here): {hint}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::outcome::Outcome;

    const PICKLE: &[u8] = b"\x80\x05\x95\x08\0\0\0\0\0\0\0C\x04page\x94.";
    const PICKLED_LIST: &[u8] = b"\x80\x05]\x94.";
    const EMPTY_PICKLE: &[u8] = b"\x80\x05\x95\x04\0\0\0\0\0\0\0C\0\x94.";
    /// `zlib.compress()` of `page`, of nothing, and of `PICKLE`.
    const ZLIB: &[u8] = b"x\x9c+HLO\x05\x00\x04\x1a\x01\x9e";
    const ZLIB_EMPTY: &[u8] = b"x\x9c\x03\0\0\0\0\x01";
    const ZLIB_PICKLE: &[u8] =
        b"x\xdak`\x9d\xca\xc1\x00\x01\xce,\x05\x89\xe9\xa9S\xf4\x00\x1f,\x03\xc9";

    const PLAIN: BodyOptions = BodyOptions { max_size: 1000, gzip_flag: GzipFlag::Bits(0) };

    fn value(flags: Option<u32>, bytes: &[u8]) -> Rc<Value> {
        Rc::new(Value { flags, bytes: bytes.to_vec() })
    }

    fn outcome(flags: Option<u32>, bytes: &[u8], options: &BodyOptions) -> Result<String, Outcome> {
        let page = decode(&value(flags, bytes), options)?;
        assert_eq!((page.status, page.reason, page.headers), (200, None, vec![]));
        assert_eq!(page.body.len(), page.body.as_slice().len());
        Ok(format!("{}{}", if page.gzip { "gzip " } else { "" }, page.body.escape_ascii()))
    }

    const ABSENT: Result<&str, Outcome> = Err(Outcome::Miss(Miss::Absent));
    const PICKLED: Result<&str, Outcome> = Err(Outcome::Miss(Miss::Pickled));
    const UNDECODABLE: Result<&str, Outcome> = Err(Outcome::Failure(Failure::Undecodable));

    #[test]
    fn flags_of_memcached_say_how_to_read() {
        let raw_pickle = PICKLE.escape_ascii().to_string();
        for (flags, bytes, expected) in [
            (0, &b"page"[..], Ok("page")),
            (0, PICKLE, Ok(&*raw_pickle)),
            (0, b"", ABSENT),
            (16, b"page", Ok("page")),
            (1, PICKLE, Ok("page")),
            (1, PICKLED_LIST, PICKLED),
            (1, EMPTY_PICKLE, ABSENT),
            (1, b"page", PICKLED),
            (1, b"", ABSENT),
            (8, ZLIB, Ok("page")),
            (8, ZLIB_PICKLE, Ok(&*raw_pickle)),
            (8, ZLIB_EMPTY, ABSENT),
            (8, b"page", UNDECODABLE),
            (8, b"", ABSENT),
            (9, ZLIB_PICKLE, Ok("page")),
            (9, ZLIB, PICKLED),
            (9, ZLIB_EMPTY, ABSENT),
            (9, PICKLE, UNDECODABLE),
            (25, ZLIB_PICKLE, Ok("page")),
        ] {
            let read = outcome(Some(flags), bytes, &PLAIN);
            assert_eq!(read.as_deref(), expected.as_deref(), "{flags} {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn flags_that_are_not_known_are_no_page() {
        for (flags, bytes) in [
            (2, &b"123"[..]),
            (4, b"123"),
            (48, ZLIB),
            (80, b"page"),
            (32 | 8, ZLIB),
            (2 | 1, PICKLE),
            (2, b""),
            (1 << 31, b"page"),
            (u32::MAX, ZLIB_PICKLE),
        ] {
            let expected = Err(Outcome::Miss(Miss::Flags));
            assert_eq!(outcome(Some(flags), bytes, &PLAIN), expected, "{flags}");
            let magic = BodyOptions { gzip_flag: GzipFlag::Magic, ..PLAIN };
            assert_eq!(outcome(Some(flags), bytes, &magic), expected, "{flags}");
            // Who says that they are gzip knows what they are.
            let told = BodyOptions { gzip_flag: GzipFlag::Bits(flags), ..PLAIN };
            assert_ne!(outcome(Some(flags), bytes, &told), expected, "{flags}");
        }
    }

    #[test]
    fn a_hint_says_what_to_set() {
        for (flags, words) in [
            (48, Some("48 (32 has no meaning here): php-memcached compressed it")),
            (80, Some("80 (64 has no meaning here): php-memcached compressed it")),
            (2, Some("2 (2 has no meaning here): Dalli")),
            (3, Some("3 (2 has no meaning here): Dalli")),
            (4, Some("php-memcached serialized it")),
            (2048, Some("spymemcached or Enyim")),
            (1 << 20, Some("1048576 (1048576 has no meaning here): store bodies as plain strings")),
            (0, None),
            (25, None),
        ] {
            let hint = flags_hint(flags, GzipFlag::Magic);
            assert_eq!(hint.is_some(), words.is_some(), "{flags}");
            let hint = hint.unwrap_or_default();
            assert!(hint.contains(words.unwrap_or_default()), "{hint}");
        }
        assert_eq!(flags_hint(2, GzipFlag::Bits(2)), None);
        assert!(flags_hint(6, GzipFlag::Bits(2)).unwrap().starts_with("6 (4 has no"));
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes_where_they_are_asked_for() {
        const GZIP: &[u8] = b"\x1f\x8b\x08\0 and so on";
        const PICKLED_GZIP: &[u8] = b"\x80\x05C\x0e\x1f\x8b\x08\0 and so on\x94.";
        let magic = BodyOptions { gzip_flag: GzipFlag::Magic, ..PLAIN };
        for (flags, bytes, gzip) in [
            (None, GZIP, true),
            (Some(0), GZIP, true),
            (Some(16), GZIP, true),
            (None, PICKLED_GZIP, true),
            (Some(1), PICKLED_GZIP, true),
            (None, b"\x1f\x8b\x09\0", false),
            (None, b"\x1f\x8b", false),
            (None, b" \x1f\x8b\x08", false),
            (None, b"page", false),
            (None, PICKLE, false),
            (Some(0), PICKLED_GZIP, false),
        ] {
            let page = decode(&value(flags, bytes), &magic).unwrap();
            assert_eq!(page.gzip, gzip, "{flags:?} {}", bytes.escape_ascii());
            assert_eq!(page.body.starts_with(b"\x1f\x8b\x08"), gzip);
            assert!(!decode(&value(flags, bytes), &PLAIN).unwrap().gzip);
        }
        // What the flags say is not, is not.
        assert_eq!(outcome(Some(8), GZIP, &magic).as_deref(), UNDECODABLE.as_deref());
        assert_eq!(outcome(Some(1), GZIP, &magic).as_deref(), PICKLED.as_deref());
    }

    /// `pickle.dumps(..., 2)` of CPython 3.13.
    #[test]
    fn protocol_2_has_bytes_as_text() {
        const LATIN1: &[u8] = b"\x80\x02c_codecs\nencode\nq\0X\x05\0\0\0p\xc3\xa9\xc2\x80q\x01X\x06\0\0\0latin1q\x02\x86q\x03Rq\x04.";
        const NONE: &[u8] = b"\x80\x02c__builtin__\nbytes\nq\0)Rq\x01.";
        for flags in [None, Some(1)] {
            assert_eq!(outcome(flags, LATIN1, &PLAIN).as_deref(), Ok("p\\xe9\\x80"));
            assert_eq!(outcome(flags, NONE, &PLAIN).as_deref(), ABSENT.as_deref());
            let limited = |max_size| BodyOptions { max_size, ..PLAIN };
            assert_eq!(outcome(flags, LATIN1, &limited(3)).as_deref(), Ok("p\\xe9\\x80"));
            let too_large = Err(Outcome::Failure(Failure::TooLarge));
            assert_eq!(outcome(flags, LATIN1, &limited(2)), too_large);
        }
    }

    #[test]
    fn envelopes_of_other_libraries_are_bodies() {
        for bytes in [
            &b"\x04\x08I\"\x09page\x06:\x06ET"[..], // Ruby's Marshal
            b"s:4:\"page\";",                       // PHP's serialize()
            b"\0\0\0\x02\x11\x04page",              // igbinary
            b"\xa4page",                            // MessagePack
            b"x\x9c+HLO\x05\0\x04\x1a\x01\x9e",     // zlib
            b"(\xb5/\xfd and so on",                // Zstandard
        ] {
            for flags in [None, Some(0), Some(16)] {
                let shown = bytes.escape_ascii().to_string();
                assert_eq!(outcome(flags, bytes, &PLAIN).as_deref(), Ok(&*shown));
            }
        }
    }

    #[test]
    fn a_value_of_redis_tells_by_its_first_bytes() {
        let zlib = ZLIB.escape_ascii().to_string();
        for (bytes, expected) in [
            (&b"page"[..], Ok("page")),
            (b"", ABSENT),
            (PICKLE, Ok("page")),
            (EMPTY_PICKLE, ABSENT),
            (PICKLED_LIST, PICKLED),
            (b"\x80\x05", PICKLED),
            (b"\x80\x02garbage", PICKLED),
            (b"\x80\x06garbage", Ok("\\x80\\x06garbage")),
            (b"\x80", Ok("\\x80")),
            (ZLIB, Ok(&*zlib)),
        ] {
            let read = outcome(None, bytes, &PLAIN);
            assert_eq!(read.as_deref(), expected.as_deref(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn gzip_comes_before_everything_else() {
        let options = BodyOptions { gzip_flag: GzipFlag::Bits(0x28), ..PLAIN };
        for (flags, bytes, expected) in [
            (0x20, &b"z"[..], Ok("gzip z")),
            (0x08, b"z", Ok("gzip z")),
            (0x29, b"z", Ok("gzip z")),
            (0x20, b"", ABSENT),
            (0x01, b"z", PICKLED),
            (0x10, b"z", Ok("z")),
        ] {
            let read = outcome(Some(flags), bytes, &options);
            assert_eq!(read.as_deref(), expected.as_deref(), "{flags:x}");
        }
        assert_eq!(outcome(None, b"z", &options).as_deref(), Ok("z"));
    }

    #[test]
    fn nothing_is_copied_that_need_not_be() {
        let value = value(None, PICKLE);
        let page = decode(&value, &PLAIN).unwrap();
        assert_eq!(page.body.as_ptr(), value.bytes[13..].as_ptr());
        assert_eq!(page.body.clone().as_ptr(), page.body.as_ptr());
        assert_eq!(Rc::strong_count(&value), 2);
        assert!(page.body.held() >= PICKLE.len());
    }

    #[test]
    fn no_body_is_over_the_limit() {
        let too_large = Err(Outcome::Failure(Failure::TooLarge));
        for (flags, bytes) in [(Some(8), ZLIB), (Some(0), b"page"), (None, PICKLE)] {
            let options = |max_size| BodyOptions { max_size, ..PLAIN };
            assert_eq!(outcome(flags, bytes, &options(4)).as_deref(), Ok("page"));
            assert_eq!(outcome(flags, bytes, &options(3)), too_large);
        }
    }
}
