//! The bits of a request, through `request_bits.c`: see there why not through the bindings.

use ngx::ffi::{ngx_atomic_uint_t, ngx_http_request_t};

mod c {
    use super::{ngx_atomic_uint_t, ngx_http_request_t};

    unsafe extern "C" {
        pub fn ngx_http_rust_page_cache_background(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_connection_number(
            r: *const ngx_http_request_t,
        ) -> ngx_atomic_uint_t;
        pub fn ngx_http_rust_page_cache_empty_path_in_uri(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_error_page(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_header_only(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_internal(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_post_action(r: *const ngx_http_request_t) -> u32;
        #[cfg(ngx_feature = "pcre")]
        pub fn ngx_http_rust_page_cache_realloc_captures(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_uri_changes(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_valid_unparsed_uri(r: *const ngx_http_request_t) -> u32;
        pub fn ngx_http_rust_page_cache_set_allow_ranges(r: *mut ngx_http_request_t, on: u32);
        #[cfg(ngx_feature = "pcre")]
        pub fn ngx_http_rust_page_cache_set_realloc_captures(r: *mut ngx_http_request_t, on: u32);
    }
}

macro_rules! bits {
    ($($(#[$meta:meta])* $name:ident = $c:ident;)*) => {
        $(
            $(#[$meta])*
            ///
            /// # Safety
            /// `r` must be live.
            pub unsafe fn $name(r: *const ngx_http_request_t) -> bool {
                // SAFETY: the caller vouches for `r`.
                unsafe { c::$c(r) != 0 }
            }
        )*
    };
}

bits! {
    /// A subrequest that nobody waits for.
    background = ngx_http_rust_page_cache_background;
    /// The target had no path.
    empty_path_in_uri = ngx_http_rust_page_cache_empty_path_in_uri;
    /// An error page is being made.
    error_page = ngx_http_rust_page_cache_error_page;
    /// No body follows the header.
    header_only = ngx_http_rust_page_cache_header_only;
    /// The location may be one for nginx's own redirects only.
    internal = ngx_http_rust_page_cache_internal;
    /// What nginx does after a request that has ended.
    post_action = ngx_http_rust_page_cache_post_action;
    /// The captures are another request's too; a new match must not write over them.
    #[cfg(ngx_feature = "pcre")]
    realloc_captures = ngx_http_rust_page_cache_realloc_captures;
    /// `unparsed_uri` is still what the request is for.
    valid_unparsed_uri = ngx_http_rust_page_cache_valid_unparsed_uri;
}

/// The number of the client's connection, the same for all streams of HTTP/2 and HTTP/3.
///
/// # Safety
/// `r` must be live.
pub unsafe fn connection_number(r: *const ngx_http_request_t) -> u64 {
    // SAFETY: the caller vouches for `r`, whose connection is open.
    unsafe { c::ngx_http_rust_page_cache_connection_number(r) as u64 }
}

/// Whether ranges of the response may be asked for.
///
/// # Safety
/// `r` must be live.
pub unsafe fn set_allow_ranges(r: *mut ngx_http_request_t, on: bool) {
    // SAFETY: the caller vouches for `r`.
    unsafe { c::ngx_http_rust_page_cache_set_allow_ranges(r, u32::from(on)) };
}

/// How often nginx may still send the request elsewhere; it counts down to 0, which is a 500.
///
/// # Safety
/// `r` must be live.
pub unsafe fn uri_changes(r: *const ngx_http_request_t) -> u32 {
    // SAFETY: the caller vouches for `r`.
    unsafe { c::ngx_http_rust_page_cache_uri_changes(r) }
}

/// Whether the captures are another request's too.
///
/// # Safety
/// `r` must be live.
#[cfg(ngx_feature = "pcre")]
pub unsafe fn set_realloc_captures(r: *mut ngx_http_request_t, on: bool) {
    // SAFETY: the caller vouches for `r`.
    unsafe { c::ngx_http_rust_page_cache_set_realloc_captures(r, u32::from(on)) };
}
