//! `format=django`: a pickled `HttpResponse` of Django 3.2 to 6.1, perhaps compressed.
//!
//! ```text
//! value -> compress -> pickle -> response -> Page
//!                            \-> header list
//! ```

mod cookies;
mod header_list;
mod headers;
mod phrase;
mod response;

use std::ops::Range;
use std::rc::Rc;

use super::compress::Encoding;
use super::pickle::{self, Items, PickleError, Span, Tree, Value, shown_name};
use super::{Body, GzipFlag, Page, Rejection};
use crate::outcome::Failure;
use crate::pipeline::Value as Stored;

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
pub fn decode(value: &Rc<Stored>, options: &DjangoOptions) -> Result<Page, Rejection> {
    let pickle = open(value, options)?;
    let tree = pickle::load(&pickle)?;
    response::page(&tree, &Pickle::of(&pickle), options.max_size)
}

/// Reads a stored value as the list of headers that a page varies on.
///
/// # Errors
/// [`Miss::Vary`](crate::Miss::Vary) if it contains `HTTP_*`, which stands for everything;
/// else as [`decode()`].
pub fn header_list(value: &Rc<Stored>, options: &DjangoOptions) -> Result<HeaderList, Rejection> {
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
fn open(value: &Rc<Stored>, options: &DjangoOptions) -> Result<Body, Rejection> {
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
        Failure::Undecodable => {
            PickleError::new(0, encoding.left_out().unwrap_or("does not inflate")).into()
        }
        why => why.into(),
    })
}

fn wrong<T>(at: usize, what: &'static str) -> Result<T, Rejection> {
    Err(PickleError::new(at, what).into())
}

/// A value is not what it must be, perhaps because it is of a class that is not known.
fn not_read<T>(
    tree: &Tree,
    pickle: &Pickle<'_>,
    value: Value,
    what: &'static str,
) -> Result<T, Rejection> {
    let class = tree.class_name(value);
    let class = class.and_then(|(module, name)| shown_name(pickle.get(module), pickle.get(name)));
    Err(PickleError { at: tree.at(value, pickle.end()), what, class }.into())
}

/// Calls `attribute` with the name and the value of each item of an object's state. As in a
/// dict, what is set last counts.
fn for_each_attribute(
    tree: &Tree,
    pickle: &Pickle<'_>,
    state: Option<Items<'_>>,
    mut attribute: impl FnMut(&[u8], Value),
) -> Result<(), Rejection> {
    let Some(mut state) = state else { return Ok(()) };
    while let Some((name, value)) = state.pair() {
        // A name of a class of its own could be equal to any other.
        let Value::Str(span) = name else {
            return not_read(tree, pickle, name, "name of an attribute is not a string");
        };
        attribute(pickle.get(span), value);
    }
    Ok(())
}
