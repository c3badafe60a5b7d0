//! The part of a page's key that stands for the headers it varies on: `_generate_cache_key()`
//! of Django's `django/utils/cache.py`, in the four forms that releases have given it.
//!
//! The values are those that the application sees. It sees what nginx sends on, not what the
//! client sent: a header is taken from the request only where it is the client's own, and from
//! the configuration where that says what it is (`rust_page_cache_set_header`). Of any other
//! nobody here knows the value, and a page that varies on it has no digest.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use md5::{Digest, Md5};

use super::field::{is_clients_own, is_no_field};
use super::lower_hex;
use crate::directive::DjangoVersion;
use crate::outcome::Failure;

/// What the application sees of a request's header.
pub trait RequestHeaders {
    /// Calls `field` with the name and the value of each field that the client sent, in their
    /// order.
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8]));

    /// What the configuration says of the header `name`, which is written as WSGI's
    /// (`HTTP_X_COUNTRY`); nothing if it does not name it (`rust_page_cache_set_header`).
    ///
    /// # Errors
    /// [`Failure::Memory`] if it cannot be evaluated.
    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        let _ = name;
        Ok(None)
    }
}

/// What the configuration says of a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Set<'a> {
    /// The application gets it as the client sent it (`$http_x_country` of X-Country).
    Client,
    /// The application gets this, whatever the client sent; no such field if it is empty.
    Value(&'a [u8]),
}

/// How the values of the headers that a page varies on enter the digest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum VaryForm {
    /// Values one behind the other, nothing for a header that is absent: Django to 5.2.18,
    /// 6.0 to 6.0.9.
    Raw,
    /// As before, and `-,` for a header that is absent: 5.2.19, 6.0.10.
    RawAbsent,
    /// `<len>:<value>,`, and `0:,` for a header that is absent: 6.1 to 6.1.2.
    Netstring,
    /// `<len>:<value>,`, and `-,` for a header that is absent: 6.1.3 and later.
    NetstringAbsent,
}

impl VaryForm {
    /// All forms.
    pub const ALL: [Self; 4] = [Self::Raw, Self::RawAbsent, Self::Netstring, Self::NetstringAbsent];

    /// The form of a release.
    pub const fn for_version(version: DjangoVersion) -> Self {
        let DjangoVersion { major, minor, patch } = version;
        match (major, minor) {
            (..=4, _) | (5, ..=1) => Self::Raw,
            (5, 2) if patch < 19 => Self::Raw,
            (6, 0) if patch < 10 => Self::Raw,
            (5, _) | (6, 0) => Self::RawAbsent,
            (6, 1) if patch < 3 => Self::Netstring,
            (6.., _) => Self::NetstringAbsent,
        }
    }

    /// The word of `django=` for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawAbsent => "raw-absent",
            Self::Netstring => "netstring",
            Self::NetstringAbsent => "netstring-absent",
        }
    }

    fn absorb(self, md5: &mut Md5, value: Option<&[u8]>) {
        match (self, value) {
            (Self::Raw, None) => {}
            (Self::Netstring, None) => md5.update(b"0:,"),
            (Self::RawAbsent | Self::NetstringAbsent, None) => md5.update(b"-,"),
            (Self::Raw | Self::RawAbsent, Some(value)) => md5.update(value),
            (Self::Netstring | Self::NetstringAbsent, Some(value)) => {
                // Writing to a hasher cannot fail.
                let _ = write!(md5, "{}:", value.len());
                md5.update(value);
                md5.update(b",");
            }
        }
    }
}

impl fmt::Display for VaryForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request has no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoDigest {
    /// The client sent a field more than once that the page varies on, or under a name with
    /// `_` that some servers take for it; servers join or drop such fields each in its own
    /// way.
    #[error("a header that the page varies on is there more than once")]
    Duplicate,
    /// A header is not the client's own, and the configuration does not say what it is.
    #[error("a header that the page varies on may be other than the client's")]
    NotOwn {
        /// Which of the names, from 0.
        at: usize,
    },
    /// What the configuration says of a header would be read by servers each in its own way:
    /// blanks at the ends, control characters.
    #[error("the value set for a header that the page varies on has blanks or controls")]
    Unclear {
        /// Which of the names, from 0.
        at: usize,
    },
    /// No memory for it.
    #[error("no memory for the digest")]
    Memory,
}

/// The digest of a page that varies on nothing, in every form: the md5 of nothing.
pub const NOTHING: [u8; 32] = *b"d41d8cd98f00b204e9800998ecf8427e";

/// The digest, lower-case hex md5, of what the application sees of the headers `names`, which
/// are written as WSGI's (`HTTP_ACCEPT_LANGUAGE`), in the order of the list.
///
/// # Errors
/// [`NoDigest`], for the first name that has no value that is sure.
pub fn vary_digest<'a>(
    names: impl Iterator<Item = &'a [u8]>,
    headers: &dyn RequestHeaders,
    form: VaryForm,
) -> Result<[u8; 32], NoDigest> {
    let mut md5 = Md5::new();
    for (at, name) in names.enumerate() {
        if is_no_field(name) {
            form.absorb(&mut md5, None);
            continue;
        }
        let set = match headers.set(name).map_err(|_| NoDigest::Memory)? {
            None if is_clients_own(name) => Set::Client,
            None => return Err(NoDigest::NotOwn { at }),
            Some(set) => set,
        };
        let header = Header { name, at, headers };
        match set {
            Set::Client => header.absorb_clients(&mut md5, form)?,
            Set::Value(value) => header.absorb_given(&mut md5, form, value)?,
        }
    }
    Ok(lower_hex(md5.finalize().into()))
}

/// A header that the page varies on, in one request.
struct Header<'a> {
    /// As WSGI's.
    name: &'a [u8],
    /// Which of the names, from 0.
    at: usize,
    headers: &'a dyn RequestHeaders,
}

impl Header<'_> {
    /// Takes in the value that the client sent.
    fn absorb_clients(&self, md5: &mut Md5, form: VaryForm) -> Result<(), NoDigest> {
        let mut is_there = Ok(false);
        self.headers.for_each(&mut |field, value| {
            let Some(way) = may_become(field, self.name) else { return };
            is_there = match (way, is_there) {
                (_, Err(why)) => Err(why),
                (Way::Some, _) | (_, Ok(true)) => Err(NoDigest::Duplicate),
                (Way::All, Ok(false)) => self.absorb(md5, form, trim(value)).map(|()| true),
            };
        });
        if !is_there? {
            form.absorb(md5, None);
        }
        Ok(())
    }

    /// Takes in the value that the configuration gives. nginx replaces the client's fields of
    /// that name, however many; but not one that is written with `_`.
    fn absorb_given(&self, md5: &mut Md5, form: VaryForm, value: &[u8]) -> Result<(), NoDigest> {
        let mut is_doubtful = false;
        self.headers.for_each(&mut |field, _| {
            is_doubtful |= may_become(field, self.name) == Some(Way::Some);
        });
        if is_doubtful {
            return Err(NoDigest::Duplicate);
        }
        if value.is_empty() {
            form.absorb(md5, None);
            return Ok(());
        }
        // Servers of HTTP take blanks off, those of uwsgi do not; a line feed ends a field.
        if trim(value) != value || value.iter().any(|&byte| is_control(byte)) {
            return Err(NoDigest::Unclear { at: self.at });
        }
        self.absorb(md5, form, value)
    }

    fn absorb(&self, md5: &mut Md5, form: VaryForm, value: &[u8]) -> Result<(), NoDigest> {
        // WSGI has these two as CONTENT_TYPE and CONTENT_LENGTH, where Django does not look for
        // them; by uwsgi's protocol they come as any other.
        if matches!(self.name, b"HTTP_CONTENT_TYPE" | b"HTTP_CONTENT_LENGTH") {
            return Err(NoDigest::Unclear { at: self.at });
        }
        form.absorb(md5, Some(&utf8_of_latin1(value)?));
        Ok(())
    }
}

/// Which application servers take a field for a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// All of them.
    All,
    /// Those that take `_` in the name of a field for what it is in the environment; others
    /// drop such a field, as nginx does without `underscores_in_headers`.
    Some,
}

/// Whether a field becomes `name` in WSGI's environment.
fn may_become(field: &[u8], name: &[u8]) -> Option<Way> {
    let name = name.strip_prefix(b"HTTP_")?;
    let wsgi = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    let is = field.len() == name.len()
        && field.iter().zip(name).all(|(&field, &name)| wsgi(field) == name);
    is.then_some(if field.contains(&b'_') { Way::Some } else { Way::All })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == 0x7f
}

fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|&byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|&byte| !is_blank(byte)).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

/// WSGI's values are latin-1 texts, which Django encodes as UTF-8.
fn utf8_of_latin1(value: &[u8]) -> Result<Cow<'_, [u8]>, NoDigest> {
    if value.is_ascii() {
        return Ok(Cow::Borrowed(value));
    }
    let mut out = Vec::new();
    out.try_reserve_exact(value.len().saturating_mul(2)).map_err(|_| NoDigest::Memory)?;
    for &byte in value {
        out.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 2]).as_bytes());
    }
    Ok(Cow::Owned(out))
}
