"""`python -m benchmarks.load PLAN`: reads one order (JSON) a line, and answers each with a line when it is done."""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from benchmarks.load.run import Load
from benchmarks.load.sources import Listed, Template


async def main() -> None:
    """Do what stdin says, until it ends."""
    plan = json.loads(sys.argv[1])
    source = Listed(Path(plan["listed"])) if "listed" in plan else Template(plan["request"].encode())
    load = Load(
        plan["host"],
        plan["port"],
        connections=plan["connections"],
        source=source,
        status=plan["status"],
        expect=plan["expect"].encode(),
    )
    loop = asyncio.get_running_loop()
    print(json.dumps({"ready": True}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await load.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
