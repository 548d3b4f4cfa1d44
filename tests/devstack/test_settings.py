"""Where the settings of the children come from."""

import json
import stat

import pytest

from devstack import settings
from devstack.errors import DevstackError


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("  export KEY = spaced  ", "spaced"),
        ("KEY='single # quoted'  # a remark", "single # quoted"),
        ('KEY="double quoted"', "double quoted"),
        ("KEY=plain # a remark", "plain"),
        ("KEY=with#hash", "with#hash"),
        ("KEY=a=b", "a=b"),
        ("KEY=it's", "it's"),
        ("KEY=", None),
        ("KEY= # only a remark", None),
        ("# KEY=remark", None),
    ],
)
def test_lines_of_a_dotenv(tmp_path, line, value):
    """Comments, `export` and quotes are understood; an empty value is none."""
    (tmp_path / ".env").write_text(f"# first\n\n{line}\n")

    assert settings.read_dotenv(tmp_path / ".env") == ({} if value is None else {"KEY": value})


def test_a_line_that_is_none_is_named(tmp_path):
    """A wrong line is told by its number."""
    (tmp_path / ".env").write_text("GOOD=1\nnot a setting\n")

    with pytest.raises(DevstackError, match=r"\.env, line 2"):
        settings.read_dotenv(tmp_path / ".env")


def test_the_real_environment_wins(tmp_path):
    """What the shell gives is stronger than the file, unless it is empty."""
    (tmp_path / ".env").write_text("PORT=8081\nHOST=localhost\nSENDER_IDS=FromFile\n")
    found = settings.for_run(tmp_path, {"PORT": "8082", "HOST": ""})

    assert (found["PORT"], found["HOST"], found["SENDER_IDS"]) == ("8082", "localhost", "FromFile")


@pytest.mark.parametrize(
    ("given", "account"),
    [
        ({}, "demo"),
        ({"HOST": "::1"}, "demo"),
        ({"HOST": "localhost", "DEBUG": "on"}, "demo"),
        ({"HOST": "0.0.0.0"}, None),
        ({"HOST": "example.org"}, None),
        ({"DEBUG": "false"}, None),
        ({"HOST": "0.0.0.0", "ANONYMOUS_ACCOUNT": "mine"}, "mine"),
    ],
)
def test_nobody_from_outside_sends_without_a_key(tmp_path, given, account):
    """Requests without a key are only let in where nobody else can come from."""
    assert settings.for_run(tmp_path, given).get("ANONYMOUS_ACCOUNT") == account


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("example.org", "http://example.org:8080"),
    ],
)
def test_the_address_is_one_to_click_on(tmp_path, host, address):
    """An address that only a server can have is not printed."""
    found = settings.for_run(tmp_path, {"HOST": host})

    assert settings.address_of(found) == address
    assert found["WEBHOOK_URL"] == f"{address}/api/webhooks/dlr/"


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "8080a", "٨٠"])
def test_a_port_has_to_be_one(tmp_path, port):
    """Nonsense is refused in a sentence; nothing at all is the default."""
    if not port:
        assert settings.for_run(tmp_path, {"PORT": port})["PORT"] == "8080"
        return
    with pytest.raises(DevstackError, match="is not a port"):
        settings.for_run(tmp_path, {"PORT": port})


def test_secrets_are_made_once(tmp_path):
    """Secrets are the same at every run, readable by their owner only, and not made when they are given."""
    kept_in = tmp_path / "secrets.json"
    first: dict[str, str] = {"SECRET_KEY": "given"}
    second: dict[str, str] = {"DEMO_API_KEY": "given too"}
    settings.add_secrets(first, kept_in)
    settings.add_secrets(second, kept_in)

    assert first["SECRET_KEY"] == "given"
    assert second["DEMO_API_KEY"] == "given too"
    assert first["DLR_SIGNING_SECRETS"] == second["DLR_SIGNING_SECRETS"] != ""
    assert first["DEMO_API_KEY"].startswith("sms_live_")
    assert len(first["DEMO_API_KEY"]) == len("sms_live_") + 32
    assert set(json.loads(kept_in.read_text())) == {"SECRET_KEY", "DLR_SIGNING_SECRETS", "DEMO_API_KEY"}
    assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600


def test_tests_see_no_setting_of_the_person(tmp_path):
    """What `.env.example` names is taken away from the tests; the two addresses and everything else stay."""
    (tmp_path / ".env.example").write_text("SENDER_IDS=MyCorp\n#LOG_LEVEL=INFO\nDATABASE_URL=\nREDIS_URL=\n")
    given = {"SENDER_IDS": "Mine", "LOG_LEVEL": "DEBUG", "DATABASE_URL": "postgresql://there", "HOME": "/there"}

    assert settings.for_test(tmp_path, given) == {
        "DATABASE_URL": "postgresql://there",
        "HOME": "/there",
        **settings.FOR_TESTS,
    }
