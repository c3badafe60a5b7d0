//! The list of headers that a page varies on (`learn_cache_key()`).

use super::{Pickle, not_read, wrong};
use crate::outcome::{Failure, Miss};
use crate::page::Rejection;
use crate::page::pickle::{Tree, Value};
use crate::pipeline::Value as Stored;

/// Headers in one list; nobody varies on more.
const NAMES_MAX: usize = 64;
/// Length of a name in bytes.
const NAME_MAX: usize = 256;

/// Names of headers as WSGI writes them (`HTTP_ACCEPT_LANGUAGE`), in the order in which their
/// values enter the key. At most 64 names of 256 bytes.
#[derive(Clone, Debug, Default)]
pub struct HeaderList {
    names: Vec<u8>,
    /// The value that it was read from, if that is short.
    source: Option<Stored>,
}

/// Longer values are not kept beside what they say, in bytes.
const SOURCE_MAX: usize = 512;

impl Eq for HeaderList {}

/// Lists are equal that name the same, however that is written.
impl PartialEq for HeaderList {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl HeaderList {
    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.names.split_inclusive(|&byte| byte == b'\n');
        lines.map(|name| name.strip_suffix(b"\n").unwrap_or(name))
    }

    /// Whether the page is the same for everybody.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        self.names.capacity() + self.source.as_ref().map_or(0, |source| source.bytes.capacity())
    }

    /// Whether it was read from the very same bytes: then nothing else can be read from them.
    pub fn was_read_from(&self, value: &Stored) -> bool {
        self.source.as_ref() == Some(value)
    }

    /// Keeps what it was read from, if there is memory for that.
    pub(super) fn keep(&mut self, value: &Stored) {
        let mut bytes = Vec::new();
        if value.bytes.len() <= SOURCE_MAX && bytes.try_reserve_exact(value.bytes.len()).is_ok() {
            bytes.extend_from_slice(&value.bytes);
            self.source = Some(Stored { flags: value.flags, bytes });
        }
    }

    fn push(&mut self, name: &[u8]) -> Result<(), Failure> {
        self.names.try_reserve(name.len() + 1).map_err(|_| Failure::Memory)?;
        self.names.extend_from_slice(name);
        self.names.push(b'\n');
        Ok(())
    }
}

pub(super) fn read(tree: &Tree, pickle: &Pickle<'_>) -> Result<HeaderList, Rejection> {
    let Some(items) = tree.list(tree.root()) else {
        return not_read(tree, pickle, tree.root(), "not a list of headers");
    };
    let mut list = HeaderList::default();
    let mut varies_on_everything = false;
    for (count, item) in items.enumerate() {
        let at = tree.at(item, pickle.end());
        let Value::Str(span) = item else {
            return not_read(tree, pickle, item, "header name is not a string");
        };
        let name = pickle.get(span);
        if count >= NAMES_MAX || name.len() > NAME_MAX {
            return wrong(at, "header list too large");
        }
        if name == b"HTTP_*" {
            varies_on_everything = true;
        } else if !is_wsgi_name(name) {
            return wrong(at, "malformed header name");
        }
        list.push(name)?;
    }
    if varies_on_everything { Err(Miss::Vary.into()) } else { Ok(list) }
}

/// `HTTP_` and the characters of a token (RFC 9110, section 5.6.2) in upper case; or none, or some
/// and blanks around: Django takes each member of a Vary for a name, also an empty one.
fn is_wsgi_name(name: &[u8]) -> bool {
    let token = |byte: &u8| match byte {
        b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'\t' => true,
        byte => b"!#$%&'+-.^_`|~".contains(byte),
    };
    name.strip_prefix(b"HTTP_").is_some_and(|rest| rest.iter().all(token))
}
