//! From the state of a pickled `HttpResponse` to a page.

use super::{Pickle, cookies, headers, wrong};
use crate::outcome::{Failure, Miss};
use crate::page::pickle::{Class, Items, Tree, Value};
use crate::page::{Body, Page, Rejection};

/// The status codes that are served.
const STATUSES: std::ops::RangeInclusive<i32> = 200..=599;

/// The attributes that matter.
#[derive(Default)]
struct Attributes {
    headers: Option<Value>,
    container: Option<Value>,
    cookies: Option<Value>,
    status: Option<Value>,
    reason: Option<Value>,
    closers: Option<Value>,
    rendered: Option<Value>,
}

impl Attributes {
    /// As in a dict, what is set last counts.
    fn of(pickle: &Pickle<'_>, mut state: Items<'_>) -> Self {
        let mut found = Self::default();
        while let Some((key, value)) = state.pair() {
            let Value::Str(key) = key else { continue };
            let slot = match pickle.get(key) {
                b"headers" => &mut found.headers,
                b"_container" => &mut found.container,
                b"cookies" => &mut found.cookies,
                b"status_code" => &mut found.status,
                b"_reason_phrase" => &mut found.reason,
                b"_resource_closers" => &mut found.closers,
                b"_is_rendered" => &mut found.rendered,
                _ => continue,
            };
            *slot = Some(value);
        }
        found
    }
}

pub(super) fn page(tree: &Tree, pickle: &Pickle<'_>, max_size: usize) -> Result<Page, Rejection> {
    let end = pickle.end();
    let Some((class @ (Class::Response | Class::Rendered), id)) = tree.object(tree.root()) else {
        return wrong(0, "not a response");
    };
    let Some(state) = tree.state(id) else { return wrong(end, "response without a state") };
    let given = Attributes::of(pickle, state);
    if class == Class::Rendered && given.rendered != Some(Value::Bool(true)) {
        return wrong(end, "template not rendered");
    }
    let status = status(given.status, end)?;
    let reason = reason(tree, pickle, given.reason)?;
    match given.closers {
        None | Some(Value::None) => {}
        Some(closers) => match tree.list(closers).map(|mut list| list.next()) {
            Some(None) => {}
            _ => return wrong(tree.at(closers, end), "resources to close"),
        },
    }
    let fields = match given.headers {
        Some(headers) => headers::read(tree, pickle, headers)?,
        None => return wrong(end, "no headers"),
    };
    let mut body = match given.container {
        Some(container) => body(tree, pickle, container, max_size)?,
        None => return wrong(end, "no content"),
    };
    let cookies = match given.cookies {
        Some(cookies) => cookies::any(tree, pickle, cookies)?,
        None => return wrong(end, "no cookies"),
    };
    if cookies || fields.set_cookie {
        return Err(Miss::SetCookie.into());
    }
    if fields.x_accel {
        return Err(Miss::XAccel.into());
    }
    if matches!(status, 204 | 304) {
        body = body.part(0..0);
    }
    Ok(Page { status, reason, headers: fields.kept, gzip: false, body })
}

/// `status_code` is an attribute only where the view has set one.
fn status(status: Option<Value>, end: usize) -> Result<u16, Rejection> {
    match status {
        None => Ok(200),
        Some(Value::Int(status)) if STATUSES.contains(&status) => {
            u16::try_from(status).or_else(|_| wrong(end, "status"))
        }
        Some(_) => wrong(end, "status"),
    }
}

fn reason(
    tree: &Tree,
    pickle: &Pickle<'_>,
    reason: Option<Value>,
) -> Result<Option<Vec<u8>>, Rejection> {
    match reason {
        None | Some(Value::None) => Ok(None),
        Some(Value::Str(span)) => {
            let phrase = headers::field_value(pickle, span)?;
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(phrase.len()).map_err(|_| Failure::Memory)?;
            bytes.extend_from_slice(&phrase);
            Ok(Some(bytes))
        }
        Some(other) => wrong(tree.at(other, pickle.end()), "reason is not a string"),
    }
}

/// The content: a list of bytes objects, nearly always of one, which is not copied.
fn body(
    tree: &Tree,
    pickle: &Pickle<'_>,
    container: Value,
    max_size: usize,
) -> Result<Body, Rejection> {
    let end = pickle.end();
    let Some(chunks) = tree.list(container) else {
        return wrong(tree.at(container, end), "content is no list");
    };
    let mut len = 0_usize;
    let mut first = None;
    for chunk in chunks.clone() {
        let Value::Bytes(span) = chunk else {
            return wrong(tree.at(chunk, end), "content is not bytes");
        };
        len = len.saturating_add(span.range().len());
        first = first.or(Some(span));
        if len > max_size {
            return Err(Failure::TooLarge.into());
        }
    }
    let Some(first) = first else { return Ok(pickle.owner.clone().part(0..0)) };
    if first.range().len() == len {
        return Ok(pickle.part(first));
    }
    let mut joined = Vec::new();
    joined.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
    for chunk in chunks {
        if let Value::Bytes(span) = chunk {
            joined.extend_from_slice(pickle.get(span));
        }
    }
    Ok(Body::inflated(joined))
}
