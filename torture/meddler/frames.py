"""Where requests and replies begin and end on the wire.

Both ends are healthy here, nginx and a real store, so what is not understood is an error.
"""

from collections.abc import Callable

#: The words of a request, and how many bytes of the buffer it was; None: not yet complete.
Request = tuple[list[bytes], int] | None


def memcached_request(data: bytes) -> Request:
    end = data.find(b"\r\n")
    return None if end < 0 else (data[:end].split(b" "), end + 2)


def redis_request(data: bytes) -> Request:
    end = data.find(b"\r\n")
    if end < 0:
        return None
    if not data.startswith(b"*"):
        raise ValueError(f"not a request to Redis: {data[:40]!r}")
    words, at = [], end + 2
    for _ in range(int(data[1:end])):
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        length = int(data[at + 1 : end])
        if len(data) < end + 2 + length + 2:
            return None
        words.append(data[end + 2 : end + 2 + length])
        at = end + 2 + length + 2
    return words, at


def memcached_reply(data: bytes) -> int:
    """The length of the first reply in the buffer, to one key or to many; 0: not yet complete."""
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return 0
        if not data.startswith(b"VALUE ", at):
            return end + 2
        at = end + 2 + int(data[at:end].split(b" ")[3]) + 2


def values(reply: bytes) -> list[bytes]:
    """The values in a reply of memcached, each with its line before it."""
    found, at = [], 0
    while reply.startswith(b"VALUE ", at):
        end = reply.find(b"\r\n", at)
        behind = end + 2 + int(reply[at:end].split(b" ")[3]) + 2
        found.append(reply[at:behind])
        at = behind
    return found


def redis_reply(data: bytes) -> int:
    end = data.find(b"\r\n")
    if end < 0:
        return 0
    if not data.startswith(b"$") or data.startswith(b"$-"):
        return end + 2
    whole = end + 2 + int(data[1:end]) + 2
    return whole if len(data) >= whole else 0


REQUEST: dict[str, Callable[[bytes], Request]] = {
    "memcached": memcached_request,
    "redis": redis_request,
}
REPLY: dict[str, Callable[[bytes], int]] = {"memcached": memcached_reply, "redis": redis_reply}


class Requests:
    """Cuts what nginx writes into requests."""

    def __init__(self, protocol: str) -> None:
        self.cut = REQUEST[protocol]
        self.rest = b""

    def feed(self, data: bytes) -> list[list[bytes]]:
        self.rest += data
        found = []
        while self.rest and (one := self.cut(self.rest)):
            words, length = one
            found.append(words)
            self.rest = self.rest[length:]
        return found


class Replies:
    """Cuts what the store writes into replies."""

    def __init__(self, protocol: str) -> None:
        self.length = REPLY[protocol]
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        self.rest += data
        found = []
        while self.rest and (length := self.length(self.rest)):
            found.append(self.rest[:length])
            self.rest = self.rest[length:]
        return found
