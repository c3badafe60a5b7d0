from django.urls import path, re_path

from . import views

urlpatterns = [
    path("ready/", views.ready),
    re_path(r"^(?P<way>[a-z-]+)/(?P<kind>[a-z-]+)/(?P<names>[^/]*)/(?P<rest>.*)$", views.serve),
]
