"""What is said: requests, conversations, and how they read."""

from dataclasses import dataclass, field, replace

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire; texts are latin-1, one character a byte.

    `page` chooses a page of the conversation: what follows its own part of the path. `cached`:
    asked of the server with the cache, else of the one without. `source`: the last part of the
    address that it comes from, 127.0.0.N. Without `host` it is HTTP/1.0. `absolute`: the target
    is a whole URL of this host.
    """

    fields: Fields = ()
    page: str = ""
    cached: bool = True
    method: str = "GET"
    host: str | None = "example.com"
    source: int = 1
    absolute: str = ""

    def without(self, index: int) -> "Request":
        return replace(self, fields=self.fields[:index] + self.fields[index + 1 :])

    def wire(self, path: str) -> bytes:
        target = f"http://{self.absolute}{path}" if self.absolute else path
        version, host = ("1.1", [("Host", self.host)]) if self.host is not None else ("1.0", [])
        lines = [f"{self.method} {target} HTTP/{version}"]
        lines += [f"{name}: {value}" for name, value in (*host, *self.fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


@dataclass(frozen=True)
class Conversation:
    """Requests for pages that nobody else asks for, below one location of nginx.

    `kind` and `names`: what kind of page it is and what it varies on; see site/trustsite/views.py.
    """

    way: str
    kind: str
    names: tuple[str, ...]
    steps: tuple[Request, ...]

    def path(self, request: Request, own: str) -> str:
        names = ",".join(self.names) or "-"
        return f"/{self.way}/{self.kind}/{names.replace(' ', '%20')}/{own}/{request.page}"


@dataclass
class Finding:
    """A page that Django would not have given."""

    conversation: Conversation
    what: str
    #: For each request until then what came of it.
    heard: list[str] = field(default_factory=list)

    def told(self, own: str) -> str:
        conversation = self.conversation
        names = ", ".join(conversation.names) or "-"
        lines = [f"location /{conversation.way}/, view {conversation.kind}, Vary: {names}"]
        for number, (step, heard) in enumerate(
            zip(conversation.steps, self.heard, strict=False), 1
        ):
            server = "with the cache" if step.cached else "without the cache"
            lines.append(f"  {number}. from 127.0.0.{step.source}, to the server {server}")
            wire = step.wire(conversation.path(step, own)).split(b"\r\n")[:-2]
            lines += [f"       {ascii(line.decode('latin-1'))[1:-1]}" for line in wire]
            first, *rest = heard.splitlines()
            lines += [f"    -> {first}", *(f"       {line}" for line in rest)]
        return "\n".join([*lines, f"  {self.what}"])
