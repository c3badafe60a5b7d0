//! What is wrong with a directive, in a line for nginx's log.

/// What is wrong with the parameters of `rust_page_cache`.
///
/// Words are shown as they were written, except for what may be a user or a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DirectiveError {
    /// No word at all.
    #[error("no store, it must be \"off\", memcached://HOST or redis://HOST")]
    NoStore,
    /// The first word is no store.
    #[error(
        "invalid store \"{word}\", it must be \"off\" or begin with memcached://, redis:// or \
         valkey://"
    )]
    UnknownScheme {
        /// The word.
        word: String,
    },
    /// A store that is to be reached over TLS.
    #[error(
        "store \"{word}\" asks for TLS, which this module does not speak yet, it must begin with \
         redis:// or valkey:// and be reached over loopback, a unix socket, a private network or \
         a tunnel of its own"
    )]
    Tls {
        /// The word.
        word: String,
    },
    /// A store without a host.
    #[error("no host in store \"{word}\", it must be {allowed}")]
    NoHost {
        /// The word.
        word: String,
        /// The form of such a store.
        allowed: &'static str,
    },
    /// A part of the store is wrong.
    #[error("invalid {part} in store \"{word}\", it must be {allowed}")]
    InvalidStore {
        /// host, port, ..
        part: &'static str,
        /// The word.
        word: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The store takes no such thing.
    #[error("{part} in store \"{word}\", memcached has none, only redis:// takes it")]
    NotMemcached {
        /// credentials, database
        part: &'static str,
        /// The word.
        word: String,
    },
    /// Longer than a socket address can hold.
    #[error("too long socket path in store \"{word}\": {len} bytes, it must be at most {max}")]
    SocketPathTooLong {
        /// The word.
        word: String,
        /// Length of the path in bytes.
        len: usize,
        /// What `sun_path` takes in bytes.
        max: usize,
    },
    /// `off` and something else.
    #[error("invalid parameter \"{word}\", \"off\" takes no parameters")]
    OffWith {
        /// The first word after `off`.
        word: String,
    },
    /// Not a parameter.
    #[error(
        "unknown parameter \"{word}\", it must be one of: \
         key=, prefix=, uri=, namespace=, format=, django=, lang=, timezone=, fallback="
    )]
    UnknownParameter {
        /// The word.
        word: String,
    },
    /// A parameter given twice.
    #[error("duplicate parameter \"{name}=\", it must be given once")]
    RepeatedParameter {
        /// The parameter.
        name: &'static str,
    },
    /// A value in quotes: to nginx quotes inside a word are bytes of the word.
    #[error(
        "quotes in \"{word}\" would be part of the value, quote the whole parameter instead: {instead}"
    )]
    QuotedValue {
        /// The word.
        word: String,
        /// How to write it.
        instead: String,
    },
    /// A value that the parameter cannot have.
    #[error("invalid {name} \"{value}\", it must be {allowed}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A parameter of Django's recipe beside another recipe.
    #[error("parameter \"{name}=\" with key={key}, it is allowed only with key=django")]
    OnlyWithDjango {
        /// The parameter.
        name: &'static str,
        /// The recipe.
        key: &'static str,
    },
}

impl DirectiveError {
    pub(super) fn off_with(word: &[u8]) -> Self {
        Self::OffWith { word: redacted(word) }
    }

    /// `value` begins with `quote`, which nginx takes for a byte like any other.
    pub(super) fn quoted_value(name: &str, value: &[u8], quote: u8) -> Self {
        let quote = char::from(quote);
        // A URL may hold a password.
        let has_url = value.windows(3).any(|bytes| bytes == b"://");
        let inside = value.get(1..).unwrap_or_default();
        let inside = match has_url {
            true => redacted(inside),
            false => String::from_utf8_lossy(inside).into_owned(),
        };
        let word = format!("{name}={quote}{inside}");
        // Without its end the value was cut at a blank: what followed is another word.
        let instead = match inside.strip_suffix(quote) {
            Some(inside) => format!("{quote}{name}={inside}{quote}"),
            None => format!("{quote}{name}=...{quote}"),
        };
        Self::QuotedValue { word, instead }
    }

    pub(super) fn unknown_parameter(word: &[u8]) -> Self {
        Self::UnknownParameter { word: redacted(word) }
    }

    pub(super) fn invalid(name: &'static str, value: &[u8], allowed: &'static str) -> Self {
        Self::Invalid { name, value: redacted(value), allowed }
    }
}

/// A word for a message, without anything that may be a user or a password, also where the
/// word is no valid store: what stands before the last `@`, or, if there is none, what
/// follows `redis://:` and is no port.
pub(super) fn redacted(word: &[u8]) -> String {
    let (scheme, rest) = split_scheme(word);
    let hidden = match rest.iter().rposition(|&byte| byte == b'@') {
        Some(at) => at,
        None if may_be_password(scheme, rest) => rest.len(),
        None => 0,
    };
    let shown = rest.get(hidden..).unwrap_or_default();
    let mask = if hidden > 0 { "***" } else { "" };
    format!("{}{mask}{}", String::from_utf8_lossy(scheme), String::from_utf8_lossy(shown))
}

/// Whether credentials may have been written without the `@HOST` behind them.
fn may_be_password(scheme: &[u8], rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b":") else { return false };
    let port = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    let is_port = port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    !scheme.is_empty() && !scheme.eq_ignore_ascii_case(b"memcached://") && !is_port
}

/// `scheme://` (RFC 3986, section 3.1), if the word begins so, and the rest.
fn split_scheme(word: &[u8]) -> (&[u8], &[u8]) {
    let of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+.-".contains(byte);
    let end = word.iter().position(|byte| !of_scheme(byte)).unwrap_or(word.len());
    let is_scheme = word.get(end..).is_some_and(|rest| rest.starts_with(b"://"));
    word.split_at_checked(if is_scheme { end + 3 } else { 0 }).unwrap_or((b"", word))
}
