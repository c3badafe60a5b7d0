"""The configuration of nginx, as it should be and spoiled on purpose."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.nginx import ROOT, user

HERE = Path(__file__).parent / "nginx"
#: What is done to the configuration of the locations, but for `off`.
Change = Callable[[str], str]

#: Ports of nginx: with the cache, without it, and its sign-on service.
LISTENING = ("ON", "OFF", "SSO")
# A form of the Vary digest that takes some requests for one another which this release line tells
# apart.
LOOSER = {"4.2": "raw-absent", "5.2": "raw", "6.1": "netstring"}


def as_it_should_be(text: str) -> str:
    return text


def as_it_was(text: str) -> str:
    """Before the form had to be named, and the fields that nginx sets."""
    text = re.sub(r"\s+django=@DJANGO@", "", text)
    return re.sub(r" *rust_page_cache_(set_header|public_only) .*\n", "", text)


def plants(line: str) -> dict[str, Change]:
    """Faults of the configuration that open the holes which this test is about."""
    form = LOOSER.get(line, "netstring")
    nginx, client = "X-Remote-User $user;", "X-Remote-User $http_x_remote_user;"
    return {
        # The form is not the one that Django uses.
        "form": replacing("django=@DJANGO@", f"django={form}"),
        # A field that nginx sets is taken from the client.
        "field": replacing(f"cache_set_header {nginx}", f"cache_set_header {client}"),
        # Pages that the application guards are taken for public ones.
        "guard": replacing("public_only on", "public_only off"),
    }


def replacing(old: str, new: str) -> Change:
    def change(text: str) -> str:
        if old not in text:
            raise ValueError(f"there is no {old} to be spoiled")
        return text.replace(old, new)

    return change


def render(change: Change, values: Mapping[str, str]) -> str:
    server = (HERE / "server.conf").read_text()
    changed = change(server)
    text = (HERE / "http.conf").read_text()
    text = text.replace("@SHIPPED_MAPS@", "\n".join(shipped_maps()))
    text = text.replace("@SERVER@", changed).replace("@SERVER_WITHOUT@", off(changed))
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], text)


def off(text: str) -> str:
    """The same locations without the cache."""
    return re.sub(r"(?m)^( *rust_page_cache) [^;]*;", r"\1 off;", text)


def values(module: str, django: str, ports: Mapping[str, int]) -> dict[str, str]:
    """What the @ signs stand for: a port where nginx listens, an address where others do."""
    return {"MODULE": module, "USER": user(), "DJANGO": django} | {
        name: f"{port}" if name in LISTENING else f"127.0.0.1:{port}"
        for name, port in ports.items()
    }


def shipped_maps() -> list[str]:
    """The maps that a site with languages and time zones is told to use, each once."""
    found: dict[str, str] = {}
    for name in ("django-locale.conf", "django-timezone.conf"):
        text = (ROOT / "nginx-conf" / name).read_text()
        for block in re.findall(r"^    map .*?^    \}$", text, re.DOTALL | re.MULTILINE):
            found.setdefault(block.partition("{")[0].split()[-1], block)
    return list(found.values())
