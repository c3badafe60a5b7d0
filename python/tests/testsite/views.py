"""Views that answer what a test has put into ``answers``, and count."""

from collections import Counter

from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse

from rust_page_cache import djanginxed, djanginxed_readme, nginx_redis_cache

renders = Counter()
answers = {}


def page(request, **kwargs):
    renders[request.get_full_path()] += 1
    answer = answers.get(request.path)
    if answer:
        return answer(request)
    return HttpResponse(f"<p>{request.get_full_path()} {sum(renders.values())}</p>")


def stream(request):
    return StreamingHttpResponse([b"<p>stream</p>"])


def template(request):
    found = engines["django"].from_string("<p>{{ n }}</p>")
    return TemplateResponse(request, found, {"n": sum(renders.values())})


def form(request):
    found = engines["django"].from_string("<form>{% csrf_token %}</form>")
    return TemplateResponse(request, found, {})


async def asynchronous(request):
    return HttpResponse("<p>async</p>")


code = djanginxed.cache_page(60)(page)
code_generator = djanginxed.cache_page(60, "gen-", lambda request: request.GET["key"])(page)
readme = djanginxed_readme.cache_page(60, key_prefix="site2")(page)
host = nginx_redis_cache.cache_page(60, cache="redis")(page)
host_prefix = nginx_redis_cache.cache_page(60, cache="redis", key_prefix="dec")(page)
decorated_template = djanginxed.cache_page(60)(template)
decorated_form = djanginxed.cache_page(60)(form)
decorated_async = djanginxed.cache_page(60)(asynchronous)
