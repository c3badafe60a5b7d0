//! What holds for every request, key, stored value and directive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;
use std::io::Write;
use std::rc::Rc;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use page_cache::directive::{self, Directive};
use page_cache::key::{CacheKey, Recipe, full_path};
use page_cache::oversize::{Form, Oversize, REMEMBERED_KEYS, REMEMBERED_MS};
use page_cache::page::body::{BodyOptions, decode, flags_hint};
use page_cache::page::{GzipFlag, Refusal};
use page_cache::pipeline::Value;
use page_cache::policy::admit_target;
use page_cache::request::{Method, Rank, RequestView, Target};
use page_cache::wire::Protocol;
use page_cache::{Failure, Miss};
use proptest::collection::vec;
use proptest::prelude::*;

/// Arbitrary bytes, and pieces that mean something in a request-target.
fn target() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"/",
        b"//",
        b"/./",
        b"/../",
        b".",
        b"%2F",
        b"%2e",
        b"%",
        b"%4",
        b"%41",
        b"%zz",
        b"%25",
        b"%c3%a9",
        b"%C3",
        b"%A9",
        b"%F0%9F%98%80",
        b"%ED%A0%80",
        b"%FF",
        b"\xc3\xa9",
        b"\xff",
        b"?",
        b"#",
        b";",
        b"=",
        b"&",
        b"a",
        b" ",
        b"\0",
        b"http://h",
        b"*",
        b"[",
        b"<",
    ];
    let piece = prop_oneof![
        9 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..4),
    ];
    (prop::bool::weighted(0.8), vec(piece, 0..12)).prop_map(|(slash, pieces)| {
        let start: &[u8] = if slash { b"/" } else { b"" };
        [start, &pieces.concat()].concat()
    })
}

fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let hex = hex.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (text[at], hex) {
            (b'%', Some(hex)) => {
                out.push(u8::from_str_radix(hex, 16).unwrap());
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

proptest! {
    #[test]
    fn a_full_path_is_plain_text_and_its_own_full_path(target in target()) {
        let path = full_path(Target::Raw(&target)).unwrap();
        prop_assert!(path.starts_with(b"/"));
        prop_assert!(path.iter().all(u8::is_ascii_graphic));
        prop_assert!(path.len() <= 6 * target.len() + 1);
        let again = full_path(Target::Raw(&path)).unwrap();
        prop_assert_eq!(&again, &path);
        prop_assert!(matches!(again, Cow::Borrowed(_)));
    }

    #[test]
    fn the_path_of_a_utf8_target_decodes_to_what_was_asked(target in "/[ -~é]{0,40}") {
        let (asked, _) = target.split_once(['?', '#']).unwrap_or((&target, ""));
        let path = full_path(Target::Raw(target.as_bytes())).unwrap();
        let path = path.split(|&byte| byte == b'?').next().unwrap();
        if let Ok(asked) = String::from_utf8(unquoted(asked.as_bytes())) {
            prop_assert_eq!(unquoted(path), asked.as_bytes());
        }
    }

    /// nginx escapes its current path for the application, and sends the arguments as they are.
    #[test]
    fn a_current_path_is_read_as_what_nginx_sends(
        path in vec(any::<u8>(), 0..40),
        args in vec(any::<u8>().prop_filter("no fragment", |byte| *byte != b'#'), 0..20),
    ) {
        let whole = full_path(Target::Current { path: &path, args: &args }).unwrap();
        let mut sent: Vec<u8> = path.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect();
        sent.push(b'?');
        sent.extend(&args);
        prop_assert_eq!(whole, full_path(Target::Raw(&sent)).unwrap());
    }

    #[test]
    fn the_policy_on_targets_is_the_simple_one(target in target()) {
        let view = RequestView {
            method: Method::Get,
            has_body: false,
            rank: Rank::Main,
            target: Target::Raw(&target),
            host: Some(b"h"),
            server_name: b"h",
        };
        let decoded = unquoted(target.split(|&byte| byte == b'?').next().unwrap());
        let plain = target.is_ascii()
            && !target.contains(&b'#')
            && target.starts_with(b"/")
            && !target.starts_with(b"//")
            && std::str::from_utf8(&decoded).is_ok()
            && !contains(&decoded, b"/./")
            && !contains(&decoded, b"/../");
        prop_assert_eq!(admit_target(&view).is_ok(), plain);
    }

    #[test]
    fn a_host_is_the_server_s_name_only_if_it_says_so(host in "[A-Za-z.:\\[\\]0-9]{0,12}") {
        let lower = host.to_ascii_lowercase();
        for len in 0..=lower.len() {
            let view = RequestView {
                method: Method::Get,
                has_body: false,
                rank: Rank::Main,
                target: Target::Raw(b"/"),
                host: Some(host.as_bytes()),
                server_name: &lower.as_bytes()[..len],
            };
            let rest = &lower[len..];
            let rest = rest.strip_prefix('.').unwrap_or(rest);
            let only_port = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            let only_port = rest.is_empty() || only_port == ":";
            prop_assert!(admit_target(&view).is_err() || len > 0 && only_port);
        }
    }

    #[test]
    fn memcached_gets_no_illegal_key(bytes in vec(any::<u8>(), 0..300)) {
        let legal = (1..=250).contains(&bytes.len())
            && bytes.iter().all(|byte| *byte > 0x20 && *byte != 0x7f);
        let key = CacheKey::new(Protocol::Memcached, bytes.clone());
        prop_assert_eq!(key.is_ok(), legal);
        let key = CacheKey::new(Protocol::Redis, bytes.clone()).unwrap();
        prop_assert_eq!(key.as_bytes(), bytes);
    }

    #[test]
    fn recipes_put_the_parts_together(
        namespace in vec(any::<u8>(), 0..9), prefix in vec(any::<u8>(), 0..9), uri in target()
    ) {
        let key = |recipe: Recipe| recipe.key(Protocol::Redis, &namespace, &prefix, &uri).unwrap();
        let raw = key(Recipe::Raw);
        prop_assert_eq!(raw.as_bytes(), [&namespace[..], &uri].concat());
        let with_prefix = key(Recipe::Prefix);
        prop_assert_eq!(with_prefix.as_bytes(), [&namespace[..], &prefix, b"-", &uri].concat());
        let md5 = key(Recipe::Md5);
        let hex = md5.as_bytes().strip_prefix(&namespace[..]).unwrap();
        prop_assert!(hex.len() == 32 && hex.iter().all(|digit| b"0123456789abcdef".contains(digit)));
        let joined = [&prefix[..], &uri].concat();
        let same = Recipe::Md5.key(Protocol::Redis, &namespace, b"", &joined).unwrap();
        prop_assert_eq!(md5, same);
    }
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As `pickle.dumps(body, protocol)` writes a bytes object.
fn pickled(protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut pickle = vec![0x80, protocol];
    if protocol == 2 {
        let text: String = body.iter().copied().map(char::from).collect();
        pickle.extend(b"c_codecs\nencode\nq\0X");
        pickle.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        pickle.extend(text.as_bytes());
        pickle.extend(b"q\x01X\x06\0\0\0latin1q\x02\x86q\x03Rq\x04.");
        return pickle;
    }
    if protocol >= 4 {
        pickle.push(0x95);
        pickle.extend((body.len() as u64 + 7).to_le_bytes());
    }
    match u8::try_from(body.len()) {
        Ok(len) => pickle.extend([b'C', len]),
        Err(_) => {
            pickle.push(b'B');
            pickle.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        }
    }
    pickle.extend(body);
    pickle.extend(if protocol >= 4 { &b"\x94."[..] } else { b"q\0." });
    pickle
}

/// Arbitrary bytes, and bytes that look like a pickle or a zlib stream.
fn stored() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || vec(any::<u8>(), 0..300);
    let broken = |bytes: Vec<u8>, (at, byte): (prop::sample::Index, u8)| {
        let mut bytes = bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= byte;
        bytes
    };
    let fault = || (any::<prop::sample::Index>(), any::<u8>());
    prop_oneof![
        bytes(),
        bytes().prop_map(|tail| [b"\x80\x05", &tail[..]].concat()),
        (bytes(), fault()).prop_map(move |(body, fault)| broken(pickled(4, &body), fault)),
        (bytes(), fault()).prop_map(move |(body, fault)| broken(deflated(&body), fault)),
        bytes().prop_map(|body| deflated(&pickled(3, &body))),
    ]
}

fn body_of(flags: Option<u32>, bytes: Vec<u8>, options: &BodyOptions) -> Result<Vec<u8>, Refusal> {
    decode(&Rc::new(Value { flags, bytes }), options).map(|page| page.body.to_vec())
}

fn gzip_flags() -> impl Strategy<Value = GzipFlag> {
    prop_oneof![
        Just(GzipFlag::Bits(0)),
        (0_u32..64).prop_map(GzipFlag::Bits),
        Just(GzipFlag::Magic),
    ]
}

proptest! {
    #[test]
    fn whatever_is_stored_a_body_is_bounded_and_not_empty(
        bytes in stored(),
        flags in prop::option::of(prop_oneof![0_u32..32, any::<u32>()]),
        gzip_flag in gzip_flags(),
        max_size in 0_usize..400,
    ) {
        match decode(&Rc::new(Value { flags, bytes }), &BodyOptions { max_size, gzip_flag }) {
            Ok(page) => {
                prop_assert!((1..=max_size).contains(&page.body.len()));
                let magic = gzip_flag == GzipFlag::Magic && page.body.starts_with(b"\x1f\x8b\x08");
                prop_assert_eq!(page.gzip, magic || flags.unwrap_or(0) & gzip_flag.bits() != 0);
                prop_assert_eq!(flags.unwrap_or(0) & !(25 | gzip_flag.bits()), 0);
            }
            Err(Refusal::Miss(Miss::Flags)) => {
                prop_assert_ne!(flags.unwrap_or(0) & !(25 | gzip_flag.bits()), 0);
                prop_assert!(flags_hint(flags.unwrap_or(0), gzip_flag).is_some());
            }
            Err(Refusal::Miss(why)) => prop_assert!(matches!(why, Miss::Absent | Miss::Pickled)),
            Err(Refusal::Failure(why)) => {
                prop_assert!(matches!(why, Failure::Undecodable | Failure::TooLarge));
            }
        }
    }

    #[test]
    fn a_body_comes_back_as_it_was_stored(
        body in vec(any::<u8>(), 1..2000), protocol in 2_u8..=5
    ) {
        let options = BodyOptions { max_size: 4000, gzip_flag: GzipFlag::Bits(0) };
        for (flags, bytes) in [
            (Some(0), body.clone()),
            (Some(16), body.clone()),
            (Some(1), pickled(protocol, &body)),
            (None, pickled(protocol, &body)),
            (Some(8), deflated(&body)),
            (Some(9), deflated(&pickled(protocol, &body))),
        ] {
            prop_assert_eq!(body_of(flags, bytes, &options).unwrap(), &body[..], "{:?}", flags);
        }
    }

}

proptest! {
    // Each case is long: a few will do.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_bomb_is_refused(len in 10_001_usize..2_000_000, fill in any::<u8>()) {
        let options = BodyOptions { max_size: 10_000, gzip_flag: GzipFlag::Bits(0) };
        let read = body_of(Some(8), deflated(&vec![fill; len]), &options);
        prop_assert_eq!(read.unwrap_err(), Refusal::Failure(Failure::TooLarge));
    }

    #[test]
    fn memory_of_large_values_is_bounded_and_never_wrong(
        seen in vec((0_u16..2000, 0_u64..3, 0_usize..4, 0_u64..50), 0..3000)
    ) {
        let mut oversize = Oversize::new();
        let mut now_ms = 0;
        let mut last = std::collections::HashMap::new();
        for (key, reader, limit, pause) in seen {
            now_ms += pause;
            let form = if reader == 2 { Form::Stored } else { Form::DecodedBy(reader) };
            oversize.remember(&key.to_be_bytes(), form, limit, now_ms);
            last.insert((key, reader), (limit, now_ms));
            prop_assert!(oversize.is_too_large(&key.to_be_bytes(), reader, limit, now_ms));
            prop_assert!(oversize.len() <= REMEMBERED_KEYS);
        }
        for key in 0..2000_u16 {
            for (reader, limit) in (0..3).flat_map(|reader| (0..4).map(move |limit| (reader, limit))) {
                if oversize.is_too_large(&key.to_be_bytes(), reader, limit, now_ms) {
                    let seen = [last.get(&(key, reader)), last.get(&(key, 2))];
                    let known = seen.into_iter().flatten().any(|&(known, at)| {
                        known >= limit && now_ms < at + REMEMBERED_MS
                    });
                    prop_assert!(known);
                }
            }
        }
    }
}

/// Pieces of directives, in which `{}` stands for a password.
fn word() -> impl Strategy<Value = String> {
    let pieces = vec![
        "redis://",
        "memcached://",
        "rediss://",
        "redis:",
        "//",
        "unix:",
        "/run/r.sock",
        ":",
        "@",
        "/",
        "[",
        "]",
        "::1",
        "host",
        ":6379",
        "/0",
        "key=",
        "raw",
        "django=",
        "5.2",
        "fallback=",
        "next",
        "off",
        "=",
        "%",
        "%4",
        "$uri",
        "é",
    ];
    prop_oneof![
        3 => vec(prop::sample::select(pieces), 0..6).prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,12}",
    ]
}

proptest! {
    #[test]
    fn a_directive_of_any_bytes_is_read_or_refused(words in vec(vec(any::<u8>(), 0..40), 0..4)) {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if let Err(error) = directive::parse(&words) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Wherever credentials stand before an `@`, in a good word or a bad one.
    #[test]
    fn no_message_shows_credentials(
        before in word(), after in word(), others in vec(word(), 0..3),
        scheme in prop::sample::select(vec!["redis://", "REDIS://", "rediss://", "memcached://", ""]),
        at in 0_usize..4,
    ) {
        let secret = "s3cr3tW0rd";
        let mut words = others;
        let at = at.min(words.len());
        words.insert(at, format!("{scheme}user{before}:{secret}@{after}"));
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let shown = match directive::parse(&words) {
            Err(error) => format!("{error} {error:?}"),
            Ok(Directive::On(spec)) => format!("{} {:?}", spec.store, spec.store),
            Ok(Directive::Off) => String::new(),
        };
        prop_assert!(!shown.contains(secret), "{}", shown);
    }

    #[test]
    fn credentials_come_back_decoded(user in vec(any::<u8>(), 1..9), password in vec(any::<u8>(), 1..9)) {
        let escape = |byte: &u8| format!("%{byte:02X}");
        let quoted = |bytes: &[u8]| bytes.iter().map(escape).collect::<Vec<_>>().concat();
        let word = format!("redis://{}:{}@h/1", quoted(&user), quoted(&password));
        let Ok(Directive::On(spec)) = directive::parse(&[word.as_bytes()]) else {
            return Err(TestCaseError::fail(word));
        };
        prop_assert_eq!(spec.store.user.unwrap(), user);
        prop_assert_eq!(spec.store.password.unwrap(), password);
        prop_assert_eq!(spec.store.db, 1);
    }
}
