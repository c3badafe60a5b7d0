"""After `rewrite` and `set $args` the full path is still what Django makes of the request."""

import random

import pytest

TARGETS = 2500  # of each kind, for each Django
# What some server or other reads in its own way, more often than the rest of the alphabet.
ODD = [*"^|\"<>\\`{}[];=,!*'()~:@&$+.#%", "%2F", "%25", "%3B", "%20", "%00", "%0A", "%7f", "%3f"]
BYTES = [
    "%C3%A9",
    "%c3",
    "%A9",
    "%E4%BD%A0",
    "%E4%BD",
    "%FF",
    "%ED%A0%80",
    "%C0%AF",
    "%F0%9F%98%80",
]
IN_ARGUMENTS = ["?", "=", "&", "%zz", "%", "\xe9", "\xc3\xa9"]


def text(rng, *alphabets):
    plain = [*"abcXYZ019-_/"]
    return "".join(rng.choice(rng.choice([plain, *alphabets])) for _ in range(rng.randrange(12)))


def target(rng, root):
    path = root + text(rng, ODD, BYTES).replace("#", "%23").replace("?", "%3F")
    if rng.random() < 0.3:
        return path
    return f"{path}?{text(rng, ODD, BYTES, IN_ARGUMENTS)}"


@pytest.mark.parametrize("root", ["/rewritten/", "/new-arguments/", "/-/full-path/"])
def test_as_django(views, root):
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    compared = 0
    for _ in range(TARGETS):
        asked = target(rng, root)
        answer = views.nginx(asked)
        if answer.status != 200:
            # nginx or gunicorn refuses it: there is no such request.
            assert answer.status in (400, 404), (seed, asked, answer)
            continue
        assert answer.get("X-Full-Path") == answer.body.decode(), (seed, asked)
        compared += 1
    assert compared > TARGETS / 2, seed
