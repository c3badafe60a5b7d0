//! One server of a store: its connections, its breaker, and the probes while it is down.

mod health;

pub use health::more;

use std::mem;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use ngx::ffi::*;
use page_cache::Failure;
use page_cache::breaker::{Breaker, LogLimit};
use page_cache::idle::Round;
use page_cache::oversize::{Form, Oversize};
use page_cache::pipeline::{Handshake, Limits, Pipeline, Sharing, Ticket};
use page_cache::wire::Protocol;

use crate::connection::{Connection, Reason};
use crate::record::Record;
use crate::store;
use crate::sys;
use crate::timer::Timer;

/// However long some location waits, a server that is silent for so long is down, in milliseconds.
const LONGEST_PATIENCE: u64 = 1_000;

/// So many look-ups may queue on one connection before another one is opened.
const CROWDED: usize = 64;

/// So many connections lost over a command for several keys are no accident.
const LOST_TRIALS: u8 = 3;

/// A server by its number and name: what outlives it.
#[derive(Clone)]
pub struct Mark {
    /// No two servers of a worker ever have the same one.
    pub id: u64,
    /// The printable address.
    pub name: Rc<[u8]>,
}

/// One server of a store: an address, a protocol and who we are to it.
pub struct Server {
    protocol: Protocol,
    handshake: Rc<Handshake>,
    address: Box<libc::sockaddr_storage>,
    address_len: usize,
    mark: Mark,
    connections: Vec<*mut Connection>,
    /// Whether it answers a `get` of many keys, as far as connections that are gone know.
    sharing: Sharing,
    /// Connections that were lost over a command for several keys.
    lost_trials: u8,
    breaker: Breaker,
    complaints: LogLimit,
    oversize: Oversize,
    /// When to try it again.
    alarm: Timer,
    /// When a request wanted it last, in milliseconds of [`sys::now`].
    used: u64,
    /// The connection for trials, while it is left alone.
    prober: *mut Connection,
    /// Asked for again to see whether the server is back.
    last_key: Vec<u8>,
    /// Milliseconds; those of the location that asked last.
    connect_timeout: u64,
    timeout: u64,
    /// The longest time that anybody gave a look-up, in milliseconds.
    patience: u64,
}

/// What a look-up brings along.
pub struct Request<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Whose it is.
    pub record: NonNull<Record>,
    /// Which of the record's keys it is.
    pub ask: usize,
    /// What the waiter can bear.
    pub limits: Limits,
    /// Milliseconds to connect and be let in.
    pub connect_timeout: u64,
    /// Milliseconds for the whole look-up.
    pub timeout: u64,
    /// `rust_page_cache_connections`
    pub connections: usize,
    /// Not on a connection that was there before: the last one broke.
    pub fresh: bool,
}

impl Server {
    /// A server of which nothing is known; it stays where it is until [`Self::end`].
    ///
    /// # Errors
    /// [`Failure::Connect`] for an address that cannot be one.
    pub fn new(
        address: &[u8],
        mark: Mark,
        protocol: Protocol,
        handshake: &Rc<Handshake>,
    ) -> Result<*mut Self, Failure> {
        // SAFETY: all-zero is a valid sockaddr_storage.
        let mut storage: Box<libc::sockaddr_storage> = Box::new(unsafe { mem::zeroed() });
        if address.is_empty() || address.len() > mem::size_of::<libc::sockaddr_storage>() {
            return Err(Failure::Connect);
        }
        // SAFETY: `storage` has room for the address, as just checked.
        unsafe {
            let to = (&raw mut *storage).cast::<u8>();
            ptr::copy_nonoverlapping(address.as_ptr(), to, address.len());
        }
        let server = Box::into_raw(Box::new(Self {
            protocol,
            handshake: Rc::clone(handshake),
            address: storage,
            address_len: address.len(),
            mark,
            connections: Vec::new(),
            sharing: Sharing::default(),
            lost_trials: 0,
            breaker: Breaker::new(),
            complaints: LogLimit::default(),
            oversize: Oversize::new(),
            alarm: Timer::new(),
            used: sys::now(),
            prober: ptr::null_mut(),
            last_key: Vec::new(),
            connect_timeout: 0,
            timeout: 0,
            patience: 0,
        }));
        // SAFETY: `server` stays where it is until it is freed.
        unsafe { Timer::init(&raw mut (*server).alarm, Some(health::on_alarm), server) };
        Ok(server)
    }

    /// Whether this is the server for that address, protocol and identity.
    pub fn is(&self, address: &[u8], protocol: Protocol, handshake: &Rc<Handshake>) -> bool {
        // SAFETY: `address_len` bytes of the storage were filled.
        let own = unsafe {
            let from = (&raw const *self.address).cast::<u8>();
            std::slice::from_raw_parts(from, self.address_len)
        };
        own == address
            && self.protocol == protocol
            && (Rc::ptr_eq(&self.handshake, handshake) || *self.handshake == **handshake)
    }

    /// The address, for connect().
    pub fn sockaddr(&self) -> *mut sockaddr {
        (&raw const *self.address).cast_mut().cast()
    }

    /// Its length in bytes.
    pub fn socklen(&self) -> socklen_t {
        self.address_len as socklen_t
    }

    /// The printable address.
    pub fn name(&self) -> &[u8] {
        &self.mark.name
    }

    /// What to remember it by.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Protocol and address, for the log.
    pub fn shown(&self) -> String {
        let protocol = match self.protocol {
            Protocol::Memcached => "memcached",
            Protocol::Redis => "redis",
        };
        format!("{protocol} {}", String::from_utf8_lossy(self.name()))
    }

    /// Closes its connections and frees it: the worker exits, or nobody uses it any more.
    ///
    /// # Safety
    /// `this` must come from [`Self::new`] and be in nobody's hands.
    pub unsafe fn end(this: *mut Self) {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            while let Some(&connection) = (*this).connections.last() {
                Connection::retire(connection);
            }
            Timer::unset(&raw mut (*this).alarm);
            drop(Box::from_raw(this));
        }
    }

    /// A pipeline for a new connection.
    pub fn new_pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new(self.protocol, &self.handshake);
        pipeline.set_sharing(self.sharing);
        pipeline
    }

    /// What a connection that is gone has found out; a refusal is not forgotten as long as the
    /// worker lives.
    ///
    /// # Safety
    /// The connections must be open.
    pub unsafe fn learn(&mut self, sharing: Sharing) {
        if self.sharing == Sharing::Refused {
            return;
        }
        match sharing {
            Sharing::Unknown => {}
            Sharing::Proven | Sharing::Refused => self.sharing = sharing,
            Sharing::Asked => {
                self.lost_trials = self.lost_trials.saturating_add(1);
                let is_often = self.lost_trials >= LOST_TRIALS;
                self.sharing = if is_often { Sharing::Refused } else { Sharing::Unknown };
                // Those who ask again must not meet again.
                for &connection in &self.connections {
                    // SAFETY: the caller vouches for it.
                    unsafe { (*connection).set_sharing(self.sharing) };
                }
            }
        }
    }

    /// Whether the breaker lets a request ask for `key`. If not, the server may be tried with it.
    ///
    /// # Safety
    /// As `send`.
    pub unsafe fn admits(this: *mut Self, key: &[u8]) -> bool {
        // SAFETY: the caller vouches for `this`.
        unsafe {
            let now = sys::now();
            (*this).used = now;
            if (*this).breaker.allows() {
                return true;
            }
            let admits = (*this).breaker.admits(key, now);
            Self::wait_for_trial(this);
            admits
        }
    }

    /// Closes connections that have been idle for long. Whether it may be forgotten: it was not
    /// used for as long either.
    ///
    /// # Safety
    /// `this` must be a server of this worker, in nobody's hands.
    pub unsafe fn tidy(this: *mut Self, round: &mut Round) -> bool {
        // SAFETY: the caller vouches for `this`; its connections are open, and each that is retired
        // leaves the list.
        unsafe {
            let mut i = 0;
            while let Some(connection) = (*this).connection_at(i) {
                match (*connection).idle_since() {
                    Some(since) if round.is_over(since) => Connection::retire(connection),
                    _ => i += 1,
                }
            }
            (*this).connections.is_empty() && round.is_over((*this).used)
        }
    }

    /// Whether the value of `key`, or what `reader` makes of it, is known to be over `limit` bytes.
    pub fn knows_too_large(&self, key: &[u8], reader: u64, limit: usize) -> bool {
        self.oversize.is_too_large(key, reader, limit, sys::now())
    }

    /// The value of `key` is over `limit` bytes.
    pub fn remember_too_large(&mut self, key: &[u8], form: Form, limit: usize) {
        self.oversize.remember(key, form, limit, sys::now());
    }

    /// How long the server may be silent before it is taken to be down, in milliseconds: as long
    /// as anybody waits for it, but not for ever on behalf of others.
    pub fn patience(&self) -> u64 {
        self.patience.min(LONGEST_PATIENCE)
    }

    /// A connection is gone, or on its way.
    pub fn forget(&mut self, connection: *mut Connection) {
        self.connections.retain(|&c| !ptr::eq(c, connection));
    }

    /// A complete reply came.
    pub fn succeeded(&mut self) {
        self.breaker.succeeded(sys::now());
    }

    /// The key to probe with; without memory, it stays the one before.
    fn note_key(&mut self, key: &[u8]) {
        let more = key.len().saturating_sub(self.last_key.len());
        if self.last_key.try_reserve(more).is_ok() {
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
        }
    }

    /// Sends a look-up to this server.
    ///
    /// # Safety
    /// `this` must be a server of this worker; `request.record` must be live.
    pub unsafe fn send(this: *mut Self, request: &Request<'_>) -> Result<Ticket, Failure> {
        // SAFETY: the caller vouches for `this`; its connections are open.
        unsafe {
            (*this).connect_timeout = request.connect_timeout;
            (*this).timeout = request.timeout;
            (*this).patience = (*this).patience.max(request.timeout);
            // First, since a server that cannot be reached at all is probed with this key.
            (*this).note_key(request.key);
            let connection = match Self::connection(this, request) {
                Ok(connection) => connection,
                Err(reason) => {
                    let why = reason.why;
                    Self::failed(this, &reason, Vec::new());
                    return Err(why);
                }
            };
            let issued = store::issue(request.record, request.ask);
            let ticket = issued.ok_or(Failure::Memory)?;
            let sent = Connection::enqueue(connection, request.key, ticket, request.limits);
            if let Err(why) = sent {
                store::cancel(ticket);
                return Err(why);
            }
            Ok(ticket)
        }
    }

    fn connection_at(&self, i: usize) -> Option<*mut Connection> {
        self.connections.get(i).copied()
    }

    /// Whether `connection` is the one for trials.
    pub fn is_prober(&self, connection: *mut Connection) -> bool {
        ptr::eq(self.prober, connection)
    }

    /// Whether `connection`, which is gone, was the one for trials.
    pub fn was_prober(&mut self, connection: *mut Connection) -> bool {
        let was = self.is_prober(connection);
        if was {
            self.prober = ptr::null_mut();
        }
        was
    }

    /// The connection for a look-up: one to which others are written in this turn, else the least
    /// busy one, or a new one while there may be more and this one is crowded.
    ///
    /// # Safety
    /// As `send`.
    unsafe fn connection(
        this: *mut Self,
        request: &Request<'_>,
    ) -> Result<*mut Connection, Reason> {
        // SAFETY: the caller vouches for `this`; its connections are open.
        unsafe {
            let usable = || (*this).connections.iter().copied().filter(|&c| (*c).is_usable());
            let may_add = usable().count() < request.connections;
            let best = if request.fresh {
                usable().next_back()
            } else {
                let best = usable().find(|&c| (*c).is_gathering());
                best.or_else(|| usable().min_by_key(|&c| (*c).in_flight()))
            };
            if let Some(best) = best {
                let will_do = !request.fresh && (*best).in_flight() < CROWDED;
                if !may_add || will_do {
                    return Ok(best);
                }
            }
            // Others will use it too: the time that this look-up has left does not matter.
            let opened = Self::open(this, request.connect_timeout, false);
            // A crowded connection is better than none, and says that the server is well.
            match best {
                Some(best) if !request.fresh => Ok(opened.unwrap_or(best)),
                _ => opened,
            }
        }
    }

    /// # Safety
    /// As `send`.
    unsafe fn open(
        this: *mut Self,
        connect_timeout: u64,
        is_probe: bool,
    ) -> Result<*mut Connection, Reason> {
        // SAFETY: servers outlive their connections.
        unsafe {
            if (*this).connections.try_reserve(1).is_err() {
                return Err(Failure::Memory.into());
            }
            let connection = Connection::open(this, connect_timeout, is_probe)?;
            (*this).connections.push(connection);
            Ok(connection)
        }
    }
}
