//! The conversation for one request, without I/O: which keys to ask for, and what the answers
//! make of it.

pub mod conversation;
mod hint;
mod memory;
mod plan;

pub use hint::{Hint, OneOf};
pub use memory::Memory;
