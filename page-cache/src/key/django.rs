//! The two keys of Django's cache middleware (`django/utils/cache.py`): under one lies the
//! list of headers that the page of a URI varies on, under the other the page.

use super::recipe::{concat, md5_hex};
use super::{CacheKey, NoKey, check_length};
use crate::outcome::Failure;
use crate::wire::Protocol;

/// What may stand in a URI as it is: `iri_to_uri()`'s safe characters.
const IRI_SAFE: [bool; 256] = {
    let mut safe = [false; 256];
    let others = b"/#%[]=:;$&()+,!?*@'~-_.";
    let mut byte = 0;
    while byte < 256 {
        safe[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        safe[others[at] as usize] = true;
        at += 1;
    }
    safe
};

fn is_iri_safe(byte: u8) -> bool {
    IRI_SAFE.get(usize::from(byte)).is_some_and(|&safe| safe)
}

/// The absolute URI of a request: `HttpRequest.build_absolute_uri()` for a path without dot
/// segments. `host` is the Host field as it came, `full_path` as
/// [`full_path()`](super::full_path()) makes it.
///
/// # Errors
/// [`Failure::Memory`].
pub fn default_uri(scheme: &[u8], host: &[u8], full_path: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut uri = Vec::new();
    let len = scheme.len() + b"://".len() + host.len() + full_path.len();
    uri.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
    for part in [scheme, b"://", host, full_path] {
        push_quoted(&mut uri, part)?;
    }
    Ok(uri)
}

fn push_quoted(out: &mut Vec<u8>, part: &[u8]) -> Result<(), Failure> {
    if part.iter().all(|&byte| is_iri_safe(byte)) {
        out.try_reserve(part.len()).map_err(|_| Failure::Memory)?;
        out.extend_from_slice(part);
        return Ok(());
    }
    for &byte in part {
        // A WSGI server hands Django latin-1 texts, which iri_to_uri() encodes as UTF-8.
        for &byte in char::from(byte).encode_utf8(&mut [0; 2]).as_bytes() {
            out.try_reserve(3).map_err(|_| Failure::Memory)?;
            if is_iri_safe(byte) {
                out.push(byte);
            } else {
                out.extend_from_slice(&super::percent::escape(byte));
            }
        }
    }
    Ok(())
}

/// The method that a page was stored for: part of its key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PageMethod {
    /// GET
    Get,
    /// HEAD
    Head,
}

/// What the keys of one URI are made of.
#[derive(Clone, Copy, Debug)]
pub struct KeyParts<'a> {
    /// Django's `KEY_PREFIX:VERSION:`.
    pub namespace: &'a [u8],
    /// The middleware's or decorator's `key_prefix`.
    pub prefix: &'a [u8],
    /// The absolute URI.
    pub uri: &'a [u8],
    /// The language code, with `USE_I18N`; empty otherwise.
    pub lang: &'a [u8],
    /// The name of the time zone, with `USE_TZ`; empty otherwise.
    pub timezone: &'a [u8],
}

/// The keys of one URI, for a store that speaks one protocol.
#[derive(Clone, Debug)]
pub struct DjangoKeys {
    protocol: Protocol,
    header: CacheKey,
    /// Lengths of what the keys begin with, and of the prefix, in bytes: the key of a page is
    /// made of that of its header list.
    namespace: usize,
    prefix: usize,
}

const HEADER: &[u8] = b"views.decorators.cache.cache_header.";
const PAGE: &[u8] = b"views.decorators.cache.cache_page.";
/// Length of a digest in hex.
const HEX: usize = 32;

impl DjangoKeys {
    /// Makes the key of the header list, and checks that the store can take those of pages.
    ///
    /// # Errors
    /// [`NoKey::Illegal`] if the store cannot take them: Django has not stored anything then;
    /// [`NoKey::Memory`].
    pub fn new(protocol: Protocol, parts: &KeyParts<'_>) -> Result<Self, NoKey> {
        let KeyParts { namespace, prefix, uri, lang, timezone } = *parts;
        let uri = md5_hex(&[uri]);
        let dot = |part: &[u8]| if part.is_empty() { &b""[..] } else { b"." };
        let (before_lang, before_zone) = (dot(lang), dot(timezone));
        let header = concat(&[
            namespace,
            HEADER,
            prefix,
            b".",
            &uri,
            before_lang,
            lang,
            before_zone,
            timezone,
        ])?;
        let header = CacheKey::new(protocol, header)?;
        // The key of a page is longer than that of its header list.
        let page = header.as_bytes().len() - HEADER.len() + PAGE.len() + b"GET..".len() + HEX;
        check_length(protocol, page)?;
        Ok(Self { protocol, header, namespace: namespace.len(), prefix: prefix.len() })
    }

    /// The key of the header list.
    pub fn header(&self) -> &CacheKey {
        &self.header
    }

    /// The key of the page with this digest of the headers it varies on.
    ///
    /// # Errors
    /// [`NoKey::Illegal`] if the store cannot take it, [`NoKey::Memory`].
    pub fn page(&self, method: PageMethod, digest: &[u8; 32]) -> Result<CacheKey, NoKey> {
        let method: &[u8] = match method {
            PageMethod::Get => b"GET",
            PageMethod::Head => b"HEAD",
        };
        let (namespace, rest) = split(self.header.as_bytes(), self.namespace);
        let (_, rest) = split(rest, HEADER.len());
        let (prefix, rest) = split(rest, self.prefix + 1);
        let (uri, suffix) = split(rest, HEX);
        let key = concat(&[namespace, PAGE, prefix, method, b".", uri, b".", digest, suffix])?;
        Ok(CacheKey::new(self.protocol, key)?)
    }
}

fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, b""))
}
