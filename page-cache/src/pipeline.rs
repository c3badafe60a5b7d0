//! Many look-ups over one connection, without I/O and without a clock.
//!
//! The owner of the socket writes [`Pipeline::outgoing`], reports what it wrote,
//! receives into [`Pipeline::read_space`], reports what it received, and asks
//! [`Pipeline::expire`] when [`Pipeline::next_deadline`] has come. Times are
//! milliseconds of one monotonic clock.
//!
//! # Invariants
//! - Replies come in the order of the look-ups: the first look-up in the queue is
//!   the one that the next byte received answers. A byte that answers nothing, or
//!   a look-up that was not written to its last byte, is a [`Fault`].
//! - A ticket is answered exactly once: by [`Pipeline::received`],
//!   [`Pipeline::expire`] or [`Pipeline::fail_all`]. After that its look-up may stay
//!   in the queue without a waiter; its reply is then read and dropped.
//! - A value is delivered only when its last byte and its trailer were received and
//!   found right.
//! - A look-up is joined only while not one of its bytes was handed to the socket,
//!   so nobody gets a value that was read before it asked.
//! - Memory is bounded: 65,536 look-ups, 16 MiB to be written, a 64 KiB buffer to
//!   read into, and one value, never over the limit of its look-up, in progress.
//! - After a fault nothing is sent, decoded or accepted any more.

mod inbox;
mod queue;
mod reply;

use std::rc::Rc;

use crate::outcome::Failure;
use crate::wire::{Decoder, Event, Head, Protocol, Scope, Violation};
use inbox::Inbox;
use queue::{Queue, Waiter};

pub use crate::wire::Handshake;
pub use reply::{Fault, Limits, Reply, Retry, Ticket, Value};

/// A value over the limit is read to its end, to keep the connection, if no more
/// than this is left of it, in bytes.
const DRAINED: u64 = 1024 * 1024;

/// Takes the answers to tickets.
pub type Deliver<'a> = dyn FnMut(Ticket, Reply) + 'a;

/// Look-ups in flight over one connection; see the invariants of this module.
pub struct Pipeline {
    handshake: Handshake,
    state: State,
    queue: Queue,
    decoder: Decoder,
    inbox: Inbox,
    /// The value of the first look-up, as far as it was received; `None` if there
    /// is none or nobody wants it.
    incoming: Option<Value>,
    /// Bytes received since the connection was made.
    received: u64,
    /// Complete replies, those that nobody waited for included.
    answers: u64,
    probe: Option<Result<(), Failure>>,
    server_error: Option<String>,
    /// The last error was about the server, not about one key.
    is_unwell: bool,
}

enum State {
    /// AUTH and SELECT are to be written, `gone` bytes of them are, and to be
    /// answered: `ends` are where their answers may come.
    Handshake { bytes: Vec<u8>, gone: usize, ends: Vec<usize> },
    /// Look-ups may be written.
    Open,
    /// A fault was found, or the owner gave up; `begun` if something of the reply to
    /// the first look-up had come.
    Closed { begun: bool },
}

impl Pipeline {
    /// A pipeline for a connection that has just been made. `handshake` concerns
    /// Redis only.
    pub fn new(protocol: Protocol, handshake: &Handshake) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        if protocol == Protocol::Redis {
            for command in handshake.commands() {
                bytes.extend_from_slice(&command);
                ends.push(bytes.len());
            }
        }
        let state = match ends.is_empty() {
            true => State::Open,
            false => State::Handshake { bytes, gone: 0, ends },
        };
        Self {
            handshake: handshake.clone(),
            state,
            queue: Queue::new(protocol),
            decoder: Decoder::new(protocol),
            inbox: Inbox::default(),
            incoming: None,
            received: 0,
            answers: 0,
            probe: None,
            server_error: None,
            is_unwell: false,
        }
    }

    /// Adds a look-up, or joins `ticket` to one for the same key with the same
    /// `max_size` of which no byte was written.
    ///
    /// # Errors
    /// [`Failure::Memory`] if too many wait or memory is short, [`Failure::Closed`]
    /// after a fault, [`Failure::Protocol`] for a key that would break the framing.
    pub fn enqueue(&mut self, key: &[u8], ticket: Ticket, limits: Limits) -> Result<(), Failure> {
        match self.state {
            State::Closed { .. } => Err(Failure::Closed),
            _ => self.queue.add(key, Waiter::Ticket(ticket), limits),
        }
    }

    /// Adds a look-up of which nobody wants the value: the answer, to be had of
    /// [`Self::probe_outcome`], is whether the server answers at all. It neither
    /// joins nor is joined.
    ///
    /// # Errors
    /// As [`Self::enqueue`].
    pub fn probe(&mut self, key: &[u8], deadline: u64) -> Result<(), Failure> {
        self.probe = None;
        match self.state {
            State::Closed { .. } => Err(Failure::Closed),
            _ => self.queue.add(key, Waiter::Probe, Limits { deadline, max_size: 0 }),
        }
    }

    /// What became of the last probe. The first line of a value is enough, and so
    /// is an error that is about the key only (WRONGTYPE, NOPERM, MOVED, ASK). Any
    /// other error fails it: a server that is LOADING would fail its look-ups too.
    pub fn probe_outcome(&self) -> Option<Result<(), Failure>> {
        self.probe
    }

    /// Whether the last probe was answered well.
    pub fn probe_answered(&self) -> bool {
        self.probe == Some(Ok(()))
    }

    /// Whether the server has let us in, and look-ups are written.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Bytes to be written now: those of the handshake, and those of look-ups once
    /// the server has let us in.
    pub fn outgoing(&self) -> &[u8] {
        match &self.state {
            State::Handshake { bytes, gone, .. } => bytes.get(*gone..).unwrap_or_default(),
            State::Open => self.queue.outgoing(),
            State::Closed { .. } => &[],
        }
    }

    /// `n` bytes of [`Self::outgoing`] went to the socket.
    pub fn wrote(&mut self, n: usize) {
        match &mut self.state {
            State::Handshake { bytes, gone, .. } => *gone = gone.saturating_add(n).min(bytes.len()),
            State::Open => self.queue.wrote(n, self.received),
            State::Closed { .. } => {}
        }
    }

    /// Where to receive into; never empty.
    ///
    /// # Errors
    /// [`Failure::Memory`] if memory is short.
    pub fn read_space(&mut self) -> Result<&mut [u8], Failure> {
        self.inbox.space()
    }

    /// The first `n` bytes of [`Self::read_space`] were received: decodes them, and
    /// delivers what is complete.
    ///
    /// # Errors
    /// A [`Fault`]: the connection must be closed. What was delivered is right; the
    /// others get their answer from [`Self::fail_all`].
    pub fn received(&mut self, n: usize, deliver: &mut Deliver) -> Result<(), Fault> {
        self.inbox.filled(n);
        self.received = self.received.saturating_add(n as u64);
        while !self.inbox.bytes().is_empty() {
            let step = match self.state {
                State::Handshake { .. } => self.let_in(),
                State::Open => self.decode(deliver),
                State::Closed { .. } => Err(Failure::Closed.into()),
            };
            match step {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    self.close();
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// Reads one reply to AUTH or SELECT; `false` if it is not complete.
    fn let_in(&mut self) -> Result<bool, Fault> {
        let State::Handshake { gone, ends, .. } = &mut self.state else { return Ok(true) };
        if ends.first().is_none_or(|end| end > gone) {
            return Err(Violation::Unasked.into());
        }
        let (consumed, answer) = self.decoder.let_in(self.inbox.bytes())?;
        match answer {
            None => return Ok(false),
            Some(Ok(())) => {}
            Some(Err(text)) => {
                let text = Some(self.handshake.tell(text));
                return Err(Fault { why: Failure::Auth, text });
            }
        }
        ends.remove(0);
        if ends.is_empty() {
            self.state = State::Open;
        }
        self.inbox.consume(consumed);
        Ok(true)
    }

    /// Reads the next piece of a reply; `false` if it is not complete.
    fn decode(&mut self, deliver: &mut Deliver) -> Result<bool, Fault> {
        let Some(lookup) = self.queue.front() else { return Err(Violation::Unasked.into()) };
        let input = self.inbox.bytes();
        let (consumed, event) = self.decoder.next(input, &lookup.key)?;
        let here = (input.len() - consumed) as u64;
        match event {
            None => {
                self.inbox.consume(consumed);
                return Ok(consumed > 0);
            }
            Some(Event::Data(data)) => {
                if let Some(value) = &mut self.incoming {
                    value.bytes.extend_from_slice(data);
                }
            }
            Some(Event::Head(Head::Value { flags, len })) => {
                self.begin_value(flags, len, here, deliver)?;
            }
            Some(Event::Head(Head::Absent)) => self.finish(Reply::Absent, Ok(()), deliver),
            Some(Event::Head(Head::Refused { why, scope, text })) => {
                let text = self.handshake.tell(text);
                if scope == Scope::Connection {
                    return Err(Fault { why, text: Some(text) });
                }
                self.server_error = Some(text);
                self.is_unwell = scope == Scope::Server;
                let alive = if scope == Scope::Key { Ok(()) } else { Err(why) };
                self.finish(Reply::Failed(why), alive, deliver);
            }
            Some(Event::End) => {
                // Without a value nobody waits any more, and the reply goes nowhere.
                let reply = match self.incoming.take() {
                    Some(value) => Reply::Value(Rc::new(value)),
                    None => Reply::Failed(Failure::Timeout),
                };
                self.finish(reply, Ok(()), deliver);
            }
        }
        self.inbox.consume(consumed);
        Ok(true)
    }

    /// The first line of a value was read; `here` bytes after it are here.
    fn begin_value(
        &mut self,
        flags: Option<u32>,
        len: u64,
        here: u64,
        deliver: &mut Deliver,
    ) -> Result<(), Fault> {
        let Some(lookup) = self.queue.front() else { return Ok(()) };
        let why = match usize::try_from(len).ok().filter(|&len| len <= lookup.max_size) {
            // All are answered already: read and dropped.
            Some(_) if lookup.waiters.is_empty() => return Ok(()),
            Some(len) => {
                let mut bytes = Vec::new();
                if bytes.try_reserve_exact(len).is_ok() {
                    self.incoming = Some(Value { flags, bytes });
                    return Ok(());
                }
                Failure::Memory
            }
            None => Failure::TooLarge,
        };
        for (waiter, _) in self.queue.take_waiters() {
            match waiter {
                Waiter::Ticket(ticket) => deliver(ticket, Reply::Failed(why)),
                Waiter::Probe => self.probe = Some(Ok(())),
            }
        }
        if len.saturating_sub(here) > DRAINED { Err(why.into()) } else { Ok(()) }
    }

    /// A reply is complete: answers all who wait for it. `alive` is what a probe
    /// makes of it.
    fn finish(&mut self, reply: Reply, alive: Result<(), Failure>, deliver: &mut Deliver) {
        self.answers = self.answers.saturating_add(1);
        for (waiter, _) in self.queue.pop() {
            match waiter {
                Waiter::Ticket(ticket) => deliver(ticket, reply.clone()),
                Waiter::Probe => self.probe = Some(alive),
            }
        }
    }

    /// Answers [`Failure::Timeout`] to everyone whose deadline is `now` or before.
    ///
    /// Returns whether the connection is silent: one of those look-ups had been
    /// written, and not one byte was received since. It should be closed then.
    pub fn expire(&mut self, now: u64, deliver: &mut Deliver) -> bool {
        let probe = &mut self.probe;
        let silent = self.queue.expire(now, self.received, |waiter| match waiter {
            Waiter::Ticket(ticket) => deliver(ticket, Reply::Failed(Failure::Timeout)),
            Waiter::Probe => *probe = Some(Err(Failure::Timeout)),
        });
        // What nobody waits for any more need not be kept.
        if self.queue.front().is_none_or(|lookup| lookup.waiters.is_empty()) {
            self.incoming = None;
        }
        silent
    }

    /// When to ask [`Self::expire`]: the earliest deadline of all who wait, or
    /// something before it. `None` if nobody waits.
    pub fn next_deadline(&self) -> Option<u64> {
        self.queue.next_deadline()
    }

    /// Look-ups without a complete reply: those not written, those on their way, and
    /// those whose reply nobody waits for.
    pub fn in_flight(&self) -> usize {
        self.queue.len()
    }

    /// Whether at least one complete reply to a look-up was received.
    pub fn has_answered(&self) -> bool {
        self.answers > 0
    }

    /// How many complete replies were received, those that nobody waited for any more included.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether the last error that the server answered with was about itself (LOADING,
    /// SERVER_ERROR) rather than about one key (MOVED, NOPERM).
    pub fn is_unwell(&self) -> bool {
        self.is_unwell
    }

    /// What the server last said, in printable words without secrets, when it
    /// answered a look-up with an error and the connection went on.
    pub fn server_error(&self) -> Option<&str> {
        self.server_error.as_deref()
    }

    /// The connection is of no use any more: answers everyone with `why`, and
    /// whether to try again elsewhere. Nothing is accepted or delivered after that.
    pub fn fail_all(&mut self, why: Failure, deliver: &mut dyn FnMut(Ticket, Failure, Retry)) {
        let begun = self.close();
        for (at, lookup) in self.queue.drain().into_iter().enumerate() {
            let answering = at == 0 && begun && lookup.is_written();
            let retry = if answering { Retry::No } else { Retry::Fresh };
            for (waiter, _) in lookup.waiters {
                match waiter {
                    Waiter::Ticket(ticket) => deliver(ticket, why, retry),
                    Waiter::Probe => self.probe = Some(Err(why)),
                }
            }
        }
    }
    /// Ends decoding; returns whether something of the reply to the first look-up
    /// had come.
    fn close(&mut self) -> bool {
        if let State::Closed { begun } = self.state {
            return begun;
        }
        // Undecoded bytes are those of the first reply, whatever follows it.
        let begun = self.decoder.is_midway() || !self.inbox.bytes().is_empty();
        self.state = State::Closed { begun };
        self.inbox = Inbox::default();
        self.incoming = None;
        begun
    }
}
