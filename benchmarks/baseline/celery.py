"""Celery over Redis, prefork, its own defaults otherwise."""

import os

from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baseline.settings"

app = Celery("baseline", broker=os.environ["BASELINE_REDIS_URL"])
app.set_default()
app.autodiscover_tasks(["benchmarks.baseline"])
