//! Any bytes as Redis's replies to AUTH, SELECT and GET: the same however they are cut; and what
//! is told of an error has no part of the password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use page_cache::wire::{Handshake, Protocol};
use page_cache_fuzz::Input;
use page_cache_fuzz::wire::{Seen, Stream, check_cuts};

fn check_told(handshake: &Handshake, text: &[u8]) {
    let told = handshake.tell(text);
    assert!(told.len() <= 200 && told.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    for secret in [&handshake.user, &handshake.password].into_iter().flatten() {
        assert!(
            told == "an error" || !told.as_bytes().windows(secret.len()).any(|run| run == secret)
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let greetings = usize::from(input.byte()) % 3;
    let seed = u64::from(input.byte());
    let stream =
        Stream { protocol: Protocol::Redis, keys: &[b"k"], greetings, bytes: input.rest() };
    let handshake =
        Handshake { user: Some(b"page-cache".to_vec()), password: Some(b"s3sam3".to_vec()), db: 1 };
    for seen in check_cuts(&stream, seed) {
        if let Seen::Refused(_, _, text) | Seen::KeptOut(text) = seen {
            check_told(&handshake, &text);
        }
    }
});
