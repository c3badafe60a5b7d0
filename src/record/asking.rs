//! A record's conversation with the stores: asks, answers, and what is tried once more.

use std::ptr::NonNull;
use std::rc::Rc;

use page_cache::held::{Full, Origin};
use page_cache::lookup::conversation::{Answer, Lookup, Plan, Step};
use page_cache::oversize::Form;
use page_cache::page::{Page, Refusal};
use page_cache::pipeline::{Limits, Reply, Retry, Value};
use page_cache::{Failure, Outcome};

use super::{Ask, Progress, Record};
use crate::MainConf;
use crate::bits;
use crate::peer::{Peer, Verdict};
use crate::server::{Request, Server};
use crate::set_header;
use crate::store;
use crate::sys;
use crate::view::Fields;

impl Record {
    /// Starts the look-up. The record may be decided when this returns.
    ///
    /// # Safety
    /// `this` must be live and fresh.
    pub unsafe fn look_up(this: NonNull<Self>, plan: Plan) {
        // SAFETY: the caller vouches for `this`; nothing else refers to it now.
        unsafe {
            let p = this.as_ptr();
            let conf = &*(*p).conf;
            let (r, values) = ((*p).r, &raw mut (*p).values);
            if r != (*r).main && matches!(plan, Plan::Django(_)) {
                if let Err(why) = set_header::settle(conf.set_headers(), r, values) {
                    return (*p).decide(why.into(), None);
                }
            }
            let Ok(mut memory) = conf.memory.try_borrow_mut() else {
                return (*p).decide(Failure::Memory.into(), None);
            };
            let fields = Fields::of(r, conf.set_headers(), values);
            let (lookup, step) = Lookup::start(plan, &mut memory, &fields, sys::now());
            drop(memory);
            (*p).lookup = Some(lookup);
            Self::follow(this, step);
        }
    }

    /// Does what the conversation wants next.
    ///
    /// # Safety
    /// `this` must be live, and no reference into it held.
    unsafe fn follow(this: NonNull<Self>, step: Step) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let p = this.as_ptr();
            let keys = match step {
                Step::Ask(keys) => keys,
                Step::Wait => return,
                Step::Done(result) => return (*p).conclude(result),
            };
            let Some(upstream) = (*p).site().map(|site| site.upstream) else {
                return (*p).decide(Failure::Down.into(), None);
            };
            let first = (*p).asks.len();
            for key in keys {
                if (*p).asks.try_reserve(1).is_err() {
                    return (*p).decide(Failure::Memory.into(), None);
                }
                // First, since a balancer may go by $rust_page_cache_key.
                let i = (*p).asks.len();
                (*p).shown = Some(i);
                (*p).asks.push(Ask { key, peer: None, ticket: None, server: None, retried: false });
                match Peer::new((*p).r, upstream) {
                    Ok(peer) => {
                        if let Some(ask) = (*p).ask_mut(i) {
                            ask.peer = Some(peer);
                        }
                    }
                    Err(why) => return (*p).decide(why.into(), None),
                }
            }
            let end = (*p).asks.len();
            for i in first..end {
                Self::ask(this, i, false);
                if (*p).progress != Progress::Looking {
                    return;
                }
            }
        }
    }

    fn ask_mut(&mut self, i: usize) -> Option<&mut Ask> {
        self.asks.get_mut(i)
    }

    /// Gives the server of the `i`th key back to the balancer.
    fn give_back(&mut self, i: usize, verdict: Verdict) {
        if let Some(peer) = self.asks.get_mut(i).and_then(|ask| ask.peer.as_mut()) {
            peer.give_back(verdict);
        }
    }

    /// The conversation is over.
    fn conclude(&mut self, result: Result<Page, Refusal>) {
        match result {
            Ok(page) => {
                let found = self.lookup.as_ref().and_then(Lookup::key_of_page);
                if let Some(ask) = found.and_then(|i| self.asks.get(i)) {
                    self.shown = found;
                    self.server.clone_from(&ask.server);
                }
                // What waited for it is part of it, or of no use any more.
                self.waiting.clear();
                let held = store::held().page(page, self.origin(found), self.max_memory());
                match held {
                    Ok(page) => self.decide(Outcome::Hit, Some(page)),
                    Err(full) => {
                        self.complain_of_full(full);
                        self.decide(Failure::from(full).into(), None);
                    }
                }
            }
            Err(refusal) => {
                if refusal == Refusal::Failure(Failure::TooLarge) {
                    let read = self.lookup.as_ref().and_then(Lookup::key_read);
                    self.remember_too_large(read, Form::DecodedBy(self.reader()));
                }
                self.explain(refusal);
                self.give_hint();
                self.decide(refusal.into(), None);
            }
        }
    }

    /// Whose the value of the `i`th key is.
    fn origin(&self, i: Option<usize>) -> Origin<'_> {
        let ask = i.and_then(|i| self.asks.get(i));
        let server = ask.and_then(|ask| ask.server.as_ref()).map_or(0, |server| server.id);
        let key = ask.map_or(&b""[..], |ask| ask.key.as_bytes());
        // SAFETY: a record's request is live.
        Origin { server, key, connection: unsafe { bits::connection_number(self.r) } }
    }

    /// `rust_page_cache_max_memory`
    fn max_memory(&self) -> usize {
        // SAFETY: a record's request is live.
        unsafe { (*MainConf::of(self.r)).max_memory() }
    }

    /// Who reads values as this request does: the number of its location.
    fn reader(&self) -> u64 {
        self.conf as usize as u64
    }

    /// Remembers that the value of the `i`th key is too large.
    fn remember_too_large(&self, i: Option<usize>, form: Form) {
        let Some(ask) = i.and_then(|i| self.asks.get(i)) else { return };
        let Some(server) = ask.server.as_ref().and_then(store::server_by) else { return };
        // SAFETY: configurations outlive requests, and the server is still known.
        unsafe { (*server).remember_too_large(ask.key.as_bytes(), form, (*self.conf).max_size) };
    }

    /// Asks a server for the `i`th key; the one that it was asked of before, on a fresh
    /// connection, if its peer is still held.
    ///
    /// # Safety
    /// `this` must be live.
    unsafe fn ask(this: NonNull<Self>, i: usize, fresh: bool) {
        // SAFETY: the caller vouches for `this`; no reference into it is held over a call.
        unsafe {
            let p = this.as_ptr();
            let Some(mut peer) = (*p).ask_mut(i).and_then(|ask| ask.peer.take()) else {
                return (*p).decide(Failure::Down.into(), None);
            };
            let result = Self::try_servers(this, i, fresh, &mut peer);
            match (*p).ask_mut(i) {
                Some(ask) => ask.peer = Some(peer),
                None => drop(peer),
            }
            if let Err(why) = result {
                (*p).decide(why.into(), None);
            }
        }
    }

    /// # Safety
    /// As `ask`; `peer` is that of the `i`th key.
    unsafe fn try_servers(
        this: NonNull<Self>,
        i: usize,
        fresh: bool,
        peer: &mut Peer,
    ) -> Result<(), Failure> {
        // SAFETY: the caller vouches for `this`. Sending may close a connection that fails at once,
        // but that one has no other look-ups, so no record is touched meanwhile.
        unsafe {
            let p = this.as_ptr();
            let conf = &*(*p).conf;
            let site = conf.site().ok_or(Failure::Down)?;
            let deadline = (*p).started.saturating_add(conf.timeout as u64);
            let mut why = Failure::Down;
            // What a server that is still held did to this look-up.
            let mut verdict_so_far = if fresh { Verdict::Failed } else { Verdict::Fine };
            loop {
                if !peer.is_held() {
                    peer.pick().map_err(|e| if e == Failure::Memory { e } else { why })?;
                    verdict_so_far = Verdict::Fine;
                }
                let server = store::server_of(peer, site.protocol, &site.handshake)?;
                (*p).server = Some((*server).mark().clone());
                let reader = (*p).reader();
                let ask = (*p).ask_mut(i).ok_or(Failure::Down)?;
                if Server::admits(server, ask.key.as_bytes()) {
                    ask.server = Some((*server).mark().clone());
                    if (*server).knows_too_large(ask.key.as_bytes(), reader, conf.max_size) {
                        return Err(Failure::TooLarge);
                    }
                    let request = Request {
                        key: ask.key.as_bytes(),
                        record: this,
                        ask: i,
                        limits: Limits { deadline, max_size: conf.max_size },
                        connect_timeout: conf.connect_timeout as u64,
                        timeout: conf.timeout as u64,
                        connections: conf.connections,
                        fresh,
                    };
                    match Server::send(server, &request) {
                        Ok(ticket) => {
                            ask.ticket = Some(ticket);
                            return Ok(());
                        }
                        Err(failure) => why = failure,
                    }
                    peer.give_back(verdict(why));
                } else {
                    peer.give_back(verdict_so_far);
                }
                if !peer.has_more() {
                    return Err(why);
                }
            }
        }
    }

    /// The store answered.
    ///
    /// # Safety
    /// `this` must be live, and no reference into it held.
    pub unsafe fn replied(this: NonNull<Self>, i: usize, reply: Reply) {
        // SAFETY: the caller vouches for `this`.
        let record = unsafe { &mut *this.as_ptr() };
        let Some(ask) = record.asks.get_mut(i) else { return };
        ask.ticket = None;
        let answer = match reply {
            Reply::Value(value) => match record.keep(i, value) {
                Ok(value) => Answer::Value(value),
                Err(full) => {
                    record.give_back(i, Verdict::Fine);
                    record.complain_of_full(full);
                    return record.decide(Failure::from(full).into(), None);
                }
            },
            Reply::Absent => Answer::Absent,
            Reply::Failed(why) => {
                if why == Failure::TooLarge {
                    record.remember_too_large(Some(i), Form::Stored);
                }
                record.give_back(i, verdict(why));
                record.complain(why);
                return record.decide(why.into(), None);
            }
        };
        record.give_back(i, Verdict::Fine);
        // SAFETY: configurations outlive requests; `r` is live. The look-up is taken out of the
        // record meanwhile, since variables of set_header may read the record.
        unsafe {
            let p = this.as_ptr();
            let conf = &*(*p).conf;
            let Some(mut lookup) = (*p).lookup.take() else { return };
            let Ok(mut memory) = conf.memory.try_borrow_mut() else {
                return (*p).decide(Failure::Memory.into(), None);
            };
            let fields = Fields::of((*p).r, conf.set_headers(), &raw mut (*p).values);
            let step = lookup.answer(i, answer, &mut memory, &fields, sys::now());
            drop(memory);
            (*p).lookup = Some(lookup);
            Self::follow(this, step);
        }
    }

    /// Holds the value of the `i`th key if others have to be waited for before it can be used.
    fn keep(&mut self, i: usize, value: Rc<Value>) -> Result<Rc<Value>, Full> {
        if self.asks.iter().all(|ask| ask.ticket.is_none()) {
            return Ok(value);
        }
        match store::held().value(&value, self.origin(Some(i)), self.max_memory())? {
            Some(held) => {
                let value = Rc::clone(held.value());
                self.waiting.push(held);
                Ok(value)
            }
            None => Ok(value),
        }
    }

    /// The connection broke before the store answered.
    ///
    /// # Safety
    /// As `replied`.
    pub unsafe fn lost(this: NonNull<Self>, i: usize, why: Failure, retry: Retry) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let record = &mut *this.as_ptr();
            let now = sys::now();
            let in_time = now < record.started.saturating_add((*record.conf).timeout as u64);
            let Some(ask) = record.asks.get_mut(i) else { return };
            ask.ticket = None;
            // A value too large for another request is no fault of the server.
            let fault = if why == Failure::TooLarge { Verdict::Fine } else { verdict(why) };
            let unreachable = matches!(why, Failure::Connect | Failure::Auth | Failure::Timeout);
            if unreachable {
                if let Some(peer) = &mut ask.peer {
                    peer.give_back(fault);
                }
            }
            // The same server once more, on a fresh connection; or as many others as the balancer
            // has and the time allows.
            let again = match unreachable {
                true => ask.peer.as_ref().is_some_and(Peer::has_more),
                false => !ask.retried,
            };
            if again && in_time && retry == Retry::Fresh {
                ask.retried = true;
                return Self::ask(this, i, true);
            }
            record.give_back(i, fault);
            // The connection that broke has been complained of already.
            let why = if why == Failure::TooLarge { Failure::Closed } else { why };
            record.decide(why.into(), None);
        }
    }
}

/// What a failure tells the balancer: faults of transport and timeouts, never of a value.
fn verdict(why: Failure) -> Verdict {
    match why {
        Failure::Connect | Failure::Timeout | Failure::Closed | Failure::Auth => Verdict::Failed,
        Failure::Protocol
        | Failure::Undecodable
        | Failure::TooLarge
        | Failure::Down
        | Failure::Memory => Verdict::Fine,
    }
}
