//! Any bytes with any flags as a stored body: refused, or a body that is neither empty nor too
//! long, and is a part of what was stored where nothing was inflated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::page::Refusal;
use page_cache::page::body::{BodyOptions, decode};
use page_cache::{Failure, Miss};
use page_cache_fuzz::{Input, check_page, value};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let flags = match input.byte() {
        255 => None,
        flags => Some(u32::from(flags)),
    };
    let gzip_flag = u32::from(input.byte());
    let options = BodyOptions { max_size: 1 << 16, gzip_flag };
    let stored = input.rest();
    match decode(&value(flags, stored), &options) {
        Ok(page) => {
            check_page(&page, options.max_size);
            assert!(!page.body.is_empty() && page.headers.is_empty() && page.status == 200);
            assert_eq!(page.gzip, flags.unwrap_or(0) & gzip_flag != 0);
            let inflated = !page.gzip && flags.unwrap_or(0) & 8 != 0;
            let body = &*page.body;
            assert!(inflated || stored.windows(body.len()).any(|part| part == body));
        }
        Err(Refusal::Miss(why)) => assert!(matches!(why, Miss::Absent | Miss::Pickled)),
        Err(Refusal::Failure(why)) => {
            assert!(matches!(why, Failure::Undecodable | Failure::TooLarge));
        }
    }
});
