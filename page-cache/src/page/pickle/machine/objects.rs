//! Classes and objects: named, never imported; recorded, never made.

use super::super::NAMES_MAX;
use super::super::tree::{Class, Kind, Name, Span, Value};
use super::{Go, Machine, push, wrong};
use crate::page::pickled::{LATIN1, is_latin1};

impl<'a> Machine<'a> {
    pub(super) fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    pub(super) fn stack_global(&mut self) -> Go {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Str(module), Value::Str(name)) = (module, name) else {
            return wrong("name is not a string");
        };
        self.push_global(module, name)
    }

    pub(super) fn global(&mut self) -> Go {
        let (module, name) = (self.line()?, self.line()?);
        if [module, name].iter().any(|span| std::str::from_utf8(self.slice(*span)).is_err()) {
            return wrong("string is not UTF-8");
        }
        self.push_global(module, name)
    }

    fn push_global(&mut self, module: Span, name: Span) -> Go {
        // In range: there are at most NAMES_MAX.
        let other = Name(self.tree.names.len() as u32);
        let class = Class::named(self.slice(module), self.slice(name), self.protocol, other);
        if class.name().is_some() {
            push(&mut self.tree.names, (module, name), NAMES_MAX, "too many classes")?;
        }
        self.push(Value::Global(class))
    }

    pub(super) fn new_object(&mut self) -> Go {
        let (arguments, class) = (self.pop()?, self.pop()?);
        let Some(mut given) = self.tree.tuple(arguments) else {
            return wrong("arguments are no tuple");
        };
        match (class, given.next(), given.next()) {
            (Value::Global(Class::SafeString), Some(text @ Value::Str(_)), None) => self.push(text),
            (Value::Global(class), None, _) => self.container(Kind::Object(class)),
            _ => self.made(class, &[arguments], "object of no class"),
        }
    }

    /// An object whose class wants arguments by name.
    pub(super) fn new_object_by_name(&mut self) -> Go {
        let (by_name, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
        if self.tree.tuple(arguments).is_none() || self.tree.dict(by_name).is_none() {
            return wrong("arguments are no tuple and dict");
        }
        self.made(class, &[arguments, by_name], "object of no class")
    }

    pub(super) fn reduce(&mut self) -> Go {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Some(mut given) = self.tree.tuple(arguments) else {
            return wrong("arguments are no tuple");
        };
        match (callable, given.next(), given.next(), given.next()) {
            (
                Value::Global(Class::Encode),
                Some(Value::Str(text)),
                Some(Value::Str(encoding)),
                None,
            ) if self.slice(encoding) == LATIN1 => self.latin1(text),
            (Value::Global(Class::Bytes), None, _, _) => {
                // In range: the whole pickle is.
                self.push(Value::Bytes(Span { at: self.opcode_at as u32, len: 0 }))
            }
            _ => self.made(callable, &[arguments], "call of what is no class"),
        }
    }

    /// Bytes that are written as text.
    fn latin1(&mut self, text: Span) -> Go {
        let bytes = self.slice(text);
        self.encoded = self.encoded.saturating_add(bytes.len());
        if self.encoded > self.bytes.len() {
            return wrong("a text is encoded too often");
        }
        if bytes.is_ascii() {
            return self.push(Value::Bytes(text));
        }
        if !is_latin1(bytes) {
            return wrong("bytes are no latin-1");
        }
        self.push(Value::Latin1(text))
    }

    /// An object that nothing is asked of, holding what it would have been made of.
    fn made(&mut self, callable: Value, given: &[Value], what: &'static str) -> Go {
        let class = match callable {
            Value::Global(class) => Some(class),
            Value::Node(id) if self.tree.node(id).is_some_and(|node| node.kind.is_foreign()) => {
                None
            }
            _ => return wrong(what),
        };
        let id = self.new_node(Kind::Made(class))?;
        let start = self.stack.len();
        if class.is_none() {
            self.push(callable)?;
        }
        for &value in given {
            self.push(value)?;
        }
        self.add_from(id, start)?;
        self.push(Value::Node(id))
    }

    pub(super) fn build(&mut self) -> Go {
        let (state, object) = (self.pop()?, self.top()?);
        let Value::Node(id) = object else { return wrong("state of no object") };
        let kind = self.tree.node(id).map(|node| node.kind);
        let is_dict = self.tree.dict(state).is_some();
        match kind {
            Some(Kind::Object(_)) if is_dict => {}
            Some(kind) if kind.is_foreign() => {}
            Some(Kind::Object(_)) => return wrong("state is no dict"),
            _ => return wrong("state of no object"),
        }
        if let (true, Value::Node(state)) = (is_dict, state) {
            if let Some(node) = self.tree.nodes.get_mut(state.0 as usize) {
                node.spent = true;
            }
        }
        match self.tree.nodes.get_mut(id.0 as usize) {
            Some(node) if node.state.is_none() => node.state = Some(state),
            _ => return wrong("second state"),
        }
        Ok(())
    }
}
