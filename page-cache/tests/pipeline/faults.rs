//! Liars, errors, and lost connections.

use page_cache::Failure;
use page_cache::pipeline::{Retry, Sharing, Ticket};
use page_cache::wire::Protocol;

use crate::rig::{Rig, WIDE, said, sesame};

#[test]
fn a_broken_protocol_closes_and_delivers_nothing_more() {
    for (stream, answered) in [
        (&b"VALUE b 0 1\r\nB\r\nEND\r\n"[..], false),
        (b"VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n", false),
        (b"VALUE a 0 1\r\nA\r\nEND\r\nVALUE a 0 1\r\nA\r\nEND\r\n", true),
        (b"VALUE a 0 1\r\nA\r\nEND\r\nx\r\n", true),
        (b"VALUE a 0 -1\r\n", false),
        (b"ERROR\r\n", false),
        (b"CLIENT_ERROR line too long\r\n", false),
    ] {
        let mut rig = Rig::memcached();
        rig.ask("a", 1);
        rig.ask("b", 2);
        rig.write();
        rig.ask("c", 3);
        let fault = rig.receive(stream).unwrap_err();
        assert_eq!(fault.why, Failure::Protocol);
        assert!(fault.text.is_some());
        let (first, begun) = if answered { (said(&[(1, "A")]), 2) } else { (said(&[]), 1) };
        assert_eq!(rig.take(), first);
        assert_eq!(rig.pipeline.outgoing(), b"");
        let failed = rig.fail_all(Failure::Closed);
        let expected: Vec<_> = (begun..=3)
            .map(|n| (n, Failure::Closed, if n == begun { Retry::No } else { Retry::Fresh }))
            .collect();
        assert_eq!(failed, expected);
        // It is over.
        assert_eq!(rig.pipeline.in_flight(), 0);
        assert_eq!(rig.pipeline.next_deadline(), None);
        assert_eq!(rig.fail_all(Failure::Closed), []);
        assert_eq!(rig.pipeline.enqueue(b"a", Ticket(4), WIDE), Err(Failure::Closed));
        assert_eq!(rig.pipeline.probe(b"a", 4), Err(Failure::Closed));
        assert!(rig.receive(b"END\r\n").is_err());
        assert!(!rig.expire(u64::MAX));
        assert_eq!(rig.take(), said(&[]));
    }
}

#[test]
fn bytes_that_answer_nothing_close() {
    for write in [0, 1, 6] {
        let mut rig = Rig::memcached();
        rig.ask("a", 1);
        rig.write_part(write);
        assert_eq!(rig.receive(b"END\r\n").unwrap_err().why, Failure::Protocol);
        assert_eq!(rig.fail_all(Failure::Protocol), [(1, Failure::Protocol, Retry::Fresh)]);
    }
    for mut rig in [Rig::memcached(), Rig::redis()] {
        assert_eq!(rig.receive(b"S").unwrap_err().why, Failure::Protocol);
    }
}

#[test]
fn a_lost_connection_fails_over_what_had_no_reply() {
    // Received of the reply to the first, and whether that may be tried again.
    for (stream, retry) in [
        (&b""[..], Retry::Fresh),
        (b"V", Retry::No),
        (b"VALUE a 0 3\r\n", Retry::No),
        (b"VALUE a 0 3\r\nAAA\r\nEND\r", Retry::No),
    ] {
        let mut rig = Rig::memcached();
        rig.ask("a", 1);
        rig.ask("b", 2);
        rig.write_part("get a\r\ng".len());
        rig.receive(stream).unwrap();
        assert_eq!(
            rig.fail_all(Failure::Closed),
            [(1, Failure::Closed, retry), (2, Failure::Closed, Retry::Fresh)]
        );
        assert_eq!(rig.take(), said(&[]));
    }
}

#[test]
fn redis_errors() {
    let mut rig = Rig::redis();
    for ticket in 1..=4 {
        rig.ask(&format!("k{ticket}"), ticket);
    }
    rig.write();
    rig.receive(b"-WRONGTYPE x\r\n-LOADING x\r\n-NOPERM x\r\n").unwrap();
    assert_eq!(
        rig.take(),
        said(&[(1, "failed: undecodable"), (2, "failed: protocol"), (3, "failed: auth")])
    );
    assert_eq!(rig.pipeline.server_error(), Some("NOPERM x"));
    let fault = rig.receive(b"-NOAUTH Authentication required.\r\n").unwrap_err();
    assert_eq!(fault.to_string(), "auth: NOAUTH Authentication required.");
    assert_eq!(rig.fail_all(fault.why), [(4, Failure::Auth, Retry::No)]);
}

#[test]
fn a_refused_handshake_closes() {
    let auth = "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n".len();
    for (written, stream, why, text) in [
        (999, &b"-WRONGPASS invalid\r\n"[..], Failure::Auth, "WRONGPASS invalid"),
        (999, b"-ERR unknown 'sesame'\r\n", Failure::Auth, "ERR"),
        (999, b"+OK\r\n-ERR DB index is out of range\r\n", Failure::Auth, "ERR DB index"),
        (999, b"-LOADING x\r\n", Failure::Auth, "LOADING x"),
        (999, b"+PONG\r\n", Failure::Protocol, "the reply to AUTH or SELECT"),
        (999, b"$2\r\nOK\r\n", Failure::Protocol, "the reply to AUTH or SELECT"),
        (999, b"+OK\n", Failure::Protocol, "a reply line does not end"),
        (999, b"+OK\r\n+OK\r\n+OK\r\n", Failure::Protocol, "bytes were received"),
        (0, b"+OK\r\n", Failure::Protocol, "bytes were received"),
        (auth - 1, b"+OK\r\n", Failure::Protocol, "bytes were received"),
        (auth, b"+OK\r\n+OK\r\n", Failure::Protocol, "bytes were received"),
    ] {
        let mut rig = Rig::new(Protocol::Redis, &sesame(2));
        rig.ask("a", 1);
        rig.write_part(written);
        let fault = rig.receive(stream).unwrap_err();
        assert_eq!(fault.why, why);
        assert!(fault.text.clone().unwrap().starts_with(text), "{fault}");
        assert!(!fault.to_string().contains("sesame"), "{fault}");
        assert_eq!(rig.fail_all(fault.why), [(1, why, Retry::Fresh)]);
    }
    let endless = Rig::new(Protocol::Redis, &sesame(0)).receive(&[b'+'; 2000]);
    assert_eq!(endless.unwrap_err().why, Failure::Protocol);
}

fn twelve() -> Rig {
    let mut rig = Rig::memcached();
    rig.pipeline.set_sharing(Sharing::Proven);
    for (ticket, key) in ('a'..='l').enumerate() {
        rig.ask(&key.to_string(), ticket as u64);
    }
    rig.write();
    rig
}

#[test]
fn a_shared_reply_that_lies_delivers_nothing_more() {
    for (stream, delivered) in [
        (&b"VALUE x 0 1\r\nX\r\nEND\r\n"[..], 0),
        // Twice the same.
        (b"VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n", 0),
        (b"VALUE a 0 1\r\nA\r\nVALUE b 0 1\r\nB\r\nVALUE a 0 1\r\n", 1),
        // The length is one too small, one too large.
        (b"VALUE a 0 1\r\nAA\r\nEND\r\n", 0),
        (b"VALUE a 0 2\r\nA\r\nEND\r\n", 0),
        (b"VALUE a 0 1\r\nA\r\nGARBAGE\r\n", 0),
        (b"VALUE a 0 1\r\nA\r\nERROR\r\n", 0),
        (b"VALUE a 0 1\r\nA\r\nEND\r\nEND\r\n", 12),
    ] {
        let mut rig = twelve();
        let shown = stream.escape_ascii().to_string();
        assert_eq!(rig.receive(stream).unwrap_err().why, Failure::Protocol, "{shown}");
        let answers = rig.take();
        assert_eq!(answers.len(), delivered, "{shown}");
        assert!(answers.first().is_none_or(|first| *first == (0, "A".to_owned())), "{shown}");
        assert_eq!(rig.fail_all(Failure::Protocol).len(), 12 - delivered, "{shown}");
    }
}

#[test]
fn an_error_in_place_of_a_shared_reply_is_nobody_s_answer() {
    for error in ["SERVER_ERROR out of memory writing get response", "ERROR", "CLIENT_ERROR no"] {
        let mut rig = twelve();
        let fault = rig.receive(format!("VALUE b 0 1\r\nB\r\n{error}\r\n").as_bytes());
        let fault = fault.unwrap_err();
        assert_eq!((fault.why, fault.text.as_deref()), (Failure::Protocol, Some(error)));
        assert!(rig.take().is_empty(), "what stands before an error is not trusted");
        let failed = rig.fail_all(fault.why);
        assert_eq!(failed.len(), 12);
        assert!(failed.iter().all(|&(_, _, retry)| retry == Retry::Fresh), "{failed:?}");
        assert_eq!(rig.pipeline.sharing(), Sharing::Asked, "they must not share again");
    }
}

#[test]
fn whoever_shared_a_command_may_ask_again() {
    for stream in [
        &b""[..],
        b"VAL",
        b"VALUE c 0 3\r\nC",
        b"VALUE c 0 3\r\nCCC\r\n",
        b"VALUE c 0 3\r\nCCC\r\nVALUE e 0 2\r\nE",
    ] {
        for (why, sharing) in [
            (Failure::Closed, Sharing::Asked),
            (Failure::Timeout, Sharing::Proven),
            (Failure::Connect, Sharing::Proven),
        ] {
            let mut rig = twelve();
            rig.receive(stream).unwrap();
            let answered = rig.take().len();
            let failed = rig.fail_all(why);
            assert_eq!(failed.len(), 12 - answered);
            assert!(failed.iter().all(|&(_, _, retry)| retry == Retry::Fresh), "{failed:?}");
            assert_eq!(rig.pipeline.sharing(), sharing);
        }
    }
}
