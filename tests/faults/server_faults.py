"""Faults of PostgreSQL, of Redis, and of the network between the parts."""

import asyncio
from typing import Literal

import aiohttp

from devstack import signals
from tests.faults.clients import TIMEOUT, NoAnswer, send
from tests.faults.plan import USUAL, Planned
from tests.faults.scene import Scene

DELAYED = ("database", "redis", "provider", "webhook")
LONGEST_DELAY = {"database": 0.03, "redis": 0.3, "provider": 3.0, "webhook": 3.0}  # seconds for each piece
ONE_KEY_POSTS = 200


def lost_redis(scene: Scene) -> None:
    """Kill -9 Redis, which keeps nothing, and start an empty one."""
    scene.wait_for_some()
    scene.strikes()
    scene.stack.redis.kill()
    scene.lasts(0.1, 4.0)
    scene.stack.redis.start()
    scene.is_over()


def stopped_postgres(scene: Scene, mode: Literal["fast", "immediate"]) -> None:
    """Stop PostgreSQL among its transactions, and start it again."""
    scene.wait_for_some()
    scene.strikes()
    scene.stack.postgres.stop(mode=mode)
    scene.lasts(0.1, 3.0)
    scene.stack.postgres.start()
    scene.is_over()


def killed_postgres(scene: Scene) -> None:
    """Kill -9 PostgreSQL, and start it again: it recovers from its log."""
    scene.wait_for_some()
    scene.strikes()
    scene.stack.postgres.kill()
    scene.lasts(0.1, 2.0)
    scene.stack.postgres.start()
    scene.is_over()


def cut_link(scene: Scene, name: str) -> None:
    """Reset all connections of one link a few times, and lose a few answers on their way."""
    stack, link = scene.stack, scene.stack.links[name]
    times = sorted(scene.rng.uniform(0.05, 0.9) for _ in range(scene.rng.randint(3, 8)))
    kinds = [scene.rng.choice(("cut", "swallow")) for _ in times]
    scene.facts |= {"link": name, "kinds": kinds, "cut": 0}
    for share, kind in zip(times, kinds, strict=True):
        scene.wait_for_accepted(share)
        if scene.begun_at is None:
            scene.strikes()
        if kind == "cut":
            scene.facts["cut"] += stack.background.call(link.cut)
        else:
            link.swallow = scene.rng.randint(1, 3)
    signals.pause(0.5)
    stack.background.call(link.behave)
    scene.is_over()


def delayed_link(scene: Scene) -> None:
    """Hold back everything that passes one link for a while."""
    name = DELAYED[scene.seed % len(DELAYED)]
    link = scene.stack.links[name]
    delay = scene.rng.uniform(0.2, 1.0) * LONGEST_DELAY[name]
    scene.facts |= {"link": name, "delay": round(delay, 3)}
    scene.wait_for_some(last=0.3)
    scene.strikes()
    link.delay = delay
    scene.lasts(2.0, 6.0)
    link.delay = 0.0
    scene.is_over()


def one_key(scene: Scene) -> None:
    """Post one message 200 times at once with one key, through both doors, while others are sent."""
    scene.wait_for_some()
    scene.strikes()
    doors = [scene.rng.choice(("rest", "graphql")) for _ in range(ONE_KEY_POSTS)]
    name = scene.plan.name
    recipient = next(one.recipient for one in scene.plan.messages if one.fate == USUAL)
    posts = [
        Planned(
            number=-1,
            text=f"{name} one key",
            recipient=recipient,
            fate=USUAL,
            key=f"{name}-one-key".replace(" ", "-"),
            policy="AT_MOST_ONCE",
            door=door,
            is_watched=False,
        )
        for door in doors
    ]
    ids = scene.stack.background.run(_post_all(scene, posts), within=60)
    scene.is_over()
    scene.facts["ids"] = len(set(ids))
    ((stored,),) = scene.stack.query("SELECT count(*) FROM sms_message WHERE text = %s", posts[0].text)
    if len(set(ids)) != 1 or stored != 1:
        scene.problems.append(f"{ONE_KEY_POSTS} posts with one key: {len(set(ids))} ids answered, {stored} stored")


async def _post_all(scene: Scene, posts: list[Planned]) -> list[str]:
    stack = scene.stack
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=len(posts)),
        timeout=aiohttp.ClientTimeout(total=2 * TIMEOUT),
        headers=headers,
    ) as session:
        answers = await asyncio.gather(*(send(session, stack.url, one) for one in posts), return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    scene.problems += [f"a post with the one key failed: {one!r}" for one in failed if not isinstance(one, NoAnswer)]
    return [answer for answer in answers if isinstance(answer, str)]
