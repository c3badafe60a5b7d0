from wagtail.models import Page
from wagtailcache.cache import WagtailCacheMixin


class TextPage(WagtailCacheMixin, Page):
    """The same for everybody, but for Wagtail's own bar that editors get."""


class FormPage(WagtailCacheMixin, Page):
    """A page with a token of the visitor's."""
