from django.urls import path, re_path

from . import views

urlpatterns = [
    path("stream/", views.stream),
    path("template/", views.template),
    path("form/", views.form),
    path("async/", views.asynchronous),
    path("decorated/code/", views.code),
    path("decorated/generator/", views.code_generator),
    path("decorated/readme/", views.readme),
    path("decorated/host/", views.host),
    path("decorated/host-prefix/", views.host_prefix),
    path("decorated/template/", views.decorated_template),
    path("decorated/form/", views.decorated_form),
    path("decorated/async/", views.decorated_async),
    re_path("^.*$", views.page),
]
