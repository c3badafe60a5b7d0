//! Any bytes as memcached's replies to `get`: the same however they are cut, and no value but
//! of the key that was asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::wire::Protocol;
use page_cache_fuzz::Input;
use page_cache_fuzz::wire::{Seen, Stream, check_cuts};

const KEYS: [&[u8]; 4] = [b"k", b":1:page", b"k 0", &[b'x'; 250]];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let key = KEYS[usize::from(input.byte()) % KEYS.len()];
    let seed = u64::from(input.byte());
    let stream = Stream { protocol: Protocol::Memcached, key, greetings: 0, bytes: input.rest() };
    for seen in check_cuts(&stream, seed) {
        if let Seen::Value { .. } = seen {
            let line = [b"VALUE ", key, b" "].concat();
            assert!(stream.bytes.windows(line.len()).any(|run| run == line), "another key");
        }
    }
});
