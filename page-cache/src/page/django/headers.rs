//! The stored header fields: which of them go to the client.

use super::{Pickle, for_each_attribute, not_read, wrong};
use crate::outcome::Failure;
use crate::page::pickle::{Class, Span, Tree, Value};
use crate::page::{Body, Header, Rejection};

/// Header fields of one page.
const FIELDS_MAX: usize = 256;
/// Room for an ordinary page's fields, so that nothing has to grow.
const USUAL_FIELDS: usize = 12;
/// Names and values of all fields together, in bytes.
const BYTES_MAX: usize = 64 * 1024;

/// What becomes of a stored field.
enum Fate {
    /// It goes to the client.
    Kept,
    /// It says something of one connection or one answer, or is nginx's to say.
    Dropped,
    /// It names further fields that say something of one connection.
    Connection,
    /// The page was made for one client.
    SetCookie,
    /// The page is an order to the server in front of Django.
    XAccel,
}

/// What is asked of a field by its name, given in lower case. Hop-by-hop fields are those
/// of RFC 9110, section 7.6.1, and of Python's `wsgiref.util.is_hop_by_hop()`.
fn fate(name: &[u8]) -> Fate {
    match name {
        b"connection" => Fate::Connection,
        b"set-cookie" | b"set-cookie2" => Fate::SetCookie,
        b"x-accel-redirect" => Fate::XAccel,
        b"date"
        | b"server"
        | b"content-length"
        | b"keep-alive"
        | b"proxy-authenticate"
        | b"proxy-authorization"
        | b"proxy-connection"
        | b"te"
        | b"trailer"
        | b"trailers"
        | b"transfer-encoding"
        | b"upgrade" => Fate::Dropped,
        name if name.starts_with(b"x-accel-") => Fate::Dropped,
        _ => Fate::Kept,
    }
}

/// The fields of a page.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) kept: Vec<Header>,
    pub(super) set_cookie: bool,
    pub(super) x_accel: bool,
}

impl Fields {
    /// Adds a field, or sets it again, where it keeps its place, as in a dict.
    fn keep(&mut self, header: Header, lower: &[u8], perhaps_again: bool) -> Result<(), Failure> {
        if perhaps_again {
            let same = |field: &&mut Header| field.name.eq_ignore_ascii_case(lower);
            if let Some(slot) = self.kept.iter_mut().find(same) {
                *slot = header;
                return Ok(());
            }
        }
        if self.kept.len() == self.kept.capacity() {
            self.kept.try_reserve(USUAL_FIELDS).map_err(|_| Failure::Memory)?;
        }
        self.kept.push(header);
        Ok(())
    }
}

/// One of 64 bits; names that have none in common differ.
fn mark(name: &[u8]) -> u64 {
    let end = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or(0));
    let mixed = end(name.first()) * 5 + end(name.last()) * 11 + end(name.get(name.len() / 2));
    1 << (mixed % 64)
}

/// Reads the `_store` of `ResponseHeaders`: a name in lower case leads to the name as it was
/// written and the value.
pub(super) fn read(tree: &Tree, pickle: &Pickle<'_>, store: Value) -> Result<Fields, Rejection> {
    let Some(mut pairs) = tree.dict(store) else {
        return not_read(tree, pickle, store, "headers are no dict");
    };
    let mut fields = Fields::default();
    let mut connection = None;
    let mut marks = 0;
    let mut bytes = 0;
    while let Some((key, field)) = pairs.pair() {
        let (key, name, value) = field_of(tree, pickle, key, field)?;
        let lower = pickle.get(key);
        let header = header(pickle, lower, name, value)?;
        // With the blanks that are taken off: they have been looked at.
        bytes += header.name.len() + value.range().len();
        if fields.kept.len() >= FIELDS_MAX || bytes > BYTES_MAX {
            return wrong(key.range().start, "headers too large");
        }
        match fate(lower) {
            Fate::Kept => {
                let mark = mark(lower);
                fields.keep(header, lower, marks & mark != 0)?;
                marks |= mark;
            }
            Fate::Dropped => {}
            Fate::Connection => connection = Some(header.value),
            Fate::SetCookie => fields.set_cookie = true,
            Fate::XAccel => fields.x_accel = true,
        }
    }
    if let Some(connection) = connection {
        fields.kept.retain(|header| !nominates(&connection, &header.name));
    }
    Ok(fields)
}

/// The `_store` of `ResponseHeaders`.
pub(super) fn store(tree: &Tree, pickle: &Pickle<'_>, headers: Value) -> Result<Value, Rejection> {
    let state = match tree.object(headers) {
        Some((Class::Headers, id)) => tree.state(id),
        _ => None,
    };
    let mut store = None;
    for_each_attribute(tree, pickle, state, |name, value| {
        if name == b"_store" {
            store = Some(value);
        }
    })?;
    match store {
        Some(store) => Ok(store),
        None => not_read(tree, pickle, headers, "headers are no ResponseHeaders"),
    }
}

fn field_of(
    tree: &Tree,
    pickle: &Pickle<'_>,
    key: Value,
    field: Value,
) -> Result<(Span, Span, Span), Rejection> {
    let mut parts = tree.tuple(field);
    let mut part = || parts.as_mut().and_then(Iterator::next);
    let odd = match (key, part(), part(), part()) {
        (Value::Str(key), Some(Value::Str(name)), Some(Value::Str(value)), None) => {
            return Ok((key, name, value));
        }
        (Value::Str(_), Some(Value::Str(_)), Some(value), None) => value,
        (Value::Str(_), Some(name), _, _) => name,
        (Value::Str(_), None, _, _) => field,
        _ => key,
    };
    not_read(tree, pickle, odd, "header is no pair of strings")
}

/// A field, checked: its name is a token that its key is the lower case of, its value has no
/// control characters and is latin-1 (RFC 9110, sections 5.1 and 5.5).
fn header(pickle: &Pickle<'_>, lower: &[u8], name: Span, value: Span) -> Result<Header, Rejection> {
    let written = pickle.get(name);
    let at = name.range().start;
    if written.is_empty() || written.len() != lower.len() {
        return wrong(at, "header name is not its key's");
    }
    let (mut token, mut same) = (true, true);
    for (&byte, &key) in written.iter().zip(lower) {
        let expected = lower_of_token(byte);
        token &= expected != 0;
        same &= expected == key;
    }
    if !token {
        return wrong(at, "malformed header name");
    }
    if !same {
        return wrong(at, "header name is not its key's");
    }
    Ok(Header { name: pickle.part(name), value: field_value(pickle, value)? })
}

/// A value, or reason phrase, as it goes to the client: latin-1, without the blanks around it,
/// which are no part of it (RFC 9110, section 5.5).
pub(super) fn field_value(pickle: &Pickle<'_>, span: Span) -> Result<Body, Rejection> {
    let text = pickle.get(span);
    let at = span.range().start;
    // Without an early end this takes many bytes at a time.
    let (mut control, mut all) = (false, 0);
    for &byte in text {
        control |= (byte < b' ' && byte != b'\t') || byte == 0x7f;
        all |= byte;
    }
    if control {
        return wrong(at, "control character in a header");
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    if all.is_ascii() {
        return Ok(pickle.part_at(at + start..at + end));
    }
    let text = text.get(start..end).unwrap_or_default();
    match latin1(text) {
        Ok(text) => Ok(Body::inflated(text)),
        Err(Some(what)) => wrong(at, what),
        Err(None) => Err(Failure::Memory.into()),
    }
}

fn latin1(text: &[u8]) -> Result<Vec<u8>, Option<&'static str>> {
    let text = std::str::from_utf8(text).map_err(|_| Some("string is not UTF-8"))?;
    let mut out = Vec::new();
    out.try_reserve_exact(text.len()).map_err(|_| None)?;
    for character in text.chars() {
        let byte = u8::try_from(u32::from(character));
        out.push(byte.map_err(|_| Some("header is not latin-1"))?);
    }
    Ok(out)
}

/// The lower case of a character of a token (RFC 9110, section 5.6.2); 0 for any other.
fn lower_of_token(byte: u8) -> u8 {
    const LOWER: [u8; 256] = {
        let others = b"!#$%&'*+-.^_`|~";
        let mut lower = [0; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            if byte.is_ascii_alphanumeric() {
                lower[byte as usize] = byte.to_ascii_lowercase();
            }
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            lower[others[at] as usize] = others[at];
            at += 1;
        }
        lower
    };
    LOWER.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether a Connection field names `name`.
fn nominates(connection: &[u8], name: &[u8]) -> bool {
    connection
        .split(|&byte| byte == b',')
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(name))
}
