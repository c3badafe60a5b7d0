//! Streams of replies, decoded whole and in pieces.

use page_cache::Failure;
use page_cache::wire::{Asked, Decoder, Event, Head, Protocol, Scope, Violation};

/// A reply, as far as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// `+OK` to AUTH or SELECT.
    LetIn,
    /// An error to AUTH or SELECT.
    KeptOut(Vec<u8>),
    /// A value without the data that did not come.
    Value { which: usize, flags: Option<u32>, len: u64, data: Vec<u8>, whole: bool },
    /// No value.
    Absent,
    /// An error.
    Refused(Failure, Scope, Vec<u8>),
}

/// A stream that comes in pieces.
pub struct Stream<'a> {
    /// Who speaks.
    pub protocol: Protocol,
    /// What each command asks for.
    pub keys: &'a [&'a [u8]],
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
        let mut reader = Reader {
            stream: self,
            decoder: Decoder::new(self.protocol),
            answered: vec![false; self.keys.len()],
            seen: Vec::new(),
        };
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
    /// Which keys of the command have had their value.
    answered: Vec<bool>,
    seen: Vec<Seen>,
}

/// What is still asked for.
struct Open<'a>(&'a [&'a [u8]], &'a [bool]);

impl Asked for Open<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn longest(&self) -> usize {
        self.0.iter().map(|key| key.len()).max().unwrap_or_default()
    }

    fn find(&self, key: &[u8]) -> Option<usize> {
        (0..self.0.len()).find(|&at| self.0[at] == key && !self.1[at])
    }
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
        let keys = self.stream.keys;
        let (consumed, event) = self.decoder.next(input, &Open(keys, &self.answered))?;
        assert!(consumed <= input.len());
        assert!(event.is_none() || consumed > 0, "an event of nothing");
        match event {
            None => {}
            Some(Event::Head(Head::Absent)) => {
                self.answered.fill(false);
                self.seen.push(Seen::Absent);
            }
            Some(Event::Head(Head::Refused { why, scope, text })) => {
                self.answered.fill(false);
                self.seen.push(Seen::Refused(why, scope, text.to_vec()));
            }
            Some(Event::Head(Head::Value { flags, len })) => {
                assert_eq!(flags.is_some(), self.stream.protocol == Protocol::Memcached);
                let which = self.decoder.which();
                let data = Vec::new();
                self.seen.push(Seen::Value { which, flags, len, data, whole: false });
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
                // One key's reply ends with its value; of several END says so.
                self.answered[self.decoder.which()] = keys.len() > 1;
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
