"""What can go wrong between nginx and a store, short of the store itself."""

import asyncio
from collections.abc import Callable

from .lies import LIES
from .line import Fault, Line, Pair

#: What a store says although nobody asked.
UNASKED = {
    "memcached": b"VALUE :1:poison 0 6\r\npoison\r\nEND\r\n",
    "redis": b"$6\r\npoison\r\n",
}


class Refuse(Fault):
    """Nobody listens."""

    cuts = True

    async def begin(self, line: Line) -> None:
        await line.refuse()
        line.injected += 1


class Silent(Fault):
    """Accepts, and says nothing for ever."""

    async def begin(self, line: Line) -> None:
        line.injected += 1

    async def up(self, pair: Pair, data: bytes) -> None:
        pair.spoilt = True

    async def down(self, pair: Pair, data: bytes) -> None:
        pair.spoilt = True


class AnswersSilent(Silent):
    """Is asked and does answer, but nothing arrives: the network has gone one way."""

    async def up(self, pair: Pair, data: bytes) -> None:
        await pair.to_store(data)


class CloseAfterReply(Fault):
    """Closes behind each complete reply to a look-up, whatever else was asked."""

    async def down(self, pair: Pair, data: bytes) -> None:
        for reply in pair.replies.feed(data):
            await pair.to_nginx(reply)
            if pair.asked and is_lookup(pair.asked.popleft()):
                pair.line.injected += 1
                pair.end()
                return


class CutHalfway(Fault):
    """Closes in the middle of what the store writes, one time in twenty."""

    def __init__(self, reset: bool) -> None:
        self.reset = reset

    async def down(self, pair: Pair, data: bytes) -> None:
        pair.spoilt = True
        if pair.line.random.random() < 0.95:
            await pair.to_nginx(data)
            return
        pair.line.injected += 1
        await pair.to_nginx(data[: pair.line.random.randrange(len(data))])
        pair.end(self.reset)


class Dribble(Fault):
    """One byte at a time, with a pause behind each; replies that take for ever."""

    async def down(self, pair: Pair, data: bytes) -> None:
        pair.spoilt = True
        for at in range(len(data)):
            if not isinstance(pair.line.fault, Dribble):
                await pair.to_nginx(data[at:])
                return
            pair.line.injected += 1
            await pair.to_nginx(data[at : at + 1])
            await asyncio.sleep(0.001)


class Chaos(Fault):
    """Late, in pieces of any size, and cut anywhere on both ways; the order is kept."""

    async def up(self, pair: Pair, data: bytes) -> None:
        await self.pieces(pair, data, pair.to_store)

    async def down(self, pair: Pair, data: bytes) -> None:
        await self.pieces(pair, data, pair.to_nginx)

    async def pieces(self, pair: Pair, data: bytes, write: Callable) -> None:  # type: ignore[type-arg]
        pair.spoilt = True
        chance = pair.line.random
        at = 0
        while at < len(data):
            size = chance.choice((1, 7, 100, 1000, 10_000, 65_536))
            dice = chance.random()
            if dice < 0.02:
                await asyncio.sleep(chance.random() * 0.03)
            elif dice < 0.021:
                # Longer than anybody waits.
                await asyncio.sleep(0.4)
            elif dice < 0.025:
                await write(data[at : at + chance.randrange(size)])
                pair.line.injected += 1
                pair.end(chance.random() < 0.5)
                return
            await write(data[at : at + size])
            at += size


class Raw(Fault):
    """Passes everything through as it comes."""

    async def down(self, pair: Pair, data: bytes) -> None:
        pair.spoilt = True
        await pair.to_nginx(data)


class OtherStore(Raw):
    """On the port is the other store, which speaks another protocol."""

    cuts = True

    def __init__(self, other: Line) -> None:
        self.other = other
        self.own = 0

    async def begin(self, line: Line) -> None:
        self.own, line.store = line.store, self.other.store
        line.injected += 1


class Lie(Fault):
    """Some replies are not what the store has said."""

    def __init__(self, name: str) -> None:
        self.lie = LIES[name]

    async def down(self, pair: Pair, data: bytes) -> None:
        for reply in pair.replies.feed(data):
            words = pair.asked.popleft() if pair.asked else []
            told = reply
            if is_lookup(words) and pair.line.random.random() < self.lie.chance:
                pair.line.injected += 1
                told = self.lie.tell(words[-1], reply, pair.last)
                pair.spoilt = pair.spoilt or self.lie.spoils
            if len(reply) > 10:
                pair.last = reply
            await pair.to_nginx(told)
            if told != reply and self.lie.closes:
                pair.end()
                return


def is_lookup(words: list[bytes]) -> bool:
    return bool(words) and words[0].upper() == b"GET"


FAULTS: dict[str, Callable[[], Fault]] = {
    "none": Fault,
    "refuse": Refuse,
    "silent": Silent,
    "answers-silent": AnswersSilent,
    "close-after-reply": CloseAfterReply,
    "close-halfway": lambda: CutHalfway(reset=False),
    "reset": lambda: CutHalfway(reset=True),
    "dribble": Dribble,
    "chaos": Chaos,
}


def make(name: str, line: Line, lines: dict[str, Line]) -> Fault:
    """The fault of that name, for that line; whatever the one before has changed is undone."""
    if isinstance(line.fault, OtherStore):
        line.store = line.fault.own
        for pair in list(line.pairs):
            pair.end(reset=True)
    if name == "other-store":
        return OtherStore(next(one for one in lines.values() if one is not line))
    return FAULTS[name]() if name in FAULTS else Lie(name)
