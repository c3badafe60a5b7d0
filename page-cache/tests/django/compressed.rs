//! Values that a client library has compressed.

use std::io::Write;
use std::rc::Rc;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use page_cache::page::django::{DjangoOptions, decode};
use page_cache::page::{GzipFlag, Page, Rejection};
use page_cache::pipeline::Value;
use page_cache::{Failure, Outcome};

use crate::decoder::OPTIONS;
use crate::pickles;
use crate::support::{Json, bytes, is_read, records, text};

/// The records that this build reads: all of them but for features that are left out.
fn readable() -> Vec<Json> {
    let mut records = records("django-compressed");
    records.retain(is_read);
    let left_out = [cfg!(feature = "lz4"), cfg!(feature = "xz"), cfg!(feature = "zstd")];
    let left_out = left_out.into_iter().filter(|is_in| !is_in).count();
    assert_eq!(records.len(), 15 - 3 * left_out);
    records
}

fn read(flags: Option<u32>, bytes: &[u8], options: &DjangoOptions) -> Result<Page, Rejection> {
    decode(&Rc::new(Value { flags, bytes: bytes.to_vec() }), options)
}

fn outcome(read: Result<Page, Rejection>) -> Outcome {
    read.map_or_else(Outcome::from, |_| Outcome::Hit)
}

fn body(record: &Json) -> Vec<u8> {
    match record["byte"].as_u64() {
        Some(byte) => {
            let len = usize::try_from(record["body_len"].as_u64().unwrap()).unwrap();
            vec![u8::try_from(byte).unwrap(); len]
        }
        None => bytes(&record["body_b64"]),
    }
}

#[test]
fn every_compressor_of_django_redis_is_read() {
    for record in readable() {
        let id = text(&record["id"]);
        let value = bytes(&record["value_b64"]);
        let page = read(None, &value, &OPTIONS).unwrap_or_else(|why| panic!("{id} {why:?}"));
        assert!(*page.body == *body(&record), "{id}");
    }
}

#[test]
fn what_comes_out_is_bounded() {
    for record in readable() {
        let id = text(&record["id"]);
        let value = bytes(&record["value_b64"]);
        let len = usize::try_from(record["inflated_len"].as_u64().unwrap()).unwrap();
        for (max_size, expected) in [
            (len, Outcome::Hit),
            (len - 1, Failure::TooLarge.into()),
            (len / 2, Failure::TooLarge.into()),
            (0, Failure::TooLarge.into()),
        ] {
            let found = read(None, &value, &DjangoOptions { max_size, ..OPTIONS });
            assert_eq!(outcome(found), expected, "{id} {max_size}");
        }
    }
}

#[test]
fn values_cut_short_or_followed_by_anything_are_refused() {
    for record in readable() {
        let id = text(&record["id"]);
        let value = bytes(&record["value_b64"]);
        let step = if id.ends_with("/small") { 1 } else { 37 };
        for len in (0..value.len()).step_by(step) {
            let found = outcome(read(None, &value[..len], &OPTIONS));
            assert_eq!(found, Failure::Undecodable.into(), "{id} {len}");
        }
        for more in [&b"\0"[..], b"x", &value] {
            let found = outcome(read(None, &[&value, more].concat(), &OPTIONS));
            assert_eq!(found, Failure::Undecodable.into(), "{id}");
        }
    }
}

/// Where there is a checksum it finds every change of the page; zstd's and LZ4's compressors
/// write none.
#[test]
fn corrupt_values_are_refused_or_the_same_page() {
    for record in readable() {
        let id = text(&record["id"]);
        if id.ends_with("/zeros") {
            continue;
        }
        let value = bytes(&record["value_b64"]);
        let expected = body(&record);
        let checked = !matches!(text(&record["compressor"]), "zstd" | "lz4");
        for (at, bit) in (0..value.len()).zip([0x01, 0x80, 0x10].into_iter().cycle()) {
            let mut value = value.clone();
            value[at] ^= bit;
            if let Ok(page) = read(None, &value, &OPTIONS) {
                assert!(!checked || *page.body == *expected, "{id} {at} {bit}");
            }
        }
    }
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn flags_of_memcached_go_before_looks() {
    let plain = pickles::page(&[], &[b"page"]);
    let (zlib, gzip) = (zlib(&plain), gzip(&plain));
    let options = DjangoOptions { gzip_flag: GzipFlag::Bits(0x10), ..OPTIONS };
    let undecodable = Outcome::from(Failure::Undecodable);
    for (flags, value, expected) in [
        (None, &plain, Outcome::Hit),
        (None, &zlib, Outcome::Hit),
        (None, &gzip, Outcome::Hit),
        (Some(0), &plain, Outcome::Hit),
        (Some(1), &plain, Outcome::Hit),
        (Some(1), &zlib, Outcome::Hit),
        (Some(8), &zlib, Outcome::Hit),
        (Some(9), &zlib, Outcome::Hit),
        (Some(9), &plain, undecodable),
        (Some(9), &gzip, undecodable),
        (Some(0x10), &gzip, Outcome::Hit),
        (Some(0x11), &gzip, Outcome::Hit),
        (Some(0x19), &gzip, Outcome::Hit),
        (Some(0x10), &zlib, undecodable),
        (Some(0x10), &plain, undecodable),
    ] {
        assert_eq!(outcome(read(flags, value, &options)), expected, "{flags:?}");
    }
    let error = read(Some(8), &plain, &options).unwrap_err().error.unwrap();
    assert_eq!(error.to_string(), "does not inflate at byte 0");
}

#[test]
fn a_value_is_compressed_once() {
    let plain = pickles::page(&[], &[b"page"]);
    for twice in [zlib(&zlib(&plain)), gzip(&zlib(&plain)), zlib(&gzip(&plain))] {
        assert_eq!(outcome(read(None, &twice, &OPTIONS)), Failure::Undecodable.into());
    }
}

#[test]
fn a_feature_that_is_left_out_is_named() {
    for (begin, is_in, name) in [
        (&b"\x04\x22\x4d\x18"[..], cfg!(feature = "lz4"), "cargo feature lz4 left out"),
        (b"\xfd7zXZ\0", cfg!(feature = "xz"), "cargo feature xz left out"),
        (b"\x28\xb5\x2f\xfd", cfg!(feature = "zstd"), "cargo feature zstd left out"),
    ] {
        let rejection = read(None, begin, &OPTIONS).unwrap_err();
        let error = rejection.error.as_ref().unwrap().to_string();
        assert_eq!(error.contains(name), !is_in, "{error}");
        assert_eq!(error.contains("does not inflate"), is_in, "{error}");
        assert_eq!(Outcome::from(rejection), Failure::Undecodable.into());
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_window_that_no_page_needs_is_not_made_room_for() {
    // Frame headers that ask for windows of 4 MiB to 3.75 TiB, an empty last block.
    let frame = |window: u8| [&b"\x28\xb5\x2f\xfd\x00"[..], &[window], b"\x01\0\0"].concat();
    let small = DjangoOptions { max_size: 1000, ..OPTIONS };
    for (window, expected) in [
        (0x60, Failure::Undecodable),
        (0x68, Failure::Undecodable),
        (0x69, Failure::TooLarge),
        (0x90, Failure::TooLarge),
        (0xff, Failure::TooLarge),
    ] {
        assert_eq!(outcome(read(None, &frame(window), &small)), expected.into(), "{window:x}");
    }
    let single =
        |size: u64| [&b"\x28\xb5\x2f\xfd\xe0"[..], &size.to_le_bytes(), b"\x01\0\0"].concat();
    for size in [u64::MAX, 1 << 40, 9 << 20] {
        assert_eq!(outcome(read(None, &single(size), &small)), Failure::TooLarge.into());
    }
}
