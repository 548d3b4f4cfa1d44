"""Every benchmark still runs, with tiny numbers, against the real service; no figure is judged here."""

import importlib
import json
import math
from dataclasses import replace

import pytest

from benchmarks import command
from benchmarks.__main__ import NAMES
from benchmarks.plan import QUICK

TINY = replace(QUICK, seconds=0.2, warm_up=0.05, small=100)
# In an order in which worker and provider are seldom started anew.
ON_A_STACK = (
    "accept_rest",
    "accept_graphql",
    "accept_bulk",
    "dispatch_batch",
    "receipts",
    "subscribers",
    "feed",
    "latency",
    "whole_life_bulk",
    "whole_life_single",
    "dispatch_single",
    "idle",
    "storage",
    "listing",
)
FIELDS = {
    "name",
    "unit",
    "runs",
    "value",
    "target",
    "sense",
    "met",
    "latency",
    "latency_target",
    "cpu_ms",
    "queue",
    "ratios",
    "note",
}


def test_every_benchmark_is_tried():
    """One that is added to the list is added here; `listing` is a command of its own, for the time its seed takes."""
    assert {*ON_A_STACK, "cold_start"} == {*NAMES, "listing"}


@pytest.mark.parametrize("name", ON_A_STACK)
def test_it_runs_and_its_json_has_the_right_shape(bench_stack, tmp_path, name):
    """Figures with names, units and positive values, all of them fit for JSON."""
    benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    bench_stack.arrange(benchmark.provider, worker=benchmark.worker)
    figures = benchmark.measure(bench_stack, TINY)
    written = written_by(figures, tmp_path)
    assert len({one["name"] for one in written}) == len(written) > 0
    assert all(len(one["runs"]) == TINY.runs for one in written)
    # A moment may be too short for the clock of the CPU, and for memory to grow.
    assert all(one["value"] >= 0 and math.isfinite(one["value"]) for one in written if one["unit"] != "KiB")
    assert all(one["value"] > 0 for one in written if one["unit"] == "/s")


def test_everything_adds_up_afterwards(bench_stack):
    """`manage.py reconcile` accounts for what all of them sent."""
    bench_stack.settle()
    ((accepted,),) = bench_stack.query("SELECT count(*) FROM sms_message")
    assert accepted > 0


def written_by(figures, directory):
    """Return what a program finds in the file."""
    path = directory / "figures.json"
    command.write(path, {"one": figures}, TINY)
    document = json.loads(path.read_text())
    assert set(document) == {"at", "commit", "machine", "versions", "settings", "plan", "benchmarks"}
    assert all(set(one) == FIELDS for one in document["benchmarks"]["one"])
    return document["benchmarks"]["one"]


def test_a_cold_start_ends_with_an_accepted_message():
    """From nothing stored; longer than the moment it takes to connect."""
    (figure,) = importlib.import_module("benchmarks.cold_start").BENCHMARK.run(TINY)
    assert figure.unit == "s"
    assert figure.value > 0
