"""A lane: some kinds of faults, seed after seed, on stacks of its own."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from devstack.errors import StopRequested
from tests.faults import figures
from tests.faults.clocks import NoCompiler, find_compiler
from tests.faults.kinds import KINDS
from tests.faults.run import Result, as_document, run
from tests.faults.stack import FaultStack, running


def run_lane(kinds: Iterable[str], seeds: Sequence[int], *, messages: int, directory: Path, output: Path) -> None:
    """Run everything, a fresh stack for each kind, and add a line of JSON for each run."""
    with output.open("a") as stream:
        for kind in kinds:
            _run_kind(kind, seeds, messages=messages, directory=directory / kind, stream=stream)


def _run_kind(kind: str, seeds: Sequence[int], *, messages: int, directory: Path, stream) -> None:
    left = list(seeds)
    if KINDS[kind].needs_clocks and (missing := _why_not()):
        for seed in seeds:
            _note(Result(kind, seed, messages, problems=[missing]), stream)
        return
    while left:
        fresh = directory / f"from-seed-{left[0]}"
        fresh.mkdir(parents=True)
        needs = KINDS[kind]
        with running(fresh, proxied=needs.needs_proxies, with_clocks=needs.needs_clocks) as stack:
            is_whole = True
            while left and is_whole:
                seed = left.pop(0)
                result, is_whole = _try(stack, kind, seed, messages=messages)
                _note(result, stream)


def _why_not() -> str | None:
    """Return why clocks cannot be set here."""
    try:
        find_compiler()
    except NoCompiler as error:
        return str(error)
    return None


def _note(result: Result, stream) -> None:
    document = as_document(result)
    stream.write(json.dumps(document, ensure_ascii=False) + "\n")
    stream.flush()
    print(figures.progress(document), flush=True)


def _try(stack: FaultStack, kind: str, seed: int, *, messages: int) -> tuple[Result, bool]:
    """Return the result of one run, and whether the stack is good for another."""
    try:
        return run(stack, kind, seed, number=seed, messages=messages), True
    except StopRequested:
        raise
    except Exception as error:  # noqa: BLE001  the other runs still count
        result = Result(kind, seed, messages)
        result.problems.append(f"the run broke off: {error!r}")
        return result, False
