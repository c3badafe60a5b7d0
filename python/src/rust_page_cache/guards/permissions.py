"""Django REST framework's permission classes: whether they turn readers away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

from .codes import loaded, names_in
from .known import NamedGuards, fields_of
from .layers import AUTHORIZATION, COOKIE, Fields, Guard

_PERMISSIONS = "rest_framework.permissions"
_AUTHENTICATION = "rest_framework.authentication"
# Permissions that let everybody read.
_OPEN = ("AllowAny", "IsAuthenticatedOrReadOnly", "DjangoModelPermissionsOrAnonReadOnly")
_CHECKS = ("has_permission", "has_object_permission")
_BY_FIELD = (
    ("SessionAuthentication", COOKIE),
    ("BasicAuthentication", AUTHORIZATION),
    ("TokenAuthentication", AUTHORIZATION),
)


def guard_of(
    view_class: type, arguments: Mapping[str, Any], action: str, named: NamedGuards
) -> Optional[Guard]:
    """The guard that the permissions of a view are for those who read; ``arguments`` are those
    of ``as_view()``."""
    asked = _asked_for(view_class, arguments, action)
    given = arguments.get("permission_classes", getattr(view_class, "permission_classes", ()))
    found = [(item, _opens(item, named)) for item in (given if asked is None else asked)]
    closed = [(item, opens) for item, opens in found if opens is not True]
    if not closed:
        return None
    name = f"permission {', '.join(_name(item) for item, _ in closed)}"
    fields = _fields(view_class, arguments) if all(_asks_user(item) for item, _ in closed) else None
    # Where nobody could tell which permissions it will be, or one speaks of who only reads.
    guessed = all(opens is None for _, opens in closed) or (asked is None and _chooses(view_class))
    return Guard(name, fields, guessed)


def _chooses(view_class: type) -> bool:
    """Whether a view has a ``get_permissions()`` of its own."""
    usual = loaded("rest_framework.views", "APIView.get_permissions")
    return getattr(view_class, "get_permissions", usual) is not usual


def _asked_for(
    view_class: type, arguments: Mapping[str, Any], action: str
) -> Optional[Iterable[Any]]:
    """What a ``get_permissions()`` of the view's own returns for the action, or ``None``."""
    if not _chooses(view_class):
        return None
    try:
        view = view_class(**arguments)
        view.action, view.args, view.kwargs = action, (), {}
        view.request = view.format_kwarg = None
        return list(view.get_permissions())
    except Exception:
        # It wants a real request.
        return None


def _opens(permission: Any, named: NamedGuards) -> Optional[bool]:
    """Whether everybody may read; ``None`` where that cannot be told."""
    parts = _parts(permission)
    if parts is not None:
        name, operands = parts
        opens = [_opens(operand, named) for operand in operands]
        if name == "AND":
            return False if False in opens else (None if None in opens else True)
        if name == "OR":
            return True if True in opens else (None if None in opens else False)
        return False
    cls = permission if isinstance(permission, type) else type(permission)
    if named.is_named(cls):
        return False
    for base in _OPEN:
        known = loaded(_PERMISSIONS, base)
        if isinstance(known, type) and issubclass(cls, known):
            return True if _same_checks(cls, known) else None
    known = loaded(_PERMISSIONS, "BasePermission")
    if isinstance(known, type) and issubclass(cls, known) and _same_checks(cls, known):
        return True
    if cls.__module__ == _PERMISSIONS:
        return False
    # "Read only for others": of the view, or of some of its objects?
    return None if "SAFE_METHODS" in _names(cls) else False


def _parts(permission: Any) -> Optional[tuple[str, list[Any]]]:
    """Operator and operands of ``A & B``, ``A | B``, ``~A``, of classes or of instances."""
    operator = getattr(permission, "operator_class", type(permission))
    if operator not in [loaded(_PERMISSIONS, name) for name in ("AND", "OR", "NOT")]:
        return None
    operands = ("op1_class", "op2_class", "op1", "op2")
    return operator.__name__, [
        getattr(permission, name) for name in operands if hasattr(permission, name)
    ]


def _same_checks(cls: type, base: type) -> bool:
    return all(getattr(cls, name, None) is getattr(base, name, None) for name in _CHECKS)


def _codes(cls: type) -> list[Any]:
    found = (getattr(getattr(cls, name, None), "__code__", None) for name in _CHECKS)
    return [code for code in found if code is not None]


def _names(cls: type) -> frozenset[str]:
    return frozenset().union(*(names_in(code) for code in _codes(cls)))


def _asks_user(permission: Any) -> bool:
    """Whether a permission goes by the user, and by nothing else of the request."""
    parts = _parts(permission)
    if parts is not None:
        return all(_asks_user(operand) for operand in parts[1])
    cls = permission if isinstance(permission, type) else type(permission)
    return fields_of(*_codes(cls)) == COOKIE


def _name(permission: Any) -> str:
    parts = _parts(permission)
    if parts is not None:
        word = {"AND": " & ", "OR": " | "}.get(parts[0])
        names = [_name(operand) for operand in parts[1]]
        return word.join(names) if word else f"~{names[0]}"
    cls = permission if isinstance(permission, type) else type(permission)
    return cls.__name__


def _fields(view_class: type, arguments: Mapping[str, Any]) -> Fields:
    """The fields that the authentication classes of a view go by."""
    given = arguments.get(
        "authentication_classes", getattr(view_class, "authentication_classes", ())
    )
    fields: frozenset[str] = frozenset()
    for cls in given:
        for name, by in _BY_FIELD:
            known = loaded(_AUTHENTICATION, name)
            if isinstance(known, type) and isinstance(cls, type) and issubclass(cls, known):
                fields |= by or frozenset()
                break
        else:
            return None
    return fields or None
