//! The load of `scripts/torture`: clients that behave and clients that do not, and
//! every response compared, byte for byte, with what its own request must get.
//!
//! One thread. The first line of the standard input is a [`job::Job`] as JSON; each
//! further line is a command, answered with one line of JSON (a [`tally::Tally`]):
//!
//! - `status`: how it stands;
//! - `pause`: nobody asks any more; those who wait are served (see `waiting`);
//! - `resume`;
//! - `stop`: as `pause`, and the end once nobody waits. So does the end of the input.
//!
//! A response is right if it is the page that is stored for its URL and user, and
//! nginx says `HIT`; or the fallback's page for that URL and user, and nginx says
//! anything else.

mod client;
mod commands;
mod job;
mod random;
mod response;
mod run;
mod tally;
mod targets;
#[cfg(test)]
mod tests;

use commands::Commands;

fn main() -> anyhow::Result<()> {
    let mut commands = Commands::new()?;
    let line = loop {
        if let Some(line) = commands.next() {
            break line;
        }
        anyhow::ensure!(commands.read()?, "there is no job");
    };
    run::run(&serde_json::from_slice(&line)?, commands)
}
