"""Walks from a view of the URLconf inwards and says what stands around it.

No view runs. A decorator is known by its code, wherever it is applied: to a function, to a class
with ``method_decorator()``, around ``as_view()``. What a site has written itself is looked at: a
wrapper that names what guards name, ``PermissionDenied`` say, looks like one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Optional

from .codes import cells_of, loaded, names_in, place_of
from .known import METHOD, NamedGuards, called_in, fields_of, inside, is_djangos, layer_of
from .layers import COOKIE, Cached, Fields, Guard, Path
from .permissions import guard_of

_MIXINS = "django.contrib.auth.mixins"
# What decides in those of Django's mixins that ask more than whether somebody is logged in.
_TESTS = {"UserPassesTestMixin": "test_func", "PermissionRequiredMixin": "has_permission"}
# Who names one of these refuses.
_REFUSALS = frozenset(
    {
        "HttpResponseForbidden",
        "NotAuthenticated",
        "PermissionDenied",
        "handle_no_permission",
        "redirect_to_login",
    }
)
# Who names one of these asks who it is.
_QUESTIONS = frozenset(
    {"has_module_perms", "has_perm", "has_perms", "is_authenticated", "is_staff", "is_superuser"}
)
_READS = ("get", "head")
# A view with more around it than this is no view; nothing is said of the rest.
_MOST_STEPS = 2000
_DEEPEST = 100
_NOTHING: list[Path] = [()]


def paths_of(view: Any, named: NamedGuards) -> list[Path]:
    """The layers around a view of the URLconf, for each way to it, from the outside in."""
    return list(dict.fromkeys(_Walk(named).function(view)))


class _Walk:
    def __init__(self, named: NamedGuards) -> None:
        self.named = named
        self.steps = 0
        self.inside: list[int] = []

    def function(self, view: Any) -> list[Path]:
        """The paths from a callable inwards."""
        self.steps += 1
        too_much = self.steps > _MOST_STEPS or len(self.inside) > _DEEPEST
        if too_much or id(view) in self.inside or isinstance(view, type):
            return _NOTHING
        self.inside.append(id(view))
        try:
            if isinstance(view, partial):
                return self.function(view.func)
            if isinstance(view, MethodType):
                return self.function(view.__func__)
            if isinstance(view, FunctionType):
                return self._of_function(view)
            return self._of_instance(view)
        finally:
            self.inside.pop()

    def _of_function(self, function: FunctionType) -> list[Path]:
        cells = cells_of(function)
        cls = cells.get("cls")
        if isinstance(cls, type) and hasattr(cls, "as_view"):
            return self._of_class(cls, cells.get("initkwargs") or {}, cells.get("actions"))
        if function.__code__ in METHOD:
            outer = self._decorations(cells.get("decorators"))
            return _joined(outer, self.function(cells.get("method")))
        return self._wrapper(function, [*cells.values(), getattr(function, "__wrapped__", None)])

    def _of_instance(self, instance: Any) -> list[Path]:
        """A decorator that is a class, a feed."""
        call = vars(type(instance)).get("__call__")
        values = list(getattr(instance, "__dict__", {}).values())
        if not isinstance(call, FunctionType):
            return self._inner(values)
        if self.named.is_named(type(instance)):
            guard = Guard(type(instance).__name__, fields_of(call.__code__))
            return _joined([(guard,)], self._inner(values))
        return self._wrapper(call, values)

    def _inner(self, values: list[Any]) -> list[Path]:
        found = [self.function(value) for value in _views_in(values)]
        return [path for paths in found for path in paths] or _NOTHING

    def _wrapper(self, function: FunctionType, values: list[Any]) -> list[Path]:
        """A function, and the callables that it has: the view that it wraps, or nothing."""
        layer = layer_of(function) or self.named.of_function(function)
        if is_djangos(function):
            paths = self._inner([inside(function)])
            return _joined([(layer,)], paths) if layer else paths
        views = list(_views_in(values))
        found = [self.function(view) for view in views]
        paths = [path for inner_paths in found for path in inner_paths] or _NOTHING
        if layer or not views:
            return _joined([(layer,)], paths) if layer else paths
        layers = called_in(function)
        if not layers and not _chooses(views, found):
            layers = _guesses(function, place_of(function))
        return _joined([tuple(layers)], paths)

    def _decorations(self, decorators: Any) -> list[Path]:
        """The layers of method_decorator(): of the decorators around nothing."""

        def nothing(*args: Any, **kwargs: Any) -> None:
            pass

        view: Any = nothing
        for decorator in decorators or ():
            view = decorator(view)
        return self.function(view)

    def _of_class(
        self, cls: type, arguments: Mapping[str, Any], actions: Optional[Mapping[str, str]]
    ) -> list[Path]:
        """A class-based view: its dispatch(), then the methods that answer readers."""
        methods = dict(actions) if actions else {name: name for name in _READS}
        names = list(dict.fromkeys(methods[name] for name in _READS if name in methods))
        outer: list[Path] = [
            tuple(
                Guard(named.__name__, None)
                for named in self.named.classes
                if issubclass(cls, named) and "dispatch" not in vars(named)
            )
        ]
        member = _Member(self, cls, arguments)
        found = []
        for name in names:
            if not hasattr(cls, name):
                continue
            member.action = name
            dispatch = member.paths("dispatch")
            found += _joined(_joined(outer, dispatch), member.paths(name))
        return found or _NOTHING


class _Member:
    """The methods of one class-based view, along its bases."""

    def __init__(self, walk: _Walk, cls: type, arguments: Mapping[str, Any]) -> None:
        self.walk, self.cls, self.arguments = walk, cls, arguments
        self.action = ""

    def paths(self, name: str, after: Optional[type] = None) -> list[Path]:
        """The layers of a method, beginning with the bases behind ``after``."""
        bases = self.cls.__mro__
        start = bases.index(after) + 1 if after in bases else 0
        for base in bases[start:]:
            if name in vars(base):
                return self._method(vars(base)[name], base, name)
        return _NOTHING

    def _method(self, method: Any, owner: type, name: str) -> list[Path]:
        self.walk.steps += 1
        if not isinstance(method, FunctionType) or self.walk.steps > _MOST_STEPS:
            return _NOTHING
        cells = cells_of(method)
        if method.__code__ in METHOD:
            outer = self.walk._decorations(cells.get("decorators"))
            return _joined(outer, self._method(cells.get("method"), owner, name))
        wrapped = getattr(method, "__wrapped__", None)
        if isinstance(wrapped, FunctionType):
            # A decorator of methods that somebody wrote, or one that takes any function.
            layer = layer_of(method) or self.walk.named.of_function(method)
            layers = [layer] if layer else _guesses(method, place_of(method))
            return _joined([tuple(layers)], self._method(wrapped, owner, name))
        return self._own(method, cells.get("__class__", owner), name)

    def _own(self, method: FunctionType, owner: Any, name: str) -> list[Path]:
        """What is written in a class, and what it calls with super()."""
        layers = [] if is_djangos(method) else called_in(method)
        guard = self._guard(method, owner) if name == "dispatch" and not layers else None
        if guard:
            layers.append(guard)
        if "super" in method.__code__.co_names and isinstance(owner, type):
            inner = self.paths(name, after=owner)
        else:
            # @api_view() keeps the function there.
            inner = self.walk._inner(list(cells_of(method).values()))
        return _joined([tuple(layers)], inner)

    def _guard(self, method: FunctionType, owner: Any) -> Optional[Guard]:
        if method is loaded("rest_framework.views", "APIView.dispatch"):
            return guard_of(self.cls, self.arguments, self.action, self.walk.named)
        if not isinstance(owner, type):
            return None
        if self.walk.named.is_named(owner):
            return Guard(owner.__name__, fields_of(method.__code__))
        if owner.__module__ == _MIXINS:
            test = _TESTS.get(owner.__name__)
            return Guard(owner.__name__, self._asks(test) if test else COOKIE)
        mixin = loaded(_MIXINS, "AccessMixin")
        if isinstance(mixin, type) and issubclass(owner, mixin):
            guesses = _guesses(method, owner.__name__)
            return Guard(owner.__name__, fields_of(method.__code__)) if guesses else None
        if is_djangos(method):
            return None
        return next(iter(_guesses(method, f"{owner.__name__}.dispatch()")), None)

    def _asks(self, name: str) -> Fields:
        code = getattr(getattr(self.cls, name, None), "__code__", None)
        return None if code is None else fields_of(code)


def _guesses(function: FunctionType, name: str) -> list[Any]:
    """A guard, if a function that a site has written looks like one."""
    names = names_in(function.__code__)
    if names & (_REFUSALS | _QUESTIONS):
        return [Guard(name, fields_of(function.__code__), guessed=True)]
    return []


def _chooses(views: list[Any], found: list[list[Path]]) -> bool:
    """Whether a wrapper has both a cached view and the view inside it: it takes the one for some
    visitors and the other for others, and guards nothing."""
    cached = [any(isinstance(layer, Cached) for path in paths for layer in path) for paths in found]
    innermost = [id(_innermost(view)) for view in views]
    stored = {one for one, is_cached in zip(innermost, cached) if is_cached}
    return any(one in stored for one, is_cached in zip(innermost, cached) if not is_cached)


def _innermost(view: Any) -> Any:
    for _ in range(_DEEPEST):
        inner = getattr(view, "__wrapped__", None)
        if inner is None:
            break
        view = inner
    return view


def _views_in(values: list[Any]) -> Iterator[Any]:
    """The callables that may be views, each once.

    By their type: to ask a lazy object for its class would load it.
    """
    seen = set()
    for value in values:
        if callable(value) and not issubclass(type(value), type) and id(value) not in seen:
            seen.add(id(value))
            yield value


def _joined(outer: list[Path], inner: list[Path]) -> list[Path]:
    """Every outer path with every inner one behind it."""
    return list(dict.fromkeys(one + other for one in outer for other in inner))
