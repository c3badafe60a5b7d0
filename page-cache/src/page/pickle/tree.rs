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

/// The classes that may be named: those of a page, from Django 3.2 to 6.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) enum Class {
    /// `HttpResponse`, `JsonResponse`
    Response,
    /// `TemplateResponse`, `SimpleTemplateResponse`, Django REST framework's `Response`:
    /// a page only once rendered.
    Rendered,
    /// `ResponseHeaders`
    Headers,
    /// `SimpleCookie`
    Cookies,
    /// `Morsel`
    Morsel,
    /// `SafeString`: a str.
    SafeString,
    /// What the data of a REST view may be made of, and nothing is asked of.
    Inert,
}

impl Class {
    /// The class of that name, if it is one of those that may be named.
    pub(super) fn named(module: &[u8], name: &[u8]) -> Option<Self> {
        match (module, name) {
            (b"django.http.response", b"HttpResponse" | b"JsonResponse") => Some(Self::Response),
            (b"django.http.response", b"ResponseHeaders") => Some(Self::Headers),
            (b"django.template.response", b"TemplateResponse" | b"SimpleTemplateResponse")
            | (b"rest_framework.response", b"Response") => Some(Self::Rendered),
            (b"http.cookies", b"SimpleCookie") => Some(Self::Cookies),
            (b"http.cookies", b"Morsel") => Some(Self::Morsel),
            (b"django.utils.safestring", b"SafeString") => Some(Self::SafeString),
            (b"builtins", b"dict" | b"list" | b"str")
            | (b"collections", b"OrderedDict" | b"defaultdict")
            | (b"rest_framework.utils.serializer_helpers", b"ReturnDict" | b"ReturnList")
            | (b"datetime", b"date" | b"datetime" | b"time" | b"timedelta" | b"timezone")
            | (b"decimal", b"Decimal")
            | (b"uuid", b"UUID")
            // Texts that are translated late: their function is named beside its arguments.
            | (b"django.utils.functional", b"_lazy_proxy_unpickle")
            | (
                b"django.utils.translation",
                b"gettext" | b"ngettext" | b"pgettext" | b"npgettext",
            ) => Some(Self::Inert),
            _ => None,
        }
    }
}

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
    /// A float, or an int of more than 32 bits: nothing in a page needs its value.
    Number,
    /// A bytes object.
    Bytes(Span),
    /// A str, checked to be UTF-8.
    Str(Span),
    /// A tuple, list, dict or object.
    Node(Id),
    /// A class.
    Global(Class),
}

/// What a container is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::page) enum Kind {
    Tuple,
    List,
    /// Keys and values by turns; keys are strs.
    Dict,
    /// An object: items of its own (keys and values by turns where it is a mapping), and
    /// perhaps a state.
    Object(Class),
}

/// A container: its items are a chain of cells.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The state that BUILD gave to an object.
    pub(super) state: Option<Value>,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Offset of the opcode that made it.
    pub(super) at: u32,
    pub(super) depth: u16,
}

impl Node {
    /// The depth of what holds this.
    pub(super) fn around(&self) -> u16 {
        self.depth.saturating_add(1)
    }
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
    pub(super) root: Value,
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
            Value::Bytes(span) | Value::Str(span) => span.at as usize,
            Value::Node(id) => self.node(id).map_or(near, |node| node.at as usize),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Number | Value::Global(_) => near,
        }
    }

    /// The class of an object, and the object.
    pub(in crate::page) fn object(&self, value: Value) -> Option<(Class, Id)> {
        match value {
            Value::Node(id) => match self.node(id)?.kind {
                Kind::Object(class) => Some((class, id)),
                Kind::Tuple | Kind::List | Kind::Dict => None,
            },
            _ => None,
        }
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
