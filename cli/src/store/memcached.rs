//! memcached, by its meta commands, which tell the time to live; where a server does not know
//! them, by `get`, as the module asks.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use memcache::exp::{Error, MetaCommand, MetaConnection, MetaOp, MetaResponse, ReturnCode};
use page_cache::Failure;
use page_cache::key::CacheKey;
use page_cache::pipeline::Value;
use page_cache::wire::{Decoder, Event, Head, Protocol};

use super::{Limits, Place, TimeToLive, Trouble};

pub(super) struct Memcached {
    place: Place,
    connection: MetaConnection,
    /// The server has refused a meta command: memcached before 1.6, or a proxy.
    knows_get_only: bool,
}

impl Memcached {
    pub(super) fn open(place: &Place, limits: &Limits) -> Result<Self, Trouble> {
        let connection = MetaConnection::from_stream(connect(place, limits)?);
        Ok(Self { place: place.clone(), connection, knows_get_only: false })
    }

    pub(super) fn get(
        &mut self,
        key: &CacheKey,
        limits: &Limits,
    ) -> Result<Option<Value>, Trouble> {
        if !self.knows_get_only {
            match self.ask(key, &["f", "v"], limits) {
                Err(Error::Rejected(_)) => self.knows_get_only = true,
                Err(error) => return Err(trouble(&error)),
                Ok(response) => return value(response),
            }
        }
        get(connect(&self.place, limits)?, key, limits)
    }

    pub(super) fn time_to_live(&mut self, key: &CacheKey, limits: &Limits) -> TimeToLive {
        if self.knows_get_only {
            return TimeToLive::Unknown("the server knows no meta commands".to_owned());
        }
        match self.ask(key, &["t"], limits) {
            Ok(response) => time_to_live(&response),
            Err(error) => TimeToLive::Unknown(trouble(&error).what),
        }
    }

    fn ask(
        &mut self,
        key: &CacheKey,
        flags: &[&str],
        limits: &Limits,
    ) -> Result<MetaResponse, Error> {
        let left = limits.left().map_err(|_| Error::Io(std::io::ErrorKind::TimedOut.into()))?;
        self.connection.set_io_timeout(Some(left));
        let command = MetaCommand::new(MetaOp::Get, key.as_bytes());
        let command = flags.iter().fold(command, |command, &flag| command.flag(flag));
        self.connection.execute(&command)
    }
}

fn connect(place: &Place, limits: &Limits) -> Result<TcpStream, Trouble> {
    let failed = |error: std::io::Error| Trouble::connect(place, &error);
    match place {
        Place::Tcp(address) => {
            TcpStream::connect_timeout(address, limits.left_to_connect()?).map_err(failed)
        }
        Place::Unix(path) => {
            // To the memcache crate every stream is a TcpStream; what it does with one, reading,
            // writing and setting timeouts, is the same for any socket.
            let stream = UnixStream::connect(path).map_err(failed)?;
            Ok(TcpStream::from(OwnedFd::from(stream)))
        }
    }
}

fn trouble(error: &Error) -> Trouble {
    match error {
        Error::Io(error) => Trouble::of_io(error),
        Error::Timeout { .. } => Trouble::timeout(),
        Error::Server(text) => {
            Trouble::new(Failure::Protocol, format!("the store says: SERVER_ERROR {text}"))
        }
        other => Trouble::new(Failure::Protocol, other.to_string()),
    }
}

fn value(response: MetaResponse) -> Result<Option<Value>, Trouble> {
    match response.rc() {
        ReturnCode::En => Ok(None),
        ReturnCode::Va => {
            let flags = number_behind(b'f', &response).and_then(|flags| flags.parse().ok());
            let bytes = response.into_value().unwrap_or_default();
            Ok(Some(Value { flags: Some(flags.unwrap_or(0)), bytes }))
        }
        _ => Err(Trouble::new(Failure::Protocol, "the store's reply is not one to a look-up")),
    }
}

/// The `t` flag: seconds, or -1.
fn time_to_live(response: &MetaResponse) -> TimeToLive {
    match number_behind(b't', response).as_deref() {
        Some("-1") => TimeToLive::Unlimited,
        Some(seconds) => match seconds.parse() {
            Ok(seconds) => TimeToLive::Seconds(seconds),
            Err(_) => TimeToLive::Unknown("the store's reply has a malformed number".to_owned()),
        },
        None => TimeToLive::Unknown("the value is gone by now".to_owned()),
    }
}

fn number_behind(flag: u8, response: &MetaResponse) -> Option<String> {
    let text = response.flags().find_map(|token| token.strip_prefix(&[flag]))?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// `get KEY`, by the module's own encoder and decoder.
fn get(mut stream: TcpStream, key: &CacheKey, limits: &Limits) -> Result<Option<Value>, Trouble> {
    let of_io = |error: std::io::Error| Trouble::of_io(&error);
    let mut out = Vec::new();
    let memory = |why| Trouble::new(why, "no memory for the look-up");
    Protocol::Memcached.encode(key.as_bytes(), &mut out).map_err(memory)?;
    stream.set_write_timeout(Some(limits.left()?)).map_err(of_io)?;
    stream.write_all(&out).map_err(of_io)?;
    let mut decoder = Decoder::new(Protocol::Memcached);
    let (mut value, mut input, mut chunk) = (Value::default(), Vec::new(), [0; 8192]);
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
            stream.set_read_timeout(Some(limits.left()?)).map_err(of_io)?;
            let len = stream.read(&mut chunk).map_err(of_io)?;
            if len == 0 {
                return Err(of_io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            input.extend_from_slice(chunk.get(..len).unwrap_or_default());
        }
    }
}
