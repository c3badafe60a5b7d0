//! One client: a connection, what it has asked for, and how it will behave.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::random::Random;
use crate::response::Reader;
use crate::targets::Method;

/// A request that a client waits for.
#[derive(Clone, Copy)]
pub struct Waiting {
    /// Index into the targets.
    pub target: usize,
    pub method: Method,
    /// When it was sent, in nanoseconds since the load began.
    pub since: u64,
    /// It was sent before, on a connection that nginx had closed.
    pub again: bool,
}

/// How a client that does not wait leaves.
#[derive(Clone, Copy)]
pub enum Leave {
    Fin,
    Rst,
}

#[derive(Default)]
pub struct Client {
    pub stream: Option<TcpStream>,
    /// Events and timers that carry another number are about the past.
    pub epoch: u32,
    pub queue: VecDeque<Waiting>,
    pub reader: Reader,
    /// What has still to be written.
    pub out: Vec<u8>,
    /// A response came over this connection.
    pub used: bool,
    pub leave: Option<Leave>,
    /// What was asked for ends the connection.
    pub last: bool,
}

/// A socket that is being connected.
///
/// Each comes from a random one of 250 loopback addresses: an address has no more
/// ports than a load of short connections uses up in a minute (TIME_WAIT).
pub fn connect(address: SocketAddr, random: &mut Random) -> std::io::Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if address.ip().is_loopback() {
        sockopt::set_socket_reuseaddr(&socket, true)?;
        let own = Ipv4Addr::new(127, 0, 1, 1 + random.below(250) as u8);
        rustix::net::bind(&socket, &SocketAddr::new(IpAddr::V4(own), 0))?;
    }
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Client {
    /// Writes what there is to write. `false`: the connection is gone.
    pub fn flush(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        while !self.out.is_empty() {
            match stream.write(&self.out) {
                Ok(written) => drop(self.out.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends the connection, and with it everything that was expected of it.
    pub fn end(&mut self, how: Leave) {
        if let (Some(stream), Leave::Rst) = (&self.stream, how) {
            let _ = sockopt::set_socket_linger(stream, Some(Duration::ZERO));
        }
        *self = Self { epoch: self.epoch.wrapping_add(1), ..Self::default() };
    }
}
