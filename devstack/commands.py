"""The commands behind `python3 -m devstack` and the Makefile."""

import json
import os
import signal
from collections.abc import Callable, Sequence

from devstack import environment, screen, settings, signals, stack, suite
from devstack.checkout import PYTHON, ROOT, RUN_LOCK, STACK_FILE, STATE
from devstack.errors import DevstackError, StopRequested
from devstack.locks import is_held

USAGE = """\
usage: python3 -m devstack COMMAND

  run              start the whole service, with private servers where DATABASE_URL and REDIS_URL are not given
  test [ARGS …]    run the tests with pytest and ARGS
  demo [ARGS …]    send messages through the running service
  manage ARGS …    run a command of manage.py with the settings of the running service
  install [bench]  make the environment .venv with everything that tests and linters (and benchmarks) need
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        screen.say(USAGE, end="")
        return 0 if list(arguments) in (["-h"], ["--help"], ["help"]) else 2
    signals.listen()
    try:
        return command(arguments[1:])
    except DevstackError as error:
        screen.complain(str(error))
        return 1
    except StopRequested:
        return 0 if command is run else 128 + (signals.received() or signal.SIGINT)


def run(_arguments: Sequence[str]) -> int:
    """Start the stack and stay until it is told to stop."""
    # Before the environment is made, so that a taken port is not told after half a minute.
    stack.refuse_if_impossible(stack.read_settings())
    environment.enter(environment.DEV)
    return stack.run()


def test(arguments: Sequence[str]) -> int:
    """Run pytest with servers of its own."""
    environment.enter(environment.TEST)
    return suite.run_tests(arguments)


def demo(arguments: Sequence[str]) -> int:
    """Replace this process by the demo, which talks to the running stack."""
    facts = _facts_of_stack()
    told = {
        "SMS_URL": facts["address"],
        "DEMO_API_KEY": facts["api_key"],
        "SENDER_IDS": facts["sender_ids"],
    }
    os.chdir(ROOT)
    os.execve(PYTHON, [str(PYTHON), "examples/demo.py", *arguments], {**os.environ, **told})


def manage(arguments: Sequence[str]) -> int:
    """Replace this process by manage.py, which has the settings of the running stack."""
    facts = _facts_of_stack()
    told = stack.read_settings()
    settings.add_secrets(told, STATE / "secrets.json")
    told |= {name: facts[name.lower()] for name in ("DATABASE_URL", "REDIS_URL", "SIMULATOR_URL")}
    os.chdir(ROOT)
    os.execve(PYTHON, [str(PYTHON), "manage.py", *arguments], told)


def _facts_of_stack() -> dict[str, str]:
    """Return what the running stack says of itself. Raises DevstackError when there is none."""
    if not is_held(RUN_LOCK) or not STACK_FILE.exists():
        raise DevstackError(
            "Nothing runs in this checkout yet: start it with `make run` and try again when it is ready."
        )
    facts: dict[str, str] = json.loads(STACK_FILE.read_text())
    return facts


def install(arguments: Sequence[str]) -> int:
    """Make the environment, for the tools of the Makefile."""
    environment.enter(environment.BENCH if list(arguments) == ["bench"] else environment.TEST)
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "test": test,
    "demo": demo,
    "manage": manage,
    "install": install,
}
