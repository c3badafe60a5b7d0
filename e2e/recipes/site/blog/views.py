"""Every page holds a number of its own: one that is seen twice came from the store."""

import hashlib
import itertools

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from .models import Article

numbers = itertools.count(1)


def rendered(text):
    return HttpResponse(f"<p>{text}</p>\n<p>{next(numbers)}</p>\n")


def home(request):
    return rendered(" ".join(article.text for article in Article.objects.order_by("slug")))


@csrf_exempt
def article(request, slug):
    """POST saves what it gets."""
    if request.method == "POST":
        Article.objects.update_or_create(slug=slug, defaults={"text": request.body.decode()})
    return rendered(Article.objects.get(slug=slug).text)


def page(request, rest):
    """What Django takes the request for."""
    return rendered(f"{request.get_full_path()} {request.build_absolute_uri()} ({rest})")


@csrf_exempt
def form(request):
    """What has come in, and how much of it."""
    body = request.body
    return JsonResponse(
        {
            "method": request.method,
            "path": request.get_full_path(),
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    )


def away(request):
    return HttpResponseRedirect(request.build_absolute_uri("../page/here/?a=1"))
