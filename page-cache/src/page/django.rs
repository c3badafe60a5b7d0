//! `format=django`: a pickled `HttpResponse` of Django 3.2 to 6.1, perhaps compressed.
//!
//! ```text
//! value -> compress -> pickle -> response -> Page
//!                            \-> header list
//! ```

mod cookies;
mod header_list;
mod headers;
mod response;

use std::ops::Range;
use std::rc::Rc;

use super::compress::Encoding;
use super::pickle::{self, PickleError, Span};
use super::{Body, GzipFlag, Page, Rejection};
use crate::outcome::Failure;
use crate::pipeline::Value;

pub use header_list::HeaderList;

/// memcached clients' flag of a value compressed by zlib.
const FLAG_ZLIB: u32 = 8;

/// What a location says about the values it reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DjangoOptions {
    /// The largest value, inflated, and the largest body, in bytes
    /// (`rust_page_cache_max_size`).
    pub max_size: usize,
    /// Which values are gzip (`rust_page_cache_gzip_flag`); here their first bytes tell it, too.
    pub gzip_flag: GzipFlag,
}

/// Reads a stored value as Django's cache middleware does.
///
/// # Errors
/// [`Miss::SetCookie`](crate::Miss::SetCookie) and [`Miss::XAccel`](crate::Miss::XAccel) for
/// a page that was not made for everybody, [`Failure::TooLarge`] over `max_size`,
/// [`Failure::Undecodable`], with the position, for everything that is no page,
/// [`Failure::Memory`].
pub fn decode(value: &Rc<Value>, options: &DjangoOptions) -> Result<Page, Rejection> {
    let pickle = open(value, options)?;
    let tree = pickle::load(&pickle)?;
    response::page(&tree, &Pickle::of(&pickle), options.max_size)
}

/// Reads a stored value as the list of headers that a page varies on.
///
/// # Errors
/// [`Miss::Vary`](crate::Miss::Vary) if it contains `HTTP_*`, which stands for everything;
/// else as [`decode()`].
pub fn header_list(value: &Rc<Value>, options: &DjangoOptions) -> Result<HeaderList, Rejection> {
    let pickle = open(value, options)?;
    let tree = pickle::load(&pickle)?;
    let mut list = header_list::read(&tree, &Pickle::of(&pickle))?;
    list.keep(value);
    Ok(list)
}

/// A pickle: its bytes, and who owns them.
struct Pickle<'a> {
    owner: &'a Body,
    bytes: &'a [u8],
}

impl<'a> Pickle<'a> {
    fn of(owner: &'a Body) -> Self {
        Self { owner, bytes: owner }
    }

    /// The bytes of a string.
    fn get(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// The same, to keep.
    fn part(&self, span: Span) -> Body {
        self.part_at(span.range())
    }

    /// The bytes in a range, to keep.
    fn part_at(&self, range: Range<usize>) -> Body {
        self.owner.clone().part(range)
    }

    /// Where the pickle ends.
    fn end(&self) -> usize {
        self.bytes.len()
    }
}

/// The pickle in a value.
fn open(value: &Rc<Value>, options: &DjangoOptions) -> Result<Body, Rejection> {
    let stored = Body::stored(value);
    let flags = value.flags.unwrap_or(0);
    let encoding = if flags & options.gzip_flag.bits() != 0 {
        Encoding::Gzip
    } else if flags & FLAG_ZLIB != 0 {
        Encoding::Zlib
    } else {
        Encoding::of(&stored)
    };
    encoding.decode(stored, options.max_size).map_err(|why| match why {
        Failure::Undecodable => PickleError { at: 0, what: "does not inflate" }.into(),
        why => why.into(),
    })
}

fn wrong<T>(at: usize, what: &'static str) -> Result<T, Rejection> {
    Err(PickleError { at, what }.into())
}
