"""One store behind one port: its connections, and the fault that they have in common."""

import asyncio
import contextlib
import random
import socket
import struct
import sys
from collections import deque

from .frames import Replies, Requests

#: What is read at once, in bytes.
PIECE = 65536


class Fault:
    """Passes everything through, reply by reply; others differ from it.

    `cuts`: what is connected is cut when the fault begins, so that nginx has to connect to it.
    """

    cuts = False

    async def begin(self, line: "Line") -> None:
        """Called once when the line is switched to it."""

    async def up(self, pair: "Pair", data: bytes) -> None:
        """nginx has written."""
        await pair.to_store(data)

    async def down(self, pair: "Pair", data: bytes) -> None:
        """The store has written."""
        whole = pair.replies.feed(data)
        for _ in whole:
            if pair.asked:
                pair.asked.popleft()
        await pair.to_nginx(b"".join(whole))


class Pair:
    """A connection from nginx and the one to the store that belongs to it."""

    def __init__(
        self,
        line: "Line",
        nginx: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        store: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.line = line
        self.nginx = nginx
        self.store = store
        self.requests = Requests(line.protocol)
        self.replies = Replies(line.protocol)
        #: Requests without a reply yet, as their words.
        self.asked: deque[list[bytes]] = deque()
        #: The last reply that had a value, for those who give it to somebody else.
        self.last = b""
        #: Bytes were left out, added, or passed on without regard to where replies end: the
        #: connection must not be used for another fault.
        self.spoilt = False

    async def to_store(self, data: bytes) -> None:
        self.store[1].write(data)
        await self.store[1].drain()

    async def to_nginx(self, data: bytes) -> None:
        self.nginx[1].write(data)
        await self.nginx[1].drain()

    def end(self, reset: bool = False) -> None:
        """Closes both sides, the one to nginx by FIN behind what was written, or by RST."""
        if reset:
            sock = self.nginx[1].get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.nginx[1].transport.abort()
        else:
            self.nginx[1].close()
        self.store[1].transport.abort()

    async def run(self) -> None:
        tasks = [asyncio.create_task(self.pump_up()), asyncio.create_task(self.pump_down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.end()
            for task in tasks:
                task.cancel()
            for error in await asyncio.gather(*tasks, return_exceptions=True):
                # A connection ends in many ways here, and all of them are meant.
                if error and not isinstance(error, OSError | asyncio.CancelledError):
                    print(f"{self.line.name}: {error!r}", file=sys.stderr, flush=True)

    async def pump_up(self) -> None:
        while data := await self.nginx[0].read(PIECE):
            found = self.requests.feed(data)
            self.asked.extend(found)
            self.line.shared += sum(words[0] == b"get" and len(words) > 2 for words in found)
            await self.line.fault.up(self, data)

    async def pump_down(self) -> None:
        while data := await self.store[0].read(PIECE):
            await self.line.fault.down(self, data)


class Line:
    def __init__(self, name: str, protocol: str, port: int, store: int, seed: str) -> None:
        self.name = name
        self.protocol = protocol
        self.port = port
        self.store = store
        self.random = random.Random(seed)
        self.fault = Fault()
        self.injected = 0
        #: Commands of memcached that asked for several keys.
        self.shared = 0
        self.pairs: set[Pair] = set()
        self.server: asyncio.Server | None = None

    async def listen(self) -> None:
        if not self.server:
            self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        if self.server:
            self.server.close()
            self.server = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            store = await asyncio.open_connection("127.0.0.1", self.store)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(self, (reader, writer), store)
        self.pairs.add(pair)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await pair.run()
        finally:
            self.pairs.discard(pair)

    async def switch(self, fault: Fault) -> None:
        self.fault = fault
        for pair in list(self.pairs):
            if fault.cuts or pair.spoilt:
                pair.end(reset=True)
        await self.listen()
        await fault.begin(self)

    def say_unasked(self, words: bytes) -> None:
        """Writes to all connections on which nothing is outstanding."""
        for pair in self.pairs:
            if not pair.asked:
                pair.nginx[1].write(words)
                pair.spoilt = True
                self.injected += 1

    async def end(self) -> None:
        await self.refuse()
        for pair in list(self.pairs):
            pair.end(reset=True)
