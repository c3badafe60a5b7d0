//! Bounds of number, size and time.

use page_cache::Failure;
use page_cache::pipeline::{Fault, Retry, Ticket};

use crate::rig::{MIB, Rig, WIDE, said};

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
        rig.write_part(part);
        waiting.drain(..part);
        assert!(rig.pipeline.outgoing() == waiting);
    }
    assert!(rig.write().as_bytes() == waiting);
    // Written is not answered: their keys are still there.
    assert_eq!(rig.pipeline.enqueue(b"more", Ticket(taken), WIDE), Err(Failure::Memory));
    rig.receive(b"$-1\r\n").unwrap();
    rig.ask("more", taken);
    assert_eq!(rig.write(), "*2\r\n$3\r\nGET\r\n$4\r\nmore\r\n");
}

#[test]
fn keys_of_answered_look_ups_make_room() {
    let mut rig = Rig::redis();
    for round in 0..3_000_u64 {
        rig.ask(&format!("{round:032768}"), round);
        rig.write();
        if round > 100 {
            rig.receive(b"$-1\r\n").unwrap();
        }
    }
    assert_eq!((rig.pipeline.in_flight(), rig.answers.len()), (101, 2_899));
}

/// A value of `len` bytes as memcached sends it.
fn value(key: &str, len: usize) -> Vec<u8> {
    format!("VALUE {key} 0 {len}\r\n{}\r\nEND\r\n", "x".repeat(len)).into_bytes()
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
    rig.write_part(3);
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
