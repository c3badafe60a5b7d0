//! Pickles, read and never interpreted: opcodes become a bounded set of values.
//!
//! Nothing is imported, called or constructed. A global is a name, compared with a short
//! list; an object is its class and what was put into it; what came of any other call is an
//! inert token that nothing is asked of. Opcodes are Python's (`Lib/pickletools.py`),
//! protocols 2 to 5; whatever CPython's pickler does not write is refused.
//!
//! Strings and bytes are ranges of the pickle: nothing is copied, and what is allocated
//! grows with the number of opcodes, not with the size of a body. Nothing is walked by
//! recursion, so values may contain themselves.

mod handed;
mod machine;
mod opcode;
mod tree;

use std::fmt;

pub(super) use handed::is_handed_on;
pub(super) use machine::load;
pub(super) use tree::{Class, Items, Span, Tree, Value};

/// Opcodes of one pickle. A page has about a hundred; the data of a REST view a few for each
/// of its values.
const OPCODES_MAX: u32 = 1 << 20;
/// Objects waiting on the stack. Pickler writes containers in batches of a thousand pairs.
const STACK_MAX: usize = 1 << 14;
/// Values remembered for later use.
const MEMO_MAX: usize = 1 << 18;
/// Marks of containers that are being filled.
const MARKS_MAX: usize = 1 << 14;
/// Tuples, lists, dicts, sets and objects.
const NODES_MAX: usize = 1 << 17;
/// Items of all containers together.
const CELLS_MAX: usize = 1 << 18;
/// Classes and functions that are not known.
const NAMES_MAX: usize = 1 << 13;
/// Length of a module's or class's name in bytes, in a GLOBAL's line.
const NAME_MAX: usize = 256;
/// Length of a class's name in a [`PickleError`], in bytes, but for the dots of what was cut.
const SHOWN_MAX: usize = 100;

/// Why a pickle was refused, and where: for a log line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct PickleError {
    /// Offset in bytes into the pickle, which was perhaps inflated first.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
    /// Module and name of the class that is not read, printable ASCII of at most 100 bytes and
    /// three dots.
    pub class: Option<Box<str>>,
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(class) = &self.class {
            write!(f, "class {class}: ")?;
        }
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

/// A class's name as a log line may have it; `None` if there is no memory for it.
pub(super) fn shown_name(module: &[u8], name: &[u8]) -> Option<Box<str>> {
    let mut shown = String::new();
    shown.try_reserve_exact(SHOWN_MAX + 3).ok()?;
    let escaped = [module, b".", name].into_iter().flat_map(<[u8]>::escape_ascii);
    for byte in escaped {
        if shown.len() == SHOWN_MAX {
            shown.push_str("...");
            break;
        }
        shown.push(char::from(byte));
    }
    Some(shown.into_boxed_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn names_are_shown_whole_escaped_and_never_long() {
        for (module, name, shown) in [
            (&b"myapp.http"[..], &b"Page"[..], "myapp.http.Page"),
            (b"", b"", "."),
            (b"a\nb", b"\xc3\xa9\"\x00", "a\\nb.\\xc3\\xa9\\\"\\x00"),
        ] {
            assert_eq!(&*shown_name(module, name).unwrap(), shown);
        }
        let long = shown_name(&[b'm'; 98], b"Page").unwrap();
        assert_eq!(*long, *format!("{}.P...", "m".repeat(98)));
        assert_eq!(shown_name(&[b'm'; 98], b"P").unwrap().len(), 100);
        assert_eq!(shown_name(&vec![b'\n'; 1 << 20], b"P").unwrap().len(), 103);
    }

    #[test]
    fn errors_name_the_class_and_the_place() {
        let error = PickleError { class: shown_name(b"a", b"B"), ..PickleError::new(3, "wrong") };
        assert_eq!(error.to_string(), "class a.B: wrong at byte 3");
        assert_eq!(PickleError::new(3, "wrong").to_string(), "wrong at byte 3");
    }
}
