//! `format=body`: the stored bytes are the body of the response.

use std::rc::Rc;

use super::inflate::inflate;
use super::pickled::{looks_pickled, only_object};
use super::{Body, Page, Refusal};
use crate::outcome::{Failure, Miss};
use crate::pipeline::Value;

/// memcached clients' flag of a pickled value (python-memcached, pylibmc, pymemcache).
const FLAG_PICKLE: u32 = 1;
/// The same clients' flag of a value compressed by zlib.
const FLAG_ZLIB: u32 = 8;

/// What a location says about the values it reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyOptions {
    /// The largest body, in bytes (`rust_page_cache_max_size`): bounds what a compressed
    /// value may inflate to.
    pub max_size: usize,
    /// memcached flag bits that mark a value as gzip (`rust_page_cache_gzip_flag`).
    pub gzip_flag: u32,
}

/// Reads a stored value as a body: status 200, no stored headers.
///
/// A pickle of one bytes or str object is what Django's Redis backends make of a body;
/// memcached clients say by a flag that a value is pickled.
///
/// # Errors
/// [`Miss::Absent`] for an empty body, [`Miss::Pickled`] for a pickle of anything else,
/// [`Failure::TooLarge`] if it inflates to more than `max_size`,
/// [`Failure::Undecodable`] if it does not inflate, [`Failure::Memory`].
pub fn decode(value: &Rc<Value>, options: &BodyOptions) -> Result<Page, Refusal> {
    let flags = value.flags.unwrap_or(0);
    let gzip = flags & options.gzip_flag != 0;
    let mut body = Body::stored(value);
    if !gzip {
        if flags & FLAG_ZLIB != 0 && !body.is_empty() {
            body = Body::inflated(inflate(&body, options.max_size)?);
        }
        let pickled = match value.flags {
            Some(flags) => flags & FLAG_PICKLE != 0,
            None => looks_pickled(&body),
        };
        if pickled && !body.is_empty() {
            let object = only_object(&body).ok_or(Miss::Pickled)?;
            body = body.part(object);
        }
    }
    if body.is_empty() {
        return Err(Miss::Absent.into());
    }
    if body.len() > options.max_size {
        return Err(Failure::TooLarge.into());
    }
    Ok(Page { status: 200, reason: None, headers: Vec::new(), gzip, body })
}
