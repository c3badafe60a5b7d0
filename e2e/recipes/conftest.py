"""One site, its store and its nginx at a time, for all tests of a recipe."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("side")

from serving import RECIPES, Blog, Store, shipped  # noqa: E402
from side import Side  # noqa: E402


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def side(request, folder):
    recipe = request.param
    below = folder / recipe.name
    below.mkdir()
    below.chmod(0o711)
    started = []
    try:
        store = Store(recipe.store, below)
        started.append(store)
        blog = Blog(recipe, store, below)
        started.append(blog.process)
        server = shipped(recipe, blog, store, below / "nginx")
        started.append(server)
        store.ready()
        blog.process.ready()
        server.ready()
        side = Side(recipe, store, blog, server)
        side.await_site()
        yield side
    finally:
        for thing in reversed(started):
            thing.stop()
