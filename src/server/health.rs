//! How a server does: its breaker, what the log says of it, and the probes while it is down.

use std::mem;
use std::ptr;

use ngx::ffi::*;
use ngx::ngx_log_error;
use page_cache::Failure;
use page_cache::breaker::{Next, Opened, Partly};

use super::Server;
use crate::connection::{Connection, Reason};
use crate::sys;
use crate::timer::Timer;

impl Server {
    /// The server failed: opens the breaker, or complains, at most one line an event. `stuck` are
    /// the keys that a silent connection owed an answer for first.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn failed(this: *mut Self, reason: &Reason, stuck: Vec<Vec<u8>>) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let was_up = (*this).breaker.allows();
            match (*this).breaker.failed(reason.why, stuck, sys::now()) {
                Some(Opened) => Self::is_down(this, reason),
                None if was_up => (*this).complain(reason),
                None => {}
            }
        }
    }

    /// A connection of before the server was left alone is silent as well.
    pub fn suspect(&mut self, stuck: Vec<Vec<u8>>) {
        self.breaker.suspect(stuck, sys::now());
    }

    /// Replies come, but not in time: leaves the server alone if that goes on.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn late(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if let Some(Opened) = (*this).breaker.late(sys::now()) {
                let text = Some("replies take longer than the time given".to_owned());
                Self::is_down(this, &Reason { why: Failure::Timeout, text });
            }
        }
    }

    /// # Safety
    /// As `send`.
    unsafe fn is_down(this: *mut Self, reason: &Reason) {
        // SAFETY: the caller vouches for `this`; its connections are open.
        unsafe {
            ngx_log_error!(
                NGX_LOG_ERR,
                sys::cycle_log(),
                "rust_page_cache: {} is down ({}{}), it is left alone until it is back",
                (*this).shown(),
                reason.why,
                detail(reason)
            );
            for &connection in &(*this).connections {
                (*connection).set_of_before();
            }
            // Whoever has just failed has wanted it.
            let key = mem::take(&mut (*this).last_key);
            (*this).breaker.admits(&key, sys::now());
            (*this).last_key = key;
            Self::wait_for_trial(this);
        }
    }

    /// Logs a failure that leaves the breaker closed, at most one a second.
    pub fn complain(&mut self, reason: &Reason) {
        let Some(suppressed) = self.complaints.allow(sys::now()) else { return };
        ngx_log_error!(
            NGX_LOG_ERR,
            sys::cycle_log(),
            "rust_page_cache: {} failed ({}{}){}",
            self.shown(),
            reason.why,
            detail(reason),
            more(suppressed)
        );
    }

    /// Sets the alarm for the next trial, if there is to be one.
    ///
    /// # Safety
    /// As `send`.
    pub(super) unsafe fn wait_for_trial(this: *mut Self) {
        // SAFETY: the caller vouches for `this`; the alarm was set up in `new`.
        unsafe {
            if let Some(at) = (*this).breaker.trial_due(sys::now()) {
                if (*this).alarm.at().is_none_or(|set| at < set) {
                    Timer::set(&raw mut (*this).alarm, at);
                }
            }
        }
    }

    /// Sees whether the server is back, if that is due.
    ///
    /// # Safety
    /// As `send`.
    unsafe fn try_again(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if sys::is_leaving() {
                return;
            }
            match (*this).breaker.next_trial(sys::now()) {
                Next::Try => {}
                Next::At(at) => return Timer::set(&raw mut (*this).alarm, at),
                Next::Nothing => return,
            }
            if (*this).prober.is_null() {
                match Self::open(this, (*this).connect_timeout, true) {
                    Ok(connection) => (*this).prober = connection,
                    Err(_) => return Self::trial_failed(this, false),
                }
            }
            Connection::begin_trial((*this).prober);
        }
    }

    /// The key of the trial under way, and how long its answer may take, in milliseconds.
    pub fn trial(&self) -> (&[u8], u64) {
        (self.breaker.trial_key(), self.breaker.patience(self.timeout))
    }

    /// The trial failed, if there was one: `is_of_key` if the server had let us in, and did not
    /// close the connection.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn trial_failed(this: *mut Self, is_of_key: bool) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if let Some(Partly) = (*this).breaker.trial_failed(is_of_key, sys::now()) {
                ngx_log_error!(
                    NGX_LOG_ERR,
                    sys::cycle_log(),
                    "rust_page_cache: {} answers for some keys and is silent about others, which \
                     are left alone until it is back",
                    (*this).shown()
                );
            }
            Self::wait_for_trial(this);
        }
    }

    /// The trial was answered, if there was one.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn trial_answered(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if let Some(reopened) = (*this).breaker.trial_answered(sys::now()) {
                ngx_log_error!(
                    NGX_LOG_NOTICE,
                    sys::cycle_log(),
                    "rust_page_cache: {} is back after {} ms",
                    (*this).shown(),
                    reopened.down_for_ms
                );
                let prober = mem::replace(&mut (*this).prober, ptr::null_mut());
                let has_others = (*this).connections.iter().any(|&c| (*c).is_usable());
                // Where there are others it is not needed any more, and goes.
                if let Some(prober) = prober.as_mut().filter(|_| !has_others) {
                    prober.set_for_all();
                }
            }
            Self::wait_for_trial(this);
        }
    }
}

fn detail(reason: &Reason) -> String {
    reason.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
}

/// How many lines were not written, if any.
pub fn more(suppressed: u64) -> String {
    match suppressed {
        0 => String::new(),
        n => format!(", and {n} more like this"),
    }
}

/// # Safety
/// Called by nginx with the event of a server's alarm.
pub(super) unsafe extern "C" fn on_alarm(ev: *mut ngx_event_t) {
    // SAFETY: the alarm lives in its server.
    unsafe { Server::try_again(Timer::owner(ev)) };
}
