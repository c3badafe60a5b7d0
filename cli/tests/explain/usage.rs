//! Wrong arguments, and what is made of the parser.

use crate::rig::tool;

#[test]
fn wrong_arguments_are_named_and_no_password_shown() {
    for (arguments, words) in [
        (&[][..], &["Usage"][..]),
        (&["explain", "off", "http://h/"], &["off"]),
        (&["explain", "", "http://h/"], &["no store"]),
        (&["explain", "redis://:hidden@h:x", "http://h/"], &["port", "h:x"]),
        (&["explain", "redis://:hidden@h key=sha1", "http://h/"], &["key", "sha1", "md5"]),
        (&["explain", "redis://:hidden@h key=raw; x", "http://h/"], &[";"]),
        (&["explain", "http://h/", "redis://:hidden@h"], &["http://h/", "redis://"]),
        (&["explain", "memcached://h", "redis://:hidden@h"], &["http://"]),
        (&["explain", "memcached://h", "http://h/", "redis://:hidden@h"], &["redis://***@h"]),
        (&["explain", "memcached://h", "http://user:hidden@h/"], &["Authorization"]),
        (
            &["explain", "memcached://h key=raw uri=$remote_user", "http://h/"],
            &["uri: $remote_user", "value"],
        ),
        (
            &["explain", "memcached://h", "http://h/", "--ignore", "("],
            &["--ignore", "unclosed group"],
        ),
        (&["explain", "memcached://h", "http://h/", "--bypass", "$geoip"], &["--bypass", "$geoip"]),
        (&["explain", "memcached://h", "http://h/", "--max-size", "0"], &["--max-size", "1024m"]),
        (
            &["explain", "memcached://h", "http://h/", "--hide-header", "X A"],
            &["--hide-header X A", "X-Powered-By"],
        ),
        (
            &["explain", "memcached://h key=md5", "http://h/", "--public-only"],
            &["--public-only", "format=django"],
        ),
        (
            &["explain", "memcached://h", "http://h/", "--gzip-flag", "gzip"],
            &["--gzip-flag", "magic", "4294967295"],
        ),
        (&["explain", "memcached://h", "http://h/", "--timeout", "0"], &["--timeout", "250ms"]),
        (&["explain", "memcached://h", "http://h/%zz"], &["percent-escape", "400"]),
        (&["explain", "memcached://h", "http://h/", "-X", "get"], &["method", "get"]),
    ] {
        let said = tool(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?} {said:?}");
        for word in words {
            assert!(said.err.contains(word), "{arguments:?} {word}: {}", said.err);
        }
        assert!(!said.err.contains("hidden"), "{}", said.err);
    }
}

#[test]
fn help_completions_and_manual() {
    for (arguments, words) in [
        (&["--help"][..], &["explain", "completions", "man"][..]),
        (&["explain", "--help"], &["PARAMETERS", "--max-size", "Exit status", "$cookie_NAME"]),
        (&["--version"], &[env!("CARGO_PKG_VERSION")]),
        (&["man"], &[".TH rust-page-cache 1", "EXIT STATUS", "EXAMPLES", "server"]),
        (&["completions", "bash"], &["complete -F", "--header"]),
        (&["completions", "zsh"], &["#compdef rust-page-cache", "--header"]),
        (&["completions", "fish"], &["complete -c rust-page-cache", "header"]),
    ] {
        let said = tool(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
        for word in words {
            assert!(said.out.contains(word), "{arguments:?} {word}: {}", said.out);
        }
    }
}
