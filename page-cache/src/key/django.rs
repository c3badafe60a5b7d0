//! The two keys of Django's cache middleware (`django/utils/cache.py`): under one lies the
//! list of headers that the page of a URI varies on, under the other the page.

use super::recipe::{concat, md5_hex};
use super::{CacheKey, NoKey};
use crate::outcome::Failure;
use crate::wire::Protocol;

/// May stand in a URI as it is: `iri_to_uri()`'s safe characters.
fn is_iri_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/#%[]=:;$&()+,!?*@'~-_.".contains(&byte)
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
    /// Up to the method, and between the method and the digest, and what follows it.
    head: Vec<u8>,
    uri: [u8; 32],
    suffix: Vec<u8>,
}

impl DjangoKeys {
    /// Makes the key of the header list, and checks that the store can take those of pages.
    ///
    /// # Errors
    /// [`NoKey::Illegal`] if the store cannot take them: Django has not stored anything then;
    /// [`NoKey::Memory`].
    pub fn new(protocol: Protocol, parts: &KeyParts<'_>) -> Result<Self, NoKey> {
        let uri = md5_hex(&[parts.uri]);
        let dot = |part: &[u8]| if part.is_empty() { &b""[..] } else { b"." };
        let suffix = concat(&[dot(parts.lang), parts.lang, dot(parts.timezone), parts.timezone])?;
        let header = concat(&[
            parts.namespace,
            b"views.decorators.cache.cache_header.",
            parts.prefix,
            b".",
            &uri,
            &suffix,
        ])?;
        let head =
            concat(&[parts.namespace, b"views.decorators.cache.cache_page.", parts.prefix, b"."])?;
        let header = CacheKey::new(protocol, header)?;
        let keys = Self { protocol, header, head, uri, suffix };
        // The key of a page is longer than that of its header list.
        keys.page(PageMethod::Get, &[b'0'; 32])?;
        Ok(keys)
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
        let bytes = concat(&[&self.head, method, b".", &self.uri, b".", digest, &self.suffix])?;
        Ok(CacheKey::new(self.protocol, bytes)?)
    }
}
