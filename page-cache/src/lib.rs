//! The pure room of `rust_page_cache`: everything that can be decided without
//! nginx, without I/O and without a clock.
//!
//! ```text
//! request -> policy --Bypass--> fallback
//!              |
//!             key ----Bypass--> fallback
//!              |
//!          pipeline (wire: memcached, redis)
//!              |
//!            page -> Hit | Miss | Failure
//! ```
//!
//! Time enters as milliseconds of some monotonic clock, bytes as slices. Every
//! byte of a stored page and of a store's reply is hostile: decoders are
//! bounded, check everything and never panic.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod breaker;
pub mod directive;
mod hash;
pub mod held;
pub mod idle;
pub mod key;
pub mod lookup;
pub mod outcome;
pub mod oversize;
pub mod page;
pub mod pipeline;
pub mod policy;
pub mod request;
pub mod reserve;
pub mod wire;

pub use outcome::{Bypass, Failure, Miss, Outcome};
