//! What the bindings lack: C macros, inline functions, and memory that is
//! checked before it is written.

use std::mem;
use std::ptr;

use ngx::ffi::*;

/// Result codes of nginx (`ngx_core.h`).
pub mod code {
    use ngx::ffi::ngx_int_t;

    /// Success.
    pub const OK: ngx_int_t = 0;
    /// Failure.
    pub const ERROR: ngx_int_t = -1;
    /// Call again later.
    pub const AGAIN: ngx_int_t = -2;
    /// Taken care of.
    pub const DONE: ngx_int_t = -4;
    /// Not for us.
    pub const DECLINED: ngx_int_t = -5;
}

/// The bytes of an `ngx_str_t`.
///
/// # Safety
/// `s` must be null-and-empty or point to `s.len` bytes that live for `'a`.
#[inline]
pub unsafe fn bytes<'a>(s: ngx_str_t) -> &'a [u8] {
    if s.len == 0 || s.data.is_null() {
        return &[];
    }
    // SAFETY: the caller vouches for pointer, length and lifetime.
    unsafe { std::slice::from_raw_parts(s.data, s.len) }
}

/// An `ngx_str_t` that borrows `b`; the caller keeps the bytes alive.
#[inline]
pub fn str_of(b: &[u8]) -> ngx_str_t {
    ngx_str_t { len: b.len(), data: b.as_ptr().cast_mut() }
}

/// Copies `b` into `pool`; `None` when memory is short.
///
/// # Safety
/// `pool` must be a valid nginx pool.
pub unsafe fn copy_to_pool(pool: *mut ngx_pool_t, b: &[u8]) -> Option<ngx_str_t> {
    // SAFETY: the pool is valid; the result is checked before use.
    let data = unsafe { ngx_pnalloc(pool, b.len()) }.cast::<u8>();
    if data.is_null() {
        return None;
    }
    // SAFETY: `data` has room for `b.len()` bytes and is fresh, so they do not overlap.
    unsafe { ptr::copy_nonoverlapping(b.as_ptr(), data, b.len()) };
    Some(ngx_str_t { len: b.len(), data })
}

/// Moves `value` into `pool`; it is dropped when the pool is destroyed.
/// `None` when memory is short (the value is dropped at once).
///
/// # Safety
/// `pool` must be a valid nginx pool; everything that `T` refers to must outlive it.
pub unsafe fn move_to_pool<T>(pool: *mut ngx_pool_t, value: T) -> Option<*mut T> {
    const { assert!(mem::align_of::<T>() <= NGX_ALIGNMENT) };
    // SAFETY: the pool is valid; the result is checked before use.
    let cleanup = unsafe { ngx_pool_cleanup_add(pool, mem::size_of::<T>()) };
    if cleanup.is_null() {
        return None;
    }
    // SAFETY: nginx allocated `size_of::<T>()` aligned bytes behind `data`.
    unsafe {
        let slot = (*cleanup).data.cast::<T>();
        slot.write(value);
        (*cleanup).handler = Some(drop_in_pool::<T>);
        Some(slot)
    }
}

/// The pool cleanup handler of `move_to_pool::<T>`.
///
/// # Safety
/// Called by nginx, once, with the slot that `move_to_pool` filled.
pub unsafe extern "C" fn drop_in_pool<T>(data: *mut std::ffi::c_void) {
    // SAFETY: see above; nobody uses the slot after its pool.
    unsafe { ptr::drop_in_place(data.cast::<T>()) };
}

/// `ngx_http_set_log_request` (ngx_http.h): later log lines of the connection name this request.
///
/// # Safety
/// `r` must be a live request.
pub unsafe fn set_log_request(r: *mut ngx_http_request_t) {
    // SAFETY: an HTTP connection's log always carries an ngx_http_log_ctx_t.
    unsafe {
        let ctx = (*(*(*r).connection).log).data.cast::<ngx_http_log_ctx_t>();
        if !ctx.is_null() {
            (*ctx).current_request = r;
        }
    }
}

/// Now, in milliseconds of nginx's monotonic clock, as of this turn of the event loop.
#[inline]
pub fn now() -> u64 {
    // SAFETY: the event module initialises it before any worker runs.
    unsafe { ngx_current_msec as u64 }
}

/// Whether this worker is leaving (`nginx -s quit`, reload, `nginx -s stop`).
#[inline]
pub fn is_leaving() -> bool {
    // SAFETY: plain flags set by the signal handler of this very process.
    unsafe { ngx_exiting != 0 || ngx_terminate != 0 }
}

/// Sets `ev`'s timer to fire at `at` (milliseconds of [`now`]). Unlike `ngx_add_timer` it also
/// obeys a move of less than 300 ms.
///
/// # Safety
/// `ev` must be a valid event with a handler and a connection behind `data`.
pub unsafe fn set_timer(ev: *mut ngx_event_t, at: u64) {
    // SAFETY: the caller vouches for the event.
    unsafe {
        if (*ev).timer_set() != 0 {
            ngx_del_timer(ev);
        }
        ngx_add_timer(ev, at.saturating_sub(now()) as ngx_msec_t);
    }
}

/// The cycle's error log.
pub fn cycle_log() -> *mut ngx_log_t {
    // SAFETY: there is a cycle as long as modules run.
    unsafe { (*ngx_cycle).log }
}
