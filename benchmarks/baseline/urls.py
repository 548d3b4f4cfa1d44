"""The same two paths as the service's."""

from django.urls import path

from benchmarks.baseline.views import ReceiptView, SendView

urlpatterns = [path("api/messages/", SendView.as_view()), path("api/webhooks/dlr/", ReceiptView.as_view())]
