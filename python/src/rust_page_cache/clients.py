"""Client classes for django-redis that store the bytes of a page as they are, neither pickled nor
compressed: ``"OPTIONS": {"CLIENT_CLASS": "rust_page_cache.clients.DefaultClient"}``.

The names are those of nginx-redis-cache. ``SimpleFailoverClient`` is gone, as from django-redis.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django_redis.client import default, herd, sentinel, sharded
from django_redis.exceptions import CompressorError
from django_redis.serializers.pickle import PickleSerializer

from .serializers import RawSerializer, is_unmistakable

__all__ = ["DefaultClient", "HerdClient", "SentinelClient", "ShardClient"]


class _RawBytes:
    """Bytes bare, everything else as the client class has it."""

    def __init__(self, server: Any, params: Any, backend: Any) -> None:
        super().__init__(server, params, backend)  # type: ignore[call-arg]
        serializer = self._serializer  # type: ignore[attr-defined]
        if not isinstance(serializer, (PickleSerializer, RawSerializer)):
            # Bare bytes could not be told from what such a serializer makes.
            raise ImproperlyConfigured(
                f"rust_page_cache.clients work with the pickle serializer, not with "
                f"{type(serializer).__name__}: remove SERIALIZER from the OPTIONS, or give the "
                "pages a cache of their own in CACHES."
            )
        self._raw = RawSerializer(params.get("OPTIONS") or {})

    def encode(self, value: Any, **kwargs: Any) -> Any:
        if type(value) is not bytes:
            return super().encode(value, **kwargs)  # type: ignore[misc]
        if self._is_bare(value):
            return value
        # Not compressed: readers unwrap a pickle of bytes, but inflate nothing.
        return PickleSerializer({}).dumps(value)

    def decode(self, value: Any) -> Any:
        if isinstance(value, bytes) and self._is_bare(value):
            return value
        return super().decode(value)  # type: ignore[misc]

    def _is_bare(self, value: bytes) -> bool:
        """Whether these bytes are neither a pickle nor an integer nor compressed."""
        if not is_unmistakable(value):
            return False
        compressor = self._compressor  # type: ignore[attr-defined]
        try:
            return bool(compressor.decompress(value) == value)
        except CompressorError:
            return True


class DefaultClient(_RawBytes, default.DefaultClient):  # type: ignore[misc]
    """``django_redis.client.DefaultClient``"""


class ShardClient(_RawBytes, sharded.ShardClient):  # type: ignore[misc]
    """``django_redis.client.ShardClient``"""


class SentinelClient(_RawBytes, sentinel.SentinelClient):  # type: ignore[misc]
    """``django_redis.client.SentinelClient``"""


class HerdClient(_RawBytes, herd.HerdClient):  # type: ignore[misc]
    """``django_redis.client.HerdClient``; bytes are stored without its time stamp."""

    def _pack(self, value: Any, timeout: Any) -> Any:
        return value if type(value) is bytes else super()._pack(value, timeout)

    def _unpack(self, value: Any) -> Any:
        return (value, False) if type(value) is bytes else super()._unpack(value)
