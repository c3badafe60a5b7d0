//! A page becomes the response.

use std::mem;
use std::ptr;

use ngx::ffi::*;
use page_cache::directive::Format;
use page_cache::page::{Page, age};

use crate::bits;
use crate::conf::LocConf;
use crate::headers;
use crate::store;
use crate::sys::{self, code};

/// Serves `page`. The result is for `ngx_http_finalize_request`; `None` when memory is short:
/// nothing has been sent then, and the request may still go elsewhere.
///
/// After `ngx_http_send_header` the module context may be cleared (a 412 goes to `error_page`),
/// so nothing of ours is touched then but the page's bytes.
///
/// # Safety
/// `r` must be live; `page` must live in its pool.
pub unsafe fn send(r: *mut ngx_http_request_t, page: &Page, conf: &LocConf) -> Option<ngx_int_t> {
    // SAFETY: `r` is live; each list element and allocation is checked.
    unsafe {
        let before = HeadersBefore::of(r);
        if set_headers(r, page, conf).is_none() {
            before.restore(r);
            return None;
        }
        let rc = ngx_http_discard_request_body(r);
        if rc != code::OK {
            return Some(rc);
        }
        (*r).write_event_handler = Some(ngx_http_request_empty_handler);
        let rc = ngx_http_send_header(r);
        if rc > code::OK {
            // A filter wants an error page in place of the page (416 of the range filter; a 412
            // has been sent by now): nothing of the stored header is true of that.
            before.restore_for_error(r);
            return Some(rc);
        }
        if rc == code::ERROR || bits::header_only(r) {
            return Some(rc);
        }
        Some(send_body(r, page.body.as_slice()))
    }
}

/// `headers_out` as it was, and where its list ended.
struct HeadersBefore {
    out: ngx_http_headers_out_t,
    nelts: ngx_uint_t,
}

impl HeadersBefore {
    /// # Safety
    /// `r` must be live.
    unsafe fn of(r: *mut ngx_http_request_t) -> Self {
        // SAFETY: `r` is live; the structure is plain C data.
        unsafe {
            let out = ptr::read(&raw const (*r).headers_out);
            Self { nelts: (*out.headers.last).nelts, out }
        }
    }

    /// Takes back every field that was set since.
    ///
    /// # Safety
    /// `r` must be the request that `of` saw.
    unsafe fn restore(self, r: *mut ngx_http_request_t) {
        // SAFETY: `r` is live; the last part of before is still part of the list.
        unsafe {
            let last = self.out.headers.last;
            ptr::write(&raw mut (*r).headers_out, self.out);
            (*last).nelts = self.nelts;
            (*last).next = ptr::null_mut();
            bits::set_allow_ranges(r, false);
        }
    }

    /// The same, but for a Content-Range, which tells the length of the page in a 416
    /// (RFC 9110, section 15.5.17).
    ///
    /// # Safety
    /// As `restore`.
    unsafe fn restore_for_error(self, r: *mut ngx_http_request_t) {
        // SAFETY: as `restore`; the field and its value live in the request's pool.
        unsafe {
            let range =
                (*r).headers_out.content_range.as_ref().map(|field| (field.key, field.value));
            self.restore(r);
            if let Some((name, value)) = range {
                if let Some(field) = headers::push(r, name, value) {
                    (*r).headers_out.content_range = field;
                }
            }
        }
    }
}

/// Fills `headers_out`. `None` when memory is short; nothing has been sent then.
///
/// # Safety
/// As [`send`].
unsafe fn set_headers(r: *mut ngx_http_request_t, page: &Page, conf: &LocConf) -> Option<()> {
    // SAFETY: as `send`.
    unsafe {
        (*r).headers_out.status = page.status as ngx_uint_t;
        (*r).headers_out.content_length_n = match u32::from(page.status) {
            // They have no content, and so no Content-Length (RFC 9110, section 8.6).
            NGX_HTTP_NO_CONTENT | NGX_HTTP_NOT_MODIFIED => -1,
            _ => page.body.len() as off_t,
        };
        if let Some(reason) = &page.reason {
            let line = [page.status.to_string().as_bytes(), b" ", reason].concat();
            (*r).headers_out.status_line = sys::copy_to_pool((*r).pool, &line)?;
        }
        let is_hidden =
            |name: &[u8]| conf.hide_headers.as_ref().is_some_and(|hidden| hidden.contains(name));
        // Cache-Control and Expires tell the age, hidden or not.
        let age = age::age(page, ngx_time() as i64);
        headers::set(r, &page.headers, is_hidden, age.is_some())?;
        // A stored response without a Content-Type was sent without one by the application.
        let is_body = conf.site().is_some_and(|site| site.format == Format::Body);
        if is_body && ngx_http_set_content_type(r) != code::OK {
            return None;
        }
        if page.gzip {
            let (name, value) = (sys::str_of(b"Content-Encoding"), sys::str_of(b"gzip"));
            (*r).headers_out.content_encoding = headers::push(r, name, value)?;
        }
        if let Some(age) = age.filter(|_| !is_hidden(b"age")) {
            let age = sys::copy_to_pool((*r).pool, age.to_string().as_bytes())?;
            headers::push(r, sys::str_of(b"Age"), age)?;
        }
        let is_ok = u32::from(page.status) == NGX_HTTP_OK;
        if is_sent_as_an_error(r, page) {
            forget_validators(r);
        } else if conf.etag != 0 && is_ok && (*r).headers_out.etag.is_null() {
            let tag = store::etag(&page.body);
            let tag = sys::copy_to_pool((*r).pool, &tag)?;
            (*r).headers_out.etag = headers::push(r, sys::str_of(b"ETag"), tag)?;
        }
        bits::set_allow_ranges(r, true);
        if (*r).headers_out.last_modified_time == -1 {
            // nginx answers 412 where there is no Last-Modified; RFC 9110, section 13.1.4, wants
            // the condition ignored.
            (*r).headers_in.if_unmodified_since = ptr::null_mut();
        }
        Some(())
    }
}

/// Whether nginx will send the status of the error that led here (`error_page 502 @old_copy;`)
/// instead of the page's (`ngx_http_send_header`).
///
/// # Safety
/// As [`send`].
unsafe fn is_sent_as_an_error(r: *mut ngx_http_request_t, page: &Page) -> bool {
    // SAFETY: as `send`.
    let error = unsafe { (*r).err_status };
    error != 0 && error != ngx_uint_t::from(page.status)
}

/// Takes back ETag and Last-Modified: they are those of the page with its own status. A client that
/// keeps the error under them would take a later 304 for word that it still stands (RFC 9111,
/// section 4.3.4).
///
/// # Safety
/// As [`send`].
unsafe fn forget_validators(r: *mut ngx_http_request_t) {
    // SAFETY: as `send`; fields in the slots are in the list.
    unsafe {
        let out = &raw mut (*r).headers_out;
        (*out).last_modified_time = -1;
        for slot in [&raw mut (*out).etag, &raw mut (*out).last_modified] {
            let field = mem::replace(&mut *slot, ptr::null_mut());
            if !field.is_null() {
                (*field).hash = 0;
            }
        }
    }
}

/// Sends the body as one buffer (two would break multi-range answers). The bytes may be shared
/// with other requests, so they are `memory`, which no filter writes to, never `temporary`.
///
/// # Safety
/// As [`send`]; the header has been sent.
unsafe fn send_body(r: *mut ngx_http_request_t, body: &[u8]) -> ngx_int_t {
    // SAFETY: the buffer is the request's; the bytes live in its record.
    unsafe {
        let b = ngx_pcalloc((*r).pool, mem::size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
        if b.is_null() {
            return code::ERROR;
        }
        let is_main = r == (*r).main;
        if body.is_empty() {
            // As ngx_http_send_response: a buffer without bytes only marks the end.
            (*b).set_sync(u32::from(!is_main));
        } else {
            let range = body.as_ptr_range();
            (*b).pos = range.start.cast_mut();
            (*b).last = range.end.cast_mut();
            (*b).start = (*b).pos;
            (*b).end = (*b).last;
            (*b).set_memory(1);
        }
        (*b).set_last_buf(u32::from(is_main));
        (*b).set_last_in_chain(1);
        let mut out = ngx_chain_t { buf: b, next: ptr::null_mut() };
        ngx_http_output_filter(r, &raw mut out)
    }
}
