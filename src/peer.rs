//! nginx's balancer, borrowed: which server a key goes to.
//!
//! The balancing methods read `r->upstream`, so each look-up gets a zeroed `ngx_http_upstream_t`
//! of its own that stands in for the time of the call (`ngx_http_upstream.c`,
//! `ngx_http_upstream_init_request`).

use std::mem;
use std::ptr::{self, NonNull};

use ngx::ffi::*;
use page_cache::Failure;

use crate::store;
use crate::sys::{self, code};

/// The balancer's state for one key of one request.
pub struct Peer {
    r: *mut ngx_http_request_t,
    upstream: *mut ngx_http_upstream_t,
    /// A server was picked and not given back yet.
    held: bool,
}

/// How a server did, for the balancer's books.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Verdict {
    /// It answered, or was not asked.
    Fine,
    /// It could not be reached, broke off or was silent.
    Failed,
}

impl Peer {
    /// Prepares to pick servers of `us` for `r`.
    ///
    /// # Safety
    /// `r` must be live and outlive the peer; `us` is an initialised upstream.
    pub unsafe fn new(
        r: *mut ngx_http_request_t,
        us: *mut ngx_http_upstream_srv_conf_t,
    ) -> Result<Self, Failure> {
        let upstream = store::take_upstream().ok_or(Failure::Memory)?.as_ptr();
        let mut peer = Self { r, upstream, held: false };
        // SAFETY: `peer.init` is set for every upstream once the configuration has been read.
        let ready = unsafe {
            (*upstream).peer.log = (*(*r).connection).log;
            (*upstream).peer.start_time = ngx_current_msec;
            let init = (*us).peer.init.ok_or(Failure::Down)?;
            peer.borrowing(|r| init(r, us))
        };
        if ready == code::OK { Ok(peer) } else { Err(Failure::Memory) }
    }

    /// Runs `f` while `r->upstream` is ours.
    fn borrowing<T>(&mut self, f: impl FnOnce(*mut ngx_http_request_t) -> T) -> T {
        // SAFETY: `r` outlives us; nothing else runs meanwhile.
        unsafe {
            let saved = mem::replace(&mut (*self.r).upstream, self.upstream);
            let result = f(self.r);
            (*self.r).upstream = saved;
            result
        }
    }

    /// Picks the next server. `Err(Failure::Down)`: nginx has none to give.
    pub fn pick(&mut self) -> Result<(), Failure> {
        self.give_back(Verdict::Fine);
        let upstream = self.upstream;
        // SAFETY: `upstream` is ours until the peer is dropped.
        let pc = unsafe { &raw mut (*upstream).peer };
        // SAFETY: `peer.init` set `get`.
        let picked = self.borrowing(|_| unsafe {
            match (*pc).get {
                Some(get) => get(pc, (*pc).data),
                None => code::ERROR,
            }
        });
        if picked == code::DONE {
            // SAFETY: with NGX_DONE the `keepalive` module hands over a connection of its own.
            unsafe { close_cached(pc) };
        } else if picked != code::OK {
            return Err(Failure::Down);
        }
        self.held = true;
        Ok(())
    }

    /// Gives the server back to the balancer; once for each pick, whatever happens.
    pub fn give_back(&mut self, verdict: Verdict) {
        if !mem::take(&mut self.held) {
            return;
        }
        let upstream = self.upstream;
        let state = match verdict {
            Verdict::Fine => 0,
            Verdict::Failed => NGX_PEER_FAILED as ngx_uint_t,
        };
        self.borrowing(|_| {
            // SAFETY: as in `pick`; the server was picked and is given back now.
            unsafe {
                let pc = &raw mut (*upstream).peer;
                if let Some(free) = (*pc).free {
                    free(pc, (*pc).data, state);
                }
            }
        });
    }

    /// Whether the balancer has another server to try.
    pub fn has_more(&self) -> bool {
        // SAFETY: `upstream` is ours until the peer is dropped.
        unsafe { (*self.upstream).peer.tries > 0 }
    }

    /// Whether a server is held.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The address of the server picked.
    pub fn address(&self) -> &[u8] {
        // SAFETY: after a pick nginx points to an address of its configuration (or of the
        // request's pool).
        unsafe {
            let pc = &(*self.upstream).peer;
            if pc.sockaddr.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(pc.sockaddr.cast::<u8>(), pc.socklen as usize)
        }
    }

    /// The printable address of the server picked.
    pub fn name(&self) -> &[u8] {
        // SAFETY: as `address`.
        unsafe {
            let name = (*self.upstream).peer.name;
            if name.is_null() { &[] } else { sys::bytes(*name) }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.give_back(Verdict::Fine);
        if let Some(upstream) = NonNull::new(self.upstream) {
            store::return_upstream(upstream);
        }
    }
}

/// Closes a connection that the `keepalive` module had in store: ours are our own.
///
/// # Safety
/// `pc` must be a peer connection for which `get` just returned NGX_DONE.
unsafe fn close_cached(pc: *mut ngx_peer_connection_t) {
    // SAFETY: the module took the connection off its queue; it is ours to close.
    unsafe {
        let c = mem::replace(&mut (*pc).connection, ptr::null_mut());
        if c.is_null() {
            return;
        }
        let pool = (*c).pool;
        if !pool.is_null() {
            ngx_destroy_pool(pool);
        }
        ngx_close_connection(c);
    }
}
