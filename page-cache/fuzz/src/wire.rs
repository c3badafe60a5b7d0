//! Streams of replies, decoded whole and in pieces.

use page_cache::Failure;
use page_cache::wire::{Decoder, Event, Head, Protocol, Scope, Violation};

/// A reply, as far as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// `+OK` to AUTH or SELECT.
    LetIn,
    /// An error to AUTH or SELECT.
    KeptOut(Vec<u8>),
    /// A value without the data that did not come.
    Value { flags: Option<u32>, len: u64, data: Vec<u8>, whole: bool },
    /// No value.
    Absent,
    /// An error.
    Refused(Failure, Scope, Vec<u8>),
}

/// A stream that comes in pieces.
pub struct Stream<'a> {
    /// Who speaks.
    pub protocol: Protocol,
    /// What was asked for.
    pub key: &'a [u8],
    /// How many replies to AUTH and SELECT come first.
    pub greetings: usize,
    /// What comes.
    pub bytes: &'a [u8],
}

impl Stream<'_> {
    /// The replies, given `cut(n)` bytes of the `n` that are left at a time; and how many bytes
    /// were left over, or why the stream was given up.
    ///
    /// # Panics
    /// If the decoder does what it must not.
    pub fn decode(
        &self,
        mut cut: impl FnMut(usize) -> usize,
    ) -> (Vec<Seen>, Result<usize, Violation>) {
        let mut reader =
            Reader { stream: self, decoder: Decoder::new(self.protocol), seen: Vec::new() };
        let (mut start, mut end) = (0, 0);
        while end < self.bytes.len() {
            end += cut(self.bytes.len() - end).clamp(1, self.bytes.len() - end);
            while start < end {
                match reader.step(&self.bytes[start..end]) {
                    Ok(0) => break,
                    Ok(consumed) => start += consumed,
                    Err(why) => return (reader.seen, Err(why)),
                }
            }
            assert!(end - start <= LONGEST_LINE, "more is kept than an unfinished line");
        }
        (reader.seen, Ok(end - start))
    }
}

/// No unfinished line of either protocol is longer, in bytes.
const LONGEST_LINE: usize = 1024 + 2;

struct Reader<'a> {
    stream: &'a Stream<'a>,
    decoder: Decoder,
    seen: Vec<Seen>,
}

impl Reader<'_> {
    /// Takes one event out of `input`; how many bytes it was, 0 if more are needed.
    fn step(&mut self, input: &[u8]) -> Result<usize, Violation> {
        if self.seen.len() < self.stream.greetings {
            let (consumed, answer) = self.decoder.let_in(input)?;
            self.seen.extend(answer.map(|answer| match answer {
                Ok(()) => Seen::LetIn,
                Err(text) => Seen::KeptOut(text.to_vec()),
            }));
            return Ok(consumed);
        }
        let (consumed, event) = self.decoder.next(input, self.stream.key)?;
        assert!(consumed <= input.len());
        assert!(event.is_none() || consumed > 0, "an event of nothing");
        match event {
            None => {}
            Some(Event::Head(Head::Absent)) => self.seen.push(Seen::Absent),
            Some(Event::Head(Head::Refused { why, scope, text })) => {
                self.seen.push(Seen::Refused(why, scope, text.to_vec()));
            }
            Some(Event::Head(Head::Value { flags, len })) => {
                assert_eq!(flags.is_some(), self.stream.protocol == Protocol::Memcached);
                self.seen.push(Seen::Value { flags, len, data: Vec::new(), whole: false });
            }
            Some(Event::Data(more)) => {
                let Some(Seen::Value { data, .. }) = self.seen.last_mut() else {
                    panic!("data of nothing")
                };
                assert!(!more.is_empty());
                data.extend_from_slice(more);
            }
            Some(Event::End) => {
                let Some(Seen::Value { len, data, whole, .. }) = self.seen.last_mut() else {
                    panic!("the end of nothing")
                };
                assert!(!*whole && data.len() as u64 == *len, "a value is as long as it says");
                *whole = true;
            }
        }
        Ok(consumed)
    }
}

/// Whatever comes, it means the same in one piece, byte by byte, and cut anywhere.
///
/// # Panics
/// If it does not.
pub fn check_cuts(stream: &Stream<'_>, mut seed: u64) -> Vec<Seen> {
    let whole = stream.decode(|left| left);
    assert_eq!(whole, stream.decode(|_| 1), "byte by byte");
    // Knuth's MMIX; what comes of it need not be good.
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    assert_eq!(whole, stream.decode(|left| random() % left.min(40) + 1), "in small pieces");
    assert_eq!(whole, stream.decode(|left| random() % left + 1), "in large pieces");
    whole.0
}
