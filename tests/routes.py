"""Routes for tests."""

from decimal import Decimal

from sms.models import Route
from sms.routing import snapshot


def make_route(name, *, price=None, currency="EUR", **fields):
    """Store a route, by which live messages go from now on, and return it as those see it who choose."""
    amount = None if price is None else Decimal(price)
    Route.objects.create(
        name=name,
        kind="simulator",
        options={"url": "http://127.0.0.1:9", "signing_secrets": "not-used-by-anything"},
        price=amount,
        currency=currency if price is not None else "",
        **fields,
    )
    snapshot.forget()
    return snapshot.current().by_name(name)


def change_route(name, **fields):
    """Change a route, and let this process know at once."""
    Route.objects.filter(name=name).update(**fields)
    snapshot.forget()
    return snapshot.current().by_name(name)
