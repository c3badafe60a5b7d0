//! `rust_page_cache_set_header`: what the application sees of a header.

use ngx::ffi::*;
use page_cache::Failure;
use page_cache::key::field::FieldName;
use page_cache::key::vary::Set;
use smallvec::SmallVec;

use crate::evaluate;
use crate::site::Text;
use crate::sys;

/// One `rust_page_cache_set_header FIELD VALUE`.
#[derive(Clone)]
pub struct SetHeader {
    /// The field.
    pub name: FieldName,
    /// What the application gets.
    pub value: Value,
}

/// What the application gets of a field.
#[derive(Clone)]
pub enum Value {
    /// What the client sent (`$http_x_country` of X-Country).
    Client,
    /// This; no such field if it is empty.
    Text(Text),
}

/// `own`, and those of `above` whose fields it does not name.
pub fn added(own: &[SetHeader], above: &[SetHeader]) -> Vec<SetHeader> {
    let is_new = |header: &&SetHeader| own.iter().all(|own| own.name != header.name);
    own.iter().chain(above.iter().filter(is_new)).cloned().collect()
}

/// The values of one request, in the order of the directives, as far as they were asked for. They
/// live in the request's pool.
#[derive(Default)]
pub struct Values(SmallVec<[Option<ngx_str_t>; 4]>);

impl Values {
    fn get(&self, at: usize) -> Option<ngx_str_t> {
        self.0.get(at).copied().flatten()
    }

    fn keep(&mut self, at: usize, value: ngx_str_t) -> Result<(), Failure> {
        let missing = (at + 1).saturating_sub(self.0.len());
        self.0.try_reserve(missing).map_err(|_| Failure::Memory)?;
        self.0.extend(std::iter::repeat_n(None, missing));
        if let Some(slot) = self.0.get_mut(at) {
            *slot = Some(value);
        }
        Ok(())
    }
}

/// What `headers` say of the header `name` (`HTTP_X_COUNTRY`); nothing if they do not name it. It is
/// evaluated when it is asked for first, and never again for this request: a variable may do
/// something beside giving its value.
///
/// # Errors
/// [`Failure::Memory`]
///
/// # Safety
/// `r` must be live for `'a`, `values` be those of `r` and `headers`, and no reference to the
/// record of `r`, nor into it, be held.
pub unsafe fn value<'a>(
    headers: &'a [SetHeader],
    name: &[u8],
    r: *mut ngx_http_request_t,
    values: *mut Values,
) -> Result<Option<Set<'a>>, Failure> {
    let mut all = headers.iter().enumerate();
    let Some((at, header)) = all.find(|(_, header)| header.name.as_wsgi() == name) else {
        return Ok(None);
    };
    let Value::Text(text) = &header.value else { return Ok(Some(Set::Client)) };
    // SAFETY: the caller vouches for all pointers; nothing of `values` is borrowed while nginx
    // evaluates.
    unsafe {
        if let Some(known) = (*values).get(at) {
            return Ok(Some(Set::Value(sys::bytes(known))));
        }
        let value = evaluate::text(r, text)?;
        (*values).keep(at, sys::str_of(value))?;
        Ok(Some(Set::Value(value)))
    }
}

/// Evaluates all of `headers`: a subrequest shares its variables with others, which may `set` them
/// anew before the header list comes.
///
/// # Errors
/// As [`value`].
///
/// # Safety
/// As [`value`].
pub unsafe fn settle(
    headers: &[SetHeader],
    r: *mut ngx_http_request_t,
    values: *mut Values,
) -> Result<(), Failure> {
    for header in headers {
        // SAFETY: the caller vouches for all pointers.
        unsafe { value(headers, header.name.as_wsgi(), r, values)? };
    }
    Ok(())
}
