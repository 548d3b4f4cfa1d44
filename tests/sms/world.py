"""A few messages, some workers, a provider and time: each act is done through the real services, and told to the model.

Time is moved by shifting stored times. What would become due by the clock alone is put off, however long a test takes.
"""

from dataclasses import dataclass
from uuid import UUID

from sms.database import execute, rows, transact
from sms.errors import NotCancelable
from sms.events import announce
from sms.providers import registry
from sms.providers.base import DeliveryReport, Handover, Outcome
from sms.providers.errors import ProviderError
from sms.providers.http import client
from sms.providers.registry import SIMULATOR, get_provider
from sms.services import cancel, clock, dispatch, receive, report, settle, sweep
from sms.services.new_message import check
from sms.services.reconcile import reconcile
from sms.services.store import store
from sms.statuses import Status
from tests.accounts import make_caller
from tests.messages import age
from tests.sms import reference_model as model
from tests.sms.scripted_provider import reference_of

ENDS = {"no such number": "REJECTED", "no route": "FAILED"}
WORDS = {
    "DELIVERED": "DELIVERED",
    "UNDELIVERED": "UNDELIVERED",
    "FAILED": "FAILED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "ENROUTE": "SENT",
    "BUFFERED": None,
    "FLURBLED": None,
}
WITHHELD = Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "the lease was about to pass", retry_after=0.0)
TABLES = (
    "sms_receipt", "sms_messageevent", "sms_dispatchentry", "sms_submitattempt", "sms_idempotencykey", "sms_message",
    "sms_usage", "sms_allowance", "sms_senderid", "sms_account",
)  # fmt: skip
WAITS_FOR_RECEIPTS = {"SENT", "UNCERTAIN", "UNKNOWN", "EXPIRED", "UNDELIVERED", "FAILED"}


@dataclass(eq=False)
class Work:
    """What one worker has claimed. A worker that is not heard of again has died."""

    claimed: list
    outcomes: list | None = None  # (outcome, fate)
    lease_passed: bool = False


@dataclass(eq=False)
class Letter:
    """A receipt in the inbox, as the model sees it."""

    id: int
    attempt_id: UUID | None
    by_our_id: bool
    word: str
    is_due: bool = True
    overdue: bool = False
    outcome: str | None = None


class World:
    """All that happens to the messages of one account."""

    def __init__(self):
        for table in TABLES:
            execute(f"DELETE FROM {table}")
        self.caller = make_caller("world")
        registry.forget()
        self.provider = get_provider(SIMULATOR)  # the very one that a look-up asks
        self.messages: dict[UUID, model.Message] = {}
        self.attempts: dict[UUID, tuple[model.Message, model.Attempt]] = {}
        self.works: list[Work] = []
        self.look_ups: list[list] = []  # asked, and not answered yet
        self.inbox: list[Letter] = []

    # What clients do.

    def accept(self, *, resend_allowed):
        """Store a message."""
        new = check(
            self.caller,
            sender_id="MyCorp",
            recipient="+233200000901",
            text="Hello",
            delivery_policy="AT_LEAST_ONCE" if resend_allowed else "AT_MOST_ONCE",
        )
        store([new])
        self.messages[new.id] = model.Message(resend_allowed)

    def cancel(self, message_id):
        """Withdraw a message, or be refused."""
        try:
            canceled = cancel.withdraw(self.caller.account_id, message_id)[0].status
        except NotCancelable:
            canceled = None
        assert canceled == ("CANCELED" if self.messages[message_id].cancel() else None)

    # What workers do.

    def due(self):
        """What a worker may claim now."""
        return {one for one, message in self.messages.items() if message.status == "QUEUED" and message.is_due}

    def claim(self, *, limit):
        """Take what is due; return the work, if there is any."""
        due = self.due()
        claimed = dispatch.claim(limit=limit)
        taken = {one.message_id for one in claimed}
        expired = {row[0] for row in rows("SELECT id FROM sms_message WHERE status = 'EXPIRED'")} & due
        assert len(taken) == len(claimed)
        assert taken | expired <= due
        assert len(taken) <= limit
        # A set in which everything has outlived its validity is no reason to stop.
        assert len(taken | expired) >= min(limit, len(due)) if claimed else taken | expired == due
        for one in expired:
            assert self.messages[one].claim() is None
        for one in claimed:
            message = self.messages[one.message_id]
            attempt = message.claim()
            assert attempt is not None, "claimed after its validity"
            assert attempt.number == one.attempt_number
            self.attempts[one.submission.attempt_id] = (message, attempt)
        if not claimed:
            return None
        self.works.append(Work(claimed))
        return self.works[-1]

    def submit(self, work, fates):
        """Call the provider, unless the lease has passed."""
        if work.lease_passed:  # the worker was frozen: its clock tells it not to send any more
            work.outcomes = [(WITHHELD, "busy")] * len(work.claimed)
            return
        for one, fate in zip(work.claimed, fates, strict=False):
            message, attempt = self.attempts[one.submission.attempt_id]
            handed_over = {self.attempts[earlier][1] for earlier in self.provider.handed_over}
            assert message.may_be_handed_over(attempt, handed_over), "a blind resend"
            self.provider.fates[one.submission.attempt_id] = fate
        outcomes = client.run(self._hand_over(work.claimed))
        work.outcomes = list(zip(outcomes, fates, strict=False))

    async def _hand_over(self, claimed):
        found = {}
        async for some in self.provider.submit([one.submission for one in claimed], deadline=float("inf")):
            found |= some
        return [found[one.submission.attempt_id] for one in claimed]

    def record(self, work):
        """Write what came of it, however late: others may have been at its messages since."""
        self.works.remove(work)
        dispatch.record(work.claimed, [outcome for outcome, _ in work.outcomes])
        for one, (outcome, fate) in zip(work.claimed, work.outcomes, strict=True):
            message, attempt = self.attempts[one.submission.attempt_id]
            end = ENDS.get(fate, "FAILED" if fate == "a strange no" and attempt.number > 1 else None)
            message.answer(attempt, outcome.handover.value, end=end, due=fate != "busy for long")
            if outcome.handover is Handover.SENT:
                self.wake(one.submission.attempt_id)

    def wake(self, attempt_id):
        """A reference is known now: receipts that wait for it are due."""
        for letter in self.inbox:
            letter.is_due |= letter.attempt_id == attempt_id

    def waiting(self):
        """The workers that have not called the provider yet."""
        return [work for work in self.works if work.outcomes is None]

    def answered(self):
        """Those that have, and have not written what came of it."""
        return [work for work in self.works if work.outcomes is not None]

    def alive(self):
        """Those whose lease has not passed."""
        return [work for work in self.works if not work.lease_passed]

    def dead(self):
        """The SENDING messages whose worker's lease has passed."""
        ids = [one.submission.attempt_id for work in self.works if work.lease_passed for one in work.claimed]
        held = [self.attempts[one] for one in ids]
        return [message for message, attempt in held if message.status == "SENDING" and attempt is message.attempts[-1]]

    def sweep(self):
        """Release the leases that have passed."""
        sweep.release_expired_leases()
        for message in self.dead():
            message.lease_passed()

    # What the provider says.

    def post(self, attempt_id, word, *, by_our_id):
        """Put a receipt into the inbox; without an attempt it is for nobody."""
        status = None if WORDS[word] is None else Status(WORDS[word])
        told = DeliveryReport(reference_of(attempt_id), word, status, attempt_id if by_our_id else None)
        receive.store([receive.Incoming(self.provider.name, told, b"{}")])
        ((receipt_id,),) = rows("SELECT max(id) FROM sms_receipt")
        self.inbox.append(Letter(receipt_id, attempt_id, by_our_id, word))

    def to_process(self):
        """The receipts that are due."""
        return [one for one in self.inbox if one.outcome is None and one.is_due]

    def process(self):
        """Apply the receipts that are due."""
        due = self.to_process()
        assert report.process_set(limit=100) == len(due)
        execute("UPDATE sms_receipt SET due_at = now() + interval '1 hour' WHERE processed_at IS NULL")
        matched = [one for one in due if self.is_matched(one)]
        for letter in due:
            if letter not in matched:
                letter.is_due, letter.outcome = False, "UNMATCHED" if letter.overdue else None
        for letter in matched:
            message, attempt = self.attempts[letter.attempt_id]
            letter.outcome = message.receipt(letter.word, WORDS[letter.word])
            attempt.reference_known = True

    def is_matched(self, letter):
        """Whether a receipt can find its message."""
        if letter.attempt_id is None:
            return False
        return letter.by_our_id or self.attempts[letter.attempt_id][1].reference_known

    def uncertain(self):
        """The last attempts of the messages that are UNCERTAIN."""
        return [
            attempt_id
            for attempt_id, (message, attempt) in self.attempts.items()
            if message.status == "UNCERTAIN" and attempt is message.attempts[-1]
        ]

    def past_their_window(self):
        """The messages that wait for a receipt no longer."""
        return [one for one in self.messages.values() if one.window_passed and one.status in {"SENT", "UNCERTAIN"}]

    def reported(self):
        """The messages whose receipts are still of interest, if they come in time."""
        return [one for one, message in self.messages.items() if message.status in WAITS_FOR_RECEIPTS]

    def settle(self, *, is_silent):
        """Settle what is uncertain, or was never reported."""
        self._let_look_ups_be_due()
        self.provider.is_silent = is_silent
        settle.settle()
        for one in self.past_their_window():
            one.silence()
        for attempt_id in self.uncertain():
            self._hear(attempt_id)

    def ask(self):
        """Take what is to be looked up, and leave the answer for later."""
        self._let_look_ups_be_due()
        _, asked, _, changes = transact(settle._take, clock.watch(), ())
        announce(changes)
        for one in self.past_their_window():
            one.silence()
        assert {one.attempt_id for one in asked} == set(self.uncertain())
        if asked:
            self.look_ups.append(asked)

    def hear(self, asked, *, is_silent):
        """The answer to an earlier question comes."""
        self.look_ups.remove(asked)
        self.provider.is_silent = is_silent
        settle._look_up(self.provider.name, asked)
        for one in asked:
            self._hear(one.attempt_id)

    def _let_look_ups_be_due(self):
        execute(
            "UPDATE sms_dispatchentry d SET due_at = now() - interval '1 second' FROM sms_message m "
            "WHERE m.id = d.message_id AND m.status = 'UNCERTAIN'"
        )

    def _hear(self, attempt_id):
        message, attempt = self.attempts[attempt_id]
        handover = self.provider.find(attempt_id).handover
        message.finding(attempt, None if handover is None else handover.value)
        if handover is Handover.SENT:
            self.wake(attempt_id)

    # What time does.

    def let_lease_pass(self, work):
        """A worker is dead, or was frozen for too long."""
        work.lease_passed = True
        for one in work.claimed:
            execute(
                "UPDATE sms_dispatchentry SET due_at = now() - interval '1 second' "
                "WHERE message_id = %s AND attempts = %s AND lease IS NOT NULL",
                one.message_id,
                one.attempt_number,
            )

    def let_waits_pass(self):
        """Retries and receipts that wait are due."""
        execute("UPDATE sms_dispatchentry SET due_at = now() - interval '1 second' WHERE purpose = 1 AND lease IS NULL")
        execute("UPDATE sms_receipt SET due_at = now() - interval '1 second' WHERE processed_at IS NULL")
        for one in [*self.messages.values(), *self.inbox]:
            one.is_due = True

    def let_window_pass(self, message_id):
        """72 hours since a message's last change, and since every receipt came that still waits."""
        message = self.messages[message_id]
        age("sms_message", "updated_at", "73 hours", id=message_id)
        if message.status in {"SENT", "UNCERTAIN"}:
            age("sms_dispatchentry", "due_at", "73 hours", message_id=message_id)
        message.window_passed = True
        execute("UPDATE sms_receipt SET received_at = received_at - interval '73 hours' WHERE processed_at IS NULL")
        for letter in self.inbox:
            letter.overdue |= letter.outcome is None

    def let_validity_pass(self, message_id):
        """The message may no longer be submitted."""
        age("sms_dispatchentry", "expires_at", "73 hours", message_id=message_id)
        self.messages[message_id].validity_passed = True

    # What holds after every step.

    def check(self):
        """Compare everything that is stored with the model."""
        self._the_rows_are_the_models()
        self._open_messages_have_one_entry()
        self._every_receipt_stays_and_is_applied_once()
        self._what_is_known_of_attempts_is_stored()
        self._nobody_gets_a_text_twice()
        assert reconcile()[1] == []

    def _the_rows_are_the_models(self):
        stored = {row[0]: row[1:] for row in rows("SELECT id, status, sequence FROM sms_message")}
        assert stored == {one: (message.status, len(message.history)) for one, message in self.messages.items()}
        histories = {one: [] for one in self.messages}
        notes = {one: [] for one in self.messages}
        for message_id, sequence, status, late, conflict, word in rows(EVENTS):
            if sequence is None:
                notes[message_id].append((word, conflict))
            else:
                histories[message_id].append((sequence, status, late))
        for one, message in self.messages.items():
            numbered = [(at, *step) for at, step in enumerate(message.history, start=1)]
            assert histories[one] == numbered
            assert model.steps_not_allowed([status for status, _ in message.history]) == []
            assert sorted(notes[one]) == sorted(message.notes), "each note once"

    def _open_messages_have_one_entry(self):
        entries = [row[0] for row in rows("SELECT message_id FROM sms_dispatchentry")]
        assert len(entries) == len(set(entries))
        assert set(entries) == {one for one, message in self.messages.items() if message.kind == "open"}

    def _every_receipt_stays_and_is_applied_once(self):
        stored = rows("SELECT id, outcome, message_id IS NOT NULL FROM sms_receipt ORDER BY id")
        applied = {"APPLIED", "DUPLICATE", "NOTED"}
        assert stored == [(one.id, one.outcome, one.outcome in applied) for one in self.inbox]

    def _what_is_known_of_attempts_is_stored(self):
        stored = {row[0]: row[1:] for row in rows("SELECT id, outcome, provider_reference FROM sms_submitattempt")}
        assert stored == {
            attempt_id: (attempt.known, reference_of(attempt_id) if attempt.reference_known else None)
            for attempt_id, (_, attempt) in self.attempts.items()
        }

    def _nobody_gets_a_text_twice(self):
        taken = [self.attempts[one][0] for one in self.provider.taken]
        assert [one for one in self.messages.values() if taken.count(one) > 1 and not one.resend_allowed] == []


EVENTS = "SELECT message_id, sequence, status, late, conflict, provider_status FROM sms_messageevent ORDER BY id"
