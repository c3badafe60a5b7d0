from cms.app_base import CMSApp
from cms.apphook_pool import apphook_pool


@apphook_pool.register
class News(CMSApp):
    app_name = "news"
    name = "News"

    def get_urls(self, page=None, language=None, **kwargs):
        return ["cmssite.news"]
