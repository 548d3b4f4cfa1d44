"""What the simulator reads from its environment, checked at once."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, ValidationError, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the simulator listens, and how it reports."""

    host: str
    port: int
    webhook_url: str
    signing_secret: str
    receipt_delay: float
    late_receipt_delay: float
    submit_latency: float
    log_level: str


def read() -> Settings:
    """Read the environment. Raises SystemExit naming each setting that is missing or wrong."""
    env = Env(eager=False)
    secrets: list[str] = env.list("DLR_SIGNING_SECRETS", validate=_all_filled)
    seconds = validate.Range(min=0, max=3600)
    settings = Settings(
        host=env.str("SIMULATOR_HOST", "127.0.0.1", validate=validate.Length(min=1)),
        port=env.int("SIMULATOR_PORT", 8090, validate=validate.Range(0, 65535)),
        webhook_url=env.str("WEBHOOK_URL", "http://127.0.0.1:8080/api/webhooks/dlr/", validate=_http_url),
        signing_secret=secrets[0] if secrets else "",
        receipt_delay=env.float("SIMULATOR_RECEIPT_DELAY", 0.3, validate=seconds),
        late_receipt_delay=env.float("SIMULATOR_LATE_RECEIPT_DELAY", 10.0, validate=seconds),
        submit_latency=env.float("SIMULATOR_SUBMIT_LATENCY", 0.0, validate=seconds),
        log_level=env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])),
    )
    try:
        env.seal()
    except EnvValidationError as error:
        said = error.error_messages if isinstance(error.error_messages, dict) else {}
        wrong = "; ".join(f"{name}: {' '.join(reasons).rstrip('.')}" for name, reasons in said.items())
        raise SystemExit(f"The simulator's settings are wrong (see docs/simulator.md): {wrong}") from None
    return settings


def _all_filled(secrets: list[str]) -> None:
    if not secrets or not all(secrets):
        raise ValidationError("Needs one secret or more, comma separated, none of them empty.")


def _http_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValidationError("Not an http or https URL.")
