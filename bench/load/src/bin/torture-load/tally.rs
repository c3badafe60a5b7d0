//! What the load has seen so far.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::response::Wrong;

/// So many failures are described.
const EXAMPLES: usize = 10;

/// Counts since the load began.
#[derive(Serialize)]
pub struct Tally {
    /// Requests that were sent, each retry too.
    pub requests: u64,
    /// Right responses.
    pub answered: u64,
    /// Requests whose clients left before they were answered.
    pub left: u64,
    /// Requests sent once more, since nginx had closed the kept connection.
    pub retried: u64,
    /// Requests behind one that failed on the same connection.
    pub abandoned: u64,
    pub connections: u64,
    /// Clients that were let down, by why.
    pub failures: BTreeMap<Wrong, u64>,
    pub examples: Vec<String>,
    /// By group, then by nginx's own word (`HIT`, `ERROR down`).
    pub outcomes: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests that wait for an answer now.
    pub waiting: usize,
    /// Milliseconds; `None` before the first answer.
    pub p99: Option<f64>,
    pub slowest: Option<f64>,
    #[serde(skip)]
    latencies: Histogram<u64>,
}

impl Tally {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            requests: 0,
            answered: 0,
            left: 0,
            retried: 0,
            abandoned: 0,
            connections: 0,
            failures: BTreeMap::new(),
            examples: Vec::new(),
            outcomes: BTreeMap::new(),
            waiting: 0,
            p99: None,
            slowest: None,
            // Microseconds, up to ten minutes.
            latencies: Histogram::new_with_bounds(1, 600_000_000, 2)?,
        })
    }

    pub fn answer(&mut self, group: &str, outcome: String, microseconds: u64) {
        self.answered += 1;
        self.latencies.saturating_record(microseconds.max(1));
        if !self.outcomes.contains_key(group) {
            self.outcomes.insert(group.to_owned(), BTreeMap::new());
        }
        if let Some(found) = self.outcomes.get_mut(group) {
            *found.entry(outcome).or_default() += 1;
        }
    }

    pub fn failure(&mut self, wrong: Wrong, what: impl FnOnce() -> String) {
        *self.failures.entry(wrong).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }

    pub fn print(&mut self, waiting: usize) -> anyhow::Result<()> {
        self.waiting = waiting;
        if !self.latencies.is_empty() {
            self.p99 = Some(self.latencies.value_at_quantile(0.99) as f64 / 1e3);
            self.slowest = Some(self.latencies.max() as f64 / 1e3);
        }
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}
