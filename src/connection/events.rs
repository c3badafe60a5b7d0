//! What nginx calls: the read, write and flush events of a connection.

use std::ffi::{c_int, c_void};
use std::mem;

use ngx::ffi::*;
use page_cache::Failure;

use super::{Connection, Reason};
use crate::sys;

/// A timer that fires later than this, in milliseconds, says that the worker stood still.
const STOOD_STILL: u64 = 50;

/// The connection behind an event.
///
/// # Safety
/// `ev` must be the read or write event of a connection of ours.
unsafe fn behind(ev: *mut ngx_event_t) -> (*mut ngx_connection_t, *mut Connection) {
    // SAFETY: the caller vouches for `ev`.
    unsafe {
        let c = (*ev).data.cast::<ngx_connection_t>();
        (c, (*c).data.cast::<Connection>())
    }
}

/// The error of a connect() that has ended, 0 if there is none (`ngx_http_upstream_test_connect`).
///
/// # Safety
/// `c` must be an open connection.
unsafe fn connect_error(c: *mut ngx_connection_t) -> c_int {
    let mut err: c_int = 0;
    let mut len = mem::size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `err` and `len` are valid for getsockopt to write.
    let result = unsafe {
        let slot = (&raw mut err).cast::<c_void>();
        libc::getsockopt((*c).fd, libc::SOL_SOCKET, libc::SO_ERROR, slot, &raw mut len)
    };
    if result == -1 { ngx_socket_errno() as c_int } else { err }
}

/// Finishes connect() if that is under way. `false`: not connected (and perhaps closed).
///
/// # Safety
/// `c` and `this` must belong together and be open.
unsafe fn finish_connect(c: *mut ngx_connection_t, this: *mut Connection) -> bool {
    // SAFETY: the caller vouches for both.
    unsafe {
        if (*this).connected {
            return true;
        }
        let err = connect_error(c);
        if err != 0 {
            let text = std::io::Error::from_raw_os_error(err).to_string();
            Connection::close(this, Reason::new(Failure::Connect, &text));
            return false;
        }
        if (*(*c).write).ready() == 0 {
            return false;
        }
        Connection::connected(this);
        true
    }
}

/// # Safety
/// Called by nginx with the read event of one of our connections.
pub(super) unsafe extern "C" fn on_read(ev: *mut ngx_event_t) {
    // SAFETY: see above.
    unsafe {
        let (c, this) = behind(ev);
        if (*c).close() != 0 {
            return Connection::retire(this);
        }
        if (*ev).timedout() != 0 {
            (*ev).set_timedout(0);
            // A worker that stood still cannot tell whether the server did.
            let late = sys::now().saturating_sub((*this).armed_for);
            if late > STOOD_STILL {
                Connection::forgive(this);
            }
            // What has come while this worker was busy elsewhere is in time.
            let is_live = !(*this).connected || Connection::read(this);
            if is_live && Connection::expire(this) {
                Connection::settle(this);
            }
            return;
        }
        if finish_connect(c, this) && Connection::read(this) {
            Connection::settle(this);
        }
    }
}

/// # Safety
/// Called by nginx with the write event of one of our connections.
pub(super) unsafe extern "C" fn on_write(ev: *mut ngx_event_t) {
    // SAFETY: see above.
    unsafe {
        let (c, this) = behind(ev);
        if finish_connect(c, this) {
            Connection::write(this);
        }
    }
}

/// # Safety
/// Called by nginx with the flush event of one of our connections.
pub(super) unsafe extern "C" fn on_flush(ev: *mut ngx_event_t) {
    // SAFETY: `data` was set in `open`, and a closed connection's flush event is not posted.
    unsafe {
        let this = (*ev).data.cast::<Connection>();
        if Connection::write(this) && (*this).awaits_trial {
            Connection::begin_trial(this);
        }
    }
}
