//! Whether a stored page says that it is for everybody: Cache-Control (RFC 9111, section 5.2).

use super::Page;
use super::token::is_token_byte;

/// Whether the Cache-Control of a page has `public` or a `s-maxage` above zero, and neither
/// `private` nor `no-store`. A field that is not well-formed marks nothing.
pub fn is_public(page: &Page) -> bool {
    let fields = page.headers.iter();
    let fields = fields.filter(|field| field.name.eq_ignore_ascii_case(b"cache-control"));
    let mut marks = Marks::default();
    fields.map(|field| marks.read(&field.value)).all(|read| read.is_some()) && marks.is_public()
}

/// What the directives of all the fields say.
#[derive(Default)]
struct Marks {
    public: bool,
    /// Whether all of them are above zero.
    shared_age: Option<bool>,
    forbidden: bool,
}

impl Marks {
    fn is_public(&self) -> bool {
        !self.forbidden && (self.public || self.shared_age == Some(true))
    }

    /// Reads one field. `None` if it is not well-formed.
    fn read(&mut self, field: &[u8]) -> Option<()> {
        let mut rest = field;
        loop {
            // Elements of a list may be empty (RFC 9110, section 5.6.1).
            rest = skip(rest, |byte| is_blank(byte) || byte == b',');
            if rest.is_empty() {
                return Some(());
            }
            let behind = skip(rest, is_token_byte);
            let name = before(rest, behind);
            if name.is_empty() {
                return None;
            }
            let (argument, behind) = match behind.strip_prefix(b"=") {
                None => (None, behind),
                Some(argument) => {
                    let behind = behind_argument(argument)?;
                    (Some(before(argument, behind)), behind)
                }
            };
            self.note(name, argument);
            rest = skip(behind, is_blank);
            if !matches!(rest.first(), None | Some(b',')) {
                return None;
            }
        }
    }

    fn note(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("public") {
            self.public |= argument.is_none();
        } else if is("s-maxage") {
            let above_zero = argument.is_some_and(is_above_zero);
            self.shared_age = Some(above_zero && self.shared_age != Some(false));
        } else if is("private") || is("no-store") {
            // Also with names of fields (`private="Set-Cookie"`): they are not taken out.
            self.forbidden = true;
        }
    }
}

/// Whether an argument is a number of seconds above zero, with or without quotes.
fn is_above_zero(argument: &[u8]) -> bool {
    let bare = argument.strip_prefix(b"\"").and_then(|quoted| quoted.strip_suffix(b"\""));
    let digits = bare.unwrap_or(argument);
    digits.iter().all(u8::is_ascii_digit) && digits.iter().any(|&digit| digit != b'0')
}

/// What follows the token or quoted string at the start of `text`.
fn behind_argument(text: &[u8]) -> Option<&[u8]> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let behind = skip(text, is_token_byte);
        return (behind.len() < text.len()).then_some(behind);
    };
    let is_text = |byte: u8| is_blank(byte) || (byte > b' ' && byte != 0x7f);
    let mut rest = quoted;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', byte, behind @ ..] if is_text(*byte) => behind,
            [byte, behind @ ..] if *byte != b'\\' && is_text(*byte) => behind,
            _ => return None,
        };
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `text` without the bytes at its start that `of` takes.
fn skip(text: &[u8], of: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|&byte| !of(byte)).unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

/// The start of `text`, up to its end `behind`.
fn before<'a>(text: &'a [u8], behind: &[u8]) -> &'a [u8] {
    text.get(..text.len() - behind.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::page::{Body, Header};
    use crate::pipeline::Value;

    fn page(fields: &[(&str, &[u8])]) -> Page {
        let body =
            |bytes: &[u8]| Body::stored(&Rc::new(Value { flags: None, bytes: bytes.to_vec() }));
        let header = |(name, value): &(&str, &[u8])| Header {
            name: body(name.as_bytes()),
            value: body(value),
        };
        let headers = fields.iter().map(header).collect();
        Page { status: 200, reason: None, headers, gzip: false, body: body(b"") }
    }

    fn says(value: &[u8]) -> bool {
        is_public(&page(&[("Content-Type", b"public"), ("cache-Control", value)]))
    }

    #[test]
    fn marks() {
        for value in [
            "public",
            "PUBLIC",
            "max-age=600, public",
            "max-age=600,public",
            "\tpublic , ,, max-age=600,",
            ",public",
            "s-maxage=600",
            "S-MaxAge=\"600\"",
            "s-maxage=99999999999999999999999",
            "s-maxage=0, public",
            "public, max-age=0, no-cache, must-revalidate",
            "community=\"UCI\", public",
            "a=\"\\\"private, no-store\", public",
            "a=\"\", public",
            "no-cache=\"Set-Cookie, private\", public",
            "a=\"\u{e9}\", public",
        ] {
            assert!(says(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn no_marks() {
        for value in [
            "",
            " ",
            ",",
            "max-age=600",
            "private",
            "public, private",
            "Private, Public",
            "public, private=\"Set-Cookie\"",
            "private=x, s-maxage=10",
            "public, no-store",
            "NO-STORE, s-maxage=10",
            "no-cache",
            "public=1",
            "public=\"\"",
            "xpublic",
            "public-key",
            "publics",
            "public.",
            "x=public",
            "x=\"public\"",
            "x=\"a, public, b\"",
            "x=\"a\\\", public, \\\"\"",
            "s-maxage",
            "s-maxage=0",
            "s-maxage=00",
            "s-maxage=-1",
            "s-maxage=1.5",
            "s-maxage=10s",
            "s-maxage=\"\"",
            "s-maxage=\"1\\0\"",
            "s-maxage=10, s-maxage=0",
            "s-maxage=0, s-maxage=10",
            "xs-maxage=10",
            "s-maxage-x=10",
        ] {
            assert!(!says(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_is_not_well_formed_marks_nothing() {
        for value in [
            "public; max-age=600",
            "public max-age=600",
            "public, max-age = 600",
            "public, max-age=",
            "public, =600",
            "public, x=\"",
            "public, x=\"a",
            "public, x=\"a\\",
            "public, x=\"a\\\"",
            "public, x=\"a\"b",
            "public, x=a\"b\"",
            "public, \"x\"",
            "public, x=(a)",
            "public, x=\"\u{7f}\"",
            "public, x=\"a\\\u{1}\"",
            "\u{e9}, public",
            "public\u{b}",
        ] {
            assert!(!says(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn all_fields_count() {
        let two = |a: &[u8], b: &[u8]| {
            is_public(&page(&[("Cache-Control", a), ("Vary", b"x"), ("CACHE-CONTROL", b)]))
        };
        assert!(two(b"max-age=600", b"public"));
        assert!(two(b"public", b""));
        assert!(!two(b"public", b"private"));
        assert!(!two(b"no-store", b"public"));
        assert!(!two(b"public", b"\""));
        assert!(!two(b"s-maxage=1", b"s-maxage=0"));
        assert!(!is_public(&page(&[])));
        assert!(!is_public(&page(&[("Surrogate-Control", b"public"), ("Pragma", b"public")])));
    }
}
