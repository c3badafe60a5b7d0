"""Conversations at random: who asks for the same page, and almost says the same.

Own code instead of Hypothesis: here a conversation takes a few milliseconds, several run at
once, and whether one goes wrong may depend on what the worker remembers of others. A generator
that is a plain function of a seed makes each of them again by its number.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from .talk import Conversation, Fields, Request

#: A field that is not there.
Value = str | None
Palette = dict[str, list[Value]]

#: Fields that are the client's own: nginx passes them on, and nobody else sets them.
OWN = (
    "Cookie",
    "Accept-Encoding",
    "HX-Request",
    "User-Agent",
    "X-Requested-With",
    "Origin",
    "Accept-Language",
    "Accept",
    "HX-Target",
    "Sec-Fetch-Mode",
    "X-PJAX",
    "Turbo-Frame",
    "DNT",
)
#: Fields that proxies set, or of which nobody knows.
OTHERS = ("X-Remote-User", "X-Country", "X-Custom", "X-Forwarded-For", "Authorization", "Host")
#: Rarely seen in Vary, and each with a rule of its own somewhere.
STRANGE = ("", "Content-Type", "Connection", "TE", "X-Low", "X-Forwarded-Proto", "hx-request")
WORDS = ("true", "alice", "bob", "de", "1", "a", "\xe9", "gzip", "alicebob")
ENCODINGS = ("gzip", "gzip, deflate, br", "identity", "br;q=0")
LANGUAGES = ("de", "de-AT,de;q=0.9", "fr", "en", "ja, fr;q=0.5", "*", "fr;q=0.2,de")
ORIGINS = ("https://shop.example", "https://evil.example", "null")
BROWSERS = ("Mozilla/5.0 (Mobile)", "Mozilla/5.0", "desktop", "mobile", "curl/8", "a bot")
JUNK = ("_ga=1", "junk=1", "a=b", "theme=dark", "a", "=", "x=\xe9")
POOLS = {
    "Accept-Encoding": ENCODINGS,
    "Accept-Language": LANGUAGES,
    "Origin": ORIGINS,
    "User-Agent": BROWSERS,
    "X-Requested-With": ("XMLHttpRequest", "xmlhttprequest"),
    "X-Remote-User": ("alice", "bob"),
    "X-Country": ("de", "fr", "de,fr"),
    "X-Forwarded-For": ("127.0.0.2", "10.0.0.1"),
    "X-Forwarded-Proto": ("https", "http"),
}
#: Hosts that mean the same to nginx, or almost.
HOSTS = ("EXAMPLE.com", "example.com:80", "example.com.", "www.example.com", "other.example")
PAGES = (
    "?a=1",
    "?a=1&b=2",
    "?b=2&a=1",
    "?",
    "?a=%41",
    "%41",
    "A",
    "x;y",
    "caf%c3%a9",
    "a//b",
    "%2F",
)


#: See site/trustsite/views.py.
KINDS = ("page", "page", "page", "page", "zipped", "fickle", "cookie", "session")


@dataclass(frozen=True)
class Way:
    """A location of nginx/server.conf.

    `names`: what its pages vary on, the first above all. `sent`: what its clients send in any
    case, since nginx looks at it. `cookies`: those that mean something there.
    """

    name: str
    weight: int
    names: tuple[str, ...] = OWN
    sent: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ("sessionid=a", "sessionid=b", "user=staff")
    kinds: tuple[str, ...] = KINDS
    sources: tuple[int, ...] = (1,)


#: Where nothing else may stand in Vary. Guarded pages must not vary on Cookie (oracle.py),
#: LocaleMiddleware writes Vary anew, without empty names, and captures are of the decoded path.
WELL_BEHAVED = ("guarded", "marked", "located", "captured")
TOKENS = tuple(f"sso=token{letter}" for letter in "AAABBBCDE")
HERE = (
    "django_language=de",
    "django_language=fr",
    "Django_Language=fr",
    "django_language=",
    "a=1,django_language=de",
    "my_django_language=fr",
    "timezone=Europe/Berlin",
    "timezone=UTC",
    "TIMEZONE=Europe/Berlin",
    'x="; timezone=Europe/Berlin; y="',
)
ODD = ("cc=de", "cc=fr", "cc=de,fr", "pad=x", "pad=", "pad=x ", "pad=de")
USER, COUNTRY = ("X-Remote-User",), ("X-Country", "X-Forwarded-For")
WAYS = (
    Way("plain", 5),
    Way(
        "guarded",
        2,
        kinds=("guarded",),
        names=("HX-Request", "User-Agent"),
        sent=("Cookie",),
        cookies=("user=staff",),
    ),
    Way(
        "marked",
        2,
        kinds=("guarded", "guarded", "public", "page"),
        names=("HX-Request", "User-Agent"),
        sent=("Cookie",),
        cookies=("user=staff",),
    ),
    Way("memcached", 3),
    Way("sso", 6, names=(*USER, "HX-Request"), sent=("Cookie", *USER), cookies=TOKENS),
    Way("maybe", 3, names=(*USER, "HX-Request", "Cookie"), sent=("Cookie", *USER), cookies=TOKENS),
    Way("untold", 2, names=(*USER, *COUNTRY, "Accept-Encoding"), sent=("Cookie",), cookies=TOKENS),
    Way("clean", 2, names=("Cookie", "Accept-Encoding"), kinds=("page", "page", "zipped")),
    Way("country", 2, names=COUNTRY, sent=("X-Country",), sources=(1, 2, 3)),
    Way("fixed", 2, names=("User-Agent", "Origin", "X-Requested-With", "Accept-Language")),
    Way(
        "odd",
        2,
        names=("X-Country", "X-Padded", "X-Parts", "Cookie", "X-Low"),
        sent=("Cookie", "X-Country"),
        cookies=ODD,
        sources=(1, 2, 3),
    ),
    Way("knowingly", 2, names=("X-Custom", *USER), sent=USER),
    Way("captured", 2, names=("User-Agent", "HX-Request"), kinds=("page", "page", "fickle")),
    Way("host", 1, names=("HX-Request",)),
    Way("no-host", 1, names=("HX-Request",)),
    Way("logged-in", 1, names=("Cookie", "HX-Request"), sent=("Cookie",)),
    Way(
        "located",
        3,
        names=("HX-Request", "Accept-Language", "Cookie"),
        sent=("Cookie", "Accept-Language"),
        cookies=HERE,
    ),
    Way(
        "whole",
        3,
        names=("Cookie", "Accept-Encoding", "HX-Request", "X-Country"),
        sent=("Accept-Encoding",),
        kinds=("page", "page", "session", "cookie", "private", "public", "no-store"),
    ),
    Way(
        "whole-clean",
        2,
        names=("Cookie", "Accept-Encoding", "HX-Request", *USER),
        sent=("Cookie", *USER),
        cookies=(*TOKENS, "sessionid=a", "sessionid=b"),
        kinds=("page", "page", "session", "private"),
    ),
)


def conversation(seed: str) -> Conversation:
    """The conversation of this seed, always the same."""
    rng = random.Random(seed)
    way = rng.choices(WAYS, [one.weight for one in WAYS])[0]
    kind = rng.choice(way.kinds)
    names = varied(rng, way)
    palette: Palette = {name: values(rng, way, name) for name in fields_of(way, names)}
    if names and names[0] in palette and rng.random() < 0.35:
        return Conversation(way.name, kind, names, disguised(rng, way, palette, names[0]))
    pages = rng.sample(PAGES, 2) if rng.random() < 0.25 and way.name != "captured" else [""]
    steps = [request(rng, way, palette, pages)]
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 5))):
        # Somebody who says the same, but for one field, or somebody else.
        if rng.random() < 0.5:
            steps.append(alike(rng, palette, rng.choice(steps)))
        else:
            steps.append(request(rng, way, palette, pages))
        if rng.random() < 0.15:
            steps.append(replace(rng.choice(steps), cached=True))
    return Conversation(way.name, kind, names, tuple(steps))


def disguised(
    rng: random.Random, way: Way, palette: Palette, name: str
) -> tuple[Request, Request, Request]:
    """Somebody's page is stored, and two others try to get it by what they send as `name`."""
    fields = {one: rng.choice(palette[one]) for one in palette}
    source = rng.choice(way.sources)
    steps = []
    for _ in range(3):
        sent = tuple((one, value) for one, value in fields.items() if value is not None)
        steps.append(Request(fields=sent, source=source))
        # As themselves: with the cookies and from the addresses by which nginx knows them.
        fields[name] = rng.choice(palette[name])
        source = rng.choice(way.sources)
        if "Cookie" in way.sent and name != "Cookie":
            fields["Cookie"] = rng.choice(palette["Cookie"])
    return (steps[0], steps[1], steps[2])


def varied(rng: random.Random, way: Way) -> tuple[str, ...]:
    """What the page varies on."""
    count = min(rng.choice((0, 1, 1, 1, 1, 2, 2, 3)), len(way.names))
    names = rng.sample(way.names, count)
    if count == 1 and rng.random() < 0.4:
        names = [way.names[0]]
    if way.name not in WELL_BEHAVED and rng.random() < 0.1:
        names.insert(rng.randrange(len(names) + 1), rng.choice((*OWN, *OTHERS, *STRANGE)))
    return tuple(dict.fromkeys(names))


def fields_of(way: Way, names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that clients may send, each once, and none that has no name or is no field."""
    sent = dict.fromkeys((*names, *way.sent))
    return tuple(name for name in sent if name and name not in ("Host", "Connection"))


def values(rng: random.Random, way: Way, name: str) -> list[Value]:
    """Some values of a field that are easily taken for one another; None: it is absent."""
    if name == "Cookie" and way.name == "sso":
        # Nobody else gets in.
        return [rng.choice(TOKENS), rng.choice(TOKENS), cookie(rng, way)]
    found: list[Value] = [None]
    if name in way.sent:
        # What nginx says of others.
        found += POOLS.get(name, ())[:2]
    for _ in range(rng.choice((1, 2, 2))):
        plain = cookie(rng, way) if name == "Cookie" else rng.choice(POOLS.get(name, WORDS))
        found.append(plain)
        while rng.random() < 0.45:
            found.append(rng.choice(DISGUISES)(plain))
    if rng.random() < 0.6:
        # What stands for an absent field in the digest of some release.
        found.append(rng.choice(("", "", "", "-,", "-,", "0:,", "-,-,", "0:,0:,")))
    return found


def cookie(rng: random.Random, way: Way) -> str:
    crumbs = [rng.choice((*way.cookies, *way.cookies, *JUNK)) for _ in range(rng.choice((1, 1, 2)))]
    return "; ".join(crumbs)


#: What may be taken for a value: of it the same is left when it is written without its length,
#: behind another one, or with it.
DISGUISES: tuple[Callable[[str], str], ...] = (
    lambda value: f"{len(value.encode())}:{value},",
    lambda value: f"{value},",
    lambda value: f"{value}-,",
    lambda value: f"-,{value}",
    lambda value: f"{value}0:,",
    lambda value: f"0:,{value}",
    lambda value: f" {value}\t",
    lambda value: value.swapcase(),
    lambda value: value[: len(value) // 2],
    lambda value: value[len(value) // 2 :],
    lambda value: f"{value}{value}",
    lambda value: f"{value}, {value}",
    lambda value: value.encode("utf-8").decode("latin-1"),
)


def request(rng: random.Random, way: Way, palette: Palette, pages: list[str]) -> Request:
    fields = [(name, value) for name in palette if (value := rng.choice(palette[name])) is not None]
    if "guarded" in way.kinds and rng.random() < 0.5:
        fields = [("Cookie", "user=staff"), *(one for one in fields if one[0] != "Cookie")]
    rng.shuffle(fields)
    made = Request(
        fields=strange(rng, way, tuple(fields)),
        page=rng.choice(pages),
        cached=rng.random() < 0.8,
        method="HEAD" if rng.random() < 0.08 else "GET",
        source=rng.choice(way.sources),
    )
    return at_a_host(rng, way, made)


def at_a_host(rng: random.Random, way: Way, made: Request) -> Request:
    """The same request, sometimes with another Host."""
    if way.name == "no-host" and rng.random() < 0.5:
        return replace(made, host="decorated")
    chance = rng.random() if way.name != "host" else rng.random() / 4
    if chance < 0.08:
        return replace(made, host=rng.choice(HOSTS))
    if chance < 0.1:
        return replace(made, absolute=rng.choice(("example.com", *HOSTS)))
    if chance < 0.11:
        return replace(made, host=None)
    return made


def strange(rng: random.Random, way: Way, fields: Fields) -> Fields:
    """The same fields, sometimes written as no browser does."""
    if rng.random() < 0.8 or not fields:
        return fields
    index = rng.randrange(len(fields))
    name, value = fields[index]
    # A visitor with two of these gets another of his languages: nginx-conf/django-locale.conf.
    if way.name == "located" and name in ("Cookie", "Accept-Language"):
        return fields
    instead = rng.choice(
        (
            [(name, value), (name, value)],
            [(name, value), (name, "")],
            [(name, ""), (name, value)],
            [(name.lower(), value)],
            [(name.upper(), value)],
            [(name.replace("-", "_"), value)],
            [(name, value), (name.replace("-", "_"), rng.choice(WORDS))],
            [(f"{name} ", value)],
            [(name, f"{value}  ")],
            [(name, crumb) for crumb in value.split("; ")],
            [(name, value), ("X_Remote_User", "alice")],
        )
    )
    return (*fields[:index], *instead, *fields[index + 1 :])


def alike(rng: random.Random, palette: Palette, other: Request) -> Request:
    """Another request that differs in one field, or in none."""
    cached = rng.random() < 0.9
    if not palette or rng.random() < 0.3:
        return replace(other, cached=cached)
    name = rng.choice(list(palette))
    rest = tuple(one for one in other.fields if one[0].lower() != name.lower())
    value = rng.choice(palette[name])
    mine = () if value is None else ((name, value),)
    return replace(other, cached=cached, fields=(*rest, *mine))
