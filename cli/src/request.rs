//! The request that nginx would see: a URL and header fields, as a client sends them.

use page_cache::Failure;
use page_cache::key::field::FieldName;
use page_cache::key::vary::{RequestHeaders, Set};
use page_cache::request::{Method, Rank, RequestView, Target};

use crate::text::show;
use crate::uri::{self, PathError};

/// A main request that nginx has not rewritten.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, as it was given.
    pub method: Vec<u8>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The request-target in origin form.
    pub target: Vec<u8>,
    /// `$uri`
    pub uri: Vec<u8>,
    /// The name by which nginx chooses the server block, as `$host`.
    pub server_name: Vec<u8>,
    /// What was left out of the request, for the reader.
    pub notes: Vec<String>,
    /// What the application gets of these fields, whatever the client sent, or what the
    /// client sent (`rust_page_cache_set_header`).
    pub set: SetHeaders,
    fields: Vec<Field>,
}

/// Fields and what the application gets of them; nothing: what the client sent.
pub type SetHeaders = Vec<(FieldName, Option<Vec<u8>>)>;

/// A header field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// The name, in the case in which it was given.
    pub name: Vec<u8>,
    /// The value, without blanks around it.
    pub value: Vec<u8>,
}

/// Why there is no such request. No message shows the URL: it may be the store, with its
/// password, in the wrong place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// No `http://` or `https://`.
    #[error("invalid URL, it must begin with http:// or https://")]
    Scheme,
    /// `user:password@`
    #[error("user and password in the URL: write -H 'Authorization: ...' as the client sends it")]
    UserInfo,
    /// No host.
    #[error("no host in the URL")]
    NoHost,
    /// Not ASCII, or a character that no host has.
    #[error("invalid host in the URL, it must be ASCII (an internationalised name as xn--...)")]
    Host,
    /// A blank or a control character.
    #[error("a blank or control character in the URL, it must be percent-encoded")]
    Blank,
    /// Not `NAME: VALUE`.
    #[error("invalid header field \"{0}\", it must be \"Name: value\"")]
    Field(String),
    /// nginx answers 400 itself.
    #[error("nginx answers 400 to a request with {0}")]
    BadRequest(&'static str),
    /// The same, of its path.
    #[error("{0}, nginx answers 400")]
    BadPath(#[from] PathError),
    /// Not a method.
    #[error("invalid method \"{0}\", it must be in upper case, such as GET")]
    Method(String),
}

/// The parts of a URL.
struct Parts<'a> {
    scheme: &'static str,
    authority: &'a [u8],
    target: Vec<u8>,
    had_fragment: bool,
}

impl Request {
    /// The request for `url` with the header fields `fields`, each `Name: value`. Without a
    /// Host among them it is the URL's. `server_name` is nginx's `$host`, if it is not the
    /// name in the Host field.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn new(
        method: &[u8],
        url: &[u8],
        fields: &[&[u8]],
        server_name: Option<&[u8]>,
    ) -> Result<Self, RequestError> {
        // ngx_http_parse_request_line()
        if method.is_empty() || !method.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-'))
        {
            return Err(RequestError::Method(show(method)));
        }
        let parts = parts(url)?;
        let mut notes = Vec::new();
        if parts.had_fragment {
            notes.push("the fragment of the URL is left out: clients do not send it".to_owned());
        }
        let mut known = Vec::new();
        for field in fields {
            let field = Field::parse(field)?;
            if field.is_ignored() {
                let name = show(&field.name);
                notes.push(format!(
                    "nginx drops the field {name}: its name is not of letters, digits and \"-\""
                ));
            } else {
                known.push(field);
            }
        }
        let hosts = known.iter().filter(|field| field.is("host")).count();
        if hosts > 1 {
            return Err(RequestError::BadRequest("two Host fields"));
        }
        if hosts == 0 {
            let value = without_default_port(parts.authority, parts.scheme).to_vec();
            known.insert(0, Field { name: b"Host".to_vec(), value });
        }
        let host = known.iter().find(|field| field.is("host"));
        let host = host.map(|field| field.value.as_slice()).unwrap_or_default();
        let server_name = server_name.unwrap_or_else(|| bare_name(host)).to_ascii_lowercase();
        let request = Self {
            method: method.to_vec(),
            scheme: parts.scheme,
            uri: uri::normalised(path_of(&parts.target))?,
            target: parts.target,
            server_name,
            notes,
            set: Vec::new(),
            fields: known,
        };
        request.body_len()?;
        Ok(request)
    }

    /// The request as the policy sees it.
    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            method: match self.method.as_slice() {
                b"GET" => Method::Get,
                b"HEAD" => Method::Head,
                _ => Method::Other,
            },
            has_body: self.body_len().is_ok_and(|len| len > 0) || self.is_chunked(),
            rank: Rank::Main,
            target: self.target(),
            host: self.values("host").next(),
            server_name: &self.server_name,
        }
    }

    /// The request-target, for the library.
    pub fn target(&self) -> Target<'_> {
        Target::Raw(&self.target)
    }

    /// `$args`: the query, as it was sent.
    pub fn args(&self) -> &[u8] {
        self.target.get(path_of(&self.target).len() + 1..).unwrap_or_default()
    }

    /// The values of the fields of that name, in their order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.is(name)).map(|field| field.value.as_slice())
    }

    /// The header fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn body_len(&self) -> Result<u64, RequestError> {
        let bad = RequestError::BadRequest("a malformed Content-Length");
        let Some(value) = self.values("content-length").next() else { return Ok(0) };
        let digits = std::str::from_utf8(value).map_err(|_| bad.clone())?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad);
        }
        digits.parse().map_err(|_| bad)
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").any(|value| value.eq_ignore_ascii_case(b"chunked"))
    }
}

impl RequestHeaders for Request {
    fn for_each(&self, field: &mut dyn FnMut(&[u8], &[u8])) {
        for Field { name, value } in &self.fields {
            field(name, value);
        }
    }

    fn set(&self, name: &[u8]) -> Result<Option<Set<'_>>, Failure> {
        let mut all = self.set.iter();
        let known = all.find(|(set, _)| set.as_wsgi() == name);
        Ok(known.map(|(_, value)| value.as_deref().map_or(Set::Client, Set::Value)))
    }
}

impl Field {
    fn parse(text: &[u8]) -> Result<Self, RequestError> {
        let bad = || RequestError::Field(show(text));
        let colon = text.iter().position(|&byte| byte == b':').ok_or_else(bad)?;
        let (name, value) = text.split_at_checked(colon).ok_or_else(bad)?;
        let value = trimmed(value.get(1..).unwrap_or_default());
        let is_name = |byte: &u8| *byte > b' ' && *byte < 0x7f;
        let is_value = |byte: &u8| !matches!(byte, 0 | b'\r' | b'\n');
        if name.is_empty() || !name.iter().all(is_name) || !value.iter().all(is_value) {
            return Err(bad());
        }
        Ok(Self { name: name.to_vec(), value: value.to_vec() })
    }

    /// Whether nginx drops it (`ignore_invalid_headers on`, `underscores_in_headers off`, the
    /// defaults).
    fn is_ignored(&self) -> bool {
        !self.name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The path of a target, as it was sent.
fn path_of(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == b'?').next().unwrap_or_default()
}

/// nginx takes blanks off a value, no tabs (`ngx_http_parse_header_line()`).
fn trimmed(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|&byte| byte != b' ').unwrap_or(value.len());
    let end = value.iter().rposition(|&byte| byte != b' ').map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

fn parts(url: &[u8]) -> Result<Parts<'_>, RequestError> {
    let scheme = |name: &'static str| {
        let (head, rest) = url.split_at_checked(name.len() + b"://".len())?;
        let is = head.to_ascii_lowercase() == format!("{name}://").as_bytes();
        is.then_some((name, rest))
    };
    let (scheme, rest) = scheme("http").or_else(|| scheme("https")).ok_or(RequestError::Scheme)?;
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    if authority.contains(&b'@') {
        return Err(RequestError::UserInfo);
    }
    if bare_name(authority).is_empty() {
        return Err(RequestError::NoHost);
    }
    let of_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(byte);
    if !authority.iter().all(of_host) {
        return Err(RequestError::Host);
    }
    if target.iter().any(|&byte| byte <= b' ' || byte == 0x7f) {
        return Err(RequestError::Blank);
    }
    let fragment = target.iter().position(|&byte| byte == b'#');
    let sent = fragment.and_then(|at| target.get(..at)).unwrap_or(target);
    // An empty path is sent as "/" (RFC 9112, section 3.2.1).
    let slash: &[u8] = if sent.starts_with(b"/") { b"" } else { b"/" };
    let target = [slash, sent].concat();
    Ok(Parts { scheme, authority, target, had_fragment: fragment.is_some() })
}

/// A Host without the port that clients leave out (RFC 9110, section 4.2.3).
fn without_default_port<'a>(authority: &'a [u8], scheme: &str) -> &'a [u8] {
    let port: &[u8] = if scheme == "https" { b":443" } else { b":80" };
    let inside_brackets = authority.ends_with(b"]");
    let stripped = authority.strip_suffix(port).or_else(|| authority.strip_suffix(b":"));
    if inside_brackets { authority } else { stripped.unwrap_or(authority) }
}

/// A host without port and trailing dot (`ngx_http_validate_host()`).
fn bare_name(host: &[u8]) -> &[u8] {
    let bracket = host.iter().position(|&byte| byte == b']').filter(|_| host.starts_with(b"["));
    let end = match bracket {
        Some(at) => at + 1,
        None => host.iter().position(|&byte| byte == b':').unwrap_or(host.len()),
    };
    let name = host.get(..end).unwrap_or(host);
    name.strip_suffix(b".").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use page_cache::policy;

    use super::*;

    fn get(url: &str, fields: &[&str]) -> Result<Request, RequestError> {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        Request::new(b"GET", url.as_bytes(), &fields, None)
    }

    fn host(request: &Request) -> &[u8] {
        request.values("host").next().unwrap()
    }

    #[test]
    fn a_url_becomes_target_and_host() {
        for (url, expected_host, name, target) in [
            ("http://example.com", "example.com", "example.com", "/"),
            ("HTTP://Example.COM:80/a", "Example.COM", "example.com", "/a"),
            ("http://example.com:/a", "example.com", "example.com", "/a"),
            ("http://example.com:8080?b=c", "example.com:8080", "example.com", "/?b=c"),
            ("https://example.com:443/a/../b", "example.com", "example.com", "/a/../b"),
            ("https://example.com:80/", "example.com:80", "example.com", "/"),
            ("http://example.com.:81/", "example.com.:81", "example.com", "/"),
            ("http://[::1]:8080/a?b#c", "[::1]:8080", "[::1]", "/a?b"),
            ("http://[fe80::80]/", "[fe80::80]", "[fe80::80]", "/"),
            ("http://example.com#c", "example.com", "example.com", "/"),
        ] {
            let request = get(url, &[]).unwrap();
            assert_eq!(show(host(&request)), expected_host, "{url}");
            assert_eq!(show(&request.server_name), name, "{url}");
            assert_eq!(show(&request.target), target, "{url}");
            assert_eq!(request.notes.len(), usize::from(url.contains('#')), "{url}");
            assert_eq!(policy::admit(&request.view()), Ok(()));
        }
    }

    #[test]
    fn the_host_field_chooses_the_server() {
        let request = get("http://127.0.0.1:8080/", &["host: WWW.example.com:81"]).unwrap();
        assert_eq!(show(host(&request)), "WWW.example.com:81");
        assert_eq!(show(&request.server_name), "www.example.com");
        let named = Request::new(b"GET", b"http://a/", &[b"Host: b"], Some(b"A")).unwrap();
        assert_eq!(named.server_name, b"a");
        assert!(policy::admit_target(&named.view()).is_err());
    }

    #[test]
    fn path_and_query_are_told_apart() {
        let request = get("http://h/a%2fb?c=d?e", &[]).unwrap();
        assert_eq!((request.uri.as_slice(), request.args()), (&b"/a/b"[..], &b"c=d?e"[..]));
        let request = get("http://h/a?", &[]).unwrap();
        assert_eq!((request.uri.as_slice(), request.args()), (&b"/a"[..], &b""[..]));
    }

    #[test]
    fn a_body_is_known_by_its_fields() {
        for (field, has_body) in [
            ("Content-Length: 0", false),
            ("content-length: 12", true),
            ("Transfer-Encoding: Chunked", true),
            ("X: 1", false),
        ] {
            assert_eq!(get("http://h/", &[field]).unwrap().view().has_body, has_body, "{field}");
        }
        let bad = get("http://h/", &["Content-Length: +1"]).unwrap_err();
        assert_eq!(bad, RequestError::BadRequest("a malformed Content-Length"));
    }

    #[test]
    fn fields_that_nginx_drops() {
        let request = get("http://h/", &["X_Y: 1", "X.Y: 2", "X-Y:  3 "]).unwrap();
        assert_eq!(request.notes.len(), 2);
        assert_eq!(request.values("x-y").collect::<Vec<_>>(), [b"3"]);
        assert_eq!(request.fields().len(), 2);
    }

    #[test]
    fn what_is_no_request() {
        use RequestError::*;
        for (url, fields, error) in [
            ("example.com/", &[][..], Scheme),
            ("redis://:secret@host/1", &[], Scheme),
            ("http://user:secret@host/", &[], UserInfo),
            ("http:///a", &[], NoHost),
            ("http://:80/a", &[], NoHost),
            ("http://ex\u{e4}mple/", &[], Host),
            ("http://h/a b", &[], Blank),
            ("http://h/%zz", &[], BadPath(PathError::Escape)),
            ("http://h/..", &[], BadPath(PathError::Above)),
            ("http://h/", &["X"], Field("X".to_owned())),
            ("http://h/", &[": x"], Field(": x".to_owned())),
            ("http://h/", &["A B: x"], Field("A B: x".to_owned())),
            ("http://h/", &["Host: a", "host: b"], BadRequest("two Host fields")),
        ] {
            let refused = get(url, fields).unwrap_err();
            assert_eq!(refused, error, "{url}");
            assert!(!refused.to_string().contains("secret"));
        }
        let lower = Request::new(b"get", b"http://h/", &[], None).unwrap_err();
        assert_eq!(lower, Method("get".to_owned()));
    }
}
