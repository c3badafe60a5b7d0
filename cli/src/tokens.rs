//! The words of a directive, as nginx's `ngx_conf_read_token()` finds them: what stands in
//! nginx.conf can be pasted.

/// Why there are no words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// A quote that is never closed.
    #[error("the terminating {0} is missing")]
    OpenQuote(char),
    /// Something behind a closing quote.
    #[error("unexpected \"{0}\" behind a quoted word, it must be a blank")]
    BehindQuote(char),
    /// A block begins or ends.
    #[error("unexpected \"{0}\", only the parameters of rust_page_cache go here")]
    Block(char),
    /// A second directive.
    #[error("there is more behind \";\", only one directive can be explained")]
    Behind,
}

/// The words of one directive, with or without its name and its `;`.
///
/// # Errors
/// [`TokenError`] where nginx would find something else than one directive.
pub fn words(text: &[u8]) -> Result<Vec<Vec<u8>>, TokenError> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = skip_blanks(rest);
        match rest.first() {
            None => break,
            Some(b';') => {
                rest = skip_blanks(rest.get(1..).unwrap_or_default());
                if !rest.is_empty() {
                    return Err(TokenError::Behind);
                }
            }
            Some(&brace @ (b'{' | b'}')) => return Err(TokenError::Block(char::from(brace))),
            Some(&quote @ (b'"' | b'\'')) => {
                let inside = rest.get(1..).unwrap_or_default();
                let len = quoted_len(inside, quote);
                let Some((word, behind)) = len.and_then(|len| inside.split_at_checked(len)) else {
                    return Err(TokenError::OpenQuote(char::from(quote)));
                };
                words.push(unescaped(word));
                rest = behind.get(1..).unwrap_or_default();
                match rest.first() {
                    None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';') => {}
                    Some(&byte) => return Err(TokenError::BehindQuote(char::from(byte))),
                }
            }
            Some(_) => {
                let (word, behind) = rest.split_at(bare_len(rest));
                words.push(unescaped(word));
                rest = behind;
            }
        }
    }
    if words.first().is_some_and(|word| word == b"rust_page_cache") {
        words.remove(0);
    }
    Ok(words)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What follows blanks and comments.
fn skip_blanks(mut text: &[u8]) -> &[u8] {
    while let Some(&byte) = text.first() {
        let skipped = match byte {
            b'#' => text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len()),
            byte if is_blank(byte) => 1,
            _ => break,
        };
        text = text.get(skipped..).unwrap_or_default();
    }
    text
}

/// Length of a quoted word up to its closing quote.
fn quoted_len(text: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == quote && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Length of a word without quotes around it.
fn bare_len(text: &[u8]) -> usize {
    let (mut escaped, mut dollar) = (false, false);
    let ends = |&byte: &u8| {
        let ends = !escaped && (is_blank(byte) || byte == b';' || (byte == b'{' && !dollar));
        dollar = byte == b'$' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    };
    text.iter().position(ends).unwrap_or(text.len())
}

/// A word without its backslashes; one in front of another character than these stays.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, behind)) = rest.split_first() {
        let plain = match (byte, behind.first()) {
            (b'\\', Some(&next @ (b'"' | b'\'' | b'\\'))) => Some(next),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            _ => None,
        };
        out.push(plain.unwrap_or(byte));
        rest = if plain.is_some() { behind.get(1..).unwrap_or_default() } else { behind };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Vec<String>, TokenError> {
        let shown = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        words(text.as_bytes()).map(|words| words.iter().map(shown).collect())
    }

    #[test]
    fn words_as_nginx_finds_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("off", &["off"]),
            ("rust_page_cache off;", &["off"]),
            ("  a\tb\n#c\n\td ;\n# e\n", &["a", "b", "d"]),
            ("a key=raw#x", &["a", "key=raw#x"]),
            ("prefix=${http_x}y;", &["prefix=${http_x}y"]),
            ("'a b' \"c;{}#\"", &["a b", "c;{}#"]),
            ("uri='a' b'c", &["uri='a'", "b'c"]),
            (r#""a\"b" 'c\'d' e\ f g\;h"#, &["a\"b", "c'd", "e\\ f", "g\\;h"]),
            (r"a\tb\nc\\d\e", &["a\tb\nc\\d\\e"]),
            ("''", &[""]),
        ] {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(split(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_directive() {
        for (text, expected) in [
            ("'a", TokenError::OpenQuote('\'')),
            (r#""a\""#, TokenError::OpenQuote('"')),
            ("'a'b", TokenError::BehindQuote('b')),
            ("a {", TokenError::Block('{')),
            ("}", TokenError::Block('}')),
            ("a; proxy_pass http://b;", TokenError::Behind),
        ] {
            assert_eq!(split(text), Err(expected), "{text}");
        }
    }
}
