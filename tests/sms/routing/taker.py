"""A process that takes of a route's throughput as a worker does: `python -m tests.sms.routing.taker URL RATE SECONDS`.

Prints when it took how many, by the wall clock, as JSON.
"""

import json
import sys
import time

import redis

from sms.routing.records import RouteRecord
from sms.throughput import Throughput


def main(url: str, rate: int, seconds: float) -> None:
    """Take whatever it is given, and give a part of it back, as a claim does that finds less."""
    client = redis.Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)
    throughput = Throughput(lambda: client)
    route = RouteRecord(id=7, name="r", kind="told", throughput=rate)
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        grant = throughput.take(route, 50)
        unused = grant.messages // 3
        if grant.messages:
            taken.append((time.time(), grant.messages - unused))
            throughput.give_back(route, unused)
        time.sleep(0.005 if grant.messages else grant.wait)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
