//! What one worker knows: the servers of its stores, and who waits for which reply.

use std::mem::{self, MaybeUninit};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use ngx::ffi::*;
use page_cache::Failure;
use page_cache::breaker::LogLimit;
use page_cache::held::Held;
use page_cache::idle::Round;
use page_cache::page::{Body, ETag, Tags};
use page_cache::pipeline::{Handshake, Reply, Retry, Ticket};
use page_cache::wire::Protocol;

use crate::peer::Peer;
use crate::record::Record;
use crate::server::{self, Mark, Server};
use crate::sys;
use crate::ticket::Tickets;
use crate::timer::Timer;

/// What a crowd has needed is given back.
const SCRATCH: usize = 4096;

/// What one worker process knows. nginx's workers are single-threaded, and only they come here.
struct Worker {
    servers: Vec<*mut Server>,
    /// How many servers there have been.
    counted: u64,
    /// When to look for what nobody uses any more.
    tidying: *mut Timer,
    tickets: Tickets,
    /// Reused between reads.
    scratch: Vec<(Ticket, Reply)>,
    /// The ETag computed last.
    tags: Tags,
    /// What is held for clients.
    held: Option<Held>,
    complaints: Option<LogLimit>,
    /// Of having no room for a page.
    full: Option<LogLimit>,
    /// The hints that were logged: bits of [`Hint`].
    hinted: u8,
}

static mut WORKER: Worker = Worker::new();

impl Worker {
    const fn new() -> Self {
        Self {
            servers: Vec::new(),
            counted: 0,
            tidying: ptr::null_mut(),
            tickets: Tickets::new(),
            scratch: Vec::new(),
            tags: Tags::new(),
            held: None,
            complaints: None,
            full: None,
            hinted: 0,
        }
    }
}

/// The worker's state. Take what you need and let go: never hold a reference over a call that may
/// come here again.
fn worker() -> *mut Worker {
    &raw mut WORKER
}

/// The server that `peer` picked.
///
/// # Safety
/// `peer` must hold a server.
pub unsafe fn server_of(
    peer: &Peer,
    protocol: Protocol,
    handshake: &Rc<Handshake>,
) -> Result<*mut Server, Failure> {
    let address = peer.address();
    // SAFETY: the servers in the list are live, and nobody else has it now.
    unsafe {
        let servers = &raw mut (*worker()).servers;
        for &server in &*servers {
            if (*server).is(address, protocol, handshake) {
                return Ok(server);
            }
        }
        (*servers).try_reserve(1).map_err(|_| Failure::Memory)?;
        (*worker()).counted += 1;
        let mark = Mark { id: (*worker()).counted, name: peer.name().into() };
        let server = Server::new(address, mark, protocol, handshake)?;
        (*servers).push(server);
        if (*worker()).tidying.is_null() {
            let timer = Box::into_raw(Box::new(Timer::new()));
            Timer::init(timer, Some(tidy), ptr::null_mut::<Worker>());
            (*worker()).tidying = timer;
        }
        if (*(*worker()).tidying).at().is_none() {
            Timer::set((*worker()).tidying, Round::at(sys::now()).next());
        }
        Ok(server)
    }
}

/// Closes connections that are idle for long, and forgets servers that nobody asks any more.
///
/// # Safety
/// Called by nginx when the timer fires: nobody has a server in his hands then.
unsafe extern "C" fn tidy(_event: *mut ngx_event_t) {
    // SAFETY: servers come from Box::into_raw, and each that is freed has left the list.
    unsafe {
        let mut round = Round::at(sys::now());
        let mut i = 0;
        while let Some(server) = server_at(i) {
            if Server::tidy(server, &mut round) {
                let servers = &raw mut (*worker()).servers;
                (*servers).swap_remove(i);
                Server::end(server);
            } else {
                i += 1;
            }
        }
        if i > 0 {
            Timer::set((*worker()).tidying, round.next());
        }
    }
}

fn server_at(i: usize) -> Option<*mut Server> {
    // SAFETY: as `server_of`.
    unsafe {
        let servers = &raw const (*worker()).servers;
        let servers: &Vec<*mut Server> = &*servers;
        servers.get(i).copied()
    }
}

/// The server that had this mark, if it is still known.
pub fn server_by(mark: &Mark) -> Option<*mut Server> {
    // SAFETY: as `server_of`.
    unsafe {
        let servers = &raw const (*worker()).servers;
        (*servers).iter().copied().find(|&server| (*server).mark().id == mark.id)
    }
}

/// The books of what is held for clients.
pub fn held() -> &'static Held {
    // SAFETY: single-threaded; the books are made once and stay until no request is left, and
    // their own calls come not back here.
    unsafe {
        let held = &raw mut (*worker()).held;
        (*held).get_or_insert_default()
    }
}

/// Whether a line about having no room for a page may be logged now: at most one a second.
pub fn may_complain_of_full() -> Option<String> {
    // SAFETY: as `take_scratch`.
    unsafe {
        let limit = &raw mut (*worker()).full;
        (*limit).get_or_insert_default().allow(sys::now()).map(server::more)
    }
}

/// A reply to whoever holds the ticket; dropped if he has left.
///
/// # Safety
/// No reference to a record may be held.
pub unsafe fn reply(ticket: Ticket, reply: Reply) {
    // SAFETY: a ticket that can be redeemed belongs to a live record.
    unsafe {
        if let Some((record, ask)) = (*worker()).tickets.redeem(ticket) {
            Record::replied(record, ask, reply);
        }
    }
}

/// The connection of the look-up with this ticket is gone.
///
/// # Safety
/// As [`reply`].
pub unsafe fn connection_failed(ticket: Ticket, why: Failure, retry: Retry) {
    // SAFETY: as `reply`.
    unsafe {
        if let Some((record, ask)) = (*worker()).tickets.redeem(ticket) {
            Record::lost(record, ask, why, retry);
        }
    }
}

/// A ticket for the `ask`th key of `record`. `None` when memory is short.
pub fn issue(record: NonNull<Record>, ask: usize) -> Option<Ticket> {
    // SAFETY: single-threaded, and nothing of the worker is borrowed here.
    unsafe {
        let tickets = &raw mut (*worker()).tickets;
        (*tickets).issue(record, ask)
    }
}

/// Makes a ticket void.
pub fn cancel(ticket: Ticket) {
    // SAFETY: single-threaded, and nothing of the worker is borrowed here.
    unsafe {
        let tickets = &raw mut (*worker()).tickets;
        (*tickets).redeem(ticket);
    }
}

/// An empty vector for replies; give it back with [`return_scratch`].
pub fn take_scratch() -> Vec<(Ticket, Reply)> {
    // SAFETY: single-threaded, and nothing of the worker is borrowed here.
    unsafe { mem::take(&mut (*worker()).scratch) }
}

/// The counterpart of [`take_scratch`].
pub fn return_scratch(scratch: Vec<(Ticket, Reply)>) {
    // SAFETY: as `take_scratch`.
    unsafe {
        (*worker()).scratch = if scratch.capacity() > SCRATCH { Vec::new() } else { scratch };
    }
}

/// What stands in for `r->upstream` while a balancer is asked.
pub fn upstream() -> *mut ngx_http_upstream_t {
    static mut UPSTREAM: MaybeUninit<ngx_http_upstream_t> = MaybeUninit::zeroed();
    (&raw mut UPSTREAM).cast()
}

/// Its configuration, which some balancers look into (lua's set_more_tries()).
pub fn upstream_conf() -> *mut ngx_http_upstream_conf_t {
    static mut CONF: MaybeUninit<ngx_http_upstream_conf_t> = MaybeUninit::zeroed();
    (&raw mut CONF).cast()
}

/// The ETag of a page that has none of its own.
pub fn etag(body: &Body) -> ETag {
    // SAFETY: single-threaded; computing a hash calls nothing of ours.
    unsafe {
        let tags = &raw mut (*worker()).tags;
        (*tags).of(body)
    }
}

/// Whether a line about one key may be logged now: at most one a second.
pub fn may_complain() -> Option<String> {
    // SAFETY: as `take_scratch`.
    unsafe {
        let limit = &raw mut (*worker()).complaints;
        (*limit).get_or_insert_default().allow(sys::now()).map(server::more)
    }
}

/// What is worth a word of advice in the log.
#[derive(Clone, Copy, Debug)]
pub enum Hint {
    /// A pickled value where a body was expected.
    Pickled = 1,
    /// Flags of memcached that are not known.
    Flags = 2,
}

/// Whether a hint is due: each once in a worker's life.
pub fn may_hint(hint: Hint) -> bool {
    // SAFETY: as `take_scratch`.
    unsafe {
        let known = (*worker()).hinted;
        (*worker()).hinted = known | hint as u8;
        known & hint as u8 == 0
    }
}

/// Closes everything: the worker exits.
///
/// # Safety
/// Called by nginx when no request is left.
pub unsafe fn close_all() {
    // SAFETY: servers were made by Box::into_raw; nothing runs after this.
    unsafe {
        // Nobody asks again while everything closes.
        (*worker()).tickets = Tickets::new();
        for server in mem::take(&mut (*worker()).servers) {
            Server::end(server);
        }
        let tidying = (*worker()).tidying;
        if !tidying.is_null() {
            Timer::unset(tidying);
            drop(Box::from_raw(tidying));
        }
        *worker() = Worker::new();
    }
}
