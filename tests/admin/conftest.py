"""The admin as a browser talks to it, without its network."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.sms.conftest import one_of_each  # noqa: F401  a fixture


@pytest.fixture
def operator(transactional_db):
    """Somebody who may do everything."""
    return User.objects.create(username="operator", is_staff=True, is_superuser=True)


@pytest.fixture
def client(operator):
    """A browser in which the operator is logged in."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    return client


def fill_in(client, path, **fields):
    """Open a page with a form, send the form with what is given, and return the answer."""
    page = client.get(path)
    assert page.status_code == 200
    form = page.context["adminform"].form
    given = {name: field.initial for name, field in form.fields.items() if field.initial is not None}
    given |= {name: form.initial[name] for name in form.fields if form.initial.get(name) is not None}
    for inline in page.context["inline_admin_formsets"]:
        management = inline.formset.management_form
        given |= {f"{management.prefix}-{name}": value for name, value in management.initial.items()}
        for one in inline.formset.initial_forms:
            kept = [name for name in one.fields if name != "DELETE"]
            given |= {f"{one.prefix}-{name}": one.initial.get(name) or one.instance.pk for name in kept}
    given |= {"csrfmiddlewaretoken": str(page.context["csrf_token"]), **fields}
    return client.post(path, {name: value for name, value in given.items() if value is not None})
