"""Whether nginx answers as Django does."""

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
# What each server says of itself, and what the tests' nginx adds for the tests.
OWN = {"server", "date", "x-cache", "x-cache-reason", "x-cache-key"}
# nginx puts these at a place of its own.
ANYWHERE = {"content-type", "content-length", "vary"}
# What nginx adds where the page has none.
ADDED = {"etag", "accept-ranges", "content-length", "age"}
# FetchFromCacheMiddleware adds Age since 5.1, nginx for every Django.
AGE_TOLERANCE = 1  # seconds


def fields(answer):
    return [
        (name, value)
        for name, value in answer.headers
        # X-Accel-Buffering and its like are for nginx, which never passes them on.
        if name.lower() not in HOP_BY_HOP | OWN and not name.lower().startswith("x-accel-")
    ]


def same(hit, direct, seconds):
    """Asserts that `hit`, from nginx, and `direct`, Django's own hit, are equal field by field.

    `seconds` is how long it took to get both.
    """
    assert (hit.status, hit.reason) == (direct.status, direct.reason)
    ours, theirs = fields(hit), fields(direct)
    present = {name.lower() for name, _ in theirs}
    ours = [(name, value) for name, value in ours if name.lower() not in ADDED - present]
    assert sequence(ours) == sequence(theirs)
    for name in ANYWHERE & present:
        assert tokens(hit.get(name)) == tokens(direct.get(name)), name
    assert ANYWHERE & {name.lower() for name, _ in ours} == ANYWHERE & present
    if "age" in present:
        assert 0 <= int(direct.get("age")) - int(hit.get("age")) <= AGE_TOLERANCE + seconds
    elif "max-age" in direct.get("cache-control") and direct.get("expires"):
        assert int(hit.get("age")) >= 0
    assert hit.body == direct.body


def sequence(headers):
    """Name and value of what has an order; Age is compared apart."""
    return [
        (name, value if name.lower() != "age" else "")
        for name, value in headers
        if name.lower() not in ANYWHERE
    ]


def tokens(value):
    """A list field may be one line or several."""
    return [token.strip() for token in value.split(",")]
