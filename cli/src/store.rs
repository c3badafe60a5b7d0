//! A store, asked from a terminal: one blocking connection.

mod memcached;
mod redis;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use page_cache::Failure;
use page_cache::directive::{Address, Store};
use page_cache::key::CacheKey;
use page_cache::pipeline::Value;
use page_cache::wire::Protocol;

use self::memcached::Memcached;
use self::redis::Redis;
use crate::text::show;

/// How long a store may take, as the module's directives say.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect and to be let in.
    pub connect_timeout: Duration,
    /// In all: no answer counts after it.
    pub deadline: Instant,
    /// The largest value in bytes.
    pub max_size: usize,
}

/// Why a store did not answer.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// The module's word for it.
    pub why: Failure,
    /// What happened, in words without secrets.
    pub what: String,
}

/// How long a value will stay in the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TimeToLive {
    /// Seconds, rounded down.
    Seconds(u64),
    /// Until it is deleted or evicted.
    Unlimited,
    /// It cannot be told, because of this.
    Unknown(String),
}

/// Where to connect to.
#[derive(Clone, Debug)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// An open connection to a store.
pub struct Connection {
    address: String,
    protocol: Speaker,
}

enum Speaker {
    Memcached(Memcached),
    Redis(Redis),
}

impl Connection {
    /// Connects to the first address of the store that can be reached, and logs in.
    ///
    /// # Errors
    /// [`Failure::Connect`], [`Failure::Timeout`], [`Failure::Auth`] and so on.
    pub fn open(store: &Store, limits: &Limits) -> Result<Self, Trouble> {
        let places = places(store)?;
        let mut trouble =
            Trouble { why: Failure::Connect, what: "the store has no address".to_owned() };
        for place in places {
            let opened = match store.protocol {
                Protocol::Memcached => Memcached::open(&place, limits).map(Speaker::Memcached),
                Protocol::Redis => Redis::open(&place, store, limits).map(Speaker::Redis),
            };
            match opened {
                Ok(protocol) => return Ok(Self { address: place.describe(), protocol }),
                Err(new) => trouble = new,
            }
            if trouble.why != Failure::Connect {
                break;
            }
        }
        Err(trouble)
    }

    /// The address, as `$rust_page_cache_store` has it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The value of a key; none if there is no such key.
    ///
    /// # Errors
    /// [`Trouble`], of which [`Failure::Undecodable`] is a Redis key that is no string.
    pub fn get(&mut self, key: &CacheKey, limits: &Limits) -> Result<Option<Value>, Trouble> {
        let value = match &mut self.protocol {
            Speaker::Memcached(store) => store.get(key, limits)?,
            Speaker::Redis(store) => store.get(key, limits)?,
        };
        match value {
            Some(value) if value.bytes.len() > limits.max_size => Err(Trouble {
                why: Failure::TooLarge,
                what: format!(
                    "the value of \"{}\" has {} bytes",
                    show(key.as_bytes()),
                    value.bytes.len()
                ),
            }),
            value => Ok(value),
        }
    }

    /// How long the value of a key will stay.
    pub fn time_to_live(&mut self, key: &CacheKey, limits: &Limits) -> TimeToLive {
        match &mut self.protocol {
            Speaker::Memcached(store) => store.time_to_live(key, limits),
            Speaker::Redis(store) => store.time_to_live(key, limits),
        }
    }
}

impl Limits {
    /// What is left of the budget.
    ///
    /// # Errors
    /// [`Failure::Timeout`] if that is nothing.
    fn left(&self) -> Result<Duration, Trouble> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Trouble::timeout()) } else { Ok(left) }
    }

    /// What is left for connecting.
    fn left_to_connect(&self) -> Result<Duration, Trouble> {
        Ok(self.left()?.min(self.connect_timeout))
    }
}

impl Trouble {
    fn new(why: Failure, what: impl Into<String>) -> Self {
        Self { why, what: what.into() }
    }

    fn timeout() -> Self {
        Self::new(Failure::Timeout, "the store did not answer in time")
    }

    fn connect(place: &Place, why: &dyn std::fmt::Display) -> Self {
        Self::new(Failure::Connect, format!("cannot connect to {}: {why}", place.describe()))
    }

    /// What became of a connection that was open.
    fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        match error.kind() {
            TimedOut | WouldBlock => Self::timeout(),
            _ => Self::new(Failure::Closed, format!("the store closed the connection: {error}")),
        }
    }
}

impl Place {
    fn describe(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }
}

fn places(store: &Store) -> Result<Vec<Place>, Trouble> {
    let (host, port) = match &store.address {
        Address::Unix(path) => {
            use std::os::unix::ffi::OsStrExt;
            return Ok(vec![Place::Unix(std::ffi::OsStr::from_bytes(path).into())]);
        }
        Address::Host { host, port } => (host, port.unwrap_or(store.default_port())),
    };
    let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match (name, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.map(Place::Tcp).collect()),
        Err(error) => Err(Trouble::new(
            Failure::Connect,
            format!(
                "cannot resolve \"{host}\": {error}; if it is the name of an upstream block, write \
                 the address of one of its servers"
            ),
        )),
    }
}
