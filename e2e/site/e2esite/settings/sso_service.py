"""What nginx-conf/sso.conf asks who somebody is."""

from .sso import *  # noqa: F403

SITE = "sso_service"
