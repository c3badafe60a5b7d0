//! The tool against real stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod django;
mod faults;
mod rig;
mod usage;
