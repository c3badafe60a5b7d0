//! An nginx request, seen as the policy sees it.

use ngx::ffi::*;
use page_cache::Failure;
use page_cache::key::vary::{RequestHeaders, Set};
use page_cache::request::{Method, Rank, RequestView, Target};

use crate::bits;
use crate::set_header::{self, SetHeader, Values};
use crate::sys;

/// The request's target: raw, as long as nginx has not rewritten it.
///
/// `valid_unparsed_uri` is nginx's own word for that (proxy_pass goes by it too): it is cleared by
/// `rewrite`, `set $args`, internal redirects, and never set for subrequests.
///
/// # Safety
/// `r` must be live for `'a`.
pub unsafe fn target<'a>(r: *mut ngx_http_request_t) -> Target<'a> {
    // SAFETY: the strings of a live request lie in its pool or its header buffers.
    unsafe {
        if bits::valid_unparsed_uri(r) {
            Target::Raw(sys::bytes((*r).unparsed_uri))
        } else {
            Target::Current { path: sys::bytes((*r).uri), args: sys::bytes((*r).args) }
        }
    }
}

/// Everything that the policy asks about.
///
/// # Safety
/// `r` must be live for `'a`.
pub unsafe fn of<'a>(r: *mut ngx_http_request_t) -> RequestView<'a> {
    // SAFETY: as above.
    unsafe {
        RequestView {
            method: match (*r).method as u32 {
                NGX_HTTP_GET => Method::Get,
                NGX_HTTP_HEAD => Method::Head,
                _ => Method::Other,
            },
            has_body: (*r).headers_in.content_length_n > 0 || (*r).headers_in.chunked() != 0,
            rank: rank(r),
            target: wire_target(r),
            host: host(r),
            server_name: sys::bytes((*r).headers_in.server),
        }
    }
}

/// # Safety
/// `r` must be live.
unsafe fn rank(r: *mut ngx_http_request_t) -> Rank {
    // SAFETY: `r` is live.
    unsafe {
        if r == (*r).main {
            Rank::Main
        } else if bits::header_only(r) || bits::background(r) {
            Rank::HeaderOnly
        } else {
            Rank::Subrequest
        }
    }
}

/// As [`target`], but an absolute-form target is shown by its scheme: nginx's `unparsed_uri` lacks
/// scheme and authority, and the policy has to see that they were there.
///
/// # Safety
/// `r` must be live for `'a`.
unsafe fn wire_target<'a>(r: *mut ngx_http_request_t) -> Target<'a> {
    // SAFETY: `r` is live; over HTTP/1 nginx sets `schema` for an absolute-form target only, and it
    // points into the same buffer, in front of `unparsed_uri`.
    unsafe {
        let of_the_client = r == (*r).main
            && (bits::valid_unparsed_uri(r) || (!bits::internal(r) && bits::empty_path_in_uri(r)));
        if of_the_client
            && (*r).http_version < NGX_HTTP_VERSION_20 as ngx_uint_t
            && (*r).schema.len > 0
        {
            return Target::Raw(sys::bytes((*r).schema));
        }
        target(r)
    }
}

/// The scheme by which the client came, as `$scheme`.
///
/// # Safety
/// `r` must be live.
pub unsafe fn scheme(r: *mut ngx_http_request_t) -> &'static [u8] {
    // SAFETY: `r` is live, and so is its connection.
    if unsafe { is_encrypted((*r).connection) } { b"https" } else { b"http" }
}

/// # Safety
/// `c` must be an open connection.
#[cfg(ngx_feature = "ssl")]
unsafe fn is_encrypted(c: *mut ngx_connection_t) -> bool {
    // SAFETY: the caller vouches for `c`.
    unsafe { !(*c).ssl.is_null() }
}

/// # Safety
/// None: there is no TLS in this nginx.
#[cfg(not(ngx_feature = "ssl"))]
unsafe fn is_encrypted(_c: *mut ngx_connection_t) -> bool {
    false
}

/// The header fields of a live request, and what the configuration says of them.
pub struct Fields<'a> {
    r: *mut ngx_http_request_t,
    set: &'a [SetHeader],
    values: *mut Values,
}

impl<'a> Fields<'a> {
    /// # Safety
    /// `r` and its record must outlive the value, `values` be the record's for `set`, and no
    /// reference to the record, nor into it, be held while the value is used.
    pub unsafe fn of(
        r: *mut ngx_http_request_t,
        set: &'a [SetHeader],
        values: *mut Values,
    ) -> Self {
        Self { r, set, values }
    }
}

impl RequestHeaders for Fields<'_> {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        // SAFETY: `of` demands a live request; a list's parts hold `nelts` elements each.
        unsafe {
            let mut part: *const ngx_list_part_t = &raw const (*self.r).headers_in.headers.part;
            while !part.is_null() {
                let elements = (*part).elts.cast::<ngx_table_elt_t>();
                for i in 0..(*part).nelts {
                    let header = elements.add(i);
                    field(sys::bytes((*header).key), sys::bytes((*header).value));
                }
                part = (*part).next;
            }
        }
    }

    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        // SAFETY: `of` demands all of this.
        unsafe { set_header::value(self.set, name, self.r, self.values) }
    }
}

/// The Host field as it came; over HTTP/3 `:authority` stands for it.
///
/// # Safety
/// `r` must be live for `'a`.
pub unsafe fn host<'a>(r: *mut ngx_http_request_t) -> Option<&'a [u8]> {
    // SAFETY: `r` is live; both pointers delimit one piece of a header buffer.
    unsafe {
        let field = (*r).headers_in.host;
        if !field.is_null() {
            return Some(sys::bytes((*field).value));
        }
        // nginx does not copy them to subrequests.
        let main = (*r).main;
        let (start, end) = ((*main).host_start, (*main).host_end);
        if (*r).http_version > NGX_HTTP_VERSION_20 as ngx_uint_t && !start.is_null() && end > start
        {
            let len = end.offset_from(start) as usize;
            return Some(sys::bytes(ngx_str_t { len, data: start }));
        }
        None
    }
}
