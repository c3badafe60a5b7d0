"""What settings make of the keys, and the cache middleware in its usual place."""

import gzip


def test_the_middleware_with_prefixes(whole):
    """CACHE_MIDDLEWARE_KEY_PREFIX, KEY_PREFIX, VERSION; USE_I18N and USE_TZ off."""
    target = whole.fresh("/text/")
    key = whole.stored(target).get("X-Cache-Key")
    assert key.startswith("whole:3:views.decorators.cache.cache_page.site.GET.")
    assert key.count(".") == 7
    assert whole.site.delete(target, "default") == key
    whole.misses(target)


def test_the_middleware_stores_all_headers(whole):
    hit = whole.stored(whole.fresh("/text/"))
    assert hit.get("X-Frame-Options") == "DENY"
    assert hit.get("Cross-Origin-Opener-Policy") == "same-origin"


def test_language_and_zone(abroad):
    """LANGUAGE_CODE and TIME_ZONE, without LocaleMiddleware."""
    target = abroad.fresh("/here/")
    hit = abroad.stored(target)
    assert hit.body == b"de Europe/Berlin" or hit.body.startswith(b"de CE")
    assert hit.get("X-Cache-Key").endswith(".de.Europe/Berlin")
    assert abroad.site.delete(target, "default") == hit.get("X-Cache-Key")
    abroad.misses(target)


def test_zone_without_language(zone_only):
    key = zone_only.stored(zone_only.fresh("/default/here/")).get("X-Cache-Key")
    assert key.endswith(".Asia/Kolkata")
    assert ".en-us" not in key


def test_language_without_zone(language_only):
    key = language_only.stored(language_only.fresh("/default/here/")).get("X-Cache-Key")
    assert key.endswith(".pt-br")


def test_https(views, tls):
    """The scheme is part of the key."""
    target = tls.fresh("/default/text/")
    key = tls.stored(target).get("X-Cache-Key")
    assert views.stored(target).get("X-Cache-Key") != key
    meta = '{"HTTP_X_FORWARDED_PROTO": "https"}'
    assert tls.site.delete(target, "default", meta=meta) == key
    tls.misses(target)
    views.hits(target)


def test_stored_compressed(whole):
    """GZipMiddleware within the cache middleware: nginx sends what it has made."""
    target = whole.fresh("/text/")
    plain = whole.stored(target)
    compressed = whole.stored(target, headers=[("Accept-Encoding", "gzip")])
    assert compressed.get("Content-Encoding") == "gzip"
    assert gzip.decompress(compressed.body) == plain.body


def test_cleared(whole, abroad):
    for side in (whole, abroad):
        target = side.fresh("/text/")
        side.stored(target)
        side.site.clear("default")
        side.stored(target)
