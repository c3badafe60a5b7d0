//! Pickles, read and never interpreted: opcodes become a bounded tree of values.
//!
//! Nothing is imported, called or constructed. A global is a name, compared with a short
//! list; an object is its class and what was put into it; the result of a call, which only
//! harmless constructors may be, is an inert token. Opcodes are Python's
//! (`Lib/pickletools.py`), protocols 3 to 5; whatever CPython's pickler does not write
//! into a page is refused.
//!
//! Strings and bytes are ranges of the pickle: nothing is copied, and what is allocated
//! grows with the number of opcodes, not with the size of a body.

mod cycle;
mod machine;
mod opcode;
mod tree;

pub(super) use machine::load;
pub(super) use tree::{Class, Items, Span, Tree, Value};

/// Opcodes of one pickle. A page has about a hundred; the data of a REST view a few for each
/// of its values.
const OPCODES_MAX: u32 = 1 << 20;
/// Objects waiting on the stack. Pickler writes containers in batches of a thousand pairs.
const STACK_MAX: usize = 1 << 14;
/// Values remembered for later use.
const MEMO_MAX: usize = 1 << 18;
/// Tuples, lists, dicts and objects.
const NODES_MAX: usize = 1 << 17;
/// Items of all containers together.
const CELLS_MAX: usize = 1 << 18;
/// Containers inside containers.
const DEPTH_MAX: u16 = 100;
/// Length of a module's or class's name in bytes, in a GLOBAL's line.
const NAME_MAX: usize = 256;

/// Why a pickle was refused, and where: for a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct PickleError {
    /// Offset in bytes into the pickle, which was perhaps inflated first.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}
