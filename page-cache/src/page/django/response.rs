//! From the state of a pickled `HttpResponse` to a page.
//!
//! Django's own classes have the status of the class unless the object has another. A class of
//! the site's own is read where its state says all that is sent, `status_code` too. That it
//! overrides nothing cannot be seen; where its state shows that it does, it is refused.

use super::phrase::phrase;
use super::{Pickle, cookies, for_each_attribute, headers, not_read, wrong};
use crate::outcome::{Failure, Miss};
use crate::page::pickle::{Class, Items, Tree, Value, is_handed_on};
use crate::page::pickled::{latin1_bytes, latin1_len};
use crate::page::{Body, Page, Rejection};

/// The status codes that are served.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

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
    /// One that changes what Django sends, whatever the class.
    replaced: Option<Value>,
    /// One of a class that keeps its content elsewhere.
    elsewhere: Option<Value>,
}

impl Attributes {
    fn of(tree: &Tree, pickle: &Pickle<'_>, state: Items<'_>) -> Result<Self, Rejection> {
        let mut found = Self::default();
        for_each_attribute(tree, pickle, Some(state), |name, value| {
            let slot = match name {
                b"headers" => &mut found.headers,
                b"_container" => &mut found.container,
                b"cookies" => &mut found.cookies,
                b"status_code" => &mut found.status,
                b"_reason_phrase" => &mut found.reason,
                b"_resource_closers" => &mut found.closers,
                b"_is_rendered" => &mut found.rendered,
                // Methods that Django's handlers call, and what they ask for first.
                b"items" | b"render" | b"streaming" => &mut found.replaced,
                b"content" | b"streaming_content" | b"_iterator" | b"file_to_stream" => {
                    &mut found.elsewhere
                }
                _ => return,
            };
            *slot = Some(value);
        })?;
        Ok(found)
    }

    /// Why this cannot be the state of a whole response of that class.
    fn fault(&self, class: Class) -> Option<&'static str> {
        let of_its_own = match class {
            Class::Response(_) | Class::Rendered => false,
            Class::Other(_) => true,
            Class::Streaming(_) => return Some("a streaming response"),
            _ => return Some("not a response"),
        };
        let rendered = match self.rendered {
            None => class != Class::Rendered,
            rendered => rendered == Some(Value::Bool(true)),
        };
        if !rendered {
            Some("template not rendered")
        } else if self.replaced.is_some() {
            Some("an attribute stands for a method")
        } else if of_its_own && self.elsewhere.is_some() {
            Some("its content is elsewhere")
        } else if of_its_own && (self.reason.is_none() || self.closers.is_none()) {
            Some("its state is not an HttpResponse's")
        } else if of_its_own && self.status.is_none() {
            Some("its state has no status_code")
        } else {
            None
        }
    }

    /// `status_code` is an attribute only where the view has set one.
    fn status(&self, class: Class) -> Option<u16> {
        let status = match (self.status, class) {
            (None, Class::Response(status)) => i32::from(status),
            (None, _) => 200,
            (Some(Value::Int(status)), _) => status,
            (Some(_), _) => return None,
        };
        u16::try_from(status).ok().filter(|status| STATUSES.contains(status))
    }

    fn without_closers(&self, tree: &Tree) -> bool {
        match self.closers {
            None | Some(Value::None) => true,
            Some(closers) => tree.list(closers).is_some_and(|mut list| list.next().is_none()),
        }
    }
}

pub(super) fn page(tree: &Tree, pickle: &Pickle<'_>, max_size: usize) -> Result<Page, Rejection> {
    let (end, root) = (pickle.end(), tree.root());
    let not_read = |value, what| not_read(tree, pickle, value, what);
    let Some((class, id)) = tree.object(root) else { return not_read(root, "not a response") };
    let Some(state) = tree.state(id) else { return not_read(root, "response without a state") };
    let given = Attributes::of(tree, pickle, state)?;
    if let Some(what) = given.fault(class) {
        return not_read(root, what);
    }
    if tree.items(id).next().is_some() {
        return not_read(root, "response with items");
    }
    let Some(status) = given.status(class) else {
        return not_read(given.status.unwrap_or(root), "status");
    };
    let reason = reason(tree, pickle, given.reason, status)?;
    if !given.without_closers(tree) {
        return not_read(given.closers.unwrap_or(root), "resources to close");
    }
    let Some(headers) = given.headers else { return wrong(end, "no headers") };
    let store = headers::store(tree, pickle, headers)?;
    let fields = headers::read(tree, pickle, store)?;
    let Some(container) = given.container else { return wrong(end, "no content") };
    let mut body = body(tree, pickle, container, max_size)?;
    let Some(cookies) = given.cookies else { return wrong(end, "no cookies") };
    let sets_cookie = cookies::any(tree, pickle, cookies)?;
    // A class that makes its content itself has none here.
    let has_body = !matches!(status, 204 | 205 | 300..);
    if matches!(class, Class::Other(_)) && body.is_empty() && has_body {
        return not_read(root, "its state has no content");
    }
    let parts = [headers, store, container, cookies].into_iter().chain(given.closers);
    if is_handed_on(tree, id, parts)? {
        return not_read(root, "an object in it holds a part of it");
    }
    if sets_cookie || fields.set_cookie {
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

fn reason(
    tree: &Tree,
    pickle: &Pickle<'_>,
    reason: Option<Value>,
    status: u16,
) -> Result<Option<Vec<u8>>, Rejection> {
    match reason {
        None | Some(Value::None) => phrase(status).map(owned).transpose(),
        Some(Value::Str(span)) => owned(&headers::field_value(pickle, span)?).map(Some),
        Some(other) => not_read(tree, pickle, other, "reason is not a string"),
    }
}

fn owned(phrase: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(phrase.len()).map_err(|_| Failure::Memory)?;
    bytes.extend_from_slice(phrase);
    Ok(bytes)
}

/// The content: a list of bytes objects, nearly always of one, which is not copied.
fn body(
    tree: &Tree,
    pickle: &Pickle<'_>,
    container: Value,
    max_size: usize,
) -> Result<Body, Rejection> {
    let Some(chunks) = tree.list(container) else {
        return not_read(tree, pickle, container, "content is no list");
    };
    let mut len = 0_usize;
    let mut only = None;
    for (count, chunk) in chunks.clone().enumerate() {
        len = len.saturating_add(match chunk {
            Value::Bytes(span) => span.range().len(),
            Value::Latin1(span) => latin1_len(pickle.get(span)),
            _ => return not_read(tree, pickle, chunk, "content is not bytes"),
        });
        only = (count == 0).then_some(chunk);
        if len > max_size {
            return Err(Failure::TooLarge.into());
        }
    }
    if let Some(Value::Bytes(span)) = only {
        return Ok(pickle.part(span));
    }
    let mut joined = Vec::new();
    joined.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
    for chunk in chunks {
        match chunk {
            Value::Bytes(span) => joined.extend_from_slice(pickle.get(span)),
            Value::Latin1(span) => joined.extend(latin1_bytes(pickle.get(span))),
            _ => {}
        }
    }
    Ok(Body::inflated(joined))
}
