//! When a server is left alone, and when it is probed.
//!
//! No request waits for a probe: while the breaker is open look-ups fail at once
//! with [`Failure::Down`], and the owner probes in the background at the times that
//! are returned here. Times are milliseconds of one monotonic clock.

use crate::outcome::Failure;

/// The first pause before a probe, in milliseconds.
const FIRST_PAUSE: u64 = 100;

/// Pauses double up to this, in milliseconds.
const LONGEST_PAUSE: u64 = 1_000;

/// A server that goes down again so soon after coming back is flapping.
const FLAPPING: u64 = 5_000;

/// The longest pause of a flapping server, in milliseconds.
const LONGEST_FLAPPING_PAUSE: u64 = 10_000;

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
        let State::Closed { in_a_row } = self.state else { return None };
        let in_a_row = match verdict(why) {
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
                self.first_pause = last_pause.saturating_mul(2).min(LONGEST_FLAPPING_PAUSE);
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
                // A flapping server may have begun with a longer pause already.
                *pause = pause.saturating_mul(2).min(LONGEST_PAUSE.max(self.first_pause));
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
