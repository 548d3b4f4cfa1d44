"""Logs as one event name and keys a line, from our code and from libraries alike, fit to be read by anybody.

Whatever is logged, a line has no text of a message, no phone number that is not masked, and no secret: the last step
before it is written sees to that (`config.veil`, docs/privacy.md).
"""

import logging
import sys
import threading
import warnings
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
import structlog.typing

from config import env
from config.veil import Veil, tell_of_libraries
from sms.redaction import traceback_of, words_of

OURS: Final = ("config", "edge", "graphql_api", "health", "rest_api", "sms", "webhooks")

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


# One list for good: loggers that were used before keep the list of then, and whoever looks on (`structlog.testing`)
# changes the one that is there.
PROCESSORS: Final = [*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def set_up() -> None:
    """Log as the settings say."""
    configure(env.LOG_LEVEL, region=env.DEFAULT_REGION, secrets=env.secrets())


def configure(level: str, *, region: str, secrets: Collection[str]) -> None:
    """Send every log record to stderr: coloured words in a terminal, JSON lines elsewhere.

    `region` is that of numbers without a country code, `secrets` what must not be in any line, wherever it comes from.
    """
    root = logging.getLogger()
    root.handlers[:] = [make_handler(sys.stderr, region=region, secrets=secrets)]
    # Below INFO, libraries show frames, headers and statements: that level is for our own words only.
    root.setLevel(max(logging.INFO, logging.getLevelName(level)))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # Two lines for every "run now", many times a second, tell nobody anything.
    for chatty in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def make_handler(stream: TextIO, *, region: str, secrets: Collection[str]) -> logging.Handler:
    """Return what writes records to a stream."""
    # A formatter of tracebacks that is given, as the default one prints local variables where `rich` is installed.
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if stream.isatty()
        else structlog.processors.JSONRenderer()
    )
    handler = Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                tell_of_libraries,
                structlog.processors.ExceptionRenderer(_traceback),
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Veil(region, secrets),
                renderer,
            ],
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    return handler


def _traceback(exc_info: Any) -> str:
    return "" if exc_info[1] is None else traceback_of(exc_info[1])


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines. Of a record that cannot be written it tells only whose it was."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say so, where logging itself would print the record's arguments."""
        error = sys.exc_info()[1]
        why = "" if error is None else words_of(error)
        with suppress(OSError, ValueError):  # nothing can be written there any more: a program that ends, a full disk
            self.stream.write(f"a record of {record.name} could not be written: {why}\n")


def catch_what_escapes() -> None:
    """Log what nobody caught, where Python would print it: with its words, and past all of the above."""
    log = structlog.get_logger("config")

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("process_failed", exc_info=error)

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            name = None if args.thread is None else args.thread.name
            log.error("thread_failed", thread=name, exc_info=args.exc_value)

    def of_nobody(args: Any) -> None:
        log.error("error_ignored", exc_info=args.exc_value)

    def of_code(_: Warning | str, category: type[Warning], filename: str, lineno: int, *__: object) -> None:
        log.warning("python_warning", kind=category.__name__, place=f"{filename}:{lineno}")

    sys.excepthook, threading.excepthook, sys.unraisablehook = of_process, of_thread, of_nobody
    warnings.showwarning = of_code  # type: ignore[assignment]  # the rest comes by position, and is not told
