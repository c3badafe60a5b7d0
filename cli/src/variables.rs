//! nginx's variables in a parameter, as far as URL and headers tell their values.

use page_cache::key;

use crate::request::Request;

/// Why a parameter has no value here.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VariableError {
    /// Only nginx knows it.
    #[error("${0} cannot be told from URL and headers: write its value in its place")]
    Unknown(String),
    /// `$1`
    #[error("${0} is a capture of some regular expression: write its value in its place")]
    Capture(char),
    /// `$` without a name.
    #[error("invalid variable name: nothing that can be a name follows \"$\"")]
    NoName,
    /// `${name`
    #[error("the closing bracket in \"{0}\" variable is missing")]
    Bracket(String),
    /// It depends on the version of nginx.
    #[error(
        "${0}: the request has the field twice, of which nginx before 1.23 takes the first and \
         later ones join both: write the value in its place"
    )]
    Twice(String),
    /// Out of memory.
    #[error("no memory for the value of ${0}")]
    Memory(String),
}

/// The value of a parameter (`ngx_http_script_compile()`).
///
/// # Errors
/// [`VariableError`], which names the variable.
pub fn evaluate(text: &[u8], request: &Request) -> Result<Vec<u8>, VariableError> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'$') {
        let (literal, variable) = rest.split_at(at);
        out.extend_from_slice(literal);
        let (name, behind) = name(variable.get(1..).unwrap_or_default())?;
        out.extend(value(&name, request)?);
        rest = behind;
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The name behind a `$`, which has no case, and what follows it.
fn name(text: &[u8]) -> Result<(String, &[u8]), VariableError> {
    if let Some(&digit @ b'1'..=b'9') = text.first() {
        return Err(VariableError::Capture(char::from(digit)));
    }
    let bracketed = text.strip_prefix(b"{");
    let text = bracketed.unwrap_or(text);
    let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let len = text.iter().position(|byte| !of_name(byte)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(len);
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    if bracketed.is_some() {
        rest = rest.strip_prefix(b"}").ok_or_else(|| VariableError::Bracket(name.clone()))?;
    }
    if name.is_empty() {
        return Err(VariableError::NoName);
    }
    Ok((name, rest))
}

fn value(name: &str, request: &Request) -> Result<Vec<u8>, VariableError> {
    let unknown = || VariableError::Unknown(name.to_owned());
    let value: &[u8] = match name {
        "scheme" => request.scheme.as_bytes(),
        "https" if request.scheme == "https" => b"on",
        "https" => b"",
        "request_method" => &request.method,
        "request_uri" => &request.target,
        "args" | "query_string" => request.args(),
        "is_args" if request.args().is_empty() => b"",
        "is_args" => b"?",
        // Without a name in the request it is the server block's.
        "host" if request.server_name.is_empty() => return Err(unknown()),
        "host" => &request.server_name,
        "content_length" => return field("content-length", name, request),
        "content_type" => return field("content-type", name, request),
        "uri" | "document_uri" => &request.uri,
        "rust_page_cache_host" => request.view().host.unwrap_or_default(),
        "rust_page_cache_full_path" => {
            let path = key::full_path(request.target());
            return path
                .map(|path| path.into_owned())
                .map_err(|_| VariableError::Memory(name.to_owned()));
        }
        _ => {
            let prefixed =
                |prefix| name.strip_prefix(prefix).filter(|rest: &&str| !rest.is_empty());
            if let Some(header) = prefixed("http_") {
                return field(&header.replace('_', "-"), name, request);
            }
            if let Some(argument) = prefixed("arg_") {
                argument_of(request.args(), argument.as_bytes())
            } else if let Some(cookie) = prefixed("cookie_") {
                let mut values = request.values("cookie");
                values.find_map(|value| cookie_of(value, cookie.as_bytes())).unwrap_or_default()
            } else {
                return Err(unknown());
            }
        }
    };
    Ok(value.to_vec())
}

/// `$http_name`; nothing for a field that is not there.
fn field(header: &str, name: &str, request: &Request) -> Result<Vec<u8>, VariableError> {
    let values: Vec<&[u8]> = request.values(header).collect();
    match (values.as_slice(), header) {
        ([] | [_], _) => Ok(values.concat()),
        // Joined by every nginx (ngx_http_variable_cookies(), ngx_http_variable_headers()).
        (_, "cookie") => Ok(values.join(&b"; "[..])),
        (_, "x-forwarded-for") => Ok(values.join(&b", "[..])),
        _ => Err(VariableError::Twice(name.to_owned())),
    }
}

/// `$arg_name`, not decoded; nothing if there is none (`ngx_http_arg()`).
fn argument_of<'a>(args: &'a [u8], name: &[u8]) -> &'a [u8] {
    let mut arguments = args.split(|&byte| byte == b'&');
    let found = arguments.find_map(|argument| {
        let (head, value) = argument.split_at_checked(name.len())?;
        value.strip_prefix(b"=").filter(|_| head.eq_ignore_ascii_case(name))
    });
    found.unwrap_or_default()
}

/// `$cookie_name` in one Cookie field (`ngx_http_parse_multi_header_lines()`).
fn cookie_of<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = field;
    while !rest.is_empty() {
        if let Some((head, tail)) = rest.split_at_checked(name.len()) {
            let value = without_blanks(tail).strip_prefix(b"=");
            if let Some(value) = value.filter(|_| head.eq_ignore_ascii_case(name)) {
                return without_blanks(value).split(|&byte| byte == b';').next();
            }
        }
        let end = rest.iter().position(|byte| matches!(byte, b';' | b','))?;
        rest = without_blanks(rest.get(end + 1..).unwrap_or_default());
    }
    None
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::text::show;

    fn request() -> Request {
        let fields: [&[u8]; 7] = [
            b"Host: Www.Example.COM:8080",
            b"Accept-Language: de",
            b"X-Twice: 1",
            b"X-Twice: 2",
            b"Cookie: a=1; sessionid = s1 ; b",
            b"Cookie: sessionid=s2, c=3; D=4",
            b"X-Empty:",
        ];
        let url = b"https://127.0.0.1/caf%c3%a9//x/../y?b=1&A=%20&ab=2&c";
        Request::new(b"GET", url, &fields, None).unwrap()
    }

    #[test]
    fn values_that_url_and_headers_tell() {
        for (text, expected) in [
            ("", ""),
            ("plain?", "plain?"),
            ("$scheme://$host", "https://www.example.com"),
            ("$http_host$request_uri", "Www.Example.COM:8080/caf%c3%a9//x/../y?b=1&A=%20&ab=2&c"),
            ("${scheme}x$HTTPS", "httpsxon"),
            ("$uri|$document_uri", "/caf\u{e9}/y|/caf\u{e9}/y"),
            ("$is_args$args", "?b=1&A=%20&ab=2&c"),
            ("$query_string", "b=1&A=%20&ab=2&c"),
            ("$arg_a,$arg_AB,$arg_b,$arg_c,$arg_x", "%20,2,1,,"),
            ("$http_accept_language", "de"),
            ("[$http_x_empty$http_none]", "[]"),
            ("$cookie_a|$cookie_SESSIONID|$cookie_d|$cookie_b|$cookie_c", "1|s1 |4||3"),
            ("$http_cookie", "a=1; sessionid = s1 ; b; sessionid=s2, c=3; D=4"),
            ("$request_method-$content_type", "GET-"),
            ("$rust_page_cache_host", "Www.Example.COM:8080"),
            ("$rust_page_cache_full_path", "/caf%C3%A9//x/../y?b=1&A=%20&ab=2&c"),
        ] {
            let value = evaluate(text.as_bytes(), &request());
            assert_eq!(value.map(|value| show(&value)), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn variables_without_a_value_are_named() {
        use VariableError::*;
        for (text, error) in [
            ("a$remote_user", Unknown("remote_user".to_owned())),
            ("$http_", Unknown("http_".to_owned())),
            ("$my_map/", Unknown("my_map".to_owned())),
            ("$rust_page_cache_key", Unknown("rust_page_cache_key".to_owned())),
            ("$1", Capture('1')),
            ("a$", NoName),
            ("$-", NoName),
            ("${}", NoName),
            ("${host", Bracket("host".to_owned())),
            ("${ho-st}", Bracket("ho".to_owned())),
            ("$http_x_twice", Twice("http_x_twice".to_owned())),
        ] {
            assert_eq!(evaluate(text.as_bytes(), &request()), Err(error), "{text}");
        }
        let nameless = Request::new(b"GET", b"http://h/", &[b"Host:"], None).unwrap();
        assert_eq!(evaluate(b"$host", &nameless), Err(Unknown("host".to_owned())));
    }
}
