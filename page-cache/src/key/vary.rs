//! The part of a page's key that stands for the headers it varies on: `_generate_cache_key()`
//! of Django's `django/utils/cache.py`, in the four forms that releases have given it.

use std::borrow::Cow;
use std::io::Write;

use md5::{Digest, Md5};

use super::lower_hex;
use crate::directive::DjangoVersion;

/// The header fields of a request, as the client sent them.
pub trait RequestHeaders {
    /// Calls `field` with the name and the value of each field, in their order.
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8]));
}

/// How the values of the headers that a page varies on enter the digest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum VaryForm {
    /// Values one behind the other, nothing for a header that is absent: Django to 5.2.18,
    /// 6.0 to 6.0.9.
    Raw = 1,
    /// As before, and `-,` for a header that is absent: 5.2.19, 6.0.10.
    RawAbsent = 2,
    /// `<len>:<value>,`, and `0:,` for a header that is absent: 6.1 to 6.1.2.
    Netstring = 4,
    /// `<len>:<value>,`, and `-,` for a header that is absent: 6.1.3 and later.
    NetstringAbsent = 8,
}

impl VaryForm {
    /// All forms, the strictest first: it confuses fewer requests with one another.
    pub const STRICTEST_FIRST: [Self; 4] =
        [Self::NetstringAbsent, Self::Netstring, Self::RawAbsent, Self::Raw];

    /// The form of a release.
    pub fn for_version(version: DjangoVersion) -> Self {
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

/// A set of [`VaryForm`]s.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Forms(u8);

impl Forms {
    /// Every form.
    pub const ALL: Self = Self(15);
    /// No form.
    pub const NONE: Self = Self(0);

    /// Whether `form` is one of them.
    pub const fn contains(self, form: VaryForm) -> bool {
        self.0 & form as u8 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in one of them.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<VaryForm> for Forms {
    fn from(form: VaryForm) -> Self {
        Self(form as u8)
    }
}

/// A digest, and the forms that all give this one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VaryDigest {
    /// Lower-case hex md5.
    pub hex: [u8; 32],
    /// The forms.
    pub forms: Forms,
}

/// The distinct digests of a request in the wanted forms, the strictest form first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VaryDigests {
    digests: [Option<VaryDigest>; 4],
}

impl VaryDigests {
    /// The digests.
    pub fn iter(&self) -> impl Iterator<Item = VaryDigest> + '_ {
        self.digests.iter().copied().flatten()
    }

    fn add(&mut self, hex: [u8; 32], forms: Forms) {
        for slot in &mut self.digests {
            match slot {
                Some(known) if known.hex == hex => {
                    known.forms = known.forms.or(forms);
                    return;
                }
                Some(_) => {}
                None => {
                    *slot = Some(VaryDigest { hex, forms });
                    return;
                }
            }
        }
    }
}

/// Why a request has no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoDigest {
    /// It has a field more than once that the page varies on; servers join such fields each
    /// in its own way.
    #[error("a header that the page varies on is there more than once")]
    Duplicate,
    /// No memory for it.
    #[error("no memory for the digest")]
    Memory,
}

/// The md5 of nothing.
const EMPTY: [u8; 32] = *b"d41d8cd98f00b204e9800998ecf8427e";

/// The digests of a request's values of the headers `names`, which are written as WSGI's
/// (`HTTP_ACCEPT_LANGUAGE`), in the order of the list.
///
/// # Errors
/// [`NoDigest::Duplicate`] if the request has one of them more than once,
/// [`NoDigest::Memory`].
pub fn vary_digests<'a>(
    names: impl Iterator<Item = &'a [u8]>,
    headers: &dyn RequestHeaders,
    wanted: Forms,
) -> Result<VaryDigests, NoDigest> {
    let mut names = names.peekable();
    let mut digests = VaryDigests::default();
    if names.peek().is_none() {
        digests.add(EMPTY, Forms::ALL);
        return Ok(digests);
    }
    let mut hashers = [const { None }; 4];
    for (slot, form) in hashers.iter_mut().zip(VaryForm::STRICTEST_FIRST) {
        *slot = wanted.contains(form).then(|| (form, Md5::new()));
    }
    for name in names {
        let mut found = Found::Absent;
        if !is_never_there(name) {
            headers.for_each(&mut |field, value| {
                if is_name_of(field, name) {
                    found = match found {
                        Found::Absent => {
                            absorb(&mut hashers, value).map_or(Found::Broken, |()| Found::Once)
                        }
                        Found::Once | Found::Twice => Found::Twice,
                        Found::Broken => Found::Broken,
                    };
                }
            });
        }
        match found {
            Found::Once => {}
            Found::Twice => return Err(NoDigest::Duplicate),
            Found::Broken => return Err(NoDigest::Memory),
            Found::Absent => {
                for (form, md5) in hashers.iter_mut().flatten() {
                    form.absorb(md5, None);
                }
            }
        }
    }
    for (form, md5) in hashers.into_iter().flatten() {
        digests.add(lower_hex(md5.finalize().into()), form.into());
    }
    Ok(digests)
}

/// Whether WSGI's environment never has this name: it has CONTENT_TYPE and CONTENT_LENGTH instead,
/// and no field has an empty name or one with blanks, which Django makes of the members of a Vary
/// (`Vary: , Cookie`).
pub fn is_never_there(name: &[u8]) -> bool {
    matches!(name, b"HTTP_CONTENT_TYPE" | b"HTTP_CONTENT_LENGTH" | b"HTTP_")
        || name.iter().any(u8::is_ascii_whitespace)
}

#[derive(Clone, Copy)]
enum Found {
    Absent,
    Once,
    Twice,
    Broken,
}

fn absorb(hashers: &mut [Option<(VaryForm, Md5)>; 4], value: &[u8]) -> Result<(), NoDigest> {
    let value = utf8_of_latin1(trim(value))?;
    for (form, md5) in hashers.iter_mut().flatten() {
        form.absorb(md5, Some(&value));
    }
    Ok(())
}

/// Whether a field becomes `name` in WSGI's environment. Fields with `_` never get there:
/// servers drop them.
fn is_name_of(field: &[u8], name: &[u8]) -> bool {
    let Some(name) = name.strip_prefix(b"HTTP_") else { return false };
    let wsgi = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    field.len() == name.len()
        && field.iter().zip(name).all(|(&field, &name)| field != b'_' && wsgi(field) == name)
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
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
