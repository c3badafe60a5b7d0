//! The pipeline against a model: whatever is asked, however writes and reads are
//! cut, whoever stops waiting and whenever the connection breaks, each ticket gets
//! exactly one answer, the right one, and none that was read before it asked.

use std::collections::{BTreeMap, VecDeque};

use page_cache::Failure;
use page_cache::pipeline::{Handshake, Limits, Pipeline, Reply, Retry, Sharing, Ticket};
use page_cache::wire::Protocol;
use proptest::prelude::*;

use crate::store::{LENGTHS, Server, body, name};

/// Limits that are asked for.
const SIZES: [usize; 3] = [10, 10_000, 2_000_000];

#[derive(Clone, Debug)]
enum Op {
    Ask {
        key: usize,
        size: usize,
        wait: u64,
    },
    /// Many at once.
    Burst {
        asks: Vec<(usize, usize, u64)>,
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
    let ask = || (0..LENGTHS.len(), 0..SIZES.len(), 1..60u64);
    let op = prop_oneof![
        2 => prop::collection::vec(ask(), 4..40).prop_map(|asks| Op::Burst { asks }),
        8 => ask().prop_map(|(key, size, wait)| Op::Ask { key, size, wait }),
        4 => most().prop_map(|most| Op::Write { most }),
        3 => Just(Op::Serve),
        1 => (0..LENGTHS.len()).prop_map(|key| Op::Change { key }),
        6 => most().prop_map(|most| Op::Receive { most }),
        2 => (1..30u64).prop_map(|time| Op::Pass { time }),
        1 => Just(Op::Break),
    ];
    prop::collection::vec(op, 1..80)
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
    /// What had been received when it was written.
    written_at: Option<usize>,
    /// After so many bytes of the reply something of this look-up has come for sure.
    begins: usize,
}

/// What was made of one or more look-ups.
#[derive(Clone, Debug)]
struct Command {
    lookups: usize,
    len: usize,
    /// Bytes of it that are not written yet.
    unwritten: usize,
    /// Length of its reply, once the server has answered, and how much of it was received.
    reply: Option<usize>,
    received: usize,
}

struct Model {
    protocol: Protocol,
    handshake: Handshake,
    pipeline: Pipeline,
    shares: bool,
    server: Server,
    now: u64,
    versions: Vec<usize>,
    waiting: BTreeMap<u64, Waiting>,
    tickets: u64,
    lookups: VecDeque<Lookup>,
    /// Those of the first look-ups.
    commands: VecDeque<Command>,
    received: usize,
}

/// `shares`: the server is known to answer several keys at once; else it is not to be asked,
/// as that would ask for one key twice, of which the model knows nothing.
fn pipeline(protocol: Protocol, handshake: &Handshake, shares: bool) -> Pipeline {
    let mut pipeline = Pipeline::new(protocol, handshake);
    pipeline.set_sharing(if shares { Sharing::Proven } else { Sharing::Refused });
    pipeline
}

type Check = Result<(), TestCaseError>;

impl Model {
    fn new(protocol: Protocol, handshake: Handshake, shares: bool) -> Self {
        Self {
            pipeline: pipeline(protocol, &handshake, shares),
            shares,
            protocol,
            handshake,
            server: Server::default(),
            now: 1_000,
            versions: vec![0; LENGTHS.len()],
            waiting: BTreeMap::new(),
            tickets: 0,
            lookups: VecDeque::new(),
            commands: VecDeque::new(),
            received: 0,
        }
    }

    fn run(&mut self, op: &Op) -> Check {
        match *op {
            Op::Ask { key, size, wait } => self.ask(key, SIZES[size], wait),
            Op::Burst { ref asks } => {
                asks.iter().for_each(|&(key, size, wait)| self.ask(key, SIZES[size], wait));
            }
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
        let begun: usize =
            self.commands.iter().filter(|it| it.unwritten < it.len).map(|it| it.lookups).sum();
        let twin = |it: &&mut Lookup| (it.key, it.size) == (key, size);
        match self.lookups.iter_mut().skip(begun).find(twin) {
            Some(twin) => twin.tickets.push(ticket),
            None => {
                let (tickets, written_at) = (vec![ticket], None);
                self.lookups.push_back(Lookup { key, size, tickets, written_at, begins: 1 });
            }
        }
    }

    /// Takes note of the commands that were made since it was asked last.
    fn note_commands(&mut self, mut out: &[u8]) {
        let known: usize = self.commands.iter().map(|it| it.unwritten).sum();
        out = &out[known..];
        let mut sealed: usize = self.commands.iter().map(|it| it.lookups).sum();
        while !out.is_empty() {
            let mut server = Server { inbox: out.to_vec(), ..Server::default() };
            let (keys, len) = server.next_command(self.protocol);
            for key in &keys {
                assert_eq!(self.lookups[sealed].key, *key, "asked in order");
                sealed += 1;
            }
            let (lookups, unwritten) = (keys.len(), len);
            self.commands.push_back(Command { lookups, len, unwritten, reply: None, received: 0 });
            out = &out[len..];
        }
        assert_eq!(sealed, self.lookups.len(), "all are asked for");
    }

    fn write(&mut self, most: usize) {
        let open = self.pipeline.is_open();
        let out = self.pipeline.outgoing().to_vec();
        if open {
            self.note_commands(&out);
        }
        let n = most.min(out.len());
        self.server.inbox.extend_from_slice(&out[..n]);
        self.pipeline.wrote(n);
        let mut left = if open { n } else { 0 };
        let mut at = 0;
        for command in &mut self.commands {
            let part = left.min(command.unwritten);
            command.unwritten -= part;
            left -= part;
            for lookup in self.lookups.range_mut(at..at + command.lookups) {
                if command.unwritten == 0 && lookup.written_at.is_none() {
                    lookup.written_at = Some(self.received);
                }
            }
            at += command.lookups;
        }
    }

    fn serve(&mut self) {
        let served = self.server.serve(self.protocol, &self.versions);
        let mut served = served.into_iter();
        let mut at = 0;
        for command in &mut self.commands {
            if command.reply.is_none() {
                let Some(reply) = served.next() else { break };
                command.reply = Some(reply.len);
                assert_eq!(reply.keys.len(), command.lookups);
                for (lookup, (key, begins)) in self.lookups.range_mut(at..).zip(reply.keys) {
                    assert_eq!(lookup.key, key, "asked in order");
                    lookup.begins = begins;
                }
            }
            at += command.lookups;
        }
        assert!(served.next().is_none(), "asked once");
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
        while let Some(command) = self.commands.front_mut().filter(|_| left > 0) {
            let reply = command.reply.unwrap();
            let part = left.min(reply - command.received);
            left -= part;
            command.received += part;
            if command.received < reply {
                break;
            }
            let command = self.commands.pop_front().unwrap();
            // The whole of it is here: all who waited have their answer.
            for lookup in self.lookups.drain(..command.lookups) {
                for ticket in lookup.tickets {
                    let answered = answers.iter().any(|(other, _)| *other == ticket);
                    prop_assert!(answered || !self.waiting.contains_key(&ticket));
                }
            }
        }
        for (ticket, reply) in answers {
            self.answer(ticket, &reply)?;
        }
        match result {
            Ok(()) => Ok(()),
            Err(fault) => {
                prop_assert_eq!(fault.why, Failure::TooLarge);
                let front = self.lookups.range(..self.commands[0].lookups);
                let over = |it: &Lookup| LENGTHS[it.key] > Some(it.size.max(1024 * 1024));
                prop_assert!(front.into_iter().any(over));
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
            let at = self.lookups.iter().position(|it| it.tickets.contains(&ticket)).unwrap();
            let command = self.commands.front().filter(|it| at < it.lookups);
            let received = command.map_or(0, |it| it.received);
            // Whoever shared a command may ask again.
            let shared = command.is_some_and(|it| it.lookups > 1);
            let begun = !shared && received >= self.lookups[at].begins;
            prop_assert_eq!(retry == Retry::No, begun);
        }
        prop_assert!(self.waiting.is_empty(), "all were answered");
        self.lookups.clear();
        self.commands.clear();
        // Nothing comes of it any more.
        let mut late = 0;
        let space = self.pipeline.read_space().unwrap();
        space[..5].copy_from_slice(b"END\r\n");
        prop_assert!(self.pipeline.received(5, &mut |_, _| late += 1).is_err());
        prop_assert!(!self.pipeline.expire(u64::MAX, &mut |_, _| late += 1));
        self.pipeline.fail_all(why, &mut |_, _, _| late += 1);
        prop_assert_eq!((late, self.pipeline.in_flight()), (0, 0));
        prop_assert_eq!(self.pipeline.outgoing(), b"");

        self.pipeline = pipeline(self.protocol, &self.handshake, self.shares);
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
        shares in any::<bool>(),
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
        let mut model = Model::new(protocol, handshake, shares);
        for op in &ops {
            model.run(op)?;
        }
        model.settle()?;
    }
}
