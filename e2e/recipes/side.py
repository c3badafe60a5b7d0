"""What the tests ask a recipe."""

import itertools

from harness import processes


class Side:
    """`server` is the nginx in front of `blog`, with `store` beside them."""

    numbers = itertools.count(1)

    def __init__(self, recipe, store, blog, server):
        self.recipe, self.store, self.blog, self.server = recipe, store, blog, server

    def await_site(self):
        """It listens before it is loaded, and what it answers then is not stored."""
        processes.wait_until(lambda: self.get("/form/").status == 200, self.blog.process.tail)

    @property
    def served(self):
        """How many requests have got to Django."""
        return len(self.blog.served())

    def get(self, target, method="GET", **request):
        return self.server.get(target, method, **request)

    def fresh(self, path="/page/"):
        return f"{path}n{next(self.numbers)}/"

    def django(self, target, method="GET", **request):
        """Asserts that the request gets to Django."""
        served = self.served
        answer = self.get(target, method, **request)
        assert self.served == served + 1, (target, answer, self.blog.process.tail())
        assert answer.cache != "HIT"
        assert self.blog.served()[-1] == [method, "''"], "method and SCRIPT_NAME"
        return answer

    def misses(self, target, **request):
        answer = self.django(target, **request)
        assert (answer.status, answer.cache) == (200, "MISS absent"), answer
        return answer

    def hits(self, target, **request):
        """Asserts that nginx answers and Django has no work."""
        served = self.served
        answer = self.get(target, **request)
        assert (answer.status, answer.cache) == (200, "HIT"), answer
        assert self.served == served
        return answer

    def stored(self, target, **request):
        """A miss, and the same page from nginx."""
        first = self.misses(target, **request)
        hit = self.hits(target, **request)
        assert hit.body == first.body
        assert hit.get("Content-Type").split(";")[0] == "text/html"
        return hit
