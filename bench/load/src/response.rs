//! Reads one HTTP/1.1 response at a time and checks it against what is expected.

use memchr::memmem;

use crate::targets::Prepared;

/// No header of a server under test is longer.
const LONGEST_HEADER: usize = 16 * 1024;

/// Why a response is not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Status,
    Length,
    Body,
    Malformed,
}

/// What a run of received bytes has done.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    More,
    /// The response is complete; `close`: the server will close the connection.
    Done {
        close: bool,
    },
}

/// The state of the response that a connection is waiting for.
#[derive(Default)]
pub struct Response {
    /// The header as far as it has come in pieces; empty when it comes in one.
    header: Vec<u8>,
    in_body: bool,
    body_seen: u64,
    close: bool,
}

impl Response {
    /// Takes the next bytes of the connection.
    pub fn receive(&mut self, bytes: &[u8], expected: &Prepared) -> Result<Progress, Wrong> {
        if self.in_body {
            return self.body(bytes, expected);
        }
        if self.header.is_empty() {
            if let Some(end) = memmem::find(bytes, b"\r\n\r\n") {
                self.close = check_header(&bytes[..end + 2], expected)?;
                self.in_body = true;
                return self.body(&bytes[end + 4..], expected);
            }
        }
        self.header.extend_from_slice(bytes);
        let Some(end) = memmem::find(&self.header, b"\r\n\r\n") else {
            let fits = self.header.len() <= LONGEST_HEADER;
            return if fits { Ok(Progress::More) } else { Err(Wrong::Malformed) };
        };
        let header = std::mem::take(&mut self.header);
        self.close = check_header(&header[..end + 2], expected)?;
        self.in_body = true;
        self.body(&header[end + 4..], expected)
    }

    fn body(&mut self, bytes: &[u8], expected: &Prepared) -> Result<Progress, Wrong> {
        let wanted = usize::try_from(self.body_seen)
            .ok()
            .and_then(|seen| expected.begins.get(seen..))
            .unwrap_or_default();
        let both = wanted.len().min(bytes.len());
        if wanted[..both] != bytes[..both] {
            return Err(Wrong::Body);
        }
        self.body_seen += bytes.len() as u64;
        if self.body_seen < expected.length {
            return Ok(Progress::More);
        }
        if self.body_seen > expected.length {
            return Err(Wrong::Length);
        }
        let close = self.close;
        *self = Self::default();
        Ok(Progress::Done { close })
    }
}

/// Checks the header up to the last CR LF of its fields; returns whether the server closes.
fn check_header(header: &[u8], expected: &Prepared) -> Result<bool, Wrong> {
    let mut lines = header.split(|&byte| byte == b'\n');
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/1.1 200") {
        return Err(if status.starts_with(b"HTTP/1.") { Wrong::Status } else { Wrong::Malformed });
    }
    let (mut length, mut close) = (None, false);
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        } else if name.eq_ignore_ascii_case(b"connection") {
            close = value.eq_ignore_ascii_case(b"close");
        }
    }
    if length == Some(expected.length) { Ok(close) } else { Err(Wrong::Length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Prepared {
        Prepared { request: Vec::new(), length: 6, begins: b"page".to_vec() }
    }

    fn whole(bytes: &[u8]) -> Result<Progress, Wrong> {
        Response::default().receive(bytes, &expected())
    }

    #[test]
    fn a_right_response_in_any_pieces() {
        let bytes = b"HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 6\r\n\r\npage 1";
        assert_eq!(whole(bytes), Ok(Progress::Done { close: false }));
        for cut in 1..bytes.len() {
            let mut response = Response::default();
            assert_eq!(response.receive(&bytes[..cut], &expected()), Ok(Progress::More), "{cut}");
            assert_eq!(
                response.receive(&bytes[cut..], &expected()),
                Ok(Progress::Done { close: false }),
                "{cut}"
            );
        }
    }

    #[test]
    fn wrong_responses() {
        let close = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\npage 1";
        assert_eq!(whole(close), Ok(Progress::Done { close: true }));
        for (bytes, wrong) in [
            (&b"HTTP/1.1 502 Bad\r\nContent-Length: 6\r\n\r\npage 1"[..], Wrong::Status),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npage 12", Wrong::Length),
            (b"HTTP/1.1 200 OK\r\n\r\npage 1", Wrong::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npage 12", Wrong::Length),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfile 1", Wrong::Body),
            (b"<html>\r\n\r\n", Wrong::Malformed),
        ] {
            assert_eq!(whole(bytes), Err(wrong), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
