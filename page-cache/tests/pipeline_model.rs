//! The pipeline against a model: whatever is asked, however writes and reads are
//! cut, whoever stops waiting and whenever the connection breaks, each ticket gets
//! exactly one answer, the right one, and none that was read before it asked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};

use page_cache::Failure;
use page_cache::pipeline::{Handshake, Limits, Pipeline, Reply, Retry, Ticket};
use page_cache::wire::Protocol;
use proptest::prelude::*;

/// Lengths of the values, key by key; `None` has no value.
const LENGTHS: [Option<usize>; 7] =
    [None, Some(0), Some(1), Some(300), Some(9_000), Some(150_000), Some(1_200_000)];

/// Limits that are asked for.
const SIZES: [usize; 3] = [10, 10_000, 2_000_000];

#[derive(Clone, Debug)]
enum Op {
    Ask {
        key: usize,
        size: usize,
        wait: u64,
    },
    Write {
        most: usize,
    },
    /// The server reads what was written and answers it.
    Serve,
    /// The value of a key changes.
    Change {
        key: usize,
    },
    Receive {
        most: usize,
    },
    Pass {
        time: u64,
    },
    Break,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let most = || prop_oneof![1..40usize, 1..5_000usize, Just(usize::MAX)];
    let op = prop_oneof![
        8 => (0..LENGTHS.len(), 0..SIZES.len(), 1..60u64)
            .prop_map(|(key, size, wait)| Op::Ask { key, size, wait }),
        4 => most().prop_map(|most| Op::Write { most }),
        3 => Just(Op::Serve),
        1 => (0..LENGTHS.len()).prop_map(|key| Op::Change { key }),
        6 => most().prop_map(|most| Op::Receive { most }),
        2 => (1..30u64).prop_map(|time| Op::Pass { time }),
        1 => Just(Op::Break),
    ];
    prop::collection::vec(op, 1..80)
}

fn name(key: usize) -> String {
    format!(":1:page/{key}")
}

/// The value of a key, different for each version: no two of them look alike, and
/// none contains framing.
fn body(key: usize, version: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| b'a' + ((at / 7 + at * 3 + key * 5 + version * 11) % 26) as u8).collect()
}

/// A store that knows its protocol and never lies.
#[derive(Default)]
struct Server {
    inbox: Vec<u8>,
    outbox: VecDeque<u8>,
}

impl Server {
    /// Answers all that is complete; returns keys and lengths of the replies.
    fn serve(&mut self, protocol: Protocol, versions: &[usize]) -> Vec<(usize, usize)> {
        let mut served = Vec::new();
        loop {
            let (words, len) = match protocol {
                Protocol::Memcached => parse_line(&self.inbox),
                Protocol::Redis => parse_array(&self.inbox),
            };
            let Some(words) = words else { break served };
            self.inbox.drain(..len);
            match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["AUTH", "me", "sesame"] | ["SELECT", "3"] => {
                    self.outbox.extend(b"+OK\r\n");
                }
                ["GET" | "get", key] => {
                    let key = (0..LENGTHS.len()).find(|&n| name(n) == key).unwrap();
                    let reply = reply(protocol, key, versions[key]);
                    served.push((key, reply.len()));
                    self.outbox.extend(reply);
                }
                _ => panic!("{words:?}"),
            }
        }
    }
}

fn parse_line(bytes: &[u8]) -> (Option<Vec<String>>, usize) {
    let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return (None, 0) };
    let line = std::str::from_utf8(&bytes[..end]).unwrap();
    (Some(line.split(' ').map(str::to_owned).collect()), end + 2)
}

fn parse_array(bytes: &[u8]) -> (Option<Vec<String>>, usize) {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut lines = text.split_inclusive("\r\n");
    let mut len = 0;
    let mut line = || {
        let line = lines.next()?;
        len += line.len();
        line.strip_suffix("\r\n")
    };
    let mut parse = || {
        let count: usize = line()?.strip_prefix('*').unwrap().parse().unwrap();
        (0..count)
            .map(|_| {
                let len: usize = line()?.strip_prefix('$').unwrap().parse().unwrap();
                line().filter(|word| word.len() == len).map(str::to_owned)
            })
            .collect::<Option<Vec<_>>>()
    };
    (parse(), len)
}

fn reply(protocol: Protocol, key: usize, version: usize) -> Vec<u8> {
    match (protocol, LENGTHS[key]) {
        (Protocol::Memcached, None) => b"END\r\n".to_vec(),
        (Protocol::Redis, None) => b"$-1\r\n".to_vec(),
        (Protocol::Memcached, Some(len)) => {
            let head = format!("VALUE {} {version} {len}\r\n", name(key)).into_bytes();
            [head, body(key, version, len), b"\r\nEND\r\n".to_vec()].concat()
        }
        (Protocol::Redis, Some(len)) => {
            let head = format!("${len}\r\n").into_bytes();
            [head, body(key, version, len), b"\r\n".to_vec()].concat()
        }
    }
}

/// Who waits, for what, and since which version of it.
#[derive(Clone, Debug)]
struct Waiting {
    key: usize,
    size: usize,
    deadline: u64,
    version: usize,
}

/// One look-up, as the model sees it.
#[derive(Clone, Debug)]
struct Lookup {
    key: usize,
    size: usize,
    tickets: Vec<u64>,
    /// Bytes of it that are not written yet.
    unwritten: usize,
    /// What had been received when it was written.
    written_at: Option<usize>,
    /// Bytes of its reply that were not received yet, once the server has answered.
    due: Option<usize>,
    begun: bool,
}

struct Model {
    protocol: Protocol,
    handshake: Handshake,
    pipeline: Pipeline,
    server: Server,
    now: u64,
    versions: Vec<usize>,
    waiting: BTreeMap<u64, Waiting>,
    tickets: u64,
    lookups: VecDeque<Lookup>,
    received: usize,
}

type Check = Result<(), TestCaseError>;

impl Model {
    fn new(protocol: Protocol, handshake: Handshake) -> Self {
        Self {
            pipeline: Pipeline::new(protocol, &handshake),
            protocol,
            handshake,
            server: Server::default(),
            now: 1_000,
            versions: vec![0; LENGTHS.len()],
            waiting: BTreeMap::new(),
            tickets: 0,
            lookups: VecDeque::new(),
            received: 0,
        }
    }

    fn run(&mut self, op: &Op) -> Check {
        match *op {
            Op::Ask { key, size, wait } => self.ask(key, SIZES[size], wait),
            Op::Write { most } => self.write(most),
            Op::Serve => self.serve(),
            Op::Change { key } => self.versions[key] += 1,
            Op::Receive { most } => self.receive(most)?,
            Op::Pass { time } => self.pass(time)?,
            Op::Break => self.break_off(Failure::Closed)?,
        }
        self.check()
    }

    fn ask(&mut self, key: usize, size: usize, wait: u64) {
        self.tickets += 1;
        let (ticket, deadline) = (self.tickets, self.now + wait);
        let version = self.versions[key];
        self.waiting.insert(ticket, Waiting { key, size, deadline, version });
        let limits = Limits { deadline, max_size: size };
        self.pipeline.enqueue(name(key).as_bytes(), Ticket(ticket), limits).unwrap();
        let len = match self.protocol {
            Protocol::Memcached => format!("get {}\r\n", name(key)).len(),
            Protocol::Redis => {
                format!("*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n", name(key).len(), name(key)).len()
            }
        };
        let untouched = |it: &&mut Lookup| it.unwritten == len && (it.key, it.size) == (key, size);
        match self.lookups.iter_mut().find(untouched) {
            Some(twin) => twin.tickets.push(ticket),
            None => self.lookups.push_back(Lookup {
                key,
                size,
                tickets: vec![ticket],
                unwritten: len,
                written_at: None,
                due: None,
                begun: false,
            }),
        }
    }

    fn write(&mut self, most: usize) {
        let open = self.pipeline.is_open();
        let out = self.pipeline.outgoing();
        let n = most.min(out.len());
        self.server.inbox.extend_from_slice(&out[..n]);
        self.pipeline.wrote(n);
        let mut left = if open { n } else { 0 };
        for lookup in self.lookups.iter_mut().filter(|it| it.written_at.is_none()) {
            let part = left.min(lookup.unwritten);
            lookup.unwritten -= part;
            left -= part;
            if lookup.unwritten == 0 {
                lookup.written_at = Some(self.received);
            }
        }
    }

    fn serve(&mut self) {
        let served = self.server.serve(self.protocol, &self.versions);
        let unserved = self.lookups.iter_mut().filter(|it| it.due.is_none());
        for (lookup, (key, len)) in unserved.zip(served) {
            assert_eq!(lookup.key, key, "asked in order");
            lookup.due = Some(len);
        }
    }

    fn receive(&mut self, most: usize) -> Check {
        let open = self.pipeline.is_open();
        let space = self.pipeline.read_space().unwrap();
        let n = most.min(space.len()).min(self.server.outbox.len());
        for (place, byte) in space.iter_mut().zip(self.server.outbox.drain(..n)) {
            *place = byte;
        }
        self.received += n;
        let mut answers = Vec::new();
        let result =
            self.pipeline.received(n, &mut |ticket, reply| answers.push((ticket.0, reply)));
        let mut left = if open { n } else { 0 };
        while let Some(lookup) = self.lookups.front_mut().filter(|_| left > 0) {
            let due = lookup.due.unwrap();
            let part = left.min(due);
            left -= part;
            lookup.begun = true;
            lookup.due = Some(due - part);
            if part < due {
                break;
            }
            let lookup = self.lookups.pop_front().unwrap();
            // The whole of it is here: all who waited have their answer.
            for ticket in lookup.tickets {
                let answered = answers.iter().any(|(other, _)| *other == ticket);
                prop_assert!(answered || !self.waiting.contains_key(&ticket));
            }
        }
        for (ticket, reply) in answers {
            self.answer(ticket, &reply)?;
        }
        match result {
            Ok(()) => Ok(()),
            Err(fault) => {
                prop_assert_eq!(fault.why, Failure::TooLarge);
                let front = self.lookups.front().unwrap();
                prop_assert!(LENGTHS[front.key].unwrap() > front.size.max(1024 * 1024));
                self.break_off(fault.why)
            }
        }
    }

    fn answer(&mut self, ticket: u64, reply: &Reply) -> Check {
        let Some(waiting) = self.waiting.remove(&ticket) else {
            return Err(TestCaseError::fail(format!("{ticket} was answered before")));
        };
        let len = LENGTHS[waiting.key];
        match reply {
            Reply::Value(value) => {
                prop_assert!(value.bytes.len() <= waiting.size);
                let mut versions = waiting.version..=self.versions[waiting.key];
                let of = versions.find(|&v| body(waiting.key, v, len.unwrap()) == value.bytes);
                prop_assert!(of.is_some(), "not a value of {waiting:?} since it was asked for");
                prop_assert_eq!(value.flags.is_some(), self.protocol == Protocol::Memcached);
            }
            Reply::Absent => prop_assert_eq!(len, None),
            Reply::Failed(why) => {
                prop_assert_eq!(*why, Failure::TooLarge);
                prop_assert!(len.unwrap() > waiting.size);
            }
        }
        Ok(())
    }

    fn pass(&mut self, time: u64) -> Check {
        self.now += time;
        let mut expired = Vec::new();
        let silent = self.pipeline.expire(self.now, &mut |ticket, reply| {
            expired.push((ticket.0, reply));
        });
        let mut expected = false;
        for (ticket, reply) in expired {
            prop_assert_eq!(reply, Reply::Failed(Failure::Timeout));
            let waiting = self.waiting.remove(&ticket);
            prop_assert!(waiting.is_some_and(|it| it.deadline <= self.now));
            let lookup = self.lookups.iter().find(|it| it.tickets.contains(&ticket)).unwrap();
            expected |= lookup.written_at == Some(self.received);
        }
        prop_assert!(self.waiting.values().all(|it| it.deadline > self.now));
        prop_assert_eq!(silent, expected);
        if silent { self.break_off(Failure::Timeout) } else { Ok(()) }
    }

    /// The connection is lost, and another one made.
    fn break_off(&mut self, why: Failure) -> Check {
        let mut failed = Vec::new();
        self.pipeline.fail_all(why, &mut |ticket, why, retry| failed.push((ticket.0, why, retry)));
        for (ticket, reason, retry) in failed {
            prop_assert_eq!(reason, why);
            prop_assert!(self.waiting.remove(&ticket).is_some());
            let lookup = self.lookups.iter().find(|it| it.tickets.contains(&ticket)).unwrap();
            prop_assert_eq!(retry == Retry::No, lookup.begun);
        }
        prop_assert!(self.waiting.is_empty(), "all were answered");
        self.lookups.clear();
        // Nothing comes of it any more.
        let mut late = 0;
        let space = self.pipeline.read_space().unwrap();
        space[..5].copy_from_slice(b"END\r\n");
        prop_assert!(self.pipeline.received(5, &mut |_, _| late += 1).is_err());
        prop_assert!(!self.pipeline.expire(u64::MAX, &mut |_, _| late += 1));
        self.pipeline.fail_all(why, &mut |_, _, _| late += 1);
        prop_assert_eq!((late, self.pipeline.in_flight()), (0, 0));
        prop_assert_eq!(self.pipeline.outgoing(), b"");

        self.pipeline = Pipeline::new(self.protocol, &self.handshake);
        self.server = Server::default();
        self.received = 0;
        Ok(())
    }

    fn check(&self) -> Check {
        prop_assert_eq!(self.pipeline.in_flight(), self.lookups.len());
        let earliest = self.waiting.values().map(|it| it.deadline).min();
        match (self.pipeline.next_deadline(), earliest) {
            (next, None) => prop_assert_eq!(next, None),
            (next, Some(earliest)) => prop_assert!(next.is_some_and(|next| next <= earliest)),
        }
        if !self.pipeline.is_open() {
            prop_assert!(self.lookups.iter().all(|it| it.written_at.is_none()));
        }
        Ok(())
    }

    /// Lets everything come to its end.
    fn settle(&mut self) -> Check {
        while !self.lookups.is_empty() {
            self.write(usize::MAX);
            self.serve();
            self.receive(usize::MAX)?;
            self.check()?;
        }
        prop_assert!(self.waiting.is_empty());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn every_ticket_gets_its_one_right_answer(
        memcached in any::<bool>(),
        secret in any::<bool>(),
        ops in ops(),
    ) {
        let protocol = if memcached { Protocol::Memcached } else { Protocol::Redis };
        let handshake = match secret {
            true => Handshake {
                user: Some(b"me".to_vec()), password: Some(b"sesame".to_vec()), db: 3,
            },
            false => Handshake::default(),
        };
        let mut model = Model::new(protocol, handshake);
        for op in &ops {
            model.run(op)?;
        }
        model.settle()?;
    }
}

/// One change to a byte of framing.
#[derive(Clone, Debug)]
enum Lie {
    Drop,
    Double,
    Flip(u8),
    Insert(u8),
    Truncate,
}

fn lies() -> impl Strategy<Value = Lie> {
    let byte = || prop_oneof![any::<u8>(), "[0-9 \r\n$_A-Z-]".prop_map(|s| s.as_bytes()[0])];
    prop_oneof![
        Just(Lie::Drop),
        Just(Lie::Double),
        (1..=255u8).prop_map(Lie::Flip),
        byte().prop_map(Lie::Insert),
        Just(Lie::Truncate),
    ]
}

proptest! {
    /// A server whose framing is wrong in one place can make look-ups fail, or seem
    /// absent, but cannot pass one page for another, nor a part for the whole.
    #[test]
    fn a_lie_in_the_framing_delivers_no_wrong_value(
        memcached in any::<bool>(),
        keys in prop::collection::vec(0..5usize, 1..6),
        lie in lies(),
        at in any::<prop::sample::Index>(),
        chunk in 1..400usize,
    ) {
        let protocol = if memcached { Protocol::Memcached } else { Protocol::Redis };
        let mut pipeline = Pipeline::new(protocol, &Handshake::default());
        let (mut stream, mut framing) = (Vec::new(), Vec::new());
        for (ticket, &key) in keys.iter().enumerate() {
            let limits = Limits { deadline: 250, max_size: 10_000 };
            pipeline.enqueue(name(key).as_bytes(), Ticket(ticket as u64), limits).unwrap();
            // Equal ones would join.
            pipeline.wrote(usize::MAX);
            let reply = reply(protocol, key, 0);
            let trailer = if LENGTHS[key].is_some() { protocol.trailer().len() } else { 0 };
            let data = reply.len() - trailer - LENGTHS[key].unwrap_or(0)..reply.len() - trailer;
            framing.extend((0..reply.len()).filter(|n| !data.contains(n)).map(|n| n + stream.len()));
            stream.extend(reply);
        }
        let at = framing[at.index(framing.len())];
        match lie {
            Lie::Drop => drop(stream.remove(at)),
            Lie::Double => stream.insert(at, stream[at]),
            Lie::Flip(bits) => stream[at] ^= bits,
            Lie::Insert(byte) => stream.insert(at, byte),
            Lie::Truncate => stream.truncate(at),
        }

        let mut answered = vec![0; keys.len()];
        let mut wrong = Vec::new();
        let mut fault = None;
        for piece in stream.chunks(chunk) {
            pipeline.read_space().unwrap()[..piece.len()].copy_from_slice(piece);
            let result = pipeline.received(piece.len(), &mut |ticket, reply| {
                let key = keys[ticket.0 as usize];
                answered[ticket.0 as usize] += 1;
                if let Reply::Value(value) = reply {
                    let right = LENGTHS[key].is_some_and(|len| body(key, 0, len) == value.bytes);
                    if !right {
                        wrong.push((ticket, value));
                    }
                }
            });
            if let Err(found) = result {
                fault = Some(found.why);
                break;
            }
        }
        prop_assert_eq!(&wrong, &[]);
        if let Some(why) = fault {
            prop_assert!(matches!(why, Failure::Protocol | Failure::Auth | Failure::TooLarge));
        }
        pipeline.fail_all(Failure::Protocol, &mut |ticket, _, _| answered[ticket.0 as usize] += 1);
        prop_assert!(answered.iter().all(|&times| times == 1), "{answered:?}");
    }

    /// Bytes without any sense neither panic nor are taken for a value.
    #[test]
    fn garbage_is_never_a_value(
        memcached in any::<bool>(),
        stream in prop::collection::vec(any::<u8>(), 1..3_000),
        chunk in 1..3_000usize,
    ) {
        let protocol = if memcached { Protocol::Memcached } else { Protocol::Redis };
        let mut pipeline = Pipeline::new(protocol, &Handshake::default());
        let limits = Limits { deadline: 250, max_size: usize::MAX };
        pipeline.enqueue(b"key", Ticket(1), limits).unwrap();
        pipeline.wrote(usize::MAX);
        let mut values = 0;
        for piece in stream.chunks(chunk) {
            pipeline.read_space().unwrap()[..piece.len()].copy_from_slice(piece);
            let mut deliver = |_, reply| values += usize::from(matches!(reply, Reply::Value(_)));
            if pipeline.received(piece.len(), &mut deliver).is_err() {
                break;
            }
        }
        prop_assert_eq!(values, 0);
    }
}
