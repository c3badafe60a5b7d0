//! How a server does: its breaker, what the log says of it, and the probes while it is down.

use std::mem;

use ngx::ffi::*;
use ngx::ngx_log_error;
use page_cache::Failure;
use page_cache::breaker::Opened;

use super::{Alarm, Server};
use crate::connection::{Connection, Reason};
use crate::sys;

impl Server {
    /// The server failed: opens the breaker, or complains, at most one line an event.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn failed(this: *mut Self, reason: &Reason) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let now = sys::now();
            if !(*this).breaker.allows() {
                return;
            }
            match (*this).breaker.failed(reason.why, now) {
                Some(opened) => Self::is_down(this, opened, reason),
                None => (*this).complain(reason),
            }
        }
    }

    /// Replies come, but not in time: leaves the server alone if that goes on.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn late(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if let Some(opened) = (*this).breaker.late(sys::now()) {
                let text = Some("replies take longer than the time given".to_owned());
                Self::is_down(this, opened, &Reason { why: Failure::Timeout, text });
            }
        }
    }

    /// # Safety
    /// As `send`.
    unsafe fn is_down(this: *mut Self, opened: Opened, reason: &Reason) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            ngx_log_error!(
                NGX_LOG_ERR,
                sys::cycle_log(),
                "rust_page_cache: {} is down ({}{}), it is left alone until it is back",
                (*this).shown(),
                reason.why,
                detail(reason)
            );
            Self::set_alarm(this, opened.probe_at);
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

    /// # Safety
    /// As `send`.
    unsafe fn set_alarm(this: *mut Self, at: u64) {
        if sys::is_leaving() {
            return;
        }
        // SAFETY: the alarm was set up in `new`.
        unsafe {
            (*this).alarm.event.log = sys::cycle_log();
            sys::set_timer(&raw mut (*this).alarm.event, at);
        }
    }

    /// Sees whether the server is back.
    ///
    /// # Safety
    /// As `send`.
    unsafe fn probe(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if (*this).breaker.allows() || sys::is_leaving() {
                return;
            }
            let connection = match Self::open(this, (*this).connect_timeout, true) {
                Ok(connection) => connection,
                Err(_) => return Self::probe_failed(this),
            };
            let given = (*this).connect_timeout.saturating_add((*this).timeout);
            let deadline = sys::now().saturating_add(given);
            let key = mem::take(&mut (*this).last_key);
            let asked = Connection::probe(connection, &key, deadline);
            (*this).last_key = key;
            if let Err(why) = asked {
                Connection::close(connection, why.into());
            }
        }
    }

    /// The server is not back.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn probe_failed(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let at = (*this).breaker.probe_failed(sys::now());
            Self::set_alarm(this, at);
        }
    }

    /// The server is back.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn is_back(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if let Some(reopened) = (*this).breaker.probe_succeeded(sys::now()) {
                ngx_log_error!(
                    NGX_LOG_NOTICE,
                    sys::cycle_log(),
                    "rust_page_cache: {} is back after {} ms",
                    (*this).shown(),
                    reopened.down_for_ms
                );
            }
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
/// Called by nginx with the event of an [`Alarm`].
pub(super) unsafe extern "C" fn on_alarm(ev: *mut ngx_event_t) {
    // SAFETY: the event is the first field of an `Alarm`, which lives in its server.
    unsafe { Server::probe((*ev.cast::<Alarm>()).server) };
}
