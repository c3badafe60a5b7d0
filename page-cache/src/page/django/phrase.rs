//! Reason phrases of responses that bring none of their own: Django takes them from
//! `http.client.responses`.

/// The phrase that Django sends with a status, where nginx has another or none
/// (`ngx_http_header_filter_module.c`).
///
/// 413, 414, 416 and 422 are named differently by different Pythons: nginx's will do.
pub(super) fn phrase(status: u16) -> Option<&'static [u8]> {
    let phrase = match status {
        200..=202 | 204 | 206 | 301 | 303 | 304 | 307 | 308 => return None,
        400..=404 | 406 | 409..=416 | 421 | 422 | 429 | 500..=502 | 507 => return None,
        203 => "Non-Authoritative Information",
        205 => "Reset Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        302 => "Found",
        305 => "Use Proxy",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "Unknown Status Code",
    };
    Some(phrase.as_bytes())
}
