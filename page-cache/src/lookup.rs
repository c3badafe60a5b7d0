//! The conversation for one request, without I/O: which keys to ask for, and what the answers
//! make of it.

pub mod conversation;
mod memory;
mod plan;

use std::rc::Rc;

use crate::outcome::Miss;
use crate::page::body::{self, BodyOptions};
use crate::page::{Page, Refusal};
use crate::pipeline::Value;

pub use memory::Memory;

/// What the store said to one key.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A value.
    Value(Rc<Value>),
    /// No such key.
    Absent,
}

/// What to do after an answer.
#[derive(Debug)]
pub enum Step {
    /// The conversation is over: a page, or why there is none.
    Done(Result<Page, Refusal>),
}

/// One request's conversation with the store.
#[derive(Debug)]
pub struct Lookup {
    options: BodyOptions,
}

impl Lookup {
    /// A look-up of one key whose value is a body (`format=body`).
    pub fn body(options: BodyOptions) -> Self {
        Self { options }
    }

    /// Takes the store's answer to the key asked for.
    pub fn answer(&mut self, answer: Answer) -> Step {
        match answer {
            Answer::Value(value) => Step::Done(body::decode(&value, &self.options)),
            Answer::Absent => Step::Done(Err(Refusal::Miss(Miss::Absent))),
        }
    }
}
