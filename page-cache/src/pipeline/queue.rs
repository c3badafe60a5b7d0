//! The look-ups of one connection, in the order of their replies, and their bytes
//! on the way to the socket.
//!
//! A look-up waits until the socket is to be written; then those that wait are put
//! into commands: one each, or, where many wait for memcached, one `get` of many
//! keys. memcached answers that with a third of the processor time that it takes for
//! as many commands (measured with 1.6.18, 8 KiB values), since it sends each
//! command's reply by a system call of its own.

mod arena;
mod asked;
mod trial;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::ops::Range;

use smallvec::SmallVec;
use twox_hash::XxHash3_64;

use super::{Limits, Ticket};
use crate::hash::BuildGiven;
use crate::outcome::Failure;
use crate::wire::Protocol;

use arena::{Arena, Key};
pub use asked::Keys;
pub use trial::Sharing;

/// The most look-ups that wait on one connection, and the most waiters for them.
pub const MOST: usize = 65_536;

/// The most bytes of keys that wait to be written or answered.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Buffers that a burst has made larger are given back when they run empty.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_LOOKUPS: usize = 1024;

/// So many look-ups that wait at once are worth a `get` of many keys; below that each
/// has a command of its own, and its answer does not depend on the others'.
const WORTH_JOINING: usize = 8;

/// The most keys in one `get`, so that its reply is not too long in coming.
pub const KEYS_PER_GET: usize = 32;

/// Who waits for a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiter {
    Ticket(Ticket),
    Probe,
}

/// Those who wait for one look-up, and their deadlines in milliseconds; most have one.
pub type Waiters = SmallVec<[(Waiter, u64); 1]>;

/// One look-up.
#[derive(Debug)]
pub struct Lookup {
    /// The largest value that is wanted, in bytes.
    pub max_size: usize,
    /// Nobody, if all of them have been answered already.
    pub waiters: Waiters,
    /// Its value has come, others of the same command are to come.
    pub answered: bool,
    key: Key,
    /// How much had been received when its command was written; `None` before that.
    written_at: Option<u64>,
    /// Of key and limit, for the table of what can be joined.
    hash: u64,
    is_probe: bool,
    /// The second of two equal keys, which nobody waits for.
    is_double: bool,
}

impl Lookup {
    /// Whether all of it went to the socket: only then can there be a reply.
    pub fn is_written(&self) -> bool {
        self.written_at.is_some()
    }

    /// Whether it is a probe whose outcome is waited for.
    pub fn waits_to_probe(&self) -> bool {
        self.is_probe && !self.waiters.is_empty()
    }
}

/// What was made bytes: a command for one or more look-ups.
#[derive(Debug)]
struct Command {
    lookups: usize,
    /// Place of its bytes in the stream that is written.
    start: u64,
    end: u64,
}

/// Look-ups, oldest first: those of written commands, then those of at most one command
/// written in part, then those of which no byte has been written, which can be joined.
pub struct Queue {
    protocol: Protocol,
    pub sharing: Sharing,
    /// How many look-ups have been answered since it was tried last whether commands may be shared.
    answers: u64,
    lookups: VecDeque<Lookup>,
    /// How many look-ups have left the queue: the number of the first one in it.
    left: u64,
    /// The commands of the first look-ups.
    commands: VecDeque<Command>,
    /// How many of the look-ups are in a command, how many of the commands are written, and
    /// how many look-ups these have.
    sealed: usize,
    written_commands: usize,
    written: usize,
    /// Hash of key and limit -> number of a look-up of which no byte is written. A
    /// collision only loses a chance to join.
    joinable: HashMap<u64, u64, BuildGiven>,
    /// Of the hashes, so that nobody outside can make keys that collide.
    seed: u64,
    keys: Arena,
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
            sharing: Sharing::default(),
            answers: 0,
            lookups: VecDeque::new(),
            left: 0,
            commands: VecDeque::new(),
            sealed: 0,
            written_commands: 0,
            written: 0,
            joinable: HashMap::default(),
            seed: RandomState::new().hash_one(0_u8),
            keys: Arena::default(),
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
        let hash = XxHash3_64::oneshot_with_seed(self.seed ^ limits.max_size as u64, key);
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
        let twin = self.lookups.get(at)?;
        if twin.max_size != max_size || self.key(twin) != key {
            return None;
        }
        self.lookups.get_mut(at)
    }

    fn push(
        &mut self,
        key: &[u8],
        hash: u64,
        waiter: Waiter,
        limits: Limits,
    ) -> Result<(), Failure> {
        let is_full = self.lookups.len() >= MOST;
        let oldest = self.lookups.front().map(|front| front.key);
        if is_full || self.keys.in_use(oldest) >= MOST_BYTES || self.unwritten() >= MOST_BYTES {
            return Err(Failure::Memory);
        }
        let is_probe = waiter == Waiter::Probe;
        self.lookups.try_reserve(1).map_err(|_| Failure::Memory)?;
        self.joinable.try_reserve(1).map_err(|_| Failure::Memory)?;
        let key = self.keys.add(key).map_err(|_| Failure::Memory)?;
        // A probe is not waited for behind, nor are pages behind a probe.
        if !is_probe {
            self.joinable.insert(hash, self.left + self.lookups.len() as u64);
        }
        self.lookups.push_back(Lookup {
            max_size: limits.max_size,
            waiters: SmallVec::from_buf([(waiter, limits.deadline)]),
            answered: false,
            key,
            written_at: None,
            hash,
            is_probe,
            is_double: false,
        });
        Ok(())
    }

    fn key(&self, lookup: &Lookup) -> &[u8] {
        self.keys.get(lookup.key)
    }

    fn unwritten(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Whether there is something to be written.
    pub fn has_outgoing(&self) -> bool {
        self.unwritten() > 0 || self.sealed < self.lookups.len()
    }

    /// How many look-ups are in no command yet.
    pub fn gathered(&self) -> usize {
        self.lookups.len() - self.sealed
    }

    /// What is to be written now: makes commands of the look-ups that have none.
    pub fn outgoing(&mut self) -> &[u8] {
        while self.sealed < self.lookups.len() {
            // Without memory they wait for the next time, or for their deadline.
            if self.seal().is_err() {
                break;
            }
        }
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    /// Makes a command of the first look-ups that have none.
    fn seal(&mut self) -> Result<(), Failure> {
        self.commands.try_reserve(1).map_err(|_| Failure::Memory)?;
        let mut count = self.next_command();
        if count > 1 && self.sharing != Sharing::Proven {
            count = if self.may_try() { self.double()? } else { 1 };
        }
        let range = self.sealed..self.sealed + count;
        let before = self.bytes.len();
        let start = self.sent + self.unwritten() as u64;
        let mut bytes = mem::take(&mut self.bytes);
        let keys = self.lookups.range(range).map(|lookup| self.key(lookup));
        let encoded = self.protocol.encode_all(keys, &mut bytes);
        self.bytes = bytes;
        if encoded.is_err() {
            self.bytes.truncate(before);
            return encoded;
        }
        let end = self.sent + self.unwritten() as u64;
        self.commands.push_back(Command { lookups: count, start, end });
        self.sealed += count;
        Ok(())
    }

    /// How many look-ups the next command has.
    fn next_command(&self) -> usize {
        let free = self.lookups.len() - self.sealed;
        if self.protocol != Protocol::Memcached || free < WORTH_JOINING {
            return 1;
        }
        let of_pages = self.lookups.range(self.sealed..).take_while(|lookup| !lookup.is_probe);
        of_pages.take(KEYS_PER_GET).count().max(1)
    }

    /// `n` bytes of [`Self::outgoing`] were written when `received` bytes had been received.
    pub fn wrote(&mut self, n: usize, received: u64) {
        let n = n.min(self.unwritten());
        self.sent += n as u64;
        self.gone += n;
        while let Some(command) = self.commands.get(self.written_commands) {
            if command.start >= self.sent {
                break;
            }
            let is_written = command.end <= self.sent;
            let lookups = self.written..self.written + command.lookups;
            for at in lookups.clone() {
                let Some(lookup) = self.lookups.get_mut(at) else { break };
                let number = self.left + at as u64;
                if self.joinable.get(&lookup.hash) == Some(&number) {
                    self.joinable.remove(&lookup.hash);
                }
                if is_written {
                    lookup.written_at = Some(received);
                }
            }
            if !is_written {
                break;
            }
            self.written = lookups.end;
            self.written_commands += 1;
        }
        self.compact_bytes();
    }

    fn compact_bytes(&mut self) {
        if self.gone == self.bytes.len() {
            self.gone = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
        } else if self.gone > KEPT_BYTES && self.gone > self.bytes.len() / 2 {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// The look-ups that the next reply is for, by their places; empty if none was written.
    pub fn front(&self) -> Range<usize> {
        match self.commands.front() {
            Some(command) if self.written_commands > 0 => 0..command.lookups,
            _ => 0..0,
        }
    }

    /// The keys of the look-ups that the next reply is for.
    pub fn front_keys(&self) -> Keys<'_> {
        Keys { queue: self, count: self.front().len() }
    }

    /// The keys of those of them that have not been answered, copied; none without memory.
    pub fn front_unanswered(&self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        if keys.try_reserve_exact(self.front().len()).is_err() {
            return keys;
        }
        let front = self.lookups.range(self.front());
        for lookup in front.filter(|lookup| !lookup.answered && !lookup.is_probe) {
            let mut key = Vec::new();
            if key.try_reserve_exact(self.key(lookup).len()).is_ok() {
                key.extend_from_slice(self.key(lookup));
                keys.push(key);
            }
        }
        keys
    }

    /// The look-up at a place, counted from the front.
    pub fn get(&self, at: usize) -> Option<&Lookup> {
        self.lookups.get(at)
    }

    /// The value of the look-up at a place is whole; others of its command are to come.
    pub fn set_answered(&mut self, at: usize) {
        if let Some(lookup) = self.lookups.get_mut(at) {
            lookup.answered = true;
        }
    }

    /// Takes the waiters of the look-up at a place, which stays.
    pub fn take_waiters(&mut self, at: usize) -> Waiters {
        let waiters = self
            .lookups
            .get_mut(at)
            .map(|lookup| mem::take(&mut lookup.waiters))
            .unwrap_or_default();
        self.forget(waiters.len());
        waiters
    }

    /// Removes the front command, whose reply is complete, and its look-ups.
    pub fn pop(&mut self) {
        if self.sharing == Sharing::Unknown || self.sharing == Sharing::Asked {
            self.learn();
        }
        let Some(command) = self.commands.pop_front() else { return };
        self.written_commands = self.written_commands.saturating_sub(1);
        self.written = self.written.saturating_sub(command.lookups);
        self.sealed = self.sealed.saturating_sub(command.lookups);
        for _ in 0..command.lookups {
            if let Some(lookup) = self.lookups.pop_front() {
                self.left += 1;
                self.forget(lookup.waiters.len());
            }
        }
        if self.lookups.is_empty() {
            self.lookups.shrink_to(KEPT_LOOKUPS);
            self.commands.shrink_to(KEPT_LOOKUPS);
            self.joinable.shrink_to(KEPT_LOOKUPS);
        }
        self.keys.release(self.lookups.front().map(|front| front.key));
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
            lookup.waiters.retain(|&mut (waiter, deadline)| {
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

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting
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
