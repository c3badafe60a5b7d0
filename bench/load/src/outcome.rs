//! What a run has shown.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::response::Wrong;

/// The result of a job.
#[derive(Serialize)]
pub struct Outcome {
    /// Responses that came, and were right, in the measured window.
    pub requests: u64,
    /// Length of the measured window.
    pub seconds: f64,
    /// Right responses in all, warm-up and the last answers after the window included.
    pub all_requests: u64,
    pub errors: Errors,
    /// Connections that the server closed in good order and that were made anew.
    pub reconnects: u64,
    /// In microseconds.
    pub latency: Latency,
    /// CPU seconds in the measured window, by process id.
    pub cpu: BTreeMap<u32, f64>,
    /// CPU seconds of the load generator in the measured window.
    pub own_cpu: f64,
    /// With a constant rate: requests that were due in the window and not sent by its end.
    pub unsent: u64,
}

/// Requests that were not answered as they had to be.
#[derive(Default, Serialize)]
pub struct Errors {
    pub status: u64,
    pub length: u64,
    pub body: u64,
    pub malformed: u64,
    /// The connection ended before the response did.
    pub closed: u64,
    /// Not answered within ten seconds after the end of the run.
    pub unanswered: u64,
}

impl Errors {
    pub fn count(&mut self, wrong: Wrong) {
        *match wrong {
            Wrong::Status => &mut self.status,
            Wrong::Length => &mut self.length,
            Wrong::Body => &mut self.body,
            Wrong::Malformed => &mut self.malformed,
        } += 1;
    }
}

#[derive(Serialize)]
pub struct Latency {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            mean: histogram.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
        }
    }
}
