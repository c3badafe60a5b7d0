//! The look-ups of one connection, in the order of their replies, and their bytes
//! on the way to the socket.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::mem;

use super::{Limits, Ticket};
use crate::outcome::Failure;
use crate::wire::Protocol;

/// The most look-ups that wait on one connection, and the most waiters for them.
pub const MOST: usize = 65_536;

/// The most bytes that wait to be written.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Buffers that a burst has made larger are given back when they run empty.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_LOOKUPS: usize = 1024;

/// Who waits for a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiter {
    Ticket(Ticket),
    Probe,
}

/// One look-up.
#[derive(Debug)]
pub struct Lookup {
    /// What is looked up; empty when it is written and replies do not repeat it.
    pub key: Vec<u8>,
    /// The largest value that is wanted, in bytes.
    pub max_size: usize,
    /// Nobody, if all of them have been answered already.
    pub waiters: Vec<(Waiter, u64)>,
    /// Place of its bytes in the stream that is written.
    start: u64,
    end: u64,
    /// How much had been received when its last byte was written; `None` before that.
    written_at: Option<u64>,
    /// Of key and limit, for the table of what can be joined.
    hash: u64,
}

impl Lookup {
    /// Whether all of it went to the socket: only then can there be a reply.
    pub fn is_written(&self) -> bool {
        self.written_at.is_some()
    }
}

/// Look-ups, oldest first: written ones, then at most one written in part, then
/// those of which no byte has been written, which can be joined.
#[derive(Debug)]
pub struct Queue {
    protocol: Protocol,
    lookups: VecDeque<Lookup>,
    /// How many look-ups have left the queue: the number of the first one in it.
    left: u64,
    /// How many of those in it are written.
    written: usize,
    /// Hash of key and limit -> number of a look-up of which no byte is written. A
    /// collision only loses a chance to join.
    joinable: HashMap<u64, u64>,
    hasher: RandomState,
    /// Encoded look-ups, of which `gone` bytes went to the socket.
    bytes: Vec<u8>,
    gone: usize,
    /// How many bytes went to the socket since the connection was made.
    sent: u64,
    /// Waiters in the queue.
    waiting: usize,
    /// No waiter's deadline is before this.
    earliest: u64,
}

impl Queue {
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            lookups: VecDeque::new(),
            left: 0,
            written: 0,
            joinable: HashMap::new(),
            hasher: RandomState::new(),
            bytes: Vec::new(),
            gone: 0,
            sent: 0,
            waiting: 0,
            earliest: u64::MAX,
        }
    }

    /// Adds a look-up, or a waiter to one that has not been written.
    ///
    /// # Errors
    /// [`Failure::Memory`], [`Failure::Protocol`] for a key that cannot be sent.
    pub fn add(&mut self, key: &[u8], waiter: Waiter, limits: Limits) -> Result<(), Failure> {
        if !self.protocol.accepts(key) {
            return Err(Failure::Protocol);
        }
        if self.waiting >= MOST {
            return Err(Failure::Memory);
        }
        let hash = self.hasher.hash_one((key, limits.max_size));
        match self.twin(hash, key, limits.max_size).filter(|_| waiter != Waiter::Probe) {
            Some(twin) => {
                twin.waiters.try_reserve(1).map_err(|_| Failure::Memory)?;
                twin.waiters.push((waiter, limits.deadline));
            }
            None => self.push(key, hash, waiter, limits)?,
        }
        self.waiting += 1;
        self.earliest = self.earliest.min(limits.deadline);
        Ok(())
    }

    /// The look-up that one for the same key with the same limit can join.
    fn twin(&mut self, hash: u64, key: &[u8], max_size: usize) -> Option<&mut Lookup> {
        let number = *self.joinable.get(&hash)?;
        let at = usize::try_from(number.checked_sub(self.left)?).ok()?;
        self.lookups.get_mut(at).filter(|twin| twin.max_size == max_size && twin.key == key)
    }

    fn push(
        &mut self,
        key: &[u8],
        hash: u64,
        waiter: Waiter,
        limits: Limits,
    ) -> Result<(), Failure> {
        if self.lookups.len() >= MOST || self.bytes.len() - self.gone >= MOST_BYTES {
            return Err(Failure::Memory);
        }
        let mut lookup = Lookup {
            key: Vec::new(),
            max_size: limits.max_size,
            waiters: Vec::new(),
            start: 0,
            end: 0,
            written_at: None,
            hash,
        };
        self.make_room(&mut lookup, key).map_err(|_| Failure::Memory)?;
        lookup.key.extend_from_slice(key);
        lookup.waiters.push((waiter, limits.deadline));

        lookup.start = self.sent + (self.bytes.len() - self.gone) as u64;
        self.protocol.encode(key, &mut self.bytes)?;
        lookup.end = self.sent + (self.bytes.len() - self.gone) as u64;
        // A probe is not waited for behind, nor are pages behind a probe.
        if waiter != Waiter::Probe {
            self.joinable.insert(hash, self.left + self.lookups.len() as u64);
        }
        self.lookups.push_back(lookup);
        Ok(())
    }

    fn make_room(
        &mut self,
        lookup: &mut Lookup,
        key: &[u8],
    ) -> Result<(), std::collections::TryReserveError> {
        lookup.key.try_reserve_exact(key.len())?;
        lookup.waiters.try_reserve_exact(1)?;
        self.joinable.try_reserve(1)?;
        self.lookups.try_reserve(1)
    }

    /// What is to be written now.
    pub fn outgoing(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// `n` bytes of [`Self::outgoing`] were written when `received` bytes had been received.
    pub fn wrote(&mut self, n: usize, received: u64) {
        let n = n.min(self.outgoing().len());
        self.sent += n as u64;
        self.gone += n;
        while let Some(lookup) = self.lookups.get_mut(self.written) {
            if lookup.start >= self.sent {
                break;
            }
            let number = self.left + self.written as u64;
            if self.joinable.get(&lookup.hash) == Some(&number) {
                self.joinable.remove(&lookup.hash);
            }
            if lookup.end > self.sent {
                break;
            }
            lookup.written_at = Some(received);
            if self.protocol == Protocol::Redis {
                lookup.key = Vec::new();
            }
            self.written += 1;
        }
        self.compact();
    }

    fn compact(&mut self) {
        if self.gone == self.bytes.len() {
            self.gone = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
        } else if self.gone > KEPT_BYTES && self.gone > self.bytes.len() / 2 {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// The look-up that the next reply is for.
    pub fn front(&self) -> Option<&Lookup> {
        self.lookups.front().filter(|lookup| lookup.is_written())
    }

    /// Takes the waiters of the front look-up, which stays.
    pub fn take_waiters(&mut self) -> Vec<(Waiter, u64)> {
        let waiters = self
            .lookups
            .front_mut()
            .map(|lookup| mem::take(&mut lookup.waiters))
            .unwrap_or_default();
        self.forget(waiters.len());
        waiters
    }

    /// Removes the front look-up, whose reply is complete; returns its waiters.
    pub fn pop(&mut self) -> Vec<(Waiter, u64)> {
        let waiters = self.take_waiters();
        if self.lookups.pop_front().is_some() {
            self.left += 1;
            self.written = self.written.saturating_sub(1);
        }
        if self.lookups.is_empty() {
            self.lookups.shrink_to(KEPT_LOOKUPS);
            self.joinable.shrink_to(KEPT_LOOKUPS);
        }
        waiters
    }

    fn forget(&mut self, waiters: usize) {
        self.waiting = self.waiting.saturating_sub(waiters);
        if self.waiting == 0 {
            self.earliest = u64::MAX;
        }
    }

    /// Removes the waiters whose deadline is `now` or before, telling `expired` of
    /// each. Returns whether one of them waits for a look-up that was written when
    /// as much had been received as now, which is `received` bytes.
    pub fn expire(&mut self, now: u64, received: u64, mut expired: impl FnMut(Waiter)) -> bool {
        if self.waiting == 0 || now < self.earliest {
            return false;
        }
        let (mut gone, mut silent, mut earliest) = (0, false, u64::MAX);
        for lookup in &mut self.lookups {
            let before = lookup.waiters.len();
            lookup.waiters.retain(|&(waiter, deadline)| {
                let live = deadline > now;
                if live {
                    earliest = earliest.min(deadline);
                } else {
                    expired(waiter);
                }
                live
            });
            let late = before - lookup.waiters.len();
            gone += late;
            silent |= late > 0 && lookup.written_at == Some(received);
        }
        self.earliest = earliest;
        self.forget(gone);
        silent
    }

    /// The earliest deadline of a waiter, or something before it.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.waiting > 0).then_some(self.earliest)
    }

    pub fn len(&self) -> usize {
        self.lookups.len()
    }

    /// Empties the queue.
    pub fn drain(&mut self) -> VecDeque<Lookup> {
        let protocol = self.protocol;
        mem::replace(self, Self::new(protocol)).lookups
    }
}
