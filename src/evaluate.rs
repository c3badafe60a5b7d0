//! What a parameter with variables says for a request, without a trace of the evaluation.
//!
//! Variables stay evaluated, once per request, as everywhere in nginx. Captures (`$1`) do not: they
//! are those of the location for each piece of a parameter, in whatever order these are evaluated,
//! and for whoever comes after us.

use ngx::ffi::*;
use page_cache::Failure;
use smallvec::SmallVec;

use crate::captures::Captures;
use crate::site::Text;
use crate::sys::{self, code};

/// The value of a parameter. It lives in the configuration or in the request's pool.
///
/// # Errors
/// [`Failure::Memory`] if a variable of it cannot be evaluated: what is left of the text could be
/// another page's.
///
/// # Safety
/// `r` must be live as long as the result is used; the text was compiled for its configuration. No
/// mutable reference to its record, nor into it, may be held: variables read it.
pub unsafe fn text(r: *mut ngx_http_request_t, text: &Text) -> Result<&[u8], Failure> {
    match text {
        Text::Literal(bytes) => Ok(bytes),
        // SAFETY: the caller vouches for both.
        Text::Complex(value) => unsafe { complex(r, *value) },
    }
}

/// Whether one of `predicates` is neither empty nor `0` (`ngx_http_test_predicates`).
///
/// # Errors
/// As [`text`].
///
/// # Safety
/// `r` must be live; `predicates` is an array of complex values of its configuration, or null.
pub unsafe fn any_set(
    r: *mut ngx_http_request_t,
    predicates: *mut ngx_array_t,
) -> Result<bool, Failure> {
    if predicates.is_null() {
        return Ok(false);
    }
    // SAFETY: the caller vouches for both.
    unsafe {
        let first = (*predicates).elts.cast::<ngx_http_complex_value_t>();
        for i in 0..(*predicates).nelts {
            let value = complex(r, first.add(i))?;
            if !value.is_empty() && value != b"0" {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The value of a compiled text (`ngx_http_complex_value`).
///
/// # Errors
/// As [`text`].
///
/// # Safety
/// As [`text`].
pub unsafe fn complex<'a>(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_complex_value_t,
) -> Result<&'a [u8], Failure> {
    // SAFETY: the caller vouches for both; the result lives in the request's pool.
    unsafe {
        if (*value).lengths.is_null() {
            return Ok(sys::bytes((*value).value));
        }
        let captures = Captures::save(r)?;
        let _settled = Settled::new(r, (*value).flushes, &captures)?;
        let mut result = ngx_str_t { len: 0, data: std::ptr::null_mut() };
        if ngx_http_complex_value(r, value, &raw mut result) != code::OK {
            return Err(Failure::Memory);
        }
        Ok(sys::bytes(result))
    }
}

/// The variables of a text, evaluated. Those that nginx would evaluate anew for each text (`map ...
/// { volatile; }`) stay as they are until this is dropped.
///
/// nginx measures a text first and copies it then. A `map` that it evaluates while it measures may
/// change what `$1` is, and before 1.31.4 the copy of `$1` is written past the end of the measured
/// memory (`ngx_http_script_copy_capture_code`). Here all variables are known before it starts.
struct Settled {
    r: *mut ngx_http_request_t,
    volatile: SmallVec<[ngx_uint_t; 8]>,
}

impl Settled {
    /// Evaluates the variables of `indices`, which ends with `(ngx_uint_t) -1`; captures are put
    /// back after each.
    ///
    /// # Safety
    /// `r` must be live and outlive the value; `indices` are those of a compiled text, or null.
    unsafe fn new(
        r: *mut ngx_http_request_t,
        indices: *const ngx_uint_t,
        captures: &Captures,
    ) -> Result<Self, Failure> {
        let mut this = Self { r, volatile: SmallVec::new() };
        let mut next = indices;
        // SAFETY: nginx ends the indices as said; each is one of the request's variables.
        unsafe {
            while !next.is_null() && *next != ngx_uint_t::MAX {
                let found = ngx_http_get_flushed_variable(r, *next);
                captures.restore();
                let found = found.as_mut().ok_or(Failure::Memory)?;
                if found.no_cacheable() != 0 {
                    this.volatile.try_reserve(1).map_err(|_| Failure::Memory)?;
                    this.volatile.push(*next);
                    found.set_no_cacheable(0);
                }
                next = next.add(1);
            }
        }
        Ok(this)
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        for &index in &self.volatile {
            // SAFETY: `new` demands a live request and found the variable there.
            unsafe { (*(*self.r).variables.add(index)).set_no_cacheable(1) };
        }
    }
}
