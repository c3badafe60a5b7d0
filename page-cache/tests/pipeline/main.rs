//! The pipeline: tables, liars, and a model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod faults;
mod liars;
mod limits;
mod model;
mod rig;
mod store;
