//! One socket to a store, driven by a [`Pipeline`]: connect, hand shake, flush once per turn of
//! the event loop, read, time out, close.
//!
//! Callbacks of nginx come here with raw pointers. No reference into a connection, a server or a
//! record is held while replies are handed out, since a reply may start the next look-up.

mod events;
mod keepalive;
mod traffic;

use std::mem;
use std::ptr;

use ngx::ffi::*;
use ngx::ngx_log_debug_mask;
use page_cache::Failure;
use page_cache::pipeline::{Fault, Limits, Pipeline, Retry, Sharing, Ticket};

use crate::server::Server;
use crate::store;
use crate::sys::{self, code};

/// A connection of this worker to one server.
pub struct Connection {
    c: *mut ngx_connection_t,
    server: *mut Server,
    pipeline: Pipeline,
    /// The socket is connected (not yet: let in).
    connected: bool,
    /// Until when it must be open, in milliseconds of [`sys::now`].
    open_by: u64,
    /// For trials only, while the server is left alone.
    is_probe: bool,
    /// It is to be asked for the key of a trial as soon as it is open.
    awaits_trial: bool,
    /// It was there when the server was left alone: what it still owes may never come.
    is_of_before: bool,
    /// Since when nothing is in flight, in milliseconds of [`sys::now`].
    idle_since: u64,
    /// When the timer is due, in milliseconds of [`sys::now`]: nginx forgets it when it fires.
    armed_for: u64,
    /// Since when no byte has come although some are due, in milliseconds of [`sys::now`].
    quiet_since: u64,
    /// Since when no reply has become complete although some are due.
    owing_since: u64,
    /// Posted when there is something to write at the end of this turn.
    flush: ngx_event_t,
}

/// Why a connection is closed, for the breaker and the log.
pub struct Reason {
    /// What to fail its look-ups with.
    pub why: Failure,
    /// More words for the log.
    pub text: Option<String>,
}

impl Reason {
    fn new(why: Failure, text: &str) -> Self {
        Self { why, text: Some(text.to_owned()) }
    }
}

impl From<Failure> for Reason {
    fn from(why: Failure) -> Self {
        Self { why, text: None }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self { why: fault.why, text: fault.text }
    }
}

impl Connection {
    /// Starts to connect to `server`; it must be open `connect_timeout` milliseconds from now.
    ///
    /// # Safety
    /// `server` must outlive the connection.
    pub unsafe fn open(
        server: *mut Server,
        connect_timeout: u64,
        is_probe: bool,
    ) -> Result<*mut Self, Reason> {
        // SAFETY: the caller vouches for `server`; a zeroed peer connection is what nginx's own
        // callers start from; the quiet log is only used within the call.
        unsafe {
            let mut quiet = ptr::read(sys::cycle_log());
            // connect() failures are ours to report: once, not per attempt.
            quiet.log_level = NGX_LOG_ALERT as ngx_uint_t;
            let mut name = sys::str_of((*server).name());
            let mut pc: ngx_peer_connection_t = mem::zeroed();
            pc.sockaddr = (*server).sockaddr();
            pc.socklen = (*server).socklen();
            pc.name = &raw mut name;
            pc.get = Some(ngx_event_get_peer);
            pc.log = &raw mut quiet;
            pc.set_log_error(ngx_connection_log_error_e_NGX_ERROR_INFO);
            let result = ngx_event_connect_peer(&raw mut pc);
            if result == code::DECLINED {
                let err = std::io::Error::from_raw_os_error(ngx_socket_errno());
                return Err(Reason::new(Failure::Connect, &err.to_string()));
            }
            let c = pc.connection;
            if (result != code::OK && result != code::AGAIN) || c.is_null() {
                let text = "no free connection or socket, see worker_connections";
                return Err(Reason::new(Failure::Memory, text));
            }
            keepalive::set((*c).fd, (*server).sockaddr());
            let log = sys::cycle_log();
            let this = Box::into_raw(Box::new(Self {
                c,
                server,
                pipeline: (*server).new_pipeline(),
                connected: false,
                open_by: sys::now().saturating_add(connect_timeout),
                is_probe,
                awaits_trial: false,
                is_of_before: false,
                idle_since: sys::now(),
                armed_for: 0,
                quiet_since: sys::now(),
                owing_since: sys::now(),
                flush: mem::zeroed(),
            }));
            (*this).flush.handler = Some(events::on_flush);
            (*this).flush.data = this.cast();
            (*this).flush.log = log;
            (*c).data = this.cast();
            (*c).log = log;
            (*(*c).read).log = log;
            (*(*c).write).log = log;
            (*(*c).read).handler = Some(events::on_read);
            (*(*c).write).handler = Some(events::on_write);
            if result == code::OK {
                Self::connected(this);
            }
            Self::arm(this);
            Ok(this)
        }
    }

    /// Look-ups that wait for their reply.
    pub fn in_flight(&self) -> usize {
        self.pipeline.in_flight()
    }

    /// Whether requests may use it: it is not for trials, and what it owes is not in doubt.
    pub fn is_usable(&self) -> bool {
        let is_in_doubt = self.is_of_before && self.pipeline.in_flight() > 0;
        !self.is_probe && !is_in_doubt
    }

    /// The server is left alone from now on.
    pub fn set_of_before(&mut self) {
        self.is_of_before = true;
    }

    /// The trial was well, and requests may use it.
    pub fn set_for_all(&mut self) {
        self.is_probe = false;
    }

    /// Since when nothing is in flight over it; `None` if something is, or it is not open yet.
    pub fn idle_since(&self) -> Option<u64> {
        let is_idle = self.connected && self.pipeline.is_open() && self.pipeline.in_flight() == 0;
        is_idle.then_some(self.idle_since)
    }

    /// Whether several look-ups may share a command from now on.
    pub fn set_sharing(&mut self, sharing: Sharing) {
        self.pipeline.set_sharing(sharing);
    }

    /// Look-ups wait to be written at the end of this turn, and more are welcome.
    pub fn is_gathering(&self) -> bool {
        // SAFETY: the socket is open as long as the connection is.
        let takes_bytes = unsafe { (*(*self.c).write).ready() != 0 };
        self.connected && takes_bytes && self.pipeline.is_gathering()
    }

    /// Adds a look-up; it is written at the end of this turn of the event loop.
    ///
    /// # Safety
    /// `this` must be open (not closed).
    pub unsafe fn enqueue(
        this: *mut Self,
        key: &[u8],
        ticket: Ticket,
        limits: Limits,
    ) -> Result<(), Failure> {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if (*this).pipeline.in_flight() == 0 {
                Self::forgive(this);
                (*this).is_of_before = false;
            }
            (*this).pipeline.enqueue(key, ticket, limits)?;
            Self::is_busy(this);
        }
        Ok(())
    }

    /// Asks for the key of a trial, only to see whether the server answers, as soon as the
    /// connection is open.
    ///
    /// # Safety
    /// As `enqueue`; `this` may be closed afterwards.
    pub unsafe fn begin_trial(this: *mut Self) {
        // SAFETY: the caller vouches for `this`; the server outlives it.
        unsafe {
            (*this).awaits_trial = !((*this).connected && (*this).pipeline.is_open());
            if (*this).awaits_trial {
                return;
            }
            let (key, patience) = (*(*this).server).trial();
            let deadline = sys::now().saturating_add(patience);
            match (*this).pipeline.probe(key, deadline) {
                Ok(()) => Self::is_busy(this),
                Err(why) => Self::close(this, why.into()),
            }
        }
    }

    /// The server has been silent for no longer than from now on.
    ///
    /// # Safety
    /// As `enqueue`.
    unsafe fn forgive(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            (*this).quiet_since = sys::now();
            (*this).owing_since = sys::now();
        }
    }

    /// Something is in flight: not to be closed by nginx, to be flushed, to be timed.
    ///
    /// # Safety
    /// As `enqueue`.
    unsafe fn is_busy(this: *mut Self) {
        // SAFETY: the caller vouches for `this`; `c` is live as long as `this` is.
        unsafe {
            let c = (*this).c;
            if (*c).idle() != 0 {
                (*c).set_idle(0);
                ngx_reusable_connection(c, 0);
            }
            if (*this).connected {
                ngx_post_event(&raw mut (*this).flush, &raw mut ngx_posted_events);
            }
            Self::arm(this);
        }
    }

    /// Sets the timer to the earliest deadline; a timer that fires early re-arms itself.
    ///
    /// # Safety
    /// As `enqueue`.
    unsafe fn arm(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let next = if (*this).pipeline.is_open() && (*this).connected {
                (*this).pipeline.next_deadline()
            } else {
                Some(
                    (*this)
                        .pipeline
                        .next_deadline()
                        .map_or((*this).open_by, |d| d.min((*this).open_by)),
                )
            };
            let Some(next) = next else { return };
            let ev = (*(*this).c).read;
            if (*ev).timer_set() == 0 || ((*ev).timer.key as u64) > next {
                (*this).armed_for = next;
                sys::set_timer(ev, next);
            }
        }
    }

    /// The socket is connected.
    ///
    /// # Safety
    /// As `enqueue`.
    unsafe fn connected(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            (*this).connected = true;
            let c = (*this).c;
            if c.as_ref().is_some_and(|c| c.tcp_nodelay() == 0) {
                // Look-ups are small and must not wait for each other; a failure costs only time.
                ngx_tcp_nodelay(c);
            }
            ngx_post_event(&raw mut (*this).flush, &raw mut ngx_posted_events);
        }
    }

    /// Closes the connection, reports to the breaker, and fails or retries what was in flight.
    /// `this` is gone afterwards.
    ///
    /// # Safety
    /// `this` must have come from `open` and not be closed yet.
    pub unsafe fn close(this: *mut Self, reason: Reason) {
        // SAFETY: as the caller's.
        unsafe { Self::end(this, reason, true) };
    }

    /// Closes without blaming the server: the worker leaves, or nginx wants the slot of an idle
    /// connection.
    ///
    /// # Safety
    /// As `close`.
    pub unsafe fn retire(this: *mut Self) {
        // SAFETY: as the caller's.
        unsafe { Self::end(this, Failure::Closed.into(), false) };
    }

    /// # Safety
    /// As `close`.
    unsafe fn end(this: *mut Self, reason: Reason, is_fault: bool) {
        // SAFETY: `this` was made by Box::into_raw in `open`; it leaves the server's list first, so
        // nobody can find it any more.
        let mut own = unsafe { Box::from_raw(this) };
        let server = own.server;
        let was_idle = own.pipeline.in_flight() == 0;
        let was_let_in = own.connected && own.pipeline.is_open();
        let is_of_key = was_let_in && matches!(reason.why, Failure::Timeout | Failure::Protocol);
        let is_silent = is_of_key && reason.why == Failure::Timeout;
        let stuck = if is_silent { own.pipeline.stuck() } else { Vec::new() };
        let lost = own.pipeline.end(reason.why);
        // An idle connection that the server closes, or one on which a look-up crossed the
        // server's close, is no fault of the server: what was asked is asked again.
        let is_stale = was_idle || (own.pipeline.has_answered() && lost.is_fresh());
        // SAFETY: `c` and the events are live until here; the server outlives its connections.
        unsafe {
            (*server).forget(this);
            let was_prober = (*server).was_prober(this);
            (*server).learn(own.pipeline.sharing());
            own.shut();
            ngx_log_debug_mask!(
                DebugMask::Event,
                sys::cycle_log(),
                "rust_page_cache: connection to {} closed: {}",
                (*server).shown(),
                reason.why
            );
            if was_prober && own.pipeline.probe_answered() {
                // The key it was probed with holds a value too large to be drained.
                Server::trial_answered(server);
            } else if was_prober {
                Server::trial_failed(server, is_of_key);
            } else if own.is_probe {
                // It was of no use any more.
            } else if own.is_of_before {
                (*server).suspect(stuck);
            } else if is_fault && !(is_stale && reason.why == Failure::Closed) {
                Server::failed(server, &reason, stuck);
            }
            drop(own);
            lost.deliver(&mut |ticket, why, retry| {
                // A worker that nginx is emptying (worker_shutdown_timeout) opens nothing new.
                let retry = if is_fault { retry } else { Retry::No };
                store::connection_failed(ticket, why, retry);
            });
        }
    }

    /// Closes the socket and unhooks its events.
    fn shut(&mut self) {
        // SAFETY: the flush event is ours; `c` is live and closed once.
        unsafe {
            if self.flush.posted() != 0 {
                ngx_delete_posted_event(&raw mut self.flush);
            }
            let c = mem::replace(&mut self.c, ptr::null_mut());
            if !c.is_null() {
                ngx_close_connection(c);
            }
        }
    }
}
