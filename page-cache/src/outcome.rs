//! The words: what became of a request, and why.

use std::fmt;

/// Why a request was not looked up (`$rust_page_cache_reason` of a `BYPASS`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Bypass {
    /// Neither GET nor HEAD.
    Method,
    /// The request carries a body.
    Body,
    /// A header-only or background subrequest (`auth_request`, `mirror`, a cache update).
    Subrequest,
    /// `rust_page_cache_bypass` said so.
    Bypass,
    /// `rust_page_cache_ignore` matched.
    Ignore,
    /// A request-target for which applications and nginx disagree.
    Target,
    /// No Host, or not the one by which nginx chose the server block.
    Host,
    /// The store cannot take the key.
    Key,
}

/// Why the store had no page for the request (`MISS`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Miss {
    /// No such key, or an empty value.
    Absent,
    /// The stored page sets a cookie: it was made for one client.
    SetCookie,
    /// The stored page asks for `X-Accel-Redirect`.
    XAccel,
    /// The stored page varies on something that cannot be told from the request.
    Vary,
    /// `rust_page_cache_public_only` is on, and the stored page does not say that it is for
    /// everybody.
    Private,
    /// The value is a pickled object where a body was expected.
    Pickled,
    /// The value's memcached flags say what is not known here.
    Flags,
}

/// What went wrong with the store or with the value that it returned (`ERROR`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// The value is not what the format says.
    Undecodable,
    /// The value, or what it inflates to, is over `rust_page_cache_max_size`.
    TooLarge,
    /// No connection to the store could be made.
    Connect,
    /// The store did not answer within `rust_page_cache_timeout`.
    Timeout,
    /// The store closed the connection before its reply was complete.
    Closed,
    /// The store answered something that the protocol does not allow, or an error.
    Protocol,
    /// The store did not let us in (AUTH, SELECT, permissions).
    Auth,
    /// The store failed a moment ago and is left alone.
    Down,
    /// Memory, descriptors or connections are short.
    Memory,
}

/// What was decided for a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// The page was served from the store.
    Hit,
    /// The store was asked and had no page that may be served.
    Miss(Miss),
    /// The store was not asked.
    Bypass(Bypass),
    /// The store could not be asked, or answered nonsense.
    Failure(Failure),
}

impl Bypass {
    /// The word of `$rust_page_cache_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Subrequest => "subrequest",
            Self::Bypass => "bypass",
            Self::Ignore => "ignore",
            Self::Target => "target",
            Self::Host => "host",
            Self::Key => "key",
        }
    }
}

impl Miss {
    /// The word of `$rust_page_cache_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::SetCookie => "set-cookie",
            Self::XAccel => "x-accel",
            Self::Vary => "vary",
            Self::Private => "private",
            Self::Pickled => "pickled",
            Self::Flags => "flags",
        }
    }
}

impl Failure {
    /// The word of `$rust_page_cache_reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::TooLarge => "too-large",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Auth => "auth",
            Self::Down => "down",
            Self::Memory => "memory",
        }
    }
}

impl Outcome {
    /// The word of `$rust_page_cache_status`.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Miss(_) => "MISS",
            Self::Bypass(_) => "BYPASS",
            Self::Failure(_) => "ERROR",
        }
    }

    /// The word of `$rust_page_cache_reason`; empty for a hit.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Hit => "",
            Self::Miss(why) => why.as_str(),
            Self::Bypass(why) => why.as_str(),
            Self::Failure(why) => why.as_str(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Bypass> for Outcome {
    fn from(why: Bypass) -> Self {
        Self::Bypass(why)
    }
}

impl From<Miss> for Outcome {
    fn from(why: Miss) -> Self {
        Self::Miss(why)
    }
}

impl From<Failure> for Outcome {
    fn from(why: Failure) -> Self {
        Self::Failure(why)
    }
}
