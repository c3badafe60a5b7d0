//! A store that speaks its protocol, and lies on order.
//!
//! Its values are full of framing and of other keys' names: one byte out of step, and the page
//! of another key would be read.

use std::collections::VecDeque;
use std::mem;

use page_cache::wire::Protocol;

/// How many keys there are.
pub const KEYS: usize = 12;

/// A length in bytes that a value may have; the long ones are rare. `None` is no value.
fn length(choice: usize) -> Option<usize> {
    const SHORT: [usize; 6] = [0, 1, 2, 60, 300, 4_000];
    match choice % 64 {
        0 => Some(1_100_000),
        1..=3 => Some(70_000),
        other => SHORT.get(other % 7).copied(),
    }
}

/// The name of a key. Some begin with others, some are as long as may be; those of Redis hold
/// framing.
pub fn name(protocol: Protocol, key: usize) -> Vec<u8> {
    match (protocol, key) {
        (Protocol::Redis, 3) => b"k\r\n$1\r\nx".to_vec(),
        (Protocol::Redis, 4) => Vec::new(),
        (Protocol::Redis, 5) => [b'k'; 20_000].to_vec(),
        (Protocol::Memcached, 5..8) => [&[b'x'; 249][..], &[b'0' + key as u8]].concat(),
        (_, 0) => b"k".to_vec(),
        (_, key) => format!("k{key}").into_bytes(),
    }
}

/// A value of a key: nobody else's, and no other version's, but where it is too short to tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stored {
    key: usize,
    version: usize,
    pub len: usize,
}

impl Stored {
    pub fn is(self, bytes: &[u8]) -> bool {
        let line = self.line();
        bytes.len() == self.len && bytes.chunks(line.len()).all(|part| line.starts_with(part))
    }

    fn bytes(self) -> Vec<u8> {
        let line = self.line();
        let mut bytes = line.repeat(self.len / line.len() + 1);
        bytes.truncate(self.len);
        bytes
    }

    /// What the value repeats.
    fn line(self) -> Vec<u8> {
        let other = (self.key + 1) % KEYS;
        let line = format!(
            "<{} {}>\r\nEND\r\nVALUE k{other} 0 2\r\nk{other}\r\nEND\r\n$-1\r\n$2\r\nk{other}\r\n",
            self.key, self.version
        );
        line.into_bytes()
    }
}

/// What the store does to one look-up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trick {
    /// Answers with an error, if several keys are asked for after some values, and goes on.
    Error,
    /// Says half of the reply and hangs up.
    Half,
    /// Gives another key's value, under that key's name. memcached only: a reply of Redis has
    /// no name.
    Swap,
    /// Changes a byte of the reply.
    Noise { at: usize, bits: u8 },
}

/// What the store makes of a `get` of several keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Many {
    /// A value for each that it has, as memcached.
    All,
    /// The same the other way round, which is legal.
    Reversed,
    /// Of equal keys only one is answered, as some proxies do.
    Distinct,
    /// It has never heard of such a thing.
    Unknown,
}

/// The store: all versions of all values; the last one counts.
pub struct Store {
    protocol: Protocol,
    many: Many,
    history: Vec<Vec<Option<Stored>>>,
    /// What happens to the next look-up.
    pub trick: Option<Trick>,
}

/// One connection, as the store sees it.
#[derive(Default)]
pub struct Line {
    /// Bytes that have come.
    pub inbox: Vec<u8>,
    /// Bytes on their way back.
    pub outbox: VecDeque<u8>,
    /// What has been done to it.
    pub tricks: Vec<Trick>,
    /// Nothing is read from it any more.
    pub hung_up: bool,
}

impl Line {
    pub fn has(&self, wanted: impl Fn(&Trick) -> bool) -> bool {
        self.tricks.iter().any(wanted)
    }
}

impl Store {
    pub fn new(protocol: Protocol, many: Many) -> Self {
        let mut store = Self { protocol, many, history: vec![vec![None]; KEYS], trick: None };
        (0..KEYS).for_each(|key| store.change(key, 4 + key));
        store
    }

    /// Gives a key another value, or none.
    pub fn change(&mut self, key: usize, choice: usize) {
        let version = self.history[key].len();
        let stored = length(choice).map(|len| Stored { key, version, len });
        self.history[key].push(stored);
    }

    /// The number of the newest version of a key.
    pub fn version(&self, key: usize) -> usize {
        self.history[key].len() - 1
    }

    /// The versions of a key from one on.
    pub fn since(&self, key: usize, version: usize) -> impl Iterator<Item = Option<Stored>> {
        self.history[key][version..].iter().copied()
    }

    /// Answers what is complete, at most so many look-ups.
    pub fn serve(&mut self, line: &mut Line, most: usize) {
        for _ in 0..most {
            if line.hung_up {
                return;
            }
            let Some((words, len)) = self.parse(&line.inbox) else { return };
            line.inbox.drain(..len);
            match words.first().map(Vec::as_slice) {
                Some(b"AUTH" | b"SELECT") => line.outbox.extend(b"+OK\r\n"),
                _ => self.answer(&words[1..], line),
            }
        }
    }

    fn answer(&mut self, asked: &[Vec<u8>], line: &mut Line) {
        let number =
            |word: &Vec<u8>| (0..KEYS).find(|&key| name(self.protocol, key) == *word).unwrap();
        let mut keys: Vec<usize> = asked.iter().map(number).collect();
        let mut trick = self.trick.take();
        let mut ends = self.end();
        match (&mut trick, self.protocol) {
            (Some(Trick::Error), protocol) => {
                keys.truncate(keys.len() / 2);
                ends = match protocol {
                    Protocol::Memcached => b"SERVER_ERROR out of memory\r\n",
                    Protocol::Redis => b"-LOADING dataset\r\n",
                };
            }
            (Some(Trick::Swap), Protocol::Memcached) => keys[0] = (keys[0] + 1) % KEYS,
            (Some(Trick::Swap), Protocol::Redis) => trick = None,
            _ => {}
        }
        match self.many {
            Many::Reversed => keys.reverse(),
            Many::Distinct => {
                let mut seen = [false; KEYS];
                keys.retain(|&key| !mem::replace(&mut seen[key], true));
            }
            Many::Unknown if asked.len() > 1 => (keys, ends) = (Vec::new(), b"ERROR\r\n"),
            Many::All | Many::Unknown => {}
        }
        let mut parts: Vec<Vec<u8>> = keys.iter().map(|&key| self.reply(key)).collect();
        parts.push(ends.to_vec());
        let mut reply = parts.concat();
        match trick {
            Some(Trick::Half) => {
                reply.truncate(reply.len() / 2);
                line.hung_up = true;
            }
            Some(Trick::Noise { at, bits }) => {
                let at = at % reply.len();
                reply[at] ^= bits;
            }
            _ => {}
        }
        line.tricks.extend(trick);
        line.outbox.extend(reply);
    }

    /// What ends a reply.
    fn end(&self) -> &'static [u8] {
        match self.protocol {
            Protocol::Memcached => b"END\r\n",
            Protocol::Redis => b"",
        }
    }

    /// The part of a reply that is about one key.
    fn reply(&self, key: usize) -> Vec<u8> {
        let newest = self.history[key].last().copied().flatten();
        match (self.protocol, newest) {
            (Protocol::Memcached, None) => Vec::new(),
            (Protocol::Redis, None) => b"$-1\r\n".to_vec(),
            (Protocol::Memcached, Some(stored)) => [
                &b"VALUE "[..],
                &name(self.protocol, key),
                format!(" 0 {}\r\n", stored.len).as_bytes(),
                &stored.bytes(),
                b"\r\n",
            ]
            .concat(),
            (Protocol::Redis, Some(stored)) => {
                let head = format!("${}\r\n", stored.len).into_bytes();
                [&head[..], &stored.bytes(), b"\r\n"].concat()
            }
        }
    }

    /// The words of the first command, if it is complete, and its length in bytes.
    fn parse(&self, bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
        if self.protocol == Protocol::Memcached {
            let end = bytes.windows(2).position(|two| two == b"\r\n")?;
            let words = bytes[..end].split(|&byte| byte == b' ').map(<[u8]>::to_vec);
            return Some((words.collect(), end + 2));
        }
        let mut at = 0;
        let count = number(bytes, &mut at, b'*')?;
        let mut words = Vec::new();
        for _ in 0..count {
            let len = number(bytes, &mut at, b'$')?;
            let word = bytes.get(at..at + len + 2)?;
            assert!(word.ends_with(b"\r\n"), "the framing of a command");
            words.push(word[..len].to_vec());
            at += len + 2;
        }
        Some((words, at))
    }
}

/// A line of RESP with a number.
fn number(bytes: &[u8], at: &mut usize, sign: u8) -> Option<usize> {
    let line = bytes.get(*at..)?;
    let end = line.windows(2).position(|two| two == b"\r\n")?;
    assert_eq!(line[0], sign, "the framing of a command");
    *at += end + 2;
    Some(std::str::from_utf8(&line[1..end]).unwrap().parse().unwrap())
}
