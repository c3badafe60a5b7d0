//! Where a request goes when the cache does not answer.

use ngx::ffi::*;

use crate::check::DEFAULT_FALLBACK;
use crate::conf::LocConf;
use crate::site::{Route, Site};
use crate::sys::{self, code};
use crate::trail::Trail;

/// Where one request goes.
#[derive(Clone, Copy)]
pub enum Destination {
    /// On through the phases.
    Next,
    /// To a named location.
    Named(ngx_str_t),
}

/// The route of a request, decided before it is looked up. `None`: it is not looked up at all, and
/// goes on, because its location merely inherits the directive and has no handler to fall back to.
///
/// # Safety
/// `r` must be live, in the location of `conf`.
pub unsafe fn route(
    r: *mut ngx_http_request_t,
    conf: &LocConf,
    site: &Site,
) -> Option<Destination> {
    match &site.fallback {
        Some(Route::Next) => Some(Destination::Next),
        Some(Route::Named(name)) => Some(Destination::Named(sys::str_of(name))),
        // SAFETY: `r` is live.
        None if unsafe { (*r).content_handler.is_some() } => Some(Destination::Next),
        None if conf.written_here => Some(Destination::Named(sys::str_of(DEFAULT_FALLBACK))),
        None => None,
    }
}

/// Sends the request there. The result is the phase handler's.
///
/// # Safety
/// `r` must be live and in the PRECONTENT phase; it may be gone afterwards.
pub unsafe fn take(r: *mut ngx_http_request_t, to: Destination) -> ngx_int_t {
    match to {
        Destination::Next => code::DECLINED,
        // SAFETY: as ngx_http_try_files_handler does; nginx compares the name and keeps nothing.
        Destination::Named(mut name) => unsafe {
            Trail::fall_back(r);
            ngx_http_named_location(r, &raw mut name);
            ngx_http_finalize_request(r, code::DONE);
            code::DONE
        },
    }
}
