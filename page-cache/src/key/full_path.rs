//! The path and query under which Django knows a request: `HttpRequest.get_full_path()`.
//!
//! A WSGI server percent-decodes the path; Django turns bytes that are not UTF-8 into
//! the text `%XX` (`repercent_broken_unicode`) and quotes the result again
//! (`escape_uri_path`), so that `%c3%a9` becomes `%C3%A9`, `%2F` becomes `/`, `;` becomes
//! `%3B` and `%FF` becomes `%25FF`. The query is only made ASCII (`iri_to_uri`).

use std::borrow::Cow;

use super::percent::{Unquote, escape, unescape};
use crate::outcome::Failure;
use crate::request::Target;

/// May stand in a path as it is: `escape_uri_path`'s safe characters.
const PATH: u8 = 1;
/// May stand in a query as it is: `iri_to_uri`'s safe characters, less `#`, which the
/// server has cut before a query exists.
const QUERY: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    class = mark(class, b"/:@&+$,-_.!~*'()", PATH);
    class = mark(class, b"/%[]=:;$&()+,!?*@'~-_.", QUERY);
    class = mark(class, b"0123456789", PATH | QUERY);
    class = mark(class, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", PATH | QUERY);
    mark(class, b"abcdefghijklmnopqrstuvwxyz", PATH | QUERY)
};

const fn mark(mut class: [u8; 256], bytes: &[u8], bit: u8) -> [u8; 256] {
    let mut at = 0;
    while at < bytes.len() {
        class[bytes[at] as usize] |= bit;
        at += 1;
    }
    class
}

fn is(byte: u8, class: u8) -> bool {
    CLASS.get(usize::from(byte)).is_some_and(|bits| bits & class != 0)
}

/// What Django's `get_full_path()` gives for a raw target; for nginx's current path and
/// arguments, the path quoted with Django's path-safe set, `?` and the arguments.
///
/// Borrowed, and made in one pass, when nothing has to change, which is the common case.
/// At most six times as long as the target otherwise.
///
/// # Errors
/// [`Failure::Memory`] if there is no memory for a changed path.
pub fn full_path(target: Target<'_>) -> Result<Cow<'_, [u8]>, Failure> {
    match target {
        Target::Raw(target) => raw(target),
        Target::Current { path, args } => current(path, args),
    }
}

fn raw(target: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    if let Some(same) = unchanged(target) {
        return Ok(Cow::Borrowed(same));
    }
    // gunicorn's split_request_uri(): the origin of an absolute form and a fragment go.
    let target = before(b'#', without_origin(target)).0;
    if let Some(same) = unchanged(target) {
        return Ok(Cow::Borrowed(same));
    }
    let (path, query) = before(b'?', target);
    let mut out = Vec::new();
    push_path(&mut out, path)?;
    if !query.is_empty() {
        push(&mut out, b"?")?;
        push_query(&mut out, query)?;
    }
    Ok(Cow::Owned(out))
}

fn current<'a>(path: &'a [u8], args: &[u8]) -> Result<Cow<'a, [u8]>, Failure> {
    if args.is_empty() && path.iter().all(|&byte| is(byte, PATH)) {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = Vec::new();
    out.try_reserve(path.len() + args.len() + 1).map_err(|_| Failure::Memory)?;
    for &byte in path {
        push_quoted(&mut out, byte, PATH)?;
    }
    if !args.is_empty() {
        push(&mut out, b"?")?;
        push(&mut out, args)?;
    }
    Ok(Cow::Owned(out))
}

/// The target itself, less a bare `?`, if Django would not change it.
fn unchanged(target: &[u8]) -> Option<&[u8]> {
    if target.first() != Some(&b'/') {
        return None;
    }
    let mut at = 0;
    while let Some(&byte) = target.get(at) {
        if is(byte, PATH) {
            at += 1;
        } else if byte == b'%' {
            at += canonical_escape(target.get(at..)?)?;
        } else if byte == b'?' {
            let query = target.get(at + 1..)?;
            if query.is_empty() {
                return target.get(..at);
            }
            return query.iter().all(|&byte| is(byte, QUERY)).then_some(target);
        } else {
            return None;
        }
    }
    Some(target)
}

/// Length of the escapes of one character at the start of `text`, if decoding and
/// quoting give the same text again.
fn canonical_escape(text: &[u8]) -> Option<usize> {
    let first = unescape(text)?;
    let width = match first {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut character = [0; 4];
    for (byte, text) in character.iter_mut().take(width).zip(text.chunks_exact(3)) {
        *byte = unescape(text)?;
        if escape(*byte) != text || is(*byte, PATH) {
            return None;
        }
    }
    // A character cut short leaves zeros behind its lead byte, which is not UTF-8 either.
    std::str::from_utf8(character.get(..width)?).ok()?;
    Some(3 * width)
}

/// The target without `scheme://authority` (RFC 9112, section 3.2.2).
fn without_origin(target: &[u8]) -> &[u8] {
    let scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
    let end = target.iter().position(|byte| !scheme(byte)).unwrap_or(target.len());
    let (scheme, rest) = target.split_at(end);
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) {
        return target;
    }
    let Some(authority) = rest.strip_prefix(b"://") else { return target };
    let end = authority.iter().position(|byte| b"/?#".contains(byte));
    end.and_then(|end| authority.get(end..)).unwrap_or(b"/")
}

/// What stands before and after the first `mark`; nothing after it if there is none.
fn before(mark: u8, text: &[u8]) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&byte| byte == mark).unwrap_or(text.len());
    let (head, tail) = text.split_at(at);
    (head, tail.get(1..).unwrap_or_default())
}

fn push_path(out: &mut Vec<u8>, path: &[u8]) -> Result<(), Failure> {
    let mut decoded = Vec::new();
    decoded.try_reserve_exact(path.len()).map_err(|_| Failure::Memory)?;
    decoded.extend(Unquote::new(path));
    // WSGIRequest: "%s/%s" % (script_name, path_info.replace("/", "", 1)).
    if let Some(slash) = decoded.iter().position(|&byte| byte == b'/') {
        decoded.remove(slash);
    }
    push(out, b"/")?;
    for chunk in decoded.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            push_quoted(out, byte, PATH)?;
        }
        for &byte in chunk.invalid() {
            let [_, high, low] = escape(byte);
            push(out, &[b'%', b'2', b'5', high, low])?;
        }
    }
    Ok(())
}

/// QUERY_STRING is a latin-1 text in WSGI, which `iri_to_uri()` encodes as UTF-8.
fn push_query(out: &mut Vec<u8>, query: &[u8]) -> Result<(), Failure> {
    for &byte in query {
        let mut utf8 = [0; 2];
        for &byte in char::from(byte).encode_utf8(&mut utf8).as_bytes() {
            push_quoted(out, byte, QUERY)?;
        }
    }
    Ok(())
}

fn push_quoted(out: &mut Vec<u8>, byte: u8, safe: u8) -> Result<(), Failure> {
    if is(byte, safe) { push(out, &[byte]) } else { push(out, &escape(byte)) }
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Failure> {
    out.try_reserve(bytes.len()).map_err(|_| Failure::Memory)?;
    out.extend_from_slice(bytes);
    Ok(())
}
