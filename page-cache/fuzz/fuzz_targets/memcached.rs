//! Any bytes as memcached's replies to `get`: the same however they are cut, and no value but
//! of the key that was asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::wire::Protocol;
use page_cache_fuzz::Input;
use page_cache_fuzz::wire::{Seen, Stream, check_cuts};

/// What one command asks for: one key, or several, the same one twice too.
const COMMANDS: [&[&[u8]]; 5] = [
    &[b"k"],
    &[b":1:page"],
    &[&[b'x'; 250]],
    &[b"k", b"k"],
    &[b"k", b"k1", b":1:page", b"k", b"kk"],
];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let keys = COMMANDS[usize::from(input.byte()) % COMMANDS.len()];
    let seed = u64::from(input.byte());
    let protocol = Protocol::Memcached;
    let stream = Stream { protocol, keys, greetings: 0, bytes: input.rest() };
    let mut had = vec![false; keys.len()];
    for seen in check_cuts(&stream, seed) {
        match seen {
            Seen::Value { which, .. } => {
                let line = [b"VALUE ", keys[which], b" "].concat();
                assert!(stream.bytes.windows(line.len()).any(|run| run == line), "another key");
                assert!(!had[which], "a value that comes twice");
                had[which] = keys.len() > 1;
            }
            _ => had.fill(false),
        }
    }
});
