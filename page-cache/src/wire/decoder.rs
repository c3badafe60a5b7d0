//! Replies out of a stream that may be cut anywhere.

use super::line::Lines;
use super::{Asked, Head, Protocol, Violation, redis};

/// A decoder of replies. It stores nothing of what it reads: the caller keeps what
/// was not consumed, which is never more than one unfinished line.
#[derive(Clone, Debug)]
pub struct Decoder {
    protocol: Protocol,
    lines: Lines,
    state: State,
    which: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Before or in the first line of a reply.
    Line,
    /// In the data, of which `left` bytes are to come.
    Data { left: u64 },
    /// In the trailer, of which `seen` bytes have come.
    Trailer { seen: usize },
}

/// A piece of a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// Its first line. All of the reply, but for [`Head::Value`].
    Head(Head<'a>),
    /// Some of the data, never empty.
    Data(&'a [u8]),
    /// The trailer was complete and right. Where several keys were asked for, the next line
    /// of the same reply follows.
    End,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub const fn new(protocol: Protocol) -> Self {
        Self { protocol, lines: Lines::new(), state: State::Line, which: 0 }
    }

    /// The next event in `input`, the bytes not yet consumed, as a reply to a
    /// look-up of these keys; and how many bytes it consumes. `None` wants more bytes
    /// (and may have consumed some).
    ///
    /// # Errors
    /// A [`Violation`]: the stream is of no use any more.
    pub fn next<'a, A: Asked + ?Sized>(
        &mut self,
        input: &'a [u8],
        asked: &A,
    ) -> Result<(usize, Option<Event<'a>>), Violation> {
        match self.state {
            State::Line => {
                let protocol = self.protocol;
                let longest = |seen: &[u8]| protocol.longest_line(asked.longest(), seen);
                let Some(line) = self.lines.next(input, longest)? else { return Ok((0, None)) };
                let (head, which) = protocol.head(line, asked)?;
                self.which = which;
                if let Head::Value { len, .. } = head {
                    self.state = after(len);
                }
                Ok((line.len() + 2, Some(Event::Head(head))))
            }
            State::Data { left } => {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let data = input.get(..most).unwrap_or(input);
                self.state = after(left.saturating_sub(data.len() as u64));
                Ok((data.len(), (!data.is_empty()).then_some(Event::Data(data))))
            }
            State::Trailer { seen } => {
                let trailer = self.protocol.trailer(asked.len() > 1);
                let due = trailer.get(seen..).unwrap_or_default();
                let come = input.get(..due.len()).unwrap_or(input);
                if !due.starts_with(come) {
                    return Err(Violation::Trailer);
                }
                let whole = come.len() == due.len();
                self.state =
                    if whole { State::Line } else { State::Trailer { seen: seen + come.len() } };
                Ok((come.len(), whole.then_some(Event::End)))
            }
        }
    }

    /// The next reply to AUTH or SELECT: whether we were let in, see [`redis::let_in`].
    ///
    /// # Errors
    /// A [`Violation`]: the stream is of no use any more.
    #[allow(clippy::type_complexity, reason = "the shape of next(), of a reply without data")]
    pub fn let_in<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Result<(), &'a [u8]>>), Violation> {
        match self.lines.next(input, |_| redis::LONGEST_LINE)? {
            Some(line) => Ok((line.len() + 2, Some(redis::let_in(line)?))),
            None => Ok((0, None)),
        }
    }

    /// Which of the keys the value is of that was begun last.
    pub fn which(&self) -> usize {
        self.which
    }

    /// Whether something of a reply was consumed and the rest is to come.
    pub fn is_midway(&self) -> bool {
        self.state != State::Line
    }
}

/// Where the decoder is when `left` bytes of the data are to come.
const fn after(left: u64) -> State {
    if left == 0 { State::Trailer { seen: 0 } } else { State::Data { left } }
}
