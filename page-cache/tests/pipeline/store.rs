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
    /// Answers all that is complete; returns keys and lengths of the replies.
    pub fn serve(&mut self, protocol: Protocol, versions: &[usize]) -> Vec<(usize, usize)> {
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
