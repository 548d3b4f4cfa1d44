"""Every setting that comes from the environment: read once, typed, and refused in a sentence an operator can act on."""

import ipaddress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from environs import Env, EnvValidationError, ValidationError, validate
from phonenumbers import SUPPORTED_REGIONS

from sms.networks import parse_network

env = Env(eager=False)


def is_loopback(host: str) -> bool:
    """Whether a server listening on `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _are_networks(words: list[str]) -> None:
    try:
        for word in words:
            parse_network(word)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _are_long_enough(words: list[str]) -> None:
    if any(len(word) < 16 for word in words):
        raise ValidationError("A key has at least 16 characters.")


HOST: str = env.str("HOST", "127.0.0.1")
PORT: int = env.int("PORT", 8080, validate=validate.Range(0, 65535))
DATABASE_URL: str = env.str(
    "DATABASE_URL", validate=validate.Regexp("postgres(ql)?://.", error="Not a PostgreSQL URL.")
)
REDIS_URL: str = env.str("REDIS_URL", validate=validate.Regexp("rediss?://.", error="Not a Redis URL."))
SECRET_KEY: str = env.str("SECRET_KEY", validate=validate.Length(min=16))
DEBUG: bool = env.bool("DEBUG", False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], validate=_are_networks)
ADMIN_NETWORKS: list[str] = env.list("ADMIN_NETWORKS", ["127.0.0.0/8", "::1"], validate=_are_networks)
RUNS_IN_DOCKER: bool = env.bool("RUNS_IN_DOCKER", False)
METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")
LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))

ANONYMOUS_ACCOUNT: str = env.str("ANONYMOUS_ACCOUNT", "")
DEMO_API_KEY: str = env.str("DEMO_API_KEY", "")
SENDER_IDS: list[str] = env.list("SENDER_IDS", ["MyCorp"])
BLOCKED_KEYWORDS: list[str] = env.list("BLOCKED_KEYWORDS", ["STOP"])
DEFAULT_REGION: str = env.str(
    "DEFAULT_REGION", "GH", validate=validate.OneOf(SUPPORTED_REGIONS, error="Not a region such as GH.")
)

GRAPHQL_COST_LIMIT: int = env.int("GRAPHQL_COST_LIMIT", 1000, validate=validate.Range(min=1))
GRAPHQL_INTROSPECTION: bool = env.bool("GRAPHQL_INTROSPECTION", True)
GRAPHQL_SUGGESTIONS: bool = env.bool("GRAPHQL_SUGGESTIONS", True)
GRAPHQL_IDE: bool = env.bool("GRAPHQL_IDE", True)
GRAPHQL_TRUSTED_DOCUMENTS: str = env.str("GRAPHQL_TRUSTED_DOCUMENTS", "")
GRAPHQL_TRUSTED_ONLY: bool = env.bool("GRAPHQL_TRUSTED_ONLY", False)

DLR_SIGNING_SECRETS: list[str] = env.list("DLR_SIGNING_SECRETS", validate=validate.Length(min=1))
SIMULATOR_URL: str = env.str("SIMULATOR_URL", "http://127.0.0.1:8090")
SIMULATOR_BATCHES: bool = env.bool("SIMULATOR_BATCHES", True)
PUBLIC_URL: str = env.str(
    "PUBLIC_URL", "", validate=validate.Regexp("(https?://[^?#\\s]+)?$", error="Not an address such as https://….")
)
CREDENTIALS_KEYS: list[str] = env.list("CREDENTIALS_KEYS", [], validate=_are_long_enough)
PROVIDER_TIMEOUT: float = env.float("PROVIDER_TIMEOUT", 10.0, validate=validate.Range(min=0.1))

WORKER_THREADS: int = env.int("WORKER_THREADS", 6, validate=validate.Range(2, 64))
DATABASE_THREADS: int = env.int("DATABASE_THREADS", 4, validate=validate.Range(1, 64))
SMS_FAULT: str = env.str(
    "SMS_FAULT", "", validate=validate.Regexp(r"(\w+:(kill|stop):\d+)?$", error="Not point:kill:nth.")
)
LOOK_UP_AFTER: float = env.float("LOOK_UP_AFTER", 5.0, validate=validate.Range(min=0.1))
LEASE_SECONDS: int = env.int("LEASE_SECONDS", 60, validate=validate.Range(min=1))


def refuse_unsafe_combinations() -> None:
    """Stop the boot where two settings contradict, or a convenience of the quickstart would become a hole.

    Raises SystemExit with one sentence.
    """
    if LEASE_SECONDS <= PROVIDER_TIMEOUT:
        raise SystemExit(
            "LEASE_SECONDS must be longer than PROVIDER_TIMEOUT, or nothing could be sent; see .env.example"
        )
    if GRAPHQL_TRUSTED_ONLY and not GRAPHQL_TRUSTED_DOCUMENTS:
        raise SystemExit(
            "GRAPHQL_TRUSTED_ONLY needs GRAPHQL_TRUSTED_DOCUMENTS, or nothing could be run; see .env.example"
        )
    if not ANONYMOUS_ACCOUNT:
        return
    if not DEBUG:
        raise SystemExit("ANONYMOUS_ACCOUNT lets anyone send without a key and needs DEBUG=true; see .env.example")
    if not (RUNS_IN_DOCKER or is_loopback(HOST)):
        raise SystemExit(
            f"ANONYMOUS_ACCOUNT lets anyone send without a key, and HOST={HOST} can be reached from other machines; "
            "unset one of them; see .env.example"
        )


def secrets() -> list[str]:
    """Return every value that nobody may read in a log."""
    in_addresses = [one for url in (DATABASE_URL, REDIS_URL) if (one := urlsplit(url).password)]
    return [
        SECRET_KEY, METRICS_TOKEN, DEMO_API_KEY, *CREDENTIALS_KEYS, *DLR_SIGNING_SECRETS,
        *in_addresses, *map(unquote, in_addresses),
    ]  # fmt: skip


def seal() -> None:
    """Check everything read above at once. Raises SystemExit naming each setting that is missing or wrong."""
    try:
        env.seal()
    except EnvValidationError as error:
        raise SystemExit(f"Settings are wrong; see .env.example\n  {error}") from None
    if not all(DLR_SIGNING_SECRETS):
        raise SystemExit("DLR_SIGNING_SECRETS has an empty entry: anyone could sign with it; see .env.example")
    refuse_unsafe_combinations()


BASE_DIR = Path(__file__).resolve().parent.parent
seal()
