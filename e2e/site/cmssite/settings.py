"""As django CMS's manual has them, without plugins and without what is not asked for."""

import os

SECRET_KEY = "only for tests on loopback"
ALLOWED_HOSTS = ["*"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
ROOT_URLCONF = "cmssite.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
SITE_ID = 1

INSTALLED_APPS = [
    "cmssite",
    "cms",
    "menus",
    "treebeard",
    "sekizai",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "cms.middleware.utils.ApphookReloadMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware",
    "cms.middleware.toolbar.ToolbarMiddleware",
    "cms.middleware.language.LanguageCookieMiddleware",
]

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["E2E_DATABASE"]}
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{os.environ['E2E_REDIS']}/1",
    }
}

# A password is asked for once, by a test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

HEAD = "{% load cms_tags sekizai_tags %}{% render_block 'css' %}"
TOOLBAR = "{% cms_toolbar %}{% render_block 'js' %}"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "sekizai.context_processors.sekizai",
                "cms.context_processors.cms_settings",
            ],
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {
                        "page.html": f"<html><head>{HEAD}</head><body>{TOOLBAR}"
                        "<h1>{% page_attribute 'title' %}</h1></body></html>",
                        "news.html": f"<html><head>{HEAD}</head><body>{TOOLBAR}"
                        "<h1>{{ LANGUAGE_CODE }} {{ title }}</h1></body></html>",
                    },
                ),
                "django.template.loaders.app_directories.Loader",
            ],
        },
    }
]

CMS_CONFIRM_VERSION4 = True
CMS_TEMPLATES = [("page.html", "Page")]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
