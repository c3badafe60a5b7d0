//! What a worker holds for clients: equal pages once, and no more than it may.
//!
//! A client that does not read keeps its page in memory, and over HTTP/2 one connection can ask for
//! hundreds. Pages are therefore shared, and counted:
//!
//! - A page that equals, byte for byte, the newest one held under the same key of the same server
//!   is that one; its own memory is given back at once. Nothing else is ever shared.
//! - Each distinct page is charged once, with all the memory that it keeps, to the connection that
//!   brought it in, until the last who holds it lets go. Whoever shares it pays nothing.
//! - Values that wait for the answers to other keys of their request are held in the same way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::ptr;
use std::rc::{Rc, Weak};

use twox_hash::XxHash3_64;

use crate::hash::BuildGiven;
use crate::outcome::Failure;
use crate::page::Page;
use crate::pipeline::Value;

/// Larger pages, in bytes, are taken in only up to half of what may be held, so that a few large
/// ones leave room for many small ones.
pub const SMALL: usize = 64 * 1024;

/// One connection may hold this part of what may be held.
pub const SHARE_OF_CONNECTION: usize = 8;

/// A value that waits for others is not worth counting up to this, in bytes: the request that
/// waits with it takes as much.
pub const NEGLIGIBLE: usize = 1024;

/// Whose a page or value is.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The number of the server: an address, a protocol, a user, a database.
    pub server: u64,
    /// The key.
    pub key: &'a [u8],
    /// The number of the client's connection, the same for all its streams.
    pub connection: u64,
}

/// There is no room for a page: what is asked for and what is there, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("memory")]
pub struct Full {
    /// The memory that the page keeps.
    pub wanted: usize,
    /// What this connection has brought in and is still held.
    pub by_connection: usize,
    /// What is held in all.
    pub in_all: usize,
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::Memory
    }
}

/// The books of one worker.
pub struct Held(Rc<RefCell<Books>>);

/// A page that is held; it is counted until the last clone is dropped.
#[derive(Clone)]
pub struct HeldPage(Rc<Entry<Page>>);

/// A value that is held; it is counted until the last clone is dropped.
#[derive(Clone)]
pub struct HeldValue(Rc<Entry<Rc<Value>>>);

struct Books {
    /// What is held, in bytes.
    in_all: usize,
    /// The same by the connection that brought it in.
    by_connection: HashMap<u64, usize, BuildGiven>,
    pages: Newest<Page>,
    values: Newest<Rc<Value>>,
    /// Of the names, so that nobody outside can make keys that collide.
    seed: u64,
}

/// The newest of what is held under a name, which is a hash of server and key. An entry leaves
/// with what it leads to, so there are no more of them than distinct pages in memory.
type Newest<T> = HashMap<u64, Weak<Entry<T>>, BuildGiven>;

/// Something that is held.
struct Entry<T: Holdable> {
    what: T,
    bytes: usize,
    name: u64,
    connection: u64,
    books: Rc<RefCell<Books>>,
}

/// What can be held.
trait Holdable: PartialEq {
    /// The memory that it keeps, in bytes.
    fn bytes(&self) -> usize;
    fn newest(books: &Books) -> &Newest<Self>
    where
        Self: Sized;
    fn newest_mut(books: &mut Books) -> &mut Newest<Self>
    where
        Self: Sized;
}

impl Holdable for Page {
    fn bytes(&self) -> usize {
        self.held()
    }

    fn newest(books: &Books) -> &Newest<Self> {
        &books.pages
    }

    fn newest_mut(books: &mut Books) -> &mut Newest<Self> {
        &mut books.pages
    }
}

impl Holdable for Rc<Value> {
    fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    fn newest(books: &Books) -> &Newest<Self> {
        &books.values
    }

    fn newest_mut(books: &mut Books) -> &mut Newest<Self> {
        &mut books.values
    }
}

impl Default for Held {
    fn default() -> Self {
        Self::new()
    }
}

impl Held {
    /// Nothing is held, nothing allocated but the books themselves.
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(Books {
            in_all: 0,
            by_connection: HashMap::default(),
            pages: HashMap::default(),
            values: HashMap::default(),
            seed: RandomState::new().hash_one(0_u8),
        })))
    }

    /// Holds `page` for a client: the very same as others hold if it equals theirs. At most
    /// `limit` bytes are held in all (`rust_page_cache_max_memory`).
    ///
    /// # Errors
    /// [`Full`]: it would be too much in all, too much for this connection, or it is a large page
    /// and more than half of the room is in use; or there is no memory for the books.
    pub fn page(&self, page: Page, origin: Origin<'_>, limit: usize) -> Result<HeldPage, Full> {
        self.hold(page, origin, limit).map(HeldPage)
    }

    /// Holds `value` while other answers have to come, as [`Self::page`] does a page; `None` if it
    /// is too short to count.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub fn value(
        &self,
        value: &Rc<Value>,
        origin: Origin<'_>,
        limit: usize,
    ) -> Result<Option<HeldValue>, Full> {
        if value.bytes.capacity() <= NEGLIGIBLE {
            return Ok(None);
        }
        self.hold(Rc::clone(value), origin, limit).map(|entry| Some(HeldValue(entry)))
    }

    /// How much is held, in bytes.
    pub fn in_all(&self) -> usize {
        self.0.borrow().in_all
    }

    /// How many names are known, and how many connections have brought something in that is still
    /// held: no more than there are distinct pages and values.
    pub fn known(&self) -> (usize, usize) {
        let books = self.0.borrow();
        (books.pages.len() + books.values.len(), books.by_connection.len())
    }

    fn hold<T: Holdable>(
        &self,
        what: T,
        origin: Origin<'_>,
        limit: usize,
    ) -> Result<Rc<Entry<T>>, Full> {
        let connection = mixed(origin.connection);
        // What is dropped here is never the last of its kind, so nobody pays back meanwhile.
        let mut books = self.0.borrow_mut();
        let name = books.name(origin);
        let newest = T::newest(&books).get(&name).and_then(Weak::upgrade);
        if let Some(entry) = newest.filter(|entry| entry.what == what) {
            return Ok(entry);
        }
        let bytes = what.bytes();
        books.charge(bytes, connection, limit)?;
        // From here on dropping the entry pays back.
        let entry = Rc::new(Entry { what, bytes, name, connection, books: Rc::clone(&self.0) });
        let newest = T::newest_mut(&mut books);
        // Without memory for its name it is not shared.
        if newest.try_reserve(1).is_ok() {
            newest.insert(name, Rc::downgrade(&entry));
        }
        Ok(entry)
    }
}

impl Books {
    fn name(&self, origin: Origin<'_>) -> u64 {
        XxHash3_64::oneshot_with_seed(self.seed ^ mixed(origin.server), origin.key)
    }

    fn charge(&mut self, bytes: usize, connection: u64, limit: usize) -> Result<(), Full> {
        let by_connection = self.by_connection.get(&connection).copied().unwrap_or(0);
        let full = Full { wanted: bytes, by_connection, in_all: self.in_all };
        let in_all = self.in_all.checked_add(bytes).filter(|&sum| sum <= limit).ok_or(full)?;
        if bytes > SMALL && self.in_all > limit / 2 {
            return Err(full);
        }
        let own = by_connection.saturating_add(bytes);
        if own > limit / SHARE_OF_CONNECTION {
            return Err(full);
        }
        self.by_connection.try_reserve(1).map_err(|_| full)?;
        self.by_connection.insert(connection, own);
        self.in_all = in_all;
        Ok(())
    }

    fn pay_back<T: Holdable>(&mut self, entry: &Entry<T>) {
        self.in_all = self.in_all.saturating_sub(entry.bytes);
        if let Some(own) = self.by_connection.get_mut(&entry.connection) {
            *own = own.saturating_sub(entry.bytes);
            if *own == 0 {
                self.by_connection.remove(&entry.connection);
            }
        }
        // A newer one may have taken the name.
        let newest = T::newest_mut(self);
        if newest.get(&entry.name).is_some_and(|newest| ptr::eq(newest.as_ptr(), entry)) {
            newest.remove(&entry.name);
        }
    }
}

impl<T: Holdable> Drop for Entry<T> {
    fn drop(&mut self) {
        if let Ok(mut books) = self.books.try_borrow_mut() {
            books.pay_back(self);
        }
    }
}

impl Deref for HeldPage {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.0.what
    }
}

impl HeldValue {
    /// The value, the same for all who hold it.
    pub fn value(&self) -> &Rc<Value> {
        &self.0.what
    }
}

/// Numbers that are counted up make poor hashes.
fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
