"""Send 10,000 reminders in batches, so that none is sent twice, whatever goes wrong and however often it is repeated.

    python examples/reminders.py reminders-2027-01        # while `make run` is up; the word names this mailing

Run it again with the same word, also after it was killed: what was stored is returned, what is missing is sent.
"""

import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

URL = os.environ.get("SMS_URL", "http://127.0.0.1:8080")
API_KEY = os.environ.get("SMS_API_KEY")  # not needed for the demo account of `make run`
CHUNK = 500  # messages in a request, up to 1,000: enough to be fast, few enough to be repeated
WAITS = (0.5, 1, 2, 4, 8, 16, 32)  # seconds before a request is repeated
COME_BACK = {408, 429, 500, 502, 503, 504}  # not the request's own fault

TOMORROW_AT_NINE = (datetime.now(UTC) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


def reminders() -> Iterator[dict[str, Any]]:
    """Yield the messages, in the same order each time: the key of a batch stands for a message by its place."""
    for number in range(10_000):
        yield {
            "sender_id": "MyCorp",
            "recipient": f"+23320{number:07}",
            "text": f"Your appointment is tomorrow at {9 + number % 8}:00",
            "priority": "BULK",  # behind every code and every single message
            "send_at": TOMORROW_AT_NINE.isoformat(),
            "valid_for": 3600,  # seconds: after ten it would be of no use
            "client_reference": f"appointment-{number}",
        }


def send(messages: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Send a batch and return a result for each message; repeat it with the same key until somebody knows."""
    for wait in WAITS:
        try:
            status, answer, retry_after = post(messages, key)
        except OSError as error:  # no answer: it may be stored, or not
            said, retry_after = str(error), 0.0
        else:
            if "results" in answer and not any(is_ours_to_repeat(one) for one in answer["results"]):
                return list(answer["results"])
            if "results" not in answer and status not in COME_BACK:
                sys.exit(f"{key}: {answer['code']}: {answer['detail']}")  # for a person to mend
            said = f"HTTP {status}"
        print(f"{key}: {said}; again with the same key", file=sys.stderr)
        time.sleep(max(wait, retry_after))
    sys.exit(f"{key}: still no answer that is one. Run it again later, with the same word.")


def post(messages: list[dict[str, Any]], key: str) -> tuple[int, dict[str, Any], float]:
    """Return the status and the document of one answer, and how long we are asked to wait."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    if API_KEY:
        headers["Authorization"] = f"Bearer {API_KEY}"
    body = json.dumps({"messages": messages}).encode()
    request = urllib.request.Request(f"{URL}/api/messages/batch/", body, headers)  # noqa: S310  (our own address)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, json.load(response), 0
    except urllib.error.HTTPError as error:
        with error:
            try:
                document = json.load(error)
            except ValueError:  # from a proxy in between
                document = {"code": "NOT_FROM_THE_SERVICE", "detail": str(error)}
            return error.code, document, float(error.headers.get("Retry-After", 0))


def is_ours_to_repeat(result: dict[str, Any]) -> bool:
    """Whether a message of a batch was refused for a reason of the service, and may be accepted a moment later."""
    return result.get("refusal", {}).get("code") in {"INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "OVERLOADED"}


def main(mailing: str) -> None:
    """Send all, and tell what became of them."""
    outcomes: Counter[str] = Counter()
    everything = reminders()
    for number in itertools.count():
        chunk = list(itertools.islice(everything, CHUNK))
        if not chunk:
            break
        results = send(chunk, f"{mailing}-{number}")
        for message, result in zip(chunk, results, strict=True):  # in the order of the messages
            if "message" in result:
                outcomes["replayed" if result["replayed"] else "accepted"] += 1  # keep result["message"]["id"]
            else:
                outcomes["refused"] += 1
                print(f"{message['client_reference']}: {result['refusal']['detail']}")
    print(", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items())))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "reminders")
