"""Makes the database of the site: `python -m cmssite.populate`."""

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

django.setup()
# The tables as they are in the end, in a second.
settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
call_command("migrate", verbosity=0, run_syncdb=True)

from cms.api import create_page, create_page_content  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.db import transaction  # noqa: E402

Site.objects.update_or_create(pk=1, defaults={"domain": "example.com", "name": "Tests"})
get_user_model().objects.create_superuser("editor", "editor@example.com", "editor")
for title, more in [
    ("Home", {}),
    ("About", {}),
    ("News", {"apphook": "News", "apphook_namespace": "news"}),
]:
    page = create_page(title, "page.html", "en", **more)
    create_page_content("de", f"{title} (de)", page, slug=title.lower())
    if title == "Home":
        with transaction.atomic():
            page.set_as_homepage()
