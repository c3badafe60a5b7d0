//! Header fields whose value the application sees, and their names in WSGI's environment.

use std::fmt;

/// The name of a header field as WSGI has it: `HTTP_X_COUNTRY` for `X-Country`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct FieldName(Vec<u8>);

/// Why a word is not the name of a field that an application can be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadFieldName {
    /// Not a token (RFC 9110, section 5.6.2).
    #[error("it must be letters, digits and \"-\", such as X-Country")]
    NotToken,
    /// Some application servers drop such a field, others take `_` for `-`.
    #[error(
        "application servers drop a field with \"_\" in its name or take it for \"-\", write \
         \"-\" here and where nginx sends it"
    )]
    Underscore,
}

impl FieldName {
    /// Reads the name of a field in any case.
    ///
    /// # Errors
    /// [`BadFieldName`]
    pub fn parse(field: &[u8]) -> Result<Self, BadFieldName> {
        if field.is_empty() || !field.iter().all(|&byte| is_token(byte)) {
            return Err(BadFieldName::NotToken);
        }
        if field.contains(&b'_') {
            return Err(BadFieldName::Underscore);
        }
        let wsgi = |&byte: &u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
        Ok(Self(b"HTTP_".iter().copied().chain(field.iter().map(wsgi)).collect()))
    }

    /// Whether `value` is nginx's variable of this very field, and nothing else
    /// (`$http_x_country`): the application gets the field as the client sent it.
    pub fn is_clients(&self, value: &[u8]) -> bool {
        let Some(variable) = value.strip_prefix(b"$") else { return false };
        let bare = variable.strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
        bare.unwrap_or(variable).eq_ignore_ascii_case(&self.0)
    }

    /// `HTTP_X_COUNTRY`
    pub fn as_wsgi(&self) -> &[u8] {
        &self.0
    }
}

/// A field's name as people write it, of its name in WSGI: `X-Country`. For messages.
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.strip_prefix(b"HTTP_").unwrap_or(self.0);
        let mut first = true;
        for &byte in name {
            let byte = if byte == b'_' { b'-' } else { byte };
            let byte = if first { byte } else { byte.to_ascii_lowercase() };
            write!(f, "{}", byte.escape_ascii())?;
            first = byte == b'-';
        }
        Ok(())
    }
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether no field of a request ever becomes `name`, so that it is absent everywhere: a name
/// that is empty or has blanks, as Django makes one of `Vary: , Cookie`.
pub(super) fn is_no_field(name: &[u8]) -> bool {
    name.strip_prefix(b"HTTP_").is_some_and(|rest| rest.is_empty() || rest.contains(&b' '))
}

/// Whether a header of this name is the client's own: what browsers and the libraries in pages
/// send, and set-ups leave alone. Not Authorization, Host, Range, If-*, Forwarded and the
/// like, which nginx or a proxy in front of it may have set, and not Content-Type.
pub fn is_clients_own(name: &[u8]) -> bool {
    let Some(name) = name.strip_prefix(b"HTTP_") else { return false };
    match name {
        b"ACCEPT"
        | b"ACCEPT_CHARSET"
        | b"ACCEPT_ENCODING"
        | b"ACCEPT_LANGUAGE"
        | b"COOKIE"
        | b"DNT"
        | b"ORIGIN"
        | b"PREFER"
        | b"PRIORITY"
        | b"REFERER"
        | b"SAVE_DATA"
        | b"UPGRADE_INSECURE_REQUESTS"
        | b"USER_AGENT" => true,
        // Client hints
        b"VIEWPORT_WIDTH" | b"WIDTH" | b"DEVICE_MEMORY" | b"DPR" | b"DOWNLINK" | b"ECT"
        | b"RTT" => true,
        // Hotwire, React
        b"X_REQUESTED_WITH" | b"TURBO_FRAME" | b"X_TURBO_REQUEST_ID" | b"X_CSRFTOKEN" | b"RSC" => {
            true
        }
        name => OWN_FAMILIES.iter().any(|family| name.starts_with(family)),
    }
}

/// What the names of the client's own begin with: fetch metadata and client hints, pjax, htmx,
/// Inertia, Unpoly, Alpine, Next.js.
const OWN_FAMILIES: [&[u8]; 7] =
    [b"SEC_", b"X_PJAX", b"HX_", b"X_INERTIA", b"X_UP_", b"X_ALPINE_", b"NEXT_"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn names_in_wsgi() {
        for (field, wsgi) in [
            ("X-Country", "HTTP_X_COUNTRY"),
            ("x-country", "HTTP_X_COUNTRY"),
            ("COOKIE", "HTTP_COOKIE"),
            ("Host", "HTTP_HOST"),
            ("a.b", "HTTP_A.B"),
        ] {
            assert_eq!(FieldName::parse(field.as_bytes()).unwrap().as_wsgi(), wsgi.as_bytes());
        }
        for (field, why) in [
            ("", BadFieldName::NotToken),
            ("X Country", BadFieldName::NotToken),
            ("X:", BadFieldName::NotToken),
            ("X\n", BadFieldName::NotToken),
            ("\u{e9}", BadFieldName::NotToken),
            ("X_Country", BadFieldName::Underscore),
            ("_", BadFieldName::Underscore),
        ] {
            assert_eq!(FieldName::parse(field.as_bytes()), Err(why), "{field}");
        }
    }

    #[test]
    fn the_variable_of_the_field() {
        let country = FieldName::parse(b"X-Country").unwrap();
        for (value, is) in [
            ("$http_x_country", true),
            ("${http_x_country}", true),
            ("$HTTP_X_Country", true),
            ("$http_x_countries", false),
            ("$http_x", false),
            ("$http_x_country ", false),
            (" $http_x_country", false),
            ("$http_x_country$http_x_country", false),
            ("${http_x_country", false),
            ("$http_x_country}", false),
            ("http_x_country", false),
            ("$http_x-country", false),
            ("", false),
        ] {
            assert_eq!(country.is_clients(value.as_bytes()), is, "{value}");
        }
    }

    #[test]
    fn names_as_people_write_them() {
        for (wsgi, shown) in [
            ("HTTP_X_COUNTRY", "X-Country"),
            ("HTTP_COOKIE", "Cookie"),
            ("HTTP_", ""),
            ("HTTP__A", "-A"),
            ("HTTP_A\n", "A\\n"),
        ] {
            assert_eq!(Shown(wsgi.as_bytes()).to_string(), shown);
        }
    }

    /// The list of the contract, word for word, and what stands next to it.
    #[test]
    fn the_client_s_own() {
        let own = "Accept, Accept-Charset, Accept-Encoding, Accept-Language, Cookie, DNT, Origin, \
                   Prefer, Priority, Referer, Save-Data, Sec-*, Upgrade-Insecure-Requests, \
                   User-Agent, Viewport-Width, Width, Device-Memory, DPR, Downlink, ECT, RTT, \
                   X-Requested-With, X-PJAX*, HX-*, Turbo-Frame, X-Turbo-Request-Id, X-CSRFToken, \
                   X-Inertia*, X-Up-*, X-Alpine-*, RSC, Next-*";
        let is_own =
            |field: &str| is_clients_own(FieldName::parse(field.as_bytes()).unwrap().as_wsgi());
        for field in own.split(", ") {
            match field.strip_suffix('*') {
                Some(family) => assert!(is_own(&format!("{family}x")), "{field}"),
                None => {
                    assert!(is_own(field), "{field}");
                    assert!(!is_own(&format!("{field}x")), "{field}x");
                    assert!(!is_own(&format!("X-{field}")), "X-{field}");
                }
            }
        }
        for field in [
            "Authorization",
            "Host",
            "Range",
            "If-None-Match",
            "If-Modified-Since",
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "X-Remote-User",
            "Remote-User",
            "X-Country",
            "CF-IPCountry",
            "Content-Type",
            "Content-Length",
            "Connection",
            "TE",
            "Sec",
            "HX",
            "X-Up",
            "Next",
            "X-A",
        ] {
            assert!(!is_own(field), "{field}");
        }
        assert!(!is_clients_own(b"COOKIE") && !is_clients_own(b"HTTP_") && !is_clients_own(b""));
    }
}
