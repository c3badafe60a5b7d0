//! Pages: what the client gets of a stored value.

pub mod age;
pub mod body;
pub mod cache_control;
mod compress;
pub mod django;
pub mod hidden;
mod inflate;
mod pickle;
mod pickled;
mod rejection;
mod token;

use std::fmt;
use std::mem;
use std::ops::{Deref, Range};
use std::rc::Rc;

use crate::key::lower_hex;
use crate::outcome::{Failure, Miss, Outcome};
use crate::pipeline::Value;

pub use pickle::PickleError;
pub use rejection::Rejection;

/// A response, complete and checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The status code, 200 to 599.
    pub status: u16,
    /// The reason phrase, where it is not the one that nginx has for the status.
    pub reason: Option<Vec<u8>>,
    /// The stored header fields, in their order; none where only a body is stored.
    pub headers: Vec<Header>,
    /// The body is gzip, to be sent with `Content-Encoding: gzip`.
    pub gzip: bool,
    /// The body.
    pub body: Body,
}

impl Page {
    /// Bytes of memory that this page keeps: all that its body and its fields were read from.
    pub fn held(&self) -> usize {
        let mut held = self.body.held()
            + self.headers.capacity() * mem::size_of::<Header>()
            + self.reason.as_ref().map_or(0, Vec::capacity);
        // Fields lie in one pickle, but for those that had to be written anew.
        let mut seen = &self.body;
        for part in self.headers.iter().flat_map(|field| [&field.name, &field.value]) {
            if !part.owner.is_the_same(&self.body.owner) && !part.owner.is_the_same(&seen.owner) {
                held = held.saturating_add(part.held());
                seen = part;
            }
        }
        held
    }
}

/// A header field of a stored page: bytes as they go to the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The name, in the case in which it was stored.
    pub name: Body,
    /// The value.
    pub value: Body,
}

/// Bytes of a page, shared with the value that they came in: cloning copies nothing.
#[derive(Clone)]
pub struct Body {
    owner: Owner,
    range: Range<usize>,
}

#[derive(Clone)]
enum Owner {
    Stored(Rc<Value>),
    Inflated(Rc<Vec<u8>>),
}

impl Owner {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Stored(value) => &value.bytes,
            Self::Inflated(bytes) => bytes,
        }
    }

    /// Whether these are not only equal bytes but the very same.
    fn is_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stored(own), Self::Stored(other)) => Rc::ptr_eq(own, other),
            (Self::Inflated(own), Self::Inflated(other)) => Rc::ptr_eq(own, other),
            _ => false,
        }
    }
}

impl Body {
    /// The whole of a stored value.
    pub fn stored(value: &Rc<Value>) -> Self {
        Self { range: 0..value.bytes.len(), owner: Owner::Stored(Rc::clone(value)) }
    }

    fn inflated(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), owner: Owner::Inflated(Rc::new(bytes)) }
    }

    /// The part `range` of this body; empty if there is no such part.
    fn part(self, range: Range<usize>) -> Self {
        let range = match self.as_slice().get(range.clone()) {
            Some(_) => self.range.start + range.start..self.range.start + range.end,
            None => 0..0,
        };
        Self { range, ..self }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.owner.as_slice().get(self.range.clone()).unwrap_or_default()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Whether these are not only equal bytes but the very same.
    fn is_the_same(&self, other: &Self) -> bool {
        self.owner.is_the_same(&other.owner) && self.range == other.range
    }

    /// Bytes of memory that this body keeps: the body and what it was stored with.
    pub fn held(&self) -> usize {
        match &self.owner {
            Owner::Stored(value) => value.bytes.capacity(),
            Owner::Inflated(bytes) => bytes.capacity(),
        }
    }
}

impl Eq for Body {}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.is_the_same(other) || self.as_slice() == other.as_slice()
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// Which values are gzip already (`rust_page_cache_gzip_flag`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GzipFlag {
    /// Those with one of these bits in memcached's flags; 0: none.
    Bits(u32),
    /// Those that begin as gzip does.
    Magic,
}

impl GzipFlag {
    /// The directive's word: a number of 32 bits, or `magic`.
    pub fn parse(word: &[u8]) -> Option<Self> {
        if word == b"magic" {
            return Some(Self::Magic);
        }
        let digits = std::str::from_utf8(word).ok()?;
        // What parse() takes too: a sign.
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).map(Self::Bits)
    }

    /// The bits of memcached's flags.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bits(bits) => bits,
            Self::Magic => 0,
        }
    }
}

impl Default for GzipFlag {
    fn default() -> Self {
        Self::Bits(0)
    }
}

impl fmt::Display for GzipFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => write!(f, "{bits}"),
            Self::Magic => f.write_str("magic"),
        }
    }
}

/// Why a stored value is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is no page for this request.
    #[error("{}", .0.as_str())]
    Miss(Miss),
    /// It cannot be read.
    #[error("{}", .0.as_str())]
    Failure(Failure),
}

impl From<Miss> for Refusal {
    fn from(why: Miss) -> Self {
        Self::Miss(why)
    }
}

impl From<Failure> for Refusal {
    fn from(why: Failure) -> Self {
        Self::Failure(why)
    }
}

impl From<Refusal> for Outcome {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Miss(why) => Self::Miss(why),
            Refusal::Failure(why) => Self::Failure(why),
        }
    }
}

/// A strong entity tag (RFC 9110, section 8.8.3): quoted lower-case hex.
pub type ETag = [u8; 34];

/// The tag of a page's bytes: XXH3-128 with seed 0, equal in every worker and on every host.
pub fn etag(bytes: &[u8]) -> ETag {
    let hash = lower_hex(twox_hash::XxHash3_128::oneshot(bytes).to_be_bytes());
    let mut tag = [b'"'; 34];
    for (slot, digit) in tag.iter_mut().skip(1).zip(hash) {
        *slot = digit;
    }
    tag
}

/// Computes tags, and the tag of a page that many asked for at once only once.
#[derive(Debug, Default)]
pub struct Tags {
    last: Option<(Body, ETag)>,
}

/// A larger value is not kept for its tag's sake, in bytes.
const TAGGED_MAX: usize = 1024 * 1024;

impl Tags {
    /// None was computed yet.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The tag of a page's bytes, see [`etag()`].
    pub fn of(&mut self, body: &Body) -> ETag {
        if let Some((_, tag)) = self.last.as_ref().filter(|(last, _)| last.is_the_same(body)) {
            return *tag;
        }
        let tag = etag(body);
        self.last = (body.held() <= TAGGED_MAX).then(|| (body.clone(), tag));
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of XXH3-128 with seed 0 (xxHash's own test vectors for the empty input).
    #[test]
    fn an_etag_is_quoted_hex_of_xxh3_128() {
        assert_eq!(etag(b""), *b"\"99aa06d3014798d86001c324468d497f\"");
        assert_eq!(etag(b"a"), *b"\"a96faf705af16834e6c632b61e964e1f\"");
        assert_ne!(etag(b"b"), etag(b"a"));
    }

    #[test]
    fn a_tag_is_that_of_its_bytes_however_it_was_come_by() {
        let body =
            |text: &[u8]| Body::stored(&Rc::new(Value { flags: None, bytes: text.to_vec() }));
        let (page, other, equal) = (body(b"a page"), body(b"another"), body(b"a page"));
        let mut tags = Tags::new();
        for body in [&page, &page, &other, &page, &equal, &page.clone().part(0..3), &page] {
            assert_eq!(tags.of(body), etag(body));
        }
    }

    #[test]
    fn parts_of_a_body_lie_inside_it() {
        let value = Rc::new(Value { flags: None, bytes: b"0123456789".to_vec() });
        let part = Body::stored(&value).part(2..8).part(1..3);
        assert_eq!(part.as_slice(), b"34");
        assert!(part.clone().part(0..3).is_empty());
        assert_eq!(format!("{part:?}"), "Body(2 bytes)");
        let inflated = Body::inflated(b"page".to_vec());
        assert_eq!((&*inflated, inflated.len(), inflated.held() >= 4), (&b"page"[..], 4, true));
    }

    #[test]
    fn a_gzip_flag_is_a_number_or_magic() {
        for (word, flag) in [
            (&b"0"[..], Some(GzipFlag::default())),
            (b"2", Some(GzipFlag::Bits(2))),
            (b"4294967295", Some(GzipFlag::Bits(u32::MAX))),
            (b"magic", Some(GzipFlag::Magic)),
            (b"4294967296", None),
            (b"+2", None),
            (b"-1", None),
            (b"2k", None),
            (b"", None),
            (b"Magic", None),
            (b"\xff", None),
        ] {
            assert_eq!(GzipFlag::parse(word), flag, "{}", word.escape_ascii());
            if let Some(flag) = flag {
                assert_eq!(GzipFlag::parse(flag.to_string().as_bytes()), Some(flag));
            }
        }
    }

    #[test]
    fn a_page_keeps_all_that_its_parts_lie_in() {
        let value = |len| Rc::new(Value { flags: None, bytes: vec![b'x'; len] });
        let (whole, other) = (value(10_000), value(3_000));
        let field = |owner: &Rc<Value>| Header {
            name: Body::stored(owner).part(0..4),
            value: Body::stored(owner).part(8..9),
        };
        let headers = vec![field(&other), field(&other), field(&whole)];
        let body = Body::stored(&whole).part(5..6);
        let page = Page { status: 200, reason: Some(b"OK".to_vec()), headers, gzip: false, body };
        assert_eq!(page.held(), 10_000 + 3_000 + 2 + 3 * size_of::<Header>());
        let bare = Page { reason: None, headers: Vec::new(), ..page };
        assert_eq!(bare.held(), 10_000);
    }

    #[test]
    fn a_refusal_is_an_outcome() {
        assert_eq!(Outcome::from(Refusal::from(Miss::Vary)), Outcome::Miss(Miss::Vary));
        let memory = Refusal::from(Failure::Memory);
        assert_eq!(Outcome::from(memory), Outcome::Failure(Failure::Memory));
        assert_eq!(memory.to_string(), "memory");
    }
}
