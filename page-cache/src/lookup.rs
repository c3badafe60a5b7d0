//! The conversation for one request, without I/O: which keys to ask for, and what the answers
//! make of it.

pub mod conversation;
mod memory;
mod plan;

pub use memory::Memory;
