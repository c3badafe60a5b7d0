"""The site that nginx-conf/sso.conf is written for, and a service that knows who somebody is."""

from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from .views import counted

USERS = {"token-of-alice": "alice", "token-of-bob": "bob", "token-of-zoe": "zoë", "no-name": ""}


@cache_page(300)
@vary_on_headers("X-Remote-User")
@counted
def account(request, rest):
    user = request.headers.get("X-Remote-User", "nobody")
    return HttpResponse(b"account of " + user.encode("latin-1"))


@cache_page(300)
@counted
def terms(request, rest):
    return HttpResponse("the same for all")


def authenticate(request):
    """What oauth2-proxy does below /oauth2/auth."""
    user = USERS.get(request.COOKIES.get("_oauth2_proxy"))
    if user is None:
        return HttpResponse(status=401)
    response = HttpResponse(status=202)
    if user:
        response.headers["X-Auth-Request-User"] = user.encode()
    return response


def sign_in(request):
    return HttpResponse("who are you?", status=403)


SITES = {
    "sso": [
        path("account/<path:rest>", account),
        path("terms/<path:rest>", terms),
    ],
    "sso_service": [
        path("oauth2/auth", authenticate),
        path("oauth2/sign_in", sign_in),
    ],
}
urlpatterns = SITES[settings.SITE]
