"""Django's settings, and the domain's. What an operator may choose comes from `config.env`."""

import sys

import dj_database_url

from config import env, logs
from sms.networks import parse_network

SECRET_KEY = env.SECRET_KEY
# Never Django's debug pages: a client gets no stack trace, and no query log grows in a long-lived process.
# The environment's DEBUG only unlocks the quickstart's conveniences (see `config.env`).
DEBUG = False
ALLOWED_HOSTS = env.ALLOWED_HOSTS
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

INSTALLED_APPS = [
    "channels",
    "sms",
    # The admin's. Its pages are loaded by the web process only, by `config.urls`.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
]
if "runserver" in sys.argv:
    # Serves `manage.py runserver`. Elsewhere left out: it loads Twisted into every worker.
    INSTALLED_APPS.insert(0, "daphne")
MIDDLEWARE = [
    "config.middleware.SafePages",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/admin/static/"  # served by `config.pages`, out of Django's own package
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a working day
CSRF_COOKIE_HTTPONLY = True

# A process that freezes or vanishes inside a transaction must not keep its row locks from all the others.
OPTIONS = "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=5000"
DATABASES = {
    "default": {
        **dj_database_url.parse(env.DATABASE_URL),
        # Connections belong to long-lived threads (see `sms.database`), which mend them when they break.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,  # asked for by Django's own requests only: the admin's
        "OPTIONS": {"connect_timeout": 3, "application_name": "sms", "options": OPTIONS},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["config.formats"]

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # redis-py's own default of 5 s would cut every idle socket: django/channels_redis#422.
            "hosts": [{"address": env.REDIS_URL, "socket_timeout": None, "health_check_interval": 15}],
            "prefix": "sms",
        },
    }
}

SMS_DATABASE_THREADS = env.DATABASE_THREADS
SMS_WORKER_THREADS = env.WORKER_THREADS
SMS_FAULT = env.SMS_FAULT
SMS_LOOK_UP_AFTER = env.LOOK_UP_AFTER
SMS_LEASE_SECONDS = env.LEASE_SECONDS
SMS_PROVIDER_TIMEOUT = env.PROVIDER_TIMEOUT
SMS_PUBLIC_URL = env.PUBLIC_URL.rstrip("/")
SMS_CREDENTIALS_KEYS = env.CREDENTIALS_KEYS or [env.SECRET_KEY]
SMS_DEFAULT_REGION = env.DEFAULT_REGION
SMS_ANONYMOUS_ACCOUNT = env.ANONYMOUS_ACCOUNT
SMS_DEMO_API_KEY = env.DEMO_API_KEY
SMS_DEMO_SENDER_IDS = env.SENDER_IDS
SMS_DEMO_BLOCKED_KEYWORDS = env.BLOCKED_KEYWORDS
SMS_GRAPHQL_COST_LIMIT = env.GRAPHQL_COST_LIMIT
SMS_GRAPHQL_INTROSPECTION = env.GRAPHQL_INTROSPECTION
# Who may not see the schema is not helped to guess it; who runs trusted documents only needs no page to write others.
SMS_GRAPHQL_SUGGESTIONS = env.GRAPHQL_SUGGESTIONS and env.GRAPHQL_INTROSPECTION
SMS_GRAPHQL_IDE = env.GRAPHQL_IDE and not env.GRAPHQL_TRUSTED_ONLY
SMS_GRAPHQL_TRUSTED_DOCUMENTS = env.GRAPHQL_TRUSTED_DOCUMENTS
SMS_GRAPHQL_TRUSTED_ONLY = env.GRAPHQL_TRUSTED_ONLY
SMS_TRUSTED_PROXIES = tuple(map(parse_network, env.TRUSTED_PROXIES))
SMS_ADMIN_NETWORKS = tuple(map(parse_network, env.ADMIN_NETWORKS))
SMS_METRICS_TOKEN = env.METRICS_TOKEN
SMS_REDIS_URL = env.REDIS_URL
# What is there without being set up: test messages go there, and live ones while there is no route.
SMS_PROVIDERS = {
    "simulator": {
        "class": "sms.providers.simulator.SimulatorProvider",
        "url": env.SIMULATOR_URL,
        "batches": env.SIMULATOR_BATCHES,
        "signing_secrets": env.DLR_SIGNING_SECRETS,
        "timeout": env.PROVIDER_TIMEOUT,
    }
}
# Who is told after the commit, by dotted path: the domain imports none of them.
SMS_EVENT_LISTENERS = ["graphql_api.publisher.publish"]
SMS_INBOUND_LISTENERS = ["graphql_api.publisher.publish_received"]

LOGGING_CONFIG = None
logs.set_up()
