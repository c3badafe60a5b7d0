//! Lines from the standard input. Not through `std::io::Stdin`, whose buffer hides
//! from epoll what has come already.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};

pub struct Commands {
    input: File,
    seen: Vec<u8>,
}

impl Commands {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { input: File::from(std::io::stdin().as_fd().try_clone_to_owned()?), seen: vec![] })
    }

    /// Waits for more; false: the input has ended.
    pub fn read(&mut self) -> std::io::Result<bool> {
        let mut piece = [0; 65536];
        let read = self.input.read(&mut piece)?;
        self.seen.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }

    /// The next line that has come whole, without its end.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'\n', &self.seen)?;
        let mut line: Vec<u8> = self.seen.drain(..=end).collect();
        line.pop();
        Some(line)
    }
}

impl AsFd for Commands {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}
