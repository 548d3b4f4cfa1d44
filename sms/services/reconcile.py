"""Account for every accepted message: what is stored has to agree with itself, whatever was killed on the way."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta

import structlog

from sms.database import execute, rows, transact
from sms.ids import first_id_of
from sms.models import Reconciliation
from sms.statuses import FINAL, OPEN

log = structlog.get_logger(__name__)

EVERYTHING = timedelta(days=36_500)
# A message may wait three days for its provider, three for its receipt, and three for a late correction.
SPAN = {Reconciliation.Scope.RECENT: timedelta(minutes=10), Reconciliation.Scope.CHANGING: timedelta(days=10)}
KEPT = timedelta(days=30)
A_DAY = timedelta(days=1, minutes=1)
GRACE = 60.0  # seconds that the sweeps may take before something due counts as forgotten


@dataclass(frozen=True, slots=True)
class Account:
    """How many messages were accepted in the time looked at, and where they are now."""

    accepted: int
    open: int
    final: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A rule that some rows break, how many do, and a few of their ids."""

    rule: str
    count: int
    examples: tuple[str, ...]


# Rule → SQL for the ids that break it. Messages are looked at from an id on: ids sort by time.
RULES = {
    "an open message has a queue entry": """
        SELECT m.id FROM sms_message m LEFT JOIN sms_dispatchentry d ON d.message_id = m.id
        WHERE m.id >= %(since)s AND m.status = ANY(%(open)s) AND d.message_id IS NULL""",
    "a final message has none": """
        SELECT d.message_id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
        WHERE d.message_id >= %(since)s AND m.status = ANY(%(final)s)""",
    "a message that was sent has its provider's reference": """
        SELECT id FROM sms_message WHERE id >= %(since)s AND status = 'SENT' AND provider_reference IS NULL""",
    "sequences run from 1 to the message's own, without a gap": """
        SELECT m.id FROM sms_message m LEFT JOIN sms_messageevent e ON e.message_id = m.id AND e.sequence IS NOT NULL
        WHERE m.id >= %(since)s GROUP BY m.id
        HAVING count(e.sequence) <> m.sequence OR max(e.sequence) <> m.sequence OR min(e.sequence) <> 1""",
    "the last event has the message's status": """
        SELECT m.id FROM sms_message m JOIN sms_messageevent e ON e.message_id = m.id AND e.sequence = m.sequence
        WHERE m.id >= %(since)s AND e.status <> m.status""",
    "a message in SENDING has a lease, and no other has": """
        SELECT m.id FROM sms_dispatchentry d JOIN sms_message m ON m.id = d.message_id
        WHERE d.message_id >= %(since)s AND (m.status = 'SENDING') <> (d.lease IS NOT NULL)""",
    "no lease that passed is left": """
        SELECT message_id FROM sms_dispatchentry
        WHERE lease IS NOT NULL AND due_at < now() - make_interval(secs => %(grace)s)""",
    "no receipt that is due is left unprocessed": """
        SELECT id FROM sms_receipt
        WHERE processed_at IS NULL AND due_at < now() - make_interval(secs => %(grace)s)""",
    # Of whole days only. The sums of each slot say nothing by themselves.
    "what was spent is the sum of the messages": """
        SELECT concat_ws(' ', account_id, day, route, currency) FROM (
            SELECT account_id, charged_on AS day, charged_to AS route, currency,
                   count(*) AS messages, sum(segment_count) AS segments, sum(price) AS amount FROM sms_message
            WHERE id >= %(since)s AND charged_on >= %(first_day)s AND charged_to <> '' GROUP BY 1, 2, 3, 4
            UNION ALL
            SELECT account_id, day, route, currency, -sum(messages), -sum(segments), -sum(amount) FROM sms_spend
            WHERE day >= %(first_day)s GROUP BY 1, 2, 3, 4
        ) AS both_sides GROUP BY account_id, day, route, currency
        HAVING (sum(messages), sum(segments), sum(amount)) <> (0, 0, 0)""",
    "what is counted has a price": """
        SELECT id FROM sms_message WHERE id >= %(since)s
        AND CASE WHEN charged_to <> '' THEN num_nulls(price, currency, price_is_estimate, charged_on) > 0
                 ELSE coalesce(price, 0) <> 0 END""",
}

# What was accepted is told by the first line of each history, which nothing ever changes.
COUNT = """
SELECT (SELECT count(*) FROM sms_messageevent WHERE message_id >= %(since)s AND sequence = 1),
       count(*) FILTER (WHERE status = ANY(%(open)s)), count(*) FILTER (WHERE status = ANY(%(final)s))
FROM sms_message WHERE id >= %(since)s
"""


def reconcile(*, accepted_within: timedelta = EVERYTHING) -> tuple[Account, list[Drift]]:
    """Count what was accepted, and find what breaks a rule. Changes nothing. Raises Unavailable."""
    return transact(_reconcile, accepted_within)


def keep_account(scope: Reconciliation.Scope) -> list[Drift]:
    """Reconcile the messages of a scope, and keep what was found for the metrics. Raises Unavailable."""
    account, drift = reconcile(accepted_within=SPAN[scope])
    for one in drift:
        log.error("drift", rule=one.rule, count=one.count, examples=one.examples)
    transact(_keep, scope, account, drift)
    return drift


def _keep(scope: Reconciliation.Scope, account: Account, drift: list[Drift]) -> None:
    Reconciliation.objects.create(scope=scope, **asdict(account), drift=[asdict(one) for one in drift])
    execute("DELETE FROM sms_reconciliation WHERE at < now() - %s::interval", KEPT)


def _reconcile(accepted_within: timedelta) -> tuple[Account, list[Drift]]:
    # One view of everything, for as long as it takes: what changes meanwhile is no drift.
    execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    execute("SET LOCAL statement_timeout = 0")
    ((now,),) = rows("SELECT now()")
    parameters = {
        "since": str(first_id_of(now, offset=-accepted_within)),
        "open": sorted(OPEN),
        "final": sorted(FINAL),
        "grace": GRACE,
        # Ids are made a little before their messages are stored, and only whole days can be compared.
        "first_day": date.min if accepted_within == EVERYTHING else (now + A_DAY - accepted_within).date(),
    }
    account = Account(*rows(COUNT, **parameters)[0])
    found = [(rule, rows(sql, **parameters)) for rule, sql in RULES.items()]
    drift = [Drift(rule, len(broken), tuple(str(row[0]) for row in broken[:5])) for rule, broken in found if broken]
    if account.accepted != account.open + account.final:
        drift.append(Drift("accepted = open + final", abs(account.accepted - account.open - account.final), ()))
    return account, drift
