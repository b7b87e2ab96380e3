"""The application that gunicorn imports in each worker, after the fork: ``api.wsgi:app``."""

from api import create_app
from api.service import warm_later

app = create_app()
warm_later()
