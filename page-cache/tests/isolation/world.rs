//! Users, a few connections that come and go, and a store: what happens next is chosen by bytes,
//! so that a property test and a fuzzer can drive it alike.
//!
//! Whatever happens, each ticket is answered exactly once, on the connection where it was asked
//! last, and a value is one that its own key has had since it was asked for.

use std::collections::BTreeMap;

use page_cache::Failure;
use page_cache::pipeline::{Handshake, Limits, Pipeline, Reply, Retry, Sharing, Ticket};
use page_cache::wire::Protocol;

use crate::store::{KEYS, Line, Many, Store, Trick, name};

/// Limits that are asked for, in bytes.
const SIZES: [usize; 4] = [50, 5_000, 100_000, 2_000_000];

/// Connections to the store.
const CONNECTIONS: usize = 3;

/// How often what can happen did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub asked: u64,
    /// Commands for several keys.
    pub shared: u64,
    pub values: u64,
    pub absent: u64,
    pub errors: u64,
    pub too_large: u64,
    pub timeouts: u64,
    pub left: u64,
    pub retried: u64,
    pub lost: u64,
    pub faults: u64,
    pub silent: u64,
}

/// Who waits, for what, and since which version of it.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    key: usize,
    max_size: usize,
    deadline: u64,
    since: usize,
    connection: usize,
    retried: bool,
    /// The user has left: a reply goes nowhere, but it comes.
    left: bool,
}

struct Connection {
    pipeline: Pipeline,
    line: Line,
}

/// See the head of this file.
pub struct World<'a> {
    choices: &'a [u8],
    protocol: Protocol,
    handshake: Handshake,
    store: Store,
    many: Many,
    /// What is known of the store and `get` of several keys.
    sharing: Sharing,
    connections: Vec<Connection>,
    waiting: BTreeMap<u64, Waiting>,
    now: u64,
    /// Connections live long.
    calm: bool,
    pub tally: Tally,
}

impl<'a> World<'a> {
    /// Lives through what the bytes say, to the end.
    pub fn run(choices: &'a [u8]) -> Tally {
        let mut world = Self::new(choices);
        while !world.choices.is_empty() {
            let connection = world.step();
            world.check(connection);
        }
        world.settle();
        world.tally
    }

    fn new(choices: &'a [u8]) -> Self {
        let (first, choices) = choices.split_first().unwrap_or((&0, &[]));
        let protocol = if first & 1 == 0 { Protocol::Memcached } else { Protocol::Redis };
        let password = (first & 2 != 0).then(|| b"sesame".to_vec());
        let handshake = Handshake { user: None, password, db: u32::from(first >> 2 & 1) };
        let many = [Many::All, Many::Reversed, Many::Distinct, Many::Unknown];
        let many = many[usize::from(first >> 5 & 3)];
        let known = first & 128 != 0 && matches!(many, Many::All | Many::Reversed);
        let mut world = Self {
            choices,
            protocol,
            store: Store::new(protocol, many),
            many,
            sharing: if known { Sharing::Proven } else { Sharing::Unknown },
            connections: Vec::new(),
            handshake,
            waiting: BTreeMap::new(),
            now: 1_000,
            calm: first & 24 != 0,
            tally: Tally::default(),
        };
        world.connections = (0..CONNECTIONS).map(|_| world.connect()).collect();
        world
    }

    /// A fresh connection, with what others have learned.
    fn connect(&self) -> Connection {
        let mut pipeline = Pipeline::new(self.protocol, &self.handshake);
        pipeline.set_sharing(self.sharing);
        Connection { pipeline, line: Line::default() }
    }

    /// The next byte; 0 when there is none left.
    fn choose(&mut self) -> usize {
        let Some((first, rest)) = self.choices.split_first() else { return 0 };
        self.choices = rest;
        usize::from(*first)
    }

    /// A number of bytes: mostly few, sometimes all there are.
    fn some(&mut self) -> usize {
        match self.choose() {
            few @ 0..60 => few + 1,
            many @ 60..220 => (many - 59) * (many - 59) * 4,
            _ => usize::MAX,
        }
    }

    /// Lets something happen, mostly to the connection that is returned.
    fn step(&mut self) -> usize {
        let what = self.choose();
        let at = what % CONNECTIONS;
        match what / CONNECTIONS {
            0..16 => self.ask(at),
            16..20 => (0..10 + self.choose() % 16).for_each(|_| self.ask(at)),
            20..32 => self.write(at),
            32..44 => self.serve(at),
            44..64 => self.receive(at),
            64..68 => self.pass(),
            68..73 => self.leave(),
            73..77 => {
                let (key, choice) = (self.choose() % KEYS, self.choose());
                self.store.change(key, choice);
            }
            77..80 if !self.spared() => self.trick(),
            80..84 => {
                let key = name(self.protocol, self.choose() % KEYS);
                let deadline = self.now + 20;
                self.connections[at].pipeline.probe(&key, deadline).unwrap();
            }
            _ if !self.spared() => {
                self.tally.lost += 1;
                self.lose(at, Failure::Closed);
            }
            _ => {}
        }
        at
    }

    /// In calm weather most of what can go wrong does not.
    fn spared(&mut self) -> bool {
        self.calm && self.choose() >= 16
    }

    fn ask(&mut self, connection: usize) {
        let choice = self.choose();
        let (key, max_size) = (choice % KEYS, SIZES[choice / KEYS % SIZES.len()]);
        let deadline = self.now + 1 + self.choose() as u64;
        let since = self.store.version(key);
        self.tally.asked += 1;
        let waiting =
            Waiting { key, max_size, deadline, since, connection, retried: false, left: false };
        self.enqueue(self.tally.asked, waiting);
    }

    fn enqueue(&mut self, ticket: u64, waiting: Waiting) {
        let limits = Limits { deadline: waiting.deadline, max_size: waiting.max_size };
        let key = name(self.protocol, waiting.key);
        let pipeline = &mut self.connections[waiting.connection].pipeline;
        pipeline.enqueue(&key, Ticket(ticket), limits).unwrap();
        assert!(self.waiting.insert(ticket, waiting).is_none());
    }

    /// As the owner of connections does: what one of them has learned holds for the next.
    fn learn(&mut self, at: usize) {
        let sharing = self.connections[at].pipeline.sharing();
        if self.sharing != Sharing::Refused && sharing != Sharing::Unknown {
            self.sharing = sharing;
        }
    }

    fn write(&mut self, at: usize) {
        let most = self.some();
        let Connection { pipeline, line } = &mut self.connections[at];
        let out = pipeline.outgoing();
        let n = most.min(out.len());
        let shared = out[..n].split(|&byte| byte == b'\n').filter(|line| is_shared(line));
        self.tally.shared += shared.count() as u64;
        line.inbox.extend_from_slice(&out[..n]);
        pipeline.wrote(n);
    }

    fn serve(&mut self, at: usize) {
        let most = 1 + self.choose() % 8;
        self.store.serve(&mut self.connections[at].line, most);
    }

    fn receive(&mut self, at: usize) {
        let most = self.some();
        let Connection { pipeline, line } = &mut self.connections[at];
        let space = pipeline.read_space().unwrap();
        let n = most.min(space.len()).min(line.outbox.len());
        if n == 0 && line.hung_up {
            return self.lose(at, Failure::Closed);
        }
        space[..n].copy_from_slice(&line.outbox.make_contiguous()[..n]);
        line.outbox.drain(..n);
        let mut answers = Vec::new();
        let result = pipeline.received(n, &mut |ticket, reply| answers.push((ticket.0, reply)));
        for (ticket, reply) in answers {
            let waiting = self.answered(ticket, at);
            self.judge(&waiting, &reply);
        }
        if let Err(fault) = result {
            self.tally.faults += 1;
            let honest = self.connections[at].line.tricks.is_empty();
            let puzzled = self.many == Many::Unknown && self.protocol == Protocol::Memcached;
            assert!(!honest || puzzled || fault.why == Failure::TooLarge, "{fault}");
            self.lose(at, fault.why);
        }
    }

    /// Takes the one who waits with a ticket; there must be one, and on this connection.
    fn answered(&mut self, ticket: u64, at: usize) -> Waiting {
        let waiting = self.waiting.remove(&ticket).expect("a ticket was answered twice");
        assert_eq!(waiting.connection, at, "answered by a connection that was not asked");
        waiting
    }

    /// Whether a reply is one that the key's own history explains.
    fn judge(&mut self, waiting: &Waiting, reply: &Reply) {
        let line = &self.connections[waiting.connection].line;
        // Where the store itself changes bytes, nobody can tell what is right.
        let noise = line.has(|trick| matches!(trick, Trick::Noise { .. }));
        let mut since = self.store.since(waiting.key, waiting.since);
        match reply {
            Reply::Value(value) => {
                self.tally.values += 1;
                assert!(value.bytes.len() <= waiting.max_size);
                assert_eq!(value.flags.is_some(), self.protocol == Protocol::Memcached);
                let own = since.any(|it| it.is_some_and(|stored| stored.is(&value.bytes)));
                assert!(own || noise, "not a value of {waiting:?}: {:?}", show(&value.bytes));
            }
            Reply::Absent => {
                self.tally.absent += 1;
                let swapped = line.has(|trick| *trick == Trick::Swap);
                assert!(since.any(|it| it.is_none()) || swapped || noise, "{waiting:?}");
            }
            Reply::Failed(Failure::TooLarge) => {
                self.tally.too_large += 1;
                let large = since.any(|it| it.is_some_and(|it| it.len > waiting.max_size));
                assert!(large || noise, "{waiting:?}");
            }
            Reply::Failed(why) => {
                self.tally.errors += 1;
                let said = *why == Failure::Protocol && line.has(|trick| *trick == Trick::Error);
                assert!(said || noise, "{why} for {waiting:?}");
            }
        }
    }

    fn pass(&mut self) {
        self.now += 1 + self.choose() as u64 % if self.calm { 3 } else { 16 };
        for at in 0..CONNECTIONS {
            self.expire(at);
        }
    }

    fn expire(&mut self, at: usize) {
        let mut late = Vec::new();
        let pipeline = &mut self.connections[at].pipeline;
        let silent = pipeline.expire(self.now, &mut |ticket, reply| late.push((ticket.0, reply)));
        for (ticket, reply) in late {
            assert_eq!(reply, Reply::Failed(Failure::Timeout));
            assert!(self.answered(ticket, at).deadline <= self.now);
            self.tally.timeouts += 1;
        }
        assert!(self.at(at).all(|waiting| waiting.deadline > self.now));
        if silent {
            self.tally.silent += 1;
            self.lose(at, Failure::Timeout);
        }
    }

    /// A user leaves.
    fn leave(&mut self) {
        let choice = self.choose();
        let count = self.waiting.len().max(1);
        if let Some(waiting) = self.waiting.values_mut().nth(choice % count) {
            waiting.left = true;
            self.tally.left += 1;
        }
    }

    fn trick(&mut self) {
        self.store.trick = Some(match self.choose() {
            0..120 => Trick::Error,
            120..160 => Trick::Half,
            160..230 => Trick::Swap,
            _ => Trick::Noise { at: self.choose(), bits: self.choose().max(1) as u8 },
        });
    }

    /// A connection is lost, with all that was on its way, and another one made. Who may, and
    /// still wants to, asks once more.
    fn lose(&mut self, at: usize, why: Failure) {
        let mut failed = Vec::new();
        let pipeline = &mut self.connections[at].pipeline;
        pipeline.fail_all(why, &mut |ticket, why, retry| failed.push((ticket.0, why, retry)));
        let mut again = Vec::new();
        for (ticket, reason, retry) in failed {
            assert_eq!(reason, why);
            let waiting = self.answered(ticket, at);
            let wanted = !waiting.left && !waiting.retried && waiting.deadline > self.now;
            if retry == Retry::Fresh && wanted {
                again.push((ticket, waiting));
            }
        }
        assert_eq!(self.at(at).count(), 0, "all were answered");
        self.learn(at);
        self.connections[at] = self.connect();
        for (ticket, waiting) in again {
            self.tally.retried += 1;
            let connection = self.choose() % CONNECTIONS;
            self.enqueue(ticket, Waiting { connection, retried: true, ..waiting });
        }
    }

    fn at(&self, at: usize) -> impl Iterator<Item = &Waiting> {
        self.waiting.values().filter(move |waiting| waiting.connection == at)
    }

    fn check(&self, at: usize) {
        if let Some(earliest) = self.at(at).map(|waiting| waiting.deadline).min() {
            let next = self.connections[at].pipeline.next_deadline();
            assert!(next.is_some_and(|next| next <= earliest));
        }
    }

    /// Lets everything come to its end.
    fn settle(&mut self) {
        self.choices = &[];
        self.store.trick = None;
        for at in 0..CONNECTIONS {
            loop {
                let Connection { pipeline, line } = &mut self.connections[at];
                let out = pipeline.outgoing();
                let n = out.len();
                line.inbox.extend_from_slice(out);
                pipeline.wrote(n);
                self.store.serve(line, usize::MAX);
                let stuck = n == 0 && line.outbox.is_empty() && !line.hung_up;
                if stuck {
                    break;
                }
                self.choices = &[255];
                self.receive(at);
            }
            let Connection { pipeline, line } = &self.connections[at];
            assert!(pipeline.in_flight() == 0 || !line.tricks.is_empty(), "all was answered");
            self.learn(at);
        }
        let refuses = matches!(self.many, Many::Distinct | Many::Unknown);
        assert!(self.sharing != Sharing::Proven || !refuses, "learned a lie");
        self.now = u64::MAX;
        (0..CONNECTIONS).for_each(|at| self.expire(at));
        assert!(self.waiting.is_empty(), "{:?}", self.waiting);
    }
}

/// `get` of more than one key.
fn is_shared(line: &[u8]) -> bool {
    line.starts_with(b"get ") && line.iter().filter(|&&byte| byte == b' ').count() > 1
}

fn show(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(60)].escape_ascii().to_string()
}
