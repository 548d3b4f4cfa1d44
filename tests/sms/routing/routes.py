"""Routes for tests, whose providers do as each text says."""

from collections import Counter

from sms.models import Route, RouteBreaker, RouteChange
from sms.providers import registry
from sms.providers.base import Outcome, Provider
from sms.providers.errors import ProviderError
from sms.providers.kinds import KINDS
from sms.routing import snapshot
from sms.services.submit import submit_due


class Told(Provider):
    """Says what a test tells it to; yes, where it was told nothing."""

    says = None  # an outcome

    @classmethod
    def from_setup(cls, setup):
        return cls(setup.route)

    def __init__(self, name):
        super().__init__(name, patience=5.0, window=500)
        self.taken = Counter()  # by text

    async def submit_one(self, submission, *, deadline):
        self.taken[submission.text] += 1
        return self.says or Outcome.sent(f"{self.name} {submission.attempt_id}")

    def verify(self, request):
        raise NotImplementedError

    def receipts(self, request):
        raise NotImplementedError


def no(error, **more):
    """The provider certainly does not have it."""
    return Outcome.not_sent(error, "no", **more)


AWAY = no(ProviderError.PROVIDER_UNAVAILABLE)


def use(monkeypatch):
    """Let routes have the kind "told"."""
    monkeypatch.setitem(KINDS, "told", f"{__name__}.Told")
    registry.forget()


def route(name, **fields):
    """Store a route, or change it, and return its row."""
    made, _ = Route.objects.update_or_create(name=name, defaults={"kind": "told", **fields})
    snapshot.forget()
    return made


def provider(name):
    """The provider of a route."""
    return registry.provider_of(snapshot.current().by_name(name))


def run():
    """Submit everything that is due, by the routes as they are now, and what then goes elsewhere."""
    snapshot.forget()
    for _ in range(4):  # as many nudges
        submit_due(keep_going=lambda: True)


def breakers():
    """What is broken."""
    return {(one.route.name, one.country): one.tries for one in RouteBreaker.objects.select_related("route")}


def changes(name):
    """What was changed, by whom, and why."""
    return [(one.by, one.what, one.reason) for one in RouteChange.objects.filter(route__name=name).order_by("id")]
