//! `format=body`: the stored bytes are the body of the response.

use std::rc::Rc;

use super::inflate::inflate;
use super::pickled::{looks_pickled, only_object};
use super::{Body, Page, Refusal};
use crate::outcome::{Failure, Miss};
use crate::pipeline::Value;

/// memcached clients' flag of a pickled value (python-memcached, pylibmc, pymemcache).
const FLAG_PICKLE: u32 = 1;
/// The same clients' flag of a value compressed by zlib.
const FLAG_ZLIB: u32 = 8;

/// What a location says about the values it reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyOptions {
    /// The largest body, in bytes (`rust_page_cache_max_size`): bounds what a compressed
    /// value may inflate to.
    pub max_size: usize,
    /// memcached flag bits that mark a value as gzip (`rust_page_cache_gzip_flag`).
    pub gzip_flag: u32,
}

/// Reads a stored value as a body: status 200, no stored headers.
///
/// A pickle of one bytes or str object is what Django's Redis backends make of a body;
/// memcached clients say by a flag that a value is pickled.
///
/// # Errors
/// [`Miss::Absent`] for an empty body, [`Miss::Pickled`] for a pickle of anything else,
/// [`Failure::TooLarge`] if it inflates to more than `max_size`,
/// [`Failure::Undecodable`] if it does not inflate, [`Failure::Memory`].
pub fn decode(value: &Rc<Value>, options: &BodyOptions) -> Result<Page, Refusal> {
    let flags = value.flags.unwrap_or(0);
    let gzip = flags & options.gzip_flag != 0;
    let mut body = Body::stored(value);
    if !gzip {
        if flags & FLAG_ZLIB != 0 && !body.is_empty() {
            body = Body::inflated(inflate(&body, options.max_size)?);
        }
        let pickled = match value.flags {
            Some(flags) => flags & FLAG_PICKLE != 0,
            None => looks_pickled(&body),
        };
        if pickled && !body.is_empty() {
            let object = only_object(&body).ok_or(Miss::Pickled)?;
            body = body.part(object);
        }
    }
    if body.is_empty() {
        return Err(Miss::Absent.into());
    }
    if body.len() > options.max_size {
        return Err(Failure::TooLarge.into());
    }
    Ok(Page { status: 200, reason: None, headers: Vec::new(), gzip, body })
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

    const PLAIN: BodyOptions = BodyOptions { max_size: 1000, gzip_flag: 0 };

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
            (2, b"123", Ok("123")),
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
            (u32::MAX, ZLIB_PICKLE, Ok("page")),
        ] {
            let read = outcome(Some(flags), bytes, &PLAIN);
            assert_eq!(read.as_deref(), expected.as_deref(), "{flags} {}", bytes.escape_ascii());
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
        let options = BodyOptions { gzip_flag: 0x28, ..PLAIN };
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
