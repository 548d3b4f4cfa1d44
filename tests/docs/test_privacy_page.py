"""docs/privacy.md says where everything is, and how PostgreSQL is to be told to be silent."""

import re
from pathlib import Path

from django.apps import apps

from devstack.postgres import QUIET

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text()


def test_the_page_names_every_table():
    """A table that is added is a place where a number may be: say so, or that it has none, and say it once."""
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    named = [table for row in rows for table in re.findall(r"`(sms_\w+)`", row)]
    assert sorted(named) == sorted(model._meta.db_table for model in apps.get_app_config("sms").get_models())


def test_postgresql_is_silent_in_the_same_way_everywhere():
    """On a private server, in Docker, and as the page advises."""
    compose = (ROOT / "docker-compose.yml").read_text()
    for name, value in QUIET.items():
        assert re.search(rf"^{name} = {value}\b", PAGE, re.MULTILINE), name
        assert f'- "-c{name}={value}"' in compose
