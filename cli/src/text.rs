//! Bytes of requests and stores, for a terminal.

use std::fmt::Write;

/// Bytes as text in one line: what is neither UTF-8 nor printable becomes `\x..`, so that a
/// stored page can do nothing to a terminal.
pub fn show(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let escape = |out: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                escape(&mut out, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(character);
            }
        }
        escape(&mut out, chunk.invalid());
    }
    out
}

/// A duration in words: its two largest units.
pub fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|&(size, _)| seconds >= size).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut words = Vec::new();
    for &(size, unit) in units.iter().skip(first).take(2) {
        if rest >= size || words.is_empty() {
            words.push(format!("{} {unit}", rest / size));
        }
        rest %= size;
    }
    words.join(" ")
}

/// A count of bytes in words.
pub fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_unescaped() {
        for (bytes, shown) in [
            (&b"/plain'\\"[..], "/plain'\\"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"a\xe9b", "a\\xe9b"),
            (b"\x1b[2J\r\n\0\x7f", "\\x1b[2J\\x0d\\x0a\\x00\\x7f"),
            (b"\xc2\x9b", "\\xc2\\x9b"),
        ] {
            assert_eq!(show(bytes), shown);
        }
    }

    #[test]
    fn durations_in_words() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (299, "4 min 59 s"),
            (3600, "1 h"),
            (3659, "1 h"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
        assert_eq!((bytes(1).as_str(), bytes(0).as_str()), ("1 byte", "0 bytes"));
    }
}
