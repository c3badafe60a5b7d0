//! What is made of received bytes: values, and answers to those who wait.

use std::rc::Rc;

use super::queue::{Waiter, Waiters};
use super::{Deliver, Fault, Pipeline, Reply, State};
use crate::outcome::Failure;
use crate::wire::{Asked, Event, Head, Scope, Violation};

/// A value over the limit is read to its end, to keep the connection, if no more
/// than this is left of it, in bytes.
const DRAINED: u64 = 1024 * 1024;

impl Pipeline {
    /// Reads one reply to AUTH or SELECT; `false` if it is not complete.
    pub(super) fn let_in(&mut self) -> Result<bool, Fault> {
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
    pub(super) fn decode(&mut self, deliver: &mut Deliver) -> Result<bool, Fault> {
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
                // An error in place of the reply to several keys would be one for all of them. Each
                // is asked for anew, by a command of its own.
                if scope == Scope::Connection || is_one_of_many {
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
            Some(len) => match self.spares.room_for(flags, len) {
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

    /// Answers all who wait for the value that is whole, if there is one.
    fn deliver_whole(&mut self, deliver: &mut Deliver) {
        let Some((which, value)) = self.whole.take() else { return };
        self.answers = self.answers.saturating_add(1);
        let waiters = self.queue.take_waiters(which);
        // Without a value nobody waits any more, and the reply goes nowhere.
        let Some(value) = value else { return };
        self.answer(waiters, &Reply::Value(Rc::clone(&value)), Ok(()), deliver);
        self.spares.keep(value);
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
}
