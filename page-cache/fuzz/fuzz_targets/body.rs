//! Any bytes with any flags as a stored body: refused, or a body that is neither empty nor too
//! long, and is a part of what was stored, or of a text in it, where nothing was inflated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::page::body::{BodyOptions, decode, flags_hint};
use page_cache::page::{GzipFlag, Refusal};
use page_cache::{Failure, Miss};
use page_cache_fuzz::{Input, check_page, value};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let flags = match input.byte() {
        255 => None,
        flags => Some(u32::from(flags)),
    };
    let gzip_flag = match input.byte() {
        255 => GzipFlag::Magic,
        bits => GzipFlag::Bits(u32::from(bits)),
    };
    let bits = flags.unwrap_or(0);
    let options = BodyOptions { max_size: 1 << 16, gzip_flag };
    let stored = input.rest();
    match decode(&value(flags, stored), &options) {
        Ok(page) => {
            check_page(&page, options.max_size);
            assert!(!page.body.is_empty() && page.headers.is_empty() && page.status == 200);
            let body = &*page.body;
            let marked = bits & gzip_flag.bits() != 0;
            let magic = gzip_flag == GzipFlag::Magic && body.starts_with(b"\x1f\x8b\x08");
            assert_eq!(page.gzip, marked || magic);
            assert_eq!(bits & !(25 | gzip_flag.bits()), 0);
            let inflated = !marked && bits & 8 != 0;
            let found = stored.windows(body.len()).any(|part| part == body);
            // Protocol 2 has bytes as a text.
            let text: String = body.iter().copied().map(char::from).collect();
            let as_text = stored.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(inflated || found || as_text);
        }
        Err(Refusal::Miss(Miss::Flags)) => assert!(flags_hint(bits, gzip_flag).is_some()),
        Err(Refusal::Miss(why)) => assert!(matches!(why, Miss::Absent | Miss::Pickled)),
        Err(Refusal::Failure(why)) => {
            assert!(matches!(why, Failure::Undecodable | Failure::TooLarge));
        }
    }
});
