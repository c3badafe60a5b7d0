//! Stored header fields become nginx's: each field that a filter of nginx looks at goes to its
//! slot in `headers_out` as well (`ngx_http_upstream.c`, `ngx_http_upstream_headers_in`).

use std::mem;

use ngx::ffi::*;
use page_cache::page::Header;

use crate::sys;

/// What is done with a field beside adding it.
enum Slot {
    /// Goes into `content_type`, not into the list.
    ContentType,
    ContentEncoding,
    LastModified,
    ETag,
    Expires,
    CacheControl,
    /// nginx makes its own.
    Dropped,
    Age,
    /// Only added.
    None,
}

fn slot_of(name: &[u8]) -> Slot {
    let table: [(&[u8], Slot); 8] = [
        (b"content-type", Slot::ContentType),
        (b"content-encoding", Slot::ContentEncoding),
        (b"last-modified", Slot::LastModified),
        (b"etag", Slot::ETag),
        (b"expires", Slot::Expires),
        (b"cache-control", Slot::CacheControl),
        (b"accept-ranges", Slot::Dropped),
        (b"age", Slot::Age),
    ];
    let found = table.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
    found.map_or(Slot::None, |(_, slot)| slot)
}

/// Adds the stored fields to the response, but for those that `is_hidden` names. The bytes are
/// borrowed: they lie in the page, which lives in the request's pool. A stored Age gives way where
/// `has_age` says that a newer one is known. `None` when memory is short.
///
/// # Safety
/// `r` must be live; `headers` must live in its pool.
pub unsafe fn set(
    r: *mut ngx_http_request_t,
    headers: &[Header],
    is_hidden: impl Fn(&[u8]) -> bool,
    has_age: bool,
) -> Option<()> {
    for header in headers.iter().filter(|header| !is_hidden(&header.name)) {
        let (name, value) = (sys::str_of(&header.name), sys::str_of(&header.value));
        // SAFETY: `r` is live; fields and their bytes live in its pool.
        unsafe {
            let out = &raw mut (*r).headers_out;
            let slot = slot_of(&header.name);
            match slot {
                Slot::ContentType => {
                    set_content_type(r, &header.value);
                    continue;
                }
                Slot::Dropped => continue,
                Slot::Age if has_age => continue,
                _ => {}
            }
            let field = push(r, name, value)?;
            match slot {
                Slot::ContentEncoding => (*out).content_encoding = field,
                Slot::LastModified => {
                    (*out).last_modified = field;
                    (*out).last_modified_time = ngx_parse_http_time(value.data, value.len);
                }
                Slot::ETag => (*out).etag = field,
                Slot::Expires => (*out).expires = field,
                Slot::CacheControl => set_cache_control(r, field)?,
                Slot::ContentType | Slot::Dropped | Slot::Age | Slot::None => {}
            }
        }
    }
    Some(())
}

/// Adds a response header field; the caller keeps name and value alive.
///
/// # Safety
/// `r` must be live; name and value must live in its pool or be static.
pub unsafe fn push(
    r: *mut ngx_http_request_t,
    name: ngx_str_t,
    value: ngx_str_t,
) -> Option<*mut ngx_table_elt_t> {
    // SAFETY: the list is the live request's; nginx does not zero its memory.
    unsafe {
        let field = ngx_list_push(&raw mut (*r).headers_out.headers).cast::<ngx_table_elt_t>();
        if field.is_null() {
            return None;
        }
        field.write(mem::zeroed());
        (*field).hash = 1;
        (*field).key = name;
        (*field).value = value;
        Some(field)
    }
}

/// Splits off the charset, as `ngx_http_upstream_copy_content_type` does, so that nginx's charset
/// filter knows it and `gzip_types` matches the bare type.
///
/// # Safety
/// As [`set`].
unsafe fn set_content_type(r: *mut ngx_http_request_t, value: &[u8]) {
    // SAFETY: as `set`.
    let out = unsafe { &mut (*r).headers_out };
    out.content_type = sys::str_of(value);
    out.content_type_len = value.len();
    out.content_type_lowcase = std::ptr::null_mut();
    let mut end = 0;
    for part in value.split(|&b| b == b';') {
        let parameter = part.trim_ascii_start();
        let named = parameter.split_at_checked(8);
        let charset = named.filter(|(name, _)| end > 0 && name.eq_ignore_ascii_case(b"charset="));
        if let Some((_, charset)) = charset {
            let charset = charset.strip_prefix(b"\"").unwrap_or(charset);
            let charset = charset.strip_suffix(b"\"").unwrap_or(charset);
            out.content_type_len = end - 1;
            out.charset = sys::str_of(charset);
            return;
        }
        end += part.len() + 1;
    }
}

/// Lets `expires` replace the stored Cache-Control.
///
/// # Safety
/// As [`set`].
#[cfg(ngx_linked_headers)]
unsafe fn set_cache_control(r: *mut ngx_http_request_t, field: *mut ngx_table_elt_t) -> Option<()> {
    // SAFETY: as `set`.
    unsafe {
        (*field).next = (*r).headers_out.cache_control;
        (*r).headers_out.cache_control = field;
    }
    Some(())
}

/// Lets `expires` replace the stored Cache-Control.
///
/// # Safety
/// As [`set`].
#[cfg(not(ngx_linked_headers))]
unsafe fn set_cache_control(r: *mut ngx_http_request_t, field: *mut ngx_table_elt_t) -> Option<()> {
    // SAFETY: as `set`; the array starts out zeroed.
    unsafe {
        let all = &raw mut (*r).headers_out.cache_control;
        if (*all).elts.is_null() {
            let size = size_of::<*mut ngx_table_elt_t>();
            (*all).elts = ngx_palloc((*r).pool, size);
            if (*all).elts.is_null() {
                return None;
            }
            (*all).nelts = 0;
            (*all).size = size;
            (*all).nalloc = 1;
            (*all).pool = (*r).pool;
        }
        let slot = ngx_array_push(all).cast::<*mut ngx_table_elt_t>();
        if slot.is_null() {
            return None;
        }
        *slot = field;
    }
    Some(())
}
