//! What was decided for a request, and how far its look-up has come.
//!
//! A record lives in the request's pool and outlives the module context, which nginx clears on
//! every internal redirect and named location. It is found again by its pool cleanup handler.

use std::mem;
use std::ptr::{self, NonNull};

use ngx::ffi::*;
use ngx::ngx_log_error;
use page_cache::key::CacheKey;
use page_cache::lookup::conversation::{Answer, Lookup, Plan, Step};
use page_cache::page::{Page, Refusal};
use page_cache::pipeline::{Limits, Reply, Retry, Ticket};
use page_cache::{Failure, Miss, Outcome};

use crate::conf::{LocConf, Site};
use crate::peer::{Peer, Verdict};
use crate::store::{self, Request, Server};
use crate::sys;
use crate::view::Fields;

/// How far a request has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The store has not answered yet.
    Looking,
    /// Decided, and not acted upon yet.
    Decided,
    /// Decided and acted upon: every later pass of the request declines.
    Spent,
}

/// One key that was asked for.
struct Ask {
    key: CacheKey,
    peer: Peer,
    ticket: Option<Ticket>,
    server: *mut Server,
    /// Asked again, after a connection broke under it.
    retried: bool,
}

/// The record of one request.
pub struct Record {
    r: *mut ngx_http_request_t,
    conf: *const LocConf,
    progress: Progress,
    outcome: Option<Outcome>,
    page: Option<Page>,
    /// The request waits in PRECONTENT for the event below.
    parked: bool,
    event: ngx_event_t,
    lookup: Option<Lookup>,
    asks: Vec<Ask>,
    key: Vec<u8>,
    store: Vec<u8>,
    /// Milliseconds of [`sys::now`].
    started: u64,
    finished: Option<u64>,
}

impl Record {
    /// A record for `r`, undecided. `None` when memory is short.
    ///
    /// # Safety
    /// `r` must be live, `conf` the configuration of its location.
    pub unsafe fn create(
        r: *mut ngx_http_request_t,
        conf: *const LocConf,
    ) -> Option<NonNull<Self>> {
        // SAFETY: `r` and `conf` are live; a zeroed event is what nginx starts from.
        unsafe {
            let cleanup = ngx_pool_cleanup_add((*r).pool, mem::size_of::<Self>());
            if cleanup.is_null() {
                return None;
            }
            let this = (*cleanup).data.cast::<Self>();
            this.write(Self {
                r,
                conf,
                progress: Progress::Looking,
                outcome: None,
                page: None,
                parked: false,
                event: mem::zeroed(),
                lookup: None,
                asks: Vec::new(),
                key: Vec::new(),
                store: Vec::new(),
                started: sys::now(),
                finished: None,
            });
            (*cleanup).handler = Some(drop_record);
            (*this).event.handler = Some(on_decided);
            (*this).event.data = this.cast();
            (*this).event.log = (*(*r).connection).log;
            let slot = (*r).ctx.add(crate::ctx_index());
            *slot = this.cast();
            NonNull::new(this)
        }
    }

    /// The record of `r`, if it has one.
    ///
    /// # Safety
    /// `r` must be live.
    pub unsafe fn find(r: *mut ngx_http_request_t) -> Option<*mut Self> {
        // SAFETY: our slot of the context is ours; `r` is live, and so is its pool.
        unsafe {
            let ctx = (*(*r).ctx.add(crate::ctx_index())).cast::<Self>();
            if !ctx.is_null() {
                return Some(ctx);
            }
            let ours: unsafe extern "C" fn(*mut std::ffi::c_void) = drop_record;
            let mut cleanup = (*(*r).pool).cleanup;
            while !cleanup.is_null() {
                if (*cleanup).handler.is_some_and(|h| ptr::fn_addr_eq(h, ours)) {
                    let record = (*cleanup).data.cast::<Self>();
                    if ptr::eq((*record).r, r) {
                        return Some(record);
                    }
                }
                cleanup = (*cleanup).next;
            }
            None
        }
    }

    /// The configuration that the request was decided by.
    pub fn conf(&self) -> *const LocConf {
        self.conf
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// What was decided.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The key that answered, else the last one asked for.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Printable address of the server asked.
    pub fn store(&self) -> &[u8] {
        &self.store
    }

    /// Milliseconds spent looking up; `None` if nothing was, or is not over.
    pub fn elapsed_ms(&self) -> Option<u64> {
        let asked = !matches!(self.outcome, Some(Outcome::Bypass(_)));
        self.finished.filter(|_| asked).map(|f| f.saturating_sub(self.started))
    }

    /// The page of a hit, to be served now.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_ref()
    }

    /// The decision has been acted upon.
    pub fn spend(&mut self) {
        self.progress = Progress::Spent;
    }

    /// The request waits (or no longer waits) for the event.
    pub fn set_parked(&mut self, parked: bool) {
        self.parked = parked;
    }

    /// Decides the request, and wakes it if it waits.
    pub fn decide(&mut self, outcome: Outcome, page: Option<Page>) {
        if self.progress != Progress::Looking {
            return;
        }
        self.outcome = Some(outcome);
        self.page = page;
        self.progress = Progress::Decided;
        self.finished = Some(sys::now());
        self.abandon();
        if self.parked {
            // SAFETY: the event lives in this record, which un-posts it when dropped.
            unsafe { ngx_post_event(&raw mut self.event, &raw mut ngx_posted_events) };
        }
    }

    /// Gives up whatever is still under way.
    fn abandon(&mut self) {
        for ask in self.asks.drain(..) {
            if let Some(ticket) = ask.ticket {
                store::cancel(ticket);
            }
            // Dropping the ask gives its server back to the balancer.
        }
        self.lookup = None;
    }

    /// The site's compiled directive.
    fn site(&self) -> Option<&Site> {
        // SAFETY: the configuration outlives its requests.
        unsafe { (*self.conf).site().map(|site| &**site) }
    }

    /// Starts the look-up. The record may be decided when this returns.
    ///
    /// # Safety
    /// `this` must be live and fresh.
    pub unsafe fn look_up(this: NonNull<Self>, plan: Plan) {
        // SAFETY: the caller vouches for `this`; nothing else refers to it now.
        unsafe {
            let record = &mut *this.as_ptr();
            let Some(site) = (*record.conf).site() else {
                return record.decide(Failure::Down.into(), None);
            };
            let fields = Fields::of(record.r);
            let now = sys::now();
            let (lookup, step) = Lookup::start(plan, &mut site.memory.borrow_mut(), &fields, now);
            record.lookup = Some(lookup);
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
            let record = &mut *this.as_ptr();
            let keys = match step {
                Step::Ask(keys) => keys,
                Step::Wait => return,
                Step::Done(result) => return record.conclude(result),
            };
            let Some(upstream) = record.site().map(|site| site.upstream) else {
                return record.decide(Failure::Down.into(), None);
            };
            let first = record.asks.len();
            for key in keys {
                record.key.clear();
                record.key.extend_from_slice(key.as_bytes());
                match Peer::new(record.r, upstream) {
                    Ok(peer) => {
                        let server = ptr::null_mut();
                        record.asks.push(Ask { key, peer, ticket: None, server, retried: false });
                    }
                    Err(why) => return record.decide(why.into(), None),
                }
            }
            let end = record.asks.len();
            for i in first..end {
                Self::ask(this, i, false);
                if (*this.as_ptr()).progress != Progress::Looking {
                    return;
                }
            }
        }
    }

    /// The conversation is over.
    fn conclude(&mut self, result: Result<Page, Refusal>) {
        match result {
            Ok(page) => {
                let lookup = self.lookup.as_ref();
                let ask = lookup.and_then(Lookup::key_of_page).and_then(|i| self.asks.get(i));
                if let Some(ask) = ask {
                    self.key.clear();
                    self.key.extend_from_slice(ask.key.as_bytes());
                    if !ask.server.is_null() {
                        self.store.clear();
                        // SAFETY: servers outlive requests.
                        self.store.extend_from_slice(unsafe { (*ask.server).name() });
                    }
                }
                self.decide(Outcome::Hit, Some(page));
            }
            Err(refusal) => {
                self.explain(refusal);
                self.decide(refusal.into(), None);
            }
        }
    }

    /// Asks a server for the `i`th key; the one that it was asked of before, on a fresh
    /// connection, if its peer is still held.
    ///
    /// # Safety
    /// `this` must be live.
    unsafe fn ask(this: NonNull<Self>, i: usize, fresh: bool) {
        // SAFETY: the caller vouches for `this`.
        let result = unsafe { Self::try_servers(this, i, fresh) };
        if let Err(why) = result {
            // SAFETY: as above.
            unsafe { (*this.as_ptr()).decide(why.into(), None) };
        }
    }

    /// # Safety
    /// As `ask`.
    unsafe fn try_servers(this: NonNull<Self>, i: usize, fresh: bool) -> Result<(), Failure> {
        // SAFETY: the caller vouches for `this`. Sending may close a connection that fails at once,
        // but that one has no other look-ups, so no record is touched meanwhile.
        unsafe {
            let record = &mut *this.as_ptr();
            let conf = &*record.conf;
            let site = conf.site().ok_or(Failure::Down)?;
            let deadline = record.started.saturating_add(conf.timeout as u64);
            let ask = record.asks.get_mut(i).ok_or(Failure::Down)?;
            let mut why = Failure::Down;
            loop {
                if !ask.peer.is_held() {
                    ask.peer.pick().map_err(|_| why)?;
                }
                let server = store::server_of(&ask.peer, site.protocol, &site.handshake)?;
                ask.server = server;
                record.store.clear();
                record.store.extend_from_slice(ask.peer.name());
                if (*server).is_up() {
                    if (*server).knows_too_large(ask.key.as_bytes(), conf.max_size) {
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
                    ask.peer.give_back(verdict(why));
                } else {
                    ask.peer.give_back(Verdict::Fine);
                }
                if !ask.peer.has_more() {
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
            Reply::Value(value) => Answer::Value(value),
            Reply::Absent => Answer::Absent,
            Reply::Failed(why) => {
                ask.peer.give_back(verdict(why));
                if why == Failure::TooLarge {
                    // SAFETY: configurations and servers outlive requests.
                    unsafe {
                        let limit = (*record.conf).max_size;
                        (*ask.server).remember_too_large(ask.key.as_bytes(), limit);
                    }
                }
                record.complain(why);
                return record.decide(why.into(), None);
            }
        };
        ask.peer.give_back(Verdict::Fine);
        // SAFETY: configurations outlive requests; `r` is live.
        unsafe {
            let fields = Fields::of(record.r);
            let Some(site) = (*record.conf).site() else { return };
            let Some(lookup) = record.lookup.as_mut() else { return };
            let now = sys::now();
            let step = lookup.answer(i, answer, &mut site.memory.borrow_mut(), &fields, now);
            Self::follow(this, step);
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
                ask.peer.give_back(fault);
            }
            // The same server once more, on a fresh connection; or as many others as the balancer
            // has and the time allows.
            let again = if unreachable { ask.peer.has_more() } else { !ask.retried };
            if again && in_time && retry == Retry::Fresh {
                ask.retried = true;
                return Self::ask(this, i, true);
            }
            ask.peer.give_back(fault);
            // The connection that broke has been complained of already.
            let why = if why == Failure::TooLarge { Failure::Closed } else { why };
            record.decide(why.into(), None);
        }
    }

    /// Logs what is wrong with the value of this key, if that is worth a line.
    fn explain(&self, refusal: Refusal) {
        match refusal {
            Refusal::Failure(why) => self.complain(why),
            Refusal::Miss(Miss::Pickled) if store::may_hint() => self.log(
                NGX_LOG_ERR,
                "holds a pickled object, which is not a body; if Django's cache middleware stores \
                 the pages, write format=django (said once)",
            ),
            Refusal::Miss(_) => {}
        }
    }

    fn complain(&self, why: Failure) {
        let what = match why {
            Failure::TooLarge => "is over rust_page_cache_max_size",
            Failure::Undecodable => return self.undecodable(),
            Failure::Timeout => "did not come within rust_page_cache_timeout",
            // The server's own breaker has the word.
            _ => return,
        };
        if let Some(more) = store::may_complain() {
            self.log(NGX_LOG_ERR, &format!("{what}{more}"));
        }
    }

    fn undecodable(&self) {
        let Some(more) = store::may_complain() else { return };
        let what = match self.lookup.as_ref().and_then(Lookup::error) {
            Some(error) => format!("cannot be decoded, {} at byte {}{more}", error.what, error.at),
            None => format!("cannot be decoded{more}"),
        };
        self.log(NGX_LOG_ERR, &what);
    }

    fn log(&self, level: u32, what: &str) {
        // SAFETY: a record's request is live.
        let log = unsafe { (*(*self.r).connection).log };
        ngx_log_error!(
            level,
            log,
            "rust_page_cache: the value of \"{}\" at {} {what}",
            self.key.escape_ascii(),
            self.store.escape_ascii()
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.abandon();
        if self.event.posted() != 0 {
            // SAFETY: the event is ours and posted.
            unsafe { ngx_delete_posted_event(&raw mut self.event) };
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

/// The pool cleanup handler; also the mark by which [`Record::find`] knows a record.
///
/// # Safety
/// Called by nginx, once, when the request's pool is destroyed.
unsafe extern "C" fn drop_record(data: *mut std::ffi::c_void) {
    // SAFETY: see above.
    unsafe { ptr::drop_in_place(data.cast::<Record>()) };
}

/// A parked request's look-up is decided: nginx runs its phases again.
///
/// # Safety
/// Called by nginx with the event of a live record.
unsafe extern "C" fn on_decided(ev: *mut ngx_event_t) {
    // SAFETY: dropping a record un-posts its event, so the record is live, and so is its request;
    // after the write handler neither may be, but the connection is.
    unsafe {
        let r = (*(*ev).data.cast::<Record>()).r;
        let c = (*r).connection;
        sys::set_log_request(r);
        // nginx may have replaced the handler: a terminated request has another one.
        if let Some(handler) = (*r).write_event_handler {
            handler(r);
        }
        ngx_http_run_posted_requests(c);
    }
}
