"""Stores the bytes of a page as they are on Redis, for readers that do not unwrap a pickle.

The nginx module does unwrap it: nothing here is needed for that.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, Optional, Union

__all__ = ["RawSerializer", "is_unmistakable"]

_PICKLE = b"\x80"


class RawSerializer:
    """Bytes as they are, everything else as Django and django-redis have it: integers as digits,
    the rest pickled.

    In the ``OPTIONS`` of the core RedisCache it is ``"serializer"``, in those of django-redis
    ``"SERIALIZER"``: ``"rust_page_cache.serializers.RawSerializer"``.

    Nothing is ever unpickled that was stored as bare bytes: bytes that look like a pickle are
    pickled.
    """

    def __init__(
        self, options: Optional[Mapping[str, Any]] = None, protocol: Optional[int] = None
    ) -> None:
        wanted = (options or {}).get("PICKLE_VERSION", protocol)
        self.protocol = pickle.DEFAULT_PROTOCOL if wanted is None else int(wanted)
        if not 2 <= self.protocol <= pickle.HIGHEST_PROTOCOL:
            # Pickles of protocols 0 and 1 begin with any byte.
            raise ValueError(f"pickle protocol {self.protocol}: 2 to {pickle.HIGHEST_PROTOCOL}")

    def dumps(self, obj: Any) -> Union[bytes, int]:
        """What goes into Redis."""
        if type(obj) is int or (type(obj) is bytes and is_unmistakable(obj)):
            return obj
        return pickle.dumps(obj, self.protocol)

    def loads(self, data: Union[bytes, int]) -> Any:
        """What came out of Redis."""
        if isinstance(data, int):
            return data
        if data.startswith(_PICKLE):
            return pickle.loads(data)
        number = _integer(data)
        return data if number is None else number


def is_unmistakable(value: bytes) -> bool:
    """Whether bytes that are stored bare can be told from a pickle and from an integer."""
    return not value.startswith(_PICKLE) and _integer(value) is None


def _integer(value: bytes) -> Optional[int]:
    try:
        return int(value)
    except ValueError:
        return None
