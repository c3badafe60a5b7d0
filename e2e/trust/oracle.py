"""What a client gets from the cache is what Django, asked in that state, gives from its own."""

import gzip
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from harness import compare
from harness.client import Answer

from .client import Client
from .talk import Conversation, Finding, Request

#: What Django's own guard lets in; see site/trustsite/visitors.py.
STAFF = ("Cookie", "user=staff")


@dataclass
class Tally:
    """How often what happened, by location."""

    conversations: int = 0
    requests: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Guarded pages that nginx gave to somebody whom Django sends to its login page.
    past_the_guard: int = 0
    #: How often the site failed: then nothing was compared.
    broken: int = 0

    def add(self, other: "Tally") -> None:
        self.conversations += other.conversations
        self.requests += other.requests
        self.answers += other.answers
        self.past_the_guard += other.past_the_guard
        self.broken += other.broken

    def hits(self, way: str = "") -> int:
        return sum(n for (at, what), n in self.answers.items() if what == "HIT" and way in ("", at))


class Judge:
    """Holds conversations with both servers, and compares."""

    def __init__(self, client: Client, on: int, off: int) -> None:
        self.client, self.on, self.off = client, on, off
        self.tally = Tally()

    def hold(self, conversation: Conversation, own: str) -> Finding | None:
        """The first page in it that Django would not have given."""
        self.tally.conversations += 1
        heard: list[str] = []
        for step in conversation.steps:
            path = conversation.path(step, own)
            if not step.cached:
                heard.append(shown(self.ask(self.off, step, path)))
                continue
            began = time.monotonic()
            answer = self.ask(self.on, step, path)
            heard.append(shown(answer))
            self.tally.answers[conversation.way, answer.cache] += 1
            if wrong := self.wrong(conversation, step, path, answer, began):
                return Finding(conversation, wrong, heard)
        return None

    def ask(self, port: int, request: Request, path: str) -> Answer:
        self.tally.requests += 1
        return self.client.ask(port, request, path)

    def wrong(
        self, conversation: Conversation, step: Request, path: str, answer: Answer, began: float
    ) -> str:
        """What is wrong with an answer of the server with the cache, in words.

        The store is as it was: the module writes nothing, and Django has not been asked if it was
        a hit. Every page that is rendered has a number of its own in a header field, so a hit can
        only be equal to what comes from Django's own cache.
        """
        direct = self.ask(self.off, step, path)
        self.tally.broken += direct.status >= 500
        if answer.cache != "HIT":
            # Whether stored or made anew, it is made for the same request.
            if (answer.status, text(answer)) == (direct.status, text(direct)):
                return ""
            return f"No hit, but not what it is without the cache:\n{shown(direct)}"
        if conversation.way == "guarded" and direct.status == 302:
            # The exception that README names: the guard stands before Django's cache, not before
            # ours, unless rust_page_cache_public_only is on. It must still be the page that is
            # stored for such a request.
            self.tally.past_the_guard += 1
            direct = self.ask(self.off, as_staff(step), path)
        try:
            compare.same(answer, direct, time.monotonic() - began)
        except (AssertionError, ValueError):
            return f"A hit, but not what Django gives:\n{shown(direct)}\n{fields(answer, direct)}"
        return ""


def as_staff(step: Request) -> Request:
    """Guarded pages do not vary on Cookie."""
    others = [one for one in step.fields if one[0].lower() != "cookie"]
    return replace(step, fields=(*others, STAFF))


def text(answer: Answer) -> bytes:
    """GZipMiddleware makes other bytes of a page each time (BREACH)."""
    return gzip.decompress(answer.body) if zipped(answer) and answer.body else answer.body


def zipped(answer: Answer) -> bool:
    return bool(answer.get("Content-Encoding") == "gzip")


def fields(answer: Answer, direct: Answer) -> str:
    """Which header fields differ, of those that are compared."""
    ours, theirs = compare.fields(answer), compare.fields(direct)
    more = [f"  + {name}: {value}" for name, value in ours if (name, value) not in theirs]
    less = [f"  - {name}: {value}" for name, value in theirs if (name, value) not in ours]
    return "\n".join([*more, *less])


def shown(answer: Answer) -> str:
    """Several lines: where it came from, and for whom it was made."""
    cache = answer.cache or "without the cache"
    first = f"{cache}: {answer.status}, page {answer.get('X-Serial', 'without a number')}"
    if not answer.get("X-Serial"):
        return first
    if zipped(answer):
        first += ", compressed"
    lines = text(answer).decode("latin-1").splitlines()
    return "\n".join([first, *(f"  {line}" for line in lines if line.strip("."))])
