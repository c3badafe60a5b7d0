//! When what nobody uses is given up: idle connections, and servers that are not asked any more.
//!
//! A connection that is idle for long may have been forgotten by something on its way (a load
//! balancer, NAT), and a server may have left its upstream; whoever has its address then is a
//! stranger.

/// What was not used for so long, in milliseconds, is given up.
pub const IDLE_MS: u64 = 60_000;

/// One look at all that may be given up; times are milliseconds of one monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    now: u64,
    next: u64,
}

impl Round {
    /// A look at `now`.
    pub fn at(now: u64) -> Self {
        Self { now, next: now.saturating_add(IDLE_MS) }
    }

    /// Whether what was used last at `since` is to be given up now.
    pub fn is_over(&mut self, since: u64) -> bool {
        let end = since.saturating_add(IDLE_MS);
        if end <= self.now {
            return true;
        }
        self.next = self.next.min(end);
        false
    }

    /// When to look again: when the first of those that stay will be due, if it is not used.
    pub fn next(self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_over_after_a_minute() {
        let mut round = Round::at(100_000);
        assert!(round.is_over(40_000) && round.is_over(0));
        assert_eq!(round.next(), 160_000, "nothing stays");
        assert!(!round.is_over(40_001) && !round.is_over(100_000) && !round.is_over(70_000));
        assert_eq!(round.next(), 100_001);
        assert!(!Round::at(5).is_over(u64::MAX));
    }
}
