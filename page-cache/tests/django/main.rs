//! Stock Django's pages: its keys, its pickles, its conversations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod classes;
mod compressed;
mod conversation;
mod decoder;
mod hints;
mod machine;
mod mutations;
mod pages;
mod pickles;
mod public;
mod recorded;
mod rest;
mod sequences;
mod skipped;
mod support;
mod values;
mod vary;
