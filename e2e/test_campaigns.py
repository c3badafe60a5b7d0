"""nginx-conf/campaigns.conf: arguments that only statistics read, taken away by nginx."""

import itertools
import random

import pytest

CAMPAIGN = ["utm_source=a", "utm_x=", "utm_", "fbclid=IwAR0-_.~%2F", "gclid=a=b?c", "gclid"]
CAMPAIGN += ["utm_source", "msclkid=%26", "mc_cid=1", "utm_a=;b=c", "wbraid=%FF"]
OTHER = ["a=1", "b", "", "=", "=utm_a", "xutm_a=1", "a=utm_a=1", "utm=1", "UTM_A=1", "utm%5Fa=1"]
OTHER += ["fbclidx=1", "xfbclid=1", "gclid.x=1", "a=fbclid", "a=?fbclid=1", "mc_cidx", "%26utm_a=1"]
OTHER += ["a=%2B+b", "q=%C3%A9%e9", "a;utm_a=1", "p[]=1", "p~='(*)!$,@:/", "utm-a=1"]
OTHER += ['q=<"x">', "q=^|{}", "q=\\`"]


def stripped(arguments):
    return "&".join(each for each in arguments if each not in CAMPAIGN)


@pytest.fixture
def campaigns(shipped):
    return shipped("campaigns.conf", "views")


def target_of(path, query):
    return f"{path}?{query}" if query else path


def test_campaigns(campaigns):
    """They share a page, whoever comes first; Django is asked without them."""
    path = campaigns.fresh("/default/text/")
    page = campaigns.misses(f"{path}?utm_source=news&a=1&fbclid=IwAR0&gclid=")
    assert page.body.startswith(f"<p>{path}?a=1</p>".encode())
    for query in ["a=1", "a=1&utm_source=mail", "fbclid=b&a=1", "utm_a&utm_b&a=1&utm_c=&gclid=x"]:
        hit = campaigns.nginx(f"{path}?{query}")
        assert (hit.cache, hit.body) == ("HIT", page.body), query
    campaigns.hits(f"{path}?a=1")
    # None is left: the same as no arguments at all.
    page = campaigns.misses(f"{path}?utm_source=news")
    assert page.body.startswith(f"<p>{path}</p>".encode())
    assert campaigns.hits(path).body == page.body
    assert campaigns.nginx(f"{path}?").body == page.body


def test_other_arguments_stay(campaigns):
    """In their order, byte for byte: in the key, and in what Django sees."""
    path = campaigns.fresh("/default/text/")
    for each in OTHER:  # alone, nothing is done to it
        campaigns.stored(target_of(path, f"one={each}&{each}"))
    chance = random.Random(1)
    for number in range(150):
        path = campaigns.fresh("/default/text/")
        arguments = chance.choices(OTHER, k=chance.randrange(5))
        runs = 0
        for place in sorted(chance.sample(range(len(arguments) + 1), k=min(3, len(arguments) + 1))):
            run = chance.choices(CAMPAIGN, k=chance.randrange(4))
            arguments[place + runs : place + runs] = run
            runs += len(run)
        full, left = target_of(path, "&".join(arguments)), target_of(path, stripped(arguments))
        page = campaigns.nginx(full)
        assert page.cache == "MISS absent", full
        # What Django sees, and stores: the same as when nobody had added anything.
        assert page.body == campaigns.django(left).body, full
        assert campaigns.hits(left).body == page.body, full
        assert campaigns.nginx(full).cache == "HIT", (number, full)


@pytest.mark.parametrize("name", ["caf%C3%A9", "caf%c3%a9;x", "a%2Bb+c", "a%20b~'()", "%2541"])
def test_paths(campaigns, name):
    """nginx sends the path on in its own spelling: Django sees the same page."""
    path = f"{campaigns.fresh('/default/text/')}{name}"
    page = campaigns.misses(f"{path}?utm_source=news&a=1")
    assert campaigns.hits(f"{path}?a=1").body == page.body
    assert campaigns.nginx(f"{path}?a=1&fbclid=2").cache == "HIT"


def test_another_page_by_accel(campaigns):
    """Of the page that Django names, not of the one that was asked for."""
    for query in ("", "?utm_source=news&a=1", "?a=1"):
        target = campaigns.fresh("/accel/")
        answer = campaigns.nginx(target + query)
        path = target.replace("accel", "default/text")
        assert answer.body.startswith(f"<p>{path}?b=2</p>".encode()), query


def test_too_many_runs(campaigns):
    """What is not taken away is a part of the address, in the key and for Django alike."""
    path = campaigns.fresh("/default/text/")
    mixed = "&".join(itertools.chain.from_iterable((f"utm_{i}", f"a={i}") for i in range(6)))
    left = "&".join(f"a={i}" for i in range(4)) + "&utm_4&a=4&utm_5&a=5"
    page = campaigns.misses(f"{path}?{mixed}")
    assert page.body.startswith(f"<p>{path}?{left}</p>".encode())
    assert campaigns.nginx(f"{path}?{mixed}").cache == "HIT"


def test_campaigns_of_a_form(campaigns):
    """What is not looked up loses them too: the view cannot tell the difference."""
    target = campaigns.fresh("/default/text/")
    answer = campaigns.nginx(f"{target}?utm_source=a&b=c", method="POST", body=b"a=b")
    assert answer.cache == "BYPASS method"
