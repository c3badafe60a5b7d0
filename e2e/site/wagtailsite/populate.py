"""Makes the database of the site: `python -m wagtailsite.populate`."""

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

django.setup()
# The tables as they are in the end, in a second; so the first rows are made here, too.
settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
call_command("migrate", verbosity=0, run_syncdb=True)

from django.contrib.auth import get_user_model  # noqa: E402
from wagtail.contrib.redirects.models import Redirect  # noqa: E402
from wagtail.models import Collection, Locale, Page, PageViewRestriction, Site  # noqa: E402

from wagtailsite.models import FormPage, TextPage  # noqa: E402

get_user_model().objects.create_superuser("editor", "editor@example.com", "editor")
Locale.objects.create(language_code="en")
Collection.add_root(name="Root")
home = Page.add_root(title="Root", slug="root").add_child(instance=TextPage(title="Home"))
Site.objects.create(hostname="example.com", root_page=home, is_default_site=True)

home.add_child(instance=TextPage(title="About us", slug="about"))
home.add_child(instance=FormPage(title="Contact", slug="contact"))
for slug, restriction in [
    ("secret", {"restriction_type": PageViewRestriction.PASSWORD, "password": "sesame"}),
    ("members", {"restriction_type": PageViewRestriction.LOGIN}),
]:
    page = home.add_child(instance=TextPage(title=f"Only for some: {slug}", slug=slug))
    PageViewRestriction.objects.create(page=page, **restriction)
Redirect.objects.create(old_path="/old", redirect_link="/about/", is_permanent=True)
Redirect.objects.create(old_path="/for-now", redirect_link="/about/", is_permanent=False)
