"""Words of nginx's configuration."""

from __future__ import annotations

import re


class InexpressibleError(Exception):
    """What the settings ask for and ``rust_page_cache`` cannot do; the text says what to do."""


def quoted(text: str) -> str:
    """A word as it is: in quotes where nginx would take it apart."""
    if "$" in text:
        raise InexpressibleError(
            f"{text!r} has a $, which nginx takes for a variable: do without it in the settings."
        )
    return with_variables(text)


def with_variables(text: str) -> str:
    """A word that may hold variables of nginx."""
    if text and not re.search(r"[\s;{}\"'\\#]", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parameter(name: str, value: str) -> str:
    """``name=value``: nginx takes quotes around the whole word only."""
    return quoted(f"{name}={value}")
