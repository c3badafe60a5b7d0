//! What to do, as the driver says it.

use std::net::SocketAddr;

use serde::Deserialize;

/// One load. What is a probability is between 0 and 1.
#[derive(Deserialize)]
pub struct Job {
    /// Where nginx listens.
    pub address: SocketAddr,
    /// The value of the Host field.
    pub host: String,
    /// How many clients there are.
    pub connections: usize,
    /// Requests per second over all clients, about; 0: as many as are answered.
    #[serde(default)]
    pub rate: f64,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Seconds after which a client that waits has been let down.
    pub patience: f64,
    /// Whether a request whose kept connection was closed before a byte of its
    /// response came may be sent once more, as every browser does (RFC 9112, 9.3.1).
    #[serde(default)]
    pub retry: bool,
    /// That the client leaves before it is served, by FIN or RST.
    #[serde(default)]
    pub leave: f64,
    /// That a client sends several requests at once.
    #[serde(default)]
    pub pipeline: f64,
    /// That the last request of a connection says `Connection: close`.
    #[serde(default)]
    pub close: f64,
    /// That a request is a HEAD.
    #[serde(default)]
    pub head: f64,
    /// That a request is a POST with a body.
    #[serde(default)]
    pub post: f64,
    /// That the target is one of the first eight of its group.
    #[serde(default)]
    pub hot: f64,
    /// What is asked for; those of one group stand side by side.
    pub targets: Vec<Target>,
}

/// One URL, who asks for it, and what is stored for both.
#[derive(Deserialize)]
pub struct Target {
    /// The name of the store and recipe that it is about.
    pub group: String,
    /// The path; nothing in it needs quoting.
    pub path: String,
    /// The value of the cookie `user`; `-`: no cookie.
    pub user: String,
    /// Length of the stored page in bytes; absent: nothing is stored that may be served.
    #[serde(default)]
    pub length: Option<usize>,
}
