//! Any bytes as a stored page: refused, or a page whose header cannot be split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::page::GzipFlag;
use page_cache::page::age::age;
use page_cache::page::django::{DjangoOptions, decode};
use page_cache_fuzz::{check_page, value};

const OPTIONS: DjangoOptions = DjangoOptions { max_size: 1 << 20, gzip_flag: GzipFlag::Bits(0) };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(page) = decode(&value(Some(1), bytes), &OPTIONS) {
        check_page(&page, OPTIONS.max_size);
        let _ = age(&page, 1_795_178_316);
    }
});
