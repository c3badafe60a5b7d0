//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use page_cache::page::GzipFlag;

/// Explains what nginx with the module rust_page_cache does with a request.
#[derive(Debug, Parser)]
#[command(name = "rust-page-cache", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether a request would be served from the store, and why
    #[command(long_about = EXPLAIN_HELP, after_help = explain_after())]
    Explain(Box<Explain>),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// What stands behind the options of `explain`.
pub const EXPLAIN_HELP: &str = "\
Looks a request up as the module does, by the same code, and prints what was decided: the key or \
keys, whether the store has them and for how long, what the stored page is or why it is refused, \
and who would answer.

Variables in the parameters are evaluated where URL and headers tell their values: $scheme, $host, \
$request_uri, $uri, $args, $is_args, $request_method, $http_NAME, $arg_NAME, $cookie_NAME, \
$rust_page_cache_full_path, $rust_page_cache_host. For any other, write its value in its place.";

/// Examples, for `--help` and the manual page.
pub const EXAMPLES: &str = "  \
  rust-page-cache explain 'redis://127.0.0.1:6379/1 django=5.2.19' https://www.example.com/news/
  rust-page-cache explain 'memcached://127.0.0.1 key=md5 namespace=:1:' \\
      http://127.0.0.1/a?b=c -H 'Host: www.example.com'
  rust-page-cache explain 'redis://127.0.0.1 django=5.2.19' https://www.example.com/ \\
      --set-header 'X-Country: de' --set-header 'Accept-Encoding:'";

/// The exit status, for `--help` and the manual page.
pub const EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "the store has the page (HIT)"),
    ("1", "it has not, or is not asked (MISS, BYPASS)"),
    ("2", "the store failed, the value cannot be read (ERROR), or the arguments are wrong"),
];

fn explain_after() -> String {
    let status: Vec<String> =
        EXIT_STATUS.iter().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
    format!("Examples:\n{EXAMPLES}\n\nExit status:\n{}", status.join("\n"))
}

/// `rust-page-cache explain`
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The parameters of rust_page_cache as they stand in nginx.conf: STORE key=... uri=... ...
    #[arg(value_name = "PARAMETERS")]
    pub directive: OsString,
    /// The URL as the client asks for it: its host becomes the Host field
    #[arg(value_name = "URL")]
    pub url: OsString,
    /// A header field of the request
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<OsString>,
    /// The method of the request
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET")]
    pub method: OsString,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// A header as the application gets it: rust_page_cache_set_header
    #[arg(long = "set-header", value_name = "FIELD: VALUE")]
    pub set_headers: Vec<OsString>,
    /// The name by which nginx chooses the server block, if not the one in the Host field
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<OsString>,
    /// A string of rust_page_cache_bypass
    #[arg(long, value_name = "STRING")]
    pub bypass: Vec<OsString>,
    /// A pattern of rust_page_cache_ignore
    #[arg(long, value_name = "REGEX")]
    pub ignore: Vec<String>,
    /// rust_page_cache_max_size
    #[arg(long, value_name = "SIZE", default_value = "8m", value_parser = size)]
    pub max_size: usize,
    /// rust_page_cache_gzip_flag
    #[arg(long, value_name = "NUMBER|magic", default_value = "0", value_parser = gzip_flag)]
    pub gzip_flag: GzipFlag,
    /// A field of rust_page_cache_hide_header
    #[arg(long, value_name = "FIELD")]
    pub hide_header: Vec<OsString>,
    /// rust_page_cache_public_only on
    #[arg(long)]
    pub public_only: bool,
    /// rust_page_cache_connect_timeout
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = time)]
    pub connect_timeout: Duration,
    /// rust_page_cache_timeout
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = time)]
    pub timeout: Duration,
    /// rust_page_cache_etag off
    #[arg(long)]
    pub no_etag: bool,
}

/// The word of `rust_page_cache_gzip_flag`.
fn gzip_flag(text: &str) -> Result<GzipFlag, String> {
    let bad = || format!("it must be magic or the flag bits as a number from 0 to {}", u32::MAX);
    GzipFlag::parse(text.as_bytes()).ok_or_else(bad)
}

/// The largest `rust_page_cache_max_size`.
const SIZE_MAX: usize = 1 << 30;

/// A size as in nginx.conf (`ngx_parse_size()`), above zero and at most a gigabyte.
fn size(text: &str) -> Result<usize, String> {
    let bad = || "it must be from 1 to 1024m, such as 8m or 512k".to_owned();
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1 << 10),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1 << 20),
        _ => (Some(text), 1),
    };
    let number: usize = digits.and_then(number).ok_or_else(bad)?;
    let size = number.checked_mul(scale).ok_or_else(bad)?;
    if (1..=SIZE_MAX).contains(&size) { Ok(size) } else { Err(bad()) }
}

/// A time as in nginx.conf, of one unit (`ngx_parse_time()`), above zero.
fn time(text: &str) -> Result<Duration, String> {
    let bad = || "it must be above zero, such as 250ms or 1s".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at_checked(digits).ok_or_else(bad)?;
    let scale = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    let number: u64 = number(digits).ok_or_else(bad)?;
    let time = number.checked_mul(scale).filter(|&time| time > 0).ok_or_else(bad)?;
    // What no socket waits for is a slip of the hand, and would not fit into an Instant.
    if time > 86_400_000 {
        Err("it must be at most 24h".to_owned())
    } else {
        Ok(Duration::from_millis(time))
    }
}

/// Digits only: no sign, no blanks.
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_as_in_nginx() {
        for (text, expected) in [
            ("1", Some(1)),
            ("8m", Some(8 << 20)),
            ("512K", Some(512 << 10)),
            ("1024M", Some(1 << 30)),
            ("0", None),
            ("1025m", None),
            ("1g", None),
            ("m", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("18446744073709551615m", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times_as_in_nginx() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("1", Some(1000)),
            ("2s", Some(2000)),
            ("1m", Some(60_000)),
            ("1h", Some(3_600_000)),
            ("0", None),
            ("ms", None),
            ("", None),
            ("1x", None),
            ("25h", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(time(text).ok(), expected.map(Duration::from_millis), "{text}");
        }
    }
}
