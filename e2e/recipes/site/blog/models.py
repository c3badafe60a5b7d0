from django.db import models

from rust_page_cache import purges_pages


@purges_pages("/")
class Article(models.Model):
    slug = models.CharField(max_length=50, unique=True)
    text = models.TextField()

    def get_absolute_url(self):
        return f"/article/{self.slug}/"
