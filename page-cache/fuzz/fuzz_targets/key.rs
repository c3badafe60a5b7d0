//! Any request that a client may send: not looked up, or a key that says nothing but itself on
//! the wire.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use page_cache::key::django::{DjangoKeys, KeyParts, PageMethod};
use page_cache::key::{CacheKey, Recipe, full_path};
use page_cache::policy::{IgnorePatterns, admit_target};
use page_cache::request::{Method, Rank, RequestView, Target};
use page_cache::wire::Protocol;
use page_cache_fuzz::Input;

/// The second one would take for ever, were it tried by going back.
static IGNORE: LazyLock<IgnorePatterns> =
    LazyLock::new(|| IgnorePatterns::compile(&["/admin/", "(/[^/]*)*x$"]).unwrap_or_default());

const RECIPES: [Recipe; 4] = [Recipe::Raw, Recipe::Prefix, Recipe::Md5, Recipe::Django];

/// What is sent of a key is one command, whatever is in the key.
fn check_command(protocol: Protocol, key: &CacheKey) {
    let mut sent = Vec::new();
    assert!(protocol.accepts(key.as_bytes()) && protocol.encode(key.as_bytes(), &mut sent).is_ok());
    match protocol {
        Protocol::Memcached => {
            let word = sent.strip_prefix(b"get ").and_then(|rest| rest.strip_suffix(b"\r\n"));
            assert_eq!(word, Some(key.as_bytes()));
            assert!(key.as_bytes().iter().all(|&byte| byte > b' ' && byte != 0x7f));
        }
        Protocol::Redis => {
            let head = format!("*2\r\n$3\r\nGET\r\n${}\r\n", key.as_bytes().len());
            assert_eq!(sent, [head.as_bytes(), key.as_bytes(), b"\r\n"].concat());
        }
    }
}

fn check_keys(protocol: Protocol, prefix: &[u8], host: &[u8], target: Target<'_>) {
    for recipe in RECIPES {
        let Ok(uri) = recipe.usual_uri(b"https", host, target) else { panic!("memory") };
        assert!(uri.iter().all(u8::is_ascii_graphic) || matches!(target, Target::Current { .. }));
        if let Ok(key) = recipe.key(protocol, b":1:", prefix, &uri) {
            check_command(protocol, &key);
        }
        let parts =
            KeyParts { namespace: b":1:", prefix, uri: &uri, lang: b"en-us", timezone: b"UTC" };
        let Ok(keys) = DjangoKeys::new(protocol, &parts) else { continue };
        check_command(protocol, keys.header());
        for method in [PageMethod::Get, PageMethod::Head] {
            if let Ok(key) = keys.page(method, &[b'0'; 32]) {
                check_command(protocol, &key);
            }
        }
    }
}

/// Dot segments and what is not UTF-8 would be read by the application in another way.
fn check_admitted(target: &[u8]) {
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    let mut decoded = Vec::new();
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.filter(|_| byte == b'%').filter(|hex| !hex.starts_with('+'));
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(code) => (decoded.push(code), rest = &after[2..]).1,
            None => (decoded.push(byte), rest = after).1,
        }
    }
    let has = |part: &[u8]| decoded.windows(part.len()).any(|run| run == part);
    assert!(target.starts_with(b"/") && !target.starts_with(b"//") && target.is_ascii());
    assert!(std::str::from_utf8(&decoded).is_ok() && !has(b"/./") && !has(b"/../"));
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let protocol = if input.byte() & 1 == 0 { Protocol::Memcached } else { Protocol::Redis };
    let (server_name, host, prefix, args) =
        (input.line(), input.line(), input.line(), input.line());
    let raw = input.rest();
    let current = Target::Current { path: raw, args };
    let view = RequestView {
        method: Method::Get,
        has_body: false,
        rank: Rank::Main,
        target: Target::Raw(raw),
        host: Some(host),
        server_name,
    };
    if admit_target(&view).is_ok() {
        check_admitted(raw);
        assert!(host.to_ascii_lowercase().starts_with(server_name));
    }
    let Ok(path) = full_path(view.target) else { panic!("memory") };
    assert!(path.starts_with(b"/") && path.iter().all(u8::is_ascii_graphic));
    assert_eq!(full_path(Target::Raw(&path)).as_deref(), Ok(&*path), "its own full path");
    assert!(IGNORE.matches(&path) || !path.starts_with(b"/admin/"));
    check_keys(protocol, prefix, host, view.target);
    check_keys(protocol, prefix, host, current);
});
