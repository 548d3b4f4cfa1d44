"""Django's settings of the baseline. Everything is set that a careful engineer sets for speed."""

import os

import dj_database_url

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.baseline.urls"
INSTALLED_APPS = ["benchmarks.baseline"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
# Connections are kept: without this each request, and each task, would open one of its own.
DATABASES = {"default": {**dj_database_url.parse(os.environ["BASELINE_DATABASE_URL"]), "CONN_MAX_AGE": None}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}

API_KEY = os.environ["DEMO_API_KEY"]
SIGNING_SECRET = os.environ["DLR_SIGNING_SECRETS"]
PROVIDER_URL = os.environ["SIMULATOR_URL"]
SENDER_IDS = ["MyCorp"]
BLOCKED_KEYWORD = "STOP"
