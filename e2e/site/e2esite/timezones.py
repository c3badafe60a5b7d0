"""A time zone for each visitor, by cookie: the middleware of Django's manual."""

from django.utils import timezone

ZONES = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"}


def by_cookie(get_response):
    def middleware(request):
        zone = request.COOKIES.get("timezone")
        if zone in ZONES:
            timezone.activate(zone)
        else:
            timezone.deactivate()
        return get_response(request)

    return middleware
