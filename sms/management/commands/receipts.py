"""`manage.py receipts`: what became of the delivery receipts, and another go for those that came to nothing."""

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from sms import receipts
from sms.errors import Unavailable
from sms.management.terminal import OperatorCommand, moment, printable
from sms.models import Receipt
from sms.phone_numbers import mask_all
from sms.receipts import PROCESSED, State, Tally
from sms.services.replay import NotReplayable, replay, replay_all

LONGEST_WINDOW = 10 * 366 * 24.0  # hours
LARGEST = 2**63 - 1  # of a receipt's id
REPLAYED = {State.SET_ASIDE: Receipt.Outcome.FAILED, State.UNMATCHED: Receipt.Outcome.UNMATCHED}
MEANING = {
    State.DUE: "for the first look of a worker",
    State.WAITING: "for their message",
    State.FAILING: "to be tried again",
    State.SET_ASIDE: "could not be applied",
    State.UNMATCHED: "no message turned up in 72 hours",
    State.APPLIED: "moved a status",
    State.DUPLICATE: "said what was known already",
    State.NOTED: "kept in the history, moved nothing",
}


class Command(OperatorCommand):
    """Without an action: how many receipts are in each state."""

    help = "Shows what became of the delivery receipts, and puts back into the inbox those that came to nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take an action, and what each needs."""
        _add_window(parser)
        actions = parser.add_subparsers(dest="action", title="actions")
        listed = actions.add_parser("list", help="one line for each receipt in a state")
        listed.add_argument("--state", type=_state, required=True, help=", ".join(State))
        listed.add_argument("--provider", type=_name)
        listed.add_argument("--limit", type=_number, default=50, help="at most so many (50)")
        _add_window(listed)
        shown = actions.add_parser("show", help="everything about one receipt, with the body as it came")
        shown.add_argument("id", type=_number)
        replayed = actions.add_parser("replay", help="back into the inbox, for a worker to try again")
        replayed.add_argument("ids", type=_number, nargs="*", metavar="ID")
        replayed.add_argument("--state", type=_state, help=f"all that are {' or '.join(REPLAYED)}")
        replayed.add_argument("--provider", type=_name, help="with --state: of this provider only")
        replayed.add_argument("--limit", type=_number, help="with --state: at most so many, the oldest first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked for."""
        actions = {None: self._summarise, "list": self._list, "show": self._show, "replay": self._replay}
        try:
            actions[options["action"]](options)
        except (Unavailable, NotReplayable) as error:
            raise CommandError(str(error)) from error

    def _summarise(self, options: dict[str, Any]) -> None:
        found = receipts.tallies(within=timedelta(hours=options["hours"]))
        for state in State:
            if state is PROCESSED[0]:
                self.stdout.write(f"of those that came in the last {options['hours']:g} hours:")
            self.stdout.write(_tally_line(state, found[state]))
            if state is State.SET_ASIDE and found[state].count:
                (last,) = receipts.listing(State.SET_ASIDE, limit=1, within=timedelta())
                self.stdout.write(f"{'':24}the last: {last.id}, {last.provider}: {printable(_masked(last.error))}")

    def _list(self, options: dict[str, Any]) -> None:
        found = receipts.listing(
            options["state"],
            limit=options["limit"],
            within=timedelta(hours=options["hours"]),
            provider=options["provider"],
        )
        for one in found:
            words = (one.provider, one.provider_reference, _masked(one.provider_status), moment(one.received_at))
            line = f"{one.id:>10}  {'  '.join(map(printable, words))}  tries {one.tries}"
            self.stdout.write(line if one.error is None else f"{line}  {printable(_masked(one.error))}")

    def _show(self, options: dict[str, Any]) -> None:
        one = receipts.get(options["id"])
        if one is None:
            raise CommandError(f"There is no receipt {options['id']}.")
        for name, value in _facts(one).items():
            self.stdout.write(f"{name:19} {printable(value)}")

    def _replay(self, options: dict[str, Any]) -> None:
        ids, state = options["ids"], options["state"]
        if bool(ids) == bool(state):
            raise CommandError("Give the ids of receipts, or --state; one of the two.")
        if ids and (options["provider"] or options["limit"]):
            raise CommandError("--provider and --limit go with --state, not with ids.")
        if state and state not in REPLAYED:
            raise CommandError(f"Only what is {' or '.join(REPLAYED)} can be replayed, not what is {state}.")
        if ids:
            count = replay(ids)
        else:
            count = replay_all(REPLAYED[state], provider=options["provider"], limit=options["limit"])
        self.stdout.write(f"{count} back in the inbox.")


def _add_window(parser: CommandParser) -> None:
    parser.add_argument("--hours", type=_hours, default=24.0, help="of processed ones, those that came within it (24)")


def _tally_line(state: State, tally: Tally) -> str:
    line = f"{state:10} {tally.count:>11}  {MEANING[state]}"
    return line if tally.oldest is None else f"{line}; the oldest came {moment(tally.oldest)}"


def _facts(one: Receipt) -> dict[str, object]:
    body = bytes(one.body).decode(errors="backslashreplace")
    return {
        "id": one.id,
        "state": one.state,
        "provider": one.provider,
        "provider reference": one.provider_reference,
        "client reference": one.client_reference,
        "word": _masked(one.provider_status),
        "status": one.status,
        "error code": one.error_code,
        "provider error": _masked(one.provider_error),
        "received": moment(one.received_at),
        "due": moment(one.due_at),
        "tries": one.tries,
        "processed": moment(one.processed_at),
        "error": _masked(one.error),
        "message": None if one.message is None else f"{one.message.id} {one.message.status}",
        "body": _masked(body) if body else "(discarded)",
    }


def _masked(words: str | None) -> str | None:
    return words and mask_all(words, default_region=settings.SMS_DEFAULT_REGION)


def _state(word: str) -> State:
    try:
        return State(word)
    except ValueError:
        raise ArgumentTypeError(f"there is no state {word!r}; there are {', '.join(State)}") from None


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 20 and 0 < int(word) <= LARGEST):
        raise ArgumentTypeError(f"{word!r} is not a number from 1 on")
    return int(word)


def _hours(word: str) -> float:
    try:
        hours = float(word)
    except ValueError:
        hours = 0.0
    if not 0.0 < hours <= LONGEST_WINDOW:
        raise ArgumentTypeError(f"{word!r} is not a number of hours, above 0 and up to {LONGEST_WINDOW:g}")
    return hours


def _name(word: str) -> str:
    if not (word.isascii() and word.isprintable() and 0 < len(word) <= 32):
        raise ArgumentTypeError(f"{word!r} is not the name of a provider")
    return word
