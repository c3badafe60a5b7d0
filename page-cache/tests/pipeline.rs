//! One connection: joining, limits, deadlines, faults, handshake.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use page_cache::Failure;
use page_cache::pipeline::{Fault, Handshake, Limits, Pipeline, Reply, Retry, Ticket};
use page_cache::wire::Protocol;

const MIB: usize = 1024 * 1024;
const WIDE: Limits = Limits { deadline: 250, max_size: 8 * MIB };

type Answers = Vec<(u64, Reply)>;

/// A pipeline and what it delivered.
struct Rig {
    pipeline: Pipeline,
    answers: Answers,
}

impl Rig {
    fn new(protocol: Protocol, handshake: &Handshake) -> Self {
        Self { pipeline: Pipeline::new(protocol, handshake), answers: Vec::new() }
    }

    fn memcached() -> Self {
        Self::new(Protocol::Memcached, &Handshake::default())
    }

    fn redis() -> Self {
        Self::new(Protocol::Redis, &Handshake::default())
    }

    fn ask(&mut self, key: &str, ticket: u64) {
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), WIDE).unwrap();
    }

    fn ask_until(&mut self, key: &str, ticket: u64, deadline: u64) {
        let limits = Limits { deadline, ..WIDE };
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), limits).unwrap();
    }

    fn ask_at_most(&mut self, key: &str, ticket: u64, max_size: usize) {
        let limits = Limits { max_size, ..WIDE };
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), limits).unwrap();
    }

    /// Writes everything; returns it.
    fn write(&mut self) -> String {
        let out = String::from_utf8(self.pipeline.outgoing().to_vec()).unwrap();
        self.pipeline.wrote(out.len());
        assert_eq!(self.pipeline.outgoing(), b"");
        out
    }

    fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let space = self.pipeline.read_space().unwrap();
            assert!(space.len() >= 60 * 1024 && space.len() <= 128 * 1024);
            let n = bytes.len().min(space.len());
            space[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            let answers = &mut self.answers;
            self.pipeline.received(n, &mut |ticket, reply| answers.push((ticket.0, reply)))?;
        }
        Ok(())
    }

    fn expire(&mut self, now: u64) -> bool {
        let answers = &mut self.answers;
        self.pipeline.expire(now, &mut |ticket, reply| answers.push((ticket.0, reply)))
    }

    fn fail_all(&mut self, why: Failure) -> Vec<(u64, Failure, Retry)> {
        let mut failed = Vec::new();
        self.pipeline.fail_all(why, &mut |ticket, why, retry| failed.push((ticket.0, why, retry)));
        failed
    }

    /// What was delivered since the last call, values as text.
    fn take(&mut self) -> Vec<(u64, String)> {
        let word = |reply| match reply {
            Reply::Value(value) => String::from_utf8(value.bytes.clone()).unwrap(),
            Reply::Absent => "absent".into(),
            Reply::Failed(why) => format!("failed: {why}"),
        };
        self.answers.drain(..).map(|(ticket, reply)| (ticket, word(reply))).collect()
    }
}

fn said(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
    answers.iter().map(|&(ticket, word)| (ticket, word.to_owned())).collect()
}

/// A value of `len` bytes as memcached sends it.
fn value(key: &str, len: usize) -> Vec<u8> {
    format!("VALUE {key} 0 {len}\r\n{}\r\nEND\r\n", "x".repeat(len)).into_bytes()
}

#[test]
fn answers_come_in_order() {
    let mut rig = Rig::memcached();
    assert!(rig.pipeline.is_open());
    assert_eq!(rig.pipeline.next_deadline(), None);
    rig.ask("a", 1);
    rig.ask("b", 2);
    rig.ask("c", 3);
    assert_eq!(rig.write(), "get a\r\nget b\r\nget c\r\n");
    assert_eq!((rig.pipeline.in_flight(), rig.pipeline.has_answered()), (3, false));
    rig.receive(b"VALUE a 7 2\r\nA").unwrap();
    assert_eq!((rig.take(), rig.pipeline.has_answered()), (said(&[]), false));
    rig.receive(b"A\r\nEND\r").unwrap();
    assert_eq!((rig.take(), rig.pipeline.has_answered()), (said(&[]), false));
    rig.receive(b"\nEND\r\nSERVER_ERROR out of memory \x1b[1m\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(1, "AA"), (2, "absent"), (3, "failed: protocol")]));
    assert_eq!((rig.pipeline.in_flight(), rig.pipeline.has_answered()), (0, true));
    assert_eq!(rig.pipeline.server_error(), Some("SERVER_ERROR out of memory ?[1m"));
    assert_eq!(rig.pipeline.next_deadline(), None);
}

#[test]
fn flags_are_memcached_s() {
    let mut rig = Rig::memcached();
    rig.ask("a", 1);
    rig.write();
    rig.receive(b"VALUE a 4294967295 1 42\r\nA\r\nEND\r\n").unwrap();
    let mut redis = Rig::redis();
    redis.ask("a", 1);
    redis.write();
    redis.receive(b"$1\r\nA\r\n").unwrap();
    for (rig, expected) in [(rig, Some(u32::MAX)), (redis, None)] {
        let (1, Reply::Value(value)) = &rig.answers[0] else { panic!("{:?}", rig.answers) };
        assert_eq!((value.flags, &value.bytes[..]), (expected, &b"A"[..]));
    }
}

#[test]
fn equal_look_ups_join_until_a_byte_is_written() {
    for protocol in [Protocol::Memcached, Protocol::Redis] {
        let mut rig = Rig::new(protocol, &Handshake::default());
        rig.ask("a", 1);
        rig.ask("b", 2);
        rig.ask("a", 3);
        rig.ask_at_most("a", 4, 5);
        rig.ask_until("a", 5, 1);
        rig.ask_at_most("a", 6, 5);
        assert_eq!(rig.pipeline.in_flight(), 3, "a, b, a with another limit");
        // One byte of the first is enough to close it; the others stay open.
        rig.pipeline.wrote(1);
        rig.ask("a", 7);
        rig.ask("b", 8);
        assert_eq!(rig.pipeline.in_flight(), 4);
        rig.write();
        rig.ask("a", 9);
        assert_eq!(rig.pipeline.in_flight(), 5);
        rig.write();
        match protocol {
            Protocol::Memcached => rig.receive(
                b"VALUE a 0 2\r\n10\r\nEND\r\nEND\r\nVALUE a 0 2\r\n11\r\nEND\r\n\
                  VALUE a 0 2\r\n12\r\nEND\r\nVALUE a 0 2\r\n13\r\nEND\r\n",
            ),
            Protocol::Redis => {
                rig.receive(b"$2\r\n10\r\n$-1\r\n$2\r\n11\r\n$2\r\n12\r\n$2\r\n13\r\n")
            }
        }
        .unwrap();
        let (answers, all) = (rig.answers.clone(), rig.take());
        assert_eq!(
            all,
            said(&[
                (1, "10"),
                (3, "10"),
                (5, "10"),
                (2, "absent"),
                (8, "absent"),
                (4, "11"),
                (6, "11"),
                (7, "12"),
                (9, "13"),
            ])
        );
        let (Reply::Value(one), Reply::Value(other)) = (&answers[0].1, &answers[1].1) else {
            panic!("{answers:?}")
        };
        assert!(std::rc::Rc::ptr_eq(one, other), "joined look-ups share the value");
    }
}

#[test]
fn writing_one_look_up_leaves_the_next_one_open() {
    let mut rig = Rig::memcached();
    rig.ask("a", 1);
    rig.ask("b", 2);
    rig.pipeline.wrote("get a\r\n".len());
    rig.ask("b", 3);
    assert_eq!(rig.write(), "get b\r\n");
    rig.receive(b"END\r\nEND\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(1, "absent"), (2, "absent"), (3, "absent")]));
}

#[test]
fn memcached_is_not_sent_what_would_break_the_framing() {
    let mut rig = Rig::memcached();
    for key in [&b""[..], b"a b", b"a\r\nflush_all\r\n", &[b'k'; 251]] {
        assert_eq!(rig.pipeline.enqueue(key, Ticket(1), WIDE), Err(Failure::Protocol));
        assert_eq!(rig.pipeline.probe(key, 9), Err(Failure::Protocol));
    }
    assert_eq!((rig.write().as_str(), rig.pipeline.in_flight()), ("", 0));
}

#[test]
fn no_more_than_so_many_wait() {
    let mut rig = Rig::memcached();
    for ticket in 0..65_536 {
        rig.ask(if ticket % 2 == 0 { "even" } else { "odd" }, ticket);
    }
    assert_eq!(rig.pipeline.in_flight(), 2);
    assert_eq!(rig.pipeline.enqueue(b"even", Ticket(0), WIDE), Err(Failure::Memory));
    rig.write();
    rig.receive(b"END\r\nEND\r\n").unwrap();
    assert_eq!(rig.answers.len(), 65_536);
    // Look-ups that nobody waits for count too.
    for ticket in 0..65_536 {
        rig.ask(&format!("key-{ticket}"), ticket);
    }
    rig.expire(250);
    assert_eq!(rig.pipeline.enqueue(b"new", Ticket(0), WIDE), Err(Failure::Memory));
    assert_eq!(rig.pipeline.enqueue(b"key-1", Ticket(0), WIDE), Ok(()), "joins");
}

#[test]
fn no_more_than_so_many_bytes_wait() {
    let mut rig = Rig::redis();
    let mut key = vec![b'k'; 64 * 1024];
    let mut taken = 0;
    loop {
        key[..8].copy_from_slice(format!("{taken:08}").as_bytes());
        match rig.pipeline.enqueue(&key, Ticket(taken), WIDE) {
            Ok(()) => taken += 1,
            Err(why) => break assert_eq!(why, Failure::Memory),
        }
    }
    let mut waiting = rig.pipeline.outgoing().to_vec();
    assert!((16 * MIB..17 * MIB).contains(&waiting.len()), "{}", waiting.len());
    // What was written in part goes on where it stopped, wherever that is.
    for part in [1, 9 * MIB, 6 * MIB, 100] {
        rig.pipeline.wrote(part);
        waiting.drain(..part);
        assert!(rig.pipeline.outgoing() == waiting);
    }
    rig.ask("more", taken);
    waiting.extend(b"*2\r\n$3\r\nGET\r\n$4\r\nmore\r\n");
    assert!(rig.write().as_bytes() == waiting);
}

#[test]
fn values_up_to_the_limit_are_taken() {
    for len in [0, 1, 65_535, 65_536, 200_000] {
        let mut rig = Rig::memcached();
        rig.ask_at_most("a", 1, len);
        rig.ask("b", 2);
        rig.write();
        rig.receive(&[value("a", len), value("b", 1)].concat()).unwrap();
        assert_eq!(rig.take(), [(1, "x".repeat(len)), (2, "x".into())]);
    }
}

#[test]
fn larger_values_fail_at_once_and_are_drained() {
    let mut rig = Rig::memcached();
    rig.ask_at_most("a", 1, 10);
    rig.ask_at_most("a", 2, 10);
    rig.ask("b", 3);
    rig.write();
    let stream = [value("a", MIB), value("b", 1)].concat();
    let header = format!("VALUE a 0 {MIB}\r\n").len();
    rig.receive(&stream[..header]).unwrap();
    assert_eq!(rig.take(), said(&[(1, "failed: too-large"), (2, "failed: too-large")]));
    assert!(!rig.pipeline.has_answered());
    rig.receive(&stream[header..]).unwrap();
    assert_eq!(rig.take(), said(&[(3, "x")]));
    assert_eq!(rig.pipeline.in_flight(), 0);
}

#[test]
fn too_much_to_drain_closes() {
    for len in ["1048577", "18446744073709551615"] {
        let mut rig = Rig::memcached();
        rig.ask_at_most("a", 1, MIB);
        rig.ask("b", 2);
        rig.write();
        rig.ask("c", 3);
        let fault = rig.receive(format!("VALUE a 0 {len}\r\n").as_bytes()).unwrap_err();
        assert_eq!(fault, Fault { why: Failure::TooLarge, text: None });
        assert_eq!(rig.take(), said(&[(1, "failed: too-large")]));
        assert_eq!(
            rig.fail_all(fault.why),
            [(2, Failure::TooLarge, Retry::Fresh), (3, Failure::TooLarge, Retry::Fresh)]
        );
    }
    // What is here already need not be drained.
    let mut rig = Rig::memcached();
    rig.ask_at_most("a", 1, 10);
    rig.write();
    rig.receive(&value("a", MIB + 100)).unwrap();
    assert_eq!(rig.take(), said(&[(1, "failed: too-large")]));
    assert_eq!(rig.pipeline.in_flight(), 0);
}

/// A limit that allows what cannot be allocated is no reason to die.
#[test]
fn short_memory_is_a_failure_of_the_look_up() {
    let mut rig = Rig::redis();
    rig.ask_at_most("a", 1, usize::MAX);
    rig.write();
    let fault = rig.receive(b"$9223372036854775807\r\n").unwrap_err();
    assert_eq!((fault.why, rig.take()), (Failure::Memory, said(&[(1, "failed: memory")])));
}

#[test]
fn deadlines_are_kept_one_by_one() {
    let mut rig = Rig::memcached();
    rig.ask_until("a", 1, 300);
    rig.ask_until("b", 2, 100);
    rig.ask_until("a", 3, 200);
    assert_eq!(rig.pipeline.next_deadline(), Some(100));
    assert!(!rig.expire(99));
    assert_eq!(rig.take(), said(&[]));
    assert!(!rig.expire(100), "nothing was written: the server need not have answered");
    assert_eq!(rig.take(), said(&[(2, "failed: timeout")]));
    assert_eq!(rig.pipeline.next_deadline(), Some(200));
    rig.write();
    rig.receive(b"V").unwrap();
    assert!(!rig.expire(250), "a byte came since it was written");
    assert_eq!(rig.take(), said(&[(3, "failed: timeout")]));
    rig.receive(b"ALUE a 0 1\r\nA\r\nEND\r\nVALUE b 0 1\r\nB\r\nEND\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(1, "A")]), "nobody waited for b any more");
    assert_eq!((rig.pipeline.next_deadline(), rig.pipeline.in_flight()), (None, 0));
}

#[test]
fn a_silent_connection_is_told_from_a_slow_one() {
    let mut rig = Rig::memcached();
    rig.ask_until("a", 1, 100);
    rig.write();
    rig.ask_until("b", 2, 110);
    rig.pipeline.wrote(3);
    assert!(rig.expire(100), "written, and not a byte since");
    assert!(!rig.expire(110), "written in part only");
    rig.write();
    rig.receive(b"END\r\nVALUE b 0 10\r\n").unwrap();
    rig.ask_until("c", 3, 200);
    rig.write();
    assert!(rig.expire(200), "it stopped in the middle of a reply");
    assert_eq!(rig.take().len(), 3);
}

/// No memory is taken for a value that nobody waits for.
#[test]
fn late_replies_are_not_stored() {
    let mut rig = Rig::redis();
    rig.ask_at_most("a", 1, usize::MAX);
    rig.write();
    rig.expire(250);
    rig.receive(b"$9223372036854775807\r\nabc").unwrap();
    assert_eq!(rig.take(), said(&[(1, "failed: timeout")]));
}

/// A reply whose waiters have gone is dropped, be it half here.
#[test]
fn late_replies_are_dropped() {
    let mut rig = Rig::redis();
    rig.ask_until("a", 1, 10);
    rig.ask_until("b", 2, 20);
    rig.ask_until("c", 3, 90);
    rig.write();
    rig.receive(b"$5\r\nab").unwrap();
    rig.expire(20);
    assert_eq!(rig.take(), said(&[(1, "failed: timeout"), (2, "failed: timeout")]));
    rig.receive(b"cde\r\n$300000\r\n").unwrap();
    rig.receive(&[b'x'; 300_000]).unwrap();
    rig.receive(b"\r\n$1\r\nC\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(3, "C")]));
}

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
        rig.pipeline.wrote(write);
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
        rig.pipeline.wrote("get a\r\ng".len());
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

fn sesame(db: u32) -> Handshake {
    Handshake { user: None, password: Some(b"sesame".to_vec()), db }
}

#[test]
fn nothing_is_asked_before_we_are_let_in() {
    let mut rig = Rig::new(Protocol::Redis, &sesame(2));
    rig.ask("a", 1);
    assert!(!rig.pipeline.is_open());
    assert_eq!(
        rig.write(),
        "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
    );
    rig.receive(b"+OK\r\n+O").unwrap();
    assert_eq!((rig.pipeline.is_open(), rig.pipeline.outgoing()), (false, &b""[..]));
    rig.ask("a", 2);
    rig.receive(b"K\r\n").unwrap();
    assert!(rig.pipeline.is_open());
    assert!(!rig.pipeline.has_answered());
    assert_eq!(rig.write(), "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    rig.receive(b"$1\r\nA\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(1, "A"), (2, "A")]));
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
        rig.pipeline.wrote(written);
        let fault = rig.receive(stream).unwrap_err();
        assert_eq!(fault.why, why);
        assert!(fault.text.clone().unwrap().starts_with(text), "{fault}");
        assert!(!fault.to_string().contains("sesame"), "{fault}");
        assert_eq!(rig.fail_all(fault.why), [(1, why, Retry::Fresh)]);
    }
    let endless = Rig::new(Protocol::Redis, &sesame(0)).receive(&[b'+'; 2000]);
    assert_eq!(endless.unwrap_err().why, Failure::Protocol);
}

/// The second of two replies may be here before the first look-up is written whole.
#[test]
fn the_first_reply_may_come_before_the_second_command_is_written() {
    let mut rig = Rig::new(Protocol::Redis, &sesame(2));
    let auth = "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n".len();
    rig.pipeline.wrote(auth + 1);
    rig.receive(b"+OK\r\n").unwrap();
    assert_eq!(rig.write(), "2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n");
    rig.receive(b"+OK\r\n").unwrap();
    assert!(rig.pipeline.is_open());
}

#[test]
fn a_probe_needs_a_first_line_only() {
    for (stream, outcome) in [
        (&b"$-1\r\n"[..], Some(Ok(()))),
        (b"$1048576\r\n", Some(Ok(()))),
        (b"$999999999999\r\n", Some(Ok(()))),
        (b"$0\r\n\r\n", Some(Ok(()))),
        (b"-WRONGTYPE x\r\n", Some(Ok(()))),
        (b"-NOPERM x\r\n", Some(Ok(()))),
        (b"-LOADING x\r\n", Some(Err(Failure::Protocol))),
        (b"$", None),
        (b"x\r\n", None),
    ] {
        let mut rig = Rig::redis();
        rig.pipeline.probe(b"a", 100).unwrap();
        assert_eq!(rig.pipeline.next_deadline(), Some(100));
        rig.ask("a", 1);
        assert_eq!(rig.pipeline.in_flight(), 2, "a probe is not joined");
        rig.write();
        let received = rig.receive(stream);
        assert_eq!(rig.pipeline.probe_outcome(), outcome);
        assert_eq!(rig.pipeline.probe_answered(), outcome == Some(Ok(())));
        assert_eq!(rig.take(), said(&[]));
        if let Err(fault) = received {
            let failed = rig.fail_all(fault.why);
            assert_eq!(failed.len(), 1, "probes have no ticket");
            assert_eq!(rig.pipeline.probe_outcome(), outcome.or(Some(Err(fault.why))));
        }
    }
    let mut rig = Rig::memcached();
    rig.pipeline.probe(b"a", 100).unwrap();
    rig.write();
    assert!(rig.expire(100));
    assert_eq!(rig.pipeline.probe_outcome(), Some(Err(Failure::Timeout)));
}
