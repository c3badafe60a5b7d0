from django.db import models

from rust_page_cache import purge_on_change, purges_pages


@purges_pages("/", lambda article: [f"/tags/{tag}/" for tag in article.tags.split()])
class Article(models.Model):
    slug = models.CharField(max_length=50)
    tags = models.CharField(max_length=50, blank=True)

    def get_absolute_url(self):
        if self.slug == "broken":
            raise RuntimeError("no URL")
        return f"/article/{self.slug}/"


class Feature(Article):
    """Has the signals of its own, and the pages of an article."""


class Banner(models.Model):
    text = models.CharField(max_length=50)


purge_on_change(Banner, "/")
