//! What is made of the argument parser: completions, the manual page, messages.

use std::ffi::OsString;
use std::io;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Cli, EXAMPLES, EXIT_STATUS, EXPLAIN_HELP};

/// The completions for a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rust-page-cache", &mut out);
    out
}

/// The manual page, of the command and all its subcommands.
///
/// # Errors
/// Those of writing to memory: none.
pub fn manual() -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut cli = Cli::command();
    cli.build();
    let man = Man::new(cli.clone()).manual("rust_page_cache");
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    front().to_writer(&mut out)?;
    if let Some(explain) = cli.find_subcommand("explain") {
        Man::new(explain.clone()).render_options_section(&mut out)?;
    }
    back().to_writer(&mut out)?;
    man.render_version_section(&mut out)?;
    Ok(out)
}

/// What comes before the options.
fn front() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in ["explain [OPTIONS] PARAMETERS URL", "completions SHELL", "man"] {
        roff.text([bold("rust-page-cache "), roman(line)]);
        roff.control("br", []);
    }
    roff.control("SH", ["DESCRIPTION"]);
    for paragraph in EXPLAIN_HELP.split("\n\n") {
        roff.text([roman(paragraph)]);
        roff.control("PP", []);
    }
    roff
}

/// What comes behind the options.
fn back() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        roff.control("TP", ["4"]);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    roff.control("nf", []);
    for line in EXAMPLES.lines() {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff
}

/// A message without anything that may be a user or a password in an argument: what stands
/// between `://` and the last `@`, or all behind `://` where there is none but a colon.
pub fn redacted(message: &str, arguments: &[OsString]) -> String {
    let mut message = message.to_owned();
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let Some((_, rest)) = argument.split_once("://") else { continue };
        let secret = match rest.rsplit_once('@') {
            Some((secret, _)) => secret,
            None if rest.starts_with(':') => rest,
            None => continue,
        };
        if !secret.is_empty() {
            message = message.replace(secret, "***");
        }
    }
    message
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn misplaced_stores_show_no_password() {
        for (argument, shown) in [
            ("redis://:secret@host/1", "'redis://***@host/1'"),
            ("redis://user:secret@a@host", "'redis://***@host'"),
            ("redis://:secret", "'redis://***'"),
            ("http://host/", "'http://host/'"),
            ("secret", "'secret'"),
        ] {
            let message = format!("'{argument}'");
            assert_eq!(redacted(&message, &[argument.into()]), shown);
        }
    }

    #[test]
    fn the_manual_has_every_option() {
        let page = String::from_utf8(manual().unwrap()).unwrap();
        assert!(page.contains(".TH rust-page-cache 1"), "{page}");
        let mut cli = Cli::command();
        cli.build();
        let explain = cli.find_subcommand("explain").unwrap();
        for option in explain.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&option.replace('-', "\\-")), "--{option}");
        }
        assert!(page.contains(".SH \"EXIT STATUS\""), "{page}");
    }

    #[test]
    fn completions_know_the_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = String::from_utf8(completions(shell)).unwrap();
            for word in ["explain", "max-size", "rust-page-cache"] {
                assert!(text.contains(word), "{shell} {word}");
            }
        }
    }
}
