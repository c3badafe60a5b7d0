"""Who a visitor is, and where: by cookies, so that a test need not log in."""

from types import SimpleNamespace

from django.utils import timezone

ZONES = {"UTC", "Europe/Berlin", "America/New_York"}


def by_cookie(get_response):
    """What AuthenticationMiddleware does, for a site with one user."""

    def middleware(request):
        request.user = SimpleNamespace(is_authenticated=request.COOKIES.get("user") == "staff")
        return get_response(request)

    return middleware


def zone_by_cookie(get_response):
    """The middleware of Django's manual."""

    def middleware(request):
        zone = request.COOKIES.get("timezone")
        if zone in ZONES:
            timezone.activate(zone)
        else:
            timezone.deactivate()
        return get_response(request)

    return middleware
