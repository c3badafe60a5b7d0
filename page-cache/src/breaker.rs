//! When a server is left alone, and when it is probed.
//!
//! No request waits for a probe: while the breaker is open look-ups fail at once
//! with [`Failure::Down`], and the owner probes in the background at the times that
//! are returned here. Times are milliseconds of one monotonic clock.

use crate::outcome::Failure;

/// The first pause before a probe, in milliseconds.
const FIRST_PAUSE: u64 = 100;

/// Pauses double up to this, in milliseconds: a probe costs little, and a site wants its cache
/// back.
const LONGEST_PAUSE: u64 = 1_000;

/// A server that goes down again so soon after coming back is flapping.
const FLAPPING: u64 = 5_000;

/// After so long up, flapping is forgotten.
const HEALTHY: u64 = 60_000;

/// So many doubtful failures in a row open the breaker.
const IN_A_ROW: u8 = 3;

/// At most one line in so many milliseconds.
const LINE_EVERY: u64 = 1_000;

/// The breaker of one server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breaker {
    state: State,
    /// The pause to begin with when the server goes down next.
    first_pause: u64,
    /// When the server came back last, and what the pause had become by then.
    back: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The server is asked; so many doubtful failures came in a row.
    Closed { in_a_row: u8 },
    /// The server is left alone since then; the current pause between probes.
    Open { since: u64, pause: u64 },
}

/// The breaker has opened: worth a line at `error`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opened {
    /// When to probe.
    pub probe_at: u64,
}

/// The breaker has closed: worth a line at `notice`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reopened {
    /// How long the server was left alone, in milliseconds.
    pub down_for_ms: u64,
}

/// What a failure says of the server.
enum Verdict {
    /// It is down.
    Down,
    /// It is down if this goes on.
    Doubtful,
    /// Nothing.
    Well,
}

fn verdict(why: Failure) -> Verdict {
    match why {
        Failure::Connect | Failure::Timeout | Failure::Auth | Failure::Memory => Verdict::Down,
        Failure::Closed | Failure::Protocol => Verdict::Doubtful,
        Failure::Undecodable | Failure::TooLarge | Failure::Down => Verdict::Well,
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// A breaker of a server of which nothing bad is known.
    pub const fn new() -> Self {
        Self { state: State::Closed { in_a_row: 0 }, first_pause: FIRST_PAUSE, back: None }
    }

    /// Whether the server may be asked.
    pub const fn allows(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// The server failed with `why`: to be told once for a connection or a reply that
    /// failed, not once for each look-up on it.
    ///
    /// Connect, Timeout, Auth and Memory open the breaker at once; Closed and
    /// Protocol when they come three times in a row; the others never do. `Some`
    /// only if it opens now.
    pub fn failed(&mut self, why: Failure, now: u64) -> Option<Opened> {
        self.count(verdict(why), now)
    }

    /// A reply did not come in time, although bytes keep coming: doubtful, like
    /// Closed and Protocol. To be told once for all replies that are late together.
    pub fn late(&mut self, now: u64) -> Option<Opened> {
        self.count(Verdict::Doubtful, now)
    }

    fn count(&mut self, verdict: Verdict, now: u64) -> Option<Opened> {
        let State::Closed { in_a_row } = self.state else { return None };
        let in_a_row = match verdict {
            Verdict::Down => IN_A_ROW,
            Verdict::Doubtful => in_a_row.saturating_add(1),
            Verdict::Well => return None,
        };
        if in_a_row < IN_A_ROW {
            self.state = State::Closed { in_a_row };
            return None;
        }
        if let Some((back, last_pause)) = self.back {
            if now.saturating_sub(back) < FLAPPING {
                self.first_pause = last_pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
        let pause = self.first_pause;
        self.state = State::Open { since: now, pause };
        Some(Opened { probe_at: now.saturating_add(pause) })
    }

    /// A complete reply arrived. While the breaker is open this is a late one, of
    /// before: only a probe closes it.
    pub fn succeeded(&mut self, now: u64) {
        let State::Closed { in_a_row } = &mut self.state else { return };
        *in_a_row = 0;
        if self.back.is_some_and(|(back, _)| now.saturating_sub(back) >= HEALTHY) {
            self.first_pause = FIRST_PAUSE;
            self.back = None;
        }
    }

    /// A probe failed. Returns when to probe next.
    pub fn probe_failed(&mut self, now: u64) -> u64 {
        match &mut self.state {
            State::Open { pause, .. } => {
                *pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                now.saturating_add(*pause)
            }
            State::Closed { .. } => now.saturating_add(self.first_pause),
        }
    }

    /// A probe succeeded: the server may be asked again. `None` if it was not down.
    pub fn probe_succeeded(&mut self, now: u64) -> Option<Reopened> {
        let State::Open { since, pause } = self.state else { return None };
        self.state = State::Closed { in_a_row: 0 };
        self.back = Some((now, pause));
        Some(Reopened { down_for_ms: now.saturating_sub(since) })
    }
}

/// At most one log line per second, for failures that do not open the breaker.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogLimit {
    last: Option<u64>,
    suppressed: u64,
}

impl LogLimit {
    /// Whether to write a line now: `Some` with how many were not written since the
    /// last one.
    pub fn allow(&mut self, now: u64) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_sub(last) < LINE_EVERY) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// Down at `now`, with so many failed probes; back at the time that is returned.
    fn outage(breaker: &mut Breaker, now: u64, failed_probes: usize) -> u64 {
        let mut at = breaker.failed(Failure::Connect, now).unwrap().probe_at;
        for _ in 0..failed_probes {
            at = breaker.probe_failed(at);
        }
        assert_eq!(breaker.probe_succeeded(at), Some(Reopened { down_for_ms: at - now }));
        at
    }

    /// The pause with which the breaker opens at `now`.
    fn pause(breaker: &mut Breaker, now: u64) -> u64 {
        breaker.failed(Failure::Timeout, now).unwrap().probe_at - now
    }

    #[test]
    fn some_failures_open_at_once() {
        for why in [Failure::Connect, Failure::Timeout, Failure::Auth, Failure::Memory] {
            let mut breaker = Breaker::new();
            assert!(breaker.allows());
            assert_eq!(breaker.failed(why, 1_000), Some(Opened { probe_at: 1_100 }));
            assert!(!breaker.allows());
            assert_eq!(breaker.failed(why, 1_001), None, "it is told once");
        }
    }

    #[test]
    fn some_failures_open_when_they_go_on() {
        for why in [Failure::Closed, Failure::Protocol] {
            let mut breaker = Breaker::new();
            assert_eq!(breaker.failed(why, 1), None);
            assert_eq!(breaker.failed(why, 2), None);
            breaker.succeeded(3);
            assert_eq!(breaker.failed(Failure::Closed, 4), None);
            assert_eq!(breaker.failed(Failure::Undecodable, 5), None);
            assert_eq!(breaker.failed(Failure::Protocol, 6), None);
            assert!(breaker.allows());
            assert_eq!(breaker.failed(why, 7), Some(Opened { probe_at: 107 }));
        }
    }

    #[test]
    fn some_failures_say_nothing_of_the_server() {
        let mut breaker = Breaker::new();
        for why in [Failure::Undecodable, Failure::TooLarge, Failure::Down].repeat(10) {
            assert_eq!(breaker.failed(why, 1), None);
        }
        assert_eq!(breaker, Breaker::new());
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        let mut breaker = Breaker::new();
        let mut at = breaker.failed(Failure::Connect, 0).unwrap().probe_at;
        let mut pauses = vec![at];
        for _ in 0..6 {
            let next = breaker.probe_failed(at);
            pauses.push(next - at);
            at = next;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_000, 1_000, 1_000]);
        breaker.succeeded(at);
        assert!(!breaker.allows(), "a late reply of before proves nothing");
        assert_eq!(breaker.probe_succeeded(at + 5), Some(Reopened { down_for_ms: at + 5 }));
        assert!(breaker.allows());
        assert_eq!(breaker.probe_succeeded(at + 6), None);
    }

    #[test]
    fn a_probe_that_fails_late_does_not_open() {
        let mut breaker = Breaker::new();
        assert_eq!(breaker.probe_failed(1_000), 1_100);
        assert!(breaker.allows());
    }

    #[test]
    fn failures_in_a_row_begin_anew_when_the_server_is_back() {
        let mut breaker = Breaker::new();
        breaker.failed(Failure::Closed, 0);
        breaker.failed(Failure::Closed, 0);
        let back = outage(&mut breaker, 0, 0);
        assert_eq!(breaker.failed(Failure::Closed, back + 1), None);
        assert_eq!(breaker.failed(Failure::Closed, back + 1), None);
    }

    #[test]
    fn a_server_that_is_late_again_and_again_is_left_alone() {
        let mut breaker = Breaker::new();
        assert_eq!(breaker.late(0), None);
        assert_eq!(breaker.late(250), None);
        breaker.succeeded(300);
        assert_eq!(breaker.late(500), None);
        assert_eq!(breaker.late(750), None);
        assert_eq!(breaker.late(1_000), Some(Opened { probe_at: 1_100 }));
    }

    #[test]
    fn a_flapping_server_is_left_alone_for_longer() {
        let mut breaker = Breaker::new();
        let mut now = outage(&mut breaker, 0, 0);
        for expected in [200, 400, 800, 1_000, 1_000] {
            now += 4_999;
            assert_eq!(pause(&mut breaker.clone(), now), expected);
            now = outage(&mut breaker, now, 0);
        }
        breaker.failed(Failure::Connect, now + 1);
        assert_eq!(breaker.probe_failed(now), now + 1_000, "but never for longer than that");
    }

    #[test]
    fn flapping_goes_on_from_the_last_pause() {
        let mut breaker = Breaker::new();
        let back = outage(&mut breaker, 0, 1);
        let back = outage(&mut breaker, back + 10, 0);
        assert_eq!(pause(&mut breaker.clone(), back + 10), 800);
        assert_eq!(pause(&mut breaker.clone(), back + 5_000), 400, "no worse than before");
    }

    #[test]
    fn a_minute_of_health_is_forgiven() {
        let mut breaker = Breaker::new();
        let back = outage(&mut breaker, 0, 9);
        let back = outage(&mut breaker, back, 0);
        breaker.succeeded(back + 59_999);
        assert_eq!(pause(&mut breaker.clone(), back + 60_000), 1_000);
        breaker.succeeded(back + 60_000);
        assert_eq!(pause(&mut breaker.clone(), back + 60_001), 100);
    }

    #[test]
    fn a_clock_that_ends_is_no_panic() {
        let mut breaker = Breaker::new();
        assert_eq!(breaker.failed(Failure::Connect, u64::MAX), Some(Opened { probe_at: u64::MAX }));
        assert_eq!(breaker.probe_failed(u64::MAX), u64::MAX);
        assert_eq!(breaker.probe_succeeded(0), Some(Reopened { down_for_ms: 0 }));
    }

    #[test]
    fn one_line_a_second() {
        let mut limit = LogLimit::default();
        let lines: Vec<_> = [0, 1, 999, 1_000, 1_001, 2_000, 9_000]
            .into_iter()
            .map(|now| limit.allow(now))
            .collect();
        assert_eq!(lines, [Some(0), None, None, Some(2), None, Some(1), Some(0)]);
    }
}
