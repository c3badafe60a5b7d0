"""A front page, and the same kind of page twice: one stored in memcached, one in Redis."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.front),
    path("memcached/<slug:name>/", views.in_memcached),
    path("redis/<slug:name>/", views.in_redis),
]
