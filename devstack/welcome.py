"""What is printed when everything is ready: where to click and what to paste."""

import json
import secrets
import shlex
from collections.abc import Mapping

from devstack.checkout import LOGS, shown
from devstack.screen import bold, faint, green, say
from devstack.settings import address_of

RECIPIENT = "233200000901"
SENDER_IDS = "MyCorp"  # the service's own default


def print_welcome(settings: Mapping[str, str], *, seconds: float) -> None:
    """Print the addresses, the keys and a command that sends a message."""
    address = address_of(settings)
    say(f"\n{green('Ready')} {faint(f'after {seconds:.1f} s')}\n")
    say(f"  GraphiQL     {bold(f'{address}/graphql/')}")
    say(f"  REST         {bold(f'{address}/api/docs/')}")
    say(f"  API key      {settings['DEMO_API_KEY']}")
    say(f"  DLR secret   {settings['DLR_SIGNING_SECRETS'].split(',')[0]}")
    say(f"  logs         {shown(LOGS)}/")
    say("\nSend a message (in another terminal):\n")
    say(curl(settings))
    say(f"\n{bold('make demo')} sends three messages and shows what becomes of them, live.")
    say(f"{bold('Ctrl-C')} stops everything.")


def curl(settings: Mapping[str, str]) -> str:
    """Return a command for a POSIX shell that sends one message; sent twice, it answers with the same message."""
    sender = settings.get("SENDER_IDS", SENDER_IDS).split(",")[0].strip()
    body = json.dumps({"sender_id": sender, "recipient": RECIPIENT, "text": "Hello from my own gateway"})
    headers = {
        "Authorization": f"Bearer {settings['DEMO_API_KEY']}",
        "Idempotency-Key": secrets.token_hex(8),
        "Content-Type": "application/json",
    }
    lines = [f"curl -i {shlex.quote(f'{address_of(settings)}/api/messages/')}"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    lines += [f"  -d {shlex.quote(body)}"]
    return " \\\n".join(lines)
