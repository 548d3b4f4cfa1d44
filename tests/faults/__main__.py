"""All faults, many seeds, one table: `python -m tests.faults`, or `make faults`.

`--only worker-killed-claimed --first-seed 7 --seeds 1` runs one of them again.
"""

import argparse
import json
import os
import shutil
import sys
import time

from devstack import checkout, signals
from devstack.errors import StopRequested
from devstack.locks import FileLock
from devstack.processes import Child, stop_all
from tests.faults import figures
from tests.faults.kinds import KINDS
from tests.faults.lane import run_lane

# What the processes of a stack must not take from the person's environment.
OURS = ("DATABASE_URL", "REDIS_URL")
HOME = checkout.STATE / "faults"


def arguments(words: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="runs of each fault (20)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--messages", type=int, default=500, help="messages in each run (500)")
    parser.add_argument("--only", default=",".join(KINDS), help="faults to run, with commas between")
    parser.add_argument("--lanes", type=int, default=3, help="stacks that run side by side (3)")
    parser.add_argument("--lane", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    if unknown := set(chosen.only.split(",")) - set(KINDS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return chosen


def main(words: list[str]) -> int:
    """Run the faults and return 0 when every promise was kept."""
    chosen = arguments(words)
    signals.listen()
    try:
        if chosen.lane is None:
            return lead(chosen, words)
        seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
        kinds = (kind for kind in chosen.only.split(",") if _take(kind))
        home = HOME / f"lane-{chosen.lane}"
        run_lane(kinds, seeds, messages=chosen.messages, directory=home, output=home.with_suffix(".jsonl"))
    except StopRequested:
        return 128 + (signals.received() or 0)
    return 0


def _take(kind: str) -> bool:
    """Whether no other lane has taken this kind yet; then it is ours."""
    try:
        (HOME / f"{kind}.taken").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def lead(chosen: argparse.Namespace, words: list[str]) -> int:
    """Let the lanes run side by side, and put their figures together."""
    begun = time.monotonic()
    checkout.make_state_directory()
    lock = FileLock(HOME.with_suffix(".lock"))
    if not lock.try_acquire():
        print("The faults of this checkout are being run already.", file=sys.stderr)
        return 1
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    lanes = [
        Child(
            f"lane {number}",
            [sys.executable, "-m", "tests.faults", *words, "--lane", str(number)],
            env=environment,
            cwd=checkout.ROOT,
        )
        for number in range(chosen.lanes)
    ]
    try:
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.wait()
    finally:
        stop_all(lanes, within=30)
        code = report(chosen, lanes, seconds=time.monotonic() - begun)  # also of what a stopped run had done
        lock.release()
    return code


def report(chosen: argparse.Namespace, lanes: list[Child], *, seconds: float) -> int:
    """Print the table and everything that was bad; return the exit code."""
    order = list(KINDS)
    lines = [line for part in sorted(HOME.glob("lane-*.jsonl")) for line in part.read_text().splitlines()]
    results = sorted((json.loads(line) for line in lines), key=lambda one: (order.index(one["kind"]), one["seed"]))
    figures.write(results, HOME / "figures.json")
    bad = [one for one in results if one["problems"]]
    for one in bad:
        print(f"\n{one['kind']}, seed {one['seed']}, {json.dumps(one['facts'], ensure_ascii=False)}:")
        print("\n".join(f"  {problem}" for problem in one["problems"][:10]))
    print(f"\n{figures.table(results)}\n")
    print(f"{len(results)} runs in {seconds / 60:.1f} minutes; details: {checkout.shown(HOME)}/figures.json")
    expected = chosen.seeds * len(chosen.only.split(","))
    return 1 if bad or any(lane.returncode for lane in lanes) or len(results) != expected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
