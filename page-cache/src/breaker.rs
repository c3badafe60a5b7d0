//! When a server is left alone, and when and with which key it is tried again.
//!
//! ```text
//! closed --failed--> open --a trial is answered, and none is overdue--> closed
//!                     | a trial is answered, but some keys never were
//!                     v
//!                    partly open: keys that have been answered since are let through
//! ```
//!
//! No request waits for a trial: while the breaker is open look-ups fail at once with
//! [`Failure::Down`], and the owner tries in the background what [`Breaker::next_trial`] tells, one
//! at a time, and only while requests want the server: one that nobody's balancer picks any more
//! is not asked, and gets no password.
//!
//! Behind one address there may be many servers: a proxy (twemproxy, mcrouter) answers the
//! look-ups of a connection in their order, so that one server behind it that hangs makes all keys
//! look dead. Therefore the keys that a silent connection owes are suspects: the server is back
//! when they are answered. Until then every other key that is wanted is tried once, and let
//! through when it was answered.
//!
//! Times are milliseconds of one monotonic clock.

mod keys;

use std::mem;

use crate::outcome::Failure;
use keys::Keys;

/// The first pause before a trial, in milliseconds.
const FIRST_PAUSE: u64 = 100;

/// The same after silence, which may be that of some keys only: a trial of another one tells.
const QUICK_PAUSE: u64 = 12;

/// Pauses double up to this, in milliseconds: a trial costs little, and a site wants its cache
/// back.
const LONGEST_PAUSE: u64 = 1_000;

/// A server that goes down again so soon after coming back is flapping.
const FLAPPING: u64 = 5_000;

/// After so long up, flapping is forgotten.
const HEALTHY: u64 = 60_000;

/// So many doubtful failures in a row open the breaker.
const IN_A_ROW: u8 = 3;

/// Where other keys are answered, a trial is given so many times as long as they take, else so
/// many times the pause, and so many milliseconds at least.
const PATIENCE_OF_ANSWERS: u64 = 8;
const PATIENCE_OF_PAUSES: u64 = 4;
const LEAST_PATIENCE: u64 = 50;

/// At most one line in so many milliseconds.
const LINE_EVERY: u64 = 1_000;

/// The breaker of one server.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// The pause to begin with when the server goes down next.
    first_pause: u64,
    /// When the server came back last, and what the pause had become by then.
    back: Option<(u64, u64)>,
    /// What is known of single keys while the breaker is open.
    keys: Keys,
    /// The trial under way.
    trial: Option<Trial>,
    /// A request has wanted the server since the last trial.
    is_wanted: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The server is asked; so many doubtful failures came in a row.
    Closed { in_a_row: u8 },
    /// The server is left alone since then.
    Open {
        since: u64,
        /// The current pause between trials.
        pause: u64,
        /// When the next one is due.
        due: u64,
        /// How long the last trial that was answered took; `None` if none was.
        took: Option<u64>,
        /// The owner has been told that some keys are answered and some are not.
        told: bool,
    },
}

#[derive(Debug)]
struct Trial {
    key: Vec<u8>,
    since: u64,
    /// The key is known to have hung.
    is_suspect: bool,
}

/// The breaker has opened: worth a line at `error`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opened;

/// The breaker has closed: worth a line at `notice`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reopened {
    /// How long the server was left alone, in milliseconds.
    pub down_for_ms: u64,
}

/// Some keys are answered, and others are not: worth a line at `error`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Partly;

/// What to do next about a server that is left alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Ask it for [`Breaker::trial_key`], now, and report what comes of it.
    Try,
    /// Come again then.
    At(u64),
    /// Wait until somebody wants it, or until the trial under way is over.
    Nothing,
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
    pub fn new() -> Self {
        Self {
            state: State::Closed { in_a_row: 0 },
            first_pause: FIRST_PAUSE,
            back: None,
            keys: Keys::new(),
            trial: None,
            is_wanted: false,
        }
    }

    /// Whether the server may be asked for anything.
    pub const fn allows(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Whether the server may be asked for `key`; a request wants that. If not, ask
    /// [`Self::next_trial`].
    pub fn admits(&mut self, key: &[u8], now: u64) -> bool {
        let State::Open { took, .. } = self.state else { return true };
        self.is_wanted = true;
        if took.is_some() && self.keys.is_proven(key) {
            return true;
        }
        self.keys.want(key, now);
        false
    }

    /// The server failed with `why`: to be told once for a connection or a reply that
    /// failed, not once for each look-up on it. `stuck` are the keys that a silent
    /// connection owed an answer for first.
    ///
    /// Connect, Timeout, Auth and Memory open the breaker at once; Closed and
    /// Protocol when they come three times in a row; the others never do. `Some`
    /// only if it opens now. While some keys are let through, all of it counts as down.
    pub fn failed(&mut self, why: Failure, stuck: Vec<Vec<u8>>, now: u64) -> Option<Opened> {
        let opened = self.count(verdict(why), now);
        if let State::Open { pause, due, took, .. } = &mut self.state {
            if opened.is_some() && why == Failure::Timeout && *pause == FIRST_PAUSE {
                (*pause, *due) = (QUICK_PAUSE, now);
            } else if took.is_some() && !matches!(verdict(why), Verdict::Well) {
                *took = None;
                *due = now.saturating_add(*pause);
                self.keys.prove_nothing();
            }
        }
        self.suspect(stuck, now);
        opened
    }

    /// A connection that was there when the breaker opened owes an answer for these keys first.
    pub fn suspect(&mut self, stuck: Vec<Vec<u8>>, now: u64) {
        if self.allows() {
            return;
        }
        for key in stuck {
            self.keys.suspect(key, now);
        }
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
        let due = now.saturating_add(pause);
        self.state = State::Open { since: now, pause, due, took: None, told: false };
        Some(Opened)
    }

    /// A complete reply arrived. While the breaker is open this is a late one, of
    /// before, or of a key that is let through: only a trial closes it.
    pub fn succeeded(&mut self, now: u64) {
        let State::Closed { in_a_row } = &mut self.state else { return };
        *in_a_row = 0;
        if self.back.is_some_and(|(back, _)| now.saturating_sub(back) >= HEALTHY) {
            self.first_pause = FIRST_PAUSE;
            self.back = None;
        }
    }

    /// Which key to try when. A trial that is told has begun; report its end by
    /// [`Self::trial_answered`] or [`Self::trial_failed`], and ask again.
    pub fn next_trial(&mut self, now: u64) -> Next {
        let State::Open { due, took, .. } = self.state else { return Next::Nothing };
        if self.trial.is_some() || !self.is_wanted {
            return Next::Nothing;
        }
        // Where some keys are answered, each new one is worth a trial at once; those that have hung
        // are not to be asked for all the time.
        if took.is_none() && now < due {
            return Next::At(due);
        }
        let wanted = self.keys.take_wanted();
        if wanted.is_none() && now < due {
            return Next::At(due);
        }
        let is_suspect = wanted.is_none();
        let Some(key) = wanted.or_else(|| self.keys.take_suspect()) else { return Next::Nothing };
        self.is_wanted = false;
        self.trial = Some(Trial { key, since: now, is_suspect });
        Next::Try
    }

    /// When to ask [`Self::next_trial`]; `None` if there is nothing to try.
    pub fn trial_due(&self, now: u64) -> Option<u64> {
        let State::Open { due, took, .. } = self.state else { return None };
        if self.trial.is_some() || !self.is_wanted {
            return None;
        }
        let is_at_once = took.is_some() && self.keys.has_wanted();
        Some(if is_at_once { now } else { due.max(now) })
    }

    /// The key of the trial under way; empty if there is none.
    pub fn trial_key(&self) -> &[u8] {
        self.trial.as_ref().map_or(b"", |trial| &trial.key)
    }

    /// How long a trial may take, in milliseconds, where requests are given `timeout`.
    pub fn patience(&self, timeout: u64) -> u64 {
        let State::Open { pause, took, .. } = self.state else { return timeout };
        let patience = match took {
            Some(took) => took.saturating_mul(PATIENCE_OF_ANSWERS),
            None => pause.saturating_mul(PATIENCE_OF_PAUSES),
        };
        patience.max(LEAST_PATIENCE).min(timeout)
    }

    /// The trial under way was answered. `Some` if the server may be asked for everything again.
    pub fn trial_answered(&mut self, now: u64) -> Option<Reopened> {
        let trial = self.trial.take()?;
        let State::Open { since, pause, due, took, .. } = &mut self.state else { return None };
        if trial.is_suspect {
            self.keys.absolve(&trial.key);
        }
        if !self.keys.has_suspects() {
            self.back = Some((now, (*pause).max(FIRST_PAUSE)));
            let down_for_ms = now.saturating_sub(*since);
            self.state = State::Closed { in_a_row: 0 };
            self.keys = Keys::new();
            return Some(Reopened { down_for_ms });
        }
        if took.is_none() || trial.is_suspect {
            // At once: are the others that have hung answered, too?
            *due = now;
            self.is_wanted = true;
        }
        *took = Some(now.saturating_sub(trial.since));
        self.keys.prove(&trial.key);
        None
    }

    /// The trial under way failed: `is_silent` if the server had let us in and did not answer.
    /// `Some` when that shows that it answers some keys only, once until it is back.
    pub fn trial_failed(&mut self, is_silent: bool, now: u64) -> Option<Partly> {
        let trial = self.trial.take()?;
        let State::Open { pause, due, took, told, .. } = &mut self.state else { return None };
        if !is_silent && took.take().is_some() {
            self.keys.prove_nothing();
        }
        if is_silent || trial.is_suspect {
            self.keys.suspect(trial.key, now);
        }
        let longer = pause.saturating_mul(2).min(LONGEST_PAUSE);
        if took.is_none() {
            *pause = longer;
            *due = now.saturating_add(longer);
            return None;
        }
        if trial.is_suspect {
            *due = now.saturating_add(*pause);
            *pause = longer;
        }
        if mem::replace(told, true) { None } else { Some(Partly) }
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
        Some(mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests;
