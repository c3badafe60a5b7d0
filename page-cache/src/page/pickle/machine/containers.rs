//! Tuples, lists, sets and dicts, filled from the stack.

use std::mem;

use super::super::tree::{Cell, Class, END, Id, Kind, Node, Value};
use super::super::{CELLS_MAX, NODES_MAX};
use super::{Go, Machine, Stop, push, wrong};

impl Machine<'_> {
    pub(super) fn new_node(&mut self, kind: Kind) -> Go<Id> {
        let at = self.opcode_at as u32;
        let node = Node { kind, state: None, spent: false, first: END, last: END, at };
        push(&mut self.tree.nodes, node, NODES_MAX, "too many containers")?;
        // In range: there are at most NODES_MAX.
        Ok(Id((self.tree.nodes.len() - 1) as u32))
    }

    pub(super) fn container(&mut self, kind: Kind) -> Go {
        let id = self.new_node(kind)?;
        self.push(Value::Node(id))
    }

    pub(super) fn small_tuple(&mut self, len: usize) -> Go {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(len) {
            Some(start) if start >= floor => self.gather(Kind::Tuple, start),
            _ => wrong("stack underflow"),
        }
    }

    /// The values from `start` on become a container.
    pub(super) fn gather(&mut self, kind: Kind, start: usize) -> Go {
        let id = self.new_node(kind)?;
        self.add_from(id, start)?;
        self.push(Value::Node(id))
    }

    /// Moves the values from `start` on into a container, behind what it holds.
    pub(super) fn add_from(&mut self, id: Id, start: usize) -> Go {
        let values = self.stack.get(start..).unwrap_or_default();
        if values.is_empty() {
            return Ok(());
        }
        let (cells, count) = (&mut self.tree.cells, values.len());
        if cells.len() + count > CELLS_MAX {
            return wrong("too many items");
        }
        cells.try_reserve(count).map_err(|_| Stop::Memory)?;
        // In range: there are at most CELLS_MAX.
        let first = cells.len() as u32;
        cells.extend(values.iter().zip(first + 1..).map(|(&value, next)| Cell { value, next }));
        let last = cells.len() as u32 - 1;
        if let Some(cell) = cells.last_mut() {
            cell.next = END;
        }
        self.stack.truncate(start);
        let Some(node) = self.tree.nodes.get_mut(id.0 as usize) else { return wrong("node") };
        let before = mem::replace(&mut node.last, last);
        match cells.get_mut(before as usize) {
            Some(cell) => cell.next = first,
            None => node.first = first,
        }
        Ok(())
    }

    /// The container just below the values from `start` on.
    pub(super) fn container_below(&self, start: usize) -> Go<(Kind, Id)> {
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

    pub(super) fn append(&mut self, start: usize) -> Go {
        match self.container_below(start)? {
            (Kind::List, id) => self.add_from(id, start),
            (kind, id) if kind.is_foreign() => self.add_from(id, start),
            _ => wrong("append to what is no list"),
        }
    }

    pub(super) fn add_items(&mut self, start: usize) -> Go {
        match self.container_below(start)? {
            (Kind::Set, id) => self.add_from(id, start),
            (kind, id) if kind.is_foreign() => self.add_from(id, start),
            _ => wrong("add to what is no set"),
        }
    }

    pub(super) fn set_items(&mut self, start: usize) -> Go {
        let (kind, id) = self.container_below(start)?;
        match kind {
            Kind::Dict if self.tree.node(id).is_some_and(|node| node.spent) => {
                return wrong("state changed later");
            }
            Kind::Dict | Kind::Object(Class::Cookies | Class::Morsel) => {}
            kind if kind.is_foreign() => {}
            _ => return wrong("set item of what is no dict"),
        }
        let items = self.stack.get(start..).unwrap_or_default();
        if items.len() % 2 != 0 {
            return wrong("key without value");
        }
        self.add_from(id, start)
    }
}
