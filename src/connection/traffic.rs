//! What moves over a connection: writing, reading, handing out, and what comes of silence.

use ngx::ffi::*;
use page_cache::Failure;
use page_cache::pipeline::{Reply, Retry, Ticket};

use super::{Connection, Reason};
use crate::server::Server;
use crate::store;
use crate::sys::{self, code};

/// How often a socket is read before others get their turn: what was read is sent while it is
/// still in the processor's cache (a megabyte at a time took 10 % longer with 1,024 clients).
const READS_PER_TURN: usize = 4;

impl Connection {
    /// Writes what there is to write. `false`: the connection was closed.
    ///
    /// # Safety
    /// As `enqueue`.
    pub(super) unsafe fn write(this: *mut Self) -> bool {
        // SAFETY: the caller vouches for `this`; `outgoing` stays in place until `wrote`.
        unsafe {
            let c = (*this).c;
            let wev = (*c).write;
            while (*this).connected && (*wev).ready() != 0 {
                let out = (*this).pipeline.outgoing();
                let (data, len) = (out.as_ptr(), out.len());
                if len == 0 {
                    break;
                }
                let Some(send) = (*c).send else { break };
                let n = send(c, data.cast_mut(), len);
                if n == code::AGAIN {
                    break;
                }
                let Ok(n) = usize::try_from(n) else {
                    Self::close(this, Reason::new(Failure::Closed, "send() failed"));
                    return false;
                };
                (*this).pipeline.wrote(n);
            }
            if ngx_handle_write_event(wev, 0) != code::OK {
                Self::close(this, Failure::Memory.into());
                return false;
            }
        }
        true
    }

    /// Reads and hands out what has come. `false`: the connection was closed.
    ///
    /// # Safety
    /// As `enqueue`.
    pub(super) unsafe fn read(this: *mut Self) -> bool {
        // SAFETY: the caller vouches for `this`; handing out replies may add look-ups to it but
        // closes nothing but what it opens itself.
        unsafe {
            let c = (*this).c;
            let rev = (*c).read;
            let mut replies = store::take_scratch();
            for _ in 0..READS_PER_TURN {
                let (space, len) = match (*this).pipeline.read_space() {
                    Ok(space) => (space.as_mut_ptr(), space.len()),
                    Err(why) => {
                        Self::close(this, why.into());
                        return false;
                    }
                };
                let Some(recv) = (*c).recv else { break };
                let n = recv(c, space, len);
                if n == code::AGAIN {
                    break;
                }
                let n = match usize::try_from(n) {
                    Ok(n) if n > 0 => n,
                    closed => {
                        let text =
                            if closed.is_ok() { "the server closed it" } else { "recv() failed" };
                        Self::close(this, Reason::new(Failure::Closed, text));
                        return false;
                    }
                };
                if replies.try_reserve((*this).pipeline.waiting()).is_err() {
                    Self::close(this, Failure::Memory.into());
                    return false;
                }
                let answers = (*this).pipeline.answers();
                let result = (*this).pipeline.received(n, &mut |t, r| replies.push((t, r)));
                (*this).quiet_since = sys::now();
                if (*this).pipeline.answers() > answers {
                    (*this).owing_since = sys::now();
                }
                if result.is_err() {
                    // Whoever asks again when he gets his reply must not ask here.
                    (*(*this).server).forget(this);
                }
                Self::hand_out(this, &mut replies);
                if let Err(fault) = result {
                    Self::close(this, fault.into());
                    return false;
                }
                if (*rev).ready() == 0 {
                    break;
                }
            }
            store::return_scratch(replies);
            if (*rev).ready() != 0 {
                ngx_post_event(rev, &raw mut ngx_posted_next_events);
            }
            if ngx_handle_read_event(rev, 0) != code::OK {
                Self::close(this, Failure::Memory.into());
                return false;
            }
        }
        true
    }

    /// Gives replies to those who wait for them, and tells the server's breaker.
    ///
    /// # Safety
    /// As `enqueue`.
    pub(super) unsafe fn hand_out(this: *mut Self, replies: &mut Vec<(Ticket, Reply)>) {
        // SAFETY: the caller vouches for `this`; the server outlives it.
        unsafe {
            let server = (*this).server;
            let mut said: Option<Failure> = None;
            for (ticket, reply) in replies.drain(..) {
                match &reply {
                    Reply::Value(_) | Reply::Absent => (*server).succeeded(),
                    Reply::Failed(why) => said = Some(*why),
                }
                store::reply(ticket, reply);
            }
            let Some(why) = said else { return };
            let reason = Reason { why, text: (*this).pipeline.server_error().map(str::to_owned) };
            match why {
                // The server answers, but cannot serve: LOADING, SERVER_ERROR.
                Failure::Protocol if (*this).pipeline.is_unwell() => {
                    Server::failed(server, &reason, Vec::new());
                }
                // It says something of one key; whoever asked for it complains.
                Failure::TooLarge | Failure::Undecodable | Failure::Timeout => {}
                _ => (*server).complain(&reason),
            }
        }
    }

    /// After every event: probes, flush, timers, idleness. `this` may be gone afterwards.
    ///
    /// # Safety
    /// As `enqueue`.
    pub(super) unsafe fn settle(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if (*this).awaits_trial && (*this).pipeline.is_open() {
                return Self::begin_trial(this);
            }
            if (*this).is_probe {
                match (*this).pipeline.probe_outcome() {
                    Some(Ok(())) => {
                        let server = (*this).server;
                        Server::trial_answered(server);
                        // The server is back, and has other connections.
                        if (*this).is_probe && !(*server).is_prober(this) {
                            return Self::retire(this);
                        }
                    }
                    Some(Err(why)) => return Self::close(this, why.into()),
                    None => {}
                }
            }
            if (*this).pipeline.has_outgoing() && (*this).connected {
                ngx_post_event(&raw mut (*this).flush, &raw mut ngx_posted_events);
            }
            let may_rest = (*this).connected && (*this).pipeline.is_open();
            if may_rest && (*this).pipeline.in_flight() == 0 {
                if sys::is_leaving() {
                    return Self::retire(this);
                }
                let c = (*this).c;
                if (*c).idle() == 0 {
                    (*this).idle_since = sys::now();
                    (*c).set_idle(1);
                    ngx_reusable_connection(c, 1);
                }
            }
            Self::arm(this);
        }
    }

    /// A deadline has come. `false`: the connection was closed.
    ///
    /// # Safety
    /// As `enqueue`.
    pub(super) unsafe fn expire(this: *mut Self) -> bool {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let now = sys::now();
            let is_open = (*this).connected && (*this).pipeline.is_open();
            let mut replies: Vec<(Ticket, Reply)> = Vec::new();
            if replies.try_reserve((*this).pipeline.waiting()).is_err() {
                Self::close(this, Failure::Memory.into());
                return false;
            }
            (*this).pipeline.expire(now, &mut |t, r| replies.push((t, r)));
            // A look-up with little time says nothing of the server; one with as much time as
            // anybody gives it does.
            let patience = (*(*this).server).patience();
            let is_due = is_open && !replies.is_empty();
            let silent = is_due && now.saturating_sub((*this).quiet_since) >= patience;
            let is_late = is_due && now.saturating_sub((*this).owing_since) >= patience;
            for (ticket, reply) in replies {
                if silent {
                    // The connection has failed, and closing it says so once.
                    store::connection_failed(ticket, Failure::Timeout, Retry::No);
                } else {
                    store::reply(ticket, reply);
                }
            }
            if !is_open && now >= (*this).open_by {
                let what = if (*this).connected { "AUTH or SELECT" } else { "connect()" };
                Self::close(this, Reason::new(Failure::Connect, &format!("{what} timed out")));
                return false;
            }
            if silent {
                Self::close(this, Reason::new(Failure::Timeout, "no reply within the time given"));
                return false;
            }
            if is_late && !(*this).is_probe && !(*this).is_of_before {
                Server::late((*this).server);
            }
        }
        true
    }
}
