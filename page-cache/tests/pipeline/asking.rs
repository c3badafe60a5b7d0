//! Order, joins, the handshake, probes.

use page_cache::Failure;
use page_cache::pipeline::{Handshake, Reply, Retry, Sharing, Ticket};
use page_cache::wire::Protocol;

use crate::rig::{Rig, WIDE, said, sesame};

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
        rig.write_part(1);
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
    rig.write_part("get a\r\n".len());
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

/// The second of two replies may be here before the first look-up is written whole.
#[test]
fn the_first_reply_may_come_before_the_second_command_is_written() {
    let mut rig = Rig::new(Protocol::Redis, &sesame(2));
    let auth = "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n".len();
    rig.write_part(auth + 1);
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

#[test]
fn what_the_next_reply_is_for_is_known() {
    let stuck = |rig: &Rig| {
        let keys = rig.pipeline.stuck().into_iter().map(|key| String::from_utf8(key).unwrap());
        keys.collect::<Vec<_>>().join(" ")
    };
    let mut rig = Rig::memcached();
    rig.ask("x", 90);
    rig.ask("y", 91);
    assert_eq!(stuck(&rig), "", "nothing is written");
    rig.write();
    assert_eq!(stuck(&rig), "x");
    assert!(rig.expire(250), "nobody waits any more, but the reply is owed");
    assert_eq!(stuck(&rig), "x");
    rig.receive(b"END\r\n").unwrap();
    assert_eq!(stuck(&rig), "y");
    rig.receive(b"END\r\n").unwrap();
    // Of a command for many those that have not come yet.
    ask_twelve(&mut rig);
    rig.write();
    rig.receive(b"VALUE b 0 1\r\nB\r\nVALUE d 0 1\r\nD\r\n").unwrap();
    assert_eq!(stuck(&rig), "a c e f g h i j k l");
    // A probe is nobody's.
    let mut rig = Rig::redis();
    rig.pipeline.probe(b"a", 100).unwrap();
    rig.write();
    assert_eq!(stuck(&rig), "");
}

/// `a` to `l`: enough to share a command.
fn ask_twelve(rig: &mut Rig) {
    rig.pipeline.set_sharing(Sharing::Proven);
    for (ticket, key) in ('a'..='l').enumerate() {
        rig.ask(&key.to_string(), ticket as u64);
    }
}

#[test]
fn many_that_wait_for_memcached_share_a_command() {
    let mut rig = Rig::memcached();
    ask_twelve(&mut rig);
    assert_eq!(rig.write(), "get a b c d e f g h i j k l\r\n");
    // Few go alone, and so do all to Redis.
    rig.ask("x", 20);
    rig.ask("y", 21);
    assert_eq!(rig.write(), "get x\r\nget y\r\n");
    rig.receive(b"VALUE b 7 2\r\nBB\r\nVALUE l 0 1\r\n").unwrap();
    assert_eq!(rig.take(), said(&[(1, "BB")]), "a value is delivered once the next one begins");
    rig.receive(b"L\r\nEND\r\nEND\r\nVALUE y 0 1\r\nY\r\nEND\r\n").unwrap();
    let absent = (0..11).filter(|&ticket| ticket != 1).map(|ticket| (ticket, "absent".to_owned()));
    let mut expected = said(&[(11, "L")]);
    expected.extend(absent);
    expected.extend(said(&[(20, "absent"), (21, "Y")]));
    assert_eq!(rig.take(), expected);
    assert_eq!(rig.pipeline.in_flight(), 0);

    let mut redis = Rig::redis();
    ask_twelve(&mut redis);
    assert_eq!(redis.write().matches("GET").count(), 12);
}

/// Proxies gather values from several servers, in whatever order they come.
#[test]
fn values_of_a_shared_command_may_come_in_any_order() {
    let mut rig = Rig::memcached();
    ask_twelve(&mut rig);
    rig.write();
    rig.receive(b"VALUE l 0 1\r\nL\r\nVALUE a 0 1\r\nA\r\nEND\r\n").unwrap();
    assert_eq!(rig.take()[..2], said(&[(11, "L"), (0, "A")]));
}

#[test]
fn a_shared_command_has_32_keys_at_most() {
    let mut rig = Rig::memcached();
    rig.pipeline.set_sharing(Sharing::Proven);
    for ticket in 0..100_u64 {
        rig.ask(&format!("k{ticket}"), ticket);
    }
    let out = rig.write();
    let counts = out.lines().map(|line| line.split(' ').count() - 1).collect::<Vec<_>>();
    assert_eq!(counts, [32, 32, 32, 1, 1, 1, 1]);
}

#[test]
fn in_a_shared_command_equal_keys_with_other_limits_stay_apart() {
    let mut rig = Rig::memcached();
    ask_twelve(&mut rig);
    rig.ask_at_most("a", 30, 3);
    assert_eq!(rig.write(), "get a b c d e f g h i j k l a\r\n");
    rig.receive(b"VALUE a 0 4\r\nAAAA\r\nVALUE a 0 4\r\nAAAA\r\nEND\r\n").unwrap();
    let answers = rig.take();
    assert_eq!(answers[..2], said(&[(0, "AAAA"), (30, "failed: too-large")]));
}

/// Answers so many look-ups, one by one, that the server is worth a trial.
fn proven(answers: u64) -> Rig {
    let mut rig = Rig::memcached();
    for ticket in 0..answers {
        rig.ask("known", ticket);
        rig.write();
        rig.receive(b"END\r\n").unwrap();
    }
    rig.take();
    rig
}

fn ask_nine(rig: &mut Rig) -> String {
    (100..109).for_each(|ticket| rig.ask(&format!("k{ticket}"), ticket));
    rig.write()
}

#[test]
fn a_server_is_asked_for_a_key_twice_before_commands_are_shared() {
    let mut rig = proven(63);
    assert!(ask_nine(&mut rig).starts_with("get k100\r\nget k101\r\n"), "it is too early");
    for (reply, sharing) in [
        (&b"VALUE k100 0 1\r\nx\r\nVALUE k100 0 1\r\nx\r\nEND\r\n"[..], Sharing::Proven),
        (b"VALUE k100 0 1\r\nx\r\nEND\r\n", Sharing::Refused),
        (b"END\r\n", Sharing::Unknown),
    ] {
        let mut rig = proven(64);
        let out = ask_nine(&mut rig);
        assert!(out.starts_with("get k100 k100\r\nget k101\r\nget k102\r\n"), "{out}");
        rig.ask("k108", 200);
        assert_eq!(rig.write(), "get k108\r\n", "a written look-up is not joined");
        rig.receive(reply).unwrap();
        assert_eq!(rig.pipeline.sharing(), sharing);
        assert_eq!(rig.take().len(), 1, "one ticket, one answer");
        rig.receive(&b"END\r\n".repeat(9)).unwrap();
        assert_eq!((rig.take().len(), rig.pipeline.in_flight()), (9, 0));
        let shared = ask_nine(&mut rig).starts_with("get k100 k101 k102 ");
        assert_eq!(shared, sharing == Sharing::Proven);
    }
}

#[test]
fn whoever_was_in_a_trial_that_failed_asks_again() {
    for (reply, why, sharing) in [
        // Such a loss may be an accident: the owner counts them.
        (&b""[..], Failure::Closed, Sharing::Asked),
        (b"VAL", Failure::Closed, Sharing::Asked),
        (b"VALUE k100 k100 0 1\r\nx\r\nEND\r\n", Failure::Protocol, Sharing::Asked),
        (b"ERROR\r\n", Failure::Protocol, Sharing::Asked),
        (b"SERVER_ERROR\r\n", Failure::Protocol, Sharing::Asked),
    ] {
        let mut rig = proven(64);
        ask_nine(&mut rig);
        assert_eq!(rig.pipeline.sharing(), Sharing::Asked);
        assert_eq!(rig.receive(reply).is_err(), why == Failure::Protocol);
        let failed = rig.fail_all(why);
        assert_eq!((failed.len(), rig.pipeline.sharing()), (9, sharing));
        assert!(failed.iter().all(|&(_, _, retry)| retry == Retry::Fresh), "{failed:?}");
    }
}

/// The look-ups behind the doubled one can still be joined, or are asked for twice: no
/// ticket goes astray.
#[test]
fn tickets_that_join_around_a_doubled_key_all_get_their_answers() {
    let mut rig = proven(64);
    (100..109).for_each(|ticket| rig.ask(&format!("k{ticket}"), ticket));
    let first = String::from_utf8(rig.pipeline.outgoing().to_vec()).unwrap();
    assert!(first.starts_with("get k100 k100\r\n"), "{first}");
    (100..109).for_each(|ticket| rig.ask(&format!("k{ticket}"), ticket + 100));
    rig.pipeline.wrote(first.len());
    let joined = rig.write();
    for line in first.lines().chain(joined.lines()) {
        let values = line.split(' ').skip(1).map(|key| format!("VALUE {key} 0 4\r\n{key}\r\n"));
        rig.receive(format!("{}END\r\n", values.collect::<String>()).as_bytes()).unwrap();
    }
    let answers = rig.take();
    assert_eq!(answers.len(), 18);
    assert!(
        answers.iter().all(|(ticket, page)| *page == format!("k{}", 100 + (ticket - 100) % 100))
    );
}
