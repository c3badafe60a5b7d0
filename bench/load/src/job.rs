//! What to do, as the driver says it.

use std::net::SocketAddr;

use serde::Deserialize;

/// One run against one server.
#[derive(Deserialize)]
pub struct Job {
    /// Where the server listens.
    pub address: SocketAddr,
    /// The value of the Host field.
    pub host: String,
    /// How many connections are kept open.
    pub connections: usize,
    /// Seconds that are run but not measured.
    #[serde(default)]
    pub warm_up: f64,
    /// Seconds that are measured; with `requests` the longest that it may take.
    pub seconds: f64,
    /// Requests per second over all connections; 0: as many as the server answers.
    #[serde(default)]
    pub rate: f64,
    /// Seconds in which the clients read nothing; 0: they read at once.
    #[serde(default)]
    pub hold: f64,
    /// The size of each client's receive buffer, in bytes; 0: the kernel's default.
    #[serde(default)]
    pub receive_buffer: usize,
    /// Stop after this many requests; 0: when the time is over.
    #[serde(default)]
    pub requests: u64,
    /// Targets one after the other instead of at random.
    #[serde(default)]
    pub sequential: bool,
    /// Seed of the random choice of targets.
    #[serde(default)]
    pub seed: u64,
    /// What is asked for.
    pub targets: Vec<Target>,
    /// Processes whose CPU time is measured.
    #[serde(default)]
    pub pids: Vec<u32>,
}

/// One URL and what must come back.
#[derive(Deserialize)]
pub struct Target {
    /// Path and query.
    pub path: String,
    /// Length of the body in bytes.
    pub length: u64,
    /// What the body begins with.
    #[serde(default)]
    pub begins: String,
}
