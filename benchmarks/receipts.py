"""`python -m benchmarks.receipts`: delivery receipts, one a request: answered by web, applied by the worker."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import command, comparison, fill
from benchmarks.comparison import Baseline
from benchmarks.figures import Figure
from benchmarks.measure import Series, load_listed, order
from benchmarks.plan import Plan
from benchmarks.stack import Benchmark, Provider, Stack

MESSAGES = 20_000
BASELINE_MESSAGES = 2_000
CONNECTIONS = 16

# From the first that was stored to the last that was applied, by the database's clock.
SPAN = """
SELECT extract(epoch FROM max(processed_at) - min(received_at))::float8, count(*)
FROM sms_receipt WHERE id > %(after)s AND outcome = 'APPLIED'
"""
LAST = "SELECT coalesce(max(id), 0) FROM sms_receipt"
BASELINE_FILL = """
INSERT INTO baseline_message (id, sender_id, recipient, text, status, idempotency_key, created_at, updated_at)
SELECT gen_random_uuid(), 'MyCorp', '+233200000901', 'Your code is 493021.', 'SENT', gen_random_uuid()::text,
       now(), now()
FROM generate_series(1, {count}) RETURNING id
"""


def measure(stack: Stack, plan: Plan) -> list[Figure]:
    """Measure the answers and the applying separately, and the baseline, which does both in one."""
    answered = Series(name=f"receipts answered, {CONNECTIONS} connections", processes=stack.pids)
    applied: list[float] = []
    baseline_rates: list[float] = []
    with comparison.beside(stack, provider=Provider()) as baseline:
        for number in range(plan.runs):
            applied.append(_one_run(stack, plan, answered, stack.directory / f"receipts-{number}"))
            if baseline is not None:
                baseline_rates.append(_baseline_run(baseline, plan, stack.directory / f"baseline-{number}"))
    figures = [
        answered.figure(target=4_000, queue=stack.queue(), note="CPU includes the applying"),
        Figure(
            name="receipts applied",
            unit="/s",
            runs=applied,
            target=4_000,
            note="from the first stored to the last applied",
        ),
    ]
    if baseline_rates:
        figures.append(Figure(name="baseline: receipts answered and applied", unit="/s", runs=baseline_rates))
        figures[1] = replace(figures[1], ratios={"baseline": figures[1].value / figures[2].value})
    return figures


def _one_run(stack: Stack, plan: Plan, answered: Series, path: Path) -> float:
    fill.sent(stack, MESSAGES // plan.small, path)
    ((after,),) = stack.query(LAST)
    with load_listed(stack.port, CONNECTIONS, str(path)) as generator:

        def send_all() -> dict[str, Any]:
            result = order(generator)
            stack.drain()
            return {**result}

        answered.run(send_all)
    ((seconds, count),) = stack.query(SPAN, {"after": after})
    assert count == MESSAGES // plan.small, f"{count} receipts were applied"
    return float(count / seconds)


def _baseline_run(baseline: Baseline, plan: Plan, path: Path) -> float:
    rows = baseline.execute(BASELINE_FILL.format(count=BASELINE_MESSAGES // plan.small))
    fill.write_receipts(path, [row[0] for row in rows])
    with load_listed(baseline.port, CONNECTIONS, str(path)) as generator:
        result = order(generator)
    assert baseline.execute("SELECT count(*) FROM baseline_message WHERE status = 'SENT'") == [(0,)]
    return float(result["answered"] / result["seconds"])


BENCHMARK = Benchmark(measure=measure)

if __name__ == "__main__":
    command.main(BENCHMARK, __doc__)
