//! The stored header fields: which of them go to the client.

use super::wrong;
use crate::outcome::Failure;
use crate::page::pickle::{Class, PickleError, Span, Tree, Value};
use crate::page::{Body, Header, Rejection};

/// Header fields of one page.
const FIELDS_MAX: usize = 256;
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

/// Reads `ResponseHeaders`: in its `_store` a name in lower case leads to the name as it was
/// written and the value.
pub(super) fn read(tree: &Tree, pickle: &Body, headers: Value) -> Result<Fields, Rejection> {
    let end = pickle.len();
    let store = store(tree, pickle, headers);
    let Some(mut pairs) = store.and_then(|store| tree.dict(store)) else {
        return wrong(tree.at(headers, end), "headers are no ResponseHeaders");
    };
    let mut fields = Fields::default();
    let mut keys: Vec<Span> = Vec::new();
    let mut connection = None;
    let mut bytes = 0;
    while let Some((key, field)) = pairs.pair() {
        let (key, name, value) = field_of(tree, key, field)?;
        let lower = pickle.get(key.range()).unwrap_or_default();
        let header = header(pickle, lower, name, value)?;
        bytes += header.name.len() + header.value.len();
        if keys.len() >= FIELDS_MAX || bytes > BYTES_MAX {
            return wrong(key.range().start, "headers too large");
        }
        match fate(lower) {
            Fate::Kept => {
                let same = |key: &Span| pickle.get(key.range()) == Some(lower);
                // A dict keeps the place of a key that is set again.
                match keys.iter().position(same).and_then(|at| fields.kept.get_mut(at)) {
                    Some(slot) => *slot = header,
                    None => {
                        keys.try_reserve(8).map_err(|_| Failure::Memory)?;
                        keys.push(key);
                        fields.kept.try_reserve(8).map_err(|_| Failure::Memory)?;
                        fields.kept.push(header);
                    }
                }
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
fn store(tree: &Tree, pickle: &Body, headers: Value) -> Option<Value> {
    let (Class::Headers, id) = tree.object(headers)? else { return None };
    let mut state = tree.state(id)?;
    let mut store = None;
    while let Some((key, value)) = state.pair() {
        if let Value::Str(key) = key {
            if pickle.get(key.range()) == Some(b"_store") {
                store = Some(value);
            }
        }
    }
    store
}

fn field_of(tree: &Tree, key: Value, field: Value) -> Result<(Span, Span, Span), Rejection> {
    let mut parts = tree.tuple(field);
    let mut part = || parts.as_mut().and_then(Iterator::next);
    match (key, part(), part(), part()) {
        (Value::Str(key), Some(Value::Str(name)), Some(Value::Str(value)), None) => {
            Ok((key, name, value))
        }
        _ => wrong(tree.at(field, tree.at(key, 0)), "header is no pair of strings"),
    }
}

/// A field, checked: its name is a token that its key is the lower case of, its value has no
/// control characters and is latin-1 (RFC 9110, sections 5.1 and 5.5).
fn header(pickle: &Body, lower: &[u8], name: Span, value: Span) -> Result<Header, Rejection> {
    let at = name.range();
    let written = pickle.get(at.clone()).unwrap_or_default();
    let same = written.len() == lower.len()
        && written.iter().zip(lower).all(|(name, key)| name.to_ascii_lowercase() == *key);
    if !same {
        return wrong(at.start, "header name is not its key's");
    }
    if written.is_empty() || !written.iter().all(|&byte| is_token(byte)) {
        return wrong(at.start, "malformed header name");
    }
    Ok(Header { name: pickle.clone().part(at), value: field_value(pickle, value)? })
}

/// A value, or reason phrase, as it goes to the client: latin-1, trimmed.
pub(super) fn field_value(pickle: &Body, span: Span) -> Result<Body, Rejection> {
    let range = span.range();
    let text = pickle.get(range.clone()).unwrap_or_default();
    if !text.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control()) {
        return wrong(range.start, "control character in a header");
    }
    if !text.is_ascii() {
        let text = latin1(text).map_err(|what| match what {
            Some(what) => PickleError { at: range.start, what }.into(),
            None => Rejection::from(Failure::Memory),
        })?;
        return Ok(trimmed(Body::inflated(text)));
    }
    Ok(trimmed(pickle.clone().part(range)))
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

/// Blanks around a value are no part of it (RFC 9110, section 5.5).
fn trimmed(value: Body) -> Body {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = value.iter().position(|byte| !blank(byte)) else { return value.part(0..0) };
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    value.part(start..end)
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a Connection field names `name`.
fn nominates(connection: &[u8], name: &[u8]) -> bool {
    connection
        .split(|&byte| byte == b',')
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(name))
}
