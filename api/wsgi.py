"""The application that gunicorn imports in each worker, after the fork: ``api.wsgi:app``."""

import gc

from api import create_app
from api.logs import log_threads
from api.record import record_of
from api.service import keeper_of
from project_tools.serving.lean import hide_training_libraries

hide_training_libraries()  # before create_app imports LightGBM, Arrow and the routes
log_threads()
app = create_app(ahead=True)
keeper_of(app).watch()
record_of(app).watch()
# The model's tables live as long as the worker: a collection that walks over them takes 50 ms.
gc.collect()
gc.freeze()
