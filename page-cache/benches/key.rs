//! How long it takes to make the key of a request: the full path, then the recipe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use page_cache::key::{CacheKey, Recipe, full_path};
use page_cache::request::Target;
use page_cache::wire::Protocol;

const PLAIN: &[u8] = b"/articles/2026/11/a-title-in-lower-case/?page=2";
/// Bytes that Django quotes, and quoted bytes that it leaves as they are.
const QUOTED: &[u8] = b"/artikel/gr\xc3\xbc\xc3\x9fe/%C3%A4rger%20und%20mehr/?q=a%20b&seite=2";

fn paths(c: &mut Criterion) {
    let mut group = c.benchmark_group("full path");
    for (name, target) in [("plain", PLAIN), ("quoted", QUOTED)] {
        group.bench_function(name, |b| b.iter(|| full_path(Target::Raw(black_box(target)))));
    }
    group.finish();
}

fn recipes(c: &mut Criterion) {
    let mut group = c.benchmark_group("key");
    for recipe in [Recipe::Raw, Recipe::Prefix, Recipe::Md5] {
        let make = || recipe.key(Protocol::Memcached, b":1:", b"/site", black_box(PLAIN)).unwrap();
        group.bench_function(BenchmarkId::new("make", recipe.as_str()), |b| b.iter(make));
    }
    let long = [b"/".as_slice(), &[b'a'; 249]].concat();
    group.bench_function("check the longest", |b| {
        b.iter(|| CacheKey::new(Protocol::Memcached, black_box(&long).clone()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, paths, recipes);
criterion_main!(benches);
