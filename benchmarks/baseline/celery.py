"""Celery over Redis, prefork, its own defaults otherwise."""

import os

from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.baseline.settings"

app = Celery("baseline", broker=os.environ["BASELINE_REDIS_URL"])
app.conf.CELERY_DB_REUSE_MAX = 1_000_000_000  # Celery's Django fixup otherwise closes connections around every task
app.set_default()
app.autodiscover_tasks(["benchmarks.baseline"])
