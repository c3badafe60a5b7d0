//! Many look-ups over one connection, without I/O and without a clock.
//!
//! The owner of the socket writes [`Pipeline::outgoing`], reports what it wrote,
//! receives into [`Pipeline::read_space`], reports what it received, and asks
//! [`Pipeline::expire`] when [`Pipeline::next_deadline`] has come. Times are
//! milliseconds of one monotonic clock.
//!
//! # Invariants
//! - Replies come in the order of the commands: the first command in the queue is
//!   the one that the next byte received answers. A byte that answers nothing, or
//!   a command that was not written to its last byte, is a [`Fault`].
//! - Many look-ups that wait at once for memcached share a command. Each value in its
//!   reply repeats its key, and goes to the look-up of that key and to no other.
//! - A ticket is answered exactly once: by [`Pipeline::received`],
//!   [`Pipeline::expire`] or [`Pipeline::fail_all`]. After that its look-up may stay
//!   in the queue without a waiter; its reply is then read and dropped.
//! - A value is delivered only when its last byte and its trailer were received and
//!   found right; one of several in a reply also only when a legal line follows.
//! - A look-up is joined only while not one of its bytes was handed to the socket,
//!   so nobody gets a value that was read before it asked.
//! - Memory is bounded: 65,536 look-ups, 16 MiB of keys, as much to be written, a
//!   64 KiB buffer to read into, two values, never over the limit of their look-ups,
//!   in progress, and 2 MiB for values to come.
//! - After a fault nothing is sent, decoded or accepted any more.

mod inbox;
mod queue;
mod reply;

use std::collections::{TryReserveError, VecDeque};
use std::rc::Rc;

use crate::outcome::Failure;
use crate::wire::{Asked, Decoder, Event, Head, Protocol, Scope, Violation};
use inbox::Inbox;
use queue::{Queue, Waiter, Waiters};

pub use crate::wire::Handshake;
pub use queue::Sharing;
pub use reply::{Fault, Limits, Reply, Retry, Ticket, Value};

/// A value over the limit is read to its end, to keep the connection, if no more
/// than this is left of it, in bytes.
const DRAINED: u64 = 1024 * 1024;

/// Values of ordinary size whose memory is used again once nobody holds them: so many, of
/// at most so many bytes. An allocation of that size costs more than the look-up around it.
const SPARES: usize = 128;
const SPARE_BYTES: usize = 16 * 1024;

/// Takes the answers to tickets.
pub type Deliver<'a> = dyn FnMut(Ticket, Reply) + 'a;

/// Look-ups in flight over one connection; see the invariants of this module.
pub struct Pipeline {
    handshake: Handshake,
    state: State,
    queue: Queue,
    decoder: Decoder,
    inbox: Inbox,
    /// The value that is being received, so far; `None` if there is none or nobody
    /// wants it. Nobody else holds it.
    incoming: Option<Rc<Value>>,
    /// A whole value of a command for several keys, which is delivered when a legal line
    /// follows it; and whose it is, by the place in the queue.
    whole: Option<(usize, Option<Rc<Value>>)>,
    spares: VecDeque<Rc<Value>>,
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
    /// A fault was found, or the owner gave up; `begun` is the place of the look-up that
    /// something had come of.
    Closed { begun: Option<usize> },
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
            whole: None,
            spares: VecDeque::new(),
            received: 0,
            answers: 0,
            probe: None,
            server_error: None,
            is_unwell: false,
        }
    }

    /// Whether the server is known to answer a `get` of many keys; it is tried if not, once
    /// that is worth while.
    pub fn sharing(&self) -> Sharing {
        self.queue.sharing
    }

    /// What is known of that from another connection to the same server.
    pub fn set_sharing(&mut self, sharing: Sharing) {
        self.queue.sharing = sharing;
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
    pub fn outgoing(&mut self) -> &[u8] {
        match &self.state {
            State::Handshake { bytes, gone, .. } => bytes.get(*gone..).unwrap_or_default(),
            State::Open => self.queue.outgoing(),
            State::Closed { .. } => &[],
        }
    }

    /// Whether [`Self::outgoing`] has something. Asking for it only then lets look-ups
    /// gather that may share a command.
    pub fn has_outgoing(&self) -> bool {
        match &self.state {
            State::Handshake { bytes, gone, .. } => *gone < bytes.len(),
            State::Open => self.queue.has_outgoing(),
            State::Closed { .. } => false,
        }
    }

    /// Whether look-ups wait here to be written, and more of them would share a command, or
    /// at least a system call, with these.
    pub fn is_gathering(&self) -> bool {
        (1..queue::KEYS_PER_GET).contains(&self.queue.gathered())
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
        let keys = self.queue.front_keys();
        let is_one_of_many = keys.len() > 1;
        if keys.is_empty() {
            return Err(Violation::Unasked.into());
        }
        let input = self.inbox.bytes();
        let (consumed, event) = self.decoder.next(input, &keys)?;
        let here = (input.len() - consumed) as u64;
        match event {
            None => {
                self.inbox.consume(consumed);
                return Ok(consumed > 0);
            }
            Some(Event::Data(data)) => {
                if let Some(value) = self.incoming.as_mut().and_then(Rc::get_mut) {
                    value.bytes.extend_from_slice(data);
                }
            }
            Some(Event::Head(Head::Value { flags, len })) => {
                self.deliver_whole(deliver);
                self.begin_value(flags, len, here, deliver)?;
            }
            Some(Event::Head(Head::Absent)) => {
                self.finish(&Reply::Absent, Ok(()), deliver);
            }
            Some(Event::Head(Head::Refused { why, scope, text })) => {
                let text = self.handshake.tell(text);
                if scope == Scope::Connection {
                    return Err(Fault { why, text: Some(text) });
                }
                self.server_error = Some(text);
                self.is_unwell = scope == Scope::Server;
                let alive = if scope == Scope::Key { Ok(()) } else { Err(why) };
                self.finish(&Reply::Failed(why), alive, deliver);
            }
            Some(Event::End) => {
                let value = self.incoming.take();
                let which = self.decoder.which();
                self.queue.set_answered(which);
                self.whole = Some((which, value));
                if !is_one_of_many {
                    self.finish(&Reply::Absent, Ok(()), deliver);
                }
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
        let which = self.decoder.which();
        let Some(lookup) = self.queue.get(which) else { return Ok(()) };
        let why = match usize::try_from(len).ok().filter(|&len| len <= lookup.max_size) {
            // All are answered already: read and dropped.
            Some(_) if lookup.waiters.is_empty() => return Ok(()),
            Some(len) => match self.room_for(flags, len) {
                Ok(value) => {
                    self.incoming = Some(value);
                    return Ok(());
                }
                Err(_) => Failure::Memory,
            },
            None => Failure::TooLarge,
        };
        let waiters = self.queue.take_waiters(which);
        self.answer(waiters, &Reply::Failed(why), Ok(()), deliver);
        if len.saturating_sub(here) > DRAINED { Err(why.into()) } else { Ok(()) }
    }

    /// An empty value with room for `len` bytes.
    fn room_for(&mut self, flags: Option<u32>, len: usize) -> Result<Rc<Value>, TryReserveError> {
        if let Some(mut spare) = self.spares.pop_front() {
            // The oldest one: if it is still in use, so are most.
            if let Some(value) = Rc::get_mut(&mut spare).filter(|_| len <= SPARE_BYTES) {
                value.flags = flags;
                value.bytes.clear();
                value.bytes.try_reserve_exact(len)?;
                return Ok(spare);
            }
            self.spares.push_back(spare);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len)?;
        Ok(Rc::new(Value { flags, bytes }))
    }

    /// Keeps a value's memory for another one.
    fn spare(&mut self, value: Rc<Value>) {
        let is_usual = value.bytes.capacity() <= SPARE_BYTES && self.spares.len() < SPARES;
        if is_usual && self.spares.try_reserve(1).is_ok() {
            self.spares.push_back(value);
        }
    }

    /// Answers all who wait for the value that is whole, if there is one.
    fn deliver_whole(&mut self, deliver: &mut Deliver) {
        let Some((which, value)) = self.whole.take() else { return };
        self.answers = self.answers.saturating_add(1);
        let waiters = self.queue.take_waiters(which);
        // Without a value nobody waits any more, and the reply goes nowhere.
        let Some(value) = value else { return };
        self.answer(waiters, &Reply::Value(Rc::clone(&value)), Ok(()), deliver);
        self.spare(value);
    }

    /// The reply to a command is complete: answers all who wait for something that has not
    /// come. `alive` is what a probe makes of it.
    fn finish(&mut self, reply: &Reply, alive: Result<(), Failure>, deliver: &mut Deliver) {
        self.deliver_whole(deliver);
        for at in self.queue.front() {
            if self.queue.get(at).is_some_and(|lookup| !lookup.answered) {
                self.answers = self.answers.saturating_add(1);
                let waiters = self.queue.take_waiters(at);
                self.answer(waiters, reply, alive, deliver);
            }
        }
        self.queue.pop();
    }

    fn answer(
        &mut self,
        waiters: Waiters,
        reply: &Reply,
        alive: Result<(), Failure>,
        deliver: &mut Deliver,
    ) {
        for (waiter, _) in waiters {
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
        let which = self.decoder.which();
        if self.queue.get(which).is_none_or(|lookup| lookup.waiters.is_empty()) {
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
        let sharing = match self.queue.sharing {
            Sharing::Asked if why == Failure::Protocol => Sharing::Refused,
            known => known,
        };
        // Whoever was in the trial has not asked for it.
        let trial = self.queue.trial();
        for (at, lookup) in self.queue.drain().into_iter().enumerate() {
            let has_begun = begun == Some(at) || lookup.answered;
            let answering = lookup.is_written() && has_begun && !trial.contains(&at);
            let retry = if answering { Retry::No } else { Retry::Fresh };
            for (waiter, _) in lookup.waiters {
                match waiter {
                    Waiter::Ticket(ticket) => deliver(ticket, why, retry),
                    Waiter::Probe => self.probe = Some(Err(why)),
                }
            }
        }
        self.queue.sharing = sharing;
    }

    /// Ends decoding; returns the place of the look-up that something had come of.
    fn close(&mut self) -> Option<usize> {
        if let State::Closed { begun } = self.state {
            return begun;
        }
        let begun = if self.decoder.is_midway() {
            Some(self.decoder.which())
        } else if self.inbox.bytes().is_empty() {
            None
        } else {
            // Undecoded bytes are those of the first reply, whatever follows it.
            let mut front = self.queue.front();
            front.find(|&at| self.queue.get(at).is_some_and(|lookup| !lookup.answered))
        };
        self.state = State::Closed { begun };
        self.inbox = Inbox::default();
        self.incoming = None;
        self.whole = None;
        begun
    }
}
