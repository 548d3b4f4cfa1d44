"""Django's own pages. The hot paths never reach them: see `config.asgi`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
