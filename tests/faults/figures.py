"""The figures of many runs: a table for people, and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEADINGS = (
    "fault",
    "runs",
    "messages",
    "accepted and lost",
    "sent twice",
    "receipts answered",
    "not applied",
    "backwards",
    "gaps or repeats",
    "longest recovery s",
    "longest until told s",
    "web MB",
    "worker MB",
    "bad runs",
)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return one line for each kind of fault, and one for all of them."""
    kinds = list(dict.fromkeys(one["kind"] for one in results))
    lines = [_line(kind, [one for one in results if one["kind"] == kind]) for kind in kinds]
    lines.append(_line("all", results))
    rows = [HEADINGS, *lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    written = ["| " + " | ".join(_padded(row, widths)) + " |" for row in rows]
    written.insert(1, "|-" + "-|-".join("-" * width for width in widths) + "-|")
    return "\n".join(written)


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(row[1:], widths[1:], strict=True))]


def _line(name: str, results: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    def total(field: str) -> str:
        return str(sum(one[field] for one in results))

    def longest(field: str) -> str:
        return f"{max((one[field] for one in results if one[field] is not None), default=0.0):.1f}"

    sums = [total(field) for field in ("lost", "sent_twice", "receipts", "receipts_not_applied", "backwards")]

    def largest(*names: str) -> str:
        return str(max((one.get("memory", {}).get(name, 0) for one in results for name in names), default=0))

    bad = str(sum(bool(one["problems"]) for one in results))
    sizes = [largest("web", "spare"), largest("worker", "worker2")]
    times = [longest("recovery"), longest("told")]
    return (name, str(len(results)), total("accepted"), *sums, total("subscriber_errors"), *times, *sizes, bad)


def progress(result: dict[str, Any]) -> str:
    """Return one line about one run."""
    verdict = "ok" if not result["problems"] else f"BAD: {result['problems'][0]}"
    recovery = "-" if result["recovery"] is None else f"{result['recovery']:.1f} s"
    return (
        f"{result['kind']:32} seed {result['seed']:3}  {result['seconds']:5.1f} s  recovered {recovery:>7}  {verdict}"
    )


def write(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Write everything as JSON."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
