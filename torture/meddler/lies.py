"""Replies that no healthy store gives, by name; `redis-` and `memcached-` say whose.

Redis does not say which key a reply is for. Nobody can notice a well-formed one too many while
others are outstanding, so none of these adds or leaves out a whole reply of Redis.
"""

from collections.abc import Callable
from typing import NamedTuple

from .frames import values

#: From the key, its reply, and the last reply that this connection had a value in.
Tell = Callable[[bytes, bytes, bytes], bytes]


class Lie(NamedTuple):
    tell: Tell
    #: Of a reply to be replaced.
    chance: float = 0.05
    #: The server closes behind it.
    closes: bool = False
    #: The replies that follow it on this connection are nobody's.
    spoils: bool = True


def constant(words: bytes, chance: float = 0.05, closes: bool = False, spoils: bool = True) -> Lie:
    return Lie(lambda key, reply, last: words, chance, closes, spoils)


def length(change: Callable[[int], bytes]) -> Tell:
    """A value with another length than the one that it has."""

    def tell(key: bytes, reply: bytes, last: bytes) -> bytes:
        head, line, rest = reply.partition(b"\r\n")
        if head.startswith(b"VALUE "):
            words = head.split(b" ")
            return b" ".join([*words[:3], change(int(words[3]))]) + line + rest
        if head.startswith(b"$") and head != b"$-1":
            return b"$" + change(int(head[1:])) + line + rest
        return reply

    return tell


def other_key(key: bytes, reply: bytes, last: bytes) -> bytes:
    """What another look-up got, word for word."""
    return last or reply


def reordered(key: bytes, reply: bytes, last: bytes) -> bytes:
    """The values of many keys, the last one first."""
    return b"".join(reversed(values(reply))) + b"END\r\n"


def repeated(key: bytes, reply: bytes, last: bytes) -> bytes:
    """The first value of many once more behind the others."""
    found = values(reply)
    return b"".join(found + found[:1]) + b"END\r\n"


def intruding(key: bytes, reply: bytes, last: bytes) -> bytes:
    """A value among the others that somebody else has asked for."""
    return b"".join(values(reply)[:1] + values(last)[:1] + values(reply)[1:]) + b"END\r\n"


def doubled(key: bytes, reply: bytes, last: bytes) -> bytes:
    return reply * 2


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops"
FULL = b"SERVER_ERROR out of memory writing get response\r\n"
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
READONLY = b"-READONLY You can't write against a read only replica.\r\n"

LIES: dict[str, Lie] = {
    "memcached-other-key": Lie(other_key),
    "memcached-doubled": Lie(doubled),
    "memcached-reordered": Lie(reordered),
    "memcached-repeated": Lie(repeated),
    "memcached-intruding": Lie(intruding),
    "memcached-missing": constant(b""),
    "memcached-out-of-memory": constant(FULL, spoils=False),
    "memcached-error": constant(b"ERROR\r\n"),
    "memcached-huge-length": Lie(length(lambda n: b"99999999999")),
    "memcached-64-bit-length": Lie(length(lambda n: b"18446744073709551617")),
    "memcached-negative-length": Lie(length(lambda n: b"-%d" % n)),
    # By 4: by 5 the END would be part of the value, and the next one its end.
    "memcached-long-length": Lie(length(lambda n: b"%d" % (n + 4))),
    "memcached-short-length": Lie(length(lambda n: b"%d" % max(n - 5, 0))),
    "memcached-unterminated": constant(b"VALUE " + b"x" * 200_000),
    "memcached-http": constant(HTTP, 1.0, closes=True),
    "redis-loading": constant(LOADING, 1.0, spoils=False),
    "redis-readonly": constant(READONLY, 0.2, spoils=False),
    "redis-noauth": constant(b"-NOAUTH Authentication required.\r\n", 0.2, spoils=False),
    "redis-moved": constant(b"-MOVED 3999 127.0.0.1:6381\r\n", 0.2, spoils=False),
    "redis-integer": constant(b":1\r\n"),
    "redis-huge-length": Lie(length(lambda n: b"99999999999")),
    "redis-64-bit-length": Lie(length(lambda n: b"18446744073709551617")),
    "redis-negative-length": Lie(length(lambda n: b"-%d" % (n + 2))),
    # By 4: by 5 an absent value behind it, $-1, would be part of this one.
    "redis-long-length": Lie(length(lambda n: b"%d" % (n + 4))),
    "redis-short-length": Lie(length(lambda n: b"%d" % max(n - 5, 0))),
    "redis-unterminated": constant(b"$" + b"1" * 200_000),
    "redis-http": constant(HTTP, 1.0, closes=True),
}
