//! The machine: a stack, a memo, and one function for each kind of opcode.

use super::cycle::has_cycle;
use super::opcode as op;
use super::tree::{Cell, Class, END, Id, Kind, Node, Span, Tree, Value};
use super::{
    CELLS_MAX, DEPTH_MAX, MEMO_MAX, NAME_MAX, NODES_MAX, OPCODES_MAX, PickleError, STACK_MAX,
};
use crate::outcome::Failure;
use crate::page::Rejection;

/// The protocols that are read: those that Django's caches write.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 3..=5;

/// Room for an ordinary page, so that nothing has to grow.
const USUAL_MEMO: usize = 96;
const USUAL_CELLS: usize = 96;
const USUAL_NODES: usize = 32;
const USUAL_STACK: usize = 64;

/// Reads the pickle of one value.
///
/// # Errors
/// [`Failure::Undecodable`] with the offset, [`Failure::Memory`].
pub(in crate::page) fn load(bytes: &[u8]) -> Result<Tree, Rejection> {
    // Offsets are kept in 32 bits.
    if u32::try_from(bytes.len()).is_err() {
        return Err(PickleError { at: 0, what: "too large" }.into());
    }
    let mut machine = Machine::new(bytes)?;
    match machine.run() {
        Ok(root) => machine.finish(root),
        Err(Stop::Memory) => Err(Failure::Memory.into()),
        Err(Stop::Wrong(what)) => Err(PickleError { at: machine.opcode_at, what }.into()),
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
    stack: Vec<Value>,
    /// Heights of the stack at each MARK.
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    /// How many slots of the memo are taken: MEMOIZE goes by it.
    memoized: usize,
    tree: Tree,
    /// A container was taken from the memo: it may be inside itself.
    shared: bool,
}

fn room<T>(len: usize) -> Result<Vec<T>, Rejection> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(len).map_err(|_| Failure::Memory)?;
    Ok(vec)
}

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
            stack: room(USUAL_STACK)?,
            marks: Vec::new(),
            memo: room(USUAL_MEMO)?,
            memoized: 0,
            tree: Tree { nodes: room(USUAL_NODES)?, cells: room(USUAL_CELLS)?, root: Value::None },
            shared: false,
        })
    }

    fn finish(mut self, root: Value) -> Result<Tree, Rejection> {
        self.tree.root = root;
        if self.shared && has_cycle(&self.tree)? {
            return Err(PickleError { at: self.opcode_at, what: "self-reference" }.into());
        }
        Ok(self.tree)
    }

    fn run(&mut self) -> Go<Value> {
        if self.byte()? != op::PROTO {
            return wrong("no PROTO opcode");
        }
        if !PROTOCOLS.contains(&self.byte()?) {
            return wrong("protocol");
        }
        for _ in 0..OPCODES_MAX {
            self.opcode_at = self.at;
            let opcode = self.byte()?;
            if opcode == op::STOP {
                return self.stop();
            }
            self.step(opcode)?;
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
            op::SHORT_BINUNICODE => self.text(1),
            op::MEMOIZE => self.put(self.memoized),
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
            op::BINFLOAT => {
                self.take(8)?;
                self.push(Value::Number)
            }
            op::EMPTY_TUPLE => self.small_tuple(0),
            op::TUPLE1 => self.small_tuple(1),
            op::TUPLE3 => self.small_tuple(3),
            op::TUPLE => {
                let start = self.pop_mark()?;
                self.tuple(start)
            }
            op::EMPTY_LIST => self.container(Kind::List),
            op::EMPTY_DICT => self.container(Kind::Dict),
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
            op::REDUCE => self.reduce(),
            op::BUILD => self.build(),
            // Only a hint how much to read ahead: large bodies lie outside of frames.
            op::FRAME => self.take(8).map(drop),
            _ => wrong("opcode that no page has"),
        }
    }

    // What is read of the pickle.

    fn byte(&mut self) -> Go<u8> {
        let Some(&byte) = self.bytes.get(self.at) else { return wrong("truncated") };
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Go<(Span, &'a [u8])> {
        let bytes = self.at.checked_add(len).and_then(|end| self.bytes.get(self.at..end));
        let Some(bytes) = bytes else { return wrong("truncated") };
        // In range: the whole pickle is.
        let span = Span { at: self.at as u32, len: len as u32 };
        self.at += len;
        Ok((span, bytes))
    }

    /// A little-endian number of `width` bytes, at most 8.
    fn length(&mut self, width: usize) -> Go<usize> {
        if width == 1 {
            return Ok(usize::from(self.byte()?));
        }
        let (_, digits) = self.take(width)?;
        let length = digits.iter().rev().fold(0_u64, |sum, &digit| sum << 8 | u64::from(digit));
        usize::try_from(length).or_else(|_| wrong("truncated"))
    }

    fn text(&mut self, width: usize) -> Go {
        let len = self.length(width)?;
        let (span, bytes) = self.take(len)?;
        // Python lets surrogates pass here; no header and no name has any.
        if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
            return wrong("string is not UTF-8");
        }
        self.push(Value::Str(span))
    }

    fn binary(&mut self, width: usize) -> Go {
        let len = self.length(width)?;
        let (span, _) = self.take(len)?;
        self.push(Value::Bytes(span))
    }

    fn unsigned(&mut self, width: usize) -> Go {
        let number = self.length(width)?;
        self.push(i32::try_from(number).map_or(Value::Number, Value::Int))
    }

    /// A little-endian number in two's complement; of no bytes, zero.
    fn signed(&mut self, width: usize) -> Go {
        let (_, digits) = self.take(width)?;
        let Some(&highest) = digits.last() else { return self.push(Value::Int(0)) };
        if width > 4 {
            return self.push(Value::Number);
        }
        let sign = if highest & 0x80 == 0 { 0 } else { -1 };
        let number = digits.iter().rev().fold(sign, |sum, &digit| sum << 8 | i32::from(digit));
        self.push(Value::Int(number))
    }

    // The stack and the memo.

    fn push(&mut self, value: Value) -> Go {
        push(&mut self.stack, value, STACK_MAX, "stack too high")
    }

    fn mark(&mut self) -> Go {
        push(&mut self.marks, self.stack.len(), usize::from(DEPTH_MAX), "too deep")
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

    fn top(&self) -> Go<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(value) if self.stack.len() > floor => Ok(*value),
            _ => wrong("stack underflow"),
        }
    }

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
        self.shared |= matches!(value, Value::Node(_));
        self.push(value)
    }

    // Containers.

    fn new_node(&mut self, kind: Kind) -> Go<Id> {
        let at = self.opcode_at as u32;
        let node = Node { kind, state: None, first: END, last: END, at, depth: 0 };
        push(&mut self.tree.nodes, node, NODES_MAX, "too many containers")?;
        // In range: there are at most NODES_MAX.
        Ok(Id((self.tree.nodes.len() - 1) as u32))
    }

    fn container(&mut self, kind: Kind) -> Go {
        let id = self.new_node(kind)?;
        self.push(Value::Node(id))
    }

    fn add(&mut self, id: Id, value: Value) -> Go {
        let cell = self.tree.cells.len() as u32;
        push(&mut self.tree.cells, Cell { value, next: END }, CELLS_MAX, "too many items")?;
        self.deepen(id, value)?;
        let Some(node) = self.tree.nodes.get_mut(id.0 as usize) else { return wrong("node") };
        let last = node.last;
        node.last = cell;
        match self.tree.cells.get_mut(last as usize) {
            Some(last) => last.next = cell,
            None => node.first = cell,
        }
        Ok(())
    }

    /// A container is deeper than all that it holds.
    fn deepen(&mut self, id: Id, value: Value) -> Go {
        let Value::Node(inner) = value else { return Ok(()) };
        let inner = self.tree.node(inner).map_or(0, |node| node.depth);
        if inner >= DEPTH_MAX {
            return wrong("too deep");
        }
        if let Some(node) = self.tree.nodes.get_mut(id.0 as usize) {
            node.depth = node.depth.max(inner + 1);
        }
        Ok(())
    }

    fn small_tuple(&mut self, len: usize) -> Go {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(len) {
            Some(start) if start >= floor => self.tuple(start),
            _ => wrong("stack underflow"),
        }
    }

    /// The values from `start` on become a tuple.
    fn tuple(&mut self, start: usize) -> Go {
        let id = self.new_node(Kind::Tuple)?;
        self.add_from(id, start)?;
        self.push(Value::Node(id))
    }

    /// Moves the values from `start` on into a container.
    fn add_from(&mut self, id: Id, start: usize) -> Go {
        let mut at = start;
        while let Some(&value) = self.stack.get(at) {
            self.add(id, value)?;
            at += 1;
        }
        self.stack.truncate(start);
        Ok(())
    }

    /// The container just below the values from `start` on.
    fn container_below(&self, start: usize) -> Go<(Kind, Id)> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let below = start.checked_sub(1).filter(|&below| below >= floor);
        match below.and_then(|below| self.stack.get(below)) {
            Some(&Value::Node(id)) => match self.tree.node(id) {
                Some(node) => Ok((node.kind, id)),
                None => wrong("node"),
            },
            Some(_) => wrong("not a container"),
            None => wrong("stack underflow"),
        }
    }

    fn append(&mut self, start: usize) -> Go {
        match self.container_below(start)? {
            (Kind::List | Kind::Object(Class::Inert), id) => self.add_from(id, start),
            _ => wrong("append to what is no list"),
        }
    }

    fn set_items(&mut self, start: usize) -> Go {
        let (kind, id) = self.container_below(start)?;
        let mapping = Kind::Object(Class::Cookies) == kind
            || Kind::Object(Class::Morsel) == kind
            || Kind::Object(Class::Inert) == kind;
        if kind != Kind::Dict && !mapping {
            return wrong("set item of what is no dict");
        }
        let items = self.stack.get(start..).unwrap_or_default();
        if items.len() % 2 != 0 {
            return wrong("key without value");
        }
        if items.iter().step_by(2).any(|key| !matches!(key, Value::Str(_))) {
            return wrong("key is not a string");
        }
        self.add_from(id, start)
    }

    // Classes and objects.

    fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    fn stack_global(&mut self) -> Go {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Str(module), Value::Str(name)) = (module, name) else {
            return wrong("name is not a string");
        };
        self.push_global(self.slice(module), self.slice(name))
    }

    fn global(&mut self) -> Go {
        let (module, name) = (self.line()?, self.line()?);
        self.push_global(module, name)
    }

    fn line(&mut self) -> Go<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(NAME_MAX).position(|&byte| byte == b'\n');
        let Some(end) = end else { return wrong("unfinished name") };
        let (_, line) = self.take(end)?;
        self.at += 1;
        Ok(line)
    }

    fn push_global(&mut self, module: &[u8], name: &[u8]) -> Go {
        match Class::named(module, name) {
            Some(class) => self.push(Value::Global(class)),
            None => wrong("class that no page has"),
        }
    }

    fn new_object(&mut self) -> Go {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let Value::Global(class) = class else { return wrong("object of no class") };
        let Some(mut given) = self.tree.tuple(arguments) else {
            return wrong("arguments are no tuple");
        };
        match class {
            Class::SafeString => match (given.next(), given.next()) {
                (Some(text @ Value::Str(_)), None) => self.push(text),
                _ => wrong("SafeString of what is no string"),
            },
            Class::Inert => self.inert(arguments),
            Class::Response | Class::Rendered | Class::Headers | Class::Cookies | Class::Morsel => {
                if given.next().is_some() {
                    return wrong("object with arguments");
                }
                self.container(Kind::Object(class))
            }
        }
    }

    /// An object that nothing is asked of, holding what it would have been made of.
    fn inert(&mut self, arguments: Value) -> Go {
        let id = self.new_node(Kind::Object(Class::Inert))?;
        self.add(id, arguments)?;
        self.push(Value::Node(id))
    }

    fn reduce(&mut self) -> Go {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        if callable != Value::Global(Class::Inert) || self.tree.tuple(arguments).is_none() {
            return wrong("call");
        }
        self.inert(arguments)
    }

    fn build(&mut self) -> Go {
        let (state, object) = (self.pop()?, self.top()?);
        let Some((class, id)) = self.tree.object(object) else {
            return wrong("state of no object");
        };
        if class != Class::Inert && self.tree.dict(state).is_none() {
            return wrong("state is no dict");
        }
        self.deepen(id, state)?;
        match self.tree.nodes.get_mut(id.0 as usize) {
            Some(Node { state: slot @ None, .. }) => *slot = Some(state),
            _ => return wrong("second state"),
        }
        Ok(())
    }
}
