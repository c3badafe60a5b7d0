//! Reads the responses of one connection and compares them with what they must be.

use memchr::memmem;

use crate::targets::{Expected, Method};

/// No header of nginx is longer here.
const LONGEST_HEADER: usize = 16 * 1024;

/// Why a client has been let down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrong {
    /// Not 200.
    Status,
    /// Content-Length is not that of the body that had to come.
    Length,
    /// A byte of the body is not the one that had to come: another page, or a mixture.
    Body,
    /// nginx says HIT where nothing may be served.
    Hit,
    /// Not HTTP, or more than was asked for.
    Malformed,
    /// The connection ended before the response did.
    Closed,
    /// nginx could not be connected to.
    Refused,
    /// Patience is over.
    Late,
}

/// What a run of received bytes has done.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it was taken, and more has to come.
    More,
    /// So many bytes were taken, and with them the response is complete. `outcome` is
    /// nginx's own word, as `MISS absent`; `close`: nginx will close the connection.
    Done { taken: usize, outcome: String, close: bool },
}

/// The state of the response that comes in.
#[derive(Default)]
pub struct Reader {
    /// The header as far as it has come; empty in the body.
    header: Vec<u8>,
    body: Option<Body>,
}

struct Body {
    outcome: String,
    close: bool,
    is_page: bool,
    seen: usize,
}

struct Head {
    length: Option<usize>,
    outcome: String,
    close: bool,
}

impl Reader {
    /// Whether a byte of the current response has come.
    pub fn has_begun(&self) -> bool {
        self.body.is_some() || !self.header.is_empty()
    }

    /// Takes the next bytes of the response to a request for `expected`.
    ///
    /// # Errors
    /// What is wrong with it. The connection is of no use then.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        method: Method,
        expected: &Expected,
    ) -> Result<Progress, Wrong> {
        let mut taken = 0;
        if self.body.is_none() {
            let before = self.header.len();
            self.header.extend_from_slice(bytes);
            // The end may lie across two pieces.
            let from = before.saturating_sub(3);
            let Some(end) = memmem::find(&self.header[from..], b"\r\n\r\n") else {
                let fits = self.header.len() <= LONGEST_HEADER;
                return if fits { Ok(Progress::More) } else { Err(Wrong::Malformed) };
            };
            let end = from + end + 4;
            let head = parse(&self.header[..end])?;
            self.header.clear();
            taken = end - before;
            self.body = Some(check(head, expected)?);
        }
        let Some(body) = &mut self.body else { return Ok(Progress::More) };
        let page = expected.page.as_deref().unwrap_or_default();
        let wanted = match method {
            Method::Head => &[][..],
            _ if body.is_page => page,
            _ => &expected.fallback,
        };
        let rest = &wanted[body.seen..];
        let count = rest.len().min(bytes.len() - taken);
        if rest[..count] != bytes[taken..taken + count] {
            return Err(Wrong::Body);
        }
        body.seen += count;
        taken += count;
        if body.seen < wanted.len() {
            return Ok(Progress::More);
        }
        let Body { outcome, close, .. } = self.body.take().ok_or(Wrong::Malformed)?;
        Ok(Progress::Done { taken, outcome, close })
    }
}

fn check(head: Head, expected: &Expected) -> Result<Body, Wrong> {
    let is_page = head.outcome.starts_with("HIT");
    let wanted = match (&expected.page, is_page) {
        (Some(page), true) => page.len(),
        (None, true) => return Err(Wrong::Hit),
        (_, false) => expected.fallback.len(),
    };
    if head.length != Some(wanted) {
        return Err(Wrong::Length);
    }
    Ok(Body { outcome: head.outcome, close: head.close, is_page, seen: 0 })
}

fn parse(header: &[u8]) -> Result<Head, Wrong> {
    let mut lines = header.split(|&byte| byte == b'\n');
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/1.1 200") {
        return Err(if status.starts_with(b"HTTP/1.") { Wrong::Status } else { Wrong::Malformed });
    }
    let mut head = Head { length: None, outcome: String::new(), close: false };
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            head.length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        } else if name.eq_ignore_ascii_case(b"connection") {
            head.close = value.eq_ignore_ascii_case(b"close");
        } else if name.eq_ignore_ascii_case(b"x-cache") {
            head.outcome = String::from_utf8_lossy(value).into_owned();
        }
    }
    Ok(head)
}
