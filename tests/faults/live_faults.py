"""Faults of live updates: subscribers who vanish, one who stops reading, and a Redis that stays away for long."""

import hashlib
import hmac
import json
import resource
import sys
import time

import psutil
import redis

from devstack.processes import Child
from graphql_api.close_codes import CloseCode
from tests.faults.crowd import HERE
from tests.faults.plan import OURS
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene
from tests.faults.settled import unsettled
from tests.faults.slow_reader import SlowReader
from tests.faults.stack import FaultStack
from tests.faults.waiting import happens, wait_until
from tests.http import call
from tests.stack import ROOT, SECRET

CROWD = 1000
CROWD_COMES_WITHIN = 240  # seconds
LET_GO_WITHIN = 60  # seconds after they have vanished
A_FEW = 80  # files for clients and providers, who come and go in every run and keep connections for a while
DATABASE_THREADS = 6  # of web: four that read, and one each for accepts and receipts
FOLLOWED = 10
CUT_OFF_WITHIN = 40  # seconds; 10 until a slow reader is told, and 10 more until it is dropped
MOST_GROWTH = 20_000_000  # bytes
TOLD_WITHIN = 15.0  # seconds


def crowd_comes(scene: Scene) -> None:
    """Open sockets by the thousand, behind a proxy of their own, each with a subscription that does not end."""
    stack = scene.stack
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the proxy needs two for each
    ids = _open_messages(scene)
    before, others = _web(stack), _clients_of(stack)
    proxy = stack.background.run(Proxy(stack.port).open())
    url = f"ws://127.0.0.1:{proxy.port}/graphql/"
    crowd = Child(
        "crowd",
        [sys.executable, "-m", "tests.faults.crowd", url, stack.api_key, str(CROWD), *ids],
        log=stack.directory / "crowd.log",
        cwd=ROOT,
    )
    crowd.start()
    scene.at_hand |= {"crowd": crowd, "proxy": proxy, "before": before}
    wait_until(lambda: HERE in crowd.log_tail(), within=CROWD_COMES_WITHIN, what="the crowd is there")
    ports = scene.at_hand["ports"] = _clients_of(stack) - others
    scene.facts |= {"before": before, "with_the_crowd": _web(stack), "sockets": len(ports)}


def crowd_vanishes(scene: Scene) -> None:
    """Kill the crowd, or cut it off without a word; nothing of it may be left a minute later."""
    stack, crowd, proxy = scene.stack, scene.at_hand["crowd"], scene.at_hand["proxy"]
    scene.wait_for_some()
    scene.strikes()
    scene.facts["way"] = "silence" if scene.seed % 2 else "SIGKILL"
    if scene.seed % 2:
        stack.background.call(proxy.vanish)
    else:
        crowd.kill()
    _wait_until_let_go(scene)
    scene.is_over()
    crowd.kill()
    stack.background.run(proxy.close())


def _wait_until_let_go(scene: Scene) -> None:
    stack, before, ports = scene.stack, scene.at_hand["before"], scene.at_hand["ports"]
    begun = time.monotonic()
    happens(lambda: not ports & _clients_of(stack), within=LET_GO_WITHIN, every=0.2)
    scene.facts |= {"let_go_after": round(time.monotonic() - begun, 1), "sockets_left": len(ports & _clients_of(stack))}

    def is_as_before() -> bool:
        if not scene.load_is_over or unsettled(stack, scene.plan.name):  # until then others subscribe as well
            return False
        now = _web(stack)
        return now["files"] <= before["files"] + A_FEW and not now["groups"] and now["database"] <= DATABASE_THREADS

    if scene.facts["sockets_left"] or not happens(is_as_before, within=LET_GO_WITHIN, every=0.5):
        scene.problems.append(f"{LET_GO_WITHIN} s after the crowd had vanished there was still {_web(stack)}")
    scene.facts["after"] = _web(stack)


def _web(stack: FaultStack) -> dict[str, int]:
    """What web holds, seen from outside."""
    process = psutil.Process(stack.web.pid)
    connections = process.net_connections("tcp")
    with redis.Redis.from_url(stack.redis.url) as client:
        groups = len(client.pubsub_channels("*account.*"))
    ((sessions,),) = stack.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sms'")
    return {
        "files": process.num_fds(),
        "database": sum(bool(one.raddr) and one.raddr.port == stack.postgres.port for one in connections),
        "sessions": sessions,
        "groups": groups,
        "megabytes": process.memory_info().rss // 1_000_000,
    }


def _clients_of(stack: FaultStack) -> set[int]:
    """Return the ports that web's clients come from."""
    connections = psutil.Process(stack.web.pid).net_connections("tcp")
    return {one.raddr.port for one in connections if one.raddr and one.laddr.port == stack.port}


def _open_messages(scene: Scene) -> list[str]:
    """Send messages that stay SENT, as nobody reports on them, and return their ids."""
    stack = scene.stack
    fields = {"recipient": f"2332000009{OURS}", "text": f"followed in {scene.plan.name}"}
    ids = [stack.send(**fields).json()["id"] for _ in range(FOLLOWED)]
    for message_id in ids:
        stack.wait_for(message_id, "SENT")
    return ids


def stops_reading(scene: Scene) -> None:
    """Let a subscriber stop reading while megabytes are produced for it, and come back after it was cut off."""
    stack, run = scene.stack, scene.stack.background.run
    ids = _open_messages(scene)
    reader = SlowReader(stack.websocket_url, stack.api_key, ids)
    scene.wait_for_accepted(0.1)
    port = run(reader.begin())
    before = psutil.Process(stack.web.pid).memory_info().rss
    scene.strikes()
    asking = stack.background.start(reader.ask_without_reading())
    for message_id in ids:
        _report(stack, message_id)
    scene.facts["growth_megabytes"] = _watch_until_cut_off(scene, port, before)
    code = scene.facts["code"] = run(reader.read_on())
    asking.cancel()
    scene.is_over()
    scene.facts["asked_megabytes"] = round(reader.asked / 1e6, 1)
    if code != (CloseCode.RECONNECT if _reads_on(scene) else None):
        scene.problems.append(f"the slow reader saw the close code {code}")
    run(reader.come_back())
    ends = {message_id: list(range(1, stack.message(message_id)["events"][-1]["sequence"] + 1)) for message_id in ids}
    if reader.seen != ends:
        scene.problems.append(f"the slow reader saw {dict(reader.seen)} of {ends}")


def _reads_on(scene: Scene) -> bool:
    """Whether the slow reader reads on as soon as it was told to go, or only when nobody is there any more."""
    return scene.seed % 2 == 1


def _watch_until_cut_off(scene: Scene, port: int, before: int) -> float:
    """Wait until the slow reader was told to go, or was dropped; return by how many megabytes web grew meanwhile."""
    web, log = psutil.Process(scene.stack.web.pid), scene.stack.web.log
    assert log is not None
    told = log.read_text().count("slow_reader")
    sizes = [before]

    def is_cut_off() -> bool:
        sizes.append(web.memory_info().rss)
        if _reads_on(scene):
            return log.read_text().count("slow_reader") > told
        return port not in _clients_of(scene.stack)

    if not happens(is_cut_off, within=CUT_OFF_WITHIN, every=0.1):
        scene.problems.append(f"a reader who did not read was not cut off within {CUT_OFF_WITHIN} s")
    growth = max(sizes) - before
    if growth > MOST_GROWTH:
        scene.problems.append(f"web grew by {growth} bytes for one slow reader")
    return round(growth / 1e6, 1)


def _report(stack: FaultStack, message_id: str) -> None:
    reference = stack.message(message_id)["provider_reference"]
    body = json.dumps({"provider_reference": reference, "status": "DELIVERED"}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Provider-Signature": signature}
    answer = call("POST", f"{stack.url}/api/webhooks/dlr/", body, headers)
    assert answer.status == 202, answer


def web_has_its_own_way_to_redis(scene: Scene) -> None:
    """Put a proxy between web and Redis, and nobody else."""
    stack = scene.stack
    proxy = scene.at_hand["proxy"] = stack.background.run(Proxy(stack.redis.port).open())
    direct = stack.environment["REDIS_URL"]
    stack.web.stop()
    stack.web.env = stack.environment | {"REDIS_URL": direct.replace(f":{stack.redis.port}/", f":{proxy.port}/")}
    stack.web.start()
    stack.wait_ready()


def loses_redis_for_long(scene: Scene) -> None:
    """Take Redis away from everybody, or from web alone, for longer than any subscriber may wait."""
    stack, proxy = scene.stack, scene.at_hand["proxy"]
    scene.told_within = TOLD_WITHIN
    for_all = scene.seed % 2 == 0
    scene.facts["away_from"] = "all" if for_all else "web"
    scene.wait_for_some(first=0.1, last=0.2)
    scene.strikes()
    if for_all:
        stack.redis.kill()
    elif scene.rng.random() < 0.5:
        stack.background.call(proxy.vanish)
        scene.facts["away_from"] = "web, in silence"
    else:
        proxy.backends = ()
        stack.background.call(proxy.cut)
    scene.lasts(16.0, 20.0)
    if for_all:
        stack.redis.start()
    proxy.backends = (stack.redis.port,)
    stack.background.call(proxy.behave)
    scene.is_over()
