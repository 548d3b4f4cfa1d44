"""Run api.http against a running service: `python -m tests.smoke http://127.0.0.1:8080 <DLR secret>`."""

import sys
import time

from tests.editor import Editor
from tests.http import call


def main(host: str, secret: str) -> int:
    """Print each request's status; return 0 when all are as promised and the message was delivered in the end."""
    wrong, message_id = 0, ""
    for promised, answer in Editor(host=host, secret=secret).run():
        message_id = message_id or answer.json()["id"]
        wrong += answer.status != promised
        print(f"{answer.status} (promised {promised})  {answer.body.decode()[:110]}")
        time.sleep(1)  # a person takes a moment before the next click
    status = call("GET", f"{host}/api/messages/{message_id}/").json()["status"]
    ready = call("GET", f"{host}/readyz")
    print(f"the message is {status}; /readyz {ready.status} {ready.body.decode()}")
    return 1 if wrong or status != "DELIVERED" or ready.status != 200 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
