//! Streams that are wrong somewhere, or everywhere.

use page_cache::Failure;
use page_cache::pipeline::{Handshake, Limits, Pipeline, Reply, Ticket, Value};
use page_cache::wire::Protocol;
use proptest::prelude::*;

use crate::store::{LENGTHS, body, name, reply};

/// One change to a byte of framing.
#[derive(Clone, Debug)]
enum Lie {
    Drop,
    Double,
    Flip(u8),
    Insert(u8),
    Truncate,
}

fn lies() -> impl Strategy<Value = Lie> {
    let byte = || prop_oneof![any::<u8>(), "[0-9 \r\n$_A-Z-]".prop_map(|s| s.as_bytes()[0])];
    prop_oneof![
        Just(Lie::Drop),
        Just(Lie::Double),
        (1..=255u8).prop_map(Lie::Flip),
        byte().prop_map(Lie::Insert),
        Just(Lie::Truncate),
    ]
}

proptest! {
    /// A server whose framing is wrong in one place can make look-ups fail, or seem
    /// absent, but cannot pass one page for another, nor a part for the whole. Only the
    /// length of a value is taken at its word if it fits what follows: with Redis nothing else
    /// says where it ends, with memcached another one has to have an end of its own there.
    #[test]
    fn a_lie_in_the_framing_delivers_no_wrong_value(
        memcached in any::<bool>(),
        keys in prop::collection::vec(0..5usize, 1..6),
        lie in lies(),
        at in any::<prop::sample::Index>(),
        chunk in 1..400usize,
    ) {
        let protocol = if memcached { Protocol::Memcached } else { Protocol::Redis };
        let mut pipeline = Pipeline::new(protocol, &Handshake::default());
        let (mut stream, mut framing) = (Vec::new(), Vec::new());
        let mut lengths = Vec::new();
        for (ticket, &key) in keys.iter().enumerate() {
            let limits = Limits { deadline: 250, max_size: 10_000 };
            pipeline.enqueue(name(key).as_bytes(), Ticket(ticket as u64), limits).unwrap();
            // Equal ones would join.
            let n = pipeline.outgoing().len();
            pipeline.wrote(n);
            let reply = reply(protocol, key, 0);
            let trailer = if LENGTHS[key].is_some() { protocol.trailer(false).len() } else { 0 };
            let data = reply.len() - trailer - LENGTHS[key].unwrap_or(0)..reply.len() - trailer;
            framing.extend((0..reply.len()).filter(|n| !data.contains(n)).map(|n| n + stream.len()));
            let line = reply.iter().position(|&byte| byte == b'\r').unwrap();
            lengths.push(stream.len()..=stream.len() + line);
            stream.extend(reply);
        }
        let at = framing[at.index(framing.len())];
        match lie {
            Lie::Drop => drop(stream.remove(at)),
            Lie::Double => stream.insert(at, stream[at]),
            Lie::Flip(bits) => stream[at] ^= bits,
            Lie::Insert(byte) => stream.insert(at, byte),
            Lie::Truncate => stream.truncate(at),
        }

        let mut answered = vec![0; keys.len()];
        let mut wrong = Vec::new();
        let mut fault = None;
        for piece in stream.chunks(chunk) {
            pipeline.read_space().unwrap()[..piece.len()].copy_from_slice(piece);
            let result = pipeline.received(piece.len(), &mut |ticket, reply| {
                let key = keys[ticket.0 as usize];
                answered[ticket.0 as usize] += 1;
                if let Reply::Value(value) = reply {
                    let right = LENGTHS[key].is_some_and(|len| body(key, 0, len) == value.bytes);
                    if !right {
                        wrong.push((ticket, value));
                    }
                }
            });
            if let Err(found) = result {
                fault = Some(found.why);
                break;
            }
        }
        let fits = |value: &Value| {
            let whole = [value.bytes.as_slice(), protocol.trailer(false)].concat();
            stream.windows(whole.len()).any(|window| window == whole)
        };
        let about_a_length = lengths.iter().any(|line| line.contains(&at))
            && (!memcached || wrong.iter().all(|(_, value)| fits(value)));
        prop_assert!(wrong.is_empty() || about_a_length, "{wrong:?}");
        if let Some(why) = fault {
            prop_assert!(matches!(why, Failure::Protocol | Failure::Auth | Failure::TooLarge));
        }
        pipeline.fail_all(Failure::Protocol, &mut |ticket, _, _| answered[ticket.0 as usize] += 1);
        prop_assert!(answered.iter().all(|&times| times == 1), "{answered:?}");
    }

    /// Bytes without any sense neither panic nor are taken for a value.
    #[test]
    fn garbage_is_never_a_value(
        memcached in any::<bool>(),
        stream in prop::collection::vec(any::<u8>(), 1..3_000),
        chunk in 1..3_000usize,
    ) {
        let protocol = if memcached { Protocol::Memcached } else { Protocol::Redis };
        let mut pipeline = Pipeline::new(protocol, &Handshake::default());
        let limits = Limits { deadline: 250, max_size: usize::MAX };
        pipeline.enqueue(b"key", Ticket(1), limits).unwrap();
        let n = pipeline.outgoing().len();
        pipeline.wrote(n);
        let mut values = 0;
        for piece in stream.chunks(chunk) {
            pipeline.read_space().unwrap()[..piece.len()].copy_from_slice(piece);
            let mut deliver = |_, reply| values += usize::from(matches!(reply, Reply::Value(_)));
            if pipeline.received(piece.len(), &mut deliver).is_err() {
                break;
            }
        }
        prop_assert_eq!(values, 0);
    }
}

/// A length with a digit too many, which happens to fit: the replies that follow are taken for
/// the rest of the value. The server has said so.
#[test]
fn a_length_that_fits_is_taken_at_its_word() {
    let mut pipeline = Pipeline::new(Protocol::Memcached, &Handshake::default());
    let limits = Limits { deadline: 250, max_size: 10_000 };
    pipeline.enqueue(b"k", Ticket(0), limits).unwrap();
    let n = pipeline.outgoing().len();
    pipeline.wrote(n);
    let stream = [b"VALUE k 0 11\r\nk".as_slice(), &b"\r\nEND".repeat(3), b"\r\n"].concat();
    let mut value = None;
    pipeline.read_space().unwrap()[..stream.len()].copy_from_slice(&stream);
    let deliver = &mut |_, reply| {
        if let Reply::Value(read) = reply {
            value = Some(read)
        }
    };
    assert!(pipeline.received(stream.len(), deliver).is_ok());
    assert_eq!(value.unwrap().bytes, b"k\r\nEND\r\nEND");
}
