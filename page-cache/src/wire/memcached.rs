//! memcached's text protocol, `get` of one key (memcached's doc/protocol.txt,
//! "Retrieval command" and "Error strings").

use memchr::memchr;

use super::line::decimal;
use super::{Asked, Head, Scope, Violation};
use crate::outcome::Failure;

/// The longest key in bytes (memcached's `KEY_MAX_LENGTH`).
pub const LONGEST_KEY: usize = 250;

/// What a `VALUE` line may have beside its key, in bytes: the word, the flags, the
/// length and the cas unique at their longest make 59.
const BESIDE_KEY: usize = 64;

/// The longest error line in bytes; proxies put explanations of their own there.
const LONGEST_ERROR: usize = 1024;

const SERVER_ERROR: &[u8] = b"SERVER_ERROR";
const CLIENT_ERROR: &[u8] = b"CLIENT_ERROR";

/// Whether memcached can take `key`: 1 to 250 bytes, none of them a blank or a
/// control character.
pub fn accepts(key: &[u8]) -> bool {
    // Without an early end this takes many bytes at a time.
    let legal = key.iter().fold(true, |legal, &byte| legal & (byte > b' ') & (byte != 0x7f));
    legal && !key.is_empty() && key.len() <= LONGEST_KEY
}

/// Appends `get KEY...\r\n` to `out`: one command for all keys.
///
/// # Errors
/// [`Failure::Memory`]; some of it may be in `out` then.
pub fn encode<'a>(keys: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Result<(), Failure> {
    super::append(out, &[b"get"])?;
    for key in keys {
        super::append(out, &[b" ", key])?;
    }
    super::append(out, &[b"\r\n"])
}

pub(super) fn longest_line(longest_key: usize, seen: &[u8]) -> usize {
    if seen.starts_with(SERVER_ERROR) || seen.starts_with(CLIENT_ERROR) {
        LONGEST_ERROR
    } else {
        longest_key.saturating_add(BESIDE_KEY)
    }
}

/// Reads a line of a reply, given without its CRLF; for a value also tells which of the
/// keys it is of.
///
/// # Errors
/// A [`Violation`] if it is not a legal reply to `get` of these keys.
pub fn head<'a, A: Asked + ?Sized>(
    line: &'a [u8],
    asked: &A,
) -> Result<(Head<'a>, usize), Violation> {
    if line == b"END" {
        return Ok((Head::Absent, 0));
    }
    if let Some(rest) = line.strip_prefix(b"VALUE ") {
        return value(rest, asked);
    }
    // Only SERVER_ERROR is sent in place of a reply. ERROR and CLIENT_ERROR mean
    // that the server did not understand us: where its next reply starts is anybody's guess.
    let refused = |scope| (Head::Refused { why: Failure::Protocol, scope, text: line }, 0);
    if is_word(line, SERVER_ERROR) {
        Ok(refused(Scope::Server))
    } else if is_word(line, CLIENT_ERROR) || line == b"ERROR" {
        Ok(refused(Scope::Connection))
    } else {
        Err(Violation::NotAReply)
    }
}

/// `<key> <flags> <bytes> [<cas unique>]`
fn value<'a, A: Asked + ?Sized>(rest: &[u8], asked: &A) -> Result<(Head<'a>, usize), Violation> {
    let blank = memchr(b' ', rest).ok_or(Violation::OtherKey)?;
    let (key, numbers) = rest.split_at(blank);
    let which = asked.find(key).ok_or(Violation::OtherKey)?;
    let numbers = numbers.strip_prefix(b" ").unwrap_or_default();
    let mut fields = numbers.split(|&byte| byte == b' ').map(decimal);
    let mut field = || fields.next().map(|number| number.ok_or(Violation::Number)).transpose();
    let (flags, len, _cas, more) = (field()?, field()?, field()?, field()?);
    let flags = flags.and_then(|flags| u32::try_from(flags).ok()).ok_or(Violation::Number)?;
    let len = len.filter(|_| more.is_none()).ok_or(Violation::Number)?;
    Ok((Head::Value { flags: Some(flags), len }, which))
}

/// Whether `line` is `word`, alone or with an explanation.
fn is_word(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}
