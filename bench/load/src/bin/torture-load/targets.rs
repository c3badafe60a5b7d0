//! What is asked for, and the only two bodies that may come back.

use std::ops::Range;

use crate::job::{Job, Target};
use crate::random::Random;

/// So many of a group's first targets are hot.
const HOT: usize = 8;

/// A method that the load uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
}

/// A target with what it may get.
pub struct Expected {
    pub path: String,
    pub user: String,
    /// Index into [`Targets::groups`].
    pub group: usize,
    /// The stored page, if one may be served.
    pub page: Option<Vec<u8>>,
    pub fallback: Vec<u8>,
}

pub struct Targets {
    pub all: Vec<Expected>,
    pub groups: Vec<String>,
    ranges: Vec<Range<usize>>,
    hot: f64,
}

/// The page as the driver stores it: lines that name path, user and their own
/// number, cut at `length` bytes. No piece of one page fits into another.
pub fn page(path: &str, user: &str, length: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(length + 128);
    for number in 0.. {
        if body.len() >= length {
            break;
        }
        body.extend_from_slice(format!("page {path} of {user} {number}\n").as_bytes());
    }
    body.truncate(length);
    body
}

impl Targets {
    pub fn new(job: &Job) -> anyhow::Result<Self> {
        anyhow::ensure!(!job.targets.is_empty(), "no targets");
        let mut found =
            Self { all: Vec::new(), groups: Vec::new(), ranges: Vec::new(), hot: job.hot };
        for target in &job.targets {
            found.add(target);
        }
        Ok(found)
    }

    fn add(&mut self, target: &Target) {
        if self.groups.last() != Some(&target.group) {
            self.groups.push(target.group.clone());
            self.ranges.push(self.all.len()..self.all.len());
        }
        let Target { path, user, .. } = target;
        self.all.push(Expected {
            path: path.clone(),
            user: user.clone(),
            group: self.groups.len() - 1,
            page: target.length.map(|length| page(path, user, length)),
            fallback: format!("fallback {path} for {user}\n").into_bytes(),
        });
        if let Some(range) = self.ranges.last_mut() {
            range.end = self.all.len();
        }
    }

    /// A group first, so that small groups get as much as large ones.
    pub fn choose(&self, random: &mut Random) -> usize {
        let group = &self.ranges[random.below(self.ranges.len() as u64) as usize];
        let count = if random.chance(self.hot) { group.len().min(HOT) } else { group.len() };
        group.start + random.below(count as u64) as usize
    }
}

impl Expected {
    /// Appends the request as it goes over the wire.
    pub fn write(&self, method: Method, host: &str, close: bool, out: &mut Vec<u8>) {
        let name = match method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        };
        let Self { path, user, .. } = self;
        out.extend_from_slice(format!("{name} {path} HTTP/1.1\r\nHost: {host}\r\n").as_bytes());
        if user != "-" {
            out.extend_from_slice(format!("Cookie: user={user}\r\n").as_bytes());
        }
        if close {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        match method {
            // Were it left on the connection, the next request would not be one.
            Method::Post => out.extend_from_slice(b"Content-Length: 17\r\n\r\nGET /body HTTP/1\n"),
            Method::Get | Method::Head => out.extend_from_slice(b"\r\n"),
        }
    }
}
