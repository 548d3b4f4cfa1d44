"""Django's own pages. The hot paths never reach them: see `config.asgi`."""

from django.urls import path

from sms.admin import site

urlpatterns = [path("admin/", site.urls)]
handler500 = "config.pages.show_failure"
