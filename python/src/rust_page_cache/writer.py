"""From a request and its answer to a stored page; what the middlewares and decorators share."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Optional, TypeVar, Union, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from . import registry
from .conf import Options, get_options
from .keys import Page
from .policy import cache_control, lifetime, request_refusal, response_refusal
from .store import PageStore, Ticket

logger = logging.getLogger("rust_page_cache")

View = TypeVar("View", bound=Callable[..., Any])
KeyGenerator = Callable[[HttpRequest], str]


@dataclass(frozen=True)
class PageWriter:
    """Stores the answers of one middleware or decorated view.

    ``timeout`` is the time to live in seconds where the answer does not say its own; ``None`` is
    the ``TIMEOUT`` of the cache. ``generator`` makes the key in place of the recipe.
    """

    store: PageStore
    timeout: Optional[int] = None
    generator: Optional[KeyGenerator] = None

    def start(self, request: HttpRequest) -> Optional[Ticket]:
        """To be called before the view; ``None`` if the answer is not to be stored.

        The key is made now: middlewares and views may change the request.
        """
        options = get_options()
        if options.careless:
            refused = not self.store.recipe.any_method and request.method != "GET"
            reason = "method" if refused else None
        else:
            reason = request_refusal(request)
        page = None
        if reason is None:
            page, reason = self._page(request, options)
        if page:
            key = self.store.key(page)
            if self.generator:
                key = self.store.prefix + self.generator(request)
            ticket = self.store.begin(page, key)
            if ticket:
                return ticket
            reason = "key or cache"
        logger.debug("not stored (%s): %s %s", reason, request.method, request.path)
        return None

    def _page(self, request: HttpRequest, options: Options) -> tuple[Optional[Page], Optional[str]]:
        try:
            page = Page.from_request(request)
        except SuspiciousOperation:
            return None, "host"
        return (None, "ignore") if options.ignores(page.full_path) else (page, None)

    def finish(
        self, request: HttpRequest, response: HttpResponseBase, ticket: Optional[Ticket]
    ) -> None:
        """To be called with the answer. Never raises."""
        if ticket is None:
            return
        if not getattr(response, "is_rendered", True):
            # A TemplateResponse has no body until the middlewares have had a look at it.
            cast(Any, response).add_post_render_callback(
                lambda rendered: self._finish(request, rendered, ticket)
            )
        else:
            self._finish(request, response, ticket)

    def _finish(self, request: HttpRequest, response: HttpResponseBase, ticket: Ticket) -> None:
        options = get_options()
        reason, timeout = self._decide(request, response, options)
        body = b"" if reason else bytes(cast(Any, response).content)
        if not reason and not body:
            # nginx takes an empty value for an absent one.
            reason = "empty"
        if not reason and len(body) > options.max_size:
            reason = "too-large"
        if reason:
            logger.debug("not stored (%s): %s", reason, ticket.page.full_path)
        elif self.store.put(ticket, body, timeout):
            logger.debug("stored for %s s: %s", timeout, ticket.page.full_path)

    def _decide(
        self, request: HttpRequest, response: HttpResponseBase, options: Options
    ) -> tuple[Optional[str], Optional[int]]:
        """Why the answer is not stored, else for how long."""
        recipe = self.store.recipe
        if response.streaming:
            return "streaming", 0
        given = self.timeout
        if given is None:
            default = self.store.cache.default_timeout
            given = None if default is None else int(default)
        if options.careless:
            if not recipe.any_status and response.status_code != 200:
                return "status", 0
            # Of the old packages only nginx-redis-cache looked at max-age, the one that cares
            # for the status.
            careful_about_age = not recipe.any_status and "max-age" in cache_control(response)
            timeout = lifetime(response, given) if careful_about_age else given
        else:
            reason = response_refusal(request, response, recipe, options)
            if reason:
                return reason, 0
            timeout = lifetime(response, given)
        return (None, timeout) if timeout is None or timeout > 0 else ("max-age", 0)


class StorePagesMiddleware(MiddlewareMixin):
    """The base of the middlewares. It belongs at the top of ``MIDDLEWARE``, where it sees the
    headers that the others set.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        super().__init__(get_response)
        self.writer = self.writer_from_settings()

    @classmethod
    def writer_from_settings(cls) -> PageWriter:
        """The writer that the settings describe. Raises ``ImproperlyConfigured``."""
        raise NotImplementedError

    def process_request(self, request: HttpRequest) -> None:
        self._tickets(request)[id(self)] = self.writer.start(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        self.writer.finish(request, response, self._tickets(request).pop(id(self), None))
        return response

    @staticmethod
    def _tickets(request: HttpRequest) -> dict[int, Optional[Ticket]]:
        tickets: dict[int, Optional[Ticket]] = request.__dict__.setdefault(
            "_rust_page_cache_tickets", {}
        )
        return tickets


def store_pages_of(view: View, writer: PageWriter) -> View:
    """The view, with its answers stored. Sync views stay sync, async ones async."""
    registry.register(writer.store)

    @wraps(view)
    def stored(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        ticket = writer.start(request)
        response: HttpResponseBase = view(request, *args, **kwargs)
        writer.finish(request, response, ticket)
        return response

    @wraps(view)
    async def stored_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        ticket = await sync_to_async(writer.start)(request)
        response = await cast(Awaitable[HttpResponseBase], view(request, *args, **kwargs))
        await sync_to_async(writer.finish)(request, response, ticket)
        return response

    wrapped: Union[Callable[..., Any], Any] = stored_async if iscoroutinefunction(view) else stored
    return cast(View, wrapped)


def check_decorator_timeout(timeout: object) -> Optional[int]:
    """The first argument of a ``cache_page``; ``TypeError`` says how it is written."""
    if callable(timeout):
        raise TypeError("cache_page takes the time to live in seconds: write @cache_page(300)")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
        raise TypeError(f"cache_page({timeout!r}): the time to live is a number of seconds")
    if timeout is not None and not 0 <= timeout < 1e9:
        raise ImproperlyConfigured(f"cache_page({timeout!r}): write a number of seconds from 0 up.")
    return None if timeout is None else int(timeout)
