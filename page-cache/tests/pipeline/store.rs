//! A store for tests: what it holds, and how it answers.

use std::collections::VecDeque;

use page_cache::wire::Protocol;

/// Lengths of the values, key by key; `None` has no value.
pub const LENGTHS: [Option<usize>; 7] =
    [None, Some(0), Some(1), Some(300), Some(9_000), Some(150_000), Some(1_200_000)];

pub fn name(key: usize) -> String {
    format!(":1:page/{key}")
}

/// The value of a key, different for each version: no two of them look alike, and
/// none contains framing.
pub fn body(key: usize, version: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| b'a' + ((at / 7 + at * 3 + key * 5 + version * 11) % 26) as u8).collect()
}

/// A store that knows its protocol and never lies.
#[derive(Default)]
pub struct Server {
    pub inbox: Vec<u8>,
    pub outbox: VecDeque<u8>,
}

impl Server {
    /// The first command: the keys it asks for, and its length in bytes.
    pub fn next_command(&mut self, protocol: Protocol) -> (Vec<usize>, usize) {
        let (words, len) = match protocol {
            Protocol::Memcached => parse_line(&self.inbox),
            Protocol::Redis => parse_array(&self.inbox),
        };
        (words.unwrap()[1..].iter().map(|key| number(key)).collect(), len)
    }

    /// Answers all that is complete; returns the replies.
    pub fn serve(&mut self, protocol: Protocol, versions: &[usize]) -> Vec<Served> {
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
                    let key = number(key);
                    let reply = reply(protocol, key, versions[key]);
                    served.push(Served { keys: vec![(key, 1)], len: reply.len() });
                    self.outbox.extend(reply);
                }
                ["get", ref keys @ ..] => {
                    let (mut parts, mut len) = (Vec::new(), 0);
                    for key in keys.iter().map(|key| number(key)) {
                        let part = part_of_many(key, versions[key]);
                        let line = part.iter().position(|&byte| byte == b'\n').unwrap_or(0);
                        parts.push((key, len + line + 1));
                        len += part.len();
                        self.outbox.extend(part);
                    }
                    self.outbox.extend(b"END\r\n");
                    served.push(Served { keys: parts, len: len + 5 });
                }
                _ => panic!("{words:?}"),
            }
        }
    }
}

/// A reply.
pub struct Served {
    /// The keys it answers; and after how many bytes there is no doubt that something of
    /// that key's value has come.
    pub keys: Vec<(usize, usize)>,
    pub len: usize,
}

pub fn number(key: &str) -> usize {
    (0..LENGTHS.len()).find(|&n| name(n) == key).unwrap()
}

/// What memcached answers to one of several keys.
pub fn part_of_many(key: usize, version: usize) -> Vec<u8> {
    let mut part = reply(Protocol::Memcached, key, version);
    part.truncate(part.len() - 5);
    part
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

pub fn reply(protocol: Protocol, key: usize, version: usize) -> Vec<u8> {
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
