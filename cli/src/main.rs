//! `rust-page-cache`: what the nginx module `rust_page_cache` would do with a request, and why.
//!
//! The decisions are made by the library that the module uses (`page_cache`): the two cannot
//! disagree.
//!
//! ```text
//! args -> tokens -> page_cache::directive   what the location says
//!      \-> request (uri, variables)         what the client sends
//! plan -> inquiry <-> store                 the conversation with the store
//!           \-> explain -> report -> words | JSON
//! ```
#![forbid(unsafe_code)]

mod args;
mod explain;
mod inquiry;
mod meaning;
mod pages;
mod plan;
mod report;
mod request;
mod store;
mod text;
mod tokens;
mod uri;
mod variables;
mod words;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};

/// What a usage error and an ERROR have in common with clap's own.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let (text, code) = match cli.command {
        Command::Completions { shell } => (pages::completions(shell), 0),
        Command::Man => match pages::manual() {
            Ok(page) => (page, 0),
            Err(error) => return complain(&error),
        },
        Command::Explain(options) => match explain::explain(&options) {
            Ok(report) => {
                let text = if options.json { json(&report) } else { Ok(words::words(&report)) };
                match text {
                    Ok(text) => (text.into_bytes(), report.exit_code()),
                    Err(error) => return complain(&error),
                }
            }
            Err(error) => return complain(&error),
        },
    };
    match std::io::stdout().write_all(&text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => complain(&error),
        _ => ExitCode::from(code),
    }
}

fn json(report: &report::Report) -> serde_json::Result<String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

fn complain(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("rust-page-cache: {error}");
    ExitCode::from(FAILED)
}

/// clap's own message. It quotes the argument that it does not know, which may be a store with
/// its password, misplaced.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Nobody is left to tell if this fails.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let message = error.render().to_string();
    eprint!("{}", pages::redacted(&message, &arguments));
    ExitCode::from(FAILED)
}
