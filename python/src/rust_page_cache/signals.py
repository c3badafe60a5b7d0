"""Deleting the pages of an object whenever it is saved or deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Optional, TypeVar, Union

from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save

from .purge import purge_path

__all__ = ["purge_on_change", "purges_pages"]

logger = logging.getLogger("rust_page_cache")

Model = TypeVar("Model", bound=models.Model)
Urls = Union[str, None, Iterable[str]]
UrlSource = Union[str, Callable[[Any], Urls]]


def purges_pages(*urls: UrlSource) -> Callable[[type[Model]], type[Model]]:
    """:func:`purge_on_change` as a class decorator: ``@purges_pages("/")``."""
    return lambda model: purge_on_change(model, *urls)


def purge_on_change(model: type[Model], *urls: UrlSource) -> type[Model]:
    """Purge the pages of every object of ``model`` that is saved or deleted; returns ``model``.

    These are the pages of its ``get_absolute_url()``, that of before the change too, and those of
    ``urls``: paths, or callables that take the object and return a path, several or ``None``.
    All hosts and query strings of a path are purged (:func:`~rust_page_cache.purge_path`).

    It happens when the transaction is committed; not at all for ``QuerySet.update()``,
    ``bulk_create()`` and many-to-many changes, which send no such signals: call ``purge_object()``.
    """
    sources = list(urls)
    if hasattr(model, "get_absolute_url"):
        sources.insert(0, lambda instance: instance.get_absolute_url())
    if not sources:
        raise ImproperlyConfigured(
            f"purge_on_change({model.__name__}): the model has no get_absolute_url(): write one, "
            "or give the paths to purge as further arguments."
        )
    _Purger(model, sources).connect()
    return model


class _Purger:
    def __init__(self, model: type[models.Model], sources: list[UrlSource]) -> None:
        self.model = model
        self.sources = sources

    def connect(self) -> None:
        # Without sender=: subclasses and proxies of the model send their own.
        pre_save.connect(self.before_save, weak=False)
        pre_delete.connect(self.before_delete, weak=False)
        for signal in (post_save, post_delete):
            signal.connect(self.after, weak=False)

    def before_save(
        self, sender: type, instance: models.Model, raw: bool, using: Optional[str], **kwargs: Any
    ) -> None:
        if raw or instance.pk is None or instance._state.adding or not self._concerns(sender):
            return
        # The path may change with this save; the old one would keep its page.
        before = sender._base_manager.using(using).filter(pk=instance.pk).first()  # type: ignore[attr-defined]
        self._remember(instance, self._paths(before) if before else [])

    def before_delete(self, sender: type, instance: models.Model, **kwargs: Any) -> None:
        # Afterwards the object has no key, and what it belonged to may be gone.
        if self._concerns(sender):
            self._remember(instance, self._paths(instance))

    def after(
        self, sender: type, instance: models.Model, using: Optional[str], **kwargs: Any
    ) -> None:
        if not self._concerns(sender):
            return
        paths = set(instance.__dict__.pop(self._attribute, ()))
        if "created" in kwargs:
            paths.update(self._paths(instance))
        for path in sorted(paths):
            transaction.on_commit(partial(_purge_quietly, path), using=using)

    def _concerns(self, sender: type) -> bool:
        return issubclass(sender, self.model)

    @property
    def _attribute(self) -> str:
        return f"_rust_page_cache_paths_{id(self)}"

    def _remember(self, instance: models.Model, paths: list[str]) -> None:
        instance.__dict__[self._attribute] = paths

    def _paths(self, instance: models.Model) -> list[str]:
        paths: list[str] = []
        for source in self.sources:
            try:
                found = source(instance) if callable(source) else source
            except Exception:
                # Saving an object must not fail because its page has no URL.
                logger.exception("the pages of %r are not purged: no URL", instance)
                continue
            if found:
                paths.extend([found] if isinstance(found, str) else map(str, found))
        return paths


def _purge_quietly(path: str) -> None:
    try:
        purge_path(path)
    except Exception:
        logger.exception("%s was not purged", path)
