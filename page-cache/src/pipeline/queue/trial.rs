//! Whether a server answers a `get` of many keys.
//!
//! Not everything that speaks some memcached does. So a connection that has proven itself asks
//! once for one key twice, when many wait: a server that returns the value twice knows it.

use super::{Lookup, Queue, Waiters};
use crate::outcome::Failure;

/// After so many answers a connection is tried with a `get` of two keys, and after as many
/// again if that told nothing because the key was absent.
const TRIED: u64 = 64;

/// Whether the server answers a `get` of many keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sharing {
    /// Nothing is known.
    #[default]
    Unknown,
    /// It was asked. Of a connection that is gone: it was lost over such a command, perhaps for
    /// that.
    Asked,
    /// It does.
    Proven,
    /// It does not.
    Refused,
}

impl Queue {
    /// Whether it is time to ask.
    pub(super) fn may_try(&self) -> bool {
        self.sharing == Sharing::Unknown && self.answers >= TRIED
    }

    /// Puts the next look-up into the queue twice.
    pub(super) fn double(&mut self) -> Result<usize, Failure> {
        let Some(first) = self.lookups.get(self.sealed) else { return Ok(1) };
        let double = Lookup { waiters: Waiters::new(), is_double: true, ..*first };
        self.lookups.try_reserve(1).map_err(|_| Failure::Memory)?;
        self.lookups.insert(self.sealed + 1, double);
        self.sharing = Sharing::Asked;
        // The numbers of those behind it have changed: they are joined no more, which costs a
        // moment of this connection's life.
        self.joinable.clear();
        Ok(2)
    }

    /// Whether the front look-ups try whether the server knows a `get` of many keys.
    fn is_trial(&self) -> bool {
        self.front().len() == 2 && self.lookups.get(1).is_some_and(|second| second.is_double)
    }

    /// The reply to the front command is complete: what it says of sharing.
    pub(super) fn learn(&mut self) {
        self.answers = self.answers.saturating_add(1);
        let (Some(first), Some(second)) = (self.lookups.front(), self.lookups.get(1)) else {
            return;
        };
        if self.is_trial() {
            self.answers = 0;
            self.sharing = match (first.answered, second.answered) {
                (true, true) => Sharing::Proven,
                (true, false) => Sharing::Refused,
                _ => Sharing::Unknown,
            };
        }
    }
}
