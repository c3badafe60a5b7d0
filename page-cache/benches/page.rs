//! How long it takes to read a stored page, and to make Django's keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;
use std::rc::Rc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use page_cache::key::django::{DjangoKeys, KeyParts, PageMethod, default_uri};
use page_cache::key::vary::{RequestHeaders, VaryForm, vary_digest};
use page_cache::page::GzipFlag;
use page_cache::page::django::{DjangoOptions, decode, header_list};
use page_cache::pipeline::Value;
use page_cache::wire::Protocol;

#[path = "../tests/django/pickles.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod pickles;

const OPTIONS: DjangoOptions = DjangoOptions { max_size: 8 << 20, gzip_flag: GzipFlag::Bits(0) };

/// A page as Django 6.1 and CPython write it, memo and all: `cache_page` stores three header
/// fields, the per-site middleware eight.
fn stored(fields: &[(&str, &str)], body: &[u8]) -> Rc<Value> {
    let mut pickle = b"\x80\x05\x95\0\0\0\0\0\0\0\0".to_vec();
    let mut put = |part: &[u8]| pickle.extend_from_slice(part);
    let text = |text: &str| {
        [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes(), b"\x94"].concat()
    };
    put(&[text("django.http.response"), text("HttpResponse")].concat());
    put(b"\x93\x94)\x81\x94}\x94(");
    put(&[&text("headers")[..], b"h\0", &text("ResponseHeaders")].concat());
    put(&[b"\x93\x94)\x81\x94}\x94", &text("_store")[..], b"}\x94("].concat());
    for (name, value) in fields {
        put(&[text(&name.to_lowercase()), text(name), text(value), b"\x86\x94".to_vec()].concat());
    }
    put(b"usb");
    put(&[&text("_charset")[..], b"N", &text("_resource_closers"), b"]\x94"].concat());
    put(&[&text("_handler_class")[..], b"N", &text("cookies")].concat());
    put(&[&text("http.cookies")[..], &text("SimpleCookie"), b"\x93\x94)\x81\x94"].concat());
    put(&[&text("closed")[..], b"\x89", &text("_reason_phrase"), b"N"].concat());
    put(&[&text("_container")[..], b"]\x94", &pickles::binary(body), b"\x94aub."].concat());
    Rc::new(Value { flags: Some(1), bytes: pickle })
}

const DECORATOR: &[(&str, &str)] = &[
    ("Content-Type", "text/html; charset=utf-8"),
    ("Expires", "Fri, 20 Nov 2026 12:38:36 GMT"),
    ("Cache-Control", "max-age=60"),
];

const PER_SITE: &[(&str, &str)] = &[
    ("Content-Type", "text/html; charset=utf-8"),
    ("Vary", "Accept-Language, Cookie"),
    ("X-Frame-Options", "DENY"),
    ("Content-Length", "8192"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Expires", "Fri, 20 Nov 2026 12:38:36 GMT"),
    ("Cache-Control", "max-age=60"),
];

fn pages(c: &mut Criterion) {
    let mut group = c.benchmark_group("django page");
    for (name, fields, size) in [
        ("cache_page", DECORATOR, 8 << 10),
        ("per-site", PER_SITE, 8 << 10),
        ("cache_page", DECORATOR, 1 << 20),
    ] {
        let value = stored(fields, &vec![b'x'; size]);
        assert_eq!(decode(&value, &OPTIONS).unwrap().body.len(), size);
        group.bench_function(BenchmarkId::new(name, size), |b| {
            b.iter(|| decode(black_box(&value), &OPTIONS));
        });
    }
    let list = pickles::value(&pickles::header_list(&["HTTP_ACCEPT_LANGUAGE", "HTTP_COOKIE"]));
    group.bench_function("header list", |b| b.iter(|| header_list(black_box(&list), &OPTIONS)));
    group.finish();
}

struct Browser;

impl RequestHeaders for Browser {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in [
            ("Host", "example.com"),
            (
                "User-Agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("Accept-Language", "en-US,en;q=0.5"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Connection", "keep-alive"),
            ("Cookie", "csrftoken=abcdefghijklmnopqrstuvwxyz012345; sessionid=0123456789abcdef"),
            ("Upgrade-Insecure-Requests", "1"),
        ] {
            field(name.as_bytes(), value.as_bytes());
        }
    }
}

fn keys(c: &mut Criterion) {
    let uri = default_uri(b"http", b"example.com", b"/articles/2026/?page=2").unwrap();
    let keys = || {
        let parts = KeyParts {
            namespace: b":1:",
            prefix: b"",
            uri: &uri,
            lang: b"en-us",
            timezone: b"UTC",
        };
        DjangoKeys::new(Protocol::Memcached, &parts).unwrap()
    };
    let names = [&b"HTTP_ACCEPT_LANGUAGE"[..], b"HTTP_COOKIE"];
    let mut group = c.benchmark_group("django keys");
    group.bench_function("header key", |b| b.iter(keys));
    let made = keys();
    group.bench_function("page key", |b| {
        b.iter(|| {
            let form = VaryForm::NetstringAbsent;
            let digest = vary_digest(names.into_iter(), &Browser, form).unwrap();
            black_box(made.page(PageMethod::Get, &digest).unwrap());
        });
    });
    group.finish();
}

criterion_group!(benches, pages, keys);
criterion_main!(benches);
