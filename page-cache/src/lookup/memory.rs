//! What a worker remembers of a location: hints that save round trips. Each is checked
//! against what the store says, so that a wrong one costs a round trip and nothing else.

use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

use smallvec::SmallVec;

use crate::hash::BuildGiven;
use crate::key::CacheKey;
use crate::page::django::HeaderList;

use super::hint::Hint;

/// Header lists of one generation; two are kept.
const LISTS_MAX: usize = 2048;
/// A longer list is not remembered, so that a location keeps at most 4 MiB of them.
const LIST_BYTES_MAX: usize = 1024;
/// So many lists in a row that are equal make a usual one, which is guessed where nothing is
/// remembered.
const USUAL: u8 = 8;
/// How long a generation lasts, in milliseconds. A list changes only when the application
/// does, and the hint is checked: the time only lets the lists of pages go that nobody asks
/// for any more.
const GENERATION_MS: u64 = 30_000;
/// So many look-ups in a row that find what a page varies on and not the page are no chance.
const FRUITLESS: u32 = 100;
/// How long, in milliseconds, nothing more is said of fruitless look-ups: visitors can cause
/// them.
const SAID_MS: u64 = 3_600_000;
/// Of how many headers it is said that a page varies on them.
const HEADERS_SAID: usize = 8;

/// The memory of one location and worker: what it was told of Django's pages, and what it has
/// said of them. Nothing in it decides which page a request gets.
#[derive(Debug, Default)]
pub struct Memory {
    /// Header lists by a hash of their keys.
    young: HashMap<u128, Rc<HeaderList>, BuildGiven>,
    old: HashMap<u128, Rc<HeaderList>, BuildGiven>,
    /// The list that was heard last, and how often in a row.
    last: Option<Rc<HeaderList>>,
    repeated: u8,
    /// When `young` was begun, in milliseconds of the owner's clock.
    begun: u64,
    /// Look-ups in a row that found what a page varies on and not the page.
    fruitless: u32,
    /// When that was last said.
    said_out_of_date: Option<u64>,
    /// It was said that the form of the Vary digest is not known.
    said_no_form: bool,
    /// Hashes of the headers of which something was said.
    said_of: SmallVec<[u64; HEADERS_SAID]>,
}

impl Memory {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many header lists are remembered: 4096 at most.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether no header list is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list that lay under `key` when it was last looked at; if that is not known, the one
    /// that all pages of this site seem to have.
    pub(super) fn list(&mut self, key: &CacheKey, now: u64) -> Option<Rc<HeaderList>> {
        self.age(now);
        let hash = hash(key);
        if let Some(list) = self.young.get(&hash) {
            return Some(Rc::clone(list));
        }
        if let Some(list) = self.old.remove(&hash) {
            self.insert(hash, Rc::clone(&list), now);
            return Some(list);
        }
        self.usual().cloned()
    }

    fn usual(&self) -> Option<&Rc<HeaderList>> {
        self.last.as_ref().filter(|_| self.repeated >= USUAL)
    }

    /// Remembers the list under `key`; without memory to spare it is forgotten at once.
    pub(super) fn remember(&mut self, key: &CacheKey, list: &Rc<HeaderList>, now: u64) {
        self.age(now);
        if self.last.as_ref() == Some(list) {
            self.repeated = self.repeated.saturating_add(1);
        } else {
            (self.last, self.repeated) = (Some(Rc::clone(list)), 0);
        }
        if self.usual().is_some() {
            // It would be guessed anyway.
            self.forget(key);
        } else if list.held() <= LIST_BYTES_MAX {
            self.insert(hash(key), Rc::clone(list), now);
        } else {
            self.forget(key);
        }
    }

    /// There is no list under `key`.
    pub(super) fn forget(&mut self, key: &CacheKey) {
        let hash = hash(key);
        self.young.remove(&hash);
        self.old.remove(&hash);
    }

    fn insert(&mut self, hash: u128, list: Rc<HeaderList>, now: u64) {
        if self.young.len() >= LISTS_MAX {
            self.turn(now);
        }
        if self.young.try_reserve(1).is_ok() {
            self.young.insert(hash, list);
        }
    }

    fn age(&mut self, now: u64) {
        let lasted = now.saturating_sub(self.begun);
        if lasted >= 2 * GENERATION_MS {
            self.young.clear();
        }
        if lasted >= GENERATION_MS {
            self.turn(now);
        }
    }

    fn turn(&mut self, now: u64) {
        self.old = mem::take(&mut self.young);
        self.begun = now;
    }

    /// A page that varies was found: its key is made in the right way.
    pub(super) fn fruitful(&mut self) {
        self.fruitless = 0;
    }

    /// A page that varies was not found, though its list was. Whether that is a hint by now:
    /// once in a hundred such look-ups without another between them.
    pub(super) fn fruitless(&mut self) -> bool {
        self.fruitless += 1;
        let due = self.fruitless >= FRUITLESS;
        if due {
            self.fruitless = 0;
        }
        due
    }

    /// Whether `hint` may go to the log now: once in a worker's life for each header, once an
    /// hour for what visitors can cause.
    pub fn may_say(&mut self, hint: &Hint, now: u64) -> bool {
        match hint {
            Hint::NoForm(_) => !mem::replace(&mut self.said_no_form, true),
            Hint::NotOwn(header) | Hint::Unclear(header) => {
                let hash = twox_hash::XxHash3_64::oneshot(header.name());
                let new = self.said_of.len() < HEADERS_SAID && !self.said_of.contains(&hash);
                if new {
                    self.said_of.push(hash);
                }
                new
            }
            Hint::OutOfDate => {
                let said = self.said_out_of_date;
                let due = said.is_none_or(|said| now.saturating_sub(said) >= SAID_MS);
                if due {
                    self.said_out_of_date = Some(now);
                }
                due
            }
        }
    }
}

/// Two keys with the same hash only give each other wrong hints.
fn hash(key: &CacheKey) -> u128 {
    twox_hash::XxHash3_128::oneshot(key.as_bytes())
}
