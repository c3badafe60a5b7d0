"""A django CMS site with an apphook, the one that nginx-conf/django-cms.conf is written for."""
