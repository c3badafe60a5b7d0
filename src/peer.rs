//! nginx's balancer, borrowed: which server a key goes to.
//!
//! The balancing methods read `r->upstream` (`ngx_http_upstream.c`,
//! `ngx_http_upstream_init_request`). One structure of the worker's stands in for it for the time
//! of a call, with the peer connection of the look-up that the call is for: this, of all that it
//! holds, is what a balancer keeps its own state in. A structure for each look-up would be a
//! kilobyte in the pool of every parked request.

use std::mem;
use std::ptr;

use ngx::ffi::*;
use page_cache::Failure;

use crate::captures::Captures;
use crate::store;
use crate::sys::{self, code};

/// The balancer's state for one key of one request.
pub struct Peer {
    r: *mut ngx_http_request_t,
    pc: ngx_peer_connection_t,
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
        // SAFETY: a zeroed peer connection is what nginx starts from.
        let mut peer = Self { r, pc: unsafe { mem::zeroed() }, held: false };
        // SAFETY: `r` is live; `peer.init` is set for every upstream once the configuration has
        // been read; nobody uses the stand-in outside of a call.
        let ready = unsafe {
            peer.pc.log = (*(*r).connection).log;
            peer.pc.start_time = ngx_current_msec;
            let init = (*us).peer.init.ok_or(Failure::Down)?;
            let upstream = store::upstream();
            upstream.write_bytes(0, 1);
            (*upstream).conf = store::upstream_conf();
            // `hash $key` evaluates its key here.
            let _captures = Captures::save(r)?;
            peer.borrowing(|_| init(r, us))
        };
        if ready == code::OK { Ok(peer) } else { Err(Failure::Memory) }
    }

    /// Runs `f`, which gets the place of the peer connection, while `r->upstream` is ours.
    fn borrowing<T>(&mut self, f: impl FnOnce(*mut ngx_peer_connection_t) -> T) -> T {
        let upstream = store::upstream();
        // SAFETY: `r` outlives us; the stand-in is the worker's and never freed, and nothing else
        // runs meanwhile that could want it: a balancer calls no phase handler.
        unsafe {
            let saved = mem::replace(&mut (*self.r).upstream, upstream);
            let place = &raw mut (*upstream).peer;
            ptr::write(place, ptr::read(&raw const self.pc));
            let result = f(place);
            self.pc = ptr::read(place);
            (*self.r).upstream = saved;
            result
        }
    }

    /// Picks the next server.
    ///
    /// # Errors
    /// [`Failure::Down`] if nginx has none to give, [`Failure::Memory`] if memory is short.
    pub fn pick(&mut self) -> Result<(), Failure> {
        self.give_back(Verdict::Fine);
        // SAFETY: `r` outlives us. A balancing method may evaluate what it goes by here.
        let _captures = unsafe { Captures::save(self.r)? };
        // SAFETY: `peer.init` set `get`.
        let picked = self.borrowing(|pc| unsafe {
            let picked = match (*pc).get {
                Some(get) => get(pc, (*pc).data),
                None => code::ERROR,
            };
            if picked == code::DONE {
                // With NGX_DONE the `keepalive` module hands over a connection of its own.
                close_cached(pc);
            }
            picked
        });
        if picked != code::OK && picked != code::DONE {
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
        let state = match verdict {
            Verdict::Fine => 0,
            Verdict::Failed => NGX_PEER_FAILED as ngx_uint_t,
        };
        self.borrowing(|pc| {
            // SAFETY: as in `pick`; the server was picked and is given back now.
            unsafe {
                if let Some(free) = (*pc).free {
                    free(pc, (*pc).data, state);
                }
            }
        });
    }

    /// Whether the balancer has another server to try.
    pub fn has_more(&self) -> bool {
        self.pc.tries > 0
    }

    /// Whether a server is held.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The address of the server picked.
    pub fn address(&self) -> &[u8] {
        let (address, len) = (self.pc.sockaddr.cast::<u8>(), self.pc.socklen as usize);
        if address.is_null() {
            return &[];
        }
        // SAFETY: after a pick nginx points to an address of its configuration (or of the
        // request's pool).
        unsafe { std::slice::from_raw_parts(address, len) }
    }

    /// The printable address of the server picked.
    pub fn name(&self) -> &[u8] {
        // SAFETY: as `address`.
        unsafe { self.pc.name.as_ref().map_or(&[], |&name| sys::bytes(name)) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.give_back(Verdict::Fine);
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
