//! A ticket ties a look-up to its request: when the client leaves, the ticket is void, and the
//! reply that comes later is dropped.

use std::ptr::NonNull;

use page_cache::pipeline::Ticket;

use crate::record::Record;

/// The tickets of this worker that somebody waits for.
pub struct Tickets {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    /// Distinguishes the users of a slot in turn.
    generation: u32,
    holder: Option<(NonNull<Record>, usize)>,
}

impl Tickets {
    /// None yet.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// A ticket for the `ask`th key of `record`. `None` when memory is short.
    pub fn issue(&mut self, record: NonNull<Record>, ask: usize) -> Option<Ticket> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.try_reserve(1).ok()?;
                // Room to take every slot back, so that giving back never allocates.
                self.free.try_reserve(self.slots.len() + 1).ok()?;
                self.slots.push(Slot { generation: 0, holder: None });
                index
            }
        };
        let slot = self.slots.get_mut(index as usize)?;
        slot.holder = Some((record, ask));
        Some(Ticket(u64::from(slot.generation) << 32 | u64::from(index)))
    }

    /// Whose ticket it is; it is void from now on. `None` if it was void already.
    pub fn redeem(&mut self, ticket: Ticket) -> Option<(NonNull<Record>, usize)> {
        let index = ticket.0 as u32;
        let slot = self.slots.get_mut(index as usize)?;
        if u64::from(slot.generation) != ticket.0 >> 32 {
            return None;
        }
        let holder = slot.holder.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
        Some(holder)
    }
}
