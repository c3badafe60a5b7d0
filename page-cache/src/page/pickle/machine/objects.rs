//! Classes and objects: named, never imported; recorded, never made.

use super::super::tree::{Class, Kind, Node, Span, Value};
use super::{Go, Machine, wrong};

impl<'a> Machine<'a> {
    pub(super) fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    pub(super) fn stack_global(&mut self) -> Go {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Value::Str(module), Value::Str(name)) = (module, name) else {
            return wrong("name is not a string");
        };
        self.push_global(self.slice(module), self.slice(name))
    }

    pub(super) fn global(&mut self) -> Go {
        let (module, name) = (self.line()?, self.line()?);
        self.push_global(module, name)
    }

    pub(super) fn push_global(&mut self, module: &[u8], name: &[u8]) -> Go {
        match Class::named(module, name) {
            Some(class) => self.push(Value::Global(class)),
            None => wrong("class that no page has"),
        }
    }

    pub(super) fn new_object(&mut self) -> Go {
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
    pub(super) fn inert(&mut self, arguments: Value) -> Go {
        let id = self.new_node(Kind::Object(Class::Inert))?;
        self.push(arguments)?;
        self.add_from(id, self.stack.len().saturating_sub(1))?;
        self.push(Value::Node(id))
    }

    pub(super) fn reduce(&mut self) -> Go {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        if callable != Value::Global(Class::Inert) || self.tree.tuple(arguments).is_none() {
            return wrong("call");
        }
        self.inert(arguments)
    }

    pub(super) fn build(&mut self) -> Go {
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
