//! memcached's text protocol, `get` of one key (memcached's doc/protocol.txt,
//! "Retrieval command" and "Error strings").

use super::line::decimal;
use super::{Head, Scope, Violation};
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
    !key.is_empty()
        && key.len() <= LONGEST_KEY
        && key.iter().all(|&byte| byte > b' ' && byte != 0x7f)
}

/// Appends `get KEY\r\n` to `out`.
///
/// # Errors
/// [`Failure::Memory`]; `out` is unchanged then.
pub fn encode(key: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let parts: [&[u8]; 3] = [b"get ", key, b"\r\n"];
    out.try_reserve(parts.iter().map(|part| part.len()).sum()).map_err(|_| Failure::Memory)?;
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

pub(super) fn longest_line(key: &[u8], seen: &[u8]) -> usize {
    if seen.starts_with(SERVER_ERROR) || seen.starts_with(CLIENT_ERROR) {
        LONGEST_ERROR
    } else {
        key.len().saturating_add(BESIDE_KEY)
    }
}

/// Reads the first line of a reply, given without its CRLF.
///
/// # Errors
/// A [`Violation`] if it is not a legal reply to `get KEY`.
pub fn head<'a>(line: &'a [u8], key: &[u8]) -> Result<Head<'a>, Violation> {
    if line == b"END" {
        return Ok(Head::Absent);
    }
    if let Some(rest) = line.strip_prefix(b"VALUE ") {
        return value(rest, key);
    }
    // Only SERVER_ERROR is sent in place of a reply. ERROR and CLIENT_ERROR mean
    // that the server did not understand us: where its next reply starts is anybody's guess.
    let refused = |scope| Head::Refused { why: Failure::Protocol, scope, text: line };
    if is_word(line, SERVER_ERROR) {
        Ok(refused(Scope::Server))
    } else if is_word(line, CLIENT_ERROR) || line == b"ERROR" {
        Ok(refused(Scope::Connection))
    } else {
        Err(Violation::NotAReply)
    }
}

/// `<key> <flags> <bytes> [<cas unique>]`
fn value<'a>(rest: &[u8], key: &[u8]) -> Result<Head<'a>, Violation> {
    let numbers = rest
        .strip_prefix(key)
        .and_then(|rest| rest.strip_prefix(b" "))
        .ok_or(Violation::OtherKey)?;
    let mut fields = numbers.split(|&byte| byte == b' ').map(decimal);
    let mut field = || fields.next().map(|number| number.ok_or(Violation::Number)).transpose();
    let (flags, len, _cas, more) = (field()?, field()?, field()?, field()?);
    let flags = flags.and_then(|flags| u32::try_from(flags).ok()).ok_or(Violation::Number)?;
    let len = len.filter(|_| more.is_none()).ok_or(Violation::Number)?;
    Ok(Head::Value { flags: Some(flags), len })
}

/// Whether `line` is `word`, alone or with an explanation.
fn is_word(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}
