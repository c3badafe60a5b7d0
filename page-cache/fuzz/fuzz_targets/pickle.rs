//! Any bytes as a stored page: refused, or a page whose header cannot be split.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use page_cache::page::age::age;
use page_cache::page::django::{DjangoOptions, decode};
use page_cache::pipeline::Value;

const OPTIONS: DjangoOptions = DjangoOptions { max_size: 1 << 20, gzip_flag: 0 };

fn is_clean(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

fuzz_target!(|bytes: &[u8]| {
    let value = Rc::new(Value { flags: Some(1), bytes: bytes.to_vec() });
    if let Ok(page) = decode(&value, &OPTIONS) {
        assert!((200..600).contains(&page.status));
        assert!(page.body.len() <= OPTIONS.max_size);
        assert!(page.reason.as_deref().is_none_or(is_clean));
        for field in &page.headers {
            assert!(!field.name.is_empty() && is_clean(&field.name) && is_clean(&field.value));
        }
        let _ = age(&page, 1_795_178_316);
    }
});
