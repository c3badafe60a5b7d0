//! Pauses, flapping, trials of keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn keys(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// The server fails, and somebody wants it all the time.
fn fails(breaker: &mut Breaker, why: Failure, now: u64) -> bool {
    let opened = breaker.failed(why, Vec::new(), now);
    breaker.admits(b"any", now);
    opened.is_some()
}

/// When the next trial is due.
fn due(breaker: &mut Breaker, now: u64) -> u64 {
    breaker.admits(b"any", now);
    match breaker.next_trial(now) {
        Next::At(at) => at,
        other => panic!("{other:?}"),
    }
}

/// The key that is tried now.
fn tried(breaker: &mut Breaker, now: u64) -> String {
    assert_eq!(breaker.next_trial(now), Next::Try);
    String::from_utf8(breaker.trial_key().to_vec()).unwrap()
}

/// A trial at `now` that fails; when the next one is due.
fn in_vain(breaker: &mut Breaker, now: u64) -> u64 {
    breaker.admits(b"any", now);
    tried(breaker, now);
    assert_eq!(breaker.trial_failed(false, now), None);
    due(breaker, now)
}

/// Down at `now`, with so many failed trials; back at the time that is returned.
fn outage(breaker: &mut Breaker, now: u64, failed_trials: usize) -> u64 {
    assert!(fails(breaker, Failure::Connect, now));
    let mut at = due(breaker, now);
    for _ in 0..failed_trials {
        at = in_vain(breaker, at);
    }
    tried(breaker, at);
    assert_eq!(breaker.trial_answered(at), Some(Reopened { down_for_ms: at - now }));
    at
}

/// A breaker that opens at `now` in the state that outages have left.
fn pause_after(outages: impl Fn(&mut Breaker) -> u64, later: u64) -> u64 {
    let mut breaker = Breaker::new();
    let now = outages(&mut breaker) + later;
    assert!(fails(&mut breaker, Failure::Connect, now));
    due(&mut breaker, now) - now
}

#[test]
fn some_failures_open_at_once() {
    for why in [Failure::Connect, Failure::Timeout, Failure::Auth, Failure::Memory] {
        let mut breaker = Breaker::new();
        assert!(breaker.allows() && breaker.admits(b"k", 0));
        assert_eq!(breaker.next_trial(0), Next::Nothing);
        assert!(fails(&mut breaker, why, 1_000));
        assert!(!breaker.allows() && !breaker.admits(b"k", 1_000));
        assert!(!fails(&mut breaker, why, 1_001), "it is told once");
    }
}

#[test]
fn some_failures_open_when_they_go_on() {
    for why in [Failure::Closed, Failure::Protocol] {
        let mut breaker = Breaker::new();
        assert!(!fails(&mut breaker, why, 1));
        assert!(!fails(&mut breaker, why, 2));
        breaker.succeeded(3);
        assert!(!fails(&mut breaker, Failure::Closed, 4));
        assert!(!fails(&mut breaker, Failure::Undecodable, 5));
        assert!(!fails(&mut breaker, Failure::Protocol, 6));
        assert!(breaker.allows());
        assert!(fails(&mut breaker, why, 7));
        assert_eq!(due(&mut breaker, 7), 107);
    }
}

#[test]
fn some_failures_say_nothing_of_the_server() {
    let mut breaker = Breaker::new();
    for why in [Failure::Undecodable, Failure::TooLarge, Failure::Down].repeat(10) {
        assert!(!fails(&mut breaker, why, 1));
    }
    assert!(!fails(&mut breaker, Failure::Closed, 1) && !fails(&mut breaker, Failure::Closed, 1));
    assert!(breaker.allows());
}

#[test]
fn pauses_double_up_to_a_second() {
    let mut breaker = Breaker::new();
    assert!(fails(&mut breaker, Failure::Connect, 0));
    let mut at = due(&mut breaker, 0);
    let mut pauses = vec![at];
    for _ in 0..6 {
        let next = in_vain(&mut breaker, at);
        pauses.push(next - at);
        at = next;
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1_000, 1_000, 1_000]);
    breaker.succeeded(at);
    assert!(!breaker.allows(), "a late reply of before proves nothing");
    tried(&mut breaker, at);
    assert_eq!(breaker.trial_answered(at + 5), Some(Reopened { down_for_ms: at + 5 }));
    assert!(breaker.allows());
    assert_eq!(breaker.trial_answered(at + 6), None);
}

#[test]
fn nobody_tries_a_server_that_nobody_wants() {
    let mut breaker = Breaker::new();
    assert!(breaker.failed(Failure::Connect, Vec::new(), 0).is_some());
    assert_eq!(breaker.next_trial(1_000_000), Next::Nothing);
    assert!(!breaker.admits(b"first", 1_000_000));
    assert!(!breaker.admits(b"second", 1_000_000));
    assert_eq!(tried(&mut breaker, 1_000_000), "first", "one that is overdue, at once");
    breaker.admits(b"third", 1_000_001);
    assert_eq!(breaker.next_trial(1_000_001), Next::Nothing, "one at a time");
    breaker.trial_failed(false, 1_000_002);
    assert_eq!(breaker.next_trial(1_000_002), Next::At(1_000_202), "somebody wanted it meanwhile");
    assert_eq!(tried(&mut breaker, 1_000_202), "third");
    breaker.trial_failed(false, 1_000_203);
    assert_eq!(breaker.next_trial(9_000_000), Next::Nothing, "and nobody since");
}

#[test]
fn a_trial_that_ends_late_changes_nothing() {
    let mut breaker = Breaker::new();
    assert_eq!((breaker.trial_failed(true, 1), breaker.trial_answered(1)), (None, None));
    assert!(breaker.allows());
    assert_eq!(breaker.trial_key(), b"");
}

#[test]
fn failures_in_a_row_begin_anew_when_the_server_is_back() {
    let mut breaker = Breaker::new();
    fails(&mut breaker, Failure::Closed, 0);
    fails(&mut breaker, Failure::Closed, 0);
    let back = outage(&mut breaker, 0, 0);
    assert!(!fails(&mut breaker, Failure::Closed, back + 1));
    assert!(!fails(&mut breaker, Failure::Closed, back + 1));
}

#[test]
fn a_server_that_is_late_again_and_again_is_left_alone() {
    let mut breaker = Breaker::new();
    assert_eq!(breaker.late(0), None);
    assert_eq!(breaker.late(250), None);
    breaker.succeeded(300);
    assert_eq!(breaker.late(500), None);
    assert_eq!(breaker.late(750), None);
    assert_eq!(breaker.late(1_000), Some(Opened));
    assert_eq!(due(&mut breaker, 1_000), 1_100);
}

#[test]
fn a_flapping_server_is_left_alone_for_longer() {
    for (outages, expected) in [200, 400, 800, 1_000, 1_000].into_iter().enumerate() {
        let flaps = |breaker: &mut Breaker| {
            let mut now = outage(breaker, 0, 0);
            for _ in 0..outages {
                now = outage(breaker, now + 4_999, 0);
            }
            now
        };
        assert_eq!(pause_after(flaps, 4_999), expected);
    }
    let mut breaker = Breaker::new();
    let now = (0..6).fold(0, |now, _| outage(&mut breaker, now, 0));
    assert!(fails(&mut breaker, Failure::Connect, now + 1));
    let at = due(&mut breaker, now + 1);
    assert_eq!(in_vain(&mut breaker, at), at + 1_000, "but never for longer than that");
}

#[test]
fn flapping_goes_on_from_the_last_pause() {
    let twice = |breaker: &mut Breaker| {
        let back = outage(breaker, 0, 1);
        outage(breaker, back + 10, 0)
    };
    assert_eq!(pause_after(twice, 10), 800);
    assert_eq!(pause_after(twice, 5_000), 400, "no worse than before");
}

#[test]
fn a_minute_of_health_is_forgiven() {
    for (later, expected) in [(59_999, 1_000), (60_000, 100)] {
        let outages = |breaker: &mut Breaker| {
            let back = outage(breaker, 0, 9);
            let back = outage(breaker, back, 0);
            breaker.succeeded(back + later);
            back
        };
        assert_eq!(pause_after(outages, 60_001), expected);
    }
}

#[test]
fn a_clock_that_ends_is_no_panic() {
    let mut breaker = Breaker::new();
    assert!(fails(&mut breaker, Failure::Connect, u64::MAX));
    assert_eq!(tried(&mut breaker, u64::MAX), "any");
    assert_eq!(breaker.trial_failed(true, u64::MAX), None);
    breaker.admits(b"other", u64::MAX);
    assert_eq!(tried(&mut breaker, u64::MAX), "other");
    assert_eq!(breaker.trial_answered(0), None);
}

/// A silent connection that owed an answer for one key first, at 1,000.
fn silent(stuck: &[&str]) -> Breaker {
    let mut breaker = Breaker::new();
    assert_eq!(breaker.failed(Failure::Timeout, keys(stuck), 1_000), Some(Opened));
    breaker
}

#[test]
fn after_silence_another_key_is_tried_at_once() {
    let mut breaker = silent(&["hung"]);
    assert!(!breaker.admits(b"hung", 1_000) && !breaker.admits(b"well", 1_000));
    assert_eq!(tried(&mut breaker, 1_000), "well");
    assert_eq!((breaker.patience(250), breaker.patience(30)), (50, 30));
    assert_eq!(breaker.trial_answered(1_002), None, "what has hung comes first");
    assert_eq!(tried(&mut breaker, 1_002), "hung");
    assert_eq!(breaker.trial_answered(1_003), Some(Reopened { down_for_ms: 3 }));
    assert!(breaker.admits(b"hung", 1_003));
}

#[test]
fn a_server_that_flaps_by_silence_is_given_its_pause() {
    let mut breaker = silent(&["hung"]);
    breaker.admits(b"well", 1_000);
    tried(&mut breaker, 1_000);
    breaker.trial_answered(1_000);
    tried(&mut breaker, 1_000);
    assert!(breaker.trial_answered(1_000).is_some());
    assert!(breaker.failed(Failure::Timeout, keys(&["hung"]), 1_250).is_some());
    assert_eq!(due(&mut breaker, 1_250), 1_450);
}

#[test]
fn keys_that_are_answered_are_let_through_while_others_hang() {
    let mut breaker = silent(&["hung"]);
    breaker.admits(b"well", 1_000);
    assert_eq!(tried(&mut breaker, 1_000), "well");
    breaker.trial_answered(1_001);
    assert_eq!(tried(&mut breaker, 1_001), "hung");
    assert_eq!(breaker.patience(250), 50, "where others take a millisecond");
    assert_eq!(breaker.trial_failed(true, 1_026), Some(Partly));
    assert!(!breaker.allows());
    assert!(breaker.admits(b"well", 1_026) && !breaker.admits(b"hung", 1_026));

    // Each new key is tried once, at once.
    assert!(!breaker.admits(b"also well", 1_026));
    assert_eq!(tried(&mut breaker, 1_026), "also well");
    assert_eq!(breaker.trial_answered(1_027), None);
    assert!(breaker.admits(b"also well", 1_027));
    assert!(!breaker.admits(b"hung too", 1_027));
    assert_eq!(tried(&mut breaker, 1_027), "hung too");
    assert_eq!(breaker.trial_failed(true, 1_052), None, "told already");
    assert!(!breaker.admits(b"hung too", 1_052));

    // What has hung is tried again after pauses that double.
    assert_eq!(tried(&mut breaker, 1_052), "hung");
    assert_eq!(breaker.trial_failed(true, 1_077), None);
    assert_eq!(breaker.next_trial(1_077), Next::Nothing);
    assert!(breaker.admits(b"well", 1_077), "which is want of the server");
    assert_eq!(breaker.next_trial(1_077), Next::At(1_101));
    assert!(!breaker.admits(b"hung too", 1_100));
    assert_eq!(breaker.next_trial(1_100), Next::At(1_101), "no second time");
    assert_eq!(tried(&mut breaker, 1_101), "hung too");
    assert_eq!(breaker.trial_answered(1_102), None);
    assert!(breaker.admits(b"hung too", 1_102));
    assert_eq!(tried(&mut breaker, 1_102), "hung", "at once, once one was answered");
    assert_eq!(breaker.trial_answered(1_103), Some(Reopened { down_for_ms: 103 }));
    assert!(breaker.admits(b"hung", 1_103) && breaker.admits(b"new", 1_103));
}

#[test]
fn all_are_left_alone_when_one_of_those_let_through_fails() {
    for (why, stuck) in [(Failure::Timeout, &["well"][..]), (Failure::Closed, &[])] {
        let mut breaker = silent(&["hung"]);
        breaker.admits(b"well", 1_000);
        tried(&mut breaker, 1_000);
        breaker.trial_answered(1_001);
        assert!(breaker.admits(b"well", 1_001));
        assert_eq!(breaker.failed(why, keys(stuck), 2_000), None, "it is known to be down");
        assert!(!breaker.admits(b"well", 2_000));
        assert_eq!(breaker.next_trial(2_000), Next::At(2_012));
    }
}

#[test]
fn a_dead_server_is_tried_with_one_key_after_the_other() {
    let mut breaker = silent(&["hung"]);
    let mut now = 1_000;
    for (key, patience, pause) in
        [("a", 50, 24), ("b", 96, 48), ("c", 192, 96), ("d", 250, 192), ("e", 250, 384)]
    {
        assert_eq!(breaker.patience(250), patience);
        breaker.admits(key.as_bytes(), now);
        assert_eq!(tried(&mut breaker, now), key);
        assert_eq!(breaker.trial_failed(true, now + 250), None);
        breaker.admits(key.as_bytes(), now + 250);
        assert_eq!(breaker.next_trial(now + 250), Next::At(now + 250 + pause));
        now += 250 + pause;
    }
    // Nothing new is wanted: those that have hung, the first one first.
    for key in ["hung", "a", "b"] {
        assert_eq!(tried(&mut breaker, now), key);
        breaker.trial_failed(true, now);
        breaker.admits(b"a", now);
        now += 1_000;
    }
    // It is back: all of them are asked for without a pause.
    for key in ["c", "d", "e", "hung", "a"] {
        assert_eq!(tried(&mut breaker, now), key);
        assert_eq!(breaker.trial_answered(now), None);
    }
    assert_eq!(tried(&mut breaker, now), "b");
    assert!(breaker.trial_answered(now).is_some());
}

#[test]
fn a_server_that_cannot_be_reached_any_more_answers_nothing() {
    let mut breaker = silent(&["hung"]);
    breaker.admits(b"well", 1_000);
    tried(&mut breaker, 1_000);
    breaker.trial_answered(1_001);
    assert_eq!(tried(&mut breaker, 1_001), "hung");
    assert_eq!(breaker.trial_failed(false, 1_002), None);
    assert!(!breaker.admits(b"well", 1_002), "what was answered may not be any more");
    assert_eq!(due(&mut breaker, 1_002), 1_026);
    assert_eq!(tried(&mut breaker, 1_026), "well");
    breaker.trial_answered(1_027);
    assert_eq!(tried(&mut breaker, 1_027), "hung", "it stays a suspect");
}

#[test]
fn suspects_of_older_connections_count_too() {
    let mut breaker = silent(&["a"]);
    breaker.suspect(keys(&["b", "a"]), 1_010);
    breaker.admits(b"well", 1_010);
    for key in ["well", "a", "b"] {
        assert_eq!(tried(&mut breaker, 1_010), key);
        assert_eq!(breaker.trial_answered(1_010).is_some(), key == "b");
    }
    breaker.suspect(keys(&["c"]), 1_011);
    assert!(breaker.admits(b"c", 1_011), "where nothing is wrong nothing is suspect");
}

#[test]
fn what_is_known_of_keys_is_bounded() {
    let mut breaker = silent(&["hung"]);
    let name = |n: usize| n.to_string();
    for n in 0..2 * keys::HUNG {
        breaker.suspect(keys(&[&name(n)]), 1_000);
    }
    // The last ones are not known to hang; the others not for longer than three seconds.
    breaker.admits(name(keys::HUNG - 2).as_bytes(), 1_000 + keys::HUNG_MS - 1);
    breaker.admits(name(2 * keys::HUNG - 1).as_bytes(), 1_000);
    assert_eq!(tried(&mut breaker, 1_000), name(2 * keys::HUNG - 1));
    breaker.trial_failed(false, 1_000);
    breaker.admits(name(keys::HUNG - 2).as_bytes(), 1_000 + keys::HUNG_MS);
    assert_eq!(tried(&mut breaker, 4_000), name(keys::HUNG - 2));
    assert_eq!(breaker.trial_answered(4_000), None);
    // And few of them have to be answered.
    for n in 1..=keys::SUSPECTS {
        tried(&mut breaker, 4_000);
        assert_eq!(breaker.trial_answered(4_000).is_some(), n == keys::SUSPECTS);
    }
}

#[test]
fn one_line_a_second() {
    let mut limit = LogLimit::default();
    let lines: Vec<_> =
        [0, 1, 999, 1_000, 1_001, 2_000, 9_000].into_iter().map(|now| limit.allow(now)).collect();
    assert_eq!(lines, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
}
