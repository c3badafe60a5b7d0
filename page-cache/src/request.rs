//! What the decisions need to know of a request: borrowed bytes, no copies.

/// The request method, as far as a cache cares (RFC 9110, section 9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// Everything else: never looked up.
    Other,
}

/// Where the path and query of the request come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'a> {
    /// The raw request-target of a main request that nginx has not rewritten.
    Raw(&'a [u8]),
    /// nginx's current, decoded path and the current arguments (without `?`): a
    /// subrequest, `rewrite`, an internal redirect.
    Current {
        /// `$uri`
        path: &'a [u8],
        /// `$args`
        args: &'a [u8],
    },
}

/// Which kind of subrequest this is, if any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rank {
    /// The client's own request.
    Main,
    /// A subrequest whose answer goes to the client (SSI).
    Subrequest,
    /// A subrequest whose body nobody reads (`auth_request`, `mirror`, a cache update).
    HeaderOnly,
}

/// A request, as the policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The method.
    pub method: Method,
    /// Content-Length above 0, or chunked.
    pub has_body: bool,
    /// Main request or subrequest.
    pub rank: Rank,
    /// Path and query.
    pub target: Target<'a>,
    /// The Host field as the client sent it (`:authority` over HTTP/2 and HTTP/3).
    pub host: Option<&'a [u8]>,
    /// The name by which nginx chose the server block, normalised by nginx.
    pub server_name: &'a [u8],
}
