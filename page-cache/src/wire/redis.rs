//! RESP version 2 (redis.io, "Redis serialization protocol specification"): GET,
//! and AUTH and SELECT before it.

use std::fmt;

use super::line::decimal;
use super::{Head, Scope, Violation};
use crate::outcome::Failure;

/// The longest reply line in bytes, without its CRLF. Only errors come near.
pub const LONGEST_LINE: usize = 1024;

/// The most that is told of what the server said, in bytes.
const LONGEST_TEXT: usize = 200;

/// A run of this many bytes of a secret is not told.
const TELLTALE: usize = 4;

/// How to be let in: `AUTH [user] password` if there is a password, `SELECT db`
/// if the database is not the one that Redis starts with, 0.
///
/// A user without a password is not sent: AUTH has no such form.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Handshake {
    /// Name of an ACL user (Redis 6).
    pub user: Option<Vec<u8>>,
    /// Password of the user, or of the server (`requirepass`).
    pub password: Option<Vec<u8>>,
    /// Number of the database.
    pub db: u32,
}

/// Its secrets stay untold.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |secret: &Option<Vec<u8>>| secret.as_ref().map(|_| "...");
        f.debug_struct("Handshake")
            .field("user", &told(&self.user))
            .field("password", &told(&self.password))
            .field("db", &self.db)
            .finish()
    }
}

impl Handshake {
    /// The commands, in the order of their replies; at most two.
    pub fn commands(&self) -> impl Iterator<Item = Vec<u8>> {
        let auth = self.password.as_deref().map(|password| match self.user.as_deref() {
            Some(user) => command(&[b"AUTH", user, password]),
            None => command(&[b"AUTH", password]),
        });
        let select = (self.db != 0).then(|| command(&[b"SELECT", self.db.to_string().as_bytes()]));
        auth.into_iter().chain(select)
    }

    /// What may be told in a log of an error that the server returned: at most 200
    /// printable bytes. Redis repeats user names (NOPERM) and arguments (unknown
    /// command): an error that shows a part of a secret is cut to its code.
    pub fn tell(&self, text: &[u8]) -> String {
        let text = text.get(..LONGEST_TEXT).unwrap_or(text);
        let code = text.split(|&byte| byte == b' ').next().unwrap_or_default();
        let plain = code.iter().all(|&byte| byte.is_ascii_uppercase() || byte == b'_');
        let told: &[u8] = if !self.shows(text) {
            text
        } else if plain && !code.is_empty() && !self.shows(code) {
            code
        } else {
            b"an error"
        };
        told.iter().map(|&byte| printable(byte)).collect()
    }

    fn shows(&self, text: &[u8]) -> bool {
        [&self.user, &self.password].into_iter().flatten().any(|secret| {
            !secret.is_empty()
                && secret
                    .windows(secret.len().min(TELLTALE))
                    .any(|part| text.windows(part.len()).any(|run| run == part))
        })
    }
}

fn printable(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' }
}

/// An array of bulk strings, the form of every command.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Appends `GET key` to `out`.
///
/// # Errors
/// [`Failure::Memory`]; `out` is unchanged then.
pub fn encode(key: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut room = [0; 20];
    let len = digits(key.len(), &mut room);
    let parts: [&[u8]; 5] = [b"*2\r\n$3\r\nGET\r\n$", len, b"\r\n", key, b"\r\n"];
    super::append(out, &parts)
}

/// `n` in decimal, at the end of `room`; 20 digits hold any 64-bit number.
fn digits(mut n: usize, room: &mut [u8; 20]) -> &[u8] {
    let mut used = 0;
    for place in room.iter_mut().rev() {
        *place = b'0' + u8::try_from(n % 10).unwrap_or_default();
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    room.get(room.len() - used..).unwrap_or_default()
}

/// Reads the first line of a reply to GET, given without its CRLF.
///
/// # Errors
/// A [`Violation`] for any type that GET does not return: replies carry no key,
/// so a doubt about one is a doubt about all that follow.
pub fn head(line: &[u8]) -> Result<Head<'_>, Violation> {
    match line.split_first() {
        Some((b'$', b"-1")) | Some((b'_', b"")) => Ok(Head::Absent),
        Some((b'$', len)) => {
            let len = decimal(len).ok_or(Violation::Number)?;
            Ok(Head::Value { flags: None, len })
        }
        Some((b'-', text)) => Ok(error(text)),
        _ => Err(Violation::NotAReply),
    }
}

/// What an error in place of a value means (the prefixes of Redis's `shared.*err`).
fn error(text: &[u8]) -> Head<'_> {
    let code = text.split(|&byte| byte == b' ').next().unwrap_or_default();
    let (why, scope) = match code {
        b"NOAUTH" | b"WRONGPASS" => (Failure::Auth, Scope::Connection),
        // An ACL may allow some keys and not others.
        b"NOPERM" => (Failure::Auth, Scope::Key),
        b"WRONGTYPE" => (Failure::Undecodable, Scope::Key),
        b"MOVED" | b"ASK" => (Failure::Protocol, Scope::Key),
        // LOADING, MASTERDOWN, BUSY, CLUSTERDOWN, TRYAGAIN, ERR ...
        _ => (Failure::Protocol, Scope::Server),
    };
    Head::Refused { why, scope, text }
}

/// Reads a reply to AUTH or SELECT, given without its CRLF: `Err` is the server's
/// text if it did not let us in.
///
/// # Errors
/// [`Violation::Handshake`] if it is neither `+OK` nor an error.
pub fn let_in(line: &[u8]) -> Result<Result<(), &[u8]>, Violation> {
    match line.split_first() {
        Some((b'+', b"OK")) => Ok(Ok(())),
        Some((b'-', text)) => Ok(Err(text)),
        _ => Err(Violation::Handshake),
    }
}
