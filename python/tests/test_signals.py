"""One declaration per model: the pages go when the transaction is committed."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.test import Client

from rust_page_cache import purge_on_change
from testsite.models import Article, Banner, Feature


@pytest.fixture(autouse=True)
def _no_rows():
    yield
    Article.objects.all().delete()
    Banner.objects.all().delete()


def visit(*targets: str) -> None:
    for target in targets:
        Client().get(target)


def paths(memcached) -> set[str]:
    return {key.partition("-")[2] for key in memcached.pages()}


def test_save_purges_the_page_the_home_page_and_what_is_declared(memcached) -> None:
    article = Article.objects.create(slug="a", tags="x y")
    visit("/", "/?utm=1", "/article/a/", "/article/a/?print", "/tags/x/", "/tags/y/", "/tags/z/")
    article.save()
    assert paths(memcached) == {"/tags/z/"}


def test_create_purges(memcached) -> None:
    visit("/", "/article/new/")
    Article.objects.create(slug="new")
    assert paths(memcached) == set()


def test_the_old_path_goes_too(memcached) -> None:
    article = Article.objects.create(slug="old", tags="x")
    visit("/article/old/", "/article/new/", "/tags/x/", "/tags/y/", "/article/other/")
    article.slug = "new"
    article.tags = "y"
    article.save()
    assert paths(memcached) == {"/article/other/"}


def test_delete_purges(memcached) -> None:
    article = Article.objects.create(slug="a", tags="x")
    visit("/", "/article/a/", "/tags/x/")
    article.delete()
    assert paths(memcached) == set()
    Article.objects.create(slug="b")
    visit("/article/b/")
    Article.objects.all().delete()
    assert paths(memcached) == set()


def test_subclasses_have_the_pages_of_their_parent(memcached) -> None:
    feature = Feature.objects.create(slug="a")
    visit("/article/a/")
    feature.save()
    assert paths(memcached) == set()


def test_a_model_without_a_page(memcached) -> None:
    visit("/", "/page/")
    Banner.objects.create(text="x")
    assert paths(memcached) == {"/page/"}


def test_nothing_goes_before_the_commit(memcached) -> None:
    article = Article.objects.create(slug="a")
    visit("/article/a/")
    with transaction.atomic():
        article.save()
        assert paths(memcached) == {"/article/a/"}
    assert paths(memcached) == set()


def test_nothing_goes_with_a_rollback(memcached) -> None:
    article = Article.objects.create(slug="a")
    visit("/article/a/")
    with transaction.atomic():
        article.save()
        transaction.set_rollback(True)
    assert paths(memcached) == {"/article/a/"}


def test_saving_does_not_fail_for_want_of_a_url(memcached, caplog) -> None:
    visit("/")
    Article.objects.create(slug="broken")
    assert paths(memcached) == set()
    assert "no URL" in caplog.text


def test_saving_does_not_fail_for_want_of_a_cache(memcached, caplog) -> None:
    memcached.stop()
    with caplog.at_level(logging.ERROR, "rust_page_cache"):
        Article.objects.create(slug="a")
    assert "may be served until its time is over" in caplog.text


def test_a_declaration_without_a_path() -> None:
    class Unnamed(models.Model):
        class Meta:
            app_label = "testsite"

    with pytest.raises(ImproperlyConfigured, match=r"Unnamed.*get_absolute_url"):
        purge_on_change(Unnamed)
