//! What a worker remembers of a location: hints that save round trips. Each is checked
//! against what the store says, so that a wrong one costs a round trip and nothing else.

use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

use crate::hash::BuildGiven;
use crate::key::CacheKey;
use crate::key::vary::Forms;
use crate::page::django::HeaderList;

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
/// How often, in milliseconds, the forms of the Vary digest that did not answer are asked
/// for again.
const PROBE_MS: u64 = 1000;

/// The memory of one location and worker: what it was told of Django's pages.
#[derive(Debug)]
pub struct Memory {
    /// Header lists by a hash of their keys.
    young: HashMap<u128, Rc<HeaderList>, BuildGiven>,
    old: HashMap<u128, Rc<HeaderList>, BuildGiven>,
    /// The list that was heard last, and how often in a row.
    last: Option<Rc<HeaderList>>,
    repeated: u8,
    /// When `young` was begun, in milliseconds of the owner's clock.
    begun: u64,
    /// The forms of the Vary digest that the site may be using.
    forms: Forms,
    /// When the other forms were asked for.
    probed: Option<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            last: None,
            repeated: 0,
            begun: 0,
            forms: Forms::ALL,
            probed: None,
        }
    }
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

    /// The forms that may answer, as far as is known.
    pub(super) fn forms(&self) -> Forms {
        self.forms
    }

    /// One of `forms` has answered.
    pub(super) fn answered(&mut self, forms: Forms) {
        let both = self.forms.and(forms);
        self.forms = if both.is_empty() { forms } else { both };
    }

    /// Whether the forms that did not answer before may be asked for; if so, not again for a
    /// second.
    pub(super) fn may_probe(&mut self, now: u64) -> bool {
        let due = self.probed.is_none_or(|probed| now.saturating_sub(probed) >= PROBE_MS);
        if due {
            self.probed = Some(now);
        }
        due
    }
}

/// Two keys with the same hash only give each other wrong hints.
fn hash(key: &CacheKey) -> u128 {
    twox_hash::XxHash3_128::oneshot(key.as_bytes())
}
