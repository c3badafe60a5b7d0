//! What nginx keeps of the last regular expression of a request: `$1` and its like.
//!
//! There is one place for it in a request (`ngx_http_regex_exec`, ngx_http_variables.c), and a `map`
//! with an expression in one of our parameters writes there too. Whoever comes after us, `proxy_pass
//! http://app/users/$1;` say, has to find what its location has put there.

#[cfg(ngx_feature = "pcre")]
mod pcre {
    use std::ffi::c_int;
    use std::ptr;

    use ngx::ffi::*;
    use page_cache::Failure;
    use smallvec::SmallVec;

    use crate::bits;

    /// The captures of a request, put back when this is dropped.
    pub struct Captures {
        r: *mut ngx_http_request_t,
        count: ngx_uint_t,
        array: *mut c_int,
        data: *mut u_char,
        /// The array belongs to another request as well, and nginx takes a new one rather than
        /// write to it (`ngx_http_subrequest`).
        shared: bool,
        /// What the array holds: `$0` to `$9`, more only if the configuration has more.
        offsets: SmallVec<[c_int; 20]>,
    }

    impl Captures {
        /// Remembers what `r` has.
        ///
        /// # Errors
        /// [`Failure::Memory`] if there is no memory to remember it; nothing may be evaluated then.
        ///
        /// # Safety
        /// `r` must be live and outlive the value.
        pub unsafe fn save(r: *mut ngx_http_request_t) -> Result<Self, Failure> {
            // SAFETY: `r` is live; nginx fills the first `ncaptures` elements of its array, which
            // has as many as the main configuration says.
            unsafe {
                let (count, array) = ((*r).ncaptures, (*r).captures);
                let shared = bits::realloc_captures(r);
                let mut offsets = SmallVec::new();
                if !array.is_null() && !shared {
                    let index = ngx_http_core_module.ctx_index;
                    let main = (*(*r).main_conf.add(index)).cast::<ngx_http_core_main_conf_t>();
                    let used = count.min((*main).ncaptures);
                    offsets.try_reserve(used).map_err(|_| Failure::Memory)?;
                    offsets.extend_from_slice(std::slice::from_raw_parts(array, used));
                }
                Ok(Self { r, count, array, data: (*r).captures_data, shared, offsets })
            }
        }

        /// Puts them back.
        pub fn restore(&self) {
            // SAFETY: `r` is live, as `save` demands; the array lives in its pool and has room for
            // what was read from it.
            unsafe {
                let r = self.r;
                (*r).ncaptures = self.count;
                (*r).captures = self.array;
                (*r).captures_data = self.data;
                bits::set_realloc_captures(r, self.shared);
                let (from, len) = (self.offsets.as_ptr(), self.offsets.len());
                if len > 0 {
                    ptr::copy_nonoverlapping(from, self.array, len);
                }
            }
        }
    }
}

#[cfg(not(ngx_feature = "pcre"))]
mod pcre {
    use ngx::ffi::ngx_http_request_t;
    use page_cache::Failure;

    /// The captures of a request in an nginx that has none.
    pub struct Captures;

    impl Captures {
        /// Remembers nothing.
        ///
        /// # Errors
        /// None.
        ///
        /// # Safety
        /// None: nothing is read.
        pub unsafe fn save(_r: *mut ngx_http_request_t) -> Result<Self, Failure> {
            Ok(Self)
        }

        /// Puts nothing back.
        pub fn restore(&self) {}
    }
}

pub use pcre::Captures;

impl Drop for Captures {
    fn drop(&mut self) {
        self.restore();
    }
}
