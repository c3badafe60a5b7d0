//! memcached: values by `get`, as the module asks, and the time to live by `mg`, where the server
//! knows meta commands.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use page_cache::Failure;
use page_cache::key::CacheKey;
use page_cache::pipeline::Value;
use page_cache::wire::{Decoder, Event, Head, Protocol};

use super::{Limits, Place, TimeToLive, Trouble};

/// The longest reply to `mg KEY t`: a code, a flag and a number.
const META_LINE_MAX: usize = 64;

pub(super) struct Memcached {
    stream: TcpStream,
}

impl Memcached {
    pub(super) fn open(place: &Place, limits: &Limits) -> Result<Self, Trouble> {
        Ok(Self { stream: connect(place, limits)? })
    }

    pub(super) fn get(
        &mut self,
        key: &CacheKey,
        limits: &Limits,
    ) -> Result<Option<Value>, Trouble> {
        let mut out = Vec::new();
        let memory = |why| Trouble::new(why, "no memory for the look-up");
        Protocol::Memcached.encode(key.as_bytes(), &mut out).map_err(memory)?;
        self.send(&out, limits)?;
        let mut decoder = Decoder::new(Protocol::Memcached);
        let (mut value, mut input) = (Value::default(), Vec::new());
        loop {
            let next = decoder.next(&input, key.as_bytes());
            let (used, event) =
                next.map_err(|violation| Trouble::new(Failure::Protocol, violation.to_string()))?;
            match event {
                Some(Event::Head(Head::Absent)) => return Ok(None),
                Some(Event::Head(Head::Refused { why, text, .. })) => {
                    let text = crate::text::show(text);
                    return Err(Trouble::new(why, format!("the store says: {text}")));
                }
                Some(Event::Head(Head::Value { flags, .. })) => value.flags = flags,
                Some(Event::Data(data)) => {
                    value.bytes.extend_from_slice(data);
                    if value.bytes.len() > limits.max_size {
                        return Err(Trouble::new(Failure::TooLarge, "the value has more bytes"));
                    }
                }
                Some(Event::End) => return Ok(Some(value)),
                None => {}
            }
            let wants_more = event.is_none();
            input.drain(..used);
            if wants_more {
                self.receive(&mut input, limits)?;
            }
        }
    }

    /// `mg KEY t` (memcached's doc/protocol.txt, "Meta Get"; since 1.6).
    pub(super) fn time_to_live(&mut self, key: &CacheKey, limits: &Limits) -> TimeToLive {
        let request = [b"mg ", key.as_bytes(), b" t\r\n"].concat();
        let mut reply = Vec::new();
        let mut answer = self.send(&request, limits);
        while answer.is_ok() && !reply.contains(&b'\n') && reply.len() <= META_LINE_MAX {
            answer = self.receive(&mut reply, limits);
        }
        match answer {
            Ok(()) => time_to_live(&reply),
            Err(trouble) => TimeToLive::Unknown(trouble.what),
        }
    }

    fn send(&mut self, request: &[u8], limits: &Limits) -> Result<(), Trouble> {
        let of_io = |error: std::io::Error| Trouble::of_io(&error);
        self.stream.set_write_timeout(Some(limits.left()?)).map_err(of_io)?;
        self.stream.write_all(request).map_err(of_io)
    }

    /// Appends what comes next.
    fn receive(&mut self, input: &mut Vec<u8>, limits: &Limits) -> Result<(), Trouble> {
        let of_io = |error: std::io::Error| Trouble::of_io(&error);
        let mut chunk = [0; 8192];
        self.stream.set_read_timeout(Some(limits.left()?)).map_err(of_io)?;
        let len = self.stream.read(&mut chunk).map_err(of_io)?;
        if len == 0 {
            return Err(of_io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        input.extend_from_slice(chunk.get(..len).unwrap_or_default());
        Ok(())
    }
}

fn connect(place: &Place, limits: &Limits) -> Result<TcpStream, Trouble> {
    let failed = |error: std::io::Error| Trouble::connect(place, &error);
    match place {
        Place::Tcp(address) => {
            TcpStream::connect_timeout(address, limits.left_to_connect()?).map_err(failed)
        }
        Place::Unix(path) => {
            // Reading, writing and setting timeouts are the same for any socket.
            let stream = UnixStream::connect(path).map_err(failed)?;
            Ok(TcpStream::from(OwnedFd::from(stream)))
        }
    }
}

/// Of `HD t123`: seconds, or -1.
fn time_to_live(reply: &[u8]) -> TimeToLive {
    let unknown = |why: &str| TimeToLive::Unknown(why.to_owned());
    let reply = String::from_utf8_lossy(reply);
    let Some((line, _)) = reply.split_once("\r\n") else {
        return unknown("the store's reply has no end");
    };
    match line.strip_prefix("HD t") {
        Some("-1") => TimeToLive::Unlimited,
        Some(seconds) => match seconds.parse() {
            Ok(seconds) => TimeToLive::Seconds(seconds),
            Err(_) => unknown("the store's reply has a malformed number"),
        },
        None if line == "EN" => unknown("the value is gone by now"),
        None => unknown("the server knows no meta commands"),
    }
}
