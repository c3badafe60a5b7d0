//! Which way a request has come to a named location: a fallback of ours does not look it up once
//! more, and an error page does not hand out what access control has refused.
//!
//! nginx sends a request from location to location without a word of why, so its phases are watched.
//! Only where a named location has the directive; others cannot be mistaken for one.

use std::mem;
use std::ptr::{self, NonNull};

use ngx::ffi::*;

use crate::bits;
use crate::conf::LocConf;
use crate::sys::code;

/// The way of one request. It lives in the request's pool, as a [`crate::record::Record`] does.
pub struct Trail {
    r: *mut ngx_http_request_t,
    /// What [`bits::uri_changes`] says in the location that was entered as a fallback.
    fallback: Option<u32>,
    /// Access control of this location has begun, and has not let the request pass.
    stopped: bool,
    /// That of a location before did not let it pass, nor did nginx before any location.
    refused: bool,
}

impl Trail {
    /// That of `r`, if it has one.
    ///
    /// # Safety
    /// `r` must be live.
    unsafe fn find(r: *mut ngx_http_request_t) -> Option<NonNull<Self>> {
        let ours: unsafe extern "C" fn(*mut std::ffi::c_void) = mark;
        // SAFETY: `r` is live, and so is its pool; subrequests share it, hence the comparison.
        unsafe {
            let mut cleanup = (*(*r).pool).cleanup;
            while !cleanup.is_null() {
                if (*cleanup).handler.is_some_and(|h| ptr::fn_addr_eq(h, ours)) {
                    let this = (*cleanup).data.cast::<Self>();
                    if ptr::eq((*this).r, r) {
                        return NonNull::new(this);
                    }
                }
                cleanup = (*cleanup).next;
            }
        }
        None
    }

    /// A fresh one for `r`; none when memory is short.
    ///
    /// # Safety
    /// `r` must be live and have none.
    unsafe fn begin(r: *mut ngx_http_request_t) {
        // SAFETY: `r` is live; nginx allocated aligned bytes behind `data`.
        unsafe {
            let cleanup = ngx_pool_cleanup_add((*r).pool, mem::size_of::<Self>());
            if cleanup.is_null() {
                return;
            }
            // An error before any location (no certificate, an `internal` location) has no trail
            // yet. Where `error_page = ...` has wiped it out, the named location that it leads to
            // tells of it, or an internal target that nothing has rewritten.
            let untouched = bits::internal(r) && bits::valid_unparsed_uri(r);
            let sent = ptr::eq(r, (*r).main) && (untouched || (*LocConf::of(r)).named);
            let refused = sent || (*r).err_status != 0 || bits::error_page(r);
            let this = Self { r, fallback: None, stopped: false, refused };
            (*cleanup).data.cast::<Self>().write(this);
            (*cleanup).handler = Some(mark);
        }
    }

    /// Access control is done with: the request has come to the PRECONTENT phase.
    ///
    /// # Safety
    /// `r` must be live.
    pub unsafe fn let_pass(r: *mut ngx_http_request_t) {
        // SAFETY: `r` is live, and so is what was found; no reference into it is held.
        unsafe {
            if let Some(trail) = Self::find(r) {
                (*trail.as_ptr()).stopped = false;
            }
        }
    }

    /// A fallback of ours is about to send the request to a named location.
    ///
    /// # Safety
    /// `r` must be live.
    pub unsafe fn fall_back(r: *mut ngx_http_request_t) {
        // SAFETY: as `let_pass`.
        unsafe {
            if let Some(trail) = Self::find(r) {
                // ngx_http_named_location takes one off.
                (*trail.as_ptr()).fallback = bits::uri_changes(r).checked_sub(1);
            }
        }
    }

    /// How the request has come to the named location that it is in.
    ///
    /// # Safety
    /// `r` must be live.
    pub unsafe fn arrival(r: *mut ngx_http_request_t) -> Arrival {
        // SAFETY: as `let_pass`.
        unsafe {
            match Self::find(r) {
                Some(trail) if (*trail.as_ptr()).fallback == Some(bits::uri_changes(r)) => {
                    Arrival::Fallback
                }
                Some(trail) if (*trail.as_ptr()).refused => Arrival::Refused,
                Some(_) => Arrival::Sent,
                // Memory was short.
                None => Arrival::Fallback,
            }
        }
    }
}

/// How a request comes to a named location.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// As our fallback.
    Fallback,
    /// After access control has refused it: `deny`, `auth_basic`, `limit_req` and so on.
    Refused,
    /// Otherwise: `try_files`, `error_page` of a handler that failed or of `return`.
    Sent,
}

/// The REWRITE handler: the request is in another location.
///
/// # Safety
/// Called by nginx with a live request.
pub unsafe extern "C" fn on_rewrite(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as `Trail::let_pass`.
    unsafe {
        match Trail::find(r) {
            Some(trail) => {
                let trail = trail.as_ptr();
                (*trail).refused |= (*trail).stopped;
                (*trail).stopped = false;
            }
            None => Trail::begin(r),
        }
    }
    code::DECLINED
}

/// The PREACCESS handler: access control begins. nginx's own (`limit_req`) comes after ours.
///
/// # Safety
/// Called by nginx with a live request.
pub unsafe extern "C" fn on_preaccess(r: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: as `Trail::let_pass`.
    unsafe {
        if let Some(trail) = Trail::find(r) {
            (*trail.as_ptr()).stopped = true;
        }
    }
    code::DECLINED
}

/// The pool cleanup handler: the mark by which a trail is known. There is nothing to clean up.
///
/// # Safety
/// None: nothing is read.
unsafe extern "C" fn mark(_data: *mut std::ffi::c_void) {}
