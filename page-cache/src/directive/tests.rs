#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::wire::Protocol;

fn read(words: &str) -> Result<Directive, DirectiveError> {
    let words: Vec<&[u8]> = words.split_ascii_whitespace().map(str::as_bytes).collect();
    parse(&words)
}

fn on(words: &str) -> Spec {
    match read(words) {
        Ok(Directive::On(spec)) => spec,
        other => panic!("{words}: {other:?}"),
    }
}

fn error(words: &str) -> String {
    read(words).expect_err(words).to_string()
}

#[test]
fn off_stands_alone() {
    assert_eq!(read("off").unwrap(), Directive::Off);
    assert_eq!(error("off key=raw"), "invalid parameter \"key=raw\", \"off\" takes no parameters");
}

#[test]
fn a_store_is_enough() {
    let spec = on("memcached://127.0.0.1:11211");
    let address = Address::Host { host: "127.0.0.1".to_owned(), port: Some(11211) };
    let store = Store { protocol: Protocol::Memcached, address, user: None, password: None, db: 0 };
    let expected = Spec {
        store,
        recipe: Recipe::Django,
        format: Format::Django,
        prefix: None,
        uri: None,
        namespace: None,
        lang: None,
        timezone: None,
        django: None,
        fallback: None,
    };
    assert_eq!(spec, expected);
}

/// The recipes of the old packages, as the documentation gives them.
#[test]
fn the_old_recipes() {
    let spec = on("memcached://127.0.0.1:11211 key=prefix prefix=/your-site-name namespace=:1:");
    assert_eq!((spec.recipe, spec.format), (Recipe::Prefix, Format::Body));
    assert_eq!(spec.prefix.as_deref(), Some(&b"/your-site-name"[..]));
    assert_eq!(spec.namespace.as_deref(), Some(&b":1:"[..]));
    let spec = on("memcached://127.0.0.1:11211 key=md5 namespace=:1:site1");
    assert_eq!((spec.recipe, spec.prefix), (Recipe::Md5, None));
    let spec = on("redis://127.0.0.1:6379/1 key=md5 uri=$http_host$rust_page_cache_full_path \
                   namespace=:1: fallback=@fallback");
    assert_eq!(spec.store.db, 1);
    assert_eq!(spec.uri.as_deref(), Some(&b"$http_host$rust_page_cache_full_path"[..]));
    assert_eq!(spec.fallback, Some(Fallback::Named(b"fallback".to_vec())));
}

#[test]
fn parameters_come_in_any_order_and_may_be_empty() {
    let spec = on("redis://r fallback=next timezone= lang=de prefix= uri=a=b key=django");
    assert_eq!(spec.fallback, Some(Fallback::Next));
    assert_eq!(spec.timezone.as_deref(), Some(&b""[..]));
    assert_eq!(spec.lang.as_deref(), Some(&b"de"[..]));
    assert_eq!(spec.prefix.as_deref(), Some(&b""[..]));
    assert_eq!(spec.uri.as_deref(), Some(&b"a=b"[..]));
}

#[test]
fn the_format_goes_with_the_key_unless_it_is_given() {
    for (words, format) in [
        ("key=raw", Format::Body),
        ("key=prefix", Format::Body),
        ("key=md5", Format::Body),
        ("key=django", Format::Django),
        ("key=md5 format=django", Format::Django),
        ("format=django key=raw", Format::Django),
        ("format=body", Format::Body),
        ("key=django format=body", Format::Body),
    ] {
        assert_eq!(on(&format!("memcached://m {words}")).format, format, "{words}");
    }
}

#[test]
fn releases_of_django() {
    use crate::key::vary::VaryForm::*;
    for (word, form) in [
        ("3.2.25", Raw),
        ("5.2.0", Raw),
        ("5.2.18", Raw),
        ("5.2.19", RawAbsent),
        ("6.0.9", Raw),
        ("6.0.10", RawAbsent),
        ("6.1.0", Netstring),
        ("6.1.2", Netstring),
        ("6.1.3", NetstringAbsent),
        ("7.0.1", NetstringAbsent),
        // What is left out does not matter.
        ("4.2", Raw),
        ("5.1", Raw),
        ("4", Raw),
        ("6.2", NetstringAbsent),
        ("7", NetstringAbsent),
        ("raw", Raw),
        ("raw-absent", RawAbsent),
        ("netstring", Netstring),
        ("netstring-absent", NetstringAbsent),
    ] {
        assert_eq!(on(&format!("redis://r django={word}")).django, Some(form), "{word}");
    }
    assert_eq!(on("redis://r").django, None);
}

#[test]
fn what_is_no_release_of_django() {
    let error = |word: &str| error(&format!("redis://r django={word}"));
    for word in [
        "",
        "x",
        "5.",
        ".5",
        "5..2",
        "5.2.19.1",
        "5.2rc1",
        "+5",
        "70000",
        "AUTO",
        "5,2",
        "5.2.x",
        "Raw",
        "raw-",
        "raw_absent",
        "netstrings",
    ] {
        assert_eq!(
            error(word),
            format!(
                "invalid django \"{word}\", it must be a release such as 5.2.19, or one of: raw, \
                 raw-absent, netstring, netstring-absent"
            ),
        );
    }
    for word in ["5", "5.2", "6", "6.0", "6.1"] {
        assert_eq!(
            error(word),
            format!(
                "invalid django \"{word}\", it must be the whole release with its patch level, such \
                 as 5.2.19: some of its patches have changed the keys"
            ),
        );
    }
    assert_eq!(
        error("auto"),
        "invalid django \"auto\", it must be the release of Django that the site runs, such as \
         5.2.19: what visitors could forge is not found out any more"
    );
}

#[test]
fn every_wrong_parameter_is_named() {
    let unknown = "it must be one of: key=, prefix=, uri=, namespace=, format=, django=, lang=, \
                   timezone=, fallback=";
    for (words, message) in [
        ("key=foo", "invalid key \"foo\", it must be one of: django, md5, prefix, raw"),
        ("key=", "invalid key \"\", it must be one of: django, md5, prefix, raw"),
        ("key=RAW", "invalid key \"RAW\", it must be one of: django, md5, prefix, raw"),
        ("format=json", "invalid format \"json\", it must be one of: django, body"),
        ("key=raw key=raw", "duplicate parameter \"key=\", it must be given once"),
        ("prefix=a uri=b prefix=", "duplicate parameter \"prefix=\", it must be given once"),
        ("django=auto django=auto", "duplicate parameter \"django=\", it must be given once"),
        ("foo=1", &format!("unknown parameter \"foo=1\", {unknown}")),
        ("key", &format!("unknown parameter \"key\", {unknown}")),
        ("=raw", &format!("unknown parameter \"=raw\", {unknown}")),
        ("Key=raw", &format!("unknown parameter \"Key=raw\", {unknown}")),
        ("@django", &format!("unknown parameter \"@django\", {unknown}")),
        ("fallback=", "invalid fallback \"\", it must be \"next\" or a name such as @django"),
        ("fallback=@", "invalid fallback \"@\", it must be \"next\" or a name such as @django"),
        (
            "fallback=django",
            "invalid fallback \"django\", it must be \"next\" or a name such as @django",
        ),
        ("key=md5 lang=de", "parameter \"lang=\" with key=md5, it is allowed only with key=django"),
        (
            "timezone=UTC key=raw",
            "parameter \"timezone=\" with key=raw, it is allowed only with key=django",
        ),
        (
            "key=prefix django=auto",
            "parameter \"django=\" with key=prefix, it is allowed only with key=django",
        ),
    ] {
        assert_eq!(error(&format!("memcached://m {words}")), message);
    }
}

#[test]
fn the_first_word_is_the_store() {
    let message = |word: &str| {
        format!(
            "invalid store \"{word}\", it must be \"off\" or begin with memcached://, redis:// or valkey://"
        )
    };
    for word in ["127.0.0.1:11211", "key=raw", "http://h", "redis:/h", "OFF", "on"] {
        assert_eq!(error(word), message(word));
    }
    assert_eq!(error(""), "no store, it must be \"off\", memcached://HOST or redis://HOST");
    assert_eq!(parse(&[b""]).unwrap_err().to_string(), message(""));
}

#[test]
fn no_message_shows_credentials() {
    let secrets = [
        "redis://user:hunter2@h:0",
        "redis://user:hunter2@",
        "redis://user:hunter2@h/x",
        "redis://:hunter2@[::1",
        "redis://:hunter2@h:1:2",
        "redis://hunter2@h",
        "redis://user%zz:hunter2@h",
        "redis://user:hunter2%@h",
        "redis://:hunter2",
        "redis://:hunter2/1",
        "redis://:hunter2/hunter2@h",
        "redis://:hun@ter2@h:x",
        "redis://:hunter2@unix:sock",
        "rediss://user:hunter2@h",
        "redis//user:hunter2@h",
        "redis:user:hunter2@h",
        "user:hunter2@redis://h",
        "memcached://user:hunter2@h",
        "off redis://user:hunter2@h",
        "redis://h redis://user:hunter2@h",
        "redis://h redis://user:hunter2@h=",
        "redis://h fallback=redis://user:hunter2@h",
        "redis://h key=redis://user:hunter2@h",
    ];
    for words in secrets {
        let message = error(words);
        for secret in ["hunter2", "user", "ter2"] {
            assert!(!message.replace("[USER]", "").contains(secret), "{words}: {message}");
        }
        assert!(message.contains("***"), "{words}: {message}");
        let debug = format!("{:?}", read(words).unwrap_err());
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}

#[test]
fn quotes_belong_around_the_whole_parameter() {
    for (word, instead) in [
        ("namespace=\":1:\"", "\"namespace=:1:\""),
        ("prefix='a'", "'prefix=a'"),
        ("uri=\"$host", "\"uri=...\""),
        ("lang=\"\"", "\"lang=\""),
        ("key=\"", "\"key=...\""),
        ("fallback=\"@django\"", "\"fallback=@django\""),
    ] {
        assert_eq!(
            error(&format!("redis://r {word}")),
            format!(
                "quotes in \"{word}\" would be part of the value, \
                 quote the whole parameter instead: {instead}"
            ),
        );
    }
    // Elsewhere they may be meant.
    assert_eq!(on("redis://r prefix=a\"b\"").prefix.unwrap(), b"a\"b\"");
}

#[test]
fn tls_is_refused_by_its_name() {
    for scheme in ["rediss", "valkeys", "REDISS"] {
        let message = error(&format!("{scheme}://user:hunter2@h:6380/1"));
        assert!(
            message.starts_with(&format!("store \"{scheme}://***@h:6380/1\" asks for TLS")),
            "{message}"
        );
    }
}
