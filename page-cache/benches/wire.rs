//! How long it takes to ask for pages and to take them from a store's replies, many at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use page_cache::pipeline::{Handshake, Limits, Pipeline, Reply, Ticket};
use page_cache::wire::Protocol;

const LIMITS: Limits = Limits { deadline: 250, max_size: 8 << 20 };
/// Look-ups of one turn of the event loop: with 64 clients about that many.
const BATCH: usize = 32;

fn key(number: usize) -> Vec<u8> {
    format!(":1:{number:032x}").into_bytes()
}

/// What the store sends for [`BATCH`] look-ups.
fn replies(protocol: Protocol, body: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for number in 0..BATCH {
        match protocol {
            Protocol::Memcached => {
                stream.extend_from_slice(b"VALUE ");
                stream.extend_from_slice(&key(number));
                stream.extend_from_slice(format!(" 0 {}\r\n", body.len()).as_bytes());
                stream.extend_from_slice(body);
                stream.extend_from_slice(b"\r\nEND\r\n");
            }
            Protocol::Redis => {
                stream.extend_from_slice(format!("${}\r\n", body.len()).as_bytes());
                stream.extend_from_slice(body);
                stream.extend_from_slice(b"\r\n");
            }
        }
    }
    stream
}

/// Asks for all, writes all, receives all; returns how many bytes of values came.
fn turn(pipeline: &mut Pipeline, keys: &[Vec<u8>], mut stream: &[u8]) -> usize {
    for (number, key) in keys.iter().enumerate() {
        pipeline.enqueue(key, Ticket(number as u64), LIMITS).unwrap();
    }
    let outgoing = black_box(pipeline.outgoing()).len();
    pipeline.wrote(outgoing);
    let mut bytes = 0;
    while !stream.is_empty() {
        let space = pipeline.read_space().unwrap();
        let n = space.len().min(stream.len());
        space[..n].copy_from_slice(&stream[..n]);
        stream = &stream[n..];
        let deliver = &mut |_, reply| match reply {
            Reply::Value(value) => bytes += value.bytes.len(),
            reply => panic!("{reply:?}"),
        };
        pipeline.received(n, deliver).unwrap();
    }
    bytes
}

fn turns(c: &mut Criterion) {
    let keys: Vec<_> = (0..BATCH).map(key).collect();
    for (name, protocol) in [("memcached", Protocol::Memcached), ("redis", Protocol::Redis)] {
        let mut group = c.benchmark_group(format!("pipeline/{name}"));
        for size in [1 << 10, 8 << 10, 100 << 10] {
            let stream = replies(protocol, &vec![b'x'; size]);
            let mut pipeline = Pipeline::new(protocol, &Handshake::default());
            assert_eq!(turn(&mut pipeline, &keys, &stream), BATCH * size);
            group.throughput(Throughput::Elements(BATCH as u64));
            group.bench_function(BenchmarkId::new("32 pages", size), |b| {
                b.iter(|| turn(&mut pipeline, &keys, black_box(&stream)));
            });
        }
        group.finish();
    }
}

/// Clients that want the same page in one turn share a look-up.
fn joined(c: &mut Criterion) {
    let keys = vec![key(0); BATCH];
    let stream = replies(Protocol::Memcached, &[b'x'; 8 << 10]);
    let stream = &stream[..stream.len() / BATCH];
    let mut pipeline = Pipeline::new(Protocol::Memcached, &Handshake::default());
    c.bench_function("pipeline/memcached/one page for 32", |b| {
        b.iter(|| turn(&mut pipeline, &keys, black_box(stream)));
    });
}

criterion_group!(benches, turns, joined);
criterion_main!(benches);
