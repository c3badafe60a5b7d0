//! A pipeline with its socket in the test's hands.

use page_cache::Failure;
use page_cache::pipeline::{Fault, Handshake, Limits, Pipeline, Reply, Retry, Ticket};
use page_cache::wire::Protocol;

pub const MIB: usize = 1024 * 1024;
pub const WIDE: Limits = Limits { deadline: 250, max_size: 8 * MIB };

pub type Answers = Vec<(u64, Reply)>;

/// A pipeline and what it delivered.
pub struct Rig {
    pub pipeline: Pipeline,
    pub answers: Answers,
}

impl Rig {
    pub fn new(protocol: Protocol, handshake: &Handshake) -> Self {
        Self { pipeline: Pipeline::new(protocol, handshake), answers: Vec::new() }
    }

    pub fn memcached() -> Self {
        Self::new(Protocol::Memcached, &Handshake::default())
    }

    pub fn redis() -> Self {
        Self::new(Protocol::Redis, &Handshake::default())
    }

    pub fn ask(&mut self, key: &str, ticket: u64) {
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), WIDE).unwrap();
    }

    pub fn ask_until(&mut self, key: &str, ticket: u64, deadline: u64) {
        let limits = Limits { deadline, ..WIDE };
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), limits).unwrap();
    }

    pub fn ask_at_most(&mut self, key: &str, ticket: u64, max_size: usize) {
        let limits = Limits { max_size, ..WIDE };
        self.pipeline.enqueue(key.as_bytes(), Ticket(ticket), limits).unwrap();
    }

    /// Writes everything; returns it.
    pub fn write(&mut self) -> String {
        let out = String::from_utf8(self.pipeline.outgoing().to_vec()).unwrap();
        self.pipeline.wrote(out.len());
        assert_eq!(self.pipeline.outgoing(), b"");
        out
    }

    /// Writes the first `len` bytes of what there is.
    pub fn write_part(&mut self, len: usize) {
        let _ = self.pipeline.outgoing();
        self.pipeline.wrote(len);
    }

    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let space = self.pipeline.read_space().unwrap();
            assert!(space.len() >= 60 * 1024 && space.len() <= 128 * 1024);
            let n = bytes.len().min(space.len());
            space[..n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            let answers = &mut self.answers;
            self.pipeline.received(n, &mut |ticket, reply| answers.push((ticket.0, reply)))?;
        }
        Ok(())
    }

    pub fn expire(&mut self, now: u64) -> bool {
        let answers = &mut self.answers;
        self.pipeline.expire(now, &mut |ticket, reply| answers.push((ticket.0, reply)))
    }

    pub fn fail_all(&mut self, why: Failure) -> Vec<(u64, Failure, Retry)> {
        let mut failed = Vec::new();
        self.pipeline.fail_all(why, &mut |ticket, why, retry| failed.push((ticket.0, why, retry)));
        failed
    }

    /// What was delivered since the last call, values as text.
    pub fn take(&mut self) -> Vec<(u64, String)> {
        let word = |reply| match reply {
            Reply::Value(value) => String::from_utf8(value.bytes.clone()).unwrap(),
            Reply::Absent => "absent".into(),
            Reply::Failed(why) => format!("failed: {why}"),
        };
        self.answers.drain(..).map(|(ticket, reply)| (ticket, word(reply))).collect()
    }
}

pub fn said(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
    answers.iter().map(|&(ticket, word)| (ticket, word.to_owned())).collect()
}

/// With a password, and a database.
pub fn sesame(db: u32) -> Handshake {
    Handshake { user: None, password: Some(b"sesame".to_vec()), db }
}
