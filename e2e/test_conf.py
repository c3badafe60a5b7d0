"""The files of nginx-conf/ that are about Django's own keys, as they stand."""

import pytest

GERMAN = [("Accept-Language", "de")]


def test_stock(shipped):
    """Headers of the middleware around cache_page() come from nginx, in Django's order."""
    side = shipped("django-stock.conf", "views")
    for page in ("text", "json", "template", "framed", "headers", "by-cookie", "large"):
        side.stored(side.fresh(f"/default/{page}/"))
    target = side.fresh("/default/text/")
    hit = side.stored(target)
    for name, value in [
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]:
        assert hit.get(name) == value
        # Once, whoever answers.
        assert side.nginx(target, method="POST", body=b"a").get(name) in (value, "")
        assert side.nginx(side.fresh("/default/missing/")).get(name) == value
    side.site.clear("default")
    side.misses(target)


def test_stock_in_front_of_the_middleware(shipped):
    """What is stored with its headers gets none twice."""
    side = shipped("django-stock.conf", "whole_site_stock")
    for page in ("text", "framed"):
        side.stored(side.fresh(f"/{page}/"))


def test_other_hosts_get_nothing(shipped):
    side = shipped("django-stock.conf", "views")
    with pytest.raises(ConnectionError):
        side.nginx("/default/text/x/", host="example.org")


# What a visitor sends, and the language that LocaleMiddleware gives him. None: nginx has to leave
# that to Django.
VISITORS = [
    ([], "en"),
    ([("Accept-Language", "")], "en"),
    ([("Accept-Language", "de")], "de"),
    ([("Accept-Language", "DE-at")], "de"),
    ([("Accept-Language", "fr-CA,fr;q=0.9,en;q=0.8")], "fr"),
    ([("Accept-Language", "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7")], "fr"),
    ([("Accept-Language", "ja,de;q=0.9,en;q=0.8")], "de"),
    ([("Accept-Language", "ja, de, en")], "de"),
    ([("Accept-Language", "ja, en, de")], "en"),
    ([("Accept-Language", "pt-BR,pt;q=0.9")], "en"),
    ([("Accept-Language", "den,frr;q=0.9,eng;q=0.8")], "en"),
    ([("Accept-Language", "den,frr;q=0.9,de-DE;q=0.8")], "de"),
    ([("Accept-Language", "es,nl;q=0.8,fr-FR;q=0.5,de;q=0.3")], "fr"),
    ([("Accept-Language", "de;q=0.5,fr;q=0.9")], None),
    ([("Accept-Language", "de;q=0.5")], None),
    ([("Accept-Language", "de;q=0")], None),
    ([("Accept-Language", "en;q=0.8,de")], None),
    ([("Accept-Language", "ja,en;q=0.3,de;q=0.7")], None),
    ([("Accept-Language", "*")], None),
    ([("Accept-Language", "fr;q=0.85,de")], None),
    ([("Accept-Language", "de_DE,fr")], None),
    ([("Accept-Language", "de,,fr")], None),
    ([("Cookie", "django_language=fr")], "fr"),
    ([("Cookie", "a=b; django_language=de; c=d"), ("Accept-Language", "fr")], "de"),
    ([("Cookie", "django_language="), ("Accept-Language", "fr")], "fr"),
    ([("Cookie", "django_language=de-at")], None),
    ([("Cookie", "django_language=DE")], None),
    ([("Cookie", "django_language=tlh"), ("Accept-Language", "fr")], None),
    ([("Cookie", "language=fr")], "en"),
    # nginx's own $cookie_ takes the name in any case, the first of two, and a comma for the end.
    ([("Cookie", "Django_Language=fr")], None),
    ([("Cookie", "a=b,django_language=fr")], None),
    ([("Cookie", "django_language=de; django_language=fr")], None),
]


@pytest.fixture
def locale(shipped):
    return shipped("django-locale.conf", "locale")


def test_languages(locale):
    """For every visitor: the language of Django, or no look-up."""
    target = locale.fresh("/here/")
    # What a hit must never give to the wrong visitor is there.
    for language in ("en", "de", "fr"):
        hit = locale.stored(target, headers=[("Accept-Language", language)])
        assert hit.body == f"{language} UTC".encode()
        assert hit.get("Content-Language") == language
        assert hit.get("Vary") == "Accept-Language"
    for headers, language in VISITORS:
        if language:
            assert locale.hits(target, headers=headers).body == f"{language} UTC".encode(), headers
        else:
            answer = locale.nginx(target, headers=headers)
            assert answer.cache == "BYPASS bypass", headers
            assert answer.body == locale.django(target, headers=headers).body


def test_language_in_the_url(locale):
    """It beats cookie and Accept-Language, and Vary does not name them."""
    number = locale.fresh("/")
    for language in ("en", "de", "fr"):
        target = f"/{language}/here{number}"
        hit = locale.stored(target)
        assert hit.body == f"{language} UTC".encode()
        assert (hit.get("Content-Language"), hit.get("Vary")) == (language, "")
        for headers, _ in VISITORS:
            locale.hits(target, headers=headers)
    assert locale.stored(f"/de/by-cookie{number}").get("Vary") == "Cookie"


def test_no_language_in_the_url(locale):
    """A path that only looks as if it had one."""
    for path in ("/here/de/", "/deutsch/"):
        hit = locale.stored(locale.fresh(path))
        assert (hit.body, hit.get("Vary")) == (b"en UTC", "Accept-Language")
    # A page that exists only below a language: the redirect to the visitor's is not stored.
    for _ in range(2):
        answer = locale.nginx("/only/here/", headers=GERMAN)
        assert (answer.status, answer.cache) == (302, "MISS absent")
        assert answer.get("Location") == "/de/only/here/"


def test_deleted(locale):
    target = locale.fresh("/here/")
    hit = locale.stored(target, headers=GERMAN)
    deleted = locale.site.delete(target, "default", language="de")
    assert deleted == hit.get("X-Cache-Key")
    locale.misses(target, headers=GERMAN)


# What a visitor sends, and the time zone of his pages. None: nginx has to leave that to Django.
ZONES = [
    ([], "UTC"),
    ([("Cookie", "timezone=")], "UTC"),
    ([("Cookie", "timezone=UTC")], "UTC"),
    ([("Cookie", "timezone=Europe/Berlin")], "Europe/Berlin"),
    ([("Cookie", "a=b; timezone=America/New_York; c=d")], "America/New_York"),
    ([("Cookie", "timezone=Asia/Tokyo")], None),
    ([("Cookie", "timezone=europe/berlin")], None),
    ([("Cookie", "timezone=nowhere")], None),
    ([("Cookie", "timezone=UTC; timezone=Europe/Berlin")], None),
    ([("Cookie", "TIMEZONE=Europe/Berlin")], None),
    ([("Cookie", "a=b,timezone=Europe/Berlin")], None),
]


def test_time_zones(shipped):
    """For every visitor: the time zone that the site's middleware activates, or no look-up."""
    side = shipped("django-timezone.conf", "timezones")
    target = side.fresh("/default/here/")
    for zone in ("UTC", "Europe/Berlin", "America/New_York"):
        hit = side.stored(target, headers=[("Cookie", f"timezone={zone}")])
        assert hit.body == f"en-us {zone}".encode()
    for headers, zone in ZONES:
        if zone:
            assert side.hits(target, headers=headers).body == f"en-us {zone}".encode(), headers
        else:
            answer = side.nginx(target, headers=headers)
            assert answer.cache == "BYPASS bypass", headers
            assert answer.body == side.django(target, headers=headers).body
