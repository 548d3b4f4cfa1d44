"""What gunicorn serves."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baseline.settings"

from django.core.wsgi import get_wsgi_application

from benchmarks.baseline.celery import app as celery_app

celery_app.set_default()
application = get_wsgi_application()
