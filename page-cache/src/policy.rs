//! May this request be looked up?
//!
//! A request is looked up only if nginx and the application are sure to mean the same
//! page by it; whoever is in doubt asks the application.

use regex::bytes::Regex;

use crate::key::percent::Unquote;
use crate::key::utf8::Utf8;
use crate::outcome::Bypass;
use crate::request::{Method, Rank, RequestView, Target};

/// The checks that come before `rust_page_cache_bypass` and `rust_page_cache_ignore`.
///
/// # Errors
/// [`Bypass::Method`], [`Bypass::Body`], [`Bypass::Subrequest`], in this order.
pub fn admit(view: &RequestView<'_>) -> Result<(), Bypass> {
    if view.method == Method::Other {
        return Err(Bypass::Method);
    }
    if view.has_body {
        return Err(Bypass::Body);
    }
    match view.rank {
        Rank::Main | Rank::Subrequest => Ok(()),
        Rank::HeaderOnly => Err(Bypass::Subrequest),
    }
}

/// The checks that come after `rust_page_cache_bypass` and `rust_page_cache_ignore`.
///
/// # Errors
/// [`Bypass::Target`], [`Bypass::Host`], in this order.
pub fn admit_target(view: &RequestView<'_>) -> Result<(), Bypass> {
    if let Target::Raw(target) = view.target {
        if !is_plain_target(target) {
            return Err(Bypass::Target);
        }
    }
    match view.host {
        Some(host) if is_same_host(host, view.server_name) => Ok(()),
        Some(_) | None => Err(Bypass::Host),
    }
}

/// Whether nginx, the application's server and Django read a raw target alike: origin
/// form, ASCII, no fragment, no leading `//` (an authority to `urljoin()`), and a path
/// that decodes to UTF-8 without dot segments inside.
fn is_plain_target(target: &[u8]) -> bool {
    let origin_form = target.starts_with(b"/") && !target.starts_with(b"//");
    let mut path = target;
    for (at, &byte) in target.iter().enumerate() {
        match byte {
            0x80.. | b'#' => return false,
            b'?' if path.len() == target.len() => path = target.get(..at).unwrap_or_default(),
            _ => {}
        }
    }
    origin_form && decodes_plainly(path)
}

/// Whether a percent-decoded path is UTF-8 and has neither `/./` nor `/../` inside, where
/// Django's `build_absolute_uri()` takes another road.
fn decodes_plainly(path: &[u8]) -> bool {
    let mut window = 0_u32;
    let mut utf8 = Utf8::default();
    for byte in Unquote::new(path) {
        window = window << 8 | u32::from(byte);
        let dots = window == u32::from_be_bytes(*b"/../")
            || window & 0x00ff_ffff == u32::from_be_bytes(*b"\0/./");
        if dots || !utf8.accept(byte) {
            return false;
        }
    }
    utf8.is_complete()
}

/// Whether the Host field, normalised as `ngx_http_validate_host()` does it, is the name
/// by which nginx chose the server block.
fn is_same_host(host: &[u8], server_name: &[u8]) -> bool {
    let host = normalised(host);
    !host.is_empty()
        && host.len() == server_name.len()
        && host.iter().zip(server_name).all(|(a, b)| a.to_ascii_lowercase() == *b)
}

/// A Host field without its port and one trailing dot; an IPv6 literal keeps its brackets.
fn normalised(host: &[u8]) -> &[u8] {
    let name = if host.starts_with(b"[") {
        host.iter().position(|&byte| byte == b']').and_then(|end| host.get(..=end))
    } else {
        host.iter().position(|&byte| byte == b':').and_then(|end| host.get(..end))
    };
    let name = name.unwrap_or(host);
    name.strip_suffix(b".").unwrap_or(name)
}

/// `rust_page_cache_ignore`: patterns of full paths that are not looked up.
#[derive(Clone, Debug, Default)]
pub struct IgnorePatterns(Vec<Regex>);

/// A pattern of `rust_page_cache_ignore` that does not compile.
#[derive(Clone, Debug, thiserror::Error)]
#[error("invalid regex \"{pattern}\": {source}")]
pub struct BadPattern {
    /// The pattern as it was given.
    pub pattern: String,
    /// The regex crate's own message.
    pub source: regex::Error,
}

impl IgnorePatterns {
    /// Compiles patterns in the syntax of the `regex` crate.
    ///
    /// # Errors
    /// The first pattern that does not compile, with the `regex` crate's own message.
    pub fn compile(patterns: &[&str]) -> Result<Self, BadPattern> {
        let compile = |pattern: &&str| {
            let bad = |source| BadPattern { pattern: (*pattern).to_owned(), source };
            Regex::new(pattern).map_err(bad)
        };
        patterns.iter().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a pattern matches the full path from its start, as Python's `re.match()`.
    pub fn matches(&self, full_path: &[u8]) -> bool {
        // The leftmost match begins at 0 if any match does; wrapping a pattern in `^(?:..)`
        // would go wrong where it ends in a comment, `(?x)`.
        let at_start = |regex: &Regex| regex.find(full_path).is_some_and(|m| m.start() == 0);
        self.0.iter().any(at_start)
    }

    /// Whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
