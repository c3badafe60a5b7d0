"""One site for every recipe: BLOG_RECIPE says which."""

import os

RECIPE = os.environ["BLOG_RECIPE"]
SECRET_KEY = "tests"
ALLOWED_HOSTS = ["example.com"]
ROOT_URLCONF = "blog.urls"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["BLOG_DATABASE"]}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rust_page_cache",
    "blog",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
MEMCACHED = {
    "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
    "LOCATION": os.environ["BLOG_STORE"],
    # The tests restart memcached: it is asked again a second after it failed.
    "OPTIONS": {"connect_timeout": 5, "timeout": 5, "dead_timeout": 1, "retry_attempts": 0},
}
REDIS = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": f"redis://{os.environ['BLOG_STORE']}/1",
    "OPTIONS": {"socket_connect_timeout": 5, "socket_timeout": 5},
}

# What each recipe has its users write, with the prefixes that stand in nginx-conf/.
if RECIPE == "soyrex":
    MIDDLEWARE.insert(0, "rust_page_cache.soyrex.NginxMemCacheMiddleWare")
    CACHE_KEY_PREFIX = "/your-site-name"
    CACHE_IGNORE_REGEXPS = (r"/admin.*",)
elif RECIPE in ("djanginxed", "djanginxed_readme"):
    CACHE_MIDDLEWARE_KEY_PREFIX = "site1"
elif RECIPE == "nginx_redis_cache":
    MIDDLEWARE.insert(0, "rust_page_cache.nginx_redis_cache.UpdateCacheMiddleware")
CACHES = {"default": REDIS if RECIPE == "nginx_redis_cache" else MEMCACHED}
