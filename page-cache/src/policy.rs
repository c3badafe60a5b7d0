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
    let is_plain = match view.target {
        Target::Raw(target) => is_plain_target(target),
        // From the configuration: nginx itself cuts a target there. An HTTP server does too, but
        // to one that is handed QUERY_STRING it is a byte like any other.
        Target::Current { args, .. } => !args.contains(&b'#'),
    };
    if !is_plain {
        return Err(Bypass::Target);
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
    normalised(host).is_some_and(|host| {
        !host.is_empty()
            && host.len() == server_name.len()
            && host.iter().zip(server_name).all(|(a, b)| a.to_ascii_lowercase() == *b)
    })
}

/// A Host field without its port and one trailing dot; an IPv6 literal keeps its brackets.
/// None for what nginx took before 1.29.4 but applications refuse: anything but a port in
/// decimal digits behind the name.
fn normalised(host: &[u8]) -> Option<&[u8]> {
    let end = if host.starts_with(b"[") {
        host.iter().position(|&byte| byte == b']')? + 1
    } else {
        host.iter().position(|&byte| byte == b':').unwrap_or(host.len())
    };
    let (name, rest) = host.split_at_checked(end)?;
    let is_port = |rest: &[u8]| rest.iter().all(u8::is_ascii_digit);
    if !rest.is_empty() && !rest.strip_prefix(b":").is_some_and(is_port) {
        return None;
    }
    Some(name.strip_suffix(b".").unwrap_or(name))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn get(target: Target<'_>) -> RequestView<'_> {
        RequestView {
            method: Method::Get,
            has_body: false,
            rank: Rank::Main,
            target,
            host: Some(b"example.com"),
            server_name: b"example.com",
        }
    }

    fn raw(target: &[u8]) -> RequestView<'_> {
        get(Target::Raw(target))
    }

    #[test]
    fn get_and_head_without_a_body_are_looked_up() {
        for method in [Method::Get, Method::Head] {
            for rank in [Rank::Main, Rank::Subrequest] {
                assert_eq!(admit(&RequestView { method, rank, ..raw(b"/") }), Ok(()));
            }
        }
    }

    #[test]
    fn the_first_reason_counts() {
        let view = RequestView {
            method: Method::Other,
            has_body: true,
            rank: Rank::HeaderOnly,
            host: None,
            ..raw(b"*")
        };
        assert_eq!(admit(&view), Err(Bypass::Method));
        let view = RequestView { method: Method::Head, ..view };
        assert_eq!(admit(&view), Err(Bypass::Body));
        let view = RequestView { has_body: false, ..view };
        assert_eq!(admit(&view), Err(Bypass::Subrequest));
        assert_eq!(admit_target(&view), Err(Bypass::Target));
        let view = RequestView { target: Target::Raw(b"/"), ..view };
        assert_eq!(admit_target(&view), Err(Bypass::Host));
    }

    #[test]
    fn targets_that_everybody_reads_alike() {
        for target in [
            "/",
            "/a//b",
            "/a?x=/../b",
            "/a?x=/./b//",
            "/caf%C3%A9/%F0%9F%98%80",
            "/%zz%",
            "/a/..",
            "/a/.",
            "/.../..a/.b/a../",
            "/%2Fa",
            "/a%00%0A",
            "/a?q=%FF%C3",
            "/a%23%3F/",
        ] {
            assert_eq!(admit_target(&raw(target.as_bytes())), Ok(()), "{target}");
        }
    }

    #[test]
    fn targets_that_are_read_in_more_than_one_way() {
        for target in [
            &b""[..],
            b"*",
            b"a/b",
            b"?a",
            b"http://example.com/",
            b"//a/b",
            b"///",
            b"/caf\xc3\xa9/",
            b"/a?q=\xe9",
            b"/a#",
            b"/a?b#c",
            b"/x%FFy/",
            b"/x%C3",
            b"/x%C3?%A9",
            b"/x%C3/%A9",
            b"/%ED%A0%80",
            b"/%C0%AF",
            b"/a/./b",
            b"/a/../b",
            b"/./",
            b"/../",
            b"/a%2F.%2e/b",
            b"/a/%2E%2e/b",
            b"/a/%2e%2fb?c",
        ] {
            let refused = admit_target(&raw(target));
            assert_eq!(refused, Err(Bypass::Target), "{}", target.escape_ascii());
        }
    }

    #[test]
    fn a_current_path_is_nginx_s_own_reading() {
        let current = Target::Current { path: b"//x\xff/../#", args: b"\xff" };
        assert_eq!(admit_target(&get(current)), Ok(()));
        let current = Target::Current { path: b"/", args: b"a#b" };
        assert_eq!(admit_target(&get(current)), Err(Bypass::Target));
    }

    #[test]
    fn the_host_is_compared_as_nginx_normalises_it() {
        let cases: &[(Option<&str>, &str, bool)] = &[
            (Some("example.com"), "example.com", true),
            (Some("Example.COM:8080"), "example.com", true),
            (Some("example.com."), "example.com", true),
            (Some("example.com.:80"), "example.com", true),
            (Some("example.com:"), "example.com", true),
            (Some("[::1]"), "[::1]", true),
            (Some("[FE80::A]:80"), "[fe80::a]", true),
            (Some("127.0.0.1:80"), "127.0.0.1", true),
            (None, "example.com", false),
            (None, "", false),
            (Some(""), "", false),
            (Some(":80"), "", false),
            (Some("."), "", false),
            (Some("other.example"), "example.com", false),
            (Some("example.com.."), "example.com", false),
            (Some("example.comx"), "example.com", false),
            (Some("example.co"), "example.com", false),
            (Some("example.com"), "", false),
            (Some("example.com:x"), "example.com", false),
            (Some("example.com:80:80"), "example.com", false),
            (Some("[::1]x"), "[::1]", false),
            (Some("[::1]."), "[::1]", false),
            (Some("[::1]"), "::1", false),
            (Some("[::1"), "[", false),
            (Some("example.com"), "EXAMPLE.com", false),
        ];
        for (host, server_name, same) in cases {
            let view = RequestView {
                host: host.map(str::as_bytes),
                server_name: server_name.as_bytes(),
                ..raw(b"/")
            };
            let expected = if *same { Ok(()) } else { Err(Bypass::Host) };
            assert_eq!(admit_target(&view), expected, "{host:?} {server_name:?}");
        }
    }

    #[test]
    fn ignore_matches_from_the_start_as_python_s_re_match() {
        let patterns = IgnorePatterns::compile(&["/admin.*", "(?x) /a b  # a comment"]).unwrap();
        for (path, matches) in [
            ("/admin", true),
            ("/admin/x?y", true),
            ("/ab/c", true),
            ("/x/admin", false),
            ("/adm", false),
            ("/Admin", false),
            ("/x/ab", false),
            ("", false),
        ] {
            assert_eq!(patterns.matches(path.as_bytes()), matches, "{path}");
        }
        assert!(!patterns.is_empty());
    }

    #[test]
    fn a_later_alternative_may_match_at_the_start() {
        let patterns = IgnorePatterns::compile(&["b|/a|c$", "x*"]).unwrap();
        assert!(patterns.matches(b"/abc"));
        assert!(patterns.matches(b"/b"), "x* matches nothing at the start");
        let patterns = IgnorePatterns::compile(&["b|/a"]).unwrap();
        assert!(!patterns.matches(b"/b/a"));
        assert!(IgnorePatterns::compile(&[]).unwrap().is_empty());
        assert!(!IgnorePatterns::default().matches(b"/"));
    }

    #[test]
    fn a_bad_regex_is_shown_with_the_regex_crate_s_own_message() {
        let error = IgnorePatterns::compile(&["/ok", "/a("]).unwrap_err();
        assert_eq!(error.pattern, "/a(");
        let own = regex::bytes::Regex::new(&error.pattern).unwrap_err().to_string();
        assert!(own.contains("unclosed group"), "{own}");
        assert_eq!(error.to_string(), format!("invalid regex \"/a(\": {own}"));
    }
}
