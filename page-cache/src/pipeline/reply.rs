//! What is asked of a pipeline, and what it answers.

use std::fmt;
use std::rc::Rc;

use crate::outcome::Failure;
use crate::wire::Violation;

/// A value as the store returned it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Value {
    /// The flags that memcached stores beside a value; `None` from Redis, which has none.
    pub flags: Option<u32>,
    /// The value itself, complete, its trailer verified.
    pub bytes: Vec<u8>,
}

/// Ties a reply to the one who asked; chosen by the owner, returned as it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u64);

/// What a waiter can bear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// When it stops waiting, in milliseconds of the owner's monotonic clock.
    pub deadline: u64,
    /// The largest value that it takes, in bytes.
    pub max_size: usize,
}

/// What became of a look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The value, shared by all who joined the look-up.
    Value(Rc<Value>),
    /// The store has no such key.
    Absent,
    /// The look-up failed; the connection goes on.
    Failed(Failure),
}

/// Whether a look-up that failed with its connection may be tried on another one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// No byte of its reply arrived: once more, on a fresh connection.
    Fresh,
    /// Its reply had begun, or was what broke the connection.
    No,
}

/// Why a connection must be closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What to fail its look-ups with.
    pub why: Failure,
    /// For the log: a description, or printable words of the server without secrets.
    pub text: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{}: {text}", self.why),
            None => self.why.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self { why: Failure::Protocol, text: Some(violation.to_string()) }
    }
}

impl From<Failure> for Fault {
    fn from(why: Failure) -> Self {
        Self { why, text: None }
    }
}
