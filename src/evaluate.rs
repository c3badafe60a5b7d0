//! The one place where nginx's complex values are evaluated for a request.

use ngx::ffi::*;
use page_cache::Failure;

use crate::site::Text;
use crate::sys::{self, code};

/// The value of `text` for this request.
///
/// # Errors
/// [`Failure::Memory`] if nginx has none, or a variable fails.
///
/// # Safety
/// `r` must be live as long as the result is used. No mutable reference to its record, nor into it, may be held:
/// variables read it.
pub unsafe fn text(r: *mut ngx_http_request_t, text: &Text) -> Result<&[u8], Failure> {
    match text {
        Text::Literal(bytes) => Ok(bytes),
        // SAFETY: the value was compiled by nginx; the result lives in the request's pool.
        Text::Complex(value) => unsafe {
            let mut result = ngx_str_t { len: 0, data: std::ptr::null_mut() };
            if ngx_http_complex_value(r, *value, &raw mut result) != code::OK {
                return Err(Failure::Memory);
            }
            Ok(sys::bytes(result))
        },
    }
}
