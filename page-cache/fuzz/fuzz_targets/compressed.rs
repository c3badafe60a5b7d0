//! Any bytes as a value that a client library has compressed: no decoder panics, none gives
//! more than it may.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::page::GzipFlag;
use page_cache::page::django::{DjangoOptions, decode, header_list};
use page_cache_fuzz::{check_page, value};

/// zlib by its flag, gzip, xz, zstd, LZ4.
const STARTS: [&[u8]; 5] =
    [b"", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"];

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let Some(start) = STARTS.get(usize::from(which)) else { return };
    let flags = if start.is_empty() { 9 } else { 1 };
    let value = value(Some(flags), &[start, rest].concat());
    let options = DjangoOptions { max_size: 64 << 10, gzip_flag: GzipFlag::Bits(0) };
    if let Ok(page) = decode(&value, &options) {
        check_page(&page, options.max_size);
    }
    let _ = header_list(&value, &options);
});
