//! Any bytes as a stored list of headers: refused, or names that a request can have.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use page_cache::page::django::{DjangoOptions, header_list};
use page_cache::pipeline::Value;

const OPTIONS: DjangoOptions = DjangoOptions { max_size: 1 << 20, gzip_flag: 0 };

fuzz_target!(|bytes: &[u8]| {
    let value = Rc::new(Value { flags: Some(1), bytes: bytes.to_vec() });
    if let Ok(list) = header_list(&value, &OPTIONS) {
        let names: Vec<&[u8]> = list.iter().collect();
        assert!(names.len() <= 64);
        for name in names {
            assert!(name.starts_with(b"HTTP_") && (6..=256).contains(&name.len()));
            assert!(name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'*'));
        }
    }
});
