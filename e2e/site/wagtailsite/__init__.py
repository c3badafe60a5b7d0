"""A Wagtail site with wagtail-cache, the one that nginx-conf/wagtail.conf is written for."""
