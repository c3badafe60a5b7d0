"""A front page, and the same kind of page three times: stored by Django's cache_page(), and, as
bodies only, in memcached and in Redis."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.front),
    path("stock/<slug:name>/", views.stock),
    path("memcached/<slug:name>/", views.in_memcached),
    path("redis/<slug:name>/", views.in_redis),
]
