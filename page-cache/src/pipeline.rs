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
mod reading;
mod reply;
mod spares;

use std::collections::VecDeque;
use std::rc::Rc;

use crate::outcome::Failure;
use crate::wire::{Decoder, Protocol};
use inbox::Inbox;
use queue::{Lookup, Queue, Waiter};
use spares::Spares;

pub use crate::wire::Handshake;
pub use queue::Sharing;
pub use reply::{Fault, Limits, Reply, Retry, Ticket, Value};

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
    spares: Spares,
    /// Bytes received since the connection was made.
    received: u64,
    /// Complete replies, those that nobody waited for included.
    answers: u64,
    probe: Option<Result<(), Failure>>,
    server_error: Option<String>,
    /// The last error was about the server, not about one key.
    is_unwell: bool,
}

/// Those who waited on a connection that is of no use any more.
pub struct Lost {
    why: Failure,
    /// The place of the look-up that something had come of.
    begun: Option<usize>,
    lookups: VecDeque<Lookup>,
}

impl Lost {
    /// Whether all of them may try again.
    pub fn is_fresh(&self) -> bool {
        let begun = self.begun.and_then(|at| self.lookups.get(at));
        begun.is_none_or(|lookup| !lookup.is_written() || lookup.waiters.is_empty())
    }

    /// Answers them.
    pub fn deliver(self, deliver: &mut dyn FnMut(Ticket, Failure, Retry)) {
        for (at, lookup) in self.lookups.into_iter().enumerate() {
            let answering = lookup.is_written() && self.begun == Some(at);
            let retry = if answering { Retry::No } else { Retry::Fresh };
            for (waiter, _) in lookup.waiters {
                if let Waiter::Ticket(ticket) = waiter {
                    deliver(ticket, self.why, retry);
                }
            }
        }
    }
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
            spares: Spares::default(),
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
        self.is_open() && (1..queue::KEYS_PER_GET).contains(&self.queue.gathered())
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

    /// How many wait: no call delivers more answers than that.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// The keys that the next reply is for and that were not answered yet: of a server that is
    /// silent, those that may be to blame. Without memory there are none.
    pub fn stuck(&self) -> Vec<Vec<u8>> {
        self.queue.front_unanswered()
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
        self.end(why).deliver(deliver);
    }

    /// As [`Self::fail_all`], but they have their answer later.
    pub fn end(&mut self, why: Failure) -> Lost {
        let begun = self.close();
        // Whoever shares a command has asked for his key only: what the reply to all of them
        // comes to says nothing of it.
        let front = self.queue.front();
        let shared = if front.len() > 1 { front } else { 0..0 };
        let sharing = match (self.queue.sharing, why) {
            (Sharing::Asked | Sharing::Proven, Failure::Closed | Failure::Protocol)
                if !shared.is_empty() =>
            {
                Sharing::Asked
            }
            (Sharing::Asked, _) => Sharing::Unknown,
            (known, _) => known,
        };
        let begun = begun.filter(|at| !shared.contains(at));
        let lookups = self.queue.drain();
        if lookups.iter().any(|lookup| lookup.waits_to_probe()) {
            self.probe = Some(Err(why));
        }
        self.queue.sharing = sharing;
        Lost { why, begun, lookups }
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
