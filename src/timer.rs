//! A timer of our own, which no worker that leaves waits for.

use std::ffi::c_void;
use std::mem;

use ngx::ffi::*;

use crate::sys;

/// See the head of this file. It must not move once [`Self::init`] was called.
#[repr(C)]
pub struct Timer {
    event: ngx_event_t,
    /// nginx's debug log reads a descriptor behind every timer.
    no_connection: ngx_connection_t,
    owner: *mut c_void,
    /// When it fires, in milliseconds of [`sys::now`].
    at: u64,
}

impl Timer {
    /// A timer that does nothing yet.
    pub fn new() -> Self {
        // SAFETY: all-zero is what nginx starts events and connections from.
        unsafe { mem::zeroed() }
    }

    /// Lets it call `handler` with its event; [`Self::owner`] leads from there to `owner`.
    ///
    /// # Safety
    /// `this` must be live and stay where it is.
    pub unsafe fn init<T>(this: *mut Self, handler: ngx_event_handler_pt, owner: *mut T) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            (*this).owner = owner.cast();
            (*this).no_connection.fd = -1;
            (*this).event.handler = handler;
            (*this).event.data = (&raw mut (*this).no_connection).cast();
            (*this).event.set_cancelable(1);
        }
    }

    /// Whose timer has fired.
    ///
    /// # Safety
    /// `event` must be that of a timer whose owner is a `T`.
    pub unsafe fn owner<T>(event: *mut ngx_event_t) -> *mut T {
        // SAFETY: the event is the first field of a timer.
        unsafe { (*event.cast::<Self>()).owner.cast() }
    }

    /// When it fires, in milliseconds of [`sys::now`]; `None` if it is not set.
    pub fn at(&self) -> Option<u64> {
        (self.event.timer_set() != 0).then_some(self.at)
    }

    /// Sets it to `at`, in milliseconds of [`sys::now`]; in a worker that leaves it stays unset.
    ///
    /// # Safety
    /// `this` must have been initialised.
    pub unsafe fn set(this: *mut Self, at: u64) {
        if sys::is_leaving() {
            return;
        }
        // SAFETY: the caller vouches for `this`.
        unsafe {
            (*this).at = at;
            (*this).event.log = sys::cycle_log();
            sys::set_timer(&raw mut (*this).event, at);
        }
    }

    /// Unsets it.
    ///
    /// # Safety
    /// As [`Self::set`].
    pub unsafe fn unset(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            if (*this).at().is_some() {
                ngx_del_timer(&raw mut (*this).event);
            }
        }
    }
}
