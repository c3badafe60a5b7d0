//! Whether this nginx is the one that the module was built for.
//!
//! nginx compares versions and signatures when it loads a module (`ngx_add_module()`). Both can be
//! equal where structures are not: a distribution's patch that adds one bit to `ngx_connection_t`
//! changes neither, and a module built for the one nginx crashes the workers of the other. So nginx
//! is asked to show where its fields are: it sets one in a connection of ours, and tells the sizes
//! of the elements of its own arrays.

use std::mem::size_of;
use std::ptr;

use ngx::ffi::*;
use ngx::ngx_conf_log_error;

/// Bytes that hold a connection of any nginx: those that we know of have less than 300.
#[repr(C, align(16))]
struct Space([u8; 4096]);

/// Logs an error and returns false where the structures differ from those of the headers.
///
/// # Safety
/// Called by nginx while it reads the configuration, with its own `cf`.
pub unsafe fn is_built_for_this_nginx(cf: *mut ngx_conf_t) -> bool {
    // SAFETY: the caller vouches for `cf`.
    let difference = unsafe { difference(cf) };
    let Some(difference) = difference else { return true };
    ngx_conf_log_error!(
        NGX_LOG_EMERG,
        cf,
        "the module rust_page_cache was built for another build of nginx of this version: \
         {difference} is not where it was there; install the module's package that belongs to this \
         nginx, or build it with this nginx's own source tree (scripts/build with NGINX and \
         NGINX_SOURCE_DIR)"
    );
    false
}

/// # Safety
/// As [`is_built_for_this_nginx`].
unsafe fn difference(cf: *mut ngx_conf_t) -> Option<&'static str> {
    // SAFETY: nginx made these lists and arrays before it reads the configuration
    // (ngx_init_cycle()).
    unsafe {
        let cycle = &*(*cf).cycle;
        for (size, expected, name) in [
            (cycle.listening.size, size_of::<ngx_listening_t>(), "a field of ngx_listening_t"),
            (cycle.open_files.size, size_of::<ngx_open_file_t>(), "a field of ngx_open_file_t"),
            (cycle.shared_memory.size, size_of::<ngx_shm_zone_t>(), "a field of ngx_shm_zone_t"),
        ] {
            if size != expected {
                return Some(name);
            }
        }
        (!sees_a_reusable_connection(cf)).then_some("a bit of ngx_connection_t")
    }
}

/// Lets nginx mark a connection as reusable, looks for the mark, and lets it be taken away.
///
/// # Safety
/// As [`is_built_for_this_nginx`].
unsafe fn sees_a_reusable_connection(cf: *mut ngx_conf_t) -> bool {
    let mut space = Space([0; 4096]);
    let c: *mut ngx_connection_t = ptr::from_mut(&mut space).cast();
    // SAFETY: ngx_reusable_connection() reads the log and the mark, and links the connection into
    // the queue of `ngx_cycle`, which at this time may be one that nginx has not set up; that of
    // the configuration being read is. It is unlinked again before `space` ends.
    unsafe {
        (*c).log = (*cf).log;
        let current = ngx_cycle;
        ngx_cycle = (*cf).cycle;
        ngx_reusable_connection(c, 1);
        let is_seen = (*c).reusable() == 1 && (*c).close() == 0 && (*c).idle() == 0;
        ngx_reusable_connection(c, 0);
        ngx_cycle = current;
        is_seen && (*c).reusable() == 0
    }
}
