"""The WSGI application, for any server: `gunicorn wsgi:app`, with `cms worker` beside it."""

from cms.app import create_app, log_as_json

log_as_json()
app = create_app()
