//! What happens to a client: it asks, is served, leaves, or is let down.

use std::io::{ErrorKind, Read as _};

use rustix::event::epoll;

use super::{Alarm, Run};
use crate::client::{self, Leave, Waiting};
use crate::response::{Progress, Wrong};
use crate::targets::Method;

/// A client that leaves does so after at most this long, in nanoseconds.
const LONGEST_STAY: u64 = 20_000_000;
/// Requests that are sent at once, at most.
const BATCH: u64 = 6;

impl Run<'_> {
    /// Sends one request or several.
    pub(super) fn ask(&mut self, index: usize) -> anyhow::Result<()> {
        if self.is_paused {
            self.resting.push(index);
            return Ok(());
        }
        let piped = self.random.chance(self.job.pipeline);
        let count = if piped { 2 + self.random.below(BATCH - 1) } else { 1 };
        let last = self.random.chance(self.job.close);
        let since = self.now();
        for _ in 0..count {
            let target = self.targets.choose(&mut self.random);
            let method = self.method();
            self.clients[index].queue.push_back(Waiting { target, method, since, again: false });
        }
        self.clients[index].last = last;
        if self.random.chance(self.job.leave) {
            let how = if self.random.chance(0.5) { Leave::Fin } else { Leave::Rst };
            self.clients[index].leave = Some(how);
        }
        self.send(index)
    }

    fn method(&mut self) -> Method {
        if self.random.chance(self.job.head) {
            Method::Head
        } else if self.random.chance(self.job.post) {
            Method::Post
        } else {
            Method::Get
        }
    }

    /// Writes all that the client waits for, over a new connection if it has none.
    fn send(&mut self, index: usize) -> anyhow::Result<()> {
        let is_new = self.clients[index].stream.is_none();
        if is_new {
            match client::connect(self.job.address, &mut self.random) {
                Ok(stream) => self.clients[index].stream = Some(stream),
                Err(_) => {
                    self.fail(index, Wrong::Refused);
                    return Ok(());
                }
            }
            self.tally.connections += 1;
        }
        let client = &mut self.clients[index];
        client.epoch = client.epoch.wrapping_add(1);
        let count = client.queue.len();
        for (number, waiting) in client.queue.iter().enumerate() {
            let close = client.last && number + 1 == count;
            let target = &self.targets.all[waiting.target];
            target.write(waiting.method, &self.job.host, close, &mut client.out);
        }
        self.tally.requests += count as u64;
        let now = self.now();
        let patience = self.patience();
        self.alarm(now + patience, index, Alarm::Late);
        if self.clients[index].leave.is_some() {
            // Mostly a short one: most responses come within a millisecond.
            let stay = self.random.below(LONGEST_STAY) >> self.random.below(10);
            self.alarm(now + stay, index, Alarm::Leave);
        }
        self.watch(index, is_new, is_new)
    }

    fn watch(&mut self, index: usize, is_new: bool, write: bool) -> anyhow::Result<()> {
        let client = &mut self.clients[index];
        if !write && !client.flush() {
            self.broken(index);
            return Ok(());
        }
        let Some(stream) = &client.stream else { return Ok(()) };
        let mut flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        flags.set(epoll::EventFlags::OUT, write || !client.out.is_empty());
        let data = epoll::EventData::new_u64((index as u64) << 32 | u64::from(client.epoch));
        if is_new {
            epoll::add(&self.epoll, stream, data, flags)?;
        } else {
            epoll::modify(&self.epoll, stream, data, flags)?;
        }
        Ok(())
    }

    /// A client's socket has something to say.
    pub(super) fn ready(&mut self, index: usize) -> anyhow::Result<()> {
        if !self.clients[index].out.is_empty() {
            let epoch = self.clients[index].epoch;
            self.watch(index, false, false)?;
            if self.clients[index].epoch != epoch {
                return Ok(());
            }
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = match &mut self.clients[index].stream {
            Some(stream) => stream.read(&mut buffer),
            None => Err(ErrorKind::WouldBlock.into()),
        };
        match read {
            Ok(0) => self.broken(index),
            Ok(read) => self.receive(index, &buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.broken(index),
        }
        self.buffer = buffer;
        Ok(())
    }

    fn receive(&mut self, index: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let client = &mut self.clients[index];
            let Some(&Waiting { target, method, since, .. }) = client.queue.front() else {
                return self.fail(index, Wrong::Malformed);
            };
            let expected = &self.targets.all[target];
            let (outcome, close) = match client.reader.receive(bytes, method, expected) {
                Ok(Progress::More) => return,
                Ok(Progress::Done { taken, outcome, close }) => {
                    bytes = &bytes[taken..];
                    (outcome, close)
                }
                Err(wrong) => {
                    let seen = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
                    return self.fail_with(index, wrong, &seen);
                }
            };
            client.queue.pop_front();
            client.used = true;
            let is_done = client.queue.is_empty();
            let now = self.began.elapsed().as_nanos() as u64;
            if let Some(next) = client.queue.front_mut() {
                // nginx takes up a request when it is through with the one before.
                next.since = now;
            }
            let took = now.saturating_sub(since) / 1000;
            self.tally.answer(&self.targets.groups[expected.group], outcome, took);
            if close && !is_done {
                return self.broken(index);
            }
            if is_done {
                if bytes.is_empty() {
                    self.served(index, close);
                } else {
                    self.fail(index, Wrong::Malformed);
                }
                return;
            }
        }
    }

    /// Everything that the client asked for has come.
    fn served(&mut self, index: usize, close: bool) {
        let client = &mut self.clients[index];
        if close || client.last {
            client.end(Leave::Fin);
        } else {
            client.leave = None;
            client.epoch = client.epoch.wrapping_add(1);
            let epoch = client.epoch;
            // Its end is noticed, and nothing that it says is taken for something else.
            let data = epoll::EventData::new_u64((index as u64) << 32 | u64::from(epoch));
            if let Some(stream) = &client.stream {
                let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
                let _ = epoll::modify(&self.epoll, stream, data, flags);
            }
        }
        self.rest(index);
    }

    pub(super) fn leave(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(how) = client.leave else { return };
        self.tally.left += client.queue.len() as u64;
        client.end(how);
        self.rest(index);
    }

    /// nginx has ended the connection.
    fn broken(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.queue.is_empty() {
            // It was idle, and its next turn is under way under the old epoch.
            client.end(Leave::Fin);
            return self.rest(index);
        }
        let is_kept = client.used && !client.reader.has_begun();
        let is_safe = client.queue.iter().all(|one| one.method != Method::Post && !one.again);
        if !(self.job.retry && is_kept && is_safe) {
            let wrong = if client.used || client.reader.has_begun() || client.out.is_empty() {
                Wrong::Closed
            } else {
                Wrong::Refused
            };
            return self.fail(index, wrong);
        }
        let (queue, last) = (std::mem::take(&mut client.queue), client.last);
        client.end(Leave::Fin);
        client.queue = queue;
        client.last = last;
        client.queue.iter_mut().for_each(|one| one.again = true);
        self.tally.retried += client.queue.len() as u64;
        if self.send(index).is_err() {
            self.fail(index, Wrong::Refused);
        }
    }

    pub(super) fn fail(&mut self, index: usize, wrong: Wrong) {
        self.fail_with(index, wrong, "");
    }

    fn fail_with(&mut self, index: usize, wrong: Wrong, seen: &str) {
        let at = self.now() / 1_000_000;
        let client = &mut self.clients[index];
        let front = client.queue.front().copied();
        self.tally.abandoned += client.queue.len().saturating_sub(1) as u64;
        client.end(Leave::Rst);
        let targets = &self.targets.all;
        self.tally.failure(wrong, || match front {
            Some(waiting) => format!(
                "{at} ms: {wrong:?}: {:?} {} of {}, asked {} ms before: {seen:?}",
                waiting.method,
                targets[waiting.target].path,
                targets[waiting.target].user,
                at.saturating_sub(waiting.since / 1_000_000),
            ),
            None => format!("{at} ms: {wrong:?} with nothing asked for: {seen:?}"),
        });
        self.rest(index);
    }
}
