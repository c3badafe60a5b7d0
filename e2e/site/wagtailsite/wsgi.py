from controls import beside
from django.core.wsgi import get_wsgi_application

application = beside(get_wsgi_application())
