//! The machine: a stack, a memo, and one function for each kind of opcode.

mod containers;
mod input;
mod objects;

use super::opcode as op;
use super::tree::{Kind, Tree, Value};
use super::{MARKS_MAX, MEMO_MAX, OPCODES_MAX, PickleError, STACK_MAX};
use crate::outcome::Failure;
use crate::page::Rejection;

/// The protocols that are read: those that Django's caches write.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=NEWEST;
const NEWEST: u8 = 5;

/// Room for an ordinary page, so that nothing has to grow; each in less than 1 KiB, which
/// allocators have at hand.
const USUAL_MEMO: usize = 80;
const USUAL_CELLS: usize = 64;
const USUAL_NODES: usize = 32;
const USUAL_STACK: usize = 64;

/// Reads the pickle of one value.
///
/// # Errors
/// [`Failure::Undecodable`] with the offset, [`Failure::Memory`].
pub(in crate::page) fn load(bytes: &[u8]) -> Result<Tree, Rejection> {
    // Offsets are kept in 32 bits.
    if u32::try_from(bytes.len()).is_err() {
        return Err(PickleError::new(0, "too large").into());
    }
    let mut machine = Machine::new(bytes)?;
    match machine.run() {
        Ok(root) => Ok(Tree { root, ..machine.tree }),
        Err(Stop::Memory) => Err(Failure::Memory.into()),
        Err(Stop::Wrong(what)) => Err(PickleError::new(machine.opcode_at, what).into()),
    }
}

/// Why the machine stops before its time.
enum Stop {
    Wrong(&'static str),
    Memory,
}

type Go<T = ()> = Result<T, Stop>;

fn wrong<T>(what: &'static str) -> Go<T> {
    Err(Stop::Wrong(what))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Offset of the opcode that is being read.
    opcode_at: usize,
    protocol: u8,
    stack: Vec<Value>,
    /// Heights of the stack at each MARK.
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    /// How many slots of the memo are taken: MEMOIZE goes by it.
    memoized: usize,
    /// Bytes of the texts that bytes were made of. Each is written once, so that they are no more
    /// than the pickle has; who takes one from the memo time and again wants our time.
    encoded: usize,
    tree: Tree,
}

impl PickleError {
    pub(in crate::page) fn new(at: usize, what: &'static str) -> Self {
        Self { at, what, class: None }
    }
}

fn room<T>(len: usize) -> Result<Vec<T>, Rejection> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
    Ok(vec)
}

#[inline]
fn push<T>(vec: &mut Vec<T>, item: T, max: usize, what: &'static str) -> Go {
    if vec.len() >= max {
        return wrong(what);
    }
    vec.try_reserve(1).map_err(|_| Stop::Memory)?;
    vec.push(item);
    Ok(())
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Rejection> {
        Ok(Self {
            bytes,
            at: 0,
            opcode_at: 0,
            protocol: 0,
            stack: room(USUAL_STACK)?,
            marks: Vec::new(),
            memo: room(USUAL_MEMO)?,
            memoized: 0,
            encoded: 0,
            tree: Tree {
                nodes: room(USUAL_NODES)?,
                cells: room(USUAL_CELLS)?,
                names: Vec::new(),
                root: Value::None,
                shared: false,
            },
        })
    }

    fn run(&mut self) -> Go<Value> {
        if self.byte()? != op::PROTO {
            return wrong("no PROTO opcode");
        }
        self.protocol = self.byte()?;
        if !PROTOCOLS.contains(&self.protocol) {
            return wrong("protocol");
        }
        for _ in 0..OPCODES_MAX {
            self.opcode_at = self.at;
            // Three of four opcodes are one of two: asking for them first spares the processor
            // jumps that it cannot foresee.
            match self.byte()? {
                op::MEMOIZE if self.protocol >= 4 => self.put(self.memoized)?,
                op::SHORT_BINUNICODE if self.protocol >= 4 => self.text(1)?,
                op::STOP => return self.stop(),
                opcode if self.protocol < NEWEST && op::since(opcode) > self.protocol => {
                    return wrong("opcode of a newer protocol");
                }
                opcode => self.step(opcode)?,
            }
        }
        wrong("too many opcodes")
    }

    fn stop(&mut self) -> Go<Value> {
        if self.at != self.bytes.len() {
            return wrong("trailing data");
        }
        match (self.stack.as_slice(), self.marks.as_slice()) {
            ([root], []) => Ok(*root),
            _ => wrong("not one value"),
        }
    }

    fn step(&mut self, opcode: u8) -> Go {
        match opcode {
            op::BINGET => self.get(1),
            op::TUPLE2 => self.small_tuple(2),
            op::BINUNICODE => self.text(4),
            op::BINUNICODE8 => self.text(8),
            op::SHORT_BINBYTES => self.binary(1),
            op::BINBYTES => self.binary(4),
            op::BINBYTES8 => self.binary(8),
            op::MARK => self.mark(),
            op::NONE => self.push(Value::None),
            op::NEWTRUE => self.push(Value::Bool(true)),
            op::NEWFALSE => self.push(Value::Bool(false)),
            op::BININT1 => self.unsigned(1),
            op::BININT2 => self.unsigned(2),
            op::BININT => self.signed(4),
            op::LONG1 => {
                let width = self.byte()?;
                self.signed(usize::from(width))
            }
            op::LONG4 => {
                let width = self.length(4)?;
                self.signed(width)
            }
            op::BINFLOAT => self.opaque(8),
            op::BYTEARRAY8 => {
                let len = self.length(8)?;
                self.opaque(len)
            }
            op::EMPTY_TUPLE => self.small_tuple(0),
            op::TUPLE1 => self.small_tuple(1),
            op::TUPLE3 => self.small_tuple(3),
            op::TUPLE => {
                let start = self.pop_mark()?;
                self.gather(Kind::Tuple, start)
            }
            op::EMPTY_LIST => self.container(Kind::List),
            op::EMPTY_DICT => self.container(Kind::Dict),
            op::EMPTY_SET => self.container(Kind::Set),
            op::FROZENSET => {
                let start = self.pop_mark()?;
                self.gather(Kind::Set, start)
            }
            op::ADDITEMS => {
                let start = self.pop_mark()?;
                self.add_items(start)
            }
            op::APPEND => self.append(self.stack.len().saturating_sub(1)),
            op::APPENDS => {
                let start = self.pop_mark()?;
                self.append(start)
            }
            op::SETITEM => self.set_items(self.stack.len().saturating_sub(2)),
            op::SETITEMS => {
                let start = self.pop_mark()?;
                self.set_items(start)
            }
            op::BINPUT => {
                let index = self.length(1)?;
                self.put(index)
            }
            op::LONG_BINPUT => {
                let index = self.length(4)?;
                self.put(index)
            }
            op::LONG_BINGET => self.get(4),
            op::STACK_GLOBAL => self.stack_global(),
            op::GLOBAL => self.global(),
            op::NEWOBJ => self.new_object(),
            op::NEWOBJ_EX => self.new_object_by_name(),
            op::REDUCE => self.reduce(),
            op::BUILD => self.build(),
            // What CPython does to a tuple that contains itself.
            op::POP => self.drop_top(),
            op::POP_MARK => {
                let start = self.pop_mark()?;
                self.stack.truncate(start);
                Ok(())
            }
            // Only a hint how much to read ahead: large bodies lie outside of frames.
            op::FRAME => self.take(8).map(drop),
            _ => wrong("opcode that no page has"),
        }
    }

    #[inline]
    fn push(&mut self, value: Value) -> Go {
        push(&mut self.stack, value, STACK_MAX, "stack too high")
    }

    fn mark(&mut self) -> Go {
        push(&mut self.marks, self.stack.len(), MARKS_MAX, "too deep")
    }

    fn pop_mark(&mut self) -> Go<usize> {
        self.marks.pop().map_or_else(|| wrong("no mark"), Ok)
    }

    /// Takes a value from the stack, of those above the last mark.
    fn pop(&mut self) -> Go<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(value) if self.stack.len() >= floor => Ok(value),
            _ => wrong("stack underflow"),
        }
    }

    /// A mark goes too if nothing is above it.
    fn drop_top(&mut self) -> Go {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    #[inline]
    fn top(&self) -> Go<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(value) if self.stack.len() > floor => Ok(*value),
            _ => wrong("stack underflow"),
        }
    }

    #[inline]
    fn put(&mut self, index: usize) -> Go {
        let value = self.top()?;
        if index == self.memo.len() {
            push(&mut self.memo, Some(value), MEMO_MAX, "memo too large")?;
            self.memoized += 1;
            return Ok(());
        }
        if index >= MEMO_MAX {
            return wrong("memo too large");
        }
        if index >= self.memo.len() {
            let more = index + 1 - self.memo.len();
            self.memo.try_reserve(more).map_err(|_| Stop::Memory)?;
            self.memo.resize(index + 1, None);
        }
        if let Some(slot) = self.memo.get_mut(index) {
            self.memoized += usize::from(slot.is_none());
            *slot = Some(value);
        }
        Ok(())
    }

    fn get(&mut self, width: usize) -> Go {
        let index = self.length(width)?;
        let Some(value) = self.memo.get(index).copied().flatten() else {
            return wrong("no such memo");
        };
        self.tree.shared |= matches!(value, Value::Node(_));
        self.push(value)
    }
}
