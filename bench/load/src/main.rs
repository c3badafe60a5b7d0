//! The load generator of `scripts/bench`: one thread, many keep-alive connections,
//! every response checked for status, length and the first bytes of its body.
//!
//! It reads a [`job::Job`] as JSON from its standard input and prints a
//! [`outcome::Outcome`] as JSON. Three ways to drive a server:
//!
//! - closed loop (`rate` 0): each connection asks again as soon as it is answered;
//! - constant rate (`rate` > 0, requests per second): requests fall due on a fixed
//!   schedule, and a response's latency counts from when its request was due, not
//!   from when a connection was free for it, as in wrk2 (no coordinated omission);
//! - slow clients (`hold` > 0, seconds): each connection asks once and reads nothing
//!   until the time is over.
//!
//! The CPU time of other processes is read at the edges of the measured window, so
//! that neither connecting nor warming up counts.

mod client;
mod cpu;
mod job;
mod outcome;
mod response;
mod run;
mod targets;
#[cfg(test)]
mod tests;

use std::io::Read as _;

fn main() -> anyhow::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let job = serde_json::from_str(&input)?;
    println!("{}", serde_json::to_string(&run::run(&job)?)?);
    Ok(())
}
