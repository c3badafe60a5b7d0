//! What was decided for a request, and how far its look-up has come.
//!
//! A record lives in the request's pool and outlives the module context, which nginx clears on
//! every internal redirect and named location. It is found again by its pool cleanup handler.

mod asking;

use std::mem;
use std::ptr::{self, NonNull};

use ngx::ffi::*;
use ngx::ngx_log_error;
use page_cache::held::{Full, HeldPage, HeldValue};
use page_cache::key::CacheKey;
use page_cache::lookup::conversation::Lookup;
use page_cache::page::{Page, Refusal};
use page_cache::pipeline::Ticket;
use page_cache::{Failure, Miss, Outcome};
use smallvec::SmallVec;

use crate::conf::LocConf;
use crate::peer::Peer;
use crate::server::Mark;
use crate::set_header::Values;
use crate::site::Site;
use crate::store::{self, Hint};
use crate::sys;

/// How far a request has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The store has not answered yet.
    Looking,
    /// Decided, and not acted upon yet.
    Decided,
    /// Decided and acted upon: no later pass of the request looks anything up.
    Spent,
}

/// One key that was asked for. It stays for the variables when all is over.
struct Ask {
    key: CacheKey,
    /// Absent while it is picking: balancing methods evaluate variables, which read the record;
    /// and when it is over.
    peer: Option<Peer>,
    ticket: Option<Ticket>,
    /// The server that it was asked of.
    server: Option<Mark>,
    /// Asked again, after a connection broke under it.
    retried: bool,
}

/// The record of one request.
pub struct Record {
    r: *mut ngx_http_request_t,
    conf: *const LocConf,
    progress: Progress,
    outcome: Option<Outcome>,
    page: Option<HeldPage>,
    /// Values that wait for the answers to other keys.
    waiting: SmallVec<[HeldValue; 1]>,
    /// The request waits in PRECONTENT for the event below.
    parked: bool,
    event: ngx_event_t,
    lookup: Option<Lookup>,
    /// Of `rust_page_cache_set_header`.
    values: Values,
    asks: SmallVec<[Ask; 2]>,
    /// Which of the keys is shown: the one that answered, else the last one asked for.
    shown: Option<usize>,
    /// The server asked last, or that answered.
    server: Option<Mark>,
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
                waiting: SmallVec::new(),
                parked: false,
                event: mem::zeroed(),
                lookup: None,
                values: Values::default(),
                asks: SmallVec::new(),
                shown: None,
                server: None,
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
        let shown = self.shown.and_then(|shown| self.asks.get(shown));
        shown.map_or(b"", |ask| ask.key.as_bytes())
    }

    /// Printable address of the server asked.
    pub fn store(&self) -> &[u8] {
        self.server.as_ref().map_or(b"", |server| &server.name)
    }

    /// Milliseconds spent looking up; `None` if nothing was, or is not over.
    pub fn elapsed_ms(&self) -> Option<u64> {
        let asked = !matches!(self.outcome, Some(Outcome::Bypass(_)));
        self.finished.filter(|_| asked).map(|f| f.saturating_sub(self.started))
    }

    /// The page of a hit, to be served now.
    pub fn page(&self) -> Option<&Page> {
        self.page.as_deref()
    }

    /// The decision has been acted upon.
    pub fn spend(&mut self) {
        self.progress = Progress::Spent;
        self.unpost();
    }

    /// The page was found but memory is too short to send it.
    pub fn cannot_be_served(&mut self) {
        self.outcome = Some(Failure::Memory.into());
        self.page = None;
    }

    /// No event for what is settled.
    fn unpost(&mut self) {
        if self.event.posted() != 0 {
            // SAFETY: the event is ours and posted.
            unsafe { ngx_delete_posted_event(&raw mut self.event) };
        }
    }

    /// The request waits (or no longer waits) for the event.
    pub fn set_parked(&mut self, parked: bool) {
        self.parked = parked;
    }

    /// Decides the request, and wakes it if it waits.
    pub fn decide(&mut self, outcome: Outcome, page: Option<HeldPage>) {
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
    pub fn abandon(&mut self) {
        for ask in &mut self.asks {
            if let Some(ticket) = ask.ticket.take() {
                store::cancel(ticket);
            }
            // This gives its server back to the balancer.
            ask.peer = None;
        }
        self.lookup = None;
        self.waiting.clear();
    }

    /// The site's compiled directive.
    fn site(&self) -> Option<&Site> {
        // SAFETY: the configuration outlives its requests.
        unsafe { (*self.conf).site().map(|site| &**site) }
    }

    /// Logs what is wrong with the value of this key, if that is worth a line.
    fn explain(&self, refusal: Refusal) {
        match refusal {
            Refusal::Failure(why) => self.complain(why),
            Refusal::Miss(Miss::Pickled) if store::may_hint(Hint::Pickled) => self.log(
                NGX_LOG_ERR,
                "holds a pickled object, which is not a body; if Django's cache middleware stores \
                 the pages, write format=django (said once)",
            ),
            Refusal::Miss(Miss::Flags) if store::may_hint(Hint::Flags) => {
                let hint = self.lookup.as_ref().and_then(Lookup::flags_hint).unwrap_or_default();
                self.log(NGX_LOG_ERR, &format!("has memcached flags {hint} (said once)"));
            }
            Refusal::Miss(_) => {}
        }
    }

    /// Logs what would make a page of this miss, once in a while.
    fn give_hint(&self) {
        let Some(hint) = self.lookup.as_ref().and_then(Lookup::hint) else { return };
        // SAFETY: the configuration outlives its requests, and a record's request is live.
        let (conf, log) = unsafe { (&*self.conf, (*(*self.r).connection).log) };
        let may = conf.memory.try_borrow_mut().is_ok_and(|mut m| m.may_say(hint, sys::now()));
        if !may {
            return;
        }
        let place = conf.site().map(|site| site.place.describe()).unwrap_or_default();
        // The first thing that is asked for.
        let Some(list) = self.asks.first() else { return };
        let store = list.server.as_ref().map_or(&b""[..], |server| &server.name);
        ngx_log_error!(
            NGX_LOG_ERR,
            log,
            "rust_page_cache: {hint} (directive in {place}, header list \"{}\" at {}; a worker says \
             this once for a location)",
            list.key.as_bytes().escape_ascii(),
            store.escape_ascii()
        );
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

    /// Logs that there is no room for the page of this key.
    fn complain_of_full(&self, full: Full) {
        let Some(more) = store::may_complain_of_full() else { return };
        self.log(
            NGX_LOG_ERR,
            &format!(
                "takes {} bytes and is not held for the client: {} are held in all, {} of them for \
                 this connection, and \"rust_page_cache_max_memory\" does not allow more{more}",
                full.wanted, full.in_all, full.by_connection
            ),
        );
    }

    fn undecodable(&self) {
        let Some(more) = store::may_complain() else { return };
        let what = match self.lookup.as_ref().and_then(Lookup::error) {
            Some(error) => format!("cannot be decoded, {error}{more}"),
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
            self.key().escape_ascii(),
            self.store().escape_ascii()
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.abandon();
        self.unpost();
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
