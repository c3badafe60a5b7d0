//! The path and query under which Django knows a request: `HttpRequest.get_full_path()`.
//!
//! A WSGI server percent-decodes the path; Django turns bytes that are not UTF-8 into
//! the text `%XX` (`repercent_broken_unicode`) and quotes the result again
//! (`escape_uri_path`), so that `%c3%a9` becomes `%C3%A9`, `%2F` becomes `/`, `;` becomes
//! `%3B` and `%FF` becomes `%25FF`. The query is only made ASCII (`iri_to_uri`).

use std::borrow::Cow;

use super::percent::{Unquote, escape, unescape};
use super::utf8::Utf8;
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

/// What Django's `get_full_path()` gives for a raw target, or for nginx's current path and
/// arguments, which nginx escapes and the server of the application decodes again.
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
    if args.is_empty() && path.first() == Some(&b'/') && path.iter().all(|&byte| is(byte, PATH)) {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = Vec::new();
    out.try_reserve(path.len() + args.len() + 1).map_err(|_| Failure::Memory)?;
    push_decoded(&mut out, path)?;
    if !args.is_empty() {
        push(&mut out, b"?")?;
        push_query(&mut out, args)?;
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
    let mut utf8 = Utf8::default();
    for (escapes, text) in (1..).zip(text.chunks_exact(3)) {
        let byte = unescape(text)?;
        if escape(byte) != text || is(byte, PATH) || !utf8.accept(byte) {
            return None;
        }
        if utf8.is_complete() {
            return Some(3 * escapes);
        }
    }
    None
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
    push_decoded(out, &decoded)
}

/// A path without escapes: PATH_INFO.
fn push_decoded(out: &mut Vec<u8>, decoded: &[u8]) -> Result<(), Failure> {
    push(out, b"/")?;
    // WSGIRequest: "%s/%s" % (script_name, path_info.replace("/", "", 1)), where the first
    // slash need not be the first character.
    let mut has_slash = false;
    for chunk in decoded.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            if byte == b'/' && !has_slash {
                has_slash = true;
            } else {
                push_quoted(out, byte, PATH)?;
            }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// Targets and what `get_full_path()` of Django 1.8 to 6.1 under gunicorn makes of them.
    const RAW: &[(&[u8], &str)] = &[
        (b"/", "/"),
        (b"", "/"),
        (b"/plain/", "/plain/"),
        (b"/plain/?", "/plain/"),
        (b"/plain/?a=1&b=2", "/plain/?a=1&b=2"),
        (b"/plain/??a=1?", "/plain/??a=1?"),
        (b"/caf%c3%a9/", "/caf%C3%A9/"),
        (b"/caf%C3%A9/", "/caf%C3%A9/"),
        (b"/caf\xc3\xa9/", "/caf%C3%A9/"),
        (b"/caf\xe9/", "/caf%25E9/"),
        (b"/x%FFy/", "/x%25FFy/"),
        (b"/%E4%BD%A0%FF%C3%A9/", "/%E4%BD%A0%25FF%C3%A9/"),
        (b"/x%E4%BD/", "/x%25E4%25BD/"),
        (b"/x%C0%AFy/", "/x%25C0%25AFy/"),
        (b"/x%ED%A0%80y/", "/x%25ED%25A0%2580y/"),
        (b"/%F0%9F%98%80/", "/%F0%9F%98%80/"),
        (b"/%F0%9F%98/x", "/%25F0%259F%2598/x"),
        (b"/x%zz%4/", "/x%25zz%254/"),
        (b"/x%", "/x%25"),
        (b"/x%25FFy/", "/x%25FFy/"),
        (b"/%2541", "/%2541"),
        (b"/%2%41", "/%252A"),
        (b"/a%2Fb/", "/a/b/"),
        (b"/a%2fb/", "/a/b/"),
        (b"/%41%7e%2d%5f/", "/A~-_/"),
        (b"/a+b/", "/a+b/"),
        (b"/a%2Bb/", "/a+b/"),
        (b"/a%20b/", "/a%20b/"),
        (b"/a b/", "/a%20b/"),
        (b"/a;b=c/", "/a%3Bb%3Dc/"),
        (b"/a%3Bb/", "/a%3Bb/"),
        (b"/a!$&'()*,:@-._~/", "/a!$&'()*,:@-._~/"),
        (b"/a[b]c/", "/a%5Bb%5Dc/"),
        (b"/a|b^c`d{e}\"f<g>\\/", "/a%7Cb%5Ec%60d%7Be%7D%22f%3Cg%3E%5C/"),
        (b"/a//b/", "/a//b/"),
        (b"//a/b", "//a/b"),
        (b"///a", "///a"),
        (b"/%2Fa", "//a"),
        (b"/a/./b/", "/a/./b/"),
        (b"/a/../b/", "/a/../b/"),
        (b"/a/b/..", "/a/b/.."),
        (b"/%2e%2E/a", "/../a"),
        (b"/a/#frag", "/a/"),
        (b"/a?b#c?d", "/a?b"),
        (b"/a#b?c", "/a"),
        (b"/a%23b/", "/a%23b/"),
        (b"/a%3Fb/", "/a%3Fb/"),
        (b"/p?q=caf\xc3\xa9", "/p?q=caf%C3%83%C2%A9"),
        (b"/p?q=caf\xe9", "/p?q=caf%C3%A9"),
        (b"/p?q=caf%c3%a9", "/p?q=caf%c3%a9"),
        (b"/p?q=a+b%20c", "/p?q=a+b%20c"),
        (b"/p?q=\"<>\\^`{|}", "/p?q=%22%3C%3E%5C%5E%60%7B%7C%7D"),
        (b"/p?a[]=1&b[x]=2", "/p?a[]=1&b[x]=2"),
        (b"/p?a=~*'()!,@:/$;", "/p?a=~*'()!,@:/$;"),
        (b"/p?a=%00%0A%7F%zz%", "/p?a=%00%0A%7F%zz%"),
        (b"/p?a b\x00\x7f", "/p?a%20b%00%7F"),
        (b"/a%0Ab%09c/", "/a%0Ab%09c/"),
        (b"/a%00b%7f/", "/a%00b%7F/"),
        (b"http://example.com/plain/?a=1", "/plain/?a=1"),
        (b"HTTP://example.com", "/"),
        (b"http://example.com?a", "/?a"),
        (b"http://example.com#a", "/"),
        (b"h+t.p-1://x/%2f", "//"),
        (b"1http://x/y", "/1http:/x/y"),
        (b"http:/x/y", "/http:x/y"),
        (b"*", "/*"),
        (b"a/b/c", "/ab/c"),
        (b"a%2Fb/c", "/ab/c"),
        (b"%C3/%A9", "/%25C3%25A9"),
        (b"?a=1", "/?a=1"),
        (b"#", "/"),
    ];

    fn full_path_of_raw(target: &[u8]) -> Cow<'_, [u8]> {
        full_path(Target::Raw(target)).unwrap()
    }

    #[test]
    fn a_raw_target_is_what_django_makes_of_it() {
        for (target, path) in RAW {
            let made = full_path_of_raw(target);
            assert_eq!(made.escape_ascii().to_string(), path.as_bytes().escape_ascii().to_string());
        }
    }

    #[test]
    fn nothing_is_allocated_when_nothing_changes() {
        for (target, path) in RAW {
            let same = target.strip_suffix(b"?").unwrap_or(target) == path.as_bytes();
            let borrowed = matches!(full_path_of_raw(target), Cow::Borrowed(_));
            assert!(borrowed || !same, "{}", target.escape_ascii());
        }
        for target in ["/", "/a?b", "/a?", "/%C3%A9%20", "http://example.com/a", "/a#b"] {
            let made = full_path_of_raw(target.as_bytes());
            assert!(matches!(made, Cow::Borrowed(_)), "{target}");
        }
    }

    #[test]
    fn every_byte_of_a_path_and_of_a_query() {
        let path_safe = b"/:@&+$,-_.!~*'()";
        let query_safe = b"/%[]=:;$&()+,!?*@'~-_.";
        for byte in 0..=u8::MAX {
            let is_safe = |safe: &[u8]| byte.is_ascii_alphanumeric() || safe.contains(&byte);
            let quoted = escape(byte);
            let path = match byte {
                _ if is_safe(path_safe) => vec![byte],
                b'?' | b'#' => Vec::new(),
                b'%' => b"%25".to_vec(),
                0x80.. => [b"%25", &quoted[1..]].concat(),
                _ => quoted.to_vec(),
            };
            assert_eq!(*full_path_of_raw(&[b'/', byte]), [b"/", &path[..]].concat());
            let query = match byte {
                _ if is_safe(query_safe) => vec![byte],
                b'#' => Vec::new(),
                0x80..=0xbf => [b"%C2", &quoted[..]].concat(),
                0xc0.. => [b"%C3", &escape(byte - 0x40)[..]].concat(),
                _ => quoted.to_vec(),
            };
            assert_eq!(*full_path_of_raw(&[b'/', b'?', b'q', byte]), [b"/?q", &query[..]].concat());
        }
    }

    #[test]
    fn a_current_path_and_its_arguments_are_quoted_as_those_of_a_target() {
        for (path, args, whole) in [
            (&b"/a/b"[..], &b""[..], &b"/a/b"[..]),
            (b"/a b", b"", b"/a%20b"),
            (b"/caf\xc3\xa9/", b"", b"/caf%C3%A9/"),
            (b"/x\xff%;?#", b"", b"/x%25FF%25%3B%3F%23"),
            (b"/x\xe4\xbd/\xff", b"", b"/x%25E4%25BD/%25FF"),
            (b"//a//b", b"", b"//a//b"),
            (b"/a", b"b=c&d", b"/a?b=c&d"),
            (b"/a", b"^|\"<>\\`{} x", b"/a?%5E%7C%22%3C%3E%5C%60%7B%7D%20x"),
            (b"/a", b"b=\xe9 %zz?", b"/a?b=%C3%A9%20%zz?"),
            (b"", b"", b"/"),
            (b"a", b"b", b"/a?b"),
        ] {
            let made = full_path(Target::Current { path, args }).unwrap();
            assert_eq!(*made, *whole, "{}", path.escape_ascii());
        }
        let plain = full_path(Target::Current { path: b"/a", args: b"" }).unwrap();
        assert!(matches!(plain, Cow::Borrowed(b"/a")));
    }
}
