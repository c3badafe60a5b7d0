//! What a pickle says, as a tree: small copyable values, containers in an arena.

/// A range of the pickle. Pickles over 4 GiB are refused before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    /// As a range of bytes.
    pub(in crate::page) fn range(self) -> std::ops::Range<usize> {
        let at = self.at as usize;
        at..at.saturating_add(self.len as usize)
    }
}

/// What is known of a class by its name alone. Django's are those of 3.2 to 6.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) enum Class {
    /// `HttpResponse` and its subclasses in Django, with the class's own `status_code`.
    Response(u16),
    /// `TemplateResponse`, `SimpleTemplateResponse`, Django REST framework's `Response`:
    /// a page only once rendered.
    Rendered,
    /// `StreamingHttpResponse`, `FileResponse`: their content is not in their state.
    Streaming(Name),
    /// `ResponseHeaders`
    Headers,
    /// `SimpleCookie`
    Cookies,
    /// `Morsel`
    Morsel,
    /// `SafeString`: a str.
    SafeString,
    /// `_codecs.encode`: what protocol 2, which has no bytes, makes them of.
    Encode,
    /// `bytes`: what protocol 2 makes bytes of if there are none.
    Bytes,
    /// Any other class or function.
    Other(Name),
}

impl Class {
    /// What a name stands for; `other` is the name itself. Python maps some names of before
    /// Python 3 where a pickle is of protocol 2 (`_compat_pickle`).
    pub(super) fn named(module: &[u8], name: &[u8], protocol: u8, other: Name) -> Self {
        match (module, name) {
            (b"django.http.response", name) => Self::of_django(name, other),
            (b"django.template.response", b"TemplateResponse" | b"SimpleTemplateResponse")
            | (b"rest_framework.response", b"Response") => Self::Rendered,
            (b"http.cookies", b"SimpleCookie") => Self::Cookies,
            (b"http.cookies", b"Morsel") => Self::Morsel,
            (b"Cookie", b"SimpleCookie") if protocol == 2 => Self::Cookies,
            (b"Cookie", b"Morsel") if protocol == 2 => Self::Morsel,
            (b"django.utils.safestring", b"SafeString") => Self::SafeString,
            (b"_codecs", b"encode") => Self::Encode,
            (b"builtins", b"bytes") => Self::Bytes,
            (b"__builtin__", b"bytes") if protocol == 2 => Self::Bytes,
            _ => Self::Other(other),
        }
    }

    /// The classes of `django.http.response`.
    fn of_django(name: &[u8], other: Name) -> Self {
        match name {
            b"HttpResponse" | b"JsonResponse" => Self::Response(200),
            b"HttpResponsePermanentRedirect" => Self::Response(301),
            b"HttpResponseRedirect" => Self::Response(302),
            b"HttpResponseNotModified" => Self::Response(304),
            b"HttpResponseBadRequest" => Self::Response(400),
            b"HttpResponseForbidden" => Self::Response(403),
            b"HttpResponseNotFound" => Self::Response(404),
            b"HttpResponseNotAllowed" => Self::Response(405),
            b"HttpResponseGone" => Self::Response(410),
            b"HttpResponseServerError" => Self::Response(500),
            b"StreamingHttpResponse" | b"FileResponse" => Self::Streaming(other),
            b"ResponseHeaders" => Self::Headers,
            _ => Self::Other(other),
        }
    }

    /// Its name, where that was kept.
    pub(super) fn name(self) -> Option<Name> {
        match self {
            Self::Other(name) | Self::Streaming(name) => Some(name),
            _ => None,
        }
    }
}

/// A class's name in a [`Tree`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) struct Name(pub(super) u32);

/// Names a container of a [`Tree`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) struct Id(pub(super) u32);

/// One value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) enum Value {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An int of 32 bits.
    Int(i32),
    /// A float, an int of more than 32 bits, a bytearray, a str with surrogates: nothing in a
    /// page needs its value.
    Opaque,
    /// A bytes object.
    Bytes(Span),
    /// A bytes object, written as the text that latin-1 makes of it; checked.
    Latin1(Span),
    /// A str, checked to be UTF-8.
    Str(Span),
    /// A tuple, list, dict, set or object.
    Node(Id),
    /// A class or function.
    Global(Class),
}

/// What a container is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) enum Kind {
    Tuple,
    List,
    /// Keys and values by turns.
    Dict,
    /// A set or frozenset.
    Set,
    /// An object as `object.__reduce_ex__()` has it, made of nothing: items of its own (keys and
    /// values by turns where it is a mapping), and perhaps a state.
    Object(Class),
    /// What came of any other call: what it was made of, items and perhaps a state.
    Made(Option<Class>),
}

impl Kind {
    /// Whether code that is not known may have run when it was made, filled or given a state.
    pub(super) fn is_foreign(self) -> bool {
        match self {
            Self::Tuple | Self::List | Self::Dict | Self::Set => false,
            Self::Object(class) => !matches!(
                class,
                Class::Response(_)
                    | Class::Rendered
                    | Class::Headers
                    | Class::Cookies
                    | Class::Morsel
            ),
            Self::Made(_) => true,
        }
    }
}

/// A container: its items are a chain of cells.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The state that BUILD gave to an object.
    pub(super) state: Option<Value>,
    /// A dict that became a state: an object has its items as they were then.
    pub(super) spent: bool,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Offset of the opcode that made it.
    pub(super) at: u32,
}

#[derive(Debug)]
pub(super) struct Cell {
    pub(super) value: Value,
    pub(super) next: u32,
}

/// The end of a chain of cells.
pub(super) const END: u32 = u32::MAX;

/// All values of a pickle, and the one that it is of.
#[derive(Debug)]
pub(in crate::page) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) cells: Vec<Cell>,
    /// Modules and names of classes that are not known.
    pub(super) names: Vec<(Span, Span)>,
    pub(super) root: Value,
    /// A container was taken from the memo: it may be in several places, also inside itself.
    pub(super) shared: bool,
}

impl Tree {
    /// The value that was pickled.
    pub(in crate::page) fn root(&self) -> Value {
        self.root
    }

    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// Where in the pickle a value comes from, in bytes; for values that take no room there,
    /// `near`.
    pub(in crate::page) fn at(&self, value: Value, near: usize) -> usize {
        match value {
            Value::Bytes(span) | Value::Latin1(span) | Value::Str(span) => span.at as usize,
            Value::Node(id) => self.node(id).map_or(near, |node| node.at as usize),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Opaque | Value::Global(_) => near,
        }
    }

    /// The class of an object, and the object.
    pub(in crate::page) fn object(&self, value: Value) -> Option<(Class, Id)> {
        match value {
            Value::Node(id) => match self.node(id)?.kind {
                Kind::Object(class) => Some((class, id)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Module and name of a class that is not known: that of an object, or the class itself.
    pub(in crate::page) fn class_name(&self, value: Value) -> Option<(Span, Span)> {
        let class = match value {
            Value::Global(class) => class,
            Value::Node(id) => match self.node(id)?.kind {
                Kind::Object(class) | Kind::Made(Some(class)) => class,
                _ => return None,
            },
            _ => return None,
        };
        self.names.get(class.name()?.0 as usize).copied()
    }

    /// The items of a list.
    pub(in crate::page) fn list(&self, value: Value) -> Option<Items<'_>> {
        self.items_of(value, Kind::List)
    }

    /// The items of a tuple.
    pub(in crate::page) fn tuple(&self, value: Value) -> Option<Items<'_>> {
        self.items_of(value, Kind::Tuple)
    }

    /// The keys and values of a dict, by turns.
    pub(in crate::page) fn dict(&self, value: Value) -> Option<Items<'_>> {
        self.items_of(value, Kind::Dict)
    }

    /// The items that an object was given itself.
    pub(in crate::page) fn items(&self, id: Id) -> Items<'_> {
        Items { tree: self, cell: self.node(id).map_or(END, |node| node.first) }
    }

    /// The keys and values of the dict that is an object's state, by turns.
    pub(in crate::page) fn state(&self, id: Id) -> Option<Items<'_>> {
        self.dict(self.node(id)?.state?)
    }

    fn items_of(&self, value: Value, kind: Kind) -> Option<Items<'_>> {
        match value {
            Value::Node(id) if self.node(id)?.kind == kind => Some(self.items(id)),
            _ => None,
        }
    }
}

/// Items of a container, in their order.
#[derive(Clone)]
pub(in crate::page) struct Items<'a> {
    tree: &'a Tree,
    cell: u32,
}

impl Items<'_> {
    /// The next two: a key and its value.
    pub(in crate::page) fn pair(&mut self) -> Option<(Value, Value)> {
        Some((self.next()?, self.next()?))
    }
}

impl Iterator for Items<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let cell = self.tree.cells.get(self.cell as usize)?;
        self.cell = cell.next;
        Some(cell.value)
    }
}
