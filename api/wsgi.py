"""The application that gunicorn imports in each worker, after the fork: ``api.wsgi:app``."""

from api import create_app
from api.logs import log_threads
from api.service import keeper_of

log_threads()
app = create_app()
keeper_of(app).watch()
