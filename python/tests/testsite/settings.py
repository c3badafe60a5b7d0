import os

_MEMCACHED = os.environ["TEST_MEMCACHED"]
_REDIS = os.environ["TEST_REDIS"] + "/1"
_CORE_MEMCACHED = "django.core.cache.backends.memcached."
_CORE_REDIS = "django.core.cache.backends.redis.RedisCache"
_DJANGO_REDIS = "django_redis.cache.RedisCache"


def _redis(backend, **options):
    return {"BACKEND": backend, "LOCATION": _REDIS, "OPTIONS": options}


SECRET_KEY = "tests"
ALLOWED_HOSTS = ["example.com", "www.example.com", "[::1]", "testserver"]
ROOT_URLCONF = "testsite.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rust_page_cache",
    "testsite",
]
INNER_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
MIDDLEWARE = ["rust_page_cache.soyrex.NginxMemCacheMiddleWare", *INNER_MIDDLEWARE]
CACHE_KEY_PREFIX = "/mysite"
CACHE_IGNORE_REGEXPS = (r"/admin.*",)
CACHE_MIDDLEWARE_KEY_PREFIX = "site1"
CACHES = {
    "default": {
        "BACKEND": _CORE_MEMCACHED + "PyMemcacheCache",
        "LOCATION": _MEMCACHED,
        "TIMEOUT": 300,
        # A client that stops asking a server for a minute would outlast the tests.
        "OPTIONS": {"connect_timeout": 1, "timeout": 1, "dead_timeout": 0, "retry_attempts": 0},
    },
    "redis": _redis(_CORE_REDIS),
    "redis-raw": _redis(_CORE_REDIS, serializer="rust_page_cache.serializers.RawSerializer"),
    "django-redis": _redis(_DJANGO_REDIS),
    "django-redis-raw": _redis(
        _DJANGO_REDIS, SERIALIZER="rust_page_cache.serializers.RawSerializer"
    ),
    "django-redis-client": _redis(
        _DJANGO_REDIS,
        CLIENT_CLASS="rust_page_cache.clients.DefaultClient",
        COMPRESSOR="django_redis.compressors.zlib.ZlibCompressor",
    ),
    "django-redis-herd": _redis(_DJANGO_REDIS, CLIENT_CLASS="rust_page_cache.clients.HerdClient"),
    "django-redis-shard": _redis(_DJANGO_REDIS, CLIENT_CLASS="rust_page_cache.clients.ShardClient"),
    "locmem": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}
try:
    import pylibmc  # noqa: F401
except ImportError:
    pass
else:
    CACHES["pylibmc"] = {
        "BACKEND": _CORE_MEMCACHED + "PyLibMCCache",
        "LOCATION": _MEMCACHED,
        "TIMEOUT": 300,
    }
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
USE_TZ = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
