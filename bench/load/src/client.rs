//! One keep-alive connection.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::Context as _;
use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::response::{Progress, Response, Wrong};
use crate::targets::Prepared;

/// The request that a connection is waiting for.
#[derive(Clone, Copy)]
pub struct Waiting {
    /// Index into the targets.
    pub target: usize,
    /// When it was due, in nanoseconds since the run began.
    pub due: u64,
}

/// What reading has brought.
pub enum Received {
    Nothing,
    Answer { close: bool },
    Wrong(Wrong),
    Closed,
}

pub struct Client {
    pub stream: TcpStream,
    pub waiting: Option<Waiting>,
    response: Response,
}

impl Client {
    /// Connects; blocking, which on a loopback address is short.
    pub fn connect(address: SocketAddr, receive_buffer: usize) -> anyhow::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
        if receive_buffer > 0 {
            // Before connecting: it decides what window is announced.
            sockopt::set_socket_recv_buffer_size(&socket, receive_buffer)?;
        }
        rustix::net::connect(&socket, &address)
            .with_context(|| format!("cannot connect to {address}"))?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, waiting: None, response: Response::default() })
    }

    /// Writes a request; false if the socket does not take it, which means that the
    /// server has gone: an empty send buffer has room for any request.
    pub fn send(&mut self, request: &[u8], waiting: Waiting) -> bool {
        self.waiting = Some(waiting);
        matches!(self.stream.write(request), Ok(written) if written == request.len())
    }

    /// Whether the connection is up and has nothing to read.
    pub fn is_quiet(&self) -> bool {
        let peeked = self.stream.peek(&mut [0]);
        matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Reads until the response is complete or the socket empty. A complete one leaves
    /// nothing to read behind it, so the last, futile read is spared.
    pub fn receive(&mut self, buffer: &mut [u8], expected: &Prepared) -> Received {
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Received::Closed,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Received::Closed,
            };
            match self.response.receive(&buffer[..read], expected) {
                Ok(Progress::More) => {}
                Ok(Progress::Done { close }) => return Received::Answer { close },
                Err(wrong) => return Received::Wrong(wrong),
            }
        }
    }
}
