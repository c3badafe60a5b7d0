"""The site, and a line of BLOG_LOG for each request that gets here."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

django = get_wsgi_application()
call_command("migrate", run_syncdb=True, verbosity=0)


def application(environ, start_response):
    with open(os.environ["BLOG_LOG"], "a") as log:
        log.write(f"{environ['REQUEST_METHOD']} {environ.get('SCRIPT_NAME', '')!r}\n")
    return django(environ, start_response)
