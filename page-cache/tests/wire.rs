//! The wire formats: what is asked, what replies mean, and streams cut anywhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use page_cache::Failure;
use page_cache::wire::{Decoder, Event, Handshake, Head, Protocol, Scope, Violation, memcached};
use proptest::prelude::*;

const MEMCACHED: Protocol = Protocol::Memcached;
const REDIS: Protocol = Protocol::Redis;

/// A reply as a test likes to compare it.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Value(Option<u32>, Vec<u8>),
    Absent,
    Refused(Failure, Scope, Vec<u8>),
}

fn refused(why: Failure, scope: Scope, text: &str) -> Seen {
    Seen::Refused(why, scope, text.as_bytes().to_vec())
}

/// Decodes `stream`, given in pieces that end at `cuts`; stops at the first violation.
/// The last item tells how many bytes were left over.
fn decode(
    protocol: Protocol,
    key: &[u8],
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Result<usize, Violation>) {
    let mut decoder = Decoder::new(protocol);
    let (mut seen, mut body, mut flags) = (Vec::new(), Vec::new(), None);
    let mut start = 0;
    for &end in cuts.iter().chain([&stream.len()]) {
        loop {
            let (consumed, event) = match decoder.next(&stream[start..end], key) {
                Ok(next) => next,
                Err(violation) => return (seen, Err(violation)),
            };
            start += consumed;
            match event {
                None if consumed == 0 => break,
                None => {}
                Some(Event::Head(Head::Absent)) => seen.push(Seen::Absent),
                Some(Event::Head(Head::Refused { why, scope, text })) => {
                    seen.push(Seen::Refused(why, scope, text.to_vec()));
                }
                Some(Event::Head(Head::Value { flags: f, .. })) => (flags, body) = (f, Vec::new()),
                Some(Event::Data(data)) => {
                    assert!(!data.is_empty());
                    body.extend_from_slice(data);
                }
                Some(Event::End) => seen.push(Seen::Value(flags, body.clone())),
            }
            if start == end && !decoder.is_midway() {
                break;
            }
        }
    }
    (seen, Ok(stream.len() - start))
}

fn every_byte(stream: &[u8]) -> Vec<usize> {
    (1..stream.len()).collect()
}

/// The reply means `expected`, in one piece and byte by byte.
fn reads(protocol: Protocol, stream: &[u8], expected: &[Seen]) {
    for cuts in [Vec::new(), every_byte(stream)] {
        let (seen, rest) = decode(protocol, b"k", stream, &cuts);
        assert_eq!(seen, expected, "{:?}", stream.escape_ascii().to_string());
        assert_eq!(rest, Ok(0), "{:?}", stream.escape_ascii().to_string());
    }
}

/// The stream breaks the protocol before any reply is complete, however it is cut.
fn breaks(protocol: Protocol, stream: &[u8], violation: Violation) {
    for cuts in [Vec::new(), every_byte(stream)] {
        let (seen, rest) = decode(protocol, b"k", stream, &cuts);
        assert_eq!(seen, [], "{:?}", stream.escape_ascii().to_string());
        assert_eq!(rest, Err(violation), "{:?}", stream.escape_ascii().to_string());
    }
}

#[test]
fn look_ups_are_encoded() {
    let mut out = b"before".to_vec();
    MEMCACHED.encode(b":1:site/a?b=c", &mut out).unwrap();
    assert_eq!(out, b"beforeget :1:site/a?b=c\r\n");
    for (key, encoded) in [
        (&b"k"[..], &b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..]),
        (b"", b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n"),
        (b"0123456789", b"*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n"),
        (b"a b\r\n\xff\0", b"*2\r\n$3\r\nGET\r\n$7\r\na b\r\n\xff\0\r\n"),
    ] {
        let mut out = Vec::new();
        REDIS.encode(key, &mut out).unwrap();
        assert_eq!(out.escape_ascii().to_string(), encoded.escape_ascii().to_string());
    }
}

#[test]
fn memcached_takes_only_keys_that_keep_the_framing() {
    let longest = [b'k'; memcached::LONGEST_KEY];
    let longer = [b'k'; memcached::LONGEST_KEY + 1];
    for (key, taken) in [
        (&b"k"[..], true),
        (b"\x21~\x80\xff", true),
        (&longest, true),
        (&longer, false),
        (b"", false),
        (b"a b", false),
        (b"a\r\nflush_all", false),
        (b"a\0", false),
        (b"a\x1f", false),
        (b"a\x7f", false),
    ] {
        assert_eq!(MEMCACHED.accepts(key), taken, "{:?}", key.escape_ascii().to_string());
        assert!(REDIS.accepts(key));
    }
}

#[test]
fn memcached_replies() {
    let value = |flags, body: &[u8]| Seen::Value(Some(flags), body.to_vec());
    reads(MEMCACHED, b"END\r\n", &[Seen::Absent]);
    reads(MEMCACHED, b"VALUE k 0 0\r\n\r\nEND\r\n", &[value(0, b"")]);
    reads(MEMCACHED, b"VALUE k 4294967295 3\r\na\r\n\r\nEND\r\n", &[value(u32::MAX, b"a\r\n")]);
    reads(
        MEMCACHED,
        b"VALUE k 1 5 18446744073709551615\r\nEND\r\n\r\nEND\r\n",
        &[value(1, b"END\r\n")],
    );
    reads(
        MEMCACHED,
        b"END\r\nVALUE k 0 1\r\na\r\nEND\r\nEND\r\n",
        &[Seen::Absent, value(0, b"a"), Seen::Absent],
    );
    let why = Failure::Protocol;
    for (line, scope) in [
        ("SERVER_ERROR out of memory writing get response", Scope::Server),
        ("SERVER_ERROR", Scope::Server),
        ("ERROR", Scope::Connection),
        ("CLIENT_ERROR bad command line format", Scope::Connection),
    ] {
        reads(MEMCACHED, format!("{line}\r\n").as_bytes(), &[refused(why, scope, line)]);
    }
    let long = format!("SERVER_ERROR {}", "x".repeat(1000));
    reads(MEMCACHED, format!("{long}\r\n").as_bytes(), &[refused(why, Scope::Server, &long)]);
}

#[test]
fn memcached_liars() {
    for (stream, violation) in [
        (&b"VALUE other 0 1\r\na\r\nEND\r\n"[..], Violation::OtherKey),
        (b"VALUE kk 0 1\r\na\r\nEND\r\n", Violation::OtherKey),
        (b"VALUE K 0 1\r\na\r\nEND\r\n", Violation::OtherKey),
        (b"VALUE  k 0 1\r\na\r\nEND\r\n", Violation::OtherKey),
        (b"VALUE k\r\na\r\nEND\r\n", Violation::OtherKey),
        (b"VALUE k \r\n", Violation::Number),
        (b"VALUE k 0\r\n", Violation::Number),
        (b"VALUE k 0 \r\n", Violation::Number),
        (b"VALUE k 0  1\r\n", Violation::Number),
        (b"VALUE k 0 1 \r\n", Violation::Number),
        (b"VALUE k 0 1 2 3\r\n", Violation::Number),
        (b"VALUE k 0 1 x\r\n", Violation::Number),
        (b"VALUE k 0 -1\r\n", Violation::Number),
        (b"VALUE k 0 +1\r\n", Violation::Number),
        (b"VALUE k 0 1a\r\n", Violation::Number),
        (b"VALUE k 0 0x1\r\n", Violation::Number),
        (b"VALUE k 4294967296 1\r\n", Violation::Number),
        (b"VALUE k -1 1\r\n", Violation::Number),
        (b"VALUE k 0 18446744073709551616\r\n", Violation::Number),
        (b"VALUE k 0 99999999999999999999\r\n", Violation::Number),
        (b"VALUE k 0 000000000000000000001\r\n", Violation::Number),
        (b"VALUE k 0 1\na\r\nEND\r\n", Violation::LineEnd),
        (b"VALUE k 0\r 1\r\na\r\nEND\r\n", Violation::LineEnd),
        (b"END\n", Violation::LineEnd),
        (b"\n", Violation::LineEnd),
        (b"\r\n", Violation::NotAReply),
        (b"END \r\n", Violation::NotAReply),
        (b"end\r\n", Violation::NotAReply),
        (b"ERROR x\r\n", Violation::NotAReply),
        (b"SERVER_ERRORS\r\n", Violation::NotAReply),
        (b"STORED\r\n", Violation::NotAReply),
        (b"HTTP/1.1 400 Bad Request\r\n", Violation::NotAReply),
        (b"$1\r\na\r\n", Violation::NotAReply),
        (b"VALUE k 0 1\r\nab\r\nEND\r\n", Violation::Trailer),
        (b"VALUE k 0 1\r\naEND\r\n", Violation::Trailer),
        (b"VALUE k 0 1\r\na\nEND\r\n", Violation::Trailer),
        (b"VALUE k 0 1\r\na\r\nEND\n", Violation::Trailer),
        (b"VALUE k 0 1\r\na\r\n\r\nEND\r\n", Violation::Trailer),
        // two values in one reply
        (b"VALUE k 0 1\r\na\r\nVALUE k 0 1\r\na\r\nEND\r\n", Violation::Trailer),
        // no END, and the next reply
        (b"VALUE k 0 1\r\na\r\nSERVER_ERROR\r\n", Violation::Trailer),
    ] {
        breaks(MEMCACHED, stream, violation);
    }
}

#[test]
fn redis_replies() {
    let value = |body: &[u8]| Seen::Value(None, body.to_vec());
    reads(REDIS, b"$-1\r\n", &[Seen::Absent]);
    reads(REDIS, b"_\r\n", &[Seen::Absent]);
    reads(REDIS, b"$0\r\n\r\n", &[value(b"")]);
    reads(REDIS, b"$4\r\n\r\n\r\n\r\n$1\r\na\r\n", &[value(b"\r\n\r\n"), value(b"a")]);
    for (text, why, scope) in [
        ("NOAUTH Authentication required.", Failure::Auth, Scope::Connection),
        ("WRONGPASS invalid username-password pair", Failure::Auth, Scope::Connection),
        ("NOPERM No permissions to access a key", Failure::Auth, Scope::Key),
        ("WRONGTYPE Operation against a key", Failure::Undecodable, Scope::Key),
        ("MOVED 3999 127.0.0.1:6381", Failure::Protocol, Scope::Key),
        ("ASK 3999 127.0.0.1:6381", Failure::Protocol, Scope::Key),
        ("LOADING Redis is loading the dataset", Failure::Protocol, Scope::Server),
        ("MASTERDOWN Link with MASTER is down", Failure::Protocol, Scope::Server),
        ("BUSY Redis is busy running a script.", Failure::Protocol, Scope::Server),
        ("CLUSTERDOWN Hash slot not served", Failure::Protocol, Scope::Server),
        ("ERR unknown command", Failure::Protocol, Scope::Server),
        ("", Failure::Protocol, Scope::Server),
    ] {
        reads(REDIS, format!("-{text}\r\n").as_bytes(), &[refused(why, scope, text)]);
    }
}

#[test]
fn redis_liars() {
    for (stream, violation) in [
        (&b"+OK\r\n"[..], Violation::NotAReply),
        (b":1\r\n", Violation::NotAReply),
        (b"*1\r\n$1\r\na\r\n", Violation::NotAReply),
        (b"%1\r\n", Violation::NotAReply),
        (b">2\r\n", Violation::NotAReply),
        (b"~1\r\n", Violation::NotAReply),
        (b"#t\r\n", Violation::NotAReply),
        (b"=5\r\ntxt:a\r\n", Violation::NotAReply),
        (b"_x\r\n", Violation::NotAReply),
        (b"\r\n", Violation::NotAReply),
        (b"VALUE k 0 1\r\n", Violation::NotAReply),
        (b"$\r\n", Violation::Number),
        (b"$-2\r\n", Violation::Number),
        (b"$-10\r\n", Violation::Number),
        (b"$+1\r\n", Violation::Number),
        (b"$ 1\r\n", Violation::Number),
        (b"$1 \r\n", Violation::Number),
        (b"$?\r\n", Violation::Number),
        (b"$18446744073709551616\r\n", Violation::Number),
        (b"$1\na\r\n", Violation::LineEnd),
        (b"-ERR a\rb\r\n", Violation::LineEnd),
        (b"$1\r\nab\r\n", Violation::Trailer),
        (b"$1\r\na\n", Violation::Trailer),
        (b"$1\r\na\r\r", Violation::Trailer),
    ] {
        breaks(REDIS, stream, violation);
    }
}

/// A line without an end is given up at its limit, not a byte before.
#[test]
fn lines_are_bounded() {
    for (protocol, start, limit) in [
        (MEMCACHED, &b"VALUE k "[..], 1 + 64),
        (MEMCACHED, b"x", 1 + 64),
        (MEMCACHED, b"SERVER_ERROR ", 1024),
        (REDIS, b"-ERR ", 1024),
        (REDIS, b"$", 1024),
    ] {
        let mut line = start.to_vec();
        line.resize(limit, b'1');
        let (seen, rest) = decode(protocol, b"k", &line, &every_byte(&line));
        assert_eq!((seen, rest), (Vec::new(), Ok(limit)));
        line.push(b'\r');
        assert_eq!(decode(protocol, b"k", &line, &[]).1, Ok(limit + 1));
        line.push(b'\r');
        breaks(protocol, &line, Violation::LineTooLong);
        line.truncate(limit);
        line.extend_from_slice(b"1\r\n");
        breaks(protocol, &line, Violation::LineTooLong);
    }
}

#[test]
fn handshakes() {
    let bytes = |user: Option<&str>, password: Option<&str>, db| {
        let (user, password) = (user.map(Into::into), password.map(Into::into));
        let handshake = Handshake { user, password, db };
        String::from_utf8(handshake.commands().flatten().collect()).unwrap()
    };
    assert_eq!(bytes(None, None, 0), "");
    assert_eq!(bytes(Some("user"), None, 0), "");
    assert_eq!(bytes(None, None, 15), "*2\r\n$6\r\nSELECT\r\n$2\r\n15\r\n");
    assert_eq!(bytes(None, Some("a\r\nb"), 0), "*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n");
    assert_eq!(
        bytes(Some("me"), Some(""), 1),
        "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$0\r\n\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n"
    );
}

#[test]
fn secrets_are_not_told() {
    let handshake = Handshake {
        user: Some(b"alice".to_vec()),
        password: Some(b"open sesame\r\n\xff!".to_vec()),
        db: 1,
    };
    let debug = format!("{handshake:?}");
    assert!(!debug.contains("alice") && !debug.contains("sesame"), "{debug}");
    assert!(!debug.contains(&format!("{:?}", b"alice")), "{debug}");
    for (text, told) in [
        (&b"ERR DB index is out of range"[..], "ERR DB index is out of range"),
        (b"WRONGPASS invalid pair", "WRONGPASS invalid pair"),
        (b"NOPERM User alice has no permissions", "NOPERM"),
        (b"ERR unknown command 'AUTH', with args beginning with: 'open se", "ERR"),
        (b"ERR not ame", "ERR not ame"),
        (b"ERR not esame", "ERR"),
        (b"sesame", "an error"),
        (b"open sesame", "an error"),
        (b"", ""),
        (b"ERR \x1b[2J\xff\n\0x", "ERR ?[2J???x"),
    ] {
        assert_eq!(handshake.tell(text), told);
    }
    assert_eq!(handshake.tell(&[b'x'; 1000]).len(), 200);
    // A secret that is the code, or shorter than what gives it away.
    let short = |password: &str| Handshake { password: Some(password.into()), ..handshake.clone() };
    assert_eq!(short("WRONGPASS").tell(b"WRONGPASS no"), "an error");
    assert_eq!(short("x").tell(b"ERR x"), "ERR");
    assert_eq!(short("").tell(b"ERR x"), "ERR x");
}

fn protocols() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(MEMCACHED), Just(REDIS)]
}

fn replies(protocol: Protocol) -> impl Strategy<Value = Vec<Seen>> {
    let flags = match protocol {
        Protocol::Memcached => any::<u32>().prop_map(Some).boxed(),
        Protocol::Redis => Just(None).boxed(),
    };
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        // Bodies that look like framing.
        "(\r|\n|END\r\n|VALUE k 0 1\r\n|\\$-1\r\n){0,8}".prop_map(String::into_bytes),
    ];
    let reply = prop_oneof![
        1 => Just(Seen::Absent),
        3 => (flags, body).prop_map(|(flags, body)| Seen::Value(flags, body)),
    ];
    prop::collection::vec(reply, 0..8)
}

fn write(protocol: Protocol, key: &str, reply: &Seen, out: &mut Vec<u8>) {
    match (protocol, reply) {
        (Protocol::Memcached, Seen::Value(flags, body)) => {
            let (flags, len) = (flags.unwrap(), body.len());
            out.extend(format!("VALUE {key} {flags} {len}\r\n").bytes().chain(body.clone()));
            out.extend(b"\r\nEND\r\n");
        }
        (Protocol::Memcached, _) => out.extend(b"END\r\n"),
        (Protocol::Redis, Seen::Value(_, body)) => {
            out.extend(format!("${}\r\n", body.len()).bytes().chain(body.clone()));
            out.extend(b"\r\n");
        }
        (Protocol::Redis, _) => out.extend(b"$-1\r\n"),
    }
}

proptest! {
    #[test]
    fn replies_read_back_however_they_are_cut(
        (protocol, replies) in protocols().prop_flat_map(|p| (Just(p), replies(p))),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        replies.iter().for_each(|reply| write(protocol, "some-key", reply, &mut stream));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let (seen, rest) = decode(protocol, b"some-key", &stream, &cuts);
        prop_assert_eq!(rest, Ok(0));
        prop_assert_eq!(seen, replies);
    }

    /// Whatever comes, where it is cut makes no difference.
    #[test]
    fn garbage_reads_the_same_however_it_is_cut(
        protocol in protocols(),
        stream in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(VALUE |k |k|0 |1|\r\n|\r|\n|END\r\n|END|\\$|-|_|ERROR|SERVER_| ){0,20}"
                .prop_map(String::into_bytes),
        ],
    ) {
        prop_assert_eq!(
            decode(protocol, b"k", &stream, &[]),
            decode(protocol, b"k", &stream, &every_byte(&stream))
        );
    }
}
