"""What all sites of the tests share: what `startproject` writes, and the stores."""

import importlib.util
import os

from pymemcache import serde

MEMCACHED = os.environ["E2E_MEMCACHED"]
REDIS = os.environ["E2E_REDIS"]

SECRET_KEY = "only for tests on loopback"
ALLOWED_HOSTS = ["*"]
# nginx says so; see nginx-conf/django-stock.conf.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ROOT_URLCONF = "e2esite.urls"
WSGI_APPLICATION = "e2esite.wsgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
if importlib.util.find_spec("rest_framework"):
    INSTALLED_APPS.append("rest_framework")
# Only where manage.py nginx_conf is run.
if importlib.util.find_spec("rust_page_cache"):
    INSTALLED_APPS.append("rust_page_cache")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Nothing here needs a database.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {"page.html": "<h1>{{ title }}</h1><p>{{ text }}</p>\n"},
                )
            ]
        },
    }
]

# As `startproject` writes them; Django's own default of TIME_ZONE is America/Chicago.
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True


def memcached(backend, **settings):
    return {
        "BACKEND": f"django.core.cache.backends.memcached.{backend}",
        "LOCATION": MEMCACHED,
        **settings,
    }


def core_redis(db, **settings):
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{REDIS}/{db}",
        **settings,
    }


def django_redis(db, compressor=None, **more):
    options = {"CLIENT_CLASS": "django_redis.client.DefaultClient", **more}
    if compressor:
        options["COMPRESSOR"] = f"django_redis.compressors.{compressor}"
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"redis://{REDIS}/{db}",
        "OPTIONS": options,
    }


# By the first segment of the paths below which a cache's pages are; see nginx/sites.conf.
CACHES = {
    # What a site has that follows Django's manual: no KEY_PREFIX, VERSION 1.
    "default": core_redis(1),
    "pymemcache": memcached("PyMemcacheCache"),
    "compressed": memcached(
        "PyMemcacheCache", KEY_PREFIX="compressed", OPTIONS={"serde": serde.compressed_serde}
    ),
    "prefixed": core_redis(1, KEY_PREFIX="my site", VERSION=12),
    "django-redis": django_redis(2),
    "django-redis-zlib": django_redis(3, "zlib.ZlibCompressor"),
    "django-redis-gzip": django_redis(4, "gzip.GzipCompressor"),
    "django-redis-lzma": django_redis(5, "lzma.LzmaCompressor"),
    "django-redis-zstd": django_redis(6, "zstd.ZStdCompressor"),
    "django-redis-lz4": django_redis(7, "lz4.Lz4Compressor"),
    "django-redis-pickle2": django_redis(11, PICKLE_VERSION=2),
}
if importlib.util.find_spec("pylibmc"):
    CACHES["pylibmc"] = memcached("PyLibMCCache", KEY_PREFIX="pylibmc")
