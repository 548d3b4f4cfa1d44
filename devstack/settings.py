"""The environment of the children: what the person gave, what `.env` gives, and what is made up here."""

import ipaddress
import json
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from devstack import ports
from devstack.errors import DevstackError
from devstack.servers import write_private

TRUE_WORDS = {"1", "true", "t", "yes", "y", "on"}
MADE_ONCE: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(48),
    "DLR_SIGNING_SECRETS": lambda: secrets.token_hex(32),
    "DEMO_API_KEY": lambda: f"sms_live_{secrets.token_urlsafe(24)}",
}
FOR_TESTS = {
    "SECRET_KEY": "only-the-tests-use-this-secret-key",
    "DLR_SIGNING_SECRETS": "only-the-tests-sign-with-this",
    "DEMO_API_KEY": "sms_live_only-the-tests-have-this-api-key",
    "DEBUG": "true",
    "HOST": "127.0.0.1",
}


def for_run(root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return everything but the addresses of what is started here; an empty value counts as not given.

    Raises DevstackError when HOST, PORT or the file `.env` make no sense.
    """
    filled = {name: value for name, value in given.items() if value}
    settings = {**read_dotenv(root / ".env"), **filled}
    settings.setdefault("HOST", "127.0.0.1")
    settings.setdefault("PORT", "8080")
    settings.setdefault("DEBUG", "true")
    _check_port(settings["PORT"])
    if is_loopback(settings["HOST"]) and settings["DEBUG"].lower() in TRUE_WORDS:
        settings.setdefault("ANONYMOUS_ACCOUNT", "demo")
    settings.setdefault("WEBHOOK_URL", f"{address_of(settings)}/api/webhooks/dlr/")
    return settings


def for_test(root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the tests: the person's, without any setting of the service but the two addresses."""
    ours = names_of_settings(root / ".env.example") - {"DATABASE_URL", "REDIS_URL"}
    return {name: value for name, value in given.items() if value and name not in ours} | FOR_TESTS


def names_of_settings(example: Path) -> set[str]:
    """Return every setting that `.env.example` names, commented out or not."""
    if not example.exists():
        return set()
    return set(re.findall(r"^#?\s*([A-Z][A-Z0-9_]*)=", example.read_text(), flags=re.MULTILINE))


def add_secrets(settings: dict[str, str], kept_in: Path) -> None:
    """Add the secrets that nobody gave: made at the first run, the same ever after."""
    kept: dict[str, str] = json.loads(kept_in.read_text()) if kept_in.exists() else {}
    missing = {name: make() for name, make in MADE_ONCE.items() if name not in settings and name not in kept}
    if missing:
        kept |= missing
        write_private(kept_in, json.dumps(kept, indent=2) + "\n")
    for name in MADE_ONCE:
        settings.setdefault(name, kept.get(name, ""))


def read_dotenv(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines: comments, an `export` in front and quotes are understood, nothing else is.

    Raises DevstackError with the number of a line that is none of these.
    """
    if not path.exists():
        return {}
    values = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", line)
        if not found:
            raise DevstackError(f"{path.name}, line {number}: this is not KEY=VALUE.")
        if value := _unquoted(found[2].strip()):
            values[found[1]] = value
    return values


def _unquoted(text: str) -> str:
    quoted = re.fullmatch(r"""(["'])(.*?)\1\s*(?:#.*)?""", text)
    return quoted[2] if quoted else re.sub(r"(^|\s+)#.*", "", text)


def _check_port(text: str) -> None:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= ports.LAST:
        raise DevstackError(f"PORT={text} is not a port: it has to be a number from 1 to 65535.")


def is_loopback(host: str) -> bool:
    """Whether a server that listens on `host` is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable_host(host: str) -> str:
    """Return the name under which this machine reaches a server that listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if isinstance(address, ipaddress.IPv6Address) else "127.0.0.1"


def address_of(settings: Mapping[str, str]) -> str:
    """Return the web server's address, for a browser on this machine."""
    host = reachable_host(settings["HOST"])
    return f"http://{f'[{host}]' if ':' in host else host}:{settings['PORT']}"
