"""Whatever is logged, by whom and how ever: no text, no number, no secret, and everything else as it was."""

import contextlib
import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg2
import pytest
import structlog
from django.db import DatabaseError, connection, transaction
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from config import logs
from config.veil import path_shown
from sms.errors import ErrorCode, InvalidMessage
from sms.providers.base import DeliveryReport, Provider, Submission, WebhookRequest
from tests.messages import store
from tests.privacy import NUMBER, TEXT, found_in
from tests.sms.scripted_provider import ScriptedProvider

ROOT = Path(__file__).parents[2]
SECRETS = ("a-signing-secret", "p@ss/word-of-the-database")
API_KEY = "sms_live_a-key-of-these-tests"


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self):
        return True


@contextlib.contextmanager
def logging_to(stream):
    """Let everything that is logged go to a stream, as a process has it."""
    handler = logs.make_handler(stream, region="GH", secrets=SECRETS)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def line_of(write):
    """Return what is written by logging once, parsed."""
    stream = io.StringIO()
    with logging_to(stream):
        write()
    return json.loads(stream.getvalue())


def event(**facts):
    """Return an event of our own as it is written."""
    return line_of(lambda: structlog.get_logger("sms.tests").warning("something", **facts))


def library(name, *args, **options):
    """Return a library's record as it is written."""
    return line_of(lambda: logging.getLogger(name).error(*args, **options))


def failure(error):
    """Return the stack trace that is written of an error that was raised."""
    try:
        raise error
    except type(error):
        return line_of(lambda: structlog.get_logger("sms.tests").exception("failed"))["exception"]


def test_an_event_is_readable():
    """Ids, incidents, times, counts, words and addresses stay as they are."""
    one, now = uuid4(), datetime.now(UTC)
    facts = {
        "id": str(one),
        "incident": one.hex,
        "count": 1_234_567_890,
        "seconds": 0.123456789,
        "at": now.isoformat(),
        "stamp": 1795613100123,
        "address": "192.168.100.200:54321",
        "reference": f"sim-{one.hex}",
        "examples": [str(one), None, True],
        "nested": {"status": "DELIVERED"},
    }
    line = event(**facts, uuid=one, when=now)
    assert {name: line[name] for name in facts} == facts
    assert (line["uuid"], line["when"]) == (str(one), str(now))
    assert (line["event"], line["level"], line["logger"]) == ("something", "warning", "sms.tests")
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None


@given(
    st.uuids(),
    st.datetimes(
        min_value=datetime.fromisoformat("1970-01-01"),
        max_value=datetime.fromisoformat("2999-12-31"),
        timezones=st.just(UTC),
    ),
    st.integers(0, 10**10 - 1),
)
def test_no_id_no_time_and_no_count_is_ever_altered(one, moment, count):
    """However unlucky their digits are."""
    iso = moment.isoformat()
    told = {"id": str(one), "incident": one.hex, "at": iso, "z": iso.replace("+00:00", "Z"), "n": count}
    veiled = logs.Veil("GH", ())(None, "", dict(told) | {"event": f"{one} {iso} {one.hex}"})
    assert veiled == told | {"event": f"{one} {iso} {one.hex}"}


SEPARATORS = st.sampled_from(["", " ", "-", ".", "\N{NO-BREAK SPACE}"])


@given(
    before=st.sampled_from(
        ["", "to ", "msisdn=", '"', "x", "(", "tel:", "%2B", "\n", "pid 12, ", str(UUID(int=1)) + " "]
    ),
    prefix=st.sampled_from(["+233", "233", "00233", "0"]),
    separators=st.lists(SEPARATORS, min_size=3, max_size=3),
    after=st.sampled_from(["", ".", ", 12", '"', "x", " at 2026-11-25T13:20:11Z", "\n"]),
)
def test_a_number_is_masked_however_it_is_written(before, prefix, separators, after):
    """No six digits in a row of it are left, and where nothing separates them no part of it but its ends."""
    groups = [prefix, "20", "987", "6543"]
    written = "".join(group + between for group, between in zip(groups, [*separators, ""], strict=True))
    veiled = logs.Veil("GH", ())(None, "", {"event": f"{before}{written}{after}", written: [{"deep": written}]})
    shown = json.dumps(veiled)
    bare = shown
    for one in " -.\N{NO-BREAK SPACE}":
        bare = bare.replace(one, "")
    assert not found_in(bare, number="+233209876543"), shown


@pytest.mark.parametrize(
    "name", ["text", "body", "metadata", "variables", "headers", "Authorization", "secret", "sql", "params", "query"]
)
def test_what_has_such_a_name_is_never_told(name):
    """Also where it is nested, and whatever it is."""
    line = event(**{name: TEXT}, inner=[{name: {"a": TEXT}}])
    assert (line[name], line["inner"]) == ("***", [{name: "***"}])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (f"Authorization: Bearer {API_KEY}", "Authorization: Bearer ***"),
        (f'{{"authorization": "Bearer {API_KEY}"}}', '{"authorization": "Bearer ***"}'),
        (f"the key {API_KEY}, and", "the key sms_live_***, and"),
        ("sms_test_abc", "sms_test_***"),
        ("X-Provider-Signature: 0123abcd", "X-Provider-Signature: ***"),
        ("postgres://sms:hunter2@10.0.0.1:5432/sms", "postgres://***@10.0.0.1:5432/sms"),
        ("redis://:hunter2@localhost:6379/0", "redis://***@localhost:6379/0"),
        ("password=hunter2 host=localhost", "password=*** host=localhost"),
        (f"signed with {SECRETS[0]}.", "signed with ***."),
        (f"({SECRETS[1]})", "(***)"),
        ("http://127.0.0.1:8080/graphql/", "http://127.0.0.1:8080/graphql/"),
        ("amqp: no token given", "amqp: no token given"),
    ],
)
def test_secrets_are_hidden(written, shown):
    """Those that the settings have wherever they turn up, others by what they look like."""
    assert event(said=written)["said"] == shown
    assert library("some.library", "said: %s", written)["event"] == f"said: {shown}"


def test_an_object_is_told_by_its_type():
    """What it holds is its own affair."""

    class Row:
        def __repr__(self):
            return TEXT

    assert event(row=Row(), rows=[Row()])["rows"] == ["<Row>"]
    assert event(error=ValueError(TEXT))["error"] == "ValueError"


def test_what_carries_a_text_does_not_show_it():
    """Their own `repr` is kept from it, so a mistake elsewhere has nothing to tell."""
    one = uuid4()
    carriers = [
        Submission(one, "MyCorp", NUMBER, TEXT),
        WebhookRequest({"authorization": API_KEY}, TEXT.encode()),
        DeliveryReport("r", "DELIVRD", None, body=TEXT.encode()),
    ]
    assert not found_in(repr(carriers), number=NUMBER, text=TEXT, key=API_KEY)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError(TEXT), "ValueError"),
        (KeyError(TEXT), "KeyError"),
        (RuntimeError(TEXT, NUMBER), "RuntimeError"),
        (GraphQLError(f"no {TEXT}"), "GraphQLError"),
        (
            InvalidMessage(ErrorCode.RECIPIENT_INVALID, f"'{NUMBER}' is none", "recipient"),
            "InvalidMessage: RECIPIENT_INVALID",
        ),
        (FileNotFoundError(2, TEXT, TEXT), "FileNotFoundError: No such file or directory"),
        (TypeError("f() takes 1 argument"), "TypeError: f() takes 1 argument"),
        (ExceptionGroup(TEXT, [ValueError(TEXT)]), "ValueError"),
    ],
)
def test_an_error_is_told_by_its_type_and_place(error, told):
    """Its words may quote a message; they are told only of the kinds that have none of it."""
    shown = failure(error)
    assert shown.splitlines()[-1] == told
    assert "raise error" in shown
    assert not found_in(shown, number=NUMBER, text=TEXT)


def test_the_causes_of_an_error_are_told_in_their_order():
    """The first one first, as Python has it, and of each how it led to the next."""
    middle = ValueError(TEXT)
    middle.__cause__ = KeyError(TEXT)
    last = RuntimeError(TEXT)
    last.__context__ = middle
    shown = failure(last)
    parts = [shown.index(word) for word in ("KeyError", "direct cause", "ValueError", "handled", "RuntimeError")]
    assert parts == sorted(parts)
    assert not found_in(shown, text=TEXT)


class Careless(ScriptedProvider):
    """An adapter with a mistake: it quotes what it was given."""

    async def submit(self, submissions, *, deadline):
        async for outcomes in Provider.submit(self, submissions, deadline=deadline):
            yield outcomes

    async def submit_one(self, submission, *, deadline):
        raise RuntimeError(f"cannot send {submission.text!r} to {submission.recipient}")


async def test_an_adapter_that_fails_is_told_without_what_it_quotes():
    """Which attempt it was, and where; and the outcome that is stored has the type only."""
    stream = io.StringIO()
    one = Submission(uuid4(), "MyCorp", NUMBER, TEXT)
    with logging_to(stream):
        outcomes = [found async for found in Careless("careless").submit([one], deadline=0)]
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["event"], line["attempt"]) == ("submit_failed", str(one.attempt_id))
    assert line["exception"].endswith("RuntimeError")
    assert [found[one.attempt_id].detail for found in outcomes] == ["our own error: RuntimeError"]
    assert not found_in(stream.getvalue(), number=NUMBER, text=TEXT)


def test_a_circle_of_causes_comes_to_an_end():
    """However it came about."""
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert failure(one).count("ValueError") < 20


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE sms_message SET status = %(text)s", "UPDATE"),
        (
            "UPDATE sms_message SET status = 'ODD'",
            'CheckViolation: 23514 new row for relation "sms_message" violates check constraint "message_status"',
        ),
        (
            "UPDATE sms_message SET text = NULL",
            'NotNullViolation: 23502 null value in column "text" of relation "sms_message"',
        ),
        ("SELECT %(text)s::uuid", "InvalidTextRepresentation: 22P02"),
        ("SELECT ('{' || %(text)s)::text[]", "InvalidTextRepresentation: 22P02"),
        ("SELECT ('{' || %(text)s)::jsonb", "InvalidTextRepresentation: 22P02"),
        ("SELECT nothing", 'UndefinedColumn: 42703 column "nothing" does not exist'),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1), %(text)s", "QueryCanceled: 57014 canceling statement"),
    ],
)
def test_the_database_is_told_by_its_code_and_names(caller, sql, told):
    """Its own words quote values, and the lines behind them whole rows."""
    store(caller, recipient=NUMBER, text=TEXT)
    if told == "UPDATE":  # the row does not fit: PostgreSQL quotes the whole of it
        sql, told = (
            "UPDATE sms_message SET provider = %(text)s || %(text)s || %(text)s",
            "StringDataRightTruncation: 22001",
        )
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, {"text": TEXT})
    shown = failure(error.value)
    assert told in shown
    assert not found_in(shown, number=NUMBER, text=TEXT)


def test_what_the_database_quotes_is_a_danger(caller):
    """Else the test above proves nothing."""
    store(caller, recipient=NUMBER, text=TEXT)
    odd = "UPDATE sms_message SET status = 'ODD'"
    with pytest.raises(DatabaseError, match="Failing row contains") as error, transaction.atomic():
        connection.cursor().execute(odd)
    assert found_in(str(error.value), number=NUMBER, text=TEXT)


def test_a_connection_that_fails_says_why_and_not_the_password():
    """An operator has to know where nobody answers."""
    with pytest.raises(psycopg2.OperationalError) as error:
        psycopg2.connect(f"postgres://sms:{API_KEY}@127.0.0.1:1/sms")
    shown = failure(error.value)
    assert 'connection to server at "127.0.0.1", port 1 failed' in shown
    assert API_KEY not in shown


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        (
            "celery.app.trace",
            ("Task %(name)s raised: %(exc)s", {"name": "sms.x", "exc": repr(ValueError(TEXT))}),
            "Task sms.x raised: ***",
        ),
        ("kombu", ("no connection: %r", ValueError(TEXT)), "no connection: 'ValueError'"),
        ("kombu", (ValueError(TEXT),), "ValueError"),
        ("celery", ("Received unregistered task.\n\nThe body was: %s", TEXT), "Received unregistered task."),
        ("django.request", ("%s: %s", "Not Found", f"/{TEXT}/api"), "Not Found: /***/api"),
        (
            "uvicorn.error",
            ('%s - "WebSocket %s" [accepted]', "127.0.0.1:33", "/graphql/?key=a%20b"),
            '127.0.0.1:33 - "WebSocket /graphql/?***" [accepted]',
        ),
        (
            "django.channels.server",
            (
                "HTTP %(method)s %(path)s %(status)s",
                {"method": "GET", "path": f"/api/messages/{NUMBER}/", "status": 404},
            ),
            "HTTP GET /api/messages/***/ 404",
        ),
        ("uvicorn.error", ("running on %s://%s:%d", "http", "127.0.0.1", 8080), "running on http://127.0.0.1:8080"),
        (
            "asyncio",
            (f"Exception in callback send('{TEXT}')\nhandle: <Handle send('{TEXT}')>",),
            "Exception in callback send",
        ),
    ],
)
def test_libraries_are_told_without_what_they_quote(name, args, said):
    """Errors among their arguments, bodies behind the first line, paths, Celery's results, and asyncio's callbacks."""
    assert library(name, *args)["event"] == said


def test_warnings_that_are_logged_tell_their_place_and_kind():
    """Celery lets them be logged, and warns of what a task raised in the task's own words."""
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            line = line_of(
                lambda: warnings.warn(f"Exception raised outside body: {TEXT}", RuntimeWarning, stacklevel=1)
            )
    finally:
        logging.captureWarnings(False)
    assert re.fullmatch(r".+test_logs\.py:\d+: RuntimeWarning", line["event"])


def test_a_librarys_words_do_not_repeat_its_error():
    """As many do that log a stack trace, too."""
    error = LookupError(TEXT)
    said = f"it went wrong: {error!r} ({error})"
    line = line_of(lambda: logging.getLogger("some.library").error(said, exc_info=error))
    assert line["event"] == "it went wrong: LookupError (LookupError)"
    assert line["exception"].endswith("LookupError")


def test_a_record_that_cannot_be_written_tells_only_whose_it_was():
    """Logging itself would print its arguments."""
    stream = io.StringIO()
    with logging_to(stream):
        logging.getLogger("some.library").error("%d", TEXT)
    assert stream.getvalue().startswith("a record of some.library could not be written: TypeError")
    assert not found_in(stream.getvalue(), text=TEXT)


def test_where_nothing_can_be_written_any_more_nobody_is_disturbed():
    """A program that ends has closed its stream; what it still has to say is lost, and that is all."""
    stream = io.StringIO()
    with logging_to(stream):
        stream.close()
        logging.getLogger("some.library").error("late")
    assert stream.closed


def fail(held):
    """Fail with a text in a local variable, and say so."""
    try:
        int(held)
    except ValueError:
        structlog.get_logger("sms.tests").exception("failed", to=NUMBER, text=held)


def test_a_terminal_shows_no_local_variables():
    """Nor anything else that a file would not have."""
    stream = Terminal()
    with logging_to(stream):
        fail(TEXT)
    assert "+23320*****43" in stream.getvalue()
    assert "Traceback" in stream.getvalue()
    assert not found_in(stream.getvalue(), number=NUMBER, text=TEXT)


def test_libraries_are_silent_below_info(monkeypatch):
    """There they show frames, headers and statements; our own words are told."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)  # servers of other tests are told to be quiet
    try:
        logs.configure("DEBUG", region="GH", secrets=())
        assert not logging.getLogger("uvicorn.error").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("django.db.backends").isEnabledFor(logging.DEBUG)
        assert logging.getLogger("sms.services.report").isEnabledFor(logging.DEBUG)
        logs.configure("ERROR", region="GH", secrets=())
        assert not logging.getLogger("uvicorn.error").isEnabledFor(logging.WARNING)
        assert not logging.getLogger("sms.services.report").isEnabledFor(logging.WARNING)
    finally:
        logs.set_up()
        root.handlers[:] = before
        root.setLevel(level)


def test_a_logger_that_was_used_before_is_still_seen():
    """`capture_logs` sees what a logger says that was bound before the logs were configured once more."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    log = structlog.get_logger("sms.tests.used_before")
    log.info("first_word")
    try:
        logs.configure("INFO", region="GH", secrets=())
        with structlog.testing.capture_logs() as captured:
            log.info("second_word")
        assert captured == [{"event": "second_word", "log_level": "info"}]
    finally:
        logs.set_up()
        root.handlers[:] = before
        root.setLevel(level)


ESCAPES = f"""
import sys, threading, warnings
from config import logs
logs.set_up()
logs.catch_what_escapes()
class Odd:
    def __del__(self):
        raise ValueError({TEXT!r})
def work():
    raise ValueError({TEXT!r})
thread = threading.Thread(target=work, name="a thread")
thread.start()
thread.join()
odd = Odd()
del odd
warnings.warn({TEXT!r})
raise ValueError({NUMBER!r})
"""


def test_what_nobody_caught_is_told_in_the_same_way():
    """In a thread, in the end, and where Python only warns; the process ends as it would."""
    code = "exec(compile(sys.stdin.read(), 'odd.py', 'exec'))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}"], input=ESCAPES, cwd=ROOT, env=dict(os.environ),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events == ["thread_failed", "error_ignored", "python_warning", "process_failed"]
    assert done.returncode == 1
    assert not found_in(done.stderr + done.stdout, number=NUMBER, text=TEXT)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/messages/", "/api/messages/"),
        (
            "/api/messages/01a20a71-b958-72b2-8f48-3aa7db2cdc78/cancel/",
            "/api/messages/01a20a71-b958-72b2-8f48-3aa7db2cdc78/cancel/",
        ),
        (f"/api/messages/{NUMBER}/", "/api/messages/***/"),
        (f"/graphql/?query={TEXT}", "/graphql/?***"),
        ("/api/webhooks/vonage-gh/status/a-token/", "/api/webhooks/***/status/***/"),
        ("/api/webhooks/vonage-gh/inbound/01a20a71-b958-72b2-8f48-3aa7db2cdc78", "/api/webhooks/***/inbound/***"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_path_shows_our_words_and_ids(path, shown):
    """Whatever else somebody puts into it."""
    assert path_shown(path) == shown
    assert event(path=path)["path"] == shown
