//! Memory of values that nobody holds any more, for those to come.

use std::collections::{TryReserveError, VecDeque};
use std::rc::Rc;

use super::Value;

/// So many values of ordinary size are kept, of at most so many bytes each. An allocation of that
/// size costs more than the look-up around it.
const MOST: usize = 128;
const BYTES: usize = 16 * 1024;

/// Values whose memory is used again once nobody else holds them; as many as were in use at once.
#[derive(Debug, Default)]
pub struct Spares {
    kept: VecDeque<Rc<Value>>,
}

impl Spares {
    /// An empty value with room for `len` bytes, which nobody else holds.
    pub fn room_for(
        &mut self,
        flags: Option<u32>,
        len: usize,
    ) -> Result<Rc<Value>, TryReserveError> {
        if let Some(mut spare) = self.kept.pop_front() {
            // The oldest one: if it is still in use, so are most.
            if let Some(value) = Rc::get_mut(&mut spare).filter(|_| len <= BYTES) {
                value.flags = flags;
                value.bytes.clear();
                value.bytes.try_reserve_exact(len)?;
                return Ok(spare);
            }
            self.kept.push_back(spare);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len)?;
        Ok(Rc::new(Value { flags, bytes }))
    }

    /// Keeps the memory of a value that has been delivered.
    pub fn keep(&mut self, value: Rc<Value>) {
        let is_usual = value.bytes.capacity() <= BYTES && self.kept.len() < MOST;
        if is_usual && self.kept.try_reserve(1).is_ok() {
            self.kept.push_back(value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn memory_is_used_again_and_only_when_nobody_holds_it() {
        let mut spares = Spares::default();
        let mut value = spares.room_for(Some(7), 100).unwrap();
        Rc::get_mut(&mut value).unwrap().bytes.extend_from_slice(b"page");
        let place = value.bytes.as_ptr();
        spares.keep(Rc::clone(&value));
        let other = spares.room_for(None, 100).unwrap();
        assert_ne!(other.bytes.as_ptr(), place);
        assert_eq!(*value.bytes, *b"page", "whoever holds a value keeps it");
        drop(value);
        let again = spares.room_for(None, 50).unwrap();
        assert_eq!((again.bytes.as_ptr(), again.bytes.len(), again.flags), (place, 0, None));
    }

    #[test]
    fn few_and_no_large_ones_are_kept() {
        let mut spares = Spares::default();
        let value = |len| Rc::new(Value { flags: None, bytes: vec![0; len] });
        spares.keep(value(BYTES + 1));
        assert_eq!(spares.kept.len(), 0);
        (0..2 * MOST).for_each(|_| spares.keep(value(BYTES)));
        assert_eq!(spares.kept.len(), MOST);
    }
}
