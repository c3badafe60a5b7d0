//! Where received bytes wait to be decoded.

use crate::outcome::Failure;

/// Size of the buffer in bytes: what one `recv()` can bring at most.
const SIZE: usize = 64 * 1024;

/// One reused buffer. What stays in it between two reads is an unfinished line, so
/// there is always room.
#[derive(Debug, Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Room for received bytes.
    ///
    /// # Errors
    /// [`Failure::Memory`]
    pub fn space(&mut self) -> Result<&mut [u8], Failure> {
        if self.buffer.is_empty() {
            self.buffer.try_reserve_exact(SIZE).map_err(|_| Failure::Memory)?;
            self.buffer.resize(SIZE, 0);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.buffer.get_mut(self.end..).filter(|space| !space.is_empty()).ok_or(Failure::Memory)
    }

    /// The first `n` bytes of [`Self::space`] have been received.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.buffer.len());
    }

    /// What has not been consumed.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The first `n` bytes of [`Self::bytes`] are done with.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }
}
