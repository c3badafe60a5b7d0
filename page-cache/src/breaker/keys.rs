//! What is known of single keys of a server that is left alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

use twox_hash::XxHash3_64;

use crate::hash::BuildGiven;

/// So many keys that have hung are kept to be tried again: the server is back when all of them
/// are answered.
pub const SUSPECTS: usize = 16;

/// So many more are known to hang, and are not tried for so many milliseconds.
pub const HUNG: usize = 1_024;
pub const HUNG_MS: u64 = 3_000;

/// So many keys are known to be answered.
pub const PROVEN: usize = 65_536;

/// Keys of one server.
#[derive(Debug)]
pub struct Keys {
    /// The next one to be tried, as soon as that may be.
    wanted: Option<Vec<u8>>,
    /// Keys that have hung, the one that did so last at the end.
    suspects: VecDeque<Vec<u8>>,
    /// Hashes of keys that have hung, and until when they are left alone.
    hung: HashMap<u64, u64, BuildGiven>,
    /// Hashes of keys that were answered since the server is left alone.
    proven: HashSet<u64, BuildGiven>,
    /// Of the hashes, so that nobody outside can make keys that collide.
    seed: Option<u64>,
}

impl Keys {
    /// Nothing is known, nothing allocated.
    pub fn new() -> Self {
        Self {
            wanted: None,
            suspects: VecDeque::new(),
            hung: HashMap::default(),
            proven: HashSet::default(),
            seed: None,
        }
    }

    fn hash(&mut self, key: &[u8]) -> u64 {
        let seed = *self.seed.get_or_insert_with(|| RandomState::new().hash_one(0_u8));
        XxHash3_64::oneshot_with_seed(seed, key)
    }

    /// Somebody wants `key`, of which nothing good is known.
    pub fn want(&mut self, key: &[u8], now: u64) {
        if self.wanted.is_some() {
            return;
        }
        let hash = self.hash(key);
        if self.hung.get(&hash).is_some_and(|&until| now < until) {
            return;
        }
        let mut copy = Vec::new();
        if copy.try_reserve_exact(key.len()).is_ok() {
            copy.extend_from_slice(key);
            self.wanted = Some(copy);
        }
    }

    /// Whether somebody wants a key of which nothing is known.
    pub fn has_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// The key that somebody wants.
    pub fn take_wanted(&mut self) -> Option<Vec<u8>> {
        self.wanted.take()
    }

    /// `key` was asked for in vain.
    pub fn suspect(&mut self, key: Vec<u8>, now: u64) {
        let hash = self.hash(&key);
        self.proven.remove(&hash);
        if self.hung.len() >= HUNG {
            self.hung.retain(|_, until| now < *until);
        }
        if self.hung.len() < HUNG && self.hung.try_reserve(1).is_ok() {
            self.hung.insert(hash, now.saturating_add(HUNG_MS));
        }
        if self.wanted.as_ref() == Some(&key) {
            self.wanted = None;
        }
        let is_new = self.suspects.len() < SUSPECTS && !self.suspects.contains(&key);
        if is_new && self.suspects.try_reserve(1).is_ok() {
            self.suspects.push_back(key);
        }
    }

    /// The suspect that has waited longest; say what comes of it.
    pub fn take_suspect(&mut self) -> Option<Vec<u8>> {
        self.suspects.pop_front()
    }

    /// Whether some keys have hung and were not answered since.
    pub fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// A suspect was answered.
    pub fn absolve(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        self.hung.remove(&hash);
        self.suspects.retain(|suspect| suspect != key);
    }

    /// `key` was answered.
    pub fn prove(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        if self.proven.len() < PROVEN && self.proven.try_reserve(1).is_ok() {
            self.proven.insert(hash);
        }
    }

    /// Whether `key` was answered.
    pub fn is_proven(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        self.proven.contains(&hash)
    }

    /// All that was answered may have been long ago.
    pub fn prove_nothing(&mut self) {
        self.proven = HashSet::default();
    }
}
