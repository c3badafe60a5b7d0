//! STORE: `memcached://..` and `redis://..`.

use std::fmt;
use std::net::Ipv6Addr;

use super::error::{DirectiveError, redacted};
use super::number;
use crate::key::percent::{Unquote, unescape};
use crate::wire::Protocol;

/// The longest path of a unix socket in bytes: `sun_path` less its NUL (unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;

/// The highest database: SELECT takes a C int (`selectCommand()` of Redis).
const DB_MAX: u32 = i32::MAX.unsigned_abs();

/// The schemes of a STORE. Valkey speaks what Redis speaks, and its clients have a scheme for it.
const SCHEMES: [(&str, Protocol); 3] = [
    ("memcached://", Protocol::Memcached),
    ("redis://", Protocol::Redis),
    ("valkey://", Protocol::Redis),
];

/// What clients of Redis and Valkey write where the connection is to be encrypted.
const TLS_SCHEMES: [&str; 2] = ["rediss://", "valkeys://"];

/// A store and how to be let in. Neither `Debug` nor `Display` shows user or password.
#[derive(Clone, Eq, PartialEq)]
pub struct Store {
    /// The language it speaks.
    pub protocol: Protocol,
    /// Where it listens.
    pub address: Address,
    /// The ACL user of Redis.
    pub user: Option<Vec<u8>>,
    /// The password of Redis.
    pub password: Option<Vec<u8>>,
    /// The database of Redis.
    pub db: u32,
}

/// Where a store listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A host, an address or the name of an `upstream {}`.
    Host {
        /// As nginx's `ngx_parse_url()` reads it: an IPv6 address in brackets.
        host: String,
        /// The port, if one is given: without one, `host` may name an `upstream {}`.
        port: Option<u16>,
    },
    /// The absolute path of a unix socket.
    Unix(Vec<u8>),
}

impl Store {
    /// Reads a STORE.
    ///
    /// # Errors
    /// See [`DirectiveError`]; none shows user or password.
    pub fn parse(word: &[u8]) -> Result<Self, DirectiveError> {
        let known = SCHEMES.iter().find_map(|&(scheme, protocol)| {
            after_scheme(word, scheme.as_bytes()).map(|rest| (protocol, rest))
        });
        let Some((protocol, rest)) = known else {
            let asks_for_tls =
                TLS_SCHEMES.iter().any(|s| after_scheme(word, s.as_bytes()).is_some());
            let word = redacted(word);
            return Err(match asks_for_tls {
                true => DirectiveError::Tls { word },
                false => DirectiveError::UnknownScheme { word },
            });
        };
        let word = Word { word, protocol };
        // The credentials end at the last "@" before a path, which may have an "@" itself.
        let slash = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
        let at = rest.iter().take(slash).rposition(|&byte| byte == b'@');
        let (user, password) = match at.and_then(|at| rest.get(..at)) {
            Some(credentials) => word.credentials(credentials)?,
            None => (None, None),
        };
        let rest = at.and_then(|at| rest.get(at + 1..)).unwrap_or(rest);
        let (address, db) = match after_scheme(rest, b"unix:") {
            Some(path) => word.unix(path)?,
            None => word.host_and_db(rest)?,
        };
        Ok(Self { protocol, address, user, password, db })
    }

    /// The port of a store that names none.
    pub const fn default_port(&self) -> u16 {
        match self.protocol {
            Protocol::Memcached => 11211,
            Protocol::Redis => 6379,
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unix = matches!(self.address, Address::Unix(_));
        let (scheme, db) = match self.protocol {
            Protocol::Memcached => ("memcached", String::new()),
            Protocol::Redis if unix => ("redis", format!(":/{}", self.db)),
            Protocol::Redis => ("redis", format!("/{}", self.db)),
        };
        let secret = if self.password.is_some() { "***@" } else { "" };
        write!(f, "{scheme}://{secret}{}{db}", self.address)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({self})")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port: None } => f.write_str(host),
            Self::Host { host, port: Some(port) } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", String::from_utf8_lossy(path)),
        }
    }
}

/// What follows a scheme; schemes have no case (RFC 3986, section 3.1).
fn after_scheme<'a>(word: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = word.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The word being read, for its errors.
#[derive(Clone, Copy)]
struct Word<'a> {
    word: &'a [u8],
    protocol: Protocol,
}

type Credentials = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Word<'_> {
    fn invalid(self, part: &'static str, allowed: &'static str) -> DirectiveError {
        DirectiveError::InvalidStore { part, word: redacted(self.word), allowed }
    }

    fn not_memcached(self, part: &'static str) -> DirectiveError {
        DirectiveError::NotMemcached { part, word: redacted(self.word) }
    }

    /// `[USER]:PASSWORD`
    fn credentials(self, text: &[u8]) -> Result<Credentials, DirectiveError> {
        if self.protocol == Protocol::Memcached {
            return Err(self.not_memcached("credentials"));
        }
        let form = || self.invalid("credentials", "[USER]:PASSWORD@, percent-encoded");
        let colon = text.iter().position(|&byte| byte == b':').ok_or_else(form)?;
        let decode = |text: &[u8]| percent_decoded(text).ok_or_else(form);
        let user = decode(text.get(..colon).unwrap_or_default())?;
        let password = decode(text.get(colon + 1..).unwrap_or_default())?;
        match (user.is_empty(), password.is_empty()) {
            (true, true) => Err(form()),
            (true, false) => Ok((None, Some(password))),
            // A user with `nopass` is let in with any password, an empty one too.
            (false, _) => Ok((Some(user), Some(password))),
        }
    }

    /// `/path/to.sock`, of Redis with a final `:/DB`
    fn unix(self, text: &[u8]) -> Result<(Address, u32), DirectiveError> {
        let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (head, tail) = text.split_at_checked(text.len() - digits).unwrap_or((text, b""));
        let (path, db) = match head.strip_suffix(b":/") {
            Some(path) if !tail.is_empty() => (path, self.db(tail)?),
            _ => (text, 0),
        };
        if path.is_empty() {
            return Err(self.no_host());
        }
        if !path.starts_with(b"/") || path.contains(&0) {
            return Err(self.invalid("socket path", "an absolute path"));
        }
        if path.len() > SOCKET_PATH_MAX {
            return Err(DirectiveError::SocketPathTooLong {
                word: redacted(self.word),
                len: path.len(),
                max: SOCKET_PATH_MAX,
            });
        }
        Ok((Address::Unix(path.to_vec()), db))
    }

    /// `HOST[:PORT]`, of Redis with `[/DB]`
    fn host_and_db(self, text: &[u8]) -> Result<(Address, u32), DirectiveError> {
        let slash = text.iter().position(|&byte| byte == b'/');
        let db = match slash.and_then(|at| text.get(at + 1..)) {
            Some(db) => self.db(db)?,
            None => 0,
        };
        let text = slash.and_then(|at| text.get(..at)).unwrap_or(text);
        let colon = match text.iter().position(|&byte| byte == b']') {
            Some(end) if end + 1 == text.len() => None,
            Some(end) if text.get(end + 1) == Some(&b':') => Some(end + 1),
            Some(_) => return Err(self.bad_host()),
            None if text.starts_with(b"[") => return Err(self.bad_host()),
            None => text.iter().position(|&byte| byte == b':'),
        };
        let port = colon.and_then(|at| text.get(at + 1..));
        if port.is_some_and(|port| port.contains(&b':')) {
            return Err(self.bad_host());
        }
        let host = self.host(colon.and_then(|at| text.get(..at)).unwrap_or(text))?;
        let port = port.map(|port| self.port(port)).transpose()?;
        Ok((Address::Host { host, port }, db))
    }

    fn host(self, text: &[u8]) -> Result<String, DirectiveError> {
        if text.is_empty() {
            return Err(self.no_host());
        }
        let text = std::str::from_utf8(text).map_err(|_| self.bad_host())?;
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match inside {
            Some("") => Err(self.no_host()),
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => Ok(text.to_owned()),
            Some(_) => Err(self.bad_host()),
            None if text.chars().any(is_no_host) => Err(self.bad_host()),
            None => Ok(text.to_owned()),
        }
    }

    fn port(self, text: &[u8]) -> Result<u16, DirectiveError> {
        match number(text) {
            Some(port) if port > 0 => Ok(port),
            _ => Err(self.invalid("port", "a number from 1 to 65535")),
        }
    }

    fn db(self, text: &[u8]) -> Result<u32, DirectiveError> {
        if self.protocol == Protocol::Memcached {
            return Err(self.not_memcached("database"));
        }
        let bad = || self.invalid("database", "a number from 0 to 2147483647");
        number(text).filter(|&db| db <= DB_MAX).ok_or_else(bad)
    }

    fn no_host(self) -> DirectiveError {
        let allowed = match self.protocol {
            Protocol::Memcached => "memcached://HOST[:PORT] or memcached://unix:/path",
            Protocol::Redis => {
                "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or redis://[..@]unix:/path[:/DB]"
            }
        };
        DirectiveError::NoHost { word: redacted(self.word), allowed }
    }

    fn bad_host(self) -> DirectiveError {
        self.invalid("host", "a name, an IPv4 address, [IPv6] or the name of an upstream")
    }
}

/// What can neither be looked up nor name an `upstream {}` without being taken for
/// something else.
fn is_no_host(c: char) -> bool {
    c.is_control() || c.is_whitespace() || "?#[]@\\\"%".contains(c)
}

/// Strictly percent-decoded: every `%` begins an escape.
fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        unescape(rest.get(at..)?)?;
        rest = rest.get(at + 3..)?;
    }
    Some(Unquote::new(text).collect())
}

#[cfg(test)]
mod tests;
