"""Nothing is lost and nothing doubled: while the SMSC throttles, dies under load, and drops what it brings."""

import asyncio
import random

import pytest

from sms.providers.base import Handover
from tests.sms.providers.smsc.process import Smsc
from tests.sms.providers.smsc.route import bound, submission, submit, until_bound

SENT, NOT_SENT, MAYBE_SENT = Handover.SENT, Handover.NOT_SENT, Handover.MAYBE_SENT
NUMBERS = {"source_addr_ton": 1, "source_addr": "233200000901", "destination_addr": "1234", "data_coding": 0}


async def hand_over(made, texts, ended):
    """Hand over texts and, as the service does, again those that certainly were not taken; note how each try ended."""
    waiting = dict.fromkeys(texts, 1)
    while waiting:
        tries = {f"{text} try {number}": text for text, number in waiting.items()}
        submissions = {submission(text).attempt_id: text for text in tries}
        outcomes = await submit(made, *[_as(attempt_id, text) for attempt_id, text in submissions.items()])
        for attempt_id, outcome in outcomes.items():
            text = submissions[attempt_id]
            ended[text] = outcome
            if outcome.handover is NOT_SENT:
                waiting[tries[text]] += 1
            else:
                del waiting[tries[text]]
        await asyncio.sleep(0.02)


def _as(attempt_id, text):
    one = submission(text)
    return type(one)(attempt_id, one.sender_id, one.recipient, one.text, None)


def check(smsc, ended):
    """Compare how each try ended with what the SMSC took, try by try."""
    taken = [one["text"] for one in smsc.accepted]
    assert len(taken) == len(set(taken)), "the SMSC has something twice"
    of = {how: {text for text, one in ended.items() if one.handover is how} for how in Handover}
    assert of[SENT] <= set(taken)
    assert not of[NOT_SENT] & set(taken)
    assert set(taken) <= of[SENT] | of[MAYBE_SENT]
    ids = {one["text"]: format(int(one["id"], 16), "x") for one in smsc.accepted}
    assert {text: ended[text].provider_reference for text in of[SENT]} == {text: ids[text] for text in of[SENT]}
    return of


async def test_an_smsc_that_throttles(monkeypatch):
    """What is refused as too fast is tried again, and everything arrives once."""
    monkeypatch.setattr("sms.smpp.session.PAUSE", 0.2)
    texts, ended = [f"message {n}" for n in range(600)], {}
    async with Smsc(most=250) as smsc, bound(smsc) as made:
        await hand_over(made, texts, ended)
        of = check(smsc, ended)
    assert len(of[SENT]) == 600
    assert of[NOT_SENT]
    assert not of[MAYBE_SENT]


@pytest.mark.parametrize("how", ["killed", "dropped", "said good-bye"])
async def test_an_smsc_that_goes_under_load(how, monkeypatch):
    """Killed, or its connections cut, or politely: what it took is SENT or uncertain, and nothing else is SENT."""
    monkeypatch.setattr("sms.smpp.link.RECONNECT", type("Soon", (), {"delay": lambda *_: 0.05}))
    texts, ended = [f"message {n}" for n in range(1_500)], {}
    async with Smsc(delay=5) as smsc, bound(smsc, timeout=2) as made:
        storm = asyncio.create_task(hand_over(made, texts, ended))
        for times in range(3):
            await smsc.wait("submit", count=200 + 400 * times)
            if how == "killed":
                await smsc.kill()
                await smsc.start(first=(times + 1) * 100_000)
            else:
                smsc.order("drop" if how == "dropped" else "unbind")
            await until_bound(made)
        await asyncio.wait_for(storm, 30)
        of = check(smsc, ended)
    assert len(of[SENT]) + len(of[MAYBE_SENT]) == 1_500
    assert len(of[SENT]) >= 1_500 - 3 * 100
    assert bool(of[MAYBE_SENT]) == (how != "said good-bye")


async def test_receipts_and_texts_while_everything_breaks(monkeypatch):
    """Connections are cut, the database is away for moments: each text is stored once, and each receipt at least."""
    monkeypatch.setattr("sms.smpp.link.RECONNECT", type("Soon", (), {"delay": lambda *_: 0.02}))
    dice = random.Random(8)
    async with Smsc() as smsc, bound(smsc) as made:
        for n in range(400):
            smsc.deliver(f"receipt {n}", **NUMBERS, esm_class=4, receipted_message_id=f"{n:x}", message_state=2)
            smsc.deliver(f"text {n}", **NUMBERS, short_message=f"text {n}")
            made.stored.is_told_late = dice.choice([0, 0, 0.01, 0.03])
            if n % 40 == 39:
                smsc.order("drop")
            made.stored.is_away = n % 50 in range(10)
            await asyncio.sleep(0.003)
        made.stored.is_away, made.stored.is_told_late = False, 0
        async with asyncio.timeout(20):
            while len({one["tag"] for one in smsc.all("deliver_sm_resp") if one["status"] == 0}) < 800:
                await asyncio.sleep(0.02)
        assert smsc.count("closed") >= 10
        assert any(one["status"] == 0x64 for one in smsc.all("deliver_sm_resp"))
    assert {one.provider_reference for one in made.stored.reports} == {f"{n:x}" for n in range(400)}
    assert sorted(one.text for one in made.stored.texts.values()) == sorted(f"text {n}" for n in range(400))


async def test_good_bye_under_load():
    """A process that is told to stop ends with nothing uncertain, and the SMSC has been told."""
    texts, ended = [f"message {n}" for n in range(500)], {}
    async with Smsc(delay=20) as smsc, bound(smsc) as made:
        storm = asyncio.create_task(hand_over(made, texts, ended))
        await smsc.wait("submit", count=150)
        made.stop.set()
        await asyncio.wait_for(made.keeping, 5)
        storm.cancel()
        await asyncio.wait([storm])
        of = check(smsc, ended)
        await smsc.wait("unbind")
    assert not of[MAYBE_SENT]
    assert len(of[SENT]) == len(smsc.accepted) >= 150
