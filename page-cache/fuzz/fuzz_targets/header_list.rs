//! Any bytes as a stored list of headers: refused, or names that a request can have.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::page::GzipFlag;
use page_cache::page::django::{DjangoOptions, header_list};
use page_cache_fuzz::{check_names, value};

const OPTIONS: DjangoOptions = DjangoOptions { max_size: 1 << 20, gzip_flag: GzipFlag::Bits(0) };

fuzz_target!(|bytes: &[u8]| {
    if let Ok(list) = header_list(&value(Some(1), bytes), &OPTIONS) {
        check_names(list.iter());
    }
});
