"""GraphiQL: served from our own files, under a strict policy. What it looks like is tested in `tests.browser`."""

import hashlib
import re

import pytest
from graphql import parse
from graphql.validation import validate

from graphql_api.graphiql.page import ASSETS, HERE
from graphql_api.schema import schema
from tests.graphql_api.http import request

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
VENDORED = re.findall(
    r"^\| `(\S+)` \| (\S+) \| `\S+` \| MIT \| `(\w{64})` \|$", (HERE / "assets/README.md").read_text(), re.MULTILINE
)
OWN = {"README.md", "boot.js", "icon.svg", "page.css"}


async def get(path="/graphql/", **headers):
    """Ask as a browser does, without a key."""
    return await request("GET", path, headers={"accept": BROWSER, "authorization": None, **headers})


async def test_a_browser_gets_the_page():
    """Without a key, under a policy that lets nothing in from elsewhere."""
    answer = await get()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_without_its_slash_the_address_is_mended():
    """The page's links are relative to /graphql/."""
    answer = await get("/graphql")
    assert (answer.status, answer.headers["location"]) == (307, "graphql/")


async def test_all_that_the_page_asks_for_is_there():
    """Every link of the page is a file of ours, of the right type."""
    links = re.findall(r'(?:src|href)="([^"]+)"', (await get()).body.decode())
    assert len(links) == 9
    for link in links:
        answer = await get(f"/graphql/{link}")
        assert answer.status == 200, link
        assert answer.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/svg+xml"}
        assert (
            hashlib.sha256(answer.body).digest()
            == hashlib.sha256(ASSETS[link.removeprefix("assets/")].read_bytes()).digest()
        )
        expected = "no-cache" if link.removeprefix("assets/") in OWN else "public, max-age=31536000, immutable"
        assert answer.headers["cache-control"] == expected, link


@pytest.mark.parametrize(
    "name", ["", "README.md", "nothing.js", "../page.html", "..%2fpage.html", "../../http.py", "\0"]
)
async def test_nothing_else_is_served(name):
    """No other file, by no other way."""
    assert (await get(f"/graphql/assets/{name}")).status == 404


@pytest.mark.parametrize(("name", "package", "digest"), VENDORED)
def test_a_vendored_file_is_what_its_package_has(name, package, digest):
    """Each has the sum that the README tells, and its name has the version."""
    assert hashlib.sha256((HERE / "assets" / name).read_bytes()).hexdigest() == digest
    assert package.rpartition("@")[2] in name or name.endswith("LICENSE.txt")


def test_every_file_is_accounted_for():
    """A file is ours or stands in the README."""
    assert {path.name for path in (HERE / "assets").iterdir()} == {name for name, _, _ in VENDORED} | OWN


def test_our_own_files_name_no_other_host():
    """Only an XML namespace looks like an address."""
    for path in (HERE / "page.html", *(HERE / "assets" / name for name in OWN - {"README.md"})):
        assert "://" not in path.read_text().replace("http://www.w3.org/2000/svg", ""), path


def test_the_first_query_is_valid():
    """What a newcomer finds in the editor works with this schema."""
    document = re.search(r"const QUERY = `(.+?)`;", (HERE / "assets/boot.js").read_text(), re.DOTALL)[1]
    assert validate(schema._schema, parse(document)) == []
