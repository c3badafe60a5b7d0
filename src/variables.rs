//! The `$rust_page_cache_*` variables.

use std::borrow::Cow;

use ngx::ffi::*;
use page_cache::key;

use crate::record::Record;
use crate::sys::{self, code};
use crate::view;

/// Which variable a getter is for; nginx hands it back as `data`.
const STATUS: usize = 0;
const REASON: usize = 1;
const KEY: usize = 2;
const STORE: usize = 3;
const TIME: usize = 4;

const OF_THE_RECORD: [(&str, usize); 5] = [
    ("rust_page_cache_status", STATUS),
    ("rust_page_cache_reason", REASON),
    ("rust_page_cache_key", KEY),
    ("rust_page_cache_store", STORE),
    ("rust_page_cache_time", TIME),
];

/// The name of the variable that holds Django's `get_full_path()`.
const FULL_PATH: &str = "rust_page_cache_full_path";

/// The name of the variable that holds the Host field.
const HOST: &str = "rust_page_cache_host";

/// Announces the variables to nginx. `None` when memory is short.
///
/// # Safety
/// Called by nginx while it reads the configuration.
pub unsafe fn add(cf: *mut ngx_conf_t) -> Option<()> {
    for (name, which) in OF_THE_RECORD {
        // SAFETY: `cf` is valid.
        unsafe { add_one(cf, name, Some(of_the_record), which)? };
    }
    // SAFETY: `cf` is valid.
    unsafe {
        add_one(cf, FULL_PATH, Some(full_path), 0)?;
        add_one(cf, HOST, Some(host), 0)
    }
}

/// # Safety
/// As [`add`].
unsafe fn add_one(
    cf: *mut ngx_conf_t,
    name: &'static str,
    get: ngx_http_get_variable_pt,
    data: usize,
) -> Option<()> {
    let mut name = sys::str_of(name.as_bytes());
    // SAFETY: nginx copies the name; `cf` is valid.
    let variable =
        unsafe { ngx_http_add_variable(cf, &raw mut name, NGX_HTTP_VAR_NOCACHEABLE as ngx_uint_t) };
    if variable.is_null() {
        return None;
    }
    // SAFETY: nginx returned a variable of its own pool.
    unsafe {
        (*variable).get_handler = get;
        (*variable).data = data;
    }
    Some(())
}

/// # Safety
/// Called by nginx with a live request and a value to fill.
unsafe extern "C" fn of_the_record(
    r: *mut ngx_http_request_t,
    v: *mut ngx_http_variable_value_t,
    data: usize,
) -> ngx_int_t {
    // SAFETY: `r` is live; a record lives as long as its request's pool.
    let text = unsafe { Record::find(r).map(|record| text_of(&*record, data)) };
    // SAFETY: `r` and `v` are valid.
    unsafe { fill(r, v, text.as_deref().unwrap_or_default()) }
}

fn text_of(record: &Record, which: usize) -> Cow<'_, [u8]> {
    match which {
        STATUS => record.outcome().map_or("", |o| o.status()).as_bytes().into(),
        REASON => record.outcome().map_or("", |o| o.reason()).as_bytes().into(),
        KEY => key::shown(record.key()).unwrap_or_default(),
        STORE => record.store().into(),
        _ => record
            .elapsed_ms()
            .map(|ms| format!("{}.{:03}", ms / 1000, ms % 1000).into_bytes())
            .unwrap_or_default()
            .into(),
    }
}

/// # Safety
/// Called by nginx with a live request and a value to fill.
unsafe extern "C" fn full_path(
    r: *mut ngx_http_request_t,
    v: *mut ngx_http_variable_value_t,
    _data: usize,
) -> ngx_int_t {
    // SAFETY: `r` is live while its variables are evaluated.
    unsafe {
        match key::full_path(view::target(r)) {
            Ok(path) => fill(r, v, &path),
            Err(_) => code::ERROR,
        }
    }
}

/// # Safety
/// Called by nginx with a live request and a value to fill.
unsafe extern "C" fn host(
    r: *mut ngx_http_request_t,
    v: *mut ngx_http_variable_value_t,
    _data: usize,
) -> ngx_int_t {
    // SAFETY: `r` is live while its variables are evaluated; its header outlives the value.
    unsafe { set(v, sys::str_of(view::host(r).unwrap_or_default())) }
    code::OK
}

/// # Safety
/// `r` must be live and `v` point to a value of nginx's.
unsafe fn fill(
    r: *mut ngx_http_request_t,
    v: *mut ngx_http_variable_value_t,
    text: &[u8],
) -> ngx_int_t {
    // SAFETY: the caller vouches for both pointers.
    unsafe {
        let Some(copy) = sys::copy_to_pool((*r).pool, text) else { return code::ERROR };
        set(v, copy);
    }
    code::OK
}

/// # Safety
/// `v` must point to a value of nginx's, and `text` to bytes that outlive it.
unsafe fn set(v: *mut ngx_http_variable_value_t, text: ngx_str_t) {
    // SAFETY: the caller vouches for the pointer.
    unsafe {
        (*v).set_valid(1);
        (*v).set_no_cacheable(0);
        (*v).set_not_found(0);
        (*v).set_len(text.len as u32);
        (*v).data = text.data;
    }
}
